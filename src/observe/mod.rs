//! What the outside may see: events as JSON lines.

pub mod budget;
pub mod console;
mod events;
pub mod process;
pub mod timeline;

pub use events::{DeviceCounters, DeviceState, EVENT_SCHEMA, Event, StageTimes, WokenBy};
pub use process::resident_mb;

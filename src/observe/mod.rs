//! What the outside may see: events as JSON lines.

pub mod console;
pub mod timeline;
mod events;

pub use events::{EVENT_SCHEMA, Event, StageTimes};

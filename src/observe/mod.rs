//! What the outside may see: events as JSON lines.

pub mod console;
mod events;
pub mod timeline;

pub use events::{EVENT_SCHEMA, Event, StageTimes};

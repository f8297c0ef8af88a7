//! What the outside may see: events as JSON lines.

mod events;

pub use events::{EVENT_SCHEMA, Event, StageTimes};

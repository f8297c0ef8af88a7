//! The conversation: what is known, what is missing, what to say next.
//!
//! [`Conversation`] is a pure state machine: it is told what was heard and what time it is (in
//! [`SamplePos`](crate::units::SamplePos)), and answers with a [`Step`]. It has no thread and no
//! input or output of its own, and asks the [`Clock`](crate::clock::Clock) it is given only for
//! what replies say of the time and what "tomorrow" means, so a replay of the same words gives the same talk.
//! [`ActionRunner`] is the one part that touches the world: it runs the programs that steps ask
//! for, and is polled.

mod action;
mod conversation;
mod expectations;
mod frame;
mod phrases;
mod process;
mod reading;
mod script;
mod template;
mod understanding;

pub use action::{ActionOutcome, ActionRequest, ActionResult, ActionRunner, Program};
pub use conversation::{ACTS, Conversation, Step};
pub use expectations::Expectations;
pub use phrases::{NAMED_SLOT, Phrase, Phrases, RESERVED, Wording};
pub use script::{
    Action, Confirm, IntentScript, Prompts, Replies, Reply, Script, SlotScript, Then,
};
pub use template::{Facts, Template, TemplateError, parts_of_now};
pub use understanding::Understood;

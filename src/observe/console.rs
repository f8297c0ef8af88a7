//! Events for the terminal: JSON lines, or one readable line each.

use std::io::{ErrorKind, Write};

use super::Event;
use crate::nlu::{Slots, Status};
use crate::units::SamplePos;

/// Writes events to stdout as they come.
pub struct Console {
    json: bool,
    /// The first line that could not be written, unless its reader had left.
    failed: Option<std::io::Error>,
}

impl Console {
    pub fn new(json: bool) -> Self {
        Self { json, failed: None }
    }

    /// Writes one event; events without news for a person are left out unless JSON was asked for.
    /// A reader that went away (`| head`) ends nothing: the agent goes on.
    pub fn show(&mut self, event: &Event) {
        let line = if self.json { Some(event.to_json()) } else { readable(event) };
        if let Some(line) = line {
            let mut out = std::io::stdout().lock();
            let written = writeln!(out, "{line}").and_then(|()| out.flush());
            let lost = written.err().filter(|error| error.kind() != ErrorKind::BrokenPipe);
            self.failed = self.failed.take().or(lost);
        }
    }

    /// Whether all events reached their reader; a command whose result they are fails if not.
    pub fn finish(self) -> std::io::Result<()> {
        let why = |error: std::io::Error| {
            let kind = error.kind();
            std::io::Error::new(kind, format!("cannot write to standard output: {error}"))
        };
        self.failed.map_or(Ok(()), |error| Err(why(error)))
    }
}

/// `1.23 s` from the opening of the stream, right-aligned so that lines stand in columns.
pub fn clock(at: SamplePos) -> String {
    format!("{:7.2} s", at.ms() as f64 / 1000.0)
}

/// `coffeeDrink=latte size=large`.
pub fn slot_list(slots: &Slots) -> String {
    slots.iter().map(|(name, slot)| format!("{name}={}", slot.value)).collect::<Vec<_>>().join(" ")
}

fn readable(event: &Event) -> Option<String> {
    const NO_CLOCK: &str = "         ";
    Some(match event {
        Event::Ready { microphone, speaker, after_ms } => format!(
            "Listening on {microphone}, speaking on {speaker}, {:.1} s after start. Ctrl-C ends it.",
            *after_ms as f64 / 1000.0
        ),
        Event::Wake { at, phrase: Some(phrase), .. } => {
            format!("{}  wakes  “{phrase}”", clock(*at))
        }
        Event::Wake { at, phrase: None, .. } => format!("{}  wakes  by a press", clock(*at)),
        Event::Asleep { at } => format!("{}  sleeps", clock(*at)),
        Event::Partial { at, text } => format!("{}  …      {text}", clock(*at)),
        Event::Transcript { text, confidence, span, .. } if !text.is_empty() => {
            format!("{}  heard  “{text}”  ({:.0} %)", clock(span.end), confidence * 100.0)
        }
        Event::Intent { intent: Some(intent), slots, status, .. } => {
            let status = match status {
                Status::Accepted => "",
                Status::Confirm => "  (to confirm)",
                Status::Rejected => "  (rejected)",
            };
            format!("{NO_CLOCK}  means  {intent} {}{status}", slot_list(slots))
        }
        Event::Intent { intent: None, gave_up: Some(why), .. } => {
            format!("{NO_CLOCK}  means  nothing: {why}")
        }
        Event::Intent { intent: None, .. } => {
            format!("{NO_CLOCK}  means  nothing this agent knows")
        }
        Event::Action { name, slots, outcome: None } => {
            format!("{NO_CLOCK}  does   {name} {}", slot_list(slots))
        }
        Event::Action { name, outcome: Some(outcome), .. } => {
            format!("{NO_CLOCK}  did    {name}: {outcome}")
        }
        Event::Say { text } => format!("{NO_CLOCK}  says   “{text}”"),
        Event::BargeIn { at, .. } => {
            format!("{}  stops  somebody speaks over the reply", clock(*at))
        }
        Event::Turn { endpoint_ms, wall_ms, .. } => format!(
            "{NO_CLOCK}  took   {endpoint_ms} ms silence + {:.0} ms to the first reply sample",
            wall_ms.to_first_audio
        ),
        Event::Device { at, what, hint: None, .. } => format!("{}  device {what}", clock(*at)),
        Event::Device { at, what, hint: Some(hint), .. } => {
            format!("{}  FAULT  {what} ({hint})", clock(*at))
        }
        Event::Dropout { at, device, xruns, gaps } => format!(
            "{}  missed sound of the {}: {xruns} times in the device, {gaps} times too busy",
            clock(*at),
            device.device()
        ),
        Event::Fault { what, hint } => format!("{NO_CLOCK}  FAULT  {what} ({hint})"),
        Event::SpeechStart { .. }
        | Event::Spotted { .. }
        | Event::SpeechEnd { .. }
        | Event::Prosody { .. }
        | Event::Transcript { .. }
        | Event::Dialogue { .. }
        | Event::AudioStart { .. }
        | Event::AudioEnd { .. }
        | Event::Ducked { .. }
        | Event::Unducked { .. }
        | Event::Metrics { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        assert_eq!(clock(SamplePos::from_ms(1_230)), "   1.23 s");
        assert_eq!(clock(SamplePos::from_ms(61_000)), "  61.00 s");
    }
}

//! A customer who says their lines one after another and lets the agent finish.

use std::sync::{Arc, Mutex, PoisonError};

use super::Kitchen;
use crate::audio::frames::TimedFrame;
use crate::runtime::link::Shared;
use crate::runtime::source::{Next, Source};
use crate::units::{FRAME_LEN, SamplePos};

/// A person answers about this long after the other has finished (people leave 200 ms between
/// turns on average, Stivers et al. 2009; a customer thinks a little longer).
const ANSWER_MS: u64 = 600;
/// Without a reply the customer speaks again after this long.
const PATIENCE_MS: u64 = 6_000;
/// Quiet at the end, so that the last reply rings out.
const CLOSING_MS: u64 = 1_500;

/// One line of the customer: its words, and its sound at 16 kHz.
pub struct Line {
    pub text: String,
    pub sound: Vec<f32>,
}

/// When the customer began which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub at: SamplePos,
    pub text: String,
}

/// What happened in the room so far.
#[derive(Default)]
pub struct Room {
    /// All that the microphone heard, 16 kHz.
    pub recording: Vec<f32>,
    /// The customer's lines as they began; the reader may take them away.
    pub said: Vec<Said>,
}

enum Doing {
    /// Listening since then.
    Waiting(SamplePos),
    /// Saying the line with this index since then.
    Speaking(usize, SamplePos),
}

/// The microphone of the simulated room: the customer, when they speak, and the kitchen, always.
pub struct Customer {
    lines: Vec<Line>,
    next_line: usize,
    doing: Doing,
    kitchen: Kitchen,
    at: SamplePos,
    agent: Arc<Shared>,
    room: Arc<Mutex<Room>>,
}

impl Customer {
    /// `agent` tells when the agent speaks; `room` keeps what happens.
    pub fn new(
        lines: Vec<Line>,
        kitchen: Kitchen,
        agent: Arc<Shared>,
        room: Arc<Mutex<Room>>,
    ) -> Self {
        let doing = Doing::Waiting(SamplePos(0));
        Self { lines, next_line: 0, doing, kitchen, at: SamplePos(0), agent, room }
    }

    fn room(&self) -> std::sync::MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is it the customer's turn, after waiting since `since`?
    fn may_speak(&self, since: SamplePos) -> bool {
        let agent_until = self.agent.speaking_until();
        let answered = agent_until > since;
        if answered || self.next_line == 0 {
            self.at.ms_since(agent_until.max(since)) >= ANSWER_MS && self.at >= agent_until
        } else {
            self.at.ms_since(since) >= PATIENCE_MS
        }
    }

    fn is_over(&self) -> bool {
        let Doing::Waiting(since) = self.doing else { return false };
        self.next_line == self.lines.len()
            && self.may_speak(since)
            && self.at.ms_since(self.agent.speaking_until().max(since)) >= CLOSING_MS
    }
}

impl Source for Customer {
    fn next_frame(&mut self) -> Next {
        if self.is_over() {
            return Next::End;
        }
        if let Doing::Waiting(since) = self.doing
            && self.next_line < self.lines.len()
            && self.may_speak(since)
        {
            let text = self.lines[self.next_line].text.clone();
            self.room().said.push(Said { at: self.at, text });
            self.doing = Doing::Speaking(self.next_line, self.at);
            self.next_line += 1;
        }
        let mut frame = TimedFrame { at: self.at, samples: [0.0; FRAME_LEN] };
        self.at = self.at + FRAME_LEN as u64;
        if let Doing::Speaking(line, since) = self.doing {
            let sound = &self.lines[line].sound;
            let from = (frame.at.since(since) as usize).min(sound.len());
            let to = (from + FRAME_LEN).min(sound.len());
            frame.samples[..to - from].copy_from_slice(&sound[from..to]);
            if to == sound.len() {
                self.doing = Doing::Waiting(self.at);
            }
        }
        self.kitchen.add_to(&mut frame.samples);
        self.room().recording.extend_from_slice(&frame.samples);
        Next::Frame(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Pace;
    use crate::runtime::link::link;

    #[test]
    fn the_customer_waits_for_the_reply_and_stops_after_the_last_one() {
        let (listener, _thinker) = link(Pace::Free);
        let agent = Arc::clone(&listener.shared);
        let line = |text: &str| Line { text: text.into(), sound: vec![0.1; 16_000] };
        let room = Arc::new(Mutex::new(Room::default()));
        let mut customer = Customer::new(
            vec![line("one"), line("two")],
            Kitchen::new(1),
            Arc::clone(&agent),
            Arc::clone(&room),
        );
        let mut begun = Vec::new();
        let mut end = SamplePos(0);
        while let Next::Frame(frame) = customer.next_frame() {
            end = frame.at;
            for line in room.lock().unwrap().said.drain(..) {
                // The agent answers each line for two seconds, half a second after its end.
                agent.set_speaking_until(line.at + SamplePos::from_ms(3_500).0);
                begun.push((line.text, line.at.ms()));
            }
            assert!(end.ms() < 60_000, "never ends");
        }
        assert_eq!(begun, [("one".into(), 600), ("two".into(), 4_700)]);
        assert_eq!(end.ms(), 4_700 + 3_500 + CLOSING_MS - 20);
        assert_eq!(room.lock().unwrap().recording.len() as u64, end.0 + FRAME_LEN as u64);
    }
}

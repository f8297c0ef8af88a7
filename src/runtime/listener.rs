//! The listener thread: frames in, events out. It owns the source of sound and the ear, and alone
//! decides that somebody speaks over us.

use super::link::{Disconnected, ListenerEnd};
use super::source::{Next, Source};
use crate::audio::reference::Reference;
use crate::config::board::EchoSettings;
use crate::hear::Ear;
use crate::hear::echo::EchoCanceller;
use crate::turn::Heard;
use crate::units::{FRAME_LEN, Frame, SamplePos};

/// What the ear does while our own voice sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplex {
    /// It hears through: needs a source without our echo (a file, a headset).
    Full,
    /// It hears silence until the reply and its echo are over.
    Half,
    /// It hears through, and our echo is taken out of what it hears.
    Cancelled,
}

impl Duplex {
    /// What was asked for, or else what the board profile says.
    pub fn of(headset: bool, half: bool, echo: EchoSettings) -> Self {
        match (headset, half, echo.cancel) {
            (true, _, _) => Self::Full,
            (false, true, _) | (false, false, false) => Self::Half,
            (false, false, true) => Self::Cancelled,
        }
    }
}

/// How long a room keeps sounding after our voice ended, plus what the sound card still holds.
const ECHO_TAIL_MS: u64 = 250;

pub struct Listener<S> {
    source: S,
    ear: Ear,
    link: ListenerEnd,
    duplex: Duplex,
    /// From the first speaker on.
    echo: Option<(EchoCanceller, Box<Reference>)>,
}

impl<S: Source> Listener<S> {
    pub fn new(source: S, ear: Ear, link: ListenerEnd, duplex: Duplex) -> Self {
        Self { source, ear, link, duplex, echo: None }
    }

    /// Listens until the sound or the thinker ends.
    pub fn run(mut self) {
        // A thinker that is gone has already said why.
        let _ = self.listen();
    }

    fn listen(&mut self) -> Result<(), Disconnected> {
        while !self.link.shared.is_stopped() {
            match self.source.next_frame() {
                Next::Frame(mut frame) => {
                    let somebody =
                        self.duplex != Duplex::Cancelled || self.clean(&mut frame.samples);
                    self.link.push_frame(&frame)?;
                    self.hear(frame.at, &frame.samples, somebody)?;
                    self.link.keep_deadline(frame.at + FRAME_LEN as u64)?;
                }
                Next::Waiting => {}
                Next::End => break,
            }
        }
        // The last of these is the end of the sound, after which the thinker is gone.
        for heard in self.ear.finish() {
            self.link.send(heard)?;
        }
        Ok(())
    }

    /// Takes our own voice out of a frame. Whether anybody else may be in it.
    fn clean(&mut self, frame: &mut Frame) -> bool {
        if let Some(reference) = self.link.shared.take_reference() {
            let rate_hz = reference.rate_hz();
            let canceller = match self.echo.take() {
                Some((mut canceller, _)) => {
                    canceller.restart(rate_hz);
                    canceller
                }
                None => EchoCanceller::new(rate_hz),
            };
            self.echo = Some((canceller, reference));
        }
        let Some((canceller, reference)) = &mut self.echo else { return true };
        reference.read(|played| canceller.play(played));
        let somebody = canceller.clean(frame, reference.since_asked());
        self.link.shared.set_echo(canceller.state());
        somebody
    }

    /// `somebody`: whether anybody but us may be heard.
    fn hear(&mut self, at: SamplePos, samples: &Frame, somebody: bool) -> Result<(), Disconnected> {
        let speaking_until = self.link.shared.speaking_until();
        let speaking = at < speaking_until;
        let echoing =
            speaking_until.0 > 0 && at < speaking_until + SamplePos::from_ms(ECHO_TAIL_MS).0;
        let deaf = !somebody || (self.duplex == Duplex::Half && echoing);
        let frame = if deaf { &[0.0; FRAME_LEN] } else { samples };
        let view = self.link.shared.view();
        for heard in self.ear.push(at, frame, view.as_ref()) {
            match heard {
                Heard::SpeechStart { .. } if speaking => self.interrupt(),
                // What was being recognised is no longer all that was said.
                Heard::Resume { .. } => self.link.shared.cancel.cancel(),
                _ => {}
            }
            self.link.send(heard)?;
        }
        Ok(())
    }

    /// Silences our voice without asking the thinker, who may be busy.
    fn interrupt(&self) {
        self.link.shared.cancel.cancel();
        if let Some(speaker) = self.link.shared.speaker() {
            speaker.flush();
        }
    }
}

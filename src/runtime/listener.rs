//! The listener thread: frames in, events out. It owns the source of sound and the ear, and alone
//! decides that somebody speaks over us.

use super::link::{Disconnected, ListenerEnd};
use super::source::{Next, Source};
use crate::audio::reference::Reference;
use crate::config::board::EchoSettings;
use crate::hear::Ear;
use crate::hear::barge_in::{BargeIn, DUCKED, Noticed, Order};
use crate::hear::echo::EchoCanceller;
use crate::hear::wake::Spotter;
use crate::turn::Heard;
use crate::units::{FRAME_LEN, Frame, SamplePos, Span, rms_dbfs};

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

/// How often it is told how somebody speaks who is still speaking.
const PROSODY_MS: u64 = 1000;

/// How long a room keeps sounding after our voice ended, plus what the sound card still holds.
const ECHO_TAIL_MS: u64 = 250;

pub struct Listener<S> {
    source: S,
    ear: Ear,
    link: ListenerEnd,
    duplex: Duplex,
    /// From the first speaker on.
    echo: Option<(EchoCanceller, Box<Reference>)>,
    barge_in: BargeIn,
    /// Where the agent wakes by a phrase that a small network knows.
    spotter: Option<Spotter>,
    /// How the open utterance is said is told again once it reaches this.
    prosody_due: SamplePos,
}

impl<S: Source> Listener<S> {
    pub fn new(source: S, ear: Ear, link: ListenerEnd, duplex: Duplex) -> Self {
        let barge_in = BargeIn::default();
        let prosody_due = SamplePos::default();
        Self { source, ear, link, duplex, echo: None, barge_in, spotter: None, prosody_due }
    }

    /// Also listens for phrases, all the time.
    pub fn spotting(self, spotter: Option<Spotter>) -> Self {
        Self { spotter, ..self }
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
                    let speech = self.clean(&mut frame.samples);
                    self.link.push_frame(&frame)?;
                    self.hear(frame.at, &speech)?;
                    self.link.keep_deadline(frame.at + FRAME_LEN as u64)?;
                }
                Next::Waiting => {}
                Next::End => break,
            }
        }
        // The last of these is the end of the sound, after which the thinker is gone.
        for heard in self.ear.finish() {
            self.tell_prosody(heard)?;
            self.link.send(heard)?;
        }
        Ok(())
    }

    /// Takes our own voice out of a frame, for who recognises words. Returns it for the ear.
    fn clean(&mut self, frame: &mut Frame) -> Frame {
        if self.duplex != Duplex::Cancelled {
            return *frame;
        }
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
        let Some((canceller, reference)) = &mut self.echo else { return *frame };
        reference.read(|played| canceller.play(played));
        let cleaned = canceller.clean(frame, reference.since_asked());
        self.link.shared.set_echo(canceller.state());
        *frame = cleaned.words;
        cleaned.speech
    }

    fn hear(&mut self, at: SamplePos, samples: &Frame) -> Result<(), Disconnected> {
        let speaking_until = self.link.shared.speaking_until();
        let speaking = at < speaking_until;
        let echoing =
            speaking_until.0 > 0 && at < speaking_until + SamplePos::from_ms(ECHO_TAIL_MS).0;
        let deaf = self.duplex == Duplex::Half && echoing;
        let frame = if deaf { &[0.0; FRAME_LEN] } else { samples };
        if let Some(spotter) = &mut self.spotter
            && let Some(spotted) = spotter.push(at, frame)
        {
            let (phrase, per_mille) = (spotted.phrase as u8, (spotted.probability * 1e3) as u16);
            self.link.send(Heard::Spotted { at: spotted.at, phrase, per_mille })?;
        }
        let view = self.link.shared.view();
        let now = at + FRAME_LEN as u64;
        self.ear.set_speaking(speaking);
        let events = self.ear.push(at, frame, view.as_ref());
        let noticed = Noticed {
            speaking,
            level: rms_dbfs(frame),
            ours: self.echo.as_ref().and_then(|(canceller, _)| canceller.ours_dbfs()),
            probability: self.ear.probability(),
            began: events.iter().any(|heard| matches!(heard, Heard::SpeechStart { .. })),
        };
        if let Some(order) = self.barge_in.push(&noticed) {
            self.obey(order, now)?;
        }
        for heard in events {
            if matches!(heard, Heard::Resume { .. }) {
                // What was being recognised is no longer all that was said.
                self.link.shared.cancel.cancel();
            }
            self.tell_prosody(heard)?;
            self.link.send(heard)?;
        }
        if now < self.prosody_due {
            return Ok(());
        }
        // In a pause there is nothing new to tell.
        let due = self.ear.open().filter(|span| span.end >= self.prosody_due);
        due.map_or(Ok(()), |span| self.send_prosody(span, true))
    }

    /// Tells how somebody speaks where `heard` is a moment to know it.
    fn tell_prosody(&mut self, heard: Heard) -> Result<(), Disconnected> {
        match heard {
            Heard::SpeechStart { at } => {
                self.prosody_due = at + SamplePos::from_ms(PROSODY_MS).0;
                Ok(())
            }
            Heard::Pause { span } => self.send_prosody(span, true),
            Heard::SpeechEnd { span, .. } => self.send_prosody(span, false),
            _ => Ok(()),
        }
    }

    fn send_prosody(&mut self, span: Span, open: bool) -> Result<(), Disconnected> {
        self.prosody_due = span.end + SamplePos::from_ms(PROSODY_MS).0;
        self.link.send(Heard::Prosody { span, prosody: self.ear.prosody(span), open })
    }

    /// Does with our voice what is to be done, without asking the thinker, who may be busy.
    fn obey(&mut self, order: Order, now: SamplePos) -> Result<(), Disconnected> {
        let speaker = self.link.shared.speaker();
        let set_gain = |gain: f32| speaker.iter().for_each(|speaker| speaker.set_gain(now, gain));
        match order {
            Order::Duck => {
                set_gain(DUCKED);
                self.link.send(Heard::Ducked { at: now })
            }
            Order::Unduck => {
                set_gain(1.0);
                self.link.send(Heard::Unducked { at: now })
            }
            Order::Stop => {
                self.link.shared.cancel.cancel();
                self.link.shared.set_stopped_at(now);
                speaker.iter().for_each(|speaker| speaker.stop(now));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use super::*;
    use crate::audio::frames::TimedFrame;
    use crate::audio::playback::{self, Feeder, Output};
    use crate::draw::Draw;
    use crate::hear::{EndpointSettings, SileroModel};
    use crate::models::ModelStore;
    use crate::runtime::link::{Pace, ThinkerEnd, Woken, link};
    use crate::runtime::speaker::Speaker;
    use crate::tts::VOICE_RATE_HZ;
    use crate::units::FRAME_MS;

    /// A room with a headset: what is heard while a speaker plays a steady 1.0.
    struct Room {
        heard: Vec<f32>,
        at: usize,
        feeder: Feeder,
        output: Output,
        /// The softest of what was played during each frame.
        played: Sender<f32>,
    }

    impl Source for Room {
        fn next_frame(&mut self) -> Next {
            let Some(samples) = self.heard.get(self.at..self.at + FRAME_LEN) else {
                return Next::End;
            };
            let frame = TimedFrame {
                at: SamplePos(self.at as u64),
                samples: std::array::from_fn(|i| samples[i]),
            };
            self.at += FRAME_LEN;
            // After a stop there is no more to say.
            let _ = self.feeder.push(&[1.0; 2 * VOICE_RATE_HZ as usize / 100]);
            let mut out = [0.0f32; 2 * VOICE_RATE_HZ as usize / 100];
            self.output.give(&mut out, Duration::ZERO);
            let softest = out.iter().fold(1.0f32, |least, sample| least.min(sample.abs()));
            self.played.send(softest).expect("the test waits");
            Next::Frame(frame)
        }
    }

    /// Sound, and how much of it was heard.
    struct Recording(Vec<f32>, usize);

    impl Source for Recording {
        fn next_frame(&mut self) -> Next {
            let Self(sound, at) = self;
            let Some(samples) = sound[*at..].first_chunk::<FRAME_LEN>() else { return Next::End };
            let frame = TimedFrame { at: SamplePos(*at as u64), samples: *samples };
            *at += FRAME_LEN;
            Next::Frame(frame)
        }
    }

    fn speech() -> Vec<f32> {
        ModelStore::open(None).unwrap().golden("vad/speech.audio.f32")
    }

    /// Lets a listener hear `heard` while a reply plays, with a thinker that never looks. Returns
    /// how soft the reply was in each frame, and what the thinker will find.
    fn over_a_reply(heard: Vec<f32>) -> (Vec<f32>, Vec<Heard>) {
        let (end, mut thinker) = link(Pace::Free);
        let (mut feeder, output) = playback::channel(VOICE_RATE_HZ, 1);
        feeder.begin();
        let _ = feeder.push(&[1.0; VOICE_RATE_HZ as usize / 4]);
        end.shared.set_speaker(Some(Speaker::Device(Arc::clone(feeder.control()))));
        end.shared.set_speaking_until(SamplePos::from_ms(60_000));
        let (played, gains) = channel();
        let room = Room { heard, at: 0, feeder, output, played };
        let model = SileroModel::load(&ModelStore::open(None).unwrap()).unwrap();
        let ear = Ear::new(model, EndpointSettings::default()).unwrap();
        Listener::new(room, ear, end, Duplex::Full).run();
        (gains.iter().collect(), events(&mut thinker))
    }

    fn events(thinker: &mut ThinkerEnd) -> Vec<Heard> {
        let next = || match thinker.next(Duration::ZERO) {
            Woken::Heard(heard) => Some(heard),
            Woken::Typed(_) | Woken::Pressed(_) | Woken::Idle | Woken::Disconnected => None,
        };
        std::iter::from_fn(next).collect()
    }

    /// Two seconds of a quiet room before and after `sound`.
    fn in_quiet(sound: &[f32]) -> Vec<f32> {
        let mut draw = Draw::new(1);
        let mut quiet = vec![0.0; 4 * 16_000 + sound.len() / FRAME_LEN * FRAME_LEN];
        quiet.iter_mut().for_each(|sample| *sample = draw.between(-3e-4, 3e-4));
        quiet[32_000..].iter_mut().zip(sound).for_each(|(quiet, sound)| *quiet += sound);
        quiet
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn a_visitor_silences_us_while_the_thinker_is_busy() {
        let speech = speech();
        let onset = speech.iter().position(|s| s.abs() > 0.02).expect("somebody speaks");
        let (gains, heard) = over_a_reply(in_quiet(&speech[onset..]));
        let frame = |below: f32| {
            let from = gains.iter().skip(10).position(|gain| *gain < below);
            (from.expect("the reply grows softer") + 10 - 100) * FRAME_MS as usize
        };
        let (soft, silent) = (frame(0.5), frame(1e-6));
        println!("soft after {soft} ms, silent after {silent} ms");
        // Frames, windows and fades are sound, so these hold on any machine.
        assert!(soft <= 160 && silent <= 300, "soft after {soft} ms, silent after {silent} ms");
        assert!(gains[130..].iter().all(|gain| *gain == 0.0), "and stays so");
        assert!(
            matches!(heard[..2], [Heard::Ducked { .. }, Heard::SpeechStart { .. }]),
            "{heard:?}"
        );
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn how_somebody_speaks_is_told_once_a_second_and_not_again_in_a_pause() {
        let (end, mut thinker) = link(Pace::Free);
        let model = SileroModel::load(&ModelStore::open(None).unwrap()).unwrap();
        // Nobody takes the turn for three seconds.
        let patient = EndpointSettings {
            hangover_ms: 3_000,
            hangover_max_ms: 3_000,
            ..EndpointSettings::default()
        };
        let ear = Ear::new(model, patient).unwrap();
        Listener::new(Recording(in_quiet(&speech()), 0), ear, end, Duplex::Full).run();
        let told: Vec<Span> = events(&mut thinker)
            .into_iter()
            .filter_map(|heard| match heard {
                Heard::Prosody { span, open: true, .. } => Some(span),
                _ => None,
            })
            .collect();
        let ends = || told.iter().map(|span| span.end);
        assert!(told.len() >= 4, "{told:?}");
        assert!(ends().zip(ends().skip(1)).all(|(end, next)| end < next), "{told:?}");
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn after_a_bang_the_reply_goes_on_as_loud_as_before() {
        for bang_ms in [150, 300] {
            let mut draw = Draw::new(bang_ms);
            let bang: Vec<f32> = (0..16 * bang_ms)
                .map(|i| draw.between(-0.3, 0.3) * (1.0 - i as f32 / (16 * bang_ms) as f32))
                .collect();
            let (gains, heard) = over_a_reply(in_quiet(&bang));
            assert!(
                matches!(
                    heard[..],
                    [Heard::Ducked { .. }, Heard::Unducked { .. }, Heard::EndOfSound { .. }]
                ),
                "{bang_ms} ms: {heard:?}"
            );
            let softest = gains[10..].iter().fold(1.0f32, |least, gain| least.min(*gain));
            assert!((softest - DUCKED).abs() < 0.01, "{bang_ms} ms: {softest}");
            assert!(gains[150..].iter().all(|gain| *gain == 1.0), "{bang_ms} ms: {gains:?}");
        }
    }
}

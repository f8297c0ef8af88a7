//! Where replies go: a real speaker, or a track that stands for one in replays.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::speaker::{STOP_FADE, lock, to_voice};
use super::supervisor::{Change, Supervisor};
use super::wording::{Cut, Wording};
use crate::audio::devices::DeviceError;
use crate::audio::levels::LevelError;
use crate::audio::playback::{Flushed, Playback, PlaybackControl};
use crate::audio::reference::Reference;
use crate::audio::track::Track;
use crate::observe::{DeviceCounters, DeviceState};
use crate::tts::{Clause, VOICE_RATE_HZ};
use crate::units::{FRAME_LEN, SAMPLE_RATE_HZ, SamplePos};

/// What plays the sound.
enum Output {
    /// While it is lost, replies are shown, not heard, and take no time.
    Device(Box<Supervisor<Playback>>),
    /// Everything said, at [`VOICE_RATE_HZ`] from position zero of the stream. Shared with a
    /// microphone that hears it; locked for a piece only.
    Track(Arc<Mutex<Track>>),
}

/// What [`Mouth::look_after`] found.
pub enum SpeakerChange {
    Lost(DeviceError),
    /// One is open, with new controls and a new reference, [`DeviceState::Back`] or
    /// [`DeviceState::Replaced`].
    Open {
        state: DeviceState,
        what: String,
        control: Arc<PlaybackControl>,
        reference: Reference,
    },
}

/// The thinker's mouth: clauses go in, positions of begin and end come out.
pub struct Mouth {
    output: Output,
    /// Sound the device had no room for yet.
    pending: VecDeque<f32>,
    /// The reply is whole: when nothing is pending, the device may be told.
    whole: bool,
    /// Where the reply that sounds now began, and where it is expected to end.
    begins: SamplePos,
    ends: Option<SamplePos>,
    wording: Wording,
    /// Frames that the device had played before it.
    played_before: u64,
}

impl Mouth {
    /// A mouth that speaks to a device.
    pub fn speaker(speaker: Supervisor<Playback>) -> Self {
        Self::with(Output::Device(Box::new(speaker)))
    }

    /// A mouth that writes down what it says.
    pub fn track(track: Arc<Mutex<Track>>) -> Self {
        Self::with(Output::Track(track))
    }

    fn with(output: Output) -> Self {
        Self {
            output,
            pending: VecDeque::new(),
            whole: true,
            begins: SamplePos(0),
            ends: None,
            wording: Wording::default(),
            played_before: 0,
        }
    }

    /// What is said next is `clause`, whose words end at these samples of its sound.
    pub fn begin(&mut self, clause: &Clause, ends: &[usize]) {
        if self.ends.is_none() {
            self.wording = Wording::default();
        }
        self.wording.begin(clause, ends);
    }

    /// Appends `sound` (mono, [`VOICE_RATE_HZ`]) to what is being said. Returns where it begins
    /// if there was silence before.
    pub fn say(&mut self, now: SamplePos, sound: &[f32]) -> Option<SamplePos> {
        let begins = self.ends.unwrap_or(now).max(now);
        let began = self.ends.is_none().then_some(begins);
        match &mut self.output {
            Output::Track(track) => lock(track).put(to_voice(begins), sound),
            Output::Device(speaker) => {
                let playback = speaker.device()?;
                if began.is_some() {
                    playback.feeder().begin();
                    self.played_before = playback.control().played();
                }
                self.pending.extend(sound);
            }
        }
        self.whole = false;
        self.begins = began.unwrap_or(self.begins);
        self.wording.add(sound.len());
        self.ends = Some(begins + from_voice(sound.len()));
        self.pump();
        began
    }

    /// No more clauses belong to this reply.
    pub fn finish(&mut self) {
        self.whole = true;
        self.pump();
    }

    /// Moves waiting sound to the device as far as it has room.
    pub fn pump(&mut self) {
        let Some(playback) = self.output.playback() else { return };
        let feeder = playback.feeder();
        loop {
            let (front, _) = self.pending.as_slices();
            if front.is_empty() {
                break;
            }
            match feeder.push(front) {
                Ok(0) => return,
                Ok(taken) => drop(self.pending.drain(..taken)),
                // The listener has silenced us; its event is on the way.
                Err(Flushed) => return self.pending.clear(),
            }
        }
        if self.whole && self.ends.is_some() {
            // What still finds no room goes with the next look.
            let _ = feeder.end();
        }
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// When the reply is expected to be over; `None` in silence.
    pub fn ends(&self) -> Option<SamplePos> {
        self.ends
    }

    /// The end of the reply, once, when it is really over at `now`.
    pub fn ended(&mut self, now: SamplePos) -> Option<SamplePos> {
        let ends = self.ends?;
        if now < ends {
            return None;
        }
        let pending = self.has_pending();
        if let Some(playback) = self.output.playback()
            && (pending || !playback.control().is_idle())
        {
            // The device's clock or its latency is behind ours: look again a frame later.
            self.ends = Some(now + FRAME_LEN as u64);
            return None;
        }
        self.ends = None;
        Some(ends)
    }

    /// Stops what is being said at `at`, if the speaker was not silenced already. Returns what was
    /// said by then; `None` in silence.
    pub fn stop(&mut self, at: SamplePos) -> Option<Cut> {
        self.ends.take()?;
        self.pending.clear();
        let heard = match &mut self.output {
            Output::Device(speaker) => speaker.device().map_or(0, |playback| {
                let control = playback.control();
                control.flush();
                // What the device still holds is heard, too.
                let played = control.played().saturating_sub(self.played_before);
                (played * u64::from(VOICE_RATE_HZ) / u64::from(control.rate_hz())) as usize
            }),
            Output::Track(track) => {
                lock(track).cut(to_voice(at), STOP_FADE);
                to_voice(at).saturating_sub(to_voice(self.begins))
            }
        };
        Some(self.wording.cut(heard))
    }

    /// Looks after the device: gives a lost one up, with what it had to say, and takes it back.
    pub fn look_after(&mut self) -> Option<SpeakerChange> {
        let now = Instant::now();
        let Output::Device(speaker) = &mut self.output else { return None };
        let state = match speaker.look(now, self.ends.is_some())? {
            Change::Lost(error) => {
                self.pending.clear();
                self.ends = None;
                return Some(SpeakerChange::Lost(error));
            }
            Change::Back => DeviceState::Back,
            Change::Replaced => DeviceState::Replaced,
        };
        let what = speaker.opened(state);
        let playback = speaker.device()?;
        let control = Arc::clone(playback.control());
        let reference = playback.take_reference()?;
        Some(SpeakerChange::Open { state, what, control, reference })
    }

    /// Whether anybody could hear it.
    pub fn can_speak(&mut self) -> bool {
        matches!(self.output, Output::Track(_)) || self.output.playback().is_some()
    }

    /// The id of the speaker that is open or was last; none in a replay.
    pub fn device(&self) -> &str {
        match &self.output {
            Output::Device(speaker) => speaker.name(),
            Output::Track(_) => "",
        }
    }

    /// What went wrong with the speaker.
    pub fn counters(&self) -> DeviceCounters {
        match &self.output {
            Output::Device(speaker) => speaker.counters(),
            Output::Track(_) => DeviceCounters::default(),
        }
    }

    /// See [`Supervisor::complaint`].
    pub fn complaint(&mut self) -> Option<LevelError> {
        match &mut self.output {
            Output::Device(speaker) => speaker.complaint(),
            Output::Track(_) => None,
        }
    }

    /// See [`Supervisor::dropouts`].
    pub fn dropouts(&mut self) -> Option<(u64, u64)> {
        match &mut self.output {
            Output::Device(speaker) => speaker.dropouts(Instant::now()),
            Output::Track(_) => None,
        }
    }
}

impl Output {
    fn playback(&mut self) -> Option<&mut Playback> {
        match self {
            Self::Device(speaker) => speaker.device(),
            Self::Track(_) => None,
        }
    }
}

/// Length of voice samples in stream samples, rounded up.
fn from_voice(samples: usize) -> u64 {
    (samples as u64 * u64::from(SAMPLE_RATE_HZ)).div_ceil(u64::from(VOICE_RATE_HZ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = VOICE_RATE_HZ as usize;

    fn at(ms: u64) -> SamplePos {
        SamplePos::from_ms(ms)
    }

    fn mouth() -> (Mouth, Arc<Mutex<Track>>) {
        let track = Arc::new(Mutex::new(Track::new(VOICE_RATE_HZ)));
        (Mouth::track(Arc::clone(&track)), track)
    }

    #[test]
    fn clauses_follow_one_another_and_end_once() {
        let (mut mouth, track) = mouth();
        assert_eq!(mouth.say(at(500), &[0.5; SECOND]), Some(at(500)));
        assert_eq!(mouth.say(at(600), &[0.25; SECOND]), None, "still speaking");
        assert_eq!(mouth.ends(), Some(at(2500)));
        assert_eq!(mouth.ended(at(2499)), None);
        assert_eq!(mouth.ended(at(2600)), Some(at(2500)));
        assert_eq!(mouth.ended(at(2700)), None);
        let track = lock(&track).sound();
        assert_eq!(track.len(), SECOND / 2 + 2 * SECOND);
        assert_eq!((track[0], track[SECOND / 2], track[SECOND * 2]), (0.0, 0.5, 0.25));
    }

    #[test]
    fn a_stop_fades_out_and_forgets_the_rest() {
        let (mut mouth, track) = mouth();
        mouth.say(at(0), &[0.5; SECOND]);
        assert_eq!(mouth.stop(at(300)), Some(Cut::default()), "nobody told the words");
        assert_eq!(mouth.stop(at(300)), None, "nothing left to stop");
        let track = lock(&track).sound();
        assert_eq!(track.len(), SECOND * 3 / 10 + STOP_FADE);
        assert_eq!(track.last(), Some(&0.0));
        let steepest = track.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.01, "no click: {steepest}");
    }
}

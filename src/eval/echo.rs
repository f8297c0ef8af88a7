//! How well the agent hears while it speaks: our own voice in made-up rooms, far louder than the
//! visitor, with everything that goes wrong between two sound cards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::mix::active_power;
use crate::audio::echo_path::{DelayJump, Echo, EchoPath};
use crate::audio::reference::Reference;
use crate::audio::room_response::RoomResponse;
use crate::audio::track::Track;
use crate::draw::Draw;
use crate::hear::barge_in::{BargeIn, DUCKED, Noticed, Order};
use crate::hear::echo::{EchoCanceller, EchoState};
use crate::hear::{Ear, EndpointSettings, HearError, SileroModel};
use crate::observe::Event;
use crate::tts::VOICE_RATE_HZ;
use crate::turn::Heard;
use crate::units::{FRAME_LEN, FRAME_MS, SAMPLE_RATE_HZ, SamplePos, rms_dbfs};

/// Reverberation times of the rooms, in seconds.
pub const ROOMS_S: [f32; 3] = [0.3, 0.5, 0.8];
/// How much louder than the room's answer our voice arrives straight from the loudspeaker: that of
/// 0.3 m in rooms of 30, 60 and 120 m³, whose critical distance (0.057 √(V/RT)) is near 0.6 m.
const DIRECT_DB: f32 = 6.0;
/// What the sound cards hold, and by how much that changes in the middle, in milliseconds.
const DELAY_MS: u32 = 60;
const JUMP_MS: u32 = 40;
/// Our voice at the microphone where it sounds, and a visitor, in dB relative to full scale.
const OWN_DBFS: f64 = -20.0;
pub const VISITOR_DBFS: f64 = -30.0;
/// Samples of a quiet room lie within this: -75 dB.
const QUIET: f32 = 3e-4;
/// The microphone hears only us for so long before a recording begins.
pub const LEAD_MS: u64 = 4_000;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    None,
    /// Parts per million.
    Drift(i32),
    Jump,
    /// The loudspeaker cuts this many decibels off the peaks.
    Clip(u32),
}

/// One room, with what goes wrong in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Condition {
    pub rt60_s: f32,
    pub trouble: Trouble,
    /// Which of all rooms of that size.
    pub seed: u64,
}

impl Condition {
    /// A room of every size with every trouble.
    pub fn all(seed: u64) -> impl Iterator<Item = Self> {
        let troubles = [
            Trouble::None,
            Trouble::Drift(100),
            Trouble::Drift(-100),
            Trouble::Jump,
            Trouble::Clip(6),
        ];
        let each = move |rt60_s| troubles.map(|trouble| Self { rt60_s, trouble, seed });
        ROOMS_S.into_iter().flat_map(each)
    }

    /// What the voice meets that says `said` while `samples` are heard.
    pub fn path(&self, said: &[f32], samples: usize) -> EchoPath {
        let mut response = RoomResponse::made(self.rt60_s, DIRECT_DB, self.seed);
        let heard = heard_of(said, &response);
        let gain = (10f64.powf(OWN_DBFS / 10.0) / active_power(&heard).max(1e-12)).sqrt() as f32;
        response.samples.iter_mut().for_each(|sample| *sample *= gain);
        let mut path = EchoPath::plain(response, DELAY_MS);
        match self.trouble {
            Trouble::None => {}
            Trouble::Drift(ppm) => path.drift_ppm = ppm.into(),
            Trouble::Jump => {
                let at = SamplePos(samples as u64 / 2);
                path.jump = Some(DelayJump { at, delay_ms: DELAY_MS + JUMP_MS });
            }
            Trouble::Clip(db) => {
                let peak = said.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
                path.clip = peak * 10f32.powf(-(db as f32) / 20.0);
            }
        }
        path
    }

    /// "room of 0.5 s".
    pub fn room(&self) -> String {
        format!("room of {:.1} s", self.rt60_s)
    }

    /// "drift +100 ppm".
    pub fn trouble_name(&self) -> String {
        match self.trouble {
            Trouble::None => "no trouble".into(),
            Trouble::Drift(ppm) => format!("drift {ppm:+} ppm"),
            Trouble::Jump => format!("delay jumps {JUMP_MS} ms"),
            Trouble::Clip(db) => format!("clipped {db} dB"),
        }
    }

    /// Both.
    pub fn name(&self) -> String {
        format!("{}, {}", self.room(), self.trouble_name())
    }
}

/// What the microphone hears of the first seconds of `said`.
fn heard_of(said: &[f32], response: &RoomResponse) -> Vec<f64> {
    const SECONDS: usize = 10;
    let mut track = Track::new(VOICE_RATE_HZ);
    track.put(0, &said[..said.len().min(SECONDS * VOICE_RATE_HZ as usize)]);
    let mut echo = Echo::new(EchoPath::plain(response.clone(), 0), VOICE_RATE_HZ);
    let frames = track.len() * 2 / 3 / FRAME_LEN;
    let mut heard = Vec::with_capacity(frames * FRAME_LEN);
    for index in 0..frames {
        let mut frame = [0.0; FRAME_LEN];
        echo.add_to(SamplePos((index * FRAME_LEN) as u64), &mut frame, &mut track);
        heard.extend(frame.map(f64::from));
    }
    heard
}

/// A recording as a visitor in a quiet room, [`LEAD_MS`] after the microphone opened.
pub fn visitor(sound: &[f32]) -> Vec<f32> {
    let power = active_power(&sound.iter().map(|s| f64::from(*s)).collect::<Vec<_>>());
    let gain = (10f64.powf(VISITOR_DBFS / 10.0) / power.max(1e-12)).sqrt() as f32;
    let lead = SamplePos::from_ms(LEAD_MS).0 as usize;
    let mut draw = Draw::new(sound.len() as u64);
    let mut quiet = |_| draw.between(-QUIET, QUIET);
    let mut heard: Vec<f32> = (0..lead + sound.len()).map(&mut quiet).collect();
    heard[lead..].iter_mut().zip(sound).for_each(|(heard, said)| *heard += gain * said);
    heard
}

/// What the agent did for somebody who spoke over it.
#[derive(Clone, Debug, Default)]
pub struct Yielding {
    /// When it grew softer, and until when.
    ducked: Vec<(SamplePos, Option<SamplePos>)>,
    /// When it fell silent.
    stopped: Option<SamplePos>,
}

impl Yielding {
    /// During the reply that was under way when the sound began.
    pub(super) fn of(events: &[Event]) -> Self {
        let mut yielding = Self::default();
        for event in events {
            match event {
                Event::Ducked { at } => yielding.ducked.push((*at, None)),
                Event::Unducked { at } => {
                    if let Some((_, until)) = yielding.ducked.last_mut() {
                        *until = Some(*at);
                    }
                }
                Event::BargeIn { at, .. } => {
                    yielding.stopped = Some(*at);
                    break;
                }
                _ => {}
            }
        }
        yielding
    }

    /// How long it took to grow softer for who spoke from `first` on, in milliseconds; zero where
    /// it was soft already. `None` where it was silent before, or never noticed.
    pub fn duck_ms(&self, first: SamplePos) -> Option<f64> {
        let stopped = self.stopped.filter(|at| *at >= first);
        if self.stopped.is_some() && stopped.is_none() {
            return None;
        }
        let soft = self.ducked.iter().find(|(_, until)| until.is_none_or(|until| until > first));
        let at = soft.map(|(at, _)| *at).into_iter().chain(stopped).min()?;
        Some(at.ms_since(first) as f64)
    }

    /// How long it took to fall silent, in milliseconds; below zero where it was before.
    pub fn stop_ms(&self, first: SamplePos) -> Option<f64> {
        self.stopped.map(|at| at.ms() as f64 - first.ms() as f64)
    }

    /// How often it grew softer for nobody, before `first`.
    pub fn false_ducks(&self, first: SamplePos) -> usize {
        self.ducked.iter().filter(|(_, until)| until.is_some_and(|until| until <= first)).count()
    }
}

/// What the agent made of hearing nobody but itself.
#[derive(Clone, Debug, Serialize)]
pub struct SelfHearing {
    pub condition: String,
    pub cancelled: bool,
    pub minutes: f32,
    /// When it took itself for a visitor, in seconds.
    pub triggers_s: Vec<f32>,
    /// How often it grew softer because it suspected somebody, and for how many seconds in all.
    pub ducks: usize,
    pub ducked_s: f32,
    /// How the canceller fared at the end.
    pub echo: Option<EchoState>,
    /// Time the canceller took, of that of the sound.
    pub cpu_share: f32,
}

/// Lets an ear hear `voice`, over and over, in an otherwise quiet room.
pub fn self_hearing(
    silero: Arc<SileroModel>,
    endpoint: EndpointSettings,
    voice: &[f32],
    condition: Condition,
    minutes: f32,
    cancel: bool,
) -> Result<SelfHearing, HearError> {
    let frames = (minutes * 60.0 * SAMPLE_RATE_HZ as f32) as usize / FRAME_LEN;
    let mut echo = Echo::new(condition.path(voice, frames * FRAME_LEN), VOICE_RATE_HZ);
    let mut canceller: Option<(EchoCanceller, Reference)> =
        cancel.then(|| (EchoCanceller::new(VOICE_RATE_HZ), echo.tap()));
    let (mut ear, mut barge_in) = (Ear::new(silero, endpoint)?, BargeIn::default());
    ear.set_speaking(true);
    let (mut track, mut draw) = (Track::new(VOICE_RATE_HZ), Draw::new(condition.seed));
    let mut heard = SelfHearing {
        condition: condition.name(),
        cancelled: cancel,
        minutes,
        triggers_s: Vec::new(),
        ducks: 0,
        ducked_s: 0.0,
        echo: None,
        cpu_share: 0.0,
    };
    let mut spent = Duration::ZERO;
    let mut soft = false;
    for index in 0..frames {
        let at = SamplePos((index * FRAME_LEN) as u64);
        // The voice goes on before it ends.
        if track.len() < (index + 10) * FRAME_LEN * 3 / 2 {
            track.put(track.len(), voice);
        }
        let mut frame = std::array::from_fn(|_| draw.between(-QUIET, QUIET));
        echo.add_to(at, &mut frame, &mut track);
        // As the listener does, except that nothing stops it.
        let mut ours = None;
        if let Some((canceller, reference)) = &mut canceller {
            let begin = Instant::now();
            reference.read(|played| canceller.play(played));
            frame = canceller.clean(&frame, reference.since_asked()).speech;
            spent += begin.elapsed();
            ours = canceller.ours_dbfs();
        }
        for event in ear.push(at, &frame, None) {
            if let Heard::SpeechStart { at } = event {
                heard.triggers_s.push(at.ms() as f32 / 1000.0);
            }
        }
        let (level, probability) = (rms_dbfs(&frame), ear.probability());
        let noticed = Noticed { speaking: true, level, ours, probability, began: false };
        match barge_in.push(&noticed) {
            Some(Order::Duck) => {
                soft = true;
                heard.ducks += 1;
                track.set_gain(track.played(), DUCKED);
            }
            Some(Order::Unduck | Order::Stop) => {
                soft = false;
                track.set_gain(track.played(), 1.0);
            }
            None => {}
        }
        heard.ducked_s += f32::from(u8::from(soft)) * FRAME_MS as f32 / 1000.0;
    }
    heard.echo = canceller.map(|(canceller, _)| canceller.state());
    heard.cpu_share = spent.as_secs_f32() / (minutes * 60.0);
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_voice_is_ten_decibels_louder_than_the_visitor() {
        let mut draw = Draw::new(3);
        let mut noise =
            |len: usize| -> Vec<f32> { (0..len).map(|_| draw.between(-0.05, 0.05)).collect() };
        let said = noise(5 * VOICE_RATE_HZ as usize);
        let sound = visitor(&noise(3 * SAMPLE_RATE_HZ as usize));
        let lead = SamplePos::from_ms(LEAD_MS).0 as usize;
        assert!((f64::from(rms_dbfs(&sound[lead..])) - VISITOR_DBFS).abs() < 0.2);
        for condition in Condition::all(1) {
            let path = condition.path(&said, 1_000);
            let power = active_power(&heard_of(&said, &path.response));
            assert!((10.0 * power.log10() - OWN_DBFS).abs() < 0.1, "{}", condition.name());
        }
        assert_eq!(Condition::all(1).count(), 15);
    }
}

//! What tells, by the sound of it, whether who speaks is done: smart-turn v3.2 as a tract plan.
//!
//! A network that was trained on thousands of turns and pauses hears more of that than levels
//! tell: intonation, drawn-out vowels, "um". It costs as much as recognising some seconds of speech
//! and looks at 8 s whole, so it is asked once in a pause and nowhere else, while the recogniser works
//! on the same pause. What follows from its [`Summary`] is the endpoint's to know.

use std::sync::Arc;

use rayon_core::{ThreadPool, ThreadPoolBuilder};
use tract_onnx::prelude::*;

use super::HearError;
use super::log_mel::{BANDS, LogMel, ROWS};
use crate::models::ModelStore;
use crate::nn::{self, NnError, Plan, Session};

const MODEL_FILE: &str = "turn/smart.onnx";

/// Channels of the network.
const HIDDEN: usize = 384;
/// Numbers of a summary.
pub const SUMMARY_LEN: usize = 2 * HIDDEN;

/// What the network makes of a sound that ends in a pause: means over time of its hidden states, first
/// of all of them, those that matter to it weighed most, and then of the last 200 ms, which the
/// endpoint's `tail_ms` makes those behind the last word. Most numbers lie within ±3.
pub type Summary = [f32; SUMMARY_LEN];

/// The network with its memory for one run at a time, and a thread to run it on.
pub struct SmartTurn {
    network: Network,
    thread: ThreadPool,
}

struct Network {
    session: Session,
    log_mel: LogMel,
}

impl SmartTurn {
    /// Loads, optimises and tries out the network.
    pub fn load(store: &ModelStore) -> Result<Self, HearError> {
        let plan: Arc<Plan> = nn::load(MODEL_FILE, store.bytes(MODEL_FILE)?)?;
        let session = Session::new(&plan).map_err(unusable)?;
        let mut network = Network { session, log_mel: LogMel::default() };
        network.run(&[]).map_err(unusable)?;
        let thread = ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "turn".into()).build();
        Ok(Self { network, thread: thread.map_err(std::io::Error::other)? })
    }

    /// Summarises `sound` (mono, 16 kHz), which should end some 200 ms behind the last word. Only
    /// the last 8 s count.
    pub fn summarise(&mut self, sound: &[f32]) -> Summary {
        self.network.summarise(sound)
    }

    /// The same on a thread of its own, while the calling one does `work`.
    pub fn summarise_beside<T>(&mut self, sound: &[f32], work: impl FnOnce() -> T) -> (Summary, T) {
        let Self { network, thread } = self;
        let mut summary = [0.0; SUMMARY_LEN];
        let worked = thread.in_place_scope(|scope| {
            scope.spawn(|_| summary = network.summarise(sound));
            work()
        });
        (summary, worked)
    }
}

impl Network {
    fn summarise(&mut self, sound: &[f32]) -> Summary {
        self.run(sound).expect("shapes were tried out at load")
    }

    fn run(&mut self, sound: &[f32]) -> TractResult<Summary> {
        let Self { session, log_mel } = self;
        let input = session.input(&[1, ROWS, BANDS], |rows| log_mel.of(sound, rows))?;
        let outputs = session.run(tvec!(input))?;
        let [summary] = &outputs[..] else {
            return Err(TractError::msg("it must have one output, a summary"));
        };
        Ok(Summary::try_from(summary.try_as_plain_ram()?.as_slice::<f32>()?)?)
    }
}

fn unusable(error: TractError) -> HearError {
    HearError::Nn(NnError::Unusable { model: MODEL_FILE.to_owned(), why: format!("{error:#}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sounds() -> (ModelStore, Vec<Vec<f32>>) {
        let store = ModelStore::open(None).unwrap();
        let bytes = store.bytes("golden/turn/lengths.json").unwrap();
        let lengths: Vec<usize> = serde_json::from_slice(&bytes).unwrap();
        let all = store.golden("turn/sounds.f32");
        let mut rest = &all[..];
        let cut = |length: usize| {
            let (sound, others) = rest.split_at(length);
            rest = others;
            sound.to_vec()
        };
        let sounds: Vec<_> = lengths.into_iter().map(cut).collect();
        assert!(rest.is_empty() && sounds.len() > 8);
        (store, sounds)
    }

    #[test]
    fn features_are_whispers() {
        let (store, sounds) = sounds();
        let expected = store.golden("turn/spectra.f32");
        let len = ROWS.div_ceil(7) * BANDS;
        assert_eq!(expected.len(), sounds.len() * len);
        let (mut log_mel, mut rows) = (LogMel::default(), vec![0.0; ROWS * BANDS]);
        for (sound, expected) in sounds.iter().zip(expected.chunks_exact(len)) {
            log_mel.of(sound, &mut rows);
            let seen = rows.chunks_exact(BANDS).step_by(7).flatten();
            let off = seen.zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 2e-3, "{} samples: off by {off}", sound.len());
        }
    }

    /// How far apart, against the second's own length.
    fn distance(own: &[f32], expected: &[f32]) -> f32 {
        let off: f32 = own.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum();
        (off / expected.iter().map(|b| b * b).sum::<f32>()).sqrt()
    }

    #[test]
    fn the_plan_gives_what_onnxruntime_gives() {
        let (store, sounds) = sounds();
        let mut network = SmartTurn::load(&store).unwrap();
        let (package, smooth) = (store.golden("turn/package.f32"), store.golden("turn/smooth.f32"));
        let expected = package.chunks_exact(SUMMARY_LEN).zip(smooth.chunks_exact(SUMMARY_LEN));
        assert_eq!(expected.len(), sounds.len());
        for (sound, (package, smooth)) in sounds.iter().zip(expected) {
            let summary = network.summarise(sound);
            for part in [0..HIDDEN, HIDDEN..SUMMARY_LEN] {
                let to =
                    |expected: &[f32]| distance(&summary[part.clone()], &expected[part.clone()]);
                let (smooth, package) = (to(smooth), to(package));
                assert!(smooth < 0.1, "{} samples, {part:?}: off by {smooth}", sound.len());
                // Its rounding, which processors do differently, moves the package's own by 0.4 to 0.8;
                // nothing at all would be off by 1.
                assert!(package < 0.95, "{} samples, {part:?}: off by {package}", sound.len());
            }
            assert_eq!(summary, network.summarise(sound), "a run depends on the one before");
        }
    }

    #[test]
    fn any_sound_has_an_answer_and_other_work_is_done_beside() {
        let (store, sounds) = sounds();
        let mut network = SmartTurn::load(&store).unwrap();
        let alone = network.summarise(&sounds[0]);
        assert_eq!(network.summarise_beside(&sounds[0], || 2 + 2), (alone, 4));
        for odd in [vec![], vec![0.0; 1], vec![1.0; 200_000], vec![f32::MIN_POSITIVE; 5]] {
            let summary = network.summarise(&odd);
            assert!(summary.iter().all(|x| x.is_finite()), "{} samples", odd.len());
        }
    }
}

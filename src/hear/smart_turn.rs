//! Does it sound as if who speaks were done? smart-turn v3.2 as a tract plan.
//!
//! A network that was trained on thousands of turns and pauses hears more of that than levels
//! tell: intonation, drawn-out vowels, "um". It costs as much as recognising some seconds of speech
//! and looks at 8 s whole, so it is asked once in a pause and nowhere else, while the recogniser works
//! on the same pause.

use std::sync::Arc;

use rayon_core::{ThreadPool, ThreadPoolBuilder};
use tract_onnx::prelude::*;

use super::HearError;
use super::log_mel::{BANDS, LogMel, ROWS};
use crate::models::ModelStore;
use crate::nn::{self, NnError, Plan, Session};

const MODEL_FILE: &str = "turn/smart.onnx";

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

    /// How probable it is, 0..1, that who speaks in `sound` (mono, 16 kHz) has come to an end; it
    /// should end some 200 ms behind the last word. Only the last 8 s count.
    pub fn is_done(&mut self, sound: &[f32]) -> f32 {
        self.network.is_done(sound)
    }

    /// The same on a thread of its own, while the calling one does `work`.
    pub fn is_done_beside<T>(&mut self, sound: &[f32], work: impl FnOnce() -> T) -> (f32, T) {
        let Self { network, thread } = self;
        let mut done = 0.0;
        let worked = thread.in_place_scope(|scope| {
            scope.spawn(|_| done = network.is_done(sound));
            work()
        });
        (done, worked)
    }
}

impl Network {
    fn is_done(&mut self, sound: &[f32]) -> f32 {
        self.run(sound).expect("shapes were tried out at load")
    }

    fn run(&mut self, sound: &[f32]) -> TractResult<f32> {
        let Self { session, log_mel } = self;
        let input = session.input(&[1, ROWS, BANDS], |rows| log_mel.of(sound, rows))?;
        let outputs = session.run(tvec!(input))?;
        let [probability] = &outputs[..] else {
            return Err(TractError::msg("it must have one output, a probability"));
        };
        match probability.try_as_plain_ram()?.as_slice::<f32>()? {
            [probability] if (0.0..=1.0).contains(probability) => Ok(*probability),
            other => Err(TractError::msg(format!("{other:?} is no probability"))),
        }
    }
}

fn unusable(error: TractError) -> HearError {
    HearError::Nn(NnError::Unusable { model: MODEL_FILE.to_owned(), why: format!("{error:#}") })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        samples: usize,
        /// By the package's own graph.
        package: f32,
        /// By that graph without the rounding between its layers.
        smooth: f32,
    }

    fn cases() -> (ModelStore, Vec<(Case, Vec<f32>)>) {
        let store = ModelStore::open(None).unwrap();
        let bytes = store.bytes("golden/turn/cases.json").unwrap();
        let cases: Vec<Case> = serde_json::from_slice(&bytes).unwrap();
        let sounds = store.golden("turn/sounds.f32");
        let mut rest = &sounds[..];
        let cut = |case: Case| {
            let (sound, others) = rest.split_at(case.samples);
            rest = others;
            (case, sound.to_vec())
        };
        let cases: Vec<_> = cases.into_iter().map(cut).collect();
        assert!(rest.is_empty() && cases.len() > 8);
        (store, cases)
    }

    #[test]
    fn features_are_whispers() {
        let (store, cases) = cases();
        let expected = store.golden("turn/spectra.f32");
        let len = ROWS.div_ceil(7) * BANDS;
        assert_eq!(expected.len(), cases.len() * len);
        let (mut log_mel, mut rows) = (LogMel::default(), vec![0.0; ROWS * BANDS]);
        for ((case, sound), expected) in cases.iter().zip(expected.chunks_exact(len)) {
            log_mel.of(sound, &mut rows);
            let seen = rows.chunks_exact(BANDS).step_by(7).flatten();
            let off = seen.zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 2e-3, "{} samples: off by {off}", case.samples);
        }
    }

    #[test]
    fn the_plan_gives_what_onnxruntime_gives() {
        let (store, cases) = cases();
        let mut network = SmartTurn::load(&store).unwrap();
        let log_odds = |p: f32| (p / (1.0 - p)).ln();
        for (case, sound) in cases {
            let done = network.is_done(&sound);
            let off = |expected: f32| (log_odds(done) - log_odds(expected)).abs();
            let (smooth, package) = (off(case.smooth), off(case.package));
            assert!(smooth < 0.5, "{} samples: {done}, not {}", case.samples, case.smooth);
            assert!(package < 3.0, "{} samples: {done}, not {}", case.samples, case.package);
            assert_eq!(done, network.is_done(&sound), "a run depends on the one before");
        }
    }

    #[test]
    fn any_sound_has_an_answer_and_other_work_is_done_beside() {
        let (store, cases) = cases();
        let mut network = SmartTurn::load(&store).unwrap();
        let (_, sound) = &cases[0];
        let alone = network.is_done(sound);
        assert_eq!(network.is_done_beside(sound, || 2 + 2), (alone, 4));
        for odd in [vec![], vec![0.0; 1], vec![1.0; 200_000], vec![f32::MIN_POSITIVE; 5]] {
            assert!((0.0..=1.0).contains(&network.is_done(&odd)), "{} samples", odd.len());
        }
    }
}

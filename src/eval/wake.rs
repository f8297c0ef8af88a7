//! How often the agent wakes when it is called, and how often when it is not.

use std::collections::BTreeMap;

use serde::Serialize;

/// One phrase on one recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub path: String,
    /// What is said in each utterance, as free decoding writes it; of errors only.
    pub heard: Vec<String>,
    /// The likeliest call among those that were looked at to the end.
    pub probability: Option<f32>,
    /// The recording begins with the phrase; otherwise it does not hold it.
    pub called: bool,
    pub speaker: String,
    pub condition: String,
    pub seconds: f64,
    /// The agent would have woken, so often.
    pub woken: u32,
    /// The small network heard the phrase, so often; `None` where none knows it.
    pub spotted: Option<u32>,
}

/// A call that was missed, or a wake where nobody called.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WakeError {
    pub path: String,
    pub called: bool,
    pub heard: Vec<String>,
    pub probability: Option<f32>,
}

/// Calls that were heard and missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Calls {
    pub n: u32,
    pub missed: u32,
    pub miss_rate: f64,
}

impl Calls {
    fn count(&mut self, woken: bool) {
        self.n += 1;
        self.missed += u32::from(!woken);
        self.miss_rate = f64::from(self.missed) / f64::from(self.n);
    }
}

/// The figures of one phrase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WakeScores {
    pub phrase: String,
    pub calls: Calls,
    pub by_speaker: BTreeMap<String, Calls>,
    pub by_condition: BTreeMap<String, Calls>,
    /// Wakes in recordings that do not hold the phrase.
    pub false_wakes: u32,
    /// How much of those was heard.
    pub exposure_h: f64,
    /// False wakes an hour: bounds that the true rate lies between with 95 % confidence; `None` where
    /// no such recording was heard.
    pub false_per_h: Option<[f64; 2]>,
    /// Calls that the small network missed alone, and what it heard where nothing was.
    pub spotter_missed: Option<u32>,
    pub spotter_false: Option<u32>,
    pub errors: Vec<WakeError>,
}

impl WakeScores {
    pub fn new(phrase: &str, trials: &[Trial]) -> Self {
        let mut scores = Self {
            phrase: phrase.to_owned(),
            calls: Calls::default(),
            by_speaker: BTreeMap::new(),
            by_condition: BTreeMap::new(),
            false_wakes: 0,
            exposure_h: 0.0,
            false_per_h: None,
            spotter_missed: None,
            spotter_false: None,
            errors: Vec::new(),
        };
        for trial in trials {
            if trial.called != (trial.woken > 0) {
                let Trial { path, called, heard, probability, .. } = trial.clone();
                scores.errors.push(WakeError { path, called, heard, probability });
            }
            if trial.called {
                let woken = trial.woken > 0;
                scores.calls.count(woken);
                scores.by_speaker.entry(trial.speaker.clone()).or_default().count(woken);
                scores.by_condition.entry(trial.condition.clone()).or_default().count(woken);
            } else {
                scores.false_wakes += trial.woken;
                scores.exposure_h += trial.seconds / 3600.0;
            }
            let Some(spotted) = trial.spotted else { continue };
            let (missed, other) = if trial.called { (spotted == 0, 0) } else { (false, spotted) };
            *scores.spotter_missed.get_or_insert(0) += u32::from(missed);
            *scores.spotter_false.get_or_insert(0) += other;
        }
        if scores.exposure_h > 0.0 {
            let bounds = poisson_bounds(scores.false_wakes);
            scores.false_per_h = Some(bounds.map(|n| n / scores.exposure_h));
        }
        scores
    }
}

/// Whether somebody who says `said` calls by `phrase`, both in normal spelling: begins with it. `None`
/// where it is said later, which is neither.
pub fn calls(said: &str, phrase: &str) -> Option<bool> {
    let begins = |rest: &str| rest.is_empty() || rest.starts_with(' ');
    if said.strip_prefix(phrase).is_some_and(begins) {
        return Some(true);
    }
    (!format!(" {said} ").contains(&format!(" {phrase} "))).then_some(false)
}

/// Between which means a count lies that is Poisson distributed and was seen as `n`, with 95 %
/// confidence; of none the upper bound alone, which is then near 3 (Garwood 1936).
fn poisson_bounds(n: u32) -> [f64; 2] {
    let tail = if n == 0 { 0.05 } else { 0.025 };
    let lower = if n == 0 { 0.0 } else { mean_with(n - 1, 1.0 - tail) };
    [lower, mean_with(n, tail)]
}

/// The mean under which at most `n` are seen with probability `p`.
fn mean_with(n: u32, p: f64) -> f64 {
    let at_most = |mean: f64| {
        let mut term = (-mean).exp();
        let mut sum = term;
        for k in 1..=n {
            term *= mean / f64::from(k);
            sum += term;
        }
        sum
    };
    let (mut low, mut high) = (0.0, 20.0 + 3.0 * f64::from(n));
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if at_most(middle) > p { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(called: bool, woken: u32) -> Trial {
        let (speaker, condition) = ("s".to_owned(), "quiet".to_owned());
        Trial {
            path: "a.wav".into(),
            heard: vec!["hey".into()],
            probability: None,
            called,
            speaker,
            condition,
            seconds: 1800.0,
            woken,
            spotted: None,
        }
    }

    #[test]
    fn calls_are_missed_and_others_wake() {
        let trials = [trial(true, 1), trial(true, 0), trial(false, 2), trial(false, 0)];
        let scores = WakeScores::new("hey you", &trials);
        assert_eq!(scores.calls, Calls { n: 2, missed: 1, miss_rate: 0.5 });
        assert_eq!(scores.by_speaker["s"], scores.calls);
        assert_eq!((scores.false_wakes, scores.exposure_h), (2, 1.0));
        assert_eq!(scores.spotter_missed, None);
        let errors: Vec<bool> = scores.errors.iter().map(|error| error.called).collect();
        assert_eq!(errors, [true, false]);
    }

    #[test]
    fn where_nothing_was_heard_no_rate_is_known() {
        assert_eq!(WakeScores::new("hey you", &[trial(true, 1)]).false_per_h, None);
        assert!(WakeScores::new("hey you", &[trial(false, 0)]).false_per_h.is_some());
    }

    #[test]
    fn a_call_begins_with_the_phrase() {
        for (said, call) in [
            ("hey you", Some(true)),
            ("hey you come here", Some(true)),
            ("hey young man", Some(false)),
            ("well hey you", None),
            ("", Some(false)),
        ] {
            assert_eq!(calls(said, "hey you"), call, "{said}");
        }
    }

    #[test]
    fn bounds_are_those_of_the_tables() {
        for (n, low, high) in [(0, 0.0, 2.996), (1, 0.0253, 5.572), (10, 4.795, 18.39)] {
            let [lower, upper] = poisson_bounds(n);
            assert!(
                (lower - low).abs() < 0.01 && (upper - high).abs() < 0.01,
                "{n}: {lower} {upper}"
            );
        }
    }
}

//! How sure a meaning is, in probabilities that can be taken at their word.
//!
//! Two questions make one confidence: is it what was said at all, and is it that rather than the
//! next meaning?
//!
//! ```text
//! confidence = 1 / (1 + exp(-(offset + Σ slope · sign))) · 1 / (1 + Σ over others exp(-lead · by))
//! ```
//!
//! `sign`s say how well the best meaning fits, each turned so that more is better and shifted so that
//! 0 is usual near the bound; `by` is what the best is ahead of another. Slopes and the worth of a
//! lead are never below 0, so better evidence never makes a meaning less sure. What ships was fitted
//! on the bundled agents, and every agent can fit its own (`agent/training.rs`): towards what ships,
//! so that few examples change little.

use serde::{Deserialize, Serialize};

use super::classify::solve;

/// Offset and worth of a lead; slopes follow.
const COMMON: usize = 2;
/// Parameters for what the search finds: its signs are [`SearchEvidence::signs`].
///
/// [`SearchEvidence::signs`]: super::SearchEvidence::signs
pub const SEARCH: usize = COMMON + 3;
/// Parameters for what sounds alike: its sign is the strain.
pub const SOUND: usize = COMMON + 1;

/// Parameters for whether the agent was called: its signs are those of a `CallEvidence`.
pub const CALL: usize = COMMON + 2;

/// What ships for calls: fitted to what `mynah eval-wake --fit` collects (docs/wake.md). Nothing
/// competes with a call, so the worth of a lead is none.
pub const SHIPPED_CALL: Trust<CALL> = Trust([-0.33, 0.0, 0.99, 0.76]);

/// As many calls may be missed for one false wake, which disturbs people who want nothing.
pub const FALSE_WAKE_COST: f32 = 5.0;

/// A call this probable wakes the agent, unless its files or a calibration say otherwise.
pub const WAKE_BOUND: f32 = 0.5;

/// What evidence is worth, for every way to a meaning that has some.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    pub search: Trust<SEARCH>,
    pub sound: Trust<SOUND>,
}

impl Calibration {
    /// What ships; docs/understanding.md says how the numbers were found.
    pub const SHIPPED: Self =
        Self { search: Trust([-1.8, 1.4, 4.6, 2.2, 2.5]), sound: Trust([0.0, 1.5, 12.0]) };
}

impl Default for Calibration {
    fn default() -> Self {
        Self::SHIPPED
    }
}

/// Offset, worth of a lead, and a slope for each of `P` - 2 signs, in log odds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f32>", into = "Vec<f32>")]
pub struct Trust<const P: usize>([f32; P]);

/// A meaning that was found, and whether it was meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// As many as there are slopes.
    pub signs: Vec<f32>,
    /// How far each other meaning is behind; 0 or more.
    pub leads: Vec<f32>,
    pub right: bool,
}

impl Observed {
    /// As an example where nothing that the agent knows was meant. It says whether to believe the
    /// best meaning, and nothing of which meaning: that another one is near is no reason for doubt
    /// where all are wrong.
    pub fn of_nothing(self) -> Self {
        Self { leads: Vec::new(), right: false, ..self }
    }
}

/// How far from what ships a fit goes without much evidence: standard deviations of a normal prior,
/// for the offset in log odds, for the others as a share of their size.
const OFFSET_SPREAD: f64 = 0.5;
const SHARE_SPREAD: f64 = 0.15;
/// What stands for the size of a parameter that ships as less.
const LEAST_SIZE: f64 = 1.0;
/// As tight as that is what [`Trust::refitted`] believes before.
const HARDLY: f64 = 1e-3;
/// Scoring steps; a handful is enough.
const STEPS: usize = 50;
/// A probability is never so sure as to make one example count for more than all others.
const SUREST: f64 = 1e-4;

impl<const P: usize> Trust<P> {
    const ENOUGH: () = assert!(P >= COMMON);

    /// Probability that what fits best was said at all.
    pub fn fits(&self, signs: &[f32]) -> f32 {
        let () = Self::ENOUGH;
        let slopes = self.0[COMMON..].iter().zip(signs);
        logistic(self.0[0] + slopes.map(|(slope, sign)| slope * sign).sum::<f32>())
    }

    /// Weight, against 1 for the best meaning, of one that is this far behind.
    pub fn rival(&self, behind: f32) -> f32 {
        (-self.0[1] * behind).exp()
    }

    /// Probability that the best meaning was meant.
    pub fn confidence(&self, signs: &[f32], leads: &[f32]) -> f32 {
        let rivals: f32 = leads.iter().map(|behind| self.rival(*behind)).sum();
        self.fits(signs) / (1.0 + rivals)
    }

    /// Mean squared error of the confidence; 0 of nothing.
    pub fn brier(&self, observed: &[Observed]) -> f64 {
        let error = |one: &Observed| {
            let confidence = f64::from(self.confidence(&one.signs, &one.leads));
            (confidence - f64::from(u8::from(one.right))).powi(2)
        };
        observed.iter().map(error).sum::<f64>() / observed.len().max(1) as f64
    }

    /// The parameters under which `observed` is likeliest, `self` being what is believed before
    /// anything is: a maximum a posteriori estimate by Fisher scoring.
    pub fn fitted(&self, observed: &[Observed]) -> Self {
        self.drawn(observed, 1.0)
    }

    /// The same with next to nothing believed before: how numbers that ship are looked for.
    pub fn refitted(&self, observed: &[Observed]) -> Self {
        self.drawn(observed, HARDLY)
    }

    /// With odds that are lower by a factor: where to believe wrongly is as many times worse than to
    /// doubt wrongly, a probability of one half is then where both cost the same.
    pub fn doubting(mut self, factor: f32) -> Self {
        self.0[0] -= factor.ln();
        self
    }

    fn drawn(&self, observed: &[Observed], tightness: f64) -> Self {
        let prior = self.0.map(f64::from);
        let pull: [f64; P] = std::array::from_fn(|i| {
            let spread = match i {
                0 => OFFSET_SPREAD,
                _ => SHARE_SPREAD * prior[i].max(LEAST_SIZE),
            };
            tightness * spread.powi(-2)
        });
        let loss = |at: &[f64; P]| loss(observed, at, &prior, &pull);
        let mut at = prior;
        for _ in 0..STEPS {
            let step = scoring_step(observed, &at, &prior, &pull);
            // A whole step can overshoot where nearly everything is told apart.
            let shorter = (0..12).map(|halvings| {
                let part = 0.5_f64.powi(halvings);
                std::array::from_fn(|i| {
                    let moved = at[i] - part * step[i];
                    if i == 0 { moved } else { moved.max(0.0) }
                })
            });
            let before = loss(&at);
            let Some(better) = shorter.into_iter().find(|next| loss(next) < before - 1e-9) else {
                break;
            };
            at = better;
        }
        Self(at.map(|x| x as f32))
    }
}

impl<const P: usize> TryFrom<Vec<f32>> for Trust<P> {
    type Error = String;

    fn try_from(parameters: Vec<f32>) -> Result<Self, String> {
        let count = parameters.len();
        let parameters: [f32; P] =
            parameters.try_into().map_err(|_| format!("{count} numbers where {P} are needed"))?;
        match parameters.iter().all(|x| x.is_finite()) && parameters[1..].iter().all(|x| *x >= 0.0)
        {
            true => Ok(Self(parameters)),
            false => Err("all but the first number must be 0 or more".to_owned()),
        }
    }
}

impl<const P: usize> From<Trust<P>> for Vec<f32> {
    fn from(trust: Trust<P>) -> Self {
        trust.0.to_vec()
    }
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The confidence of `observed` under `at`, and how it changes with each parameter.
fn with_slopes<const P: usize>(observed: &Observed, at: &[f64; P]) -> (f64, [f64; P]) {
    let signs = || observed.signs.iter().map(|sign| f64::from(*sign));
    let odds = at[0] + at[COMMON..].iter().zip(signs()).map(|(w, x)| w * x).sum::<f64>();
    let fits = 1.0 / (1.0 + (-odds).exp());
    let (mut others, mut behind) = (0.0, 0.0);
    for lead in &observed.leads {
        let weight = (-at[1] * f64::from(*lead)).exp();
        others += weight;
        behind += weight * f64::from(*lead);
    }
    let share = 1.0 / (1.0 + others);
    let by_odds = fits * (1.0 - fits) * share;
    let mut slopes = [by_odds; P];
    slopes[1] = fits * share * share * behind;
    slopes[COMMON..].iter_mut().zip(signs()).for_each(|(slope, sign)| *slope *= sign);
    ((fits * share).clamp(SUREST, 1.0 - SUREST), slopes)
}

/// Negative log probability of what was observed and, by the prior, of the parameters.
fn loss<const P: usize>(
    observed: &[Observed],
    at: &[f64; P],
    prior: &[f64; P],
    pull: &[f64; P],
) -> f64 {
    let of = |observed: &Observed| {
        let (p, _) = with_slopes(observed, at);
        -(if observed.right { p } else { 1.0 - p }).ln()
    };
    let away = (0..P).map(|i| 0.5 * pull[i] * (at[i] - prior[i]).powi(2));
    observed.iter().map(of).sum::<f64>() + away.sum::<f64>()
}

fn scoring_step<const P: usize>(
    observed: &[Observed],
    at: &[f64; P],
    prior: &[f64; P],
    pull: &[f64; P],
) -> [f64; P] {
    let mut gradient: [f64; P] = std::array::from_fn(|i| pull[i] * (at[i] - prior[i]));
    let mut information = [[0.0; P]; P];
    (0..P).for_each(|i| information[i][i] = pull[i]);
    for one in observed {
        let (p, slopes) = with_slopes(one, at);
        let variance = p * (1.0 - p);
        let wrong = (p - f64::from(u8::from(one.right))) / variance;
        for i in 0..P {
            gradient[i] += wrong * slopes[i];
            for j in 0..P {
                information[i][j] += slopes[i] * slopes[j] / variance;
            }
        }
    }
    // What is at its bound and would cross it stays there.
    for i in 1..P {
        if at[i] <= 0.0 && gradient[i] > 0.0 {
            gradient[i] = 0.0;
            information.iter_mut().for_each(|row| row[i] = 0.0);
            information[i] = std::array::from_fn(|j| if i == j { 1.0 } else { 0.0 });
        }
    }
    solve(information, gradient)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::draw::Draw;

    /// Meanings that are right as often as `truth` says.
    fn observed(truth: &Trust<4>, count: usize, seed: u64) -> Vec<Observed> {
        let mut draw = Draw::new(seed);
        let one = |_| {
            let signs = vec![2.0 * draw.unit() - 1.0, 4.0 * draw.unit() - 2.0];
            let leads = vec![6.0 * draw.unit()];
            let right = draw.unit() < truth.confidence(&signs, &leads);
            Observed { signs, leads, right }
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn a_fit_finds_what_made_the_examples() {
        let truth = Trust([0.5, 0.8, 4.0, 1.0]);
        let believed = Trust([0.0, 0.6, 5.0, 0.5]);
        let fitted = believed.fitted(&observed(&truth, 20_000, 1));
        for (found, wanted) in fitted.0.iter().zip(truth.0) {
            assert!((found - wanted).abs() < 0.1 * wanted.max(1.0), "{fitted:?}");
        }
    }

    #[test]
    fn numbers_that_ship_come_out_of_what_they_were_fitted_to() {
        let observed = observed(&Trust([0.5, 0.8, 4.0, 1.0]), 500, 7);
        let shipped = Trust([0.0, 0.6, 5.0, 0.5]).refitted(&observed);
        for again in [shipped.refitted(&observed), shipped.fitted(&observed)] {
            for (a, b) in again.0.iter().zip(shipped.0) {
                assert!((a - b).abs() < 0.02, "{again:?} {shipped:?}");
            }
        }
    }

    #[test]
    fn few_examples_change_little() {
        let believed = Trust([0.0, 0.6, 5.0, 0.5]);
        assert_eq!(believed.fitted(&[]), believed);
        for seed in 0..20 {
            let few = observed(&Trust([-3.0, 0.1, 1.0, 3.0]), 4, seed);
            let fitted = believed.fitted(&few);
            for (found, was) in fitted.0.iter().zip(believed.0) {
                assert!((found - was).abs() <= 0.5 * f32::max(was, 2.0), "{seed}: {fitted:?}");
            }
        }
    }

    #[test]
    fn what_is_always_right_makes_no_certainty_and_no_infinity() {
        let believed = Trust([0.0, 0.6, 5.0, 0.5]);
        for right in [true, false] {
            let one = Observed { signs: vec![1e6, -1e6], leads: vec![1e6, 0.0], right };
            let fitted = believed.fitted(&vec![one; 500]);
            assert!(fitted.0.iter().all(|x| x.is_finite()), "{fitted:?}");
        }
    }

    #[test]
    fn what_is_stored_is_what_was_fitted_or_an_error() {
        let trust = Trust([-0.25, 0.6, 5.0, 0.0, 1.5]);
        let text = serde_json::to_string(&trust).unwrap();
        assert_eq!(text, "[-0.25,0.6,5.0,0.0,1.5]");
        assert_eq!(serde_json::from_str::<Trust<5>>(&text).unwrap(), trust);
        for wrong in ["[1.0,2.0]", "[0.0,0.6,-5.0,0.0,1.5]", "[0.0,0.6,1e99,0.0,1.5]", "{}"] {
            assert!(serde_json::from_str::<Trust<5>>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn better_evidence_is_never_less_sure(
            seed in 0u64..1000,
            sign in -3f32..3.0,
            more in 0f32..3.0,
            lead in 0f32..10.0,
        ) {
            // Examples that say the contrary.
            let mut contrary = observed(&Trust([0.0, 1.0, 4.0, 1.0]), 60, seed);
            contrary.iter_mut().for_each(|one| one.right = !one.right);
            let trust = Trust([0.0, 0.6, 5.0, 0.5]).fitted(&contrary);
            let base = trust.confidence(&[sign, 0.0], &[lead]);
            for better in [
                trust.confidence(&[sign + more, 0.0], &[lead]),
                trust.confidence(&[sign, more], &[lead]),
                trust.confidence(&[sign, 0.0], &[lead + more]),
            ] {
                prop_assert!(better >= base - 1e-6, "{:?}: {} < {}", trust, better, base);
                prop_assert!((0.0..=1.0).contains(&better));
            }
        }
    }
}

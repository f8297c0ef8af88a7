//! From scores to probabilities that can be taken at their word.

use super::stored::{Reader, Writer};

/// What out-of-scope is told by, larger for texts that are in scope.
pub const SIGNS: usize = 2;
pub type Signs = [f32; SIGNS];

/// Fitted on texts that the model did not learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Scores are divided by this before they become probabilities of intents.
    pub temperature: f32,
    /// Log odds of out-of-scope: `offset - Σ weight · sign`.
    pub offset: f32,
    pub weights: Signs,
    /// Texts without more evidence than this are refused.
    pub bound: f32,
}

/// How a probability and a bound of refusal come from what was held out.
#[derive(Clone, Copy)]
pub enum Judge<'a> {
    /// The odds beforehand give way until the bound is where both are as probable.
    GivingWay,
    /// The odds stay even: the spelling of few texts cannot tell what other intents say, and no other
    /// odds would be more honest. `fewer`: texts in scope where a tenth fewer were learned than for `inside`. The
    /// last tenth adds about as much again, and the bound moves along.
    Even { fewer: &'a [Held] },
}

/// Scores of a text that was held out, and what it is.
pub struct Held {
    pub scores: Vec<f32>,
    pub kind: Kind,
    pub signs: Signs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text of a learned intent.
    Intent(u32),
    /// A text of an intent that was not learned: near to what is in scope.
    OtherIntent,
    /// A text of no intent.
    OtherTalk,
}

/// Of the weight of texts out of scope, the part of those of no intent: they are easily told, and
/// would teach to look at little else.
const OTHER_TALK: f64 = 0.2;

/// Temperatures tried, from sharp to blunt.
const TEMPERATURES: std::ops::Range<i32> = -20..21;
/// Most of the held-out texts in scope that may be refused. Where intents are hard to tell from
/// those that were held out, the odds beforehand give way: visitors ask for what there is.
const FALSE_REJECTS: f64 = 0.05;
/// What signs of variance 1 are worth where hundreds of texts tell; fewer are pulled there.
const TYPICAL: [f64; SIGNS] = [3.0, 2.4];
/// How hard, in texts.
const PULL: f64 = 60.0;
const NEWTON_STEPS: usize = 30;

impl Calibration {
    /// `mixed` holds texts in and out of scope where some intents were not learned, `inside` texts
    /// in scope where all were.
    pub fn fit(mixed: &[Held], inside: &[Held], judge: Judge<'_>) -> Self {
        let temperature = TEMPERATURES
            .map(|step| 1.12_f32.powi(step))
            .min_by(|a, b| surprise(inside, *a).total_cmp(&surprise(inside, *b)))
            .expect("there are temperatures");
        let (even, weights) = tell_apart(mixed);
        let bound = bound(inside, &weights);
        let (offset, bound) = match judge {
            Judge::GivingWay => (even.min(bound), even.min(bound)),
            Judge::Even { fewer } => {
                (even, bound + middle(inside, &weights) - middle(fewer, &weights))
            }
        };
        Self { temperature, offset, weights, bound }
    }

    /// Is there too little evidence that the text is in scope?
    pub fn refuses(&self, signs: &Signs) -> bool {
        evidence(&self.weights, signs) <= self.bound
    }

    /// Probability that a text is out of scope.
    pub fn out_of_scope(&self, signs: &Signs) -> f32 {
        1.0 / (1.0 + (evidence(&self.weights, signs) - self.offset).exp())
    }

    /// Turns scores into probabilities.
    pub fn probabilities(&self, scores: &mut [f32]) {
        let highest = scores.iter().copied().fold(f32::MIN, f32::max);
        scores.iter_mut().for_each(|x| *x = ((*x - highest) / self.temperature).exp());
        let sum: f32 = scores.iter().sum();
        scores.iter_mut().for_each(|x| *x /= sum);
    }

    pub fn write(&self, out: &mut Writer) {
        out.floats(&[self.temperature, self.offset, self.bound]);
        out.floats(&self.weights);
    }

    pub fn read(from: &mut Reader) -> Result<Self, String> {
        let (three, weights) = (from.floats()?, from.floats()?);
        let weights = weights.try_into().map_err(|_| "another number of signs")?;
        match three[..] {
            [temperature, offset, bound] if temperature > 0.0 => {
                Ok(Self { temperature, offset, weights, bound })
            }
            _ => Err("it has no temperature".into()),
        }
    }
}

fn evidence(weights: &Signs, signs: &Signs) -> f32 {
    weights.iter().zip(signs).map(|(w, x)| w * x).sum()
}

/// Negative log probability of the right intents, over texts that have one.
fn surprise(held: &[Held], temperature: f32) -> f32 {
    let of = |held: &Held| -> Option<f32> {
        let Kind::Intent(label) = held.kind else { return None };
        let right = held.scores[label as usize];
        Some(log_sum_exp(held.scores.iter().map(|x| x / temperature)) - right / temperature)
    };
    held.iter().filter_map(of).sum()
}

pub fn log_sum_exp(scores: impl Iterator<Item = f32> + Clone) -> f32 {
    let highest = scores.clone().fold(f32::MIN, f32::max);
    highest + scores.map(|x| (x - highest).exp()).sum::<f32>().ln()
}

/// The evidence that half of the texts in scope have.
fn middle(held: &[Held], weights: &Signs) -> f32 {
    let evidence = in_scope(held, weights);
    evidence.get(evidence.len() / 2).copied().unwrap_or(0.0)
}

/// The evidence of the texts in scope, the least first.
fn in_scope(held: &[Held], weights: &Signs) -> Vec<f32> {
    let inside = held.iter().filter(|text| matches!(text.kind, Kind::Intent(_)));
    let mut evidence: Vec<f32> = inside.map(|text| evidence(weights, &text.signs)).collect();
    evidence.sort_by(f32::total_cmp);
    evidence
}

/// The evidence that all but [`FALSE_REJECTS`] of the texts in scope have.
fn bound(held: &[Held], weights: &Signs) -> f32 {
    let evidence = in_scope(held, weights);
    let refused = (evidence.len() as f64 * FALSE_REJECTS) as usize;
    evidence.get(refused).map_or(f32::MAX, |bound| bound - 1e-6 * bound.abs())
}

/// Logistic regression of out-of-scope on the signs by Newton's method; both kinds weigh alike,
/// however many texts there are of each.
fn tell_apart(held: &[Held]) -> (f32, Signs) {
    let count = |is: fn(&Kind) -> bool| held.iter().filter(|h| is(&h.kind)).count() as f64;
    let (intents, talk) = (count(|k| *k == Kind::OtherIntent), count(|k| *k == Kind::OtherTalk));
    let inside = held.len() as f64 - intents - talk;
    let talk_part = if intents > 0.0 { OTHER_TALK } else { 1.0 };
    let intent_part = if talk > 0.0 { 1.0 - OTHER_TALK } else { 1.0 };
    let half = 0.5 * held.len() as f64;
    let weight = |text: &Held| match text.kind {
        Kind::Intent(_) => half / inside,
        Kind::OtherIntent => half * intent_part / intents,
        Kind::OtherTalk => half * talk_part / talk,
    };
    let weights: Vec<f64> = held.iter().map(weight).collect();
    let (centre, spread) = standard(held, &weights);
    let rows: Vec<Row> = held
        .iter()
        .zip(weights)
        .map(|(text, weight)| {
            let mut x = [1.0; SIGNS + 1];
            for (i, sign) in text.signs.iter().enumerate() {
                x[i + 1] = (centre[i] - f64::from(*sign)) / spread[i];
            }
            Row { x, outside: !matches!(text.kind, Kind::Intent(_)), weight }
        })
        .collect();
    let mut w = [0.0; SIGNS + 1];
    for _ in 0..NEWTON_STEPS {
        let step = newton_step(&rows, &w);
        // A whole step can overshoot where nearly everything is told apart.
        let shorter = (0..8).map(|halvings| {
            let part = 0.5_f64.powi(halvings);
            std::array::from_fn(|i| w[i] - part * step[i])
        });
        let before = loss(&rows, &w);
        let Some(better) = shorter.into_iter().find(|w| loss(&rows, w) < before) else { break };
        w = better;
    }
    let weights: [f64; SIGNS] = std::array::from_fn(|i| w[i + 1] / spread[i]);
    let offset = w[0] + weights.iter().zip(centre).map(|(w, centre)| w * centre).sum::<f64>();
    (offset as f32, weights.map(|w| w as f32))
}

/// A text with its signs at mean 0 and variance 1, turned so that more is farther out of scope.
struct Row {
    x: [f64; SIGNS + 1],
    outside: bool,
    weight: f64,
}

/// Weighted mean and spread of every sign.
fn standard(held: &[Held], weights: &[f64]) -> ([f64; SIGNS], [f64; SIGNS]) {
    let all = weights.iter().sum::<f64>().max(1e-9);
    let mean = |of: &dyn Fn(&Held) -> f64| {
        held.iter().zip(weights).map(|(held, weight)| weight * of(held)).sum::<f64>() / all
    };
    let centre: [f64; SIGNS] = std::array::from_fn(|i| mean(&|held| f64::from(held.signs[i])));
    let variance = |i: usize| mean(&|held| (f64::from(held.signs[i]) - centre[i]).powi(2));
    // A sign that is always the same says nothing.
    let spread = |i: usize| Some(variance(i).sqrt()).filter(|x| *x > 1e-6).unwrap_or(f64::INFINITY);
    (centre, std::array::from_fn(spread))
}

fn odds(x: &[f64; SIGNS + 1], w: &[f64; SIGNS + 1]) -> f64 {
    w.iter().zip(x).map(|(w, x)| w * x).sum()
}

fn loss(rows: &[Row], w: &[f64; SIGNS + 1]) -> f64 {
    let of = |row: &Row| {
        let wrong = if row.outside { -odds(&row.x, w) } else { odds(&row.x, w) };
        // ln(1 + e^wrong) without overflow.
        row.weight * (wrong.max(0.0) + (-wrong.abs()).exp().ln_1p())
    };
    let apart = |(w, typical): (&f64, f64)| 0.5 * PULL * (w - typical).powi(2);
    rows.iter().map(of).sum::<f64>() + w[1..].iter().zip(TYPICAL).map(apart).sum::<f64>()
}

fn newton_step(rows: &[Row], w: &[f64; SIGNS + 1]) -> [f64; SIGNS + 1] {
    const N: usize = SIGNS + 1;
    let mut gradient = [0.0; N];
    let mut curvature = [[0.0; N]; N];
    for i in 0..N {
        curvature[i][i] = 1e-6;
        if i > 0 {
            gradient[i] = PULL * (w[i] - TYPICAL[i - 1]);
            curvature[i][i] += PULL;
        }
    }
    for Row { x, outside, weight } in rows {
        let p = 1.0 / (1.0 + (-odds(x, w)).exp());
        for i in 0..N {
            gradient[i] += weight * (p - f64::from(u8::from(*outside))) * x[i];
            for j in 0..N {
                curvature[i][j] += weight * p * (1.0 - p) * x[i] * x[j];
            }
        }
    }
    solve(curvature, gradient)
}

/// Solves a small, positive definite system by elimination.
pub(in crate::nlu) fn solve<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> [f64; N] {
    for pivot in 0..N {
        for row in pivot + 1..N {
            let factor = a[row][pivot] / a[pivot][pivot];
            let above = a[pivot];
            a[row].iter_mut().zip(above).skip(pivot).for_each(|(x, y)| *x -= factor * y);
            b[row] -= factor * b[pivot];
        }
    }
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|column| a[row][column] * b[column]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let x = solve([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]], [6.0, 10.0, 8.0]);
        for (x, want) in x.into_iter().zip([1.0, 2.0, 3.0]) {
            assert!((x - want).abs() < 1e-9, "{x}");
        }
    }

    fn fitted(held: &[Held]) -> Calibration {
        Calibration::fit(held, held, Judge::GivingWay)
    }

    #[test]
    fn probabilities_become_as_certain_as_they_are_right() {
        // Scores that claim e³ to 1, and are right three times in four.
        let text = |i: u32| Held {
            scores: vec![3.0, 0.0],
            kind: Kind::Intent(u32::from(i.is_multiple_of(4))),
            signs: [0.0; SIGNS],
        };
        let calibration = fitted(&(0..400).map(text).collect::<Vec<_>>());
        let mut scores = [3.0, 0.0];
        calibration.probabilities(&mut scores);
        assert!((scores[0] - 0.75).abs() < 0.02, "{scores:?}");
    }

    #[test]
    fn what_lies_low_is_out_of_scope() {
        let text = |i: u32| Held {
            scores: vec![0.0],
            kind: if i < 50 { Kind::Intent(0) } else { Kind::OtherIntent },
            signs: [if i < 50 { 2.0 } else { -1.0 } + (i % 7) as f32 * 0.2, 0.0],
        };
        let calibration = fitted(&(0..500).map(text).collect::<Vec<_>>());
        let out = |sign| calibration.out_of_scope(&[sign, 0.0]);
        assert!(out(-1.0) > 0.95 && out(3.0) < 0.05, "{calibration:?}");
        assert!(out(-1.0) > out(0.0) && out(0.0) > out(1.5));
    }

    #[test]
    fn few_texts_in_scope_are_refused_however_alike_the_others_are() {
        let text = |i: u32| Held {
            scores: vec![0.0],
            kind: if i.is_multiple_of(2) { Kind::Intent(0) } else { Kind::OtherIntent },
            signs: [(i / 2 % 20) as f32 - if i.is_multiple_of(2) { 0.0 } else { 3.0 }, 0.0],
        };
        let held: Vec<Held> = (0..800).map(text).collect();
        let calibration = fitted(&held);
        let refused = |kind: Kind| {
            let of = held.iter().filter(|text| text.kind == kind);
            of.filter(|text| calibration.out_of_scope(&text.signs) >= 0.5).count()
        };
        assert!(refused(Kind::Intent(0)) <= 20, "{calibration:?}");
        assert!(refused(Kind::OtherIntent) >= 60, "{calibration:?}");
    }
}

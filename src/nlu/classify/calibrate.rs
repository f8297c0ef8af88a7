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
}

/// Scores of a text that was held out, and its intent.
pub struct Held {
    pub scores: Vec<f32>,
    pub label: Option<u32>,
    pub signs: Signs,
}

/// Temperatures tried, from sharp to blunt.
const TEMPERATURES: std::ops::Range<i32> = -20..21;
/// Pulls the weights of signs to zero, so that few texts, perfectly told apart, do not make
/// certainty.
const RIDGE: f64 = 1.0;
const NEWTON_STEPS: usize = 30;

impl Calibration {
    pub fn fit(held: &[Held]) -> Self {
        let temperature = TEMPERATURES
            .map(|step| 1.12_f32.powi(step))
            .min_by(|a, b| surprise(held, *a).total_cmp(&surprise(held, *b)))
            .expect("there are temperatures");
        let (offset, weights) = tell_apart(held);
        Self { temperature, offset, weights }
    }

    /// Probability that a text is out of scope, as likely as not beforehand.
    pub fn out_of_scope(&self, signs: &Signs) -> f32 {
        let evidence: f32 = self.weights.iter().zip(signs).map(|(w, x)| w * x).sum();
        1.0 / (1.0 + (evidence - self.offset).exp())
    }

    /// Turns scores into probabilities.
    pub fn probabilities(&self, scores: &mut [f32]) {
        let highest = scores.iter().copied().fold(f32::MIN, f32::max);
        scores.iter_mut().for_each(|x| *x = ((*x - highest) / self.temperature).exp());
        let sum: f32 = scores.iter().sum();
        scores.iter_mut().for_each(|x| *x /= sum);
    }

    pub fn write(&self, out: &mut Writer) {
        out.floats(&[self.temperature, self.offset]);
        out.floats(&self.weights);
    }

    pub fn read(from: &mut Reader) -> Result<Self, String> {
        let (two, weights) = (from.floats()?, from.floats()?);
        let weights = weights.try_into().map_err(|_| "another number of signs")?;
        match two[..] {
            [temperature, offset] if temperature > 0.0 => Ok(Self { temperature, offset, weights }),
            _ => Err("it has no temperature".into()),
        }
    }
}

/// Negative log probability of the right intents, over texts that have one.
fn surprise(held: &[Held], temperature: f32) -> f32 {
    let of = |held: &Held| -> Option<f32> {
        let right = held.scores[held.label? as usize];
        Some(log_sum_exp(held.scores.iter().map(|x| x / temperature)) - right / temperature)
    };
    held.iter().filter_map(of).sum()
}

pub fn log_sum_exp(scores: impl Iterator<Item = f32> + Clone) -> f32 {
    let highest = scores.clone().fold(f32::MIN, f32::max);
    highest + scores.map(|x| (x - highest).exp()).sum::<f32>().ln()
}

/// Logistic regression of out-of-scope on the signs by Newton's method; both kinds weigh alike,
/// however many texts there are of each.
fn tell_apart(held: &[Held]) -> (f32, Signs) {
    const N: usize = SIGNS + 1;
    let count = |outside: bool| held.iter().filter(|h| h.label.is_none() == outside).count().max(1);
    let (inside, outside) = (count(false) as f64, count(true) as f64);
    let all = inside + outside;
    let mut w = [0.0_f64; N];
    for _ in 0..NEWTON_STEPS {
        let mut gradient = [0.0; N];
        let mut curvature = [[0.0; N]; N];
        for (i, ridge) in [1e-3, RIDGE, RIDGE].into_iter().enumerate() {
            gradient[i] = ridge * w[i];
            curvature[i][i] = ridge;
        }
        for text in held {
            let mut x = [1.0; N];
            for (x, sign) in x[1..].iter_mut().zip(text.signs) {
                *x = -f64::from(sign);
            }
            let (truth, weight) = match text.label {
                None => (1.0, 0.5 * all / outside),
                Some(_) => (0.0, 0.5 * all / inside),
            };
            let odds: f64 = w.iter().zip(x).map(|(w, x)| w * x).sum();
            let p = 1.0 / (1.0 + (-odds).exp());
            for i in 0..N {
                gradient[i] += weight * (p - truth) * x[i];
                for j in 0..N {
                    curvature[i][j] += weight * p * (1.0 - p) * x[i] * x[j];
                }
            }
        }
        let step = solve(curvature, gradient);
        for (w, step) in w.iter_mut().zip(step) {
            // A whole step can overshoot where everything is told apart.
            *w -= step.clamp(-2.0, 2.0);
        }
    }
    (w[0] as f32, [w[1] as f32, w[2] as f32])
}

/// Solves a small, positive definite system by elimination.
fn solve<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> [f64; N] {
    for pivot in 0..N {
        for row in pivot + 1..N {
            let factor = a[row][pivot] / a[pivot][pivot];
            for column in pivot..N {
                a[row][column] -= factor * a[pivot][column];
            }
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

    #[test]
    fn probabilities_become_as_certain_as_they_are_right() {
        // Scores that claim e³ to 1, and are right three times in four.
        let text = |i: u32| Held {
            scores: vec![3.0, 0.0],
            label: Some(u32::from(i.is_multiple_of(4))),
            signs: [0.0; SIGNS],
        };
        let calibration = Calibration::fit(&(0..400).map(text).collect::<Vec<_>>());
        let mut scores = [3.0, 0.0];
        calibration.probabilities(&mut scores);
        assert!((scores[0] - 0.75).abs() < 0.02, "{scores:?}");
    }

    #[test]
    fn what_lies_low_is_out_of_scope() {
        let text = |i: u32| Held {
            scores: vec![0.0],
            label: (i < 50).then_some(0),
            signs: [if i < 50 { 2.0 } else { -1.0 } + (i % 7) as f32 * 0.2, 0.0],
        };
        let calibration = Calibration::fit(&(0..500).map(text).collect::<Vec<_>>());
        let out = |sign| calibration.out_of_scope(&[sign, 0.0]);
        assert!(out(-1.0) > 0.95 && out(3.0) < 0.05, "{calibration:?}");
        assert!(out(-1.0) > out(0.0) && out(0.0) > out(1.5));
    }
}

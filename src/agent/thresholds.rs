//! How sure an agent must be, and how that follows from what mistakes cost.

use crate::nlu::Status;

/// How sure the agent must be, 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// From here on it acts without asking.
    pub accept: f32,
    /// From here on it asks "is that right?"; below it has not understood.
    pub confirm: f32,
}

impl Default for Thresholds {
    /// At even odds an agent acts, and what it does can be undone; somewhat below it asks.
    fn default() -> Self {
        Self { accept: 0.5, confirm: 0.3 }
    }
}

/// What goes wrong, and what it costs against not understanding somebody, which costs 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// To do what was not asked for.
    pub wrong: f64,
    /// To ask "is that right?".
    pub question: f64,
}

impl Default for Costs {
    /// Those of the thresholds' defaults.
    fn default() -> Self {
        Self { wrong: 0.6, question: 0.3 }
    }
}

impl From<Costs> for Thresholds {
    /// Of confidence p, acting costs (1 - p) · wrong, asking costs the question, refusing costs p:
    /// the cheapest is chosen. A question that is nowhere the cheapest is never asked.
    fn from(costs: Costs) -> Self {
        let Costs { wrong, question } = costs;
        let (accept, confirm) = (1.0 - question / wrong, question);
        let even = wrong / (wrong + 1.0);
        let (accept, confirm) = if confirm < accept { (accept, confirm) } else { (even, even) };
        Self { accept: accept as f32, confirm: confirm as f32 }
    }
}

impl Thresholds {
    /// What a confidence is worth.
    pub fn judge(&self, confidence: f32) -> Status {
        if confidence >= self.accept {
            Status::Accepted
        } else if confidence >= self.confirm {
            Status::Confirm
        } else {
            Status::Rejected
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_follow_from_costs() {
        for (wrong, question, accept, confirm) in [
            (0.6, 0.3, 0.5, 0.3),
            (3.0, 0.3, 0.9, 0.3),
            (1.0, 0.1, 0.9, 0.1),
            // A question as dear as a mistake is never asked.
            (0.25, 0.3, 0.2, 0.2),
            (1.0, 100.0, 0.5, 0.5),
        ] {
            let thresholds = Thresholds::from(Costs { wrong, question });
            let Thresholds { accept: a, confirm: c } = thresholds;
            assert!((a - accept).abs() < 1e-6 && (c - confirm).abs() < 1e-6, "{wrong}: {a} {c}");
            for p in (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0) {
                let paid = match thresholds.judge(p as f32) {
                    Status::Accepted => (1.0 - p) * wrong,
                    Status::Confirm => question,
                    Status::Rejected => p,
                };
                let least = ((1.0 - p) * wrong).min(question).min(p);
                assert!(paid <= least + 1e-4, "{wrong}, {question}: {p} costs {paid}, not {least}");
            }
        }
        assert_eq!(Thresholds::from(Costs::default()), Thresholds::default());
    }
}

//! How sentences, phrases and values may follow one another.

/// Costs are kept in this part of a nat, so that equal places are found equal.
pub(super) const COST_STEPS: f32 = 16.0;

pub(super) fn steps(cost: f32) -> u32 {
    (cost.max(0.0) * COST_STEPS).round() as u32
}

/// A stop in the talk, made by [`Talk::stop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub(super) u32);

/// What may be said between two stops.
#[derive(Clone, Debug)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Any sentence that the context allows.
    Sentence,
    /// A sentence of one intent.
    Intent(String),
    /// A value of a list.
    Value(String),
}

/// How sentences, phrases and values may follow one another. Loops are allowed.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    pub(super) stops: Vec<Vec<Leg>>,
    /// Stops where the talk may end.
    pub(super) ends: Vec<bool>,
}

#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub to: u32,
    /// The grammar it is said in, as given to [`Automaton::new`](super::Automaton::new).
    pub grammar: usize,
    pub said: Said,
    pub cost: u32,
}

impl Talk {
    pub fn stop(&mut self, may_end: bool) -> Stop {
        self.stops.push(Vec::new());
        self.ends.push(may_end);
        Stop(self.stops.len() as u32 - 1)
    }

    /// Lets `said`, of the `grammar`-th grammar, lead from one stop to another. `cost` is how much
    /// less likely it is than others before anything is heard, in nats.
    pub fn leg(&mut self, from: Stop, to: Stop, grammar: usize, said: Said, cost: f32) {
        let cost = steps(cost);
        self.stops[from.0 as usize].push(Leg { to: to.0, grammar, said, cost });
    }

    /// Any sentence of the only grammar, and nothing else.
    pub fn sentences() -> (Self, Stop) {
        let mut talk = Self::default();
        let (start, end) = (talk.stop(false), talk.stop(true));
        talk.leg(start, end, 0, Said::Sentence, 0.0);
        (talk, start)
    }
}

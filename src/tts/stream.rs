//! A stack of convolutions run chunk by chunk, equal to the whole at once.
//!
//! The graph keeps each layer's last inputs as explicit state; see `models/convert/tts.py` for its
//! shape. Output `t` belongs to input `t - lag`, so a clause of `T` columns is pushed with `lag`
//! empty columns behind it, and the first `lag` outputs are dropped.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{TractErrorContext, bail, ensure};

use super::TtsError;
use crate::models::ModelStore;
use crate::nn::{Network, Plan, Session};

/// Plans for chunks of some fixed lengths, over the same weights.
pub struct Stack {
    name: &'static str,
    /// Columns in one chunk, and what runs it; the longest first.
    sessions: Vec<(usize, Session)>,
    /// Columns by which outputs trail inputs.
    lag: usize,
    /// Rows of the input.
    channels: usize,
    /// Shapes of the states, all zeros at the start of a clause.
    states: Vec<Vec<usize>>,
}

/// How far one clause has come through a [`Stack`].
pub struct Passage {
    columns: usize,
    pushed: usize,
    states: TVec<TValue>,
}

/// What one chunk gave.
pub struct Given {
    /// The graph's outputs without the states, a chunk's columns each.
    pub outputs: TVec<TValue>,
    /// Which of those columns lie inside the clause.
    pub inside: std::ops::Range<usize>,
}

impl Stack {
    /// Loads a graph with inputs `x` [1, C, N], `valid` [1, 1, lag + N] and states, and plans it
    /// for every length of `chunks`, the longest first.
    ///
    /// tract computes convolutions of a known length twice as fast, so N is fixed; short chunks
    /// keep the end of a clause from costing as much as a long one.
    pub fn load(
        store: &ModelStore,
        name: &'static str,
        chunks: &[usize],
    ) -> Result<Self, TtsError> {
        let network = Network::read(name, store.bytes(name)?)?;
        let plan = |chunk: &usize| Ok((*chunk, network.plan(&[("N", *chunk)])?));
        let plans = chunks.iter().map(plan).collect::<Result<Vec<_>, TtsError>>()?;
        Self::new(name, &plans).map_err(|e| TtsError::plan(name, e))
    }

    fn new(name: &'static str, plans: &[(usize, Arc<Plan>)]) -> TractResult<Self> {
        let (chunk, plan) = plans.last().context("no length to plan for")?;
        let shape = |input| -> TractResult<Vec<usize>> {
            let shape = &plan.model().input_fact(input)?.shape;
            Ok(shape.as_concrete().context("an input of open shape")?.to_vec())
        };
        let shapes = (0..plan.model().inputs.len()).map(shape).collect::<TractResult<Vec<_>>>()?;
        let [x, valid, states @ ..] = shapes.as_slice() else {
            bail!("expected inputs x, valid and states, found {} inputs", shapes.len())
        };
        let (&[1, channels, _], &[1, 1, valid]) = (x.as_slice(), valid.as_slice()) else {
            bail!("expected inputs [1, C, N] and [1, 1, lag + N], found {x:?} and {valid:?}")
        };
        ensure!(plan.model().outputs.len() > states.len(), "fewer outputs than states");
        let lag = valid.checked_sub(*chunk).context("`valid` is shorter than a chunk")?;
        let states = states.to_vec();
        let session = |(chunk, plan): &(usize, Arc<Plan>)| Ok((*chunk, Session::new(plan)?));
        let sessions = plans.iter().map(session).collect::<TractResult<_>>()?;
        Ok(Self { name, sessions, lag, channels, states })
    }

    /// Starts a clause of so many columns.
    pub fn begin(&self, columns: usize) -> Passage {
        let zeros = |shape: &Vec<usize>| Tensor::zero::<f32>(shape).map(TValue::from);
        let states = self.states.iter().map(zeros).collect::<TractResult<_>>();
        Passage { columns, pushed: 0, states: states.expect("f32 tensors of known shapes") }
    }

    /// Runs the next chunk of `x` (row-major `[channels, columns]`); `None` when the clause is
    /// done.
    pub fn step(&mut self, passage: &mut Passage, x: &[f32]) -> Result<Option<Given>, TtsError> {
        assert_eq!(x.len(), self.channels * passage.columns, "x is [channels, columns]");
        if passage.pushed >= passage.columns + self.lag {
            return Ok(None);
        }
        self.run(passage, x).map(Some).map_err(|e| TtsError::plan(self.name, e))
    }

    fn run(&mut self, passage: &mut Passage, x: &[f32]) -> TractResult<Given> {
        let (from, columns) = (passage.pushed, passage.columns);
        // The longest chunk that what is left fills, else the shortest there is.
        let left = columns + self.lag - from;
        let fills = self.sessions.iter().position(|(chunk, _)| *chunk <= left);
        let chosen = fills.unwrap_or(self.sessions.len() - 1);
        let (chunk, session) = &mut self.sessions[chosen];
        let to = from + *chunk;
        let fresh = from.min(columns)..to.min(columns);
        let input = session.input(&[1, self.channels, *chunk], |input| {
            input.fill(0.0);
            let rows = x.chunks_exact(columns.max(1));
            for (to, row) in input.chunks_exact_mut(*chunk).zip(rows) {
                to[..fresh.len()].copy_from_slice(&row[fresh.clone()]);
            }
        })?;
        let valid = session.input(&[1, 1, self.lag + *chunk], |valid| {
            for (i, v) in valid.iter_mut().enumerate() {
                *v = f32::from((self.lag..self.lag + columns).contains(&(from + i)));
            }
        })?;
        let mut inputs: TVec<TValue> = tvec!(input, valid);
        inputs.append(&mut passage.states);
        let mut outputs = session.run(inputs)?;
        passage.states = outputs.drain(outputs.len() - self.states.len()..).collect();
        passage.pushed = to;
        let inside = self.lag.clamp(from, to) - from..(self.lag + columns).clamp(from, to) - from;
        Ok(Given { outputs, inside })
    }
}

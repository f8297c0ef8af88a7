//! A stack of convolutions run chunk by chunk, equal to the whole at once.
//!
//! The graph keeps each layer's last inputs as explicit state; see `models/convert/tts.py` for its
//! shape. Output `t` belongs to input `t - lag`, so a clause of `T` columns is pushed with `lag`
//! empty columns behind it, and the first `lag` outputs are dropped.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{DimLike, TractErrorContext, bail, ensure};
use tract_onnx::tract_hir::infer::Factoid;

use super::TtsError;
use crate::models::ModelStore;
use crate::nn::{Plan, ops};

/// A plan for chunks of one fixed length.
pub struct Stack {
    name: &'static str,
    plan: Arc<Plan>,
    /// Columns in one chunk.
    chunk: usize,
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
    /// The graph's outputs without the states, `chunk` columns each.
    pub outputs: TVec<TValue>,
    /// Which of those columns lie inside the clause.
    pub inside: std::ops::Range<usize>,
}

impl Stack {
    /// Loads a graph with inputs `x` [1, C, N], `valid` [1, 1, lag + N] and states, fixing N.
    pub fn load(store: &ModelStore, name: &'static str, chunk: usize) -> Result<Self, TtsError> {
        let bytes = store.bytes(name)?;
        Self::build(&bytes, name, chunk).map_err(|e| TtsError::plan(name, e))
    }

    fn build(bytes: &[u8], name: &'static str, chunk: usize) -> TractResult<Self> {
        let mut framework = tract_onnx::onnx().with_ignore_output_shapes(true);
        ops::register(&mut framework.op_register);
        let mut model = framework.model_for_read(&mut &*bytes)?;
        let length = SymbolValues::default().with(&model.symbols.sym("N"), chunk as i64);
        let mut shapes = Vec::new();
        for input in 0..model.inputs.len() {
            let fact = model.input_fact(input)?.clone();
            let shape = fact
                .shape
                .concretize()
                .context("an input of unknown rank")?
                .iter()
                .map(|dim| dim.eval(&length).to_usize().map_err(Into::into))
                .collect::<TractResult<Vec<usize>>>()?;
            model.set_input_fact(input, f32::fact(&shape).into())?;
            shapes.push(shape);
        }
        let [x, valid, states @ ..] = shapes.as_slice() else {
            bail!("expected inputs x, valid and states, found {} inputs", shapes.len())
        };
        let (&[1, channels, _], &[1, 1, valid]) = (x.as_slice(), valid.as_slice()) else {
            bail!("expected inputs [1, C, N] and [1, 1, lag + N], found {x:?} and {valid:?}")
        };
        ensure!(model.outputs.len() > states.len(), "fewer outputs than states");
        let (lag, states) = (valid - chunk, states.to_vec());
        let plan = model.into_optimized()?.into_runnable()?;
        Ok(Self { name, plan, chunk, lag, channels, states })
    }

    /// Starts a clause of so many columns.
    pub fn begin(&self, columns: usize) -> Passage {
        let zeros = |shape: &Vec<usize>| Tensor::zero::<f32>(shape).map(TValue::from);
        let states = self.states.iter().map(zeros).collect::<TractResult<_>>();
        Passage { columns, pushed: 0, states: states.expect("f32 tensors of known shapes") }
    }

    /// Runs the next chunk of `x` (row-major `[channels, columns]`); `None` when the clause is done.
    pub fn step(&self, passage: &mut Passage, x: &[f32]) -> Result<Option<Given>, TtsError> {
        assert_eq!(x.len(), self.channels * passage.columns, "x is [channels, columns]");
        if passage.pushed >= passage.columns + self.lag {
            return Ok(None);
        }
        self.run(passage, x).map(Some).map_err(|e| TtsError::plan(self.name, e))
    }

    fn run(&self, passage: &mut Passage, x: &[f32]) -> TractResult<Given> {
        let (from, columns) = (passage.pushed, passage.columns);
        let fresh = from.min(columns)..(from + self.chunk).min(columns);
        let mut input = Tensor::zero::<f32>(&[1, self.channels, self.chunk])?;
        let rows = x.chunks_exact(columns.max(1));
        let mut view = input.try_as_plain_ram_mut()?;
        for (to, row) in view.as_slice_mut::<f32>()?.chunks_exact_mut(self.chunk).zip(rows) {
            to[..fresh.len()].copy_from_slice(&row[fresh.clone()]);
        }
        let mut valid = Tensor::zero::<f32>(&[1, 1, self.lag + self.chunk])?;
        let mut view = valid.try_as_plain_ram_mut()?;
        for (i, v) in view.as_slice_mut::<f32>()?.iter_mut().enumerate() {
            *v = f32::from((self.lag..self.lag + columns).contains(&(from + i)));
        }
        let mut inputs: TVec<TValue> = tvec!(input.into(), valid.into());
        inputs.append(&mut passage.states);
        let mut outputs = self.plan.run(inputs)?;
        passage.states = outputs.drain(outputs.len() - self.states.len()..).collect();
        passage.pushed += self.chunk;
        let inside = self.lag.clamp(from, from + self.chunk) - from
            ..(self.lag + columns).clamp(from, from + self.chunk) - from;
        Ok(Given { outputs, inside })
    }
}

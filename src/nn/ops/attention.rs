use tract_onnx::tract_hir::internal::*;

use super::{Constants, Spelling, channels, filled, floats};
use crate::nn::attention::{Memory, attend, attend_causal};
use crate::nn::kernels::Kernel;

/// Every query over all keys. ONNX inputs: q, k, v. Attribute `heads`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullAttention {
    kernel: Kernel,
    heads: usize,
}

impl FullAttention {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let op = Self { kernel: spelling.kernel, heads: spelling.heads };
        Ok((Box::new(op), constants.kept(0..3)?))
    }
}

impl Op for FullAttention {
    fn name(&self) -> StaticName {
        "FullAttention".into()
    }
    op_as_typed_op!();
}

impl EvalOp for FullAttention {
    op_out_of_plan!();
    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (q, width) = (floats(&inputs[0])?, inputs[0].shape()[2]);
        let memory = Memory { keys: floats(&inputs[1])?, values: floats(&inputs[2])? };
        ensure!(!memory.keys.is_empty(), "nothing to attend to");
        ensure!(memory.keys.len() == memory.values.len(), "as many keys as values");
        filled(inputs[0].shape(), |y| attend(self.kernel, self.heads, width, q, memory, y))
    }
}

impl TypedOp for FullAttention {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        same_width(inputs, self.heads)?;
        Ok(tvec!(inputs[0].without_value()))
    }
    as_op!();
}

/// Every query over a cache and the new keys up to its own.
///
/// ONNX inputs: q, k, v, cached k, cached v (`[1, capacity, channels]`), and how many steps of the
/// cache are filled (i64 scalar). Attribute `heads`. The cache is only read: its owner appends k and
/// v afterwards, so a step copies one row and never the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedAttention {
    kernel: Kernel,
    heads: usize,
}

impl CachedAttention {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let op = Self { kernel: spelling.kernel, heads: spelling.heads };
        Ok((Box::new(op), constants.kept(0..6)?))
    }
}

impl Op for CachedAttention {
    fn name(&self) -> StaticName {
        "CachedAttention".into()
    }
    op_as_typed_op!();
}

impl EvalOp for CachedAttention {
    op_out_of_plan!();
    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (q, width) = (floats(&inputs[0])?, inputs[0].shape()[2]);
        let filled_steps = inputs[5].cast_to_scalar::<i64>()?;
        let new = Memory { keys: floats(&inputs[1])?, values: floats(&inputs[2])? };
        let cache = Memory { keys: floats(&inputs[3])?, values: floats(&inputs[4])? };
        let cut = usize::try_from(filled_steps).ok().map(|steps| steps * width);
        let capacity = cache.keys.len().min(cache.values.len());
        let cut = cut
            .filter(|cut| *cut <= capacity)
            .with_context(|| format!("{filled_steps} steps in a cache of {}", capacity / width))?;
        ensure!(
            new.keys.len() == q.len() && new.values.len() == q.len(),
            "one new key and value per query"
        );
        let past = Memory { keys: &cache.keys[..cut], values: &cache.values[..cut] };
        filled(inputs[0].shape(), |y| {
            attend_causal(self.kernel, self.heads, width, q, past, new, y)
        })
    }
}

impl TypedOp for CachedAttention {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        same_width(&inputs[..5], self.heads)?;
        Ok(tvec!(inputs[0].without_value()))
    }
    as_op!();
}

fn same_width(inputs: &[&TypedFact], heads: usize) -> TractResult<()> {
    let (_, width) = channels(inputs[0])?;
    ensure!(width > 0 && width.is_multiple_of(heads), "{heads} heads in {width} channels");
    for input in inputs {
        ensure!(channels(input)?.1 == width, "{:?} has not {width} channels", input.shape);
    }
    Ok(())
}

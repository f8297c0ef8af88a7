use tract_onnx::tract_hir::internal::*;

use super::{Constants, Scratch, Spelling, channels, filled, floats};
use crate::nn::attention::{Memory, pack_heads};
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
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (q, width) = (floats(&inputs[0])?, inputs[0].shape()[2]);
        let memory = Memory { keys: floats(&inputs[1])?, values: floats(&inputs[2])? };
        ensure!(!memory.keys.is_empty(), "nothing to attend to");
        ensure!(memory.keys.len() == memory.values.len(), "as many keys as values");
        filled(context, inputs[0].shape(), |y, scratch| {
            let Scratch { team, attention: [mine, others], packed, .. } = scratch;
            let (kernel, rows) = (self.kernel, q.len() / width);
            packed.resize(self.heads, width);
            let half = team.first_half(rows);
            let few = if half < rows { self.heads / 2 } else { self.heads };
            let (first, second) = packed.heads_mut().split_at_mut(few);
            team.join(
                half < rows,
                || pack_heads(kernel, first, memory, width),
                || pack_heads(kernel, second, memory, width),
            );
            let (q, more_q) = q.split_at(half * width);
            let (y, more_y) = y.split_at_mut(half * width);
            let packed = &*packed;
            team.join(
                half < rows,
                || packed.attend(kernel, q, y, mine),
                || packed.attend(kernel, more_q, more_y, others),
            );
        })
    }
}

impl TypedOp for FullAttention {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        same_width(inputs, self.heads)?;
        Ok(tvec!(inputs[0].without_value()))
    }
    as_op!();
}

/// Equal numbers of channels everywhere, in whole heads.
pub(super) fn same_width(inputs: &[&TypedFact], heads: usize) -> TractResult<()> {
    let (_, width) = channels(inputs[0])?;
    ensure!(width > 0 && width.is_multiple_of(heads), "{heads} heads in {width} channels");
    for input in inputs {
        ensure!(channels(input)?.1 == width, "{:?} has not {width} channels", input.shape);
    }
    Ok(())
}

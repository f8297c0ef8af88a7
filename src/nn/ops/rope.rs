use tract_onnx::tract_hir::internal::*;

use super::{Constants, Spelling, channels, filled, floats};
use crate::nn::kernels::Kernel;

/// Rotary position embedding, half-split (Su et al., RoFormer, 2021; pairs stand half a rotation
/// apart).
///
/// ONNX inputs: x, cos `[time, angles]`, sin `[time, angles]`. Attribute `heads`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rope {
    kernel: Kernel,
    heads: usize,
}

impl Rope {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let op = Self { kernel: spelling.kernel, heads: spelling.heads };
        Ok((Box::new(op), constants.kept(0..3)?))
    }
}

impl Op for Rope {
    fn name(&self) -> StaticName {
        "Rope".into()
    }
    op_as_typed_op!();
}

impl EvalOp for Rope {
    op_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (x, cos, sin) = (floats(&inputs[0])?, floats(&inputs[1])?, floats(&inputs[2])?);
        let rows = inputs[0].shape()[1];
        ensure!(
            inputs[1].shape()[0] == rows && inputs[2].shape() == inputs[1].shape(),
            "angles of {:?} for {rows} steps",
            inputs[1].shape()
        );
        filled(context, inputs[0].shape(), |y, _| {
            self.kernel.rope(x, cos, sin, rows, self.heads, y)
        })
    }
}

impl TypedOp for Rope {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (_, width) = channels(inputs[0])?;
        ensure!(inputs[1].rank() == 2 && inputs[2].rank() == 2, "angles are [time, angles]");
        let angles = inputs[1].shape[1].to_usize()?;
        ensure!(
            angles > 0 && width.is_multiple_of(self.heads) && 2 * angles <= width / self.heads,
            "{angles} angles for {} heads in {width} channels",
            self.heads
        );
        Ok(tvec!(inputs[0].without_value()))
    }
    as_op!();
}

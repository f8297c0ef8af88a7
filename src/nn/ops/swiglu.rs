use tract_onnx::tract_hir::internal::*;

use super::{Constants, Spelling, channels, filled, floats, time_major_fact};
use crate::nn::kernels::Kernel;

/// Gated unit: the first half of the channels times SiLU of the second. ONNX input: x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwiGlu {
    kernel: Kernel,
}

impl SwiGlu {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        Ok((Box::new(Self { kernel: spelling.kernel }), constants.kept([0])?))
    }
}

impl Op for SwiGlu {
    fn name(&self) -> StaticName {
        "SwiGlu".into()
    }
    op_as_typed_op!();
}

impl EvalOp for SwiGlu {
    op_out_of_plan!();
    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        let (rows, width) = (inputs[0].shape()[1], inputs[0].shape()[2] / 2);
        filled(&[1, rows, width], |y| self.kernel.swiglu(x, y, width))
    }
}

impl TypedOp for SwiGlu {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (time, width) = channels(inputs[0])?;
        ensure!(width > 0 && width.is_multiple_of(2), "{width} channels have no two halves");
        Ok(time_major_fact(time, width / 2))
    }
    as_op!();
}

use tract_onnx::tract_hir::internal::*;

use super::{Constants, Spelling, channels, filled, floats};
use crate::nn::kernels::Kernel;

/// What keeps the root of a vanishing variance finite: PyTorch's default, which the model was
/// trained with.
const EPSILON: f32 = 1e-5;

/// Normalises every step of time, times a gain. ONNX inputs: x, gain.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    kernel: Kernel,
    gain: Vec<f32>,
}

impl LayerNorm {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let op = Self { kernel: spelling.kernel, gain: constants.floats(1)? };
        Ok((Box::new(op), constants.kept([0])?))
    }
}

// A gain holds no NaN.
impl Eq for LayerNorm {}

impl Op for LayerNorm {
    fn name(&self) -> StaticName {
        "LayerNorm".into()
    }
    op_as_typed_op!();
}

impl EvalOp for LayerNorm {
    op_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        filled(context, inputs[0].shape(), |y, _| self.kernel.layer_norm(x, &self.gain, EPSILON, y))
    }
}

impl TypedOp for LayerNorm {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (_, width) = channels(inputs[0])?;
        ensure!(width == self.gain.len(), "{width} channels, {} gains", self.gain.len());
        Ok(tvec!(inputs[0].without_value()))
    }
    as_op!();
}

/// Normalises a whole clip together (group norm with one group), then scales and shifts per
/// channel. ONNX inputs: x, gain, shift.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipNorm {
    kernel: Kernel,
    gain: Vec<f32>,
    shift: Vec<f32>,
}

impl ClipNorm {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let (gain, shift) = (constants.floats(1)?, constants.floats(2)?);
        ensure!(gain.len() == shift.len(), "{} gains, {} shifts", gain.len(), shift.len());
        Ok((Box::new(Self { kernel: spelling.kernel, gain, shift }), constants.kept([0])?))
    }
}

// Gain and shift hold no NaN.
impl Eq for ClipNorm {}

impl Op for ClipNorm {
    fn name(&self) -> StaticName {
        "ClipNorm".into()
    }
    op_as_typed_op!();
}

impl EvalOp for ClipNorm {
    op_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        filled(context, inputs[0].shape(), |y, _| {
            self.kernel.clip_norm(x, &self.gain, &self.shift, EPSILON, y)
        })
    }
}

impl TypedOp for ClipNorm {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (_, width) = channels(inputs[0])?;
        ensure!(width == self.gain.len(), "{width} channels, {} gains", self.gain.len());
        Ok(tvec!(inputs[0].without_value()))
    }
    as_op!();
}

//! Operators that see one number, or one pair of numbers, at a time.

use tract_onnx::tract_hir::internal::*;

use super::{Constants, Spelling, channels, filled, floats, time_major_fact};
use crate::nn::kernels::{Activation, Kernel};

/// One activation for every value. ONNX input: x. Attribute `activation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activate {
    kernel: Kernel,
    activation: Activation,
}

impl Activate {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let Spelling { kernel, activation, .. } = *spelling;
        Ok((Box::new(Self { kernel, activation }), constants.kept([0])?))
    }
}

impl Op for Activate {
    fn name(&self) -> StaticName {
        "Activate".into()
    }
    op_as_typed_op!();
}

impl EvalOp for Activate {
    op_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        filled(context, inputs[0].shape(), |y, _| {
            y.copy_from_slice(x);
            self.kernel.activate(y, self.activation);
        })
    }
}

impl TypedOp for Activate {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        channels(inputs[0])?;
        Ok(tvec!(inputs[0].without_value()))
    }
    as_op!();
}

/// What becomes of a pair: one number of the first half of the channels and one of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pairing {
    /// Gated unit: the first times SiLU of the second.
    SwiGlu,
    /// Size of the complex number with the first as real, the second as imaginary part.
    Magnitude,
}

/// One number for every pair. ONNX input: x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairwise {
    kernel: Kernel,
    pairing: Pairing,
}

impl Pairwise {
    pub(super) fn make_swiglu(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        Self::make(Pairing::SwiGlu, spelling, constants)
    }

    pub(super) fn make_magnitude(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        Self::make(Pairing::Magnitude, spelling, constants)
    }

    fn make(
        pairing: Pairing,
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        Ok((Box::new(Self { kernel: spelling.kernel, pairing }), constants.kept([0])?))
    }
}

impl Op for Pairwise {
    fn name(&self) -> StaticName {
        match self.pairing {
            Pairing::SwiGlu => "SwiGlu".into(),
            Pairing::Magnitude => "Magnitude".into(),
        }
    }
    op_as_typed_op!();
}

impl EvalOp for Pairwise {
    op_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        let (rows, width) = (inputs[0].shape()[1], inputs[0].shape()[2] / 2);
        filled(context, &[1, rows, width], |y, _| match self.pairing {
            Pairing::SwiGlu => self.kernel.swiglu(x, y, width),
            Pairing::Magnitude => self.kernel.magnitude(x, y, width),
        })
    }
}

impl TypedOp for Pairwise {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (time, width) = channels(inputs[0])?;
        ensure!(width > 0 && width.is_multiple_of(2), "{width} channels have no two halves");
        Ok(time_major_fact(time, width / 2))
    }
    as_op!();
}

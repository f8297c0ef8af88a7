use std::sync::Arc;

use tract_onnx::tract_hir::internal::*;

use super::{Constants, Spelling, channels, filled, floats, time_major, time_major_fact};
use crate::nn::kernels::Activation;
use crate::nn::linear::{ByteLinear, Quantised, WindowLinear};

/// [`ByteLinear`] on every step of time, with activation and an optional residual.
///
/// ONNX inputs: x, weight u8 `[inputs, outputs]`, scale, zero point u8, bias, and the residual if
/// there is one. Attribute `activation`.
#[derive(Debug, Clone)]
pub struct QuantLinear {
    layer: Arc<ByteLinear>,
    activation: Activation,
    residual: bool,
}

impl QuantLinear {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let weight = Weight::read(constants)?;
        let layer = Arc::new(ByteLinear::pack(spelling.kernel, &weight.view()?));
        let residual = constants.count() > 5;
        let kept = constants.kept([0].into_iter().chain(residual.then_some(5)))?;
        Ok((Box::new(Self { layer, activation: spelling.activation, residual }), kept))
    }

    /// The packed weights, shared.
    pub fn layer(&self) -> &Arc<ByteLinear> {
        &self.layer
    }
}

/// The four constants of a linear layer, alive while they are packed.
struct Weight {
    bytes: Arc<Tensor>,
    scale: f32,
    zero: u8,
    bias: Vec<f32>,
}

impl Weight {
    fn read(constants: &Constants) -> TractResult<Self> {
        let scalar = "scale and zero point are single numbers";
        let (bytes, zero) = (constants.tensor(1)?, constants.tensor(3)?);
        let weight = Self {
            scale: *constants.floats(2)?.first().context(scalar)?,
            zero: *zero.try_as_plain_ram()?.as_slice::<u8>()?.first().context(scalar)?,
            bias: constants.floats(4)?,
            bytes,
        };
        let shape = weight.bytes.shape();
        ensure!(
            shape.len() == 2 && shape[0] > 0 && shape[1] == weight.bias.len() && shape[1] > 0,
            "weight {shape:?} does not fit a bias of {}",
            weight.bias.len()
        );
        Ok(weight)
    }

    fn view(&self) -> TractResult<Quantised<'_>> {
        let bytes = self.bytes.try_as_plain_ram()?.as_slice()?;
        Ok(Quantised { bytes, scale: self.scale, zero: self.zero, bias: &self.bias })
    }
}

impl PartialEq for QuantLinear {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer)
            && self.activation == other.activation
            && self.residual == other.residual
    }
}

impl Eq for QuantLinear {}

impl Op for QuantLinear {
    fn name(&self) -> StaticName {
        "QuantLinear".into()
    }
    op_as_typed_op!();
}

impl EvalOp for QuantLinear {
    op_out_of_plan!();
    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        let residual = inputs.get(1).map_or(Ok(&[][..]), |residual| floats(residual))?;
        filled(&[1, inputs[0].shape()[1], self.layer.outputs()], |y| {
            self.layer.run(x, self.activation, residual, y)
        })
    }
}

impl TypedOp for QuantLinear {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (time, width) = channels(inputs[0])?;
        ensure!(width == self.layer.inputs(), "{width} channels for {}", self.layer.inputs());
        let facts = time_major_fact(time, self.layer.outputs());
        if self.residual {
            ensure!(time_major(inputs[1])? == time_major(&facts[0])?, "residual has another shape");
        }
        Ok(facts)
    }
    as_op!();
}

/// [`WindowLinear`] along time: a convolution without padding.
///
/// ONNX inputs: x, weight u8 `[kernel * channels, outputs]`, scale, zero point u8, bias. Attributes
/// `stride` (in steps of time) and `activation`.
#[derive(Debug, Clone)]
pub struct TimeConv {
    layer: Arc<WindowLinear>,
    channels: usize,
    activation: Activation,
}

impl TimeConv {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let kept = constants.kept([0])?;
        let (_, channels) = channels(constants.model.outlet_fact(kept[0])?)?;
        let weight = Weight::read(constants)?;
        let stride = spelling.stride * channels;
        let layer = Arc::new(WindowLinear::pack(spelling.kernel, &weight.view()?, stride));
        Ok((Box::new(Self { layer, channels, activation: spelling.activation }), kept))
    }
}

impl PartialEq for TimeConv {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer) && self.activation == other.activation
    }
}

impl Eq for TimeConv {}

impl Op for TimeConv {
    fn name(&self) -> StaticName {
        "TimeConv".into()
    }
    op_as_typed_op!();
}

impl EvalOp for TimeConv {
    op_out_of_plan!();
    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        filled(&[1, self.layer.rows(x.len()), self.layer.outputs()], |y| {
            self.layer.run(x, self.activation, y)
        })
    }
}

impl TypedOp for TimeConv {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (time, width) = channels(inputs[0])?;
        ensure!(width == self.channels, "{width} channels for {}", self.channels);
        let kernel = self.layer.window() / width;
        let steps = (time - kernel) / (self.layer.stride() / width) + 1;
        Ok(time_major_fact(steps, self.layer.outputs()))
    }
    as_op!();
}

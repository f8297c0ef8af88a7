use std::sync::Arc;

use tract_onnx::tract_hir::internal::*;

use super::{
    Constants, Scratch, Spelling, channels, filled, floats, padded, time_major, time_major_fact,
    windows,
};
use crate::nn::kernels::Activation;
use crate::nn::linear::{ByteLinear, MAX_BYTE_INPUTS, Quantised, WindowLinear};

/// [`ByteLinear`] along time, with activation and an optional residual.
///
/// As `QuantLinear` on every step. ONNX inputs: x, weight u8 `[inputs, outputs]`, scale (one, or
/// one per output), zero point u8, bias, and the residual if there is one. Attributes `activation`
/// and `input_bits` (8 or 16).
///
/// As `QuantConv` on windows of some steps: a convolution without padding. ONNX inputs: x, weight
/// u8 `[kernel * channels, outputs]`, scale, zero point u8, bias. Attributes `stride` (in steps of
/// time), `activation` and `input_bits`.
#[derive(Debug, Clone)]
pub struct QuantLinear {
    layer: Arc<ByteLinear>,
    /// Of the input.
    channels: usize,
    activation: Activation,
    residual: bool,
}

impl QuantLinear {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let weight = Weight::read(constants)?;
        let (weight, bits) = (weight.view()?, spelling.input_bits);
        let stride = weight.bytes.len() / weight.bias.len();
        let layer = ByteLinear::pack_windows(spelling.kernel, &weight, stride, bits);
        let residual = constants.count() > 5;
        let kept = constants.kept([0].into_iter().chain(residual.then_some(5)))?;
        let channels = layer.inputs();
        Ok((Box::new(Self::new(layer, channels, spelling, residual)), kept))
    }

    pub(super) fn make_conv(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let kept = constants.kept([0])?;
        let (_, channels) = channels(constants.model.outlet_fact(kept[0])?)?;
        let weight = Weight::read(constants)?;
        whole_channels(&weight.bytes, channels)?;
        let stride = spelling.stride * channels;
        let bits = spelling.input_bits;
        let layer = ByteLinear::pack_windows(spelling.kernel, &weight.view()?, stride, bits);
        Ok((Box::new(Self::new(layer, channels, spelling, false)), kept))
    }

    fn new(layer: ByteLinear, channels: usize, spelling: &Spelling, residual: bool) -> Self {
        Self { layer: Arc::new(layer), channels, activation: spelling.activation, residual }
    }

    /// The packed weights, shared.
    pub fn layer(&self) -> &Arc<ByteLinear> {
        &self.layer
    }
}

/// The four constants of a quantised layer, alive while they are packed.
struct Weight {
    bytes: Arc<Tensor>,
    scales: Vec<f32>,
    zero: u8,
    bias: Vec<f32>,
}

impl Weight {
    fn read(constants: &Constants) -> TractResult<Self> {
        let (bytes, zero) = (constants.tensor(1)?, constants.tensor(3)?);
        let mut weight = Self {
            scales: constants.floats(2)?,
            zero: *zero
                .try_as_plain_ram()?
                .as_slice::<u8>()?
                .first()
                .context("a zero point is a number")?,
            bias: constants.floats(4)?,
            bytes,
        };
        let outputs = weight.bias.len();
        fits(&weight.bytes, outputs)?;
        let inputs = weight.bytes.shape()[0];
        ensure!(inputs <= MAX_BYTE_INPUTS, "{inputs} inputs, at most {MAX_BYTE_INPUTS}");
        if let [scale] = *weight.scales {
            weight.scales = vec![scale; outputs];
        }
        ensure!(
            weight.scales.len() == outputs,
            "{} scales, {outputs} outputs",
            weight.scales.len()
        );
        Ok(weight)
    }

    fn view(&self) -> TractResult<Quantised<'_>> {
        let bytes = self.bytes.try_as_plain_ram()?.as_slice()?;
        Ok(Quantised { bytes, scales: &self.scales, zero: self.zero, bias: &self.bias })
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
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        let residual = inputs.get(1).map_or(Ok(&[][..]), |residual| floats(residual))?;
        let rows = self.layer.rows(x.len());
        filled(context, &[1, rows, self.layer.outputs()], |y, scratch| {
            let Scratch { team, linear: [mine, others], .. } = scratch;
            let half = team.first_half(rows);
            let cut = half * self.layer.outputs();
            let (y, more_y) = y.split_at_mut(cut);
            let (residual, more_residual) = residual.split_at(cut.min(residual.len()));
            let (x, more_x) = self.layer.split(x, half);
            let (layer, activation) = (&self.layer, self.activation);
            team.join(
                half < rows,
                || layer.run(x, activation, residual, y, mine),
                || layer.run(more_x, activation, more_residual, more_y, others),
            );
        })
    }
}

impl TypedOp for QuantLinear {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (time, width) = channels(inputs[0])?;
        ensure!(width == self.channels, "{width} channels for {}", self.channels);
        let steps = windows(time, self.layer.inputs() / width, self.layer.stride() / width);
        let facts = time_major_fact(steps, self.layer.outputs());
        if self.residual {
            ensure!(time_major(inputs[1])? == time_major(&facts[0])?, "residual has another shape");
        }
        Ok(facts)
    }
    as_op!();
}

/// [`WindowLinear`] along time: a convolution in floats.
///
/// ONNX inputs: x, weight f32 `[kernel * channels, outputs]`, bias. Attributes `stride` and `pad`
/// (in steps of time; zeros on either side) and `activation`.
#[derive(Debug, Clone)]
pub struct TimeConv {
    layer: Arc<WindowLinear>,
    channels: usize,
    pad: usize,
    activation: Activation,
}

impl TimeConv {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let kept = constants.kept([0])?;
        let (_, channels) = channels(constants.model.outlet_fact(kept[0])?)?;
        let (weight, bias) = (constants.tensor(1)?, constants.floats(2)?);
        fits(&weight, bias.len())?;
        whole_channels(&weight, channels)?;
        let stride = spelling.stride * channels;
        let layer = WindowLinear::pack(spelling.kernel, floats(&weight)?, &bias, stride);
        let Spelling { pad, activation, .. } = *spelling;
        Ok((Box::new(Self { layer: Arc::new(layer), channels, pad, activation }), kept))
    }
}

impl PartialEq for TimeConv {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer)
            && self.pad == other.pad
            && self.activation == other.activation
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
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        let pad = self.pad * self.channels;
        let rows = self.layer.rows(x.len() + 2 * pad);
        filled(context, &[1, rows, self.layer.outputs()], |y, Scratch { joined, .. }| {
            self.layer.run(padded(x, pad, joined), self.activation, y);
        })
    }
}

impl TypedOp for TimeConv {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (time, width) = channels(inputs[0])?;
        ensure!(width == self.channels, "{width} channels for {}", self.channels);
        let (kernel, stride) = (self.layer.window() / width, self.layer.stride() / width);
        let steps = windows(time + 2 * self.pad, kernel, stride);
        Ok(time_major_fact(steps, self.layer.outputs()))
    }
    as_op!();
}

/// The inputs of a convolution are whole steps of `channels`.
fn whole_channels(weight: &Tensor, channels: usize) -> TractResult<()> {
    let inputs = weight.shape()[0];
    ensure!(
        channels > 0 && inputs.is_multiple_of(channels),
        "{inputs} inputs are no whole steps of {channels} channels"
    );
    Ok(())
}

/// A weight is `[inputs, outputs]`, none of them zero.
fn fits(weight: &Tensor, outputs: usize) -> TractResult<()> {
    let shape = weight.shape();
    ensure!(
        shape.len() == 2 && shape[0] > 0 && shape[1] == outputs && outputs > 0,
        "weight {shape:?} does not fit a bias of {outputs}"
    );
    Ok(())
}

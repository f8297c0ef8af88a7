use std::sync::{Arc, Mutex};

use tract_onnx::tract_hir::internal::*;

use super::{
    Constants, Scratch, Spelling, channels, filled, floats, padded, time_major_fact, windows,
};
use crate::nn::kernels::Kernel;
use crate::nn::stream::StreamMemory;

/// Weights of a convolution that keeps its channels apart.
#[derive(Debug)]
struct Depthwise {
    kernel: Kernel,
    /// A row of channels per tap.
    weight: Vec<f32>,
    bias: Vec<f32>,
    /// Steps from tap to tap.
    dilation: usize,
}

impl Depthwise {
    fn read(spelling: &Spelling, constants: &Constants) -> TractResult<Self> {
        let (weight, bias) = (constants.tensor(1)?, constants.floats(2)?);
        let shape = weight.shape();
        ensure!(
            shape.len() == 2 && shape[0] > 0 && shape[1] == bias.len() && !bias.is_empty(),
            "weight {shape:?} does not fit {} channels",
            bias.len()
        );
        let Spelling { kernel, dilation, .. } = *spelling;
        Ok(Self { kernel, weight: floats(&weight)?.to_vec(), bias, dilation })
    }

    fn channels(&self) -> usize {
        self.bias.len()
    }

    fn taps(&self) -> usize {
        self.weight.len() / self.channels()
    }

    /// Steps from the first to the last input of a window.
    fn span(&self) -> usize {
        (self.taps() - 1) * self.dilation
    }

    fn run(&self, x: &[f32], y: &mut [f32]) {
        self.kernel.depthwise(x, &self.weight, &self.bias, self.dilation, y);
    }

    /// The steps of an input that has these channels.
    fn steps(&self, x: &TypedFact) -> TractResult<TDim> {
        let (time, width) = channels(x)?;
        ensure!(width == self.channels(), "{width} channels for {}", self.channels());
        Ok(time)
    }
}

/// A convolution along time that keeps its channels apart. ONNX inputs: x, weight f32
/// `[kernel, channels]`, bias. Attributes `pad` (in steps of time; zeros on either side) and
/// `dilation`.
#[derive(Debug, Clone)]
pub struct DepthConv {
    layer: Arc<Depthwise>,
    pad: usize,
}

impl DepthConv {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let layer = Arc::new(Depthwise::read(spelling, constants)?);
        Ok((Box::new(Self { layer, pad: spelling.pad }), constants.kept([0])?))
    }
}

impl PartialEq for DepthConv {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer) && self.pad == other.pad
    }
}

impl Eq for DepthConv {}

impl Op for DepthConv {
    fn name(&self) -> StaticName {
        "DepthConv".into()
    }
    op_as_typed_op!();
}

impl EvalOp for DepthConv {
    op_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (x, width) = (floats(&inputs[0])?, self.layer.channels());
        let rows = (x.len() / width + 2 * self.pad).saturating_sub(self.layer.span());
        filled(context, &[1, rows, width], |y, Scratch { joined, .. }| {
            self.layer.run(padded(x, self.pad * width, joined), y);
        })
    }
}

impl TypedOp for DepthConv {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let time = self.layer.steps(inputs[0])? + 2 * self.pad;
        Ok(time_major_fact(windows(time, self.layer.span() + 1, 1), self.layer.channels()))
    }
    as_op!();
}

/// As [`DepthConv`] on a stream that comes in pieces, with as many zeros around it as keep its
/// length. ONNX inputs: x, weight f32 `[kernel, channels]` with an odd kernel, bias. Attributes
/// `layer` and `dilation`.
///
/// Two outputs: the steps whose windows are complete, and the inputs in the middle of those
/// windows, for what goes round the convolution. The owner of the session shares an
/// `Arc<Mutex<StreamMemory>>` with it, in which each layer keeps its last inputs.
#[derive(Debug, Clone)]
pub struct DepthStream {
    layer: Arc<Depthwise>,
    /// Whose rows of the memory these are.
    index: usize,
    /// How many windows a piece completes: known when it runs.
    steps: TDim,
}

impl DepthStream {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let layer = Depthwise::read(spelling, constants)?;
        ensure!(!layer.taps().is_multiple_of(2), "{} taps have no middle", layer.taps());
        let steps = constants.model.symbols.new_with_prefix("steps").to_dim();
        let op = Self { layer: Arc::new(layer), index: spelling.layer, steps };
        Ok((Box::new(op), constants.kept([0])?))
    }
}

impl PartialEq for DepthStream {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer) && self.index == other.index
    }
}

impl Eq for DepthStream {}

impl Op for DepthStream {
    fn name(&self) -> StaticName {
        "DepthStream".into()
    }
    op_as_typed_op!();
}

impl EvalOp for DepthStream {
    not_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let shared = context.shared.and_then(|shared| shared.get::<Arc<Mutex<StreamMemory>>>());
        let shared = shared.context("the session shares no stream memory")?;
        let mut memory = shared.lock().map_err(|_| format_err!("a run of this stream panicked"))?;
        ensure!(self.index < memory.layers(), "no layer {}", self.index);
        let (width, reach) = (self.layer.channels(), self.layer.span() / 2);
        let x = memory.push(self.index, floats(&inputs[0])?, width, reach);
        let rows = (x.len() / width).saturating_sub(2 * reach);
        let mut outputs = filled(context, &[1, rows, width], |y, _| self.layer.run(x, y))?;
        outputs.extend(filled(context, &[1, rows, width], |middle, _| {
            middle.copy_from_slice(&x[reach * width..][..rows * width]);
        })?);
        Ok(outputs)
    }
}

impl TypedOp for DepthStream {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.layer.steps(inputs[0])?;
        let mut facts = time_major_fact(self.steps.clone(), self.layer.channels());
        facts.push(facts[0].clone());
        Ok(facts)
    }
    as_op!();
}

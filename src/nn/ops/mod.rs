//! Our operators as tract sees them: domain `ai.mynah` of the converted models.
//!
//! Values are time-major, `[1, time, channels]`. Each operator is a thin shell: it checks shapes,
//! and hands slices to [`super::linear`], [`super::attention`] or a [`Kernel`]. What it computes
//! into comes from the [`Workspace`] of its session. A wrong graph is an error when it is loaded,
//! not a panic when it runs.

mod attention;
mod decoding;
mod depthwise;
mod linear;
mod lstm;
mod norm;
mod pointwise;
mod rope;

use std::sync::Arc;

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

pub use attention::FullAttention;
pub use decoding::{DecoderMemory, SoundAttention, TokenAttention};
pub use depthwise::{DepthConv, DepthStream};
pub use linear::{QuantLinear, TimeConv};
pub use lstm::LstmCell;
pub use norm::{ClipNorm, LayerNorm};
pub use pointwise::{Activate, Pairwise};
pub use rope::Rope;

use super::kernels::{Activation, Kernel};
use super::linear::InputBits;
use super::workspace::{Scratch, Workspace};

/// Makes every operator known to the ONNX reader.
pub fn register(known: &mut OnnxOpRegister) {
    known.insert("QuantLinear", |_, node| parse(node, QuantLinear::make));
    known.insert("TimeConv", |_, node| parse(node, TimeConv::make));
    known.insert("ClipNorm", |_, node| parse(node, ClipNorm::make));
    known.insert("LayerNorm", |_, node| parse(node, LayerNorm::make));
    known.insert("Rope", |_, node| parse(node, Rope::make));
    known.insert("FullAttention", |_, node| parse(node, FullAttention::make));
    known.insert("TokenAttention", |_, node| parse(node, TokenAttention::make));
    known.insert("SoundAttention", |_, node| parse(node, SoundAttention::make));
    known.insert("SwiGlu", |_, node| parse(node, Pairwise::make_swiglu));
    known.insert("Activate", |_, node| parse(node, Activate::make));
    known.insert("Magnitude", |_, node| parse(node, Pairwise::make_magnitude));
    known.insert("LstmCell", |_, node| parse(node, LstmCell::make));
    known.insert("DepthConv", |_, node| parse(node, DepthConv::make));
    known.insert("DepthStream", |_, node| parse(node, DepthStream::make));
    known.insert("QuantConv", |_, node| parse(node, QuantLinear::make_conv));
}

/// Makes an operator from its attributes and constant inputs, and says which inputs stay.
type Make = fn(&Spelling, &Constants) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)>;

/// One of our operators as the file spells it, before its constants are known.
#[derive(Debug, Clone)]
struct Spelling {
    op: String,
    kernel: Kernel,
    activation: Activation,
    stride: usize,
    pad: usize,
    dilation: usize,
    heads: usize,
    layer: usize,
    input_bits: InputBits,
    /// How many values it gives.
    outputs: usize,
    make: Make,
}

fn parse(node: &NodeProto, make: Make) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let activation = node.get_attr_opt::<String>("activation")?;
    let activation = activation.as_deref().unwrap_or(Activation::None.name());
    let known = Activation::ALL.into_iter().find(|known| known.name() == activation);
    let names = || Activation::ALL.map(Activation::name).join(", ");
    let activation =
        known.with_context(|| format!("activation `{activation}` is not one of {}", names()))?;
    let spelling = Spelling {
        op: node.op_type.clone(),
        kernel: Kernel::current()?,
        activation,
        stride: node.get_attr_opt("stride")?.unwrap_or(1),
        pad: node.get_attr_opt("pad")?.unwrap_or(0),
        dilation: node.get_attr_opt("dilation")?.unwrap_or(1),
        heads: node.get_attr_opt("heads")?.unwrap_or(1),
        layer: node.get_attr_opt("layer")?.unwrap_or(0),
        input_bits: match node.get_attr_opt("input_bits")?.unwrap_or(8) {
            8 => InputBits::Eight,
            16 => InputBits::Sixteen,
            other => bail!("inputs of {other} bits; known are 8 and 16"),
        },
        outputs: node.output.len(),
        make,
    };
    ensure!(
        spelling.stride > 0 && spelling.dilation > 0 && spelling.heads > 0,
        "stride, dilation and heads must be positive"
    );
    Ok((expand(spelling), vec![]))
}

impl Expansion for Spelling {
    fn name(&self) -> StaticName {
        self.op.clone().into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.outputs)
    }

    /// Shapes are left to the typed operators, which know their weights.
    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        _inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        outputs.iter().try_for_each(|output| s.equals(&output.datum_type, f32::datum_type()))
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let (op, kept) = (self.make)(self, &Constants { model, inputs })?;
        model.wire_node(prefix, op, &kept)
    }
}

/// The inputs of an operator that is being made.
struct Constants<'a> {
    model: &'a TypedModel,
    inputs: &'a [OutletId],
}

impl Constants<'_> {
    /// The inputs at these places: those that stay inputs of the operator.
    fn kept(&self, places: impl IntoIterator<Item = usize>) -> TractResult<TVec<OutletId>> {
        places.into_iter().map(|place| self.at(place)).collect()
    }

    fn count(&self) -> usize {
        self.inputs.len()
    }

    fn at(&self, place: usize) -> TractResult<OutletId> {
        self.inputs.get(place).copied().with_context(|| format!("input {place} is missing"))
    }

    fn tensor(&self, place: usize) -> TractResult<Arc<Tensor>> {
        let fact = self.model.outlet_fact(self.at(place)?)?;
        fact.konst.clone().with_context(|| format!("input {place} must be constant"))
    }

    fn floats(&self, place: usize) -> TractResult<Vec<f32>> {
        Ok(floats(&*self.tensor(place)?)?.to_vec())
    }
}

fn floats(tensor: &Tensor) -> TractResult<&[f32]> {
    tensor.try_as_plain_ram()?.as_slice()
}

/// Computes an f32 tensor of `shape`; `fill` writes every value.
fn filled(
    context: &EvalContext,
    shape: &[usize],
    fill: impl FnOnce(&mut [f32], &mut Scratch),
) -> TractResult<TVec<TValue>> {
    Ok(tvec!(Workspace::with(context, |workspace| workspace.fill(shape, fill))?))
}

/// Time and channels of `[1, time, channels]`.
fn time_major(fact: &TypedFact) -> TractResult<(TDim, TDim)> {
    ensure!(
        fact.rank() == 3 && fact.shape[0].is_one() && fact.datum_type == f32::datum_type(),
        "expected f32 [1, time, channels], found {fact:?}"
    );
    Ok((fact.shape[1].clone(), fact.shape[2].clone()))
}

/// [`time_major`] with a known number of channels.
fn channels(fact: &TypedFact) -> TractResult<(TDim, usize)> {
    let (time, channels) = time_major(fact)?;
    Ok((time, channels.to_usize()?))
}

/// How many windows of `kernel` steps, one every `stride`, there are in `time` steps.
fn windows(time: TDim, kernel: usize, stride: usize) -> TDim {
    (time - kernel) / stride + 1
}

/// `x` with `pad` zeros on either side, put together in `joined` where there are any.
fn padded<'a>(x: &'a [f32], pad: usize, joined: &'a mut Vec<f32>) -> &'a [f32] {
    if pad == 0 {
        return x;
    }
    joined.clear();
    joined.resize(pad, 0.0);
    joined.extend_from_slice(x);
    joined.resize(x.len() + 2 * pad, 0.0);
    joined
}

fn time_major_fact(time: TDim, channels: usize) -> TVec<TypedFact> {
    tvec!(f32::fact([1.to_dim(), time, channels.to_dim()]))
}

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard};

use tract_onnx::tract_hir::internal::*;

use super::attention::same_width;
use super::{Constants, Spelling, filled, floats};
use crate::nn::attention::attend_paths;
use crate::nn::byte_memory::ByteMemory;
use crate::nn::kernels::Kernel;
use crate::nn::tree::TokenTree;

/// What a decoder attends to, beside the tokens it is being given.
///
/// It is no input of the graph, so that a step moves no more than its own rows; the owner of the
/// session shares it with the operators as an `Arc<Mutex<DecoderMemory>>`.
#[derive(Debug, Default)]
pub struct DecoderMemory {
    /// The tokens so far. The owner grows it before a run; every layer then fills in its own rows.
    pub tokens: TokenTree,
    /// The sound, per layer.
    pub sound: Arc<Vec<ByteMemory>>,
}

fn memory<'a>(context: &EvalContext<'a>) -> TractResult<MutexGuard<'a, DecoderMemory>> {
    let shared = context.shared.and_then(|shared| shared.get::<Arc<Mutex<DecoderMemory>>>());
    let shared = shared.context("the session shares no decoder memory")?;
    shared.lock().map_err(|_| format_err!("a run through this memory panicked"))
}

/// Every new token over the tokens on its path, itself included. ONNX inputs: q, k, v. Attributes
/// `heads`, `layer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAttention {
    kernel: Kernel,
    heads: usize,
    layer: usize,
}

impl TokenAttention {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let Spelling { kernel, heads, layer, .. } = *spelling;
        Ok((Box::new(Self { kernel, heads, layer }), constants.kept(0..3)?))
    }
}

impl Op for TokenAttention {
    fn name(&self) -> StaticName {
        "TokenAttention".into()
    }
    op_as_typed_op!();
}

impl EvalOp for TokenAttention {
    not_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (q, width) = (floats(&inputs[0])?, inputs[0].shape()[2]);
        let (keys, values) = (floats(&inputs[1])?, floats(&inputs[2])?);
        let tokens = &mut memory(context)?.tokens;
        let grown = (tokens.layers(), tokens.width(), tokens.grown_count());
        ensure!(
            self.layer < grown.0 && width == grown.1 && q.len() == width * grown.2,
            "{} numbers of layer {} for a tree grown by {} tokens of {} in {} layers",
            q.len(),
            self.layer,
            grown.2,
            grown.1,
            grown.0
        );
        ensure!(keys.len() == q.len() && values.len() == q.len(), "a key and value per query");
        tokens.set(self.layer, keys, values);
        filled(context, inputs[0].shape(), |y, scratch| {
            let scratch = &mut scratch.attention[0];
            scratch.reserve(self.heads, tokens.capacity());
            let seen = (tokens.layer(self.layer), tokens.grown_paths());
            attend_paths(self.kernel, self.heads, width, q, seen, y, scratch)
        })
    }
}

impl TypedOp for TokenAttention {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        same_width(inputs, self.heads)?;
        Ok(tvec!(inputs[0].without_value()))
    }
    as_op!();
}

/// Every new token over the whole sound. ONNX input: q. Attributes `heads`, `layer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundAttention {
    kernel: Kernel,
    heads: usize,
    layer: usize,
}

impl SoundAttention {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let Spelling { kernel, heads, layer, .. } = *spelling;
        Ok((Box::new(Self { kernel, heads, layer }), constants.kept([0])?))
    }
}

impl Op for SoundAttention {
    fn name(&self) -> StaticName {
        "SoundAttention".into()
    }
    op_as_typed_op!();
}

impl EvalOp for SoundAttention {
    not_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (q, width) = (floats(&inputs[0])?, inputs[0].shape()[2]);
        let sound = Arc::clone(&memory(context)?.sound);
        let sound = sound.get(self.layer).with_context(|| format!("no layer {}", self.layer))?;
        ensure!(
            sound.width() == width && sound.heads() == self.heads,
            "sound in {} heads of {} channels together, {} of {width} expected",
            sound.heads(),
            sound.width(),
            self.heads
        );
        filled(context, inputs[0].shape(), |y, scratch| {
            sound.attend(self.kernel, q, y, &mut scratch.byte_memory)
        })
    }
}

impl TypedOp for SoundAttention {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        same_width(inputs, self.heads)?;
        Ok(tvec!(inputs[0].without_value()))
    }
    as_op!();
}

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::rope::Angles;
use super::{AsrError, Cross, Meta};
use crate::models::ModelStore;
use crate::nn::linear::ByteLinear;
use crate::nn::ops::QuantLinear;
use crate::nn::{self, Plan};

/// One token and everything before it → the logits of the next.
pub struct Decoder {
    state: TypedSimpleState,
    /// The vocabulary head, whose columns are the embeddings of the tokens.
    head: Arc<ByteLinear>,
    meta: Meta,
    angles: Angles,
}

/// Self-attention keys and values of a token sequence, for every layer.
///
/// A clone shares the memory; the first step on either side copies it, so that hypotheses can part.
#[derive(Clone)]
pub struct Cache {
    /// `[1, capacity, hidden]` each, layer by layer, key first.
    parts: TVec<Arc<Tensor>>,
    len: usize,
}

impl Cache {
    /// Tokens inside.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn capacity(&self) -> usize {
        self.parts.first().map_or(0, |part| part.shape()[1])
    }

    /// Appends one row to every part.
    fn append(&mut self, rows: &[TValue]) -> TractResult<()> {
        for (part, row) in self.parts.iter_mut().zip(rows) {
            if Arc::get_mut(part).is_none() {
                *part = Arc::new(part.deep_clone());
            }
            let part = Arc::get_mut(part).context("a part of the cache is shared")?;
            let row = row.try_as_plain_ram()?.as_slice::<f32>()?;
            let at = self.len * row.len();
            part.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?[at..at + row.len()]
                .copy_from_slice(row);
        }
        self.len += 1;
        Ok(())
    }
}

impl Decoder {
    pub fn load(models: &ModelStore, meta: &Meta) -> Result<Self, AsrError> {
        let file = "asr/decoder.onnx";
        let plan: Arc<Plan> = nn::load(file, &models.bytes(file)?)?;
        let logits = plan.model().output_outlets().map_err(AsrError::run)?[0].node;
        let head = plan.model().node(logits).op_as::<QuantLinear>().map(QuantLinear::layer);
        let damaged = |why: &str| AsrError::Damaged { file, why: why.to_owned() };
        let head = Arc::clone(head.ok_or_else(|| damaged("its output is no vocabulary head"))?);
        if head.inputs() != meta.hidden || head.outputs() != meta.vocabulary {
            return Err(damaged("the vocabulary head does not have the size meta.json gives"));
        }
        Ok(Self {
            state: plan.spawn().map_err(AsrError::run)?,
            head,
            meta: meta.clone(),
            angles: Angles::new(meta.rope_inv_freq.clone()),
        })
    }

    /// An empty cache for at most `capacity` tokens.
    pub fn cache(&self, capacity: usize) -> Result<Cache, AsrError> {
        let shape = [1, capacity, self.meta.hidden];
        let part = || Tensor::zero::<f32>(&shape).map(Arc::new).map_err(AsrError::run);
        let parts = (0..2 * self.meta.layers).map(|_| part()).collect::<Result<_, _>>()?;
        Ok(Cache { parts, len: 0 })
    }

    /// Feeds `token` behind what `cache` holds, and gives the logits of the next token, one per
    /// entry of the vocabulary.
    pub fn step(
        &mut self,
        token: u32,
        cache: &mut Cache,
        cross: &Cross,
    ) -> Result<Logits, AsrError> {
        let embedding = self.head.column(token as usize).ok_or_else(|| {
            AsrError::run(format!("token {token} of a vocabulary of {}", self.meta.vocabulary))
        })?;
        if cache.len == cache.capacity() {
            return Err(AsrError::run(format!("a cache of {} tokens is full", cache.len)));
        }
        let mut run = || -> TractResult<Logits> {
            let (cos, sin) = self.angles.slice(cache.len, cache.len + 1)?;
            let x = Tensor::from_shape(&[1, 1, self.meta.hidden], &embedding)?;
            let past_len = tensor0(cache.len as i64);
            let mut inputs: TVec<TValue> = tvec!(x.into(), cos.into(), sin.into(), past_len.into());
            inputs.extend(cache.parts.iter().map(|part| part.clone().into_tvalue()));
            inputs.extend(cross.0.iter().cloned());
            let outputs = self.state.run(inputs)?;
            cache.append(&outputs[1..])?;
            Ok(Logits(outputs[0].clone()))
        };
        run().map_err(AsrError::run)
    }
}

/// Scores of every token of the vocabulary, before softmax.
pub struct Logits(TValue);

impl Logits {
    pub fn as_slice(&self) -> Result<&[f32], AsrError> {
        self.0.try_as_plain_ram().and_then(|view| view.as_slice()).map_err(AsrError::run)
    }
}

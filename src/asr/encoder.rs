use std::sync::Arc;

use tract_onnx::prelude::*;

use super::rope::Angles;
use super::{AsrError, Meta};
use crate::models::ModelStore;
use crate::nn::{self, Plan};
use crate::units::SAMPLE_RATE_HZ;

/// Shorter sound is padded with silence to this: below one second the network babbles.
pub const MIN_SAMPLES: usize = SAMPLE_RATE_HZ as usize;

/// Sound → what the decoder attends to.
///
/// One plan serves every length: all its operators are ours and take any number of steps at full
/// speed, so no length needs a plan, or a copy of the weights, of its own.
pub struct Encoder {
    state: TypedSimpleState,
    meta: Meta,
    angles: Angles,
}

/// Keys and values of one utterance for every decoder layer, `[1, steps, hidden]` each, layer by
/// layer, key first. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cross(pub(super) TVec<TValue>);

impl Cross {
    /// Encoder steps.
    pub fn steps(&self) -> usize {
        self.0.first().map_or(0, |value| value.shape()[1])
    }

    /// The values as `[part][step][channel]`, parts in layer order, key first.
    pub fn parts(&self) -> impl Iterator<Item = Option<&[f32]>> {
        self.0.iter().map(|value| value.as_plain_ram()?.as_slice().ok())
    }
}

impl Encoder {
    pub fn load(models: &ModelStore, meta: &Meta) -> Result<Self, AsrError> {
        let plan: Arc<Plan> = nn::load("asr/encoder.onnx", &models.bytes("asr/encoder.onnx")?)?;
        let angles = Angles::new(meta.rope_inv_freq.clone());
        Ok(Self { state: plan.spawn().map_err(AsrError::run)?, meta: meta.clone(), angles })
    }

    /// Encodes mono sound at 16 kHz, padded to [`MIN_SAMPLES`] and to whole steps.
    pub fn encode(&mut self, audio: &[f32]) -> Result<Cross, AsrError> {
        let steps = self.meta.steps(audio.len().max(MIN_SAMPLES)).max(1);
        let samples = self.meta.samples(steps);
        // What does not fill a step is less than 24 ms, and the network would not see it either.
        let kept = audio.len().min(samples);
        let mut padded = vec![0.0; samples];
        padded[..kept].copy_from_slice(&audio[..kept]);
        let mut run = || -> TractResult<TVec<TValue>> {
            let audio = Tensor::from_shape(&[1, samples, 1], &padded)?;
            let (cos, sin) = self.angles.slice(0, steps)?;
            self.state.run(tvec!(audio.into(), cos.into(), sin.into()))
        };
        Ok(Cross(run().map_err(AsrError::run)?))
    }
}

use std::sync::Arc;

use tract_onnx::prelude::*;

use super::rope::Angles;
use super::{AsrError, Meta};
use crate::models::ModelStore;
use crate::nn::attention::Memory;
use crate::nn::byte_memory::ByteMemory;
use crate::nn::kernels::Kernel;
use crate::nn::linear::MAX_BYTE_INPUTS;
use crate::nn::{self, NnError, Session, Team};
use crate::units::SAMPLE_RATE_HZ;

/// Shorter sound is padded with silence to this: below one second the network babbles.
pub const MIN_SAMPLES: usize = SAMPLE_RATE_HZ as usize;

/// Sound → what the decoder attends to.
///
/// One plan serves every length: all its operators are ours and take any number of steps at full
/// speed, so no length needs a plan, or a copy of the weights, of its own.
pub struct Encoder {
    session: Session,
    team: Team,
    meta: Meta,
    angles: Angles,
}

/// What the encoder says about one utterance: keys and values for every decoder layer.
#[derive(Debug)]
pub struct Encoded {
    /// `[1, steps, hidden]` each, layer by layer, key first.
    parts: TVec<TValue>,
}

impl Encoded {
    /// Encoder steps.
    pub fn steps(&self) -> usize {
        self.parts.first().map_or(0, |value| value.shape()[1])
    }

    /// The values as `[part][step][channel]`, parts in layer order, key first.
    pub fn parts(&self) -> Result<Vec<&[f32]>, AsrError> {
        fn values(part: &TValue) -> TractResult<&[f32]> {
            part.try_as_plain_ram()?.as_slice()
        }
        self.parts.iter().map(values).collect::<TractResult<_>>().map_err(AsrError::run)
    }
}

/// An utterance as the decoder attends to it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cross(pub(super) Arc<Vec<ByteMemory>>);

impl Cross {
    fn pack(encoded: &Encoded, meta: &Meta) -> Result<Self, AsrError> {
        let kernel = Kernel::current().map_err(NnError::from)?;
        let pack = |pair: &[&[f32]]| {
            let memory = Memory { keys: pair[0], values: pair[1] };
            ByteMemory::pack(kernel, meta.heads, meta.hidden, memory)
        };
        Ok(Self(Arc::new(encoded.parts()?.chunks_exact(2).map(pack).collect())))
    }
}

impl Encoder {
    /// An encoder whose work `team` does.
    pub fn load(models: &ModelStore, meta: &Meta, team: Team) -> Result<Self, AsrError> {
        let plan = nn::load("asr/encoder.onnx", models.bytes("asr/encoder.onnx")?)?;
        let session = Session::with_team(&plan, team.clone()).map_err(AsrError::run)?;
        let angles = Angles::new(meta.rope_inv_freq.clone());
        Ok(Self { session, team, meta: meta.clone(), angles })
    }

    /// Mono sound at 16 kHz, padded to [`MIN_SAMPLES`] and to whole steps, ready for the decoder.
    pub fn encode(&mut self, audio: &[f32]) -> Result<Cross, AsrError> {
        Cross::pack(&self.run(audio)?, &self.meta)
    }

    /// As [`Encoder::encode`], as the network gives it.
    ///
    /// Fails on more than [`MAX_BYTE_INPUTS`] steps, some six minutes.
    pub fn run(&mut self, audio: &[f32]) -> Result<Encoded, AsrError> {
        let steps = self.meta.steps(audio.len().max(MIN_SAMPLES)).max(1);
        if steps > MAX_BYTE_INPUTS {
            let why =
                format!("{steps} steps of sound at once, at most {MAX_BYTE_INPUTS}: cut it first");
            return Err(AsrError::run(why));
        }
        let samples = self.meta.samples(steps);
        // What does not fill a step is less than 24 ms, and the network would not see it either.
        let kept = audio.len().min(samples);
        self.angles.reach(steps);
        let run = || -> TractResult<TVec<TValue>> {
            let sound = self.session.input(&[1, samples, 1], |sound| {
                sound[..kept].copy_from_slice(&audio[..kept]);
                sound[kept..].fill(0.0);
            })?;
            let table = [steps, self.angles.pairs()];
            let cos = self.session.input(&table, |to| self.angles.cos(0..steps, to))?;
            let sin = self.session.input(&table, |to| self.angles.sin(0..steps, to))?;
            let parts = self.session.run(tvec!(sound, cos, sin));
            // The next utterance has another length: nothing would be reused.
            self.session.release()?;
            parts
        };
        Ok(Encoded { parts: self.team.enter(run).map_err(AsrError::run)? })
    }
}

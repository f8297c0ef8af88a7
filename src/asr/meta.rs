use serde::Deserialize;

use super::AsrError;
use crate::models::ModelStore;

/// Layout version of the converted recogniser. The converter writes the same number.
pub const FORMAT: u32 = 2;

/// What the converter says about the network.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    pub format: u32,
    pub layers: usize,
    /// Attention heads of every layer.
    pub heads: usize,
    /// Channels of every hidden value.
    pub hidden: usize,
    pub vocabulary: usize,
    /// The token before the first.
    pub bos: u32,
    /// The token behind the last.
    pub eos: u32,
    /// Samples per encoder step.
    pub hop_samples: usize,
    /// Samples the encoder needs beyond whole hops.
    pub overhang_samples: usize,
    /// Radians per position of each rotary pair.
    pub rope_inv_freq: Vec<f32>,
}

impl Meta {
    const FILE: &'static str = "asr/meta.json";

    pub fn load(models: &ModelStore) -> Result<Self, AsrError> {
        Self::parse(&models.bytes(Self::FILE)?)
    }

    fn parse(json: &[u8]) -> Result<Self, AsrError> {
        let damaged = |why| AsrError::Damaged { file: Self::FILE, why };
        let meta: Self =
            serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
        if meta.format != FORMAT {
            return Err(damaged(format!("format {}, this program reads {FORMAT}", meta.format)));
        }
        let vocabulary = u32::try_from(meta.vocabulary).unwrap_or(u32::MAX);
        if meta.heads == 0 || !meta.hidden.is_multiple_of(meta.heads) {
            return Err(damaged(format!("{} channels in {} heads", meta.hidden, meta.heads)));
        }
        if meta.rope_inv_freq.is_empty() {
            return Err(damaged("rope_inv_freq is empty".into()));
        }
        if meta.hop_samples == 0 || meta.bos >= vocabulary || meta.eos >= vocabulary {
            return Err(damaged("hop_samples, bos or eos is out of range".into()));
        }
        Ok(meta)
    }

    /// Encoder steps in `samples`, without a remainder that fills no step.
    pub fn steps(&self, samples: usize) -> usize {
        samples.saturating_sub(self.overhang_samples) / self.hop_samples
    }

    /// Samples that `steps` encoder steps see.
    pub fn samples(&self, steps: usize) -> usize {
        steps * self.hop_samples + self.overhang_samples
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const JSON: &str = r#"{"format":2,"layers":6,"heads":8,"hidden":288,"vocabulary":32768,"bos":1,
        "eos":2,"hop_samples":384,"overhang_samples":511,"rope_inv_freq":[1.0,0.5]}"#;

    #[test]
    fn steps_and_samples_fit_each_other() {
        let meta = Meta::parse(JSON.as_bytes()).unwrap();
        for (samples, steps) in [(0, 0), (511, 0), (894, 0), (895, 1), (16_000, 40), (160_000, 415)]
        {
            assert_eq!(meta.steps(samples), steps, "{samples}");
        }
        assert_eq!(meta.steps(meta.samples(17)), 17);
    }

    #[test]
    fn another_format_and_nonsense_are_named() {
        for (from, to, why) in [
            ("\"format\":2", "\"format\":3", "format 3"),
            ("\"heads\":8", "\"heads\":7", "288 channels in 7 heads"),
            ("\"eos\":2", "\"eos\":32768", "eos"),
            ("\"eos\":2,", "", "eos"),
            ("[1.0,0.5]", "[]", "rope_inv_freq is empty"),
            ("\"layers\"", "\"leyers\"", "leyers"),
        ] {
            let error = Meta::parse(JSON.replace(from, to).as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("asr/meta.json: ") && error.contains(why), "{error}");
        }
    }
}

//! The sentence encoder, MiniLM-L6 (Wang et al. 2020; Reimers and Gurevych 2019): a direction in
//! 384 dimensions for any text, near for texts that mean the same.

use std::sync::Arc;

use serde::Deserialize;
use tract_onnx::prelude::*;

use super::ClassifyError;
use super::wordpiece::WordPiece;
use crate::models::ModelStore;
use crate::nn::{self, Plan, Session, Team};

/// Numbers of an embedding.
pub const EMBEDDING_LEN: usize = 384;
/// An embedding; its length is 1.
pub type Embedding = [f32; EMBEDDING_LEN];
/// The embedding, and the mean of what the layer before the last makes of the tokens, which is
/// nearer to the words.
pub const SENSE_LEN: usize = 2 * EMBEDDING_LEN;
/// All that a classifier sees of a text's meaning.
pub type Sense = [f32; SENSE_LEN];

const GRAPH: &str = "sentence/encoder.onnx";
const TABLE: &str = "sentence/embeddings.bin";
const VOCABULARY: &str = "sentence/vocabulary.txt";
const META: &str = "sentence/meta.json";
/// Layout version of the converted encoder. The converter writes the same number.
const FORMAT: u32 = 1;
/// A row of the table: its scale in f32, then its numbers in signed bytes.
const ROW_BYTES: usize = 4 + EMBEDDING_LEN;

/// What the converter says about the network.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    format: u32,
    tokens: usize,
    /// Most tokens of one text.
    positions: usize,
    hidden: usize,
}

/// What all encoders of a program share.
struct Network {
    pieces: WordPiece,
    /// Rows of the tokens, then rows of the positions.
    table: Vec<u8>,
    positions: usize,
    plan: Arc<Plan>,
}

/// Text → embedding. Reuses its memory from text to text.
pub struct SentenceEncoder {
    network: Arc<Network>,
    session: Session,
}

impl SentenceEncoder {
    /// Loads the network and tries it out.
    pub fn load(models: &ModelStore) -> Result<Self, ClassifyError> {
        let damaged = |file, why| ClassifyError::Damaged { file, why };
        let meta: Meta = serde_json::from_slice(&models.bytes(META)?)
            .map_err(|error| damaged(META, error.to_string()))?;
        if (meta.format, meta.hidden) != (FORMAT, EMBEDDING_LEN) || meta.positions < 3 {
            let why = format!("{meta:?}; this program reads format {FORMAT}");
            return Err(damaged(META, why));
        }
        let vocabulary = String::from_utf8(models.bytes(VOCABULARY)?)
            .map_err(|error| damaged(VOCABULARY, error.to_string()))?;
        let pieces = WordPiece::parse(&vocabulary).map_err(|why| damaged(VOCABULARY, why))?;
        let table = models.bytes(TABLE)?;
        let rows = meta.tokens + meta.positions;
        if pieces.known() != meta.tokens || table.len() != rows * ROW_BYTES {
            return Err(damaged(TABLE, format!("not the rows of {} tokens", meta.tokens)));
        }
        let plan = nn::load(GRAPH, models.bytes(GRAPH)?)?;
        let mut encoder =
            Self::over(Arc::new(Network { pieces, table, positions: meta.positions, plan }))?;
        encoder.encode("")?;
        Ok(encoder)
    }

    /// Another encoder over the same weights.
    pub fn twin(&self) -> Result<Self, ClassifyError> {
        Self::over(Arc::clone(&self.network))
    }

    fn over(network: Arc<Network>) -> Result<Self, ClassifyError> {
        let session = Session::new(&network.plan).map_err(ClassifyError::run)?;
        Ok(Self { network, session })
    }

    /// The senses of many texts, one behind the other; `team` shares the work.
    pub fn sense_all(&mut self, texts: &[&str], team: &Team) -> Result<Vec<f32>, ClassifyError> {
        // Texts of one length behind each other reuse the tensors of the one before.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_cached_key(|text| self.tokens(texts[*text]).len());
        let (mine, others): (Vec<usize>, Vec<usize>) =
            order.into_iter().partition(|text| text.is_multiple_of(2));
        let mut twin = self.twin()?;
        let (mut first, mut second) = (Ok(Vec::new()), Ok(Vec::new()));
        let encode = |encoder: &mut Self, numbers: &[usize]| -> Result<Vec<_>, ClassifyError> {
            numbers.iter().map(|text| Ok((*text, encoder.sense(texts[*text])?))).collect()
        };
        team.join(
            !others.is_empty(),
            || first = encode(self, &mine),
            || second = encode(&mut twin, &others),
        );
        let mut all = vec![0.0; texts.len() * SENSE_LEN];
        for (text, sense) in first?.into_iter().chain(second?) {
            all[text * SENSE_LEN..][..SENSE_LEN].copy_from_slice(&sense);
        }
        Ok(all)
    }

    /// The embedding of a text: the mean over its tokens, scaled to length 1. What lies behind
    /// some hundred words is not seen.
    pub fn encode(&mut self, text: &str) -> Result<Embedding, ClassifyError> {
        let sense = self.sense(text)?;
        Ok(*sense.first_chunk().expect("it begins with the embedding"))
    }

    /// The embedding and more of what the network makes of a text.
    pub fn sense(&mut self, text: &str) -> Result<Sense, ClassifyError> {
        let tokens = self.tokens(text);
        self.pool(&tokens).map_err(ClassifyError::run)
    }

    /// The tokens that [`SentenceEncoder::encode`] sees.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        self.network.pieces.encode(text, self.network.positions)
    }

    fn pool(&mut self, tokens: &[u32]) -> TractResult<Sense> {
        let Network { table, pieces, .. } = &*self.network;
        let words = pieces.known();
        let x = self.session.input(&[1, tokens.len(), EMBEDDING_LEN], |x| {
            for ((x, token), place) in x.chunks_exact_mut(EMBEDDING_LEN).zip(tokens).zip(words..) {
                x.fill(0.0);
                add_row(table, *token as usize, x);
                add_row(table, place, x);
            }
        })?;
        let states = self.session.run(tvec!(x))?;
        let [hidden, before] = &states[..] else {
            return Err(TractError::msg("it must have two outputs, hidden and before"));
        };
        let mut sense = [0.0; SENSE_LEN];
        let (mean, before_mean) = sense.split_at_mut(EMBEDDING_LEN);
        for (mean, states) in [(&mut *mean, hidden), (before_mean, before)] {
            for row in states.try_as_plain_ram()?.as_slice::<f32>()?.chunks_exact(EMBEDDING_LEN) {
                for (mean, value) in mean.iter_mut().zip(row) {
                    *mean += value / tokens.len() as f32;
                }
            }
        }
        let norm = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !(norm.is_finite() && norm > 0.0) {
            return Err(TractError::msg(format!("an embedding of length {norm}")));
        }
        mean.iter_mut().for_each(|x| *x /= norm);
        Ok(sense)
    }
}

fn add_row(table: &[u8], row: usize, x: &mut [f32]) {
    let (scale, codes) = table[row * ROW_BYTES..][..ROW_BYTES].split_at(4);
    let scale = f32::from_le_bytes([scale[0], scale[1], scale[2], scale[3]]);
    for (x, code) in x.iter_mut().zip(codes) {
        *x += scale * f32::from(code.cast_signed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        text: String,
        ids: Vec<u32>,
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    /// The *optimised* plan against onnxruntime on the network in floats. Bytes cost some 0.001 of
    /// the cosine in sentences, and up to 0.008 where a single word leaves nothing to average; two
    /// wordings of one request lie 0.2 apart.
    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn the_optimised_plan_agrees_with_onnxruntime() {
        let models = ModelStore::open(None).unwrap();
        let mut encoder = SentenceEncoder::load(&models).unwrap();
        let cases = models.bytes("golden/sentence/cases.json").unwrap();
        let cases: Vec<Case> = serde_json::from_slice(&cases).unwrap();
        let wanted = models.golden("sentence/senses.f32");
        assert_eq!(wanted.len(), cases.len() * SENSE_LEN);
        let mut sum = 0.0;
        for (case, wanted) in cases.iter().zip(wanted.chunks_exact(SENSE_LEN)) {
            assert_eq!(encoder.tokens(&case.text), case.ids, "{}", case.text);
            let ours = encoder.sense(&case.text).unwrap();
            let parts = ours.chunks(EMBEDDING_LEN).zip(wanted.chunks(EMBEDDING_LEN));
            for (part, (ours, wanted)) in parts.enumerate() {
                let cosine = cosine(ours, wanted);
                assert!(cosine > 0.985, "{}, part {part}: cosine {cosine}", case.text);
                sum += cosine / (2 * cases.len()) as f32;
            }
        }
        assert!(sum > 0.997, "mean cosine {sum}");
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn any_text_has_an_embedding_and_what_means_the_same_is_near() {
        let mut encoder = SentenceEncoder::load(&ModelStore::open(None).unwrap()).unwrap();
        let lamp = encoder.encode("turn off the lamp").unwrap();
        let light = encoder.encode("switch the light off").unwrap();
        let coffee = encoder.encode("a large latte with oat milk").unwrap();
        assert!(cosine(&lamp, &light) > cosine(&lamp, &coffee) + 0.3);
        for text in ["", "\u{0}\u{301}", &"lamp ".repeat(5_000)] {
            let embedding = encoder.encode(text).unwrap();
            assert!((cosine(&embedding, &embedding) - 1.0).abs() < 1e-4);
        }
    }
}

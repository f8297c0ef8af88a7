//! The trained model: intents, weights in bytes, and what makes its scores probabilities.

use super::calibrate::{Calibration, SIGNS, Signs, log_sum_exp};
use super::encoder::{EMBEDDING_LEN, Embedding, SentenceEncoder};
use super::grams::{Grams, Sparse};
use super::head::Head;
use super::stored::{Reader, Writer};
use super::ClassifyError;
use crate::nn::NnError;
use crate::nn::kernels::{Activation, Kernel};
use crate::nn::linear::{ByteLinear, InputBits, LinearScratch, Quantised};

/// Begins a stored model; the last byte is the version of its layout.
const MAGIC: [u8; 8] = *b"mynahIM\x01";

/// What a text is taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Probability of every intent, in the order of [`IntentModel::intents`], if it is any of them.
    pub probabilities: Vec<f32>,
    /// Probability that it is none of them, as likely as not beforehand.
    pub out_of_scope: f32,
}

impl Verdict {
    /// The most probable intent and its probability, in scope or not.
    pub fn best(&self) -> (usize, f32) {
        let numbered = self.probabilities.iter().copied().enumerate();
        numbered.max_by(|a, b| a.1.total_cmp(&b.1)).expect("a model has an intent")
    }
}

/// What the sentence encoder adds.
#[derive(Debug)]
pub(super) struct Meaning {
    pub scaling: Scaling,
    bytes: Vec<u8>,
    scales: Vec<f32>,
    bias: Vec<f32>,
    layer: ByteLinear,
}

/// Brings every dimension of embeddings to mean 0 and a like spread.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaling {
    pub mean: Vec<f32>,
    pub factor: Vec<f32>,
}

impl Scaling {
    /// Embeddings of few texts say little of the spread: so many more are made up, spread as evenly
    /// as directions can be.
    const EVEN: f32 = 20.0;

    pub fn learn(embeddings: &[f32]) -> Self {
        let count = (embeddings.len() / EMBEDDING_LEN) as f32;
        let mut mean = vec![0.0; EMBEDDING_LEN];
        let mut power = vec![Self::EVEN / EMBEDDING_LEN as f32; EMBEDDING_LEN];
        for row in embeddings.chunks_exact(EMBEDDING_LEN) {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / (count + Self::EVEN));
        }
        for row in embeddings.chunks_exact(EMBEDDING_LEN) {
            for ((power, mean), x) in power.iter_mut().zip(&mean).zip(row) {
                *power += (x - mean) * (x - mean);
            }
        }
        let spread = |power: &f32| (power / (count + Self::EVEN) * EMBEDDING_LEN as f32).sqrt();
        let factor = power.iter().map(|power| 1.0 / spread(power)).collect();
        Self { mean, factor }
    }

    pub fn apply(&self, embedding: &[f32], out: &mut Vec<f32>) {
        let scaled = embedding.iter().zip(&self.mean).zip(&self.factor);
        out.extend(scaled.map(|((x, mean), factor)| (x - mean) * factor));
    }
}

/// Intents learned from examples. Immutable, and shared between threads as it is.
#[derive(Debug)]
pub struct IntentModel {
    intents: Vec<String>,
    grams: Grams,
    /// Behind the intents' scores stands that of everyday talk.
    bias: Vec<f32>,
    /// Signed bytes by piece, then by class, and the scale of every piece.
    pieces: Vec<u8>,
    scales: Vec<f32>,
    meaning: Option<Meaning>,
    calibration: Calibration,
}

impl IntentModel {
    pub(super) fn new(
        intents: Vec<String>,
        grams: Grams,
        scaling: Option<Scaling>,
        head: &Head,
        calibration: Calibration,
    ) -> Result<Self, NnError> {
        let (pieces, scales) = byte_rows(&head.pieces, head.classes);
        let meaning = match scaling {
            Some(scaling) => {
                let (bytes, scales) = byte_columns(&head.meaning, head.classes);
                Some(Meaning::new(scaling, bytes, scales)?)
            }
            None => None,
        };
        let bias = head.bias.clone();
        Ok(Self { intents, grams, bias, pieces, scales, meaning, calibration })
    }

    /// Names in alphabetical order.
    pub fn intents(&self) -> &[String] {
        &self.intents
    }

    /// Whether it was trained with the sentence encoder, and so needs it.
    pub fn needs_encoder(&self) -> bool {
        self.meaning.is_some()
    }

    /// What `text` is taken for. The encoder is used if the model needs it.
    pub fn classify(
        &self,
        text: &str,
        encoder: Option<&mut SentenceEncoder>,
    ) -> Result<Verdict, ClassifyError> {
        let embedding = match (&self.meaning, encoder) {
            (Some(_), Some(encoder)) => Some(encoder.encode(text)?),
            (Some(_), None) => return Err(ClassifyError::NoEncoder),
            (None, _) => None,
        };
        let mut scores = self.scores(&self.grams.vector(text), embedding.as_ref());
        let signs = signs(&scores);
        scores.truncate(self.intents.len());
        self.calibration.probabilities(&mut scores);
        let out_of_scope = self.calibration.out_of_scope(&signs);
        Ok(Verdict { probabilities: scores, out_of_scope })
    }

    fn scores(&self, pieces: &Sparse, embedding: Option<&Embedding>) -> Vec<f32> {
        let classes = self.bias.len();
        let mut scores = self.bias.clone();
        for (row, value) in pieces {
            let factor = value * self.scales[*row as usize];
            let weights = &self.pieces[*row as usize * classes..][..classes];
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score += factor * f32::from(weight.cast_signed());
            }
        }
        if let (Some(meaning), Some(embedding)) = (&self.meaning, embedding) {
            meaning.add(embedding, &mut scores);
        }
        scores
    }

    /// The model as bytes, the same for equal models.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes.extend(MAGIC);
        out.word(self.intents.len() as u32);
        self.intents.iter().for_each(|intent| out.text(intent));
        self.calibration.write(&mut out);
        self.grams.write(&mut out);
        out.floats(&self.bias);
        out.floats(&self.scales);
        out.raw(&self.pieces);
        out.word(u32::from(self.meaning.is_some()));
        if let Some(meaning) = &self.meaning {
            out.floats(&meaning.scaling.mean);
            out.floats(&meaning.scaling.factor);
            out.floats(&meaning.scales);
            out.raw(&meaning.bytes);
        }
        out.bytes
    }

    /// Reads what [`IntentModel::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ClassifyError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or_else(|| ClassifyError::Unreadable {
            why: "it is no intent model of this version".into(),
        })?;
        Self::read(&mut Reader { rest }).map_err(|why| ClassifyError::Unreadable { why })
    }

    fn read(from: &mut Reader) -> Result<Self, String> {
        let count = from.word()? as usize;
        let intents: Vec<String> =
            (0..count).map(|_| from.text()).collect::<Result<_, String>>()?;
        let calibration = Calibration::read(from)?;
        let grams = Grams::read(from)?;
        let (bias, scales, pieces) = (from.floats()?, from.floats()?, from.raw()?.to_vec());
        let classes = intents.len() + 1;
        let fits = !intents.is_empty()
            && bias.len() == classes
            && scales.len() == grams.len()
            && pieces.len() == grams.len() * classes;
        if !fits {
            return Err(format!("its weights do not fit {} intents", intents.len()));
        }
        let meaning = match from.word()? {
            0 => None,
            _ => {
                let scaling = Scaling { mean: from.floats()?, factor: from.floats()? };
                let (scales, bytes) = (from.floats()?, from.raw()?.to_vec());
                let fits = scaling.mean.len() == EMBEDDING_LEN
                    && scaling.factor.len() == EMBEDDING_LEN
                    && scales.len() == classes
                    && bytes.len() == EMBEDDING_LEN * classes;
                if !fits {
                    return Err("its weights do not fit the sentence encoder".into());
                }
                let meaning = Meaning::new(scaling, bytes, scales);
                Some(meaning.map_err(|error| error.to_string())?)
            }
        };
        if !from.rest.is_empty() {
            return Err(format!("{} bytes too many", from.rest.len()));
        }
        Ok(Self { intents, grams, bias, pieces, scales, meaning, calibration })
    }
}

impl Meaning {
    fn new(scaling: Scaling, bytes: Vec<u8>, scales: Vec<f32>) -> Result<Self, NnError> {
        let bias = vec![0.0; scales.len()];
        let weight = Quantised { bytes: &bytes, scales: &scales, zero: 128, bias: &bias };
        // Two bytes an input: the scores decide what is out of scope.
        let kernel = Kernel::current()?;
        let layer = ByteLinear::pack_windows(kernel, &weight, EMBEDDING_LEN, InputBits::Sixteen);
        Ok(Self { scaling, bytes, scales, bias, layer })
    }

    fn add(&self, embedding: &Embedding, scores: &mut [f32]) {
        let mut x = Vec::with_capacity(EMBEDDING_LEN);
        self.scaling.apply(embedding, &mut x);
        let mut y = self.bias.clone();
        self.layer.run(&x, Activation::None, &[], &mut y, &mut LinearScratch::default());
        scores.iter_mut().zip(&y).for_each(|(score, y)| *score += y);
    }
}

/// What tells out-of-scope by: how loudly the intents speak, how far they drown everyday talk, and
/// how far the best of them drowns the others.
pub(super) fn signs(scores: &[f32]) -> Signs {
    let (everyday, intents) = scores.split_last().expect("a class for everyday talk");
    let loud = log_sum_exp(intents.iter().copied());
    let best = intents.iter().copied().fold(f32::MIN, f32::max);
    let signs: [f32; SIGNS] = [loud, loud - everyday, best - loud];
    signs
}

/// Rows of floats as bytes and a scale each.
fn byte_rows(weights: &[f32], classes: usize) -> (Vec<u8>, Vec<f32>) {
    let (mut bytes, mut scales) = (Vec::with_capacity(weights.len()), Vec::new());
    for row in weights.chunks_exact(classes) {
        let scale = scale_of(row.iter());
        bytes.extend(row.iter().map(|x| ((x / scale).round() as i8).cast_unsigned()));
        scales.push(scale);
    }
    (bytes, scales)
}

/// Columns of floats as bytes around 128 and a scale each.
fn byte_columns(weights: &[f32], classes: usize) -> (Vec<u8>, Vec<f32>) {
    let scales: Vec<f32> =
        (0..classes).map(|class| scale_of(weights[class..].iter().step_by(classes))).collect();
    let rows = weights.chunks_exact(classes);
    let byte = |(x, scale): (&f32, &f32)| ((x / scale).round() + 128.0) as u8;
    (rows.flat_map(|row| row.iter().zip(&scales).map(byte)).collect(), scales)
}

fn scale_of<'a>(weights: impl Iterator<Item = &'a f32>) -> f32 {
    let largest = weights.fold(0.0_f32, |largest, x| largest.max(x.abs()));
    // Of nothing but zeros any scale is right.
    if largest > 0.0 { largest / 127.0 } else { 1.0 }
}

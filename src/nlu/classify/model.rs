//! The trained model: intents, weights in bytes, and what makes its scores probabilities.

use super::ClassifyError;
use super::bytes::{byte_columns, byte_rows};
use super::calibrate::{Calibration, Signs, log_sum_exp};
use super::closeness::Closeness;
use super::encoder::{EMBEDDING_LEN, SENSE_LEN, Sense, SentenceEncoder};
use super::grams::{Grams, Sparse};
use super::head::Head;
use super::stored::{Reader, Writer};
use crate::nn::NnError;
use crate::nn::kernels::{Activation, Kernel};
use crate::nn::linear::{ByteLinear, InputBits, LinearScratch, Quantised};

/// Begins a stored model; the last byte is the version of its layout.
const MAGIC: [u8; 8] = *b"mynahIM\x03";

/// What a text is taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Probability of every intent, in the order of [`IntentModel::intents`], if it is any of them.
    pub probabilities: Vec<f32>,
    /// Probability that it is none of them, as likely as not beforehand.
    pub out_of_scope: f32,
    /// It is to be taken for none of them.
    pub refused: bool,
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
struct Meaning {
    scaling: Scaling,
    closeness: Closeness,
    bytes: Vec<u8>,
    scales: Vec<f32>,
    layer: ByteLinear,
}

/// Brings every dimension of senses to mean 0 and a like spread; all together to length 1 or so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaling {
    pub mean: Vec<f32>,
    pub factor: Vec<f32>,
}

impl Scaling {
    /// A few texts say little of the spread: so many more are made up, spread evenly.
    const EVEN: f32 = 20.0;

    pub fn learn(senses: &[f32]) -> Self {
        let count = (senses.len() / SENSE_LEN).max(1) as f32;
        let mut mean = vec![0.0; SENSE_LEN];
        for row in senses.chunks_exact(SENSE_LEN) {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / count);
        }
        let mut variance = vec![0.0; SENSE_LEN];
        for row in senses.chunks_exact(SENSE_LEN) {
            for ((variance, mean), x) in variance.iter_mut().zip(&mean).zip(row) {
                *variance += (x - mean) * (x - mean) / count;
            }
        }
        let mut factor = Vec::with_capacity(SENSE_LEN);
        for part in variance.chunks_exact(EMBEDDING_LEN) {
            // A single text has no spread at all.
            let even = part.iter().sum::<f32>().max(1e-6) / EMBEDDING_LEN as f32;
            factor.extend(part.iter().map(|own| {
                let blended = (own * count + even * Self::EVEN) / (count + Self::EVEN);
                1.0 / (blended * EMBEDDING_LEN as f32).sqrt()
            }));
        }
        Self { mean, factor }
    }

    pub fn apply(&self, sense: &[f32], out: &mut Vec<f32>) {
        let scaled = sense.iter().zip(&self.mean).zip(&self.factor);
        out.extend(scaled.map(|((x, mean), factor)| (x - mean) * factor));
    }
}

/// Intents learned from examples. Immutable, and shared between threads as it is.
#[derive(Debug)]
pub struct IntentModel {
    intents: Vec<String>,
    grams: Grams,
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
        meaning: Option<(Scaling, Closeness)>,
        head: &Head,
        calibration: Calibration,
    ) -> Result<Self, NnError> {
        let (pieces, scales) = byte_rows(&head.pieces, head.classes);
        let meaning = match meaning {
            Some((scaling, closeness)) => {
                let (bytes, scales) = byte_columns(&head.meaning, head.classes);
                Some(Meaning::new(scaling, closeness, bytes, scales)?)
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
        let kernel = Kernel::current().map_err(NnError::from)?;
        let mut scores = self.piece_scores(&self.grams.vector(text));
        let signs = match (&self.meaning, encoder) {
            (Some(meaning), Some(encoder)) => {
                let sense = encoder.sense(text)?;
                meaning.add(&sense, &mut scores);
                signs(kernel, &scores, Some((&meaning.closeness, &sense)))
            }
            (Some(_), None) => return Err(ClassifyError::NoEncoder),
            (None, _) => signs(kernel, &scores, None),
        };
        self.calibration.probabilities(&mut scores);
        let out_of_scope = self.calibration.out_of_scope(&signs);
        let refused = self.calibration.refuses(&signs);
        Ok(Verdict { probabilities: scores, out_of_scope, refused })
    }

    fn piece_scores(&self, pieces: &Sparse) -> Vec<f32> {
        let classes = self.bias.len();
        let mut scores = self.bias.clone();
        for (row, value) in pieces {
            let factor = value * self.scales[*row as usize];
            let weights = &self.pieces[*row as usize * classes..][..classes];
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score += factor * f32::from(weight.cast_signed());
            }
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
            meaning.closeness.write(&mut out);
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
        let classes = intents.len();
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
                let closeness = Closeness::read(from, classes)?;
                let (scales, bytes) = (from.floats()?, from.raw()?.to_vec());
                let fits = scaling.mean.len() == SENSE_LEN
                    && scaling.factor.len() == SENSE_LEN
                    && scales.len() == classes
                    && bytes.len() == SENSE_LEN * classes;
                if !fits {
                    return Err("its weights do not fit the sentence encoder".into());
                }
                let meaning = Meaning::new(scaling, closeness, bytes, scales);
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
    fn new(
        scaling: Scaling,
        closeness: Closeness,
        bytes: Vec<u8>,
        scales: Vec<f32>,
    ) -> Result<Self, NnError> {
        let bias = vec![0.0; scales.len()];
        let weight = Quantised { bytes: &bytes, scales: &scales, zero: 128, bias: &bias };
        // Two bytes an input: the scores decide what is out of scope.
        let kernel = Kernel::current()?;
        let layer = ByteLinear::pack_windows(kernel, &weight, SENSE_LEN, InputBits::Sixteen);
        Ok(Self { scaling, closeness, bytes, scales, layer })
    }

    fn add(&self, sense: &Sense, scores: &mut [f32]) {
        let mut x = Vec::with_capacity(SENSE_LEN);
        self.scaling.apply(sense, &mut x);
        let pieces = scores.to_vec();
        self.layer.run(&x, Activation::None, &pieces, scores, &mut LinearScratch::default());
    }
}

/// What tells out-of-scope by: how loudly the intents speak together (the negative energy of Liu et
/// al. 2020), and how close the text lies to the loudest.
pub(super) fn signs(
    kernel: Kernel,
    scores: &[f32],
    meaning: Option<(&Closeness, &[f32])>,
) -> Signs {
    let loudest = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let near =
        meaning.zip(loudest).map(|((closeness, sense), best)| closeness.of(kernel, sense, best));
    [log_sum_exp(scores.iter().copied()), near.unwrap_or(0.0)]
}

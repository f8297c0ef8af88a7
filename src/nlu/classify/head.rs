//! One multinomial logistic regression over both views of a text, its meaning and its spelling.

use std::ops::Range;

use super::grams::Sparse;
use crate::nn::kernels::{Activation, Kernel, Work};
use crate::nn::linear::WindowLinear;

/// Texts whose gradients are summed before the weights move.
const BATCH: usize = 64;
/// Size of the steps (AdaGrad with one divisor for all weights, Ward et al. 2019). A divisor for each
/// input would give rare pieces weights that a few texts do not justify: it cost 2 points of accuracy
/// with ten texts an intent.
const RATE: f32 = 15.0;
/// Passes over the texts: fewer the more there are.
const EPOCHS: Range<usize> = 6..60;
const WANTED_TEXTS: usize = 40_000;
/// What pulls weights to zero, shared by all texts.
const PENALTY: f32 = 0.05;
/// A text read rightly with so little doubt no longer moves the weights of its pieces.
const NO_DOUBT: f32 = 0.005;

/// What a text is made of: `width` numbers of meaning, possibly none, and its pieces.
pub struct Texts<'a> {
    pub width: usize,
    pub meanings: &'a [f32],
    pub pieces: &'a [Sparse],
    pub labels: &'a [u32],
    /// Rows of pieces there are.
    pub rows: usize,
    pub classes: usize,
}

/// Weights in floats, by input, then by class.
#[derive(Debug, Clone)]
pub struct Head {
    pub classes: usize,
    pub bias: Vec<f32>,
    pub meaning: Vec<f32>,
    pub pieces: Vec<f32>,
}

impl Head {
    /// Fits the texts numbered in `chosen`. The same texts give the same head.
    pub fn fit(kernel: Kernel, texts: &Texts, chosen: &[u32]) -> Self {
        let (width, classes) = (texts.width, texts.classes);
        let mut head = Self {
            classes,
            bias: vec![0.0; classes],
            meaning: vec![0.0; width * classes],
            pieces: vec![0.0; texts.rows * classes],
        };
        let mut descent = Descent::new(PENALTY / chosen.len().max(1) as f32);
        let mut order = chosen.to_vec();
        let mut shuffle = Shuffle(0x2545_f491_4f6c_dd1d);
        let size = BATCH.min(chosen.len().div_ceil(8)).max(1);
        let epochs = (WANTED_TEXTS / chosen.len().max(1)).clamp(EPOCHS.start, EPOCHS.end);
        for _ in 0..epochs {
            shuffle.apply(&mut order);
            for members in order.chunks(size) {
                descent.residuals(kernel, &head, texts, members);
                descent.step(kernel, &mut head, texts, members);
            }
        }
        head.pieces.iter_mut().for_each(|weight| *weight *= descent.shrunk);
        head
    }

    /// Scores of one text by class.
    pub fn scores(&self, kernel: Kernel, texts: &Texts, text: u32) -> Vec<f32> {
        let mut scores = self.bias.clone();
        let meaning = &texts.meanings[text as usize * texts.width..][..texts.width];
        for (x, weights) in meaning.iter().zip(self.meaning.chunks_exact(self.classes)) {
            scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += x * weight);
        }
        let (pieces, weights) = (&texts.pieces[text as usize], &self.pieces);
        kernel.vectorise(Gather { pieces, weights, factor: 1.0, scores: &mut scores });
        scores
    }
}

/// The way down, batch by batch, and room for one of them.
struct Descent {
    /// Pull to zero per text.
    decay: f32,
    /// Sum of the squares of all gradients so far.
    power: f32,
    /// The weights of pieces are what they say times this: all are pulled to zero at once.
    shrunk: f32,
    meanings: Vec<f32>,
    /// The same, a row per input.
    turned: Vec<f32>,
    /// Probability less truth, a row per text.
    residuals: Vec<f32>,
    /// Of the weights of the meaning, and of the bias.
    gradient: Vec<f32>,
    bias_gradient: Vec<f32>,
}

impl Descent {
    fn new(decay: f32) -> Self {
        Self {
            decay,
            power: 1e-6,
            shrunk: 1.0,
            meanings: Vec::new(),
            turned: Vec::new(),
            residuals: Vec::new(),
            gradient: Vec::new(),
            bias_gradient: Vec::new(),
        }
    }

    fn residuals(&mut self, kernel: Kernel, head: &Head, texts: &Texts, members: &[u32]) {
        let (width, classes) = (texts.width, texts.classes);
        self.meanings.clear();
        for member in members {
            self.meanings.extend_from_slice(&texts.meanings[*member as usize * width..][..width]);
        }
        self.residuals.resize(members.len() * classes, 0.0);
        if width > 0 {
            let layer = WindowLinear::pack(kernel, &head.meaning, &head.bias, width);
            layer.run(&self.meanings, Activation::None, &mut self.residuals);
        } else {
            self.residuals
                .chunks_exact_mut(classes)
                .for_each(|row| row.copy_from_slice(&head.bias));
        }
        for (member, scores) in members.iter().zip(self.residuals.chunks_exact_mut(classes)) {
            let (pieces, weights) = (&texts.pieces[*member as usize], &head.pieces);
            kernel.vectorise(Gather { pieces, weights, factor: self.shrunk, scores });
            kernel.softmax(scores, 1.0);
            scores[texts.labels[*member as usize] as usize] -= 1.0;
        }
    }

    fn step(&mut self, kernel: Kernel, head: &mut Head, texts: &Texts, members: &[u32]) {
        let classes = texts.classes;
        self.gradients(kernel, texts, members.len());
        let squares = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>();
        // Vectors of pieces have length 1, and mostly little in common with each other.
        self.power += squares(&self.gradient) + squares(&self.bias_gradient);
        self.power += squares(&self.residuals);
        let rate = RATE / self.power.sqrt();
        // The pull to zero is taken behind the step, which keeps it stable at any rate.
        let keep = 1.0 / (1.0 + rate * self.decay * members.len() as f32);
        for (weight, gradient) in head.meaning.iter_mut().zip(&self.gradient) {
            *weight = (*weight - rate * gradient) * keep;
        }
        for (bias, gradient) in head.bias.iter_mut().zip(&self.bias_gradient) {
            *bias -= rate * gradient;
        }
        let by = -rate / self.shrunk;
        for (member, residuals) in members.iter().zip(self.residuals.chunks_exact(classes)) {
            if -residuals[texts.labels[*member as usize] as usize] > NO_DOUBT {
                let (pieces, weights) = (&texts.pieces[*member as usize], &mut head.pieces);
                kernel.vectorise(Scatter { pieces, residuals, by, weights });
            }
        }
        self.shrunk *= keep;
    }

    /// Of the meaning and of the bias, summed over the `count` texts of the batch.
    fn gradients(&mut self, kernel: Kernel, texts: &Texts, count: usize) {
        let (width, classes) = (texts.width, texts.classes);
        self.bias_gradient.clear();
        self.bias_gradient.resize(classes, 0.0);
        for row in self.residuals.chunks_exact(classes) {
            self.bias_gradient.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        if width == 0 {
            return;
        }
        self.turned.resize(count * width, 0.0);
        for (text, row) in self.meanings.chunks_exact(width).enumerate() {
            for (slot, value) in self.turned[text..].iter_mut().step_by(count).zip(row) {
                *slot = *value;
            }
        }
        self.gradient.resize(width * classes, 0.0);
        let layer = WindowLinear::pack(kernel, &self.residuals, &vec![0.0; classes], count);
        layer.run(&self.turned, Activation::None, &mut self.gradient);
    }
}

/// `scores += factor · Σ value · weights[row]`
struct Gather<'a> {
    pieces: &'a [(u32, f32)],
    weights: &'a [f32],
    factor: f32,
    scores: &'a mut [f32],
}

impl Work for Gather<'_> {
    #[inline(always)]
    fn run(self) {
        let classes = self.scores.len();
        for (row, value) in self.pieces {
            let value = self.factor * value;
            let weights = &self.weights[*row as usize * classes..][..classes];
            for (score, weight) in self.scores.iter_mut().zip(weights) {
                *score += value * weight;
            }
        }
    }
}

/// `weights[row] += by · value · residuals`
struct Scatter<'a> {
    pieces: &'a [(u32, f32)],
    residuals: &'a [f32],
    by: f32,
    weights: &'a mut [f32],
}

impl Work for Scatter<'_> {
    #[inline(always)]
    fn run(self) {
        let classes = self.residuals.len();
        for (row, value) in self.pieces {
            let value = self.by * value;
            let weights = &mut self.weights[*row as usize * classes..][..classes];
            for (weight, residual) in weights.iter_mut().zip(self.residuals) {
                *weight += value * residual;
            }
        }
    }
}

/// The same order on every run (xorshift, Marsaglia 2003).
pub struct Shuffle(pub u64);

impl Shuffle {
    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }

    pub fn apply<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

//! One multinomial logistic regression over both views of a text, its meaning and its spelling.

use std::ops::Range;

use super::grams::Sparse;
use crate::nn::kernels::{Activation, Kernel, Work};
use crate::nn::linear::WindowLinear;

/// Texts whose gradients are summed before the weights move.
const BATCH: usize = 64;
/// Size of the first steps (AdaGrad, Duchi et al. 2011, with one divisor per input). Pieces take
/// smaller ones: there are many of them, and most are met only a few times.
const MEANING_RATE: f32 = 2.0;
const PIECE_RATE: f32 = 0.3;
/// Passes over the texts: enough of them for some tens of thousands of steps when there are few texts.
const EPOCHS: Range<usize> = 12..60;
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
    /// Pull to zero per text.
    decay: f32,
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
            decay: PENALTY / chosen.len().max(1) as f32,
        };
        let mut steps =
            Steps { bias: 1e-6, meaning: vec![1e-6; width], pieces: vec![1e-6; texts.rows] };
        let mut batch = Batch::default();
        let mut order = chosen.to_vec();
        let mut shuffle = Shuffle(0x2545_f491_4f6c_dd1d);
        let size = BATCH.min(chosen.len().div_ceil(8)).max(1);
        let epochs = (WANTED_TEXTS / chosen.len().max(1)).clamp(EPOCHS.start, EPOCHS.end);
        for _ in 0..epochs {
            shuffle.apply(&mut order);
            for members in order.chunks(size) {
                batch.residuals(kernel, &head, texts, members);
                batch.step(kernel, &mut head, &mut steps, texts, members);
            }
        }
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
        kernel.vectorise(Gather { pieces, weights, scores: &mut scores });
        scores
    }
}

/// Per input, the sum of the squares of its gradients so far.
struct Steps {
    bias: f32,
    meaning: Vec<f32>,
    pieces: Vec<f32>,
}

/// Room for one batch.
#[derive(Default)]
struct Batch {
    meanings: Vec<f32>,
    /// The same, a row per input.
    turned: Vec<f32>,
    /// Probability less truth, a row per text.
    residuals: Vec<f32>,
    gradient: Vec<f32>,
    /// The pieces that the batch moves, and where each stands among them.
    rows: Vec<u32>,
    place: Vec<u32>,
}

/// The place of a piece that the batch does not move.
const NOWHERE: u32 = u32::MAX;

impl Batch {
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
        for (member, row) in members.iter().zip(self.residuals.chunks_exact_mut(classes)) {
            let pieces = &texts.pieces[*member as usize];
            kernel.vectorise(Gather { pieces, weights: &head.pieces, scores: row });
            kernel.softmax(row, 1.0);
            row[texts.labels[*member as usize] as usize] -= 1.0;
        }
    }

    fn step(
        &mut self,
        kernel: Kernel,
        head: &mut Head,
        steps: &mut Steps,
        texts: &Texts,
        members: &[u32],
    ) {
        let (width, classes) = (texts.width, texts.classes);
        let count = members.len();
        if width > 0 {
            self.turned.resize(count * width, 0.0);
            for (text, row) in self.meanings.chunks_exact(width).enumerate() {
                for (slot, value) in self.turned[text..].iter_mut().step_by(count).zip(row) {
                    *slot = *value;
                }
            }
            self.gradient.resize(width * classes, 0.0);
            let none = vec![0.0; classes];
            let layer = WindowLinear::pack(kernel, &self.residuals, &none, count);
            layer.run(&self.turned, Activation::None, &mut self.gradient);
            kernel.vectorise(Descend {
                weights: &mut head.meaning,
                gradient: &self.gradient,
                steps: &mut steps.meaning,
                classes,
                rate: MEANING_RATE,
                decay: head.decay * count as f32,
            });
        }
        let mut sum = vec![0.0; classes];
        for row in self.residuals.chunks_exact(classes) {
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        steps.bias += sum.iter().map(|x| x * x).sum::<f32>();
        let rate = MEANING_RATE / steps.bias.sqrt();
        head.bias.iter_mut().zip(&sum).for_each(|(bias, x)| *bias -= rate * x);
        self.step_pieces(kernel, head, steps, texts, members);
    }

    /// The gradients of all texts of the batch are summed by piece before its weights move: those
    /// of the commonest pieces would otherwise leap.
    fn step_pieces(
        &mut self,
        kernel: Kernel,
        head: &mut Head,
        steps: &mut Steps,
        texts: &Texts,
        members: &[u32],
    ) {
        let classes = texts.classes;
        self.place.resize(texts.rows, NOWHERE);
        self.rows.clear();
        self.gradient.clear();
        for (member, residuals) in members.iter().zip(self.residuals.chunks_exact(classes)) {
            if -residuals[texts.labels[*member as usize] as usize] <= NO_DOUBT {
                continue;
            }
            let pieces = &texts.pieces[*member as usize];
            for (row, _) in pieces {
                let place = &mut self.place[*row as usize];
                if *place == NOWHERE {
                    *place = self.rows.len() as u32;
                    self.rows.push(*row);
                }
            }
            self.gradient.resize(self.rows.len() * classes, 0.0);
            let (gradient, place) = (&mut self.gradient, &self.place);
            kernel.vectorise(Scatter { pieces, place, residuals, gradient });
        }
        for (row, gradient) in self.rows.iter().zip(self.gradient.chunks_exact(classes)) {
            self.place[*row as usize] = NOWHERE;
            let weights = &mut head.pieces[*row as usize * classes..][..classes];
            let steps = &mut steps.pieces[*row as usize..=*row as usize];
            let (rate, decay) = (PIECE_RATE, head.decay);
            kernel.vectorise(Descend { weights, gradient, steps, classes, rate, decay });
        }
    }
}

/// `scores += Σ value · weights[row]`
struct Gather<'a> {
    pieces: &'a [(u32, f32)],
    weights: &'a [f32],
    scores: &'a mut [f32],
}

impl Work for Gather<'_> {
    #[inline(always)]
    fn run(self) {
        let classes = self.scores.len();
        for (row, value) in self.pieces {
            let weights = &self.weights[*row as usize * classes..][..classes];
            for (score, weight) in self.scores.iter_mut().zip(weights) {
                *score += value * weight;
            }
        }
    }
}

/// Adds one text to the gradients of its pieces.
struct Scatter<'a> {
    pieces: &'a [(u32, f32)],
    place: &'a [u32],
    residuals: &'a [f32],
    gradient: &'a mut [f32],
}

impl Work for Scatter<'_> {
    #[inline(always)]
    fn run(self) {
        let classes = self.residuals.len();
        for (row, value) in self.pieces {
            let place = self.place[*row as usize] as usize;
            let gradient = &mut self.gradient[place * classes..][..classes];
            for (sum, residual) in gradient.iter_mut().zip(self.residuals) {
                *sum += value * residual;
            }
        }
    }
}

/// Moves weights down their gradient, a row per input.
struct Descend<'a> {
    weights: &'a mut [f32],
    gradient: &'a [f32],
    steps: &'a mut [f32],
    classes: usize,
    rate: f32,
    decay: f32,
}

impl Work for Descend<'_> {
    #[inline(always)]
    fn run(self) {
        let rows = self.weights.chunks_exact_mut(self.classes);
        let gradients = self.gradient.chunks_exact(self.classes);
        for ((weights, gradient), step) in rows.zip(gradients).zip(self.steps) {
            *step += gradient.iter().map(|x| x * x).sum::<f32>();
            let rate = self.rate / step.sqrt();
            // The pull to zero is taken behind the step, which keeps it stable at any rate.
            let keep = 1.0 / (1.0 + rate * self.decay);
            for (weight, gradient) in weights.iter_mut().zip(gradient) {
                *weight = (*weight - rate * gradient) * keep;
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

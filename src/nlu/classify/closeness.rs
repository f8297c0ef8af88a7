//! How near a text lies to the texts of an intent, told apart from how near it lies to all texts
//! that were learned.
//!
//! Squared Mahalanobis distances in the encoder's space: from the middle of everything less that
//! from the middle of the intent (Ren et al. 2021). What texts of any kind share counts in both and
//! falls out.

use super::bytes::byte_rows;
use super::encoder::EMBEDDING_LEN;
use super::stored::{Reader, Writer};
use crate::nn::kernels::{Activation, Kernel, Work};
use crate::nn::linear::WindowLinear;

/// Part of each covariance that is taken to be alike in all directions: a hundred texts say little
/// of 384. It also does best with thousands, where what was never learned varies in its own ways.
const EVEN: f32 = 0.7;
/// So many made-up texts of every intent together vary as all texts do: intents of one text each
/// vary in no way.
const MADE_UP: f32 = 2.0;
/// Texts whose products are summed at once.
const BATCH: usize = 512;

/// Closeness to every intent, from examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Closeness {
    /// Of all texts.
    middle: Vec<f32>,
    /// What closeness gains along every direction and loses to the square, in bytes with a scale a
    /// row.
    shape: Vec<u8>,
    scales: Vec<f32>,
    /// From the middle to each intent, bent by the spread within intents.
    directions: Vec<f32>,
    /// What each intent costs beforehand.
    costs: Vec<f32>,
}

impl Closeness {
    /// `texts`: the sense, or the embedding that it begins with, and the class of each.
    pub fn learn(kernel: Kernel, texts: &[(&[f32], u32)], classes: usize) -> Self {
        let mut middle = vec![0.0; EMBEDDING_LEN];
        for (sense, _) in texts {
            middle.iter_mut().zip(*sense).for_each(|(sum, x)| *sum += x / texts.len() as f32);
        }
        let mut centres = vec![0.0; classes * EMBEDDING_LEN];
        let mut counts = vec![0.0_f32; classes];
        let mut whole = vec![0.0; EMBEDDING_LEN * EMBEDDING_LEN];
        for texts in texts.chunks(BATCH) {
            let mut rows = Vec::with_capacity(texts.len() * EMBEDDING_LEN);
            for (sense, class) in texts {
                let class = *class as usize;
                rows.extend(sense.iter().zip(&middle).map(|(x, middle)| x - middle));
                let row = &rows[rows.len() - EMBEDDING_LEN..];
                let centre = &mut centres[class * EMBEDDING_LEN..][..EMBEDDING_LEN];
                centre.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                counts[class] += 1.0;
            }
            add_products(kernel, &rows, 1.0, &mut whole);
        }
        let mut within = whole.clone();
        let mut middles = Vec::new();
        for (centre, count) in centres.chunks_exact_mut(EMBEDDING_LEN).zip(&counts) {
            if *count > 0.0 {
                middles.extend(centre.iter().map(|sum| sum / count.sqrt()));
                centre.iter_mut().for_each(|sum| *sum /= count);
            }
        }
        add_products(kernel, &middles, -1.0, &mut within);

        let learned = counts.iter().filter(|count| **count > 0.0).count();
        let count = texts.len().max(1) as f32;
        whole.iter_mut().for_each(|x| *x /= count);
        for (within, whole) in within.iter_mut().zip(&whole) {
            *within = (*within + MADE_UP * whole) / (count - learned as f32 + MADE_UP);
        }
        let (whole, within) = (precision(kernel, whole), precision(kernel, within));
        let difference: Vec<f32> = whole.iter().zip(&within).map(|(a, b)| a - b).collect();
        let (shape, scales) = byte_rows(&difference, EMBEDDING_LEN);
        let mut directions = Vec::with_capacity(centres.len());
        let mut costs = Vec::with_capacity(classes);
        for centre in centres.chunks_exact(EMBEDDING_LEN) {
            let bent = within.chunks_exact(EMBEDDING_LEN).map(|row| dot(row, centre));
            directions.extend(bent);
            costs.push(dot(&directions[directions.len() - EMBEDDING_LEN..], centre));
        }
        Self { middle, shape, scales, directions, costs }
    }

    /// Larger for texts that lie among those of `class`.
    pub fn of(&self, kernel: Kernel, sense: &[f32], class: usize) -> f32 {
        let mut x = [0.0; EMBEDDING_LEN];
        for ((x, value), middle) in x.iter_mut().zip(sense).zip(&self.middle) {
            *x = value - middle;
        }
        let mut bent = [0.0; EMBEDDING_LEN];
        kernel.vectorise(Bend { shape: &self.shape, scales: &self.scales, x: &x, bent: &mut bent });
        let direction = &self.directions[class * EMBEDDING_LEN..][..EMBEDDING_LEN];
        dot(&x, &bent) + 2.0 * dot(&x, direction) - self.costs[class]
    }

    pub fn write(&self, out: &mut Writer) {
        out.floats(&self.middle);
        out.floats(&self.scales);
        out.raw(&self.shape);
        out.floats(&self.directions);
        out.floats(&self.costs);
    }

    pub fn read(from: &mut Reader, classes: usize) -> Result<Self, String> {
        let (middle, scales, shape) = (from.floats()?, from.floats()?, from.raw()?.to_vec());
        let (directions, costs) = (from.floats()?, from.floats()?);
        let fits = middle.len() == EMBEDDING_LEN
            && scales.len() == EMBEDDING_LEN
            && shape.len() == EMBEDDING_LEN * EMBEDDING_LEN
            && directions.len() == EMBEDDING_LEN * classes
            && costs.len() == classes;
        match fits {
            true => Ok(Self { middle, shape, scales, directions, costs }),
            false => Err("its distances do not fit the sentence encoder".into()),
        }
    }
}

/// Adds `factor` times the sum of the products of every row with itself.
fn add_products(kernel: Kernel, rows: &[f32], factor: f32, sums: &mut [f32]) {
    let count = rows.len() / EMBEDDING_LEN;
    if count == 0 {
        return;
    }
    let mut turned = vec![0.0; rows.len()];
    for (number, row) in rows.chunks_exact(EMBEDDING_LEN).enumerate() {
        for (slot, value) in turned[number..].iter_mut().step_by(count).zip(row) {
            *slot = factor * value;
        }
    }
    let mut products = vec![0.0; EMBEDDING_LEN * EMBEDDING_LEN];
    let layer = WindowLinear::pack(kernel, rows, &[0.0; EMBEDDING_LEN], count);
    layer.run(&turned, Activation::None, &mut products);
    sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
}

/// The inverse of a covariance, after evening it out.
fn precision(kernel: Kernel, mut covariance: Vec<f32>) -> Vec<f32> {
    let diagonal = || (0..EMBEDDING_LEN).map(|i| i * (EMBEDDING_LEN + 1));
    // A single text varies in no way at all.
    let mean = diagonal().map(|at| covariance[at]).sum::<f32>().max(1e-3) / EMBEDDING_LEN as f32;
    covariance.iter_mut().for_each(|x| *x *= 1.0 - EVEN);
    diagonal().for_each(|at| covariance[at] += EVEN * mean);
    kernel.vectorise(Invert { matrix: &mut covariance });
    covariance
}

/// The inverse of a symmetric, positive definite matrix, in its place (Gauss and Jordan; no pivot
/// of such a matrix is 0).
struct Invert<'a> {
    matrix: &'a mut [f32],
}

impl Work for Invert<'_> {
    #[inline(always)]
    fn run(self) {
        let mut row = [0.0; EMBEDDING_LEN];
        for pivot in 0..EMBEDDING_LEN {
            row.copy_from_slice(&self.matrix[pivot * EMBEDDING_LEN..][..EMBEDDING_LEN]);
            let scale = 1.0 / row[pivot];
            row[pivot] = 1.0;
            row.iter_mut().for_each(|x| *x *= scale);
            for (number, other) in self.matrix.chunks_exact_mut(EMBEDDING_LEN).enumerate() {
                if number == pivot {
                    other.copy_from_slice(&row);
                    continue;
                }
                let factor = std::mem::take(&mut other[pivot]);
                other.iter_mut().zip(&row).for_each(|(x, value)| *x -= factor * value);
            }
        }
    }
}

/// `bent = shape · x`, for a symmetric shape.
struct Bend<'a> {
    shape: &'a [u8],
    scales: &'a [f32],
    x: &'a [f32; EMBEDDING_LEN],
    bent: &'a mut [f32; EMBEDDING_LEN],
}

impl Work for Bend<'_> {
    #[inline(always)]
    fn run(self) {
        let rows = self.shape.chunks_exact(EMBEDDING_LEN).zip(self.scales).zip(self.x);
        for ((row, scale), x) in rows {
            let factor = scale * x;
            for (sum, byte) in self.bent.iter_mut().zip(row) {
                *sum += factor * f32::from(byte.cast_signed());
            }
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::super::head::Shuffle;
    use super::*;

    /// A direction of length 1 around axis `axis`, off by some noise.
    fn text(axis: usize, noise: &mut Shuffle) -> Vec<f32> {
        let mut x: Vec<f32> =
            (0..EMBEDDING_LEN).map(|_| (noise.below(2_001) as f32 - 1_000.0) * 4e-5).collect();
        x[axis] += 1.0;
        let norm = dot(&x, &x).sqrt();
        x.iter_mut().for_each(|x| *x /= norm);
        x
    }

    #[test]
    fn what_lies_among_the_texts_of_an_intent_is_close_to_it_alone() {
        let kernel = Kernel::current().unwrap();
        let mut noise = Shuffle(7);
        let learned: Vec<(Vec<f32>, u32)> =
            (0..60).map(|i| (text(i % 3, &mut noise), (i % 3) as u32)).collect();
        let texts: Vec<(&[f32], u32)> = learned.iter().map(|(x, class)| (&x[..], *class)).collect();
        let closeness = Closeness::learn(kernel, &texts, 4);
        let of = |x: &[f32], class| closeness.of(kernel, x, class);
        for axis in 0..3 {
            let (member, stranger) = (text(axis, &mut noise), text(9, &mut noise));
            let own = of(&member, axis);
            assert!(own > of(&stranger, axis) + 10.0, "{own}, {}", of(&stranger, axis));
            assert!(own > of(&member, (axis + 1) % 3) + 10.0);
        }
        let mut out = Writer::default();
        closeness.write(&mut out);
        let read = Closeness::read(&mut Reader { rest: &out.bytes }, 4).unwrap();
        assert_eq!(read, closeness);
        assert!(Closeness::read(&mut Reader { rest: &out.bytes }, 3).is_err());
    }

    #[test]
    fn a_single_text_has_no_surroundings_to_be_close_to() {
        let kernel = Kernel::current().unwrap();
        let (only, other) = (text(0, &mut Shuffle(1)), text(1, &mut Shuffle(2)));
        let closeness = Closeness::learn(kernel, &[(&only, 0)], 1);
        for x in [only, other] {
            assert!(closeness.of(kernel, &x, 0).abs() < 1e-3);
        }
    }
}

//! Keys and values in 8 bits, for many queries over the same long memory, a few at a time.
//!
//! A decoder reads the whole memory of an utterance at every token, and ten seconds in floats are
//! more than a processor's cache holds: what it costs is the reading. Bytes are a quarter of that.
//! Keys have a scale per step, values one per channel, and queries and weights enter with 16 bits,
//! so that the bytes of the memory are all that is lost.
//!
//! Both are stored without their mean over the steps, which leaves them less to represent: what a
//! mean key adds to a score it adds to every step, which softmax does not see, and a mean value
//! comes through every weighting as it is.

use super::attention::Memory;
use super::kernels::{Activation, Kernel, math};
use super::linear::{ByteLinear, InputBits, LinearScratch, Quantised};

/// The zero point of symmetric bytes.
const ZERO: u8 = 128;

/// Keys and values of all heads.
#[derive(Debug)]
pub struct ByteMemory {
    heads: Vec<Head>,
    width: usize,
    steps: usize,
}

#[derive(Debug)]
struct Head {
    /// From a query to a score for every step.
    keys: ByteLinear,
    /// From a weight for every step to the channels.
    values: ByteLinear,
}

/// Room for what is computed on the way.
#[derive(Debug, Default)]
pub struct ByteMemoryScratch {
    pub linear: LinearScratch,
    weights: Vec<f32>,
    mixed: Vec<f32>,
}

impl ByteMemory {
    /// Packs `memory`, whose rows hold `heads` heads in `width` numbers, for `kernel`.
    ///
    /// Panics when `memory` is empty or longer than [`super::linear::MAX_BYTE_INPUTS`] steps.
    pub fn pack(kernel: Kernel, heads: usize, width: usize, memory: Memory) -> Self {
        assert!(heads > 0 && width.is_multiple_of(heads), "{heads} heads in {width} channels");
        assert!(
            memory.keys.len() == memory.values.len() && memory.keys.len().is_multiple_of(width)
        );
        assert!(!memory.keys.is_empty(), "something to attend to");
        let (depth, steps) = (width / heads, memory.keys.len() / width);
        let (mean_key, mean_value) = (mean(memory.keys, width), mean(memory.values, width));
        let head = |first| {
            let key = |channel: usize, step: usize| {
                let channel = first + channel;
                memory.keys[step * width + channel] - mean_key[channel]
            };
            let value = |step: usize, channel: usize| {
                let channel = first + channel;
                memory.values[step * width + channel] - mean_value[channel]
            };
            Head {
                keys: matrix(kernel, depth, &vec![0.0; steps], width, key),
                values: matrix(kernel, steps, &mean_value[first..first + depth], steps, value),
            }
        };
        Self { heads: (0..width).step_by(depth).map(head).collect(), width, steps }
    }

    /// Numbers in a row, all heads together.
    pub fn width(&self) -> usize {
        self.width
    }

    pub fn heads(&self) -> usize {
        self.heads.len()
    }

    /// `softmax(q kᵀ / √d) v` for every row of `q`, per head, over the whole memory.
    pub fn attend(
        &self,
        kernel: Kernel,
        q: &[f32],
        y: &mut [f32],
        scratch: &mut ByteMemoryScratch,
    ) {
        let Self { heads, width, steps } = self;
        assert!(q.len() == y.len() && q.len().is_multiple_of(*width), "rows of {width}");
        let (rows, depth) = (q.len() / width, width / heads.len());
        let ByteMemoryScratch { linear, weights, mixed } = scratch;
        weights.resize(rows * steps, 0.0);
        mixed.resize(rows * depth, 0.0);
        for (head, first) in heads.iter().zip((0..).step_by(depth)) {
            head.keys.run(&q[first..], Activation::None, &[], weights, linear);
            for weights in weights.chunks_exact_mut(*steps) {
                kernel.softmax(weights, 1.0 / (depth as f32).sqrt());
            }
            head.values.run(weights, Activation::None, &[], mixed, linear);
            for (y, mixed) in y.chunks_exact_mut(*width).zip(mixed.chunks_exact(depth)) {
                y[first..first + depth].copy_from_slice(mixed);
            }
        }
    }
}

/// Of every channel, over all rows.
fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let count = (rows.len() / width) as f32;
    sums.iter().map(|sum| sum / count).collect()
}

/// A matrix in bytes, each column over its own range, for rows that begin every `stride` numbers.
fn matrix(
    kernel: Kernel,
    inputs: usize,
    bias: &[f32],
    stride: usize,
    value: impl Fn(usize, usize) -> f32,
) -> ByteLinear {
    let outputs = bias.len();
    let scale = |output| {
        let size = (0..inputs).map(|input| value(input, output).abs()).fold(0.0, f32::max);
        if size > 0.0 { size / 127.0 } else { 1.0 }
    };
    let scales: Vec<f32> = (0..outputs).map(scale).collect();
    let inverse: Vec<f32> = scales.iter().map(|scale| 1.0 / scale).collect();
    let mut bytes = Vec::with_capacity(inputs * outputs);
    for input in 0..inputs {
        bytes.extend(inverse.iter().enumerate().map(|(output, inverse)| {
            // A float's own rounding is a call where the processor at hand is not known.
            math::round(value(input, output) * inverse).1 as i8 as u8 ^ ZERO
        }));
    }
    let weight = Quantised { bytes: &bytes, scales: &scales, zero: ZERO, bias };
    ByteLinear::pack_windows(kernel, &weight, stride, InputBits::Sixteen)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::attention::{AttentionScratch, PackedMemory};
    use super::*;

    fn floats(len: usize, salt: u32) -> Vec<f32> {
        (0..len as u32)
            .map(|i| ((i ^ salt).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 22) as f32 - 2.0)
            .collect()
    }

    proptest! {
        #[test]
        fn bytes_attend_nearly_as_floats_do_and_alike_on_every_kernel(
            heads in 1usize..4, depth in 1usize..40, queries in 1usize..20, steps in 1usize..60,
        ) {
            let width = heads * depth;
            let q = floats(queries * width, 1);
            let (keys, values) = (floats(steps * width, 2), floats(steps * width, 3));
            let memory = Memory { keys: &keys, values: &values };
            let mut want = vec![0.0; q.len()];
            let floats = PackedMemory::new(Kernel::SCALAR, heads, width, memory);
            floats.attend(Kernel::SCALAR, &q, &mut want, &mut AttentionScratch::default());
            let mut scratch = ByteMemoryScratch::default();
            let mut scalar = None;
            for kernel in Kernel::available() {
                let bytes = ByteMemory::pack(kernel, heads, width, memory);
                let mut y = vec![0.0; q.len()];
                bytes.attend(kernel, &q, &mut y, &mut scratch);
                for (y, want) in y.iter().zip(&want) {
                    // Scores of up to 4 √40 are off by a 254th of a part, values by as much.
                    prop_assert!((y - want).abs() < 0.1, "{}: {y} {want}", kernel.name());
                }
                let bits: Vec<u32> = y.iter().map(|y| y.to_bits()).collect();
                prop_assert_eq!(scalar.get_or_insert(bits.clone()), &bits, "{}", kernel.name());
            }
        }
    }

    #[test]
    fn a_silent_memory_is_no_division_by_zero() {
        let memory = Memory { keys: &[0.0; 8], values: &[0.0; 8] };
        let bytes = ByteMemory::pack(Kernel::SCALAR, 2, 4, memory);
        let mut y = [9.0; 4];
        bytes.attend(Kernel::SCALAR, &[1.0; 4], &mut y, &mut ByteMemoryScratch::default());
        assert_eq!(y, [0.0; 4]);
    }
}

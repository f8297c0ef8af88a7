//! Attention over time-major values: heads lie side by side in every row.

use std::ops::Range;

use super::kernels::{Aligned, Kernel, MAX_COLUMNS, TILE_ROWS};

/// Keys and values of one stretch of time, `width` numbers per row.
#[derive(Clone, Copy)]
pub struct Memory<'a> {
    pub keys: &'a [f32],
    pub values: &'a [f32],
}

/// Room for the weights of some queries.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    weights: Vec<f32>,
}

impl AttentionScratch {
    /// Takes the memory now that paths of up to `steps` rows will need.
    pub fn reserve(&mut self, heads: usize, steps: usize) {
        self.weights.clear();
        self.weights.reserve(heads * steps);
    }
}

/// What many queries attend to: keys and values packed once for a kernel.
#[derive(Debug, Default)]
pub struct PackedMemory {
    heads: Vec<Head>,
    width: usize,
}

impl PackedMemory {
    /// Packs `memory`, whose rows hold `heads` heads in `width` numbers.
    pub fn new(kernel: Kernel, heads: usize, width: usize, memory: Memory) -> Self {
        let mut packed = Self::default();
        packed.resize(heads, width);
        pack_heads(kernel, packed.heads_mut(), memory, width);
        packed
    }

    /// Makes this a memory of so many heads, to be filled by [`pack_heads`].
    pub fn resize(&mut self, heads: usize, width: usize) {
        assert!(heads > 0 && width.is_multiple_of(heads), "{heads} heads in {width} channels");
        self.width = width;
        self.heads.resize_with(heads, Head::default);
        let depth = width / heads;
        for (head, first) in self.heads.iter_mut().zip((0..).step_by(depth)) {
            head.channels = first..first + depth;
        }
    }

    pub fn heads_mut(&mut self) -> &mut [Head] {
        &mut self.heads
    }

    /// `softmax(q kᵀ / √d) v` for every row of `q`, per head, over the whole memory.
    ///
    /// `q` and `y` hold rows of all heads, as the keys and values did.
    pub fn attend(&self, kernel: Kernel, q: &[f32], y: &mut [f32], scratch: &mut AttentionScratch) {
        assert!(q.len() == y.len() && q.len().is_multiple_of(self.width), "rows of {}", self.width);
        for head in &self.heads {
            head.attend(kernel, q, y, self.width, &mut scratch.weights);
        }
    }
}

/// Packs the part of `memory` that belongs to each of `heads`, which are some of all.
pub fn pack_heads(kernel: Kernel, heads: &mut [Head], memory: Memory, width: usize) {
    assert!(memory.keys.len() == memory.values.len() && memory.keys.len().is_multiple_of(width));
    assert!(!memory.keys.is_empty(), "something to attend to");
    for head in heads {
        head.pack(kernel, memory, width);
    }
}

/// As [`PackedMemory::attend`], each query over the rows of `memory` that its path names.
pub fn attend_paths<'a>(
    kernel: Kernel,
    heads: usize,
    width: usize,
    q: &[f32],
    (memory, paths): (Memory, impl Iterator<Item = &'a [u32]>),
    y: &mut [f32],
    scratch: &mut AttentionScratch,
) {
    check(heads, width, q, memory, y);
    let weights = &mut scratch.weights;
    for ((q, y), path) in q.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(paths) {
        weights.clear();
        weights.resize(heads * path.len(), 0.0);
        kernel.path_scores(q, memory.keys, path, heads, weights);
        for weights in weights.chunks_exact_mut(path.len()) {
            kernel.softmax(weights, scale(width / heads));
        }
        kernel.path_mix(weights, memory.values, path, heads, y);
    }
}

fn check(heads: usize, width: usize, q: &[f32], memory: Memory, y: &[f32]) {
    assert!(heads > 0 && width.is_multiple_of(heads), "{heads} heads in {width} channels");
    assert!(q.len() == y.len() && q.len().is_multiple_of(width), "rows of {width}");
    assert!(memory.keys.len() == memory.values.len() && memory.keys.len().is_multiple_of(width));
}

/// Keys and values of one head in panels, so that attention is two matrix products.
#[derive(Debug, Default)]
pub struct Head {
    /// Which of the numbers of a row are this head's.
    channels: Range<usize>,
    steps: usize,
    /// The transpose: one input per channel, one column per step.
    keys: Aligned<f32>,
    /// As they are: one input per step, one column per channel.
    values: Aligned<f32>,
}

impl Head {
    fn pack(&mut self, kernel: Kernel, memory: Memory, width: usize) {
        let columns = kernel.columns();
        let (steps, depth) = (memory.keys.len() / width, self.channels.len());
        self.steps = steps;
        self.keys.resize(steps.div_ceil(columns) * depth * columns);
        for (step, row) in memory.keys.chunks_exact(width).enumerate() {
            let panel = &mut self.keys[step / columns * depth * columns + step % columns..];
            for (slot, value) in panel.iter_mut().step_by(columns).zip(&row[self.channels.clone()])
            {
                *slot = *value;
            }
        }
        self.values.resize(depth.div_ceil(columns) * steps * columns);
        for (step, row) in memory.values.chunks_exact(width).enumerate() {
            let panels = self.values.chunks_exact_mut(steps * columns);
            for (panel, part) in panels.zip(row[self.channels.clone()].chunks(columns)) {
                panel[step * columns..][..part.len()].copy_from_slice(part);
            }
        }
    }

    /// Answers every query in `q` into `y`, rows of `width`.
    fn attend(
        &self,
        kernel: Kernel,
        q: &[f32],
        y: &mut [f32],
        width: usize,
        weights: &mut Vec<f32>,
    ) {
        let (steps, first, depth) = (self.steps, self.channels.start, self.channels.len());
        let (rows, columns) = (q.len() / width, kernel.columns());
        let padded = steps.next_multiple_of(columns);
        weights.clear();
        weights.resize(rows.min(TILE_ROWS) * padded, 0.0);
        let mut sums = [0.0; TILE_ROWS * MAX_COLUMNS];
        for top in (0..rows).step_by(TILE_ROWS) {
            let tile = top..rows.min(top + TILE_ROWS);
            let q = &q[top * width + first..];
            for (panel, at) in self.keys.chunks_exact(depth * columns).zip((0..).step_by(columns)) {
                kernel.float_tile(panel, q, width, tile.len(), &mut weights[at..], padded);
            }
            for row in weights.chunks_exact_mut(padded).take(tile.len()) {
                kernel.softmax(&mut row[..steps], scale(depth));
            }
            let panels = self.values.chunks_exact(steps * columns);
            for (panel, at) in panels.zip((0..).step_by(columns)) {
                kernel.float_tile(panel, weights, padded, tile.len(), &mut sums, columns);
                let kept = columns.min(depth - at);
                for (row, sums) in tile.clone().zip(sums.chunks_exact(columns)) {
                    y[row * width + first + at..][..kept].copy_from_slice(&sums[..kept]);
                }
            }
        }
    }
}

/// Dot products of `depth` terms grow with its root; so softmax sees them at unit scale.
fn scale(depth: usize) -> f32 {
    1.0 / (depth as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn floats(len: usize, salt: u32) -> Vec<f32> {
        (0..len as u32)
            .map(|i| ((i ^ salt).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 22) as f32 - 2.0)
            .collect()
    }

    /// Attention of one query in double precision.
    fn plain(heads: usize, q: &[f32], memory: Memory) -> Vec<f32> {
        let (width, depth) = (q.len(), q.len() / heads);
        let mut y = vec![0.0; width];
        for head in 0..heads {
            let at = head * depth..(head + 1) * depth;
            let scores: Vec<f64> = memory
                .keys
                .chunks(width)
                .map(|k| {
                    let dot: f64 = q[at.clone()]
                        .iter()
                        .zip(&k[at.clone()])
                        .map(|(q, k)| f64::from(q * k))
                        .sum();
                    (dot / (depth as f64).sqrt()).exp()
                })
                .collect();
            let total: f64 = scores.iter().sum();
            for (score, v) in scores.iter().zip(memory.values.chunks(width)) {
                for channel in at.clone() {
                    y[channel] += (score / total * f64::from(v[channel])) as f32;
                }
            }
        }
        y
    }

    fn close(got: &[f32], want: &[f32]) -> bool {
        got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-4)
    }

    proptest! {
        #[test]
        fn attention_agrees_with_its_definition(
            heads in 1usize..4, depth in 1usize..40, queries in 1usize..20, steps in 1usize..60,
        ) {
            let width = heads * depth;
            let (q, keys, values) =
                (floats(queries * width, 1), floats(steps * width, 2), floats(steps * width, 3));
            let memory = Memory { keys: &keys, values: &values };
            let mut scratch = AttentionScratch::default();
            for kernel in Kernel::available() {
                let mut y = vec![0.0; q.len()];
                let packed = PackedMemory::new(kernel, heads, width, memory);
                packed.attend(kernel, &q, &mut y, &mut scratch);
                for (q, y) in q.chunks(width).zip(y.chunks(width)) {
                    prop_assert!(close(y, &plain(heads, q, memory)), "{}", kernel.name());
                }
            }
        }

        #[test]
        fn a_query_sees_only_its_path(
            depth in 1usize..40, heads in 1usize..4,
            paths in prop::collection::vec(prop::collection::vec(0u32..9, 1..12), 1..6),
        ) {
            let width = heads * depth;
            let q = floats(paths.len() * width, 1);
            let (keys, values) = (floats(9 * width, 2), floats(9 * width, 3));
            let memory = Memory { keys: &keys, values: &values };
            let mut scratch = AttentionScratch::default();
            for kernel in Kernel::available() {
                let mut y = vec![0.0; q.len()];
                let seen = (memory, paths.iter().map(Vec::as_slice));
                attend_paths(kernel, heads, width, &q, seen, &mut y, &mut scratch);
                for ((q, y), path) in q.chunks(width).zip(y.chunks(width)).zip(&paths) {
                    let along = |x: &[f32]| -> Vec<f32> {
                        path.iter().flat_map(|row| &x[*row as usize * width..][..width]).copied()
                            .collect()
                    };
                    let (keys, values) = (along(&keys), along(&values));
                    let memory = Memory { keys: &keys, values: &values };
                    prop_assert!(close(y, &plain(heads, q, memory)), "{}", kernel.name());
                }
            }
        }
    }
}

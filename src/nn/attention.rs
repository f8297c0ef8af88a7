//! Attention over time-major values: heads lie side by side in every row.

use super::kernels::{Aligned, Kernel, MAX_COLUMNS, TILE_ROWS};

/// Keys and values of one stretch of time, `width` numbers per row.
#[derive(Clone, Copy)]
pub struct Memory<'a> {
    pub keys: &'a [f32],
    pub values: &'a [f32],
}

/// Up to this many queries are answered one by one; more are worth packing the memory for.
const FEW_QUERIES: usize = 4;

/// `softmax(q kᵀ / √d) v` for every row of `q`, per head, over the whole memory.
///
/// `q` and `y` hold rows of `heads` heads; so do the keys and values of `memory`.
pub fn attend(
    kernel: Kernel,
    heads: usize,
    width: usize,
    q: &[f32],
    memory: Memory,
    y: &mut [f32],
) {
    check(heads, width, q, memory, y);
    if q.len() / width <= FEW_QUERIES {
        for (q, y) in q.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            attend_one(kernel, heads, q, &[memory], y);
        }
    } else {
        for head in 0..heads {
            attend_many(kernel, heads, head, width, q, memory, y);
        }
    }
}

/// As [`attend`], each query over `past` and then over the rows of `new` up to its own.
pub fn attend_causal(
    kernel: Kernel,
    heads: usize,
    width: usize,
    q: &[f32],
    past: Memory,
    new: Memory,
    y: &mut [f32],
) {
    check(heads, width, q, new, y);
    assert!(past.keys.len() == past.values.len() && past.keys.len().is_multiple_of(width));
    assert_eq!(new.keys.len(), q.len(), "a new key per query");
    for (row, (q, y)) in q.chunks_exact(width).zip(y.chunks_exact_mut(width)).enumerate() {
        let seen = (row + 1) * width;
        let new = Memory { keys: &new.keys[..seen], values: &new.values[..seen] };
        attend_one(kernel, heads, q, &[past, new], y);
    }
}

fn check(heads: usize, width: usize, q: &[f32], memory: Memory, y: &[f32]) {
    assert!(heads > 0 && width.is_multiple_of(heads), "{heads} heads in {width} channels");
    assert!(q.len() == y.len() && q.len().is_multiple_of(width), "rows of {width}");
    assert!(memory.keys.len() == memory.values.len() && memory.keys.len().is_multiple_of(width));
    assert!(!memory.keys.is_empty(), "something to attend to");
}

/// One query over several memories in sequence.
fn attend_one(kernel: Kernel, heads: usize, q: &[f32], memories: &[Memory], y: &mut [f32]) {
    let width = q.len();
    let steps: usize = memories.iter().map(|memory| memory.keys.len() / width).sum();
    let mut weights = vec![0.0; heads * steps];
    let mut at = 0;
    for memory in memories {
        kernel.head_scores(q, memory.keys, heads, &mut weights[at..], steps);
        at += memory.keys.len() / width;
    }
    for weights in weights.chunks_exact_mut(steps) {
        kernel.softmax(weights, scale(width / heads));
    }
    y.fill(0.0);
    at = 0;
    for memory in memories {
        kernel.add_weighted(&weights[at..], steps, memory.values, heads, y);
        at += memory.values.len() / width;
    }
}

/// All queries of one head, as two matrix products over packed keys and values.
fn attend_many(
    kernel: Kernel,
    heads: usize,
    head: usize,
    width: usize,
    q: &[f32],
    memory: Memory,
    y: &mut [f32],
) {
    let (depth, columns) = (width / heads, kernel.columns());
    let (rows, steps) = (q.len() / width, memory.keys.len() / width);
    let first = head * depth;
    let keys = pack_transposed(columns, &memory.keys[first..], width, steps, depth);
    let values = pack(columns, &memory.values[first..], width, steps, depth);
    let padded = steps.next_multiple_of(columns);
    let mut weights = vec![0.0; TILE_ROWS * padded];
    let mut sums = [0.0; TILE_ROWS * MAX_COLUMNS];
    for top in (0..rows).step_by(TILE_ROWS) {
        let tile = top..rows.min(top + TILE_ROWS);
        let q = &q[top * width + first..];
        for (panel, at) in keys.chunks_exact(depth * columns).zip((0..).step_by(columns)) {
            kernel.float_tile(panel, q, width, tile.len(), &mut weights[at..], padded);
        }
        for row in weights.chunks_exact_mut(padded).take(tile.len()) {
            kernel.softmax(&mut row[..steps], scale(depth));
        }
        for (panel, at) in values.chunks_exact(steps * columns).zip((0..).step_by(columns)) {
            kernel.float_tile(panel, &weights, padded, tile.len(), &mut sums, columns);
            let kept = columns.min(depth - at);
            for (row, sums) in tile.clone().zip(sums.chunks_exact(columns)) {
                y[row * width + first + at..][..kept].copy_from_slice(&sums[..kept]);
            }
        }
    }
}

/// Dot products of `depth` terms grow with its root; so softmax sees them at unit scale.
fn scale(depth: usize) -> f32 {
    1.0 / (depth as f32).sqrt()
}

/// Panels of the transpose: one input per channel, one column per step.
fn pack_transposed(
    columns: usize,
    x: &[f32],
    width: usize,
    steps: usize,
    depth: usize,
) -> Aligned<f32> {
    let mut panels = Aligned::new(steps.div_ceil(columns) * depth * columns);
    for (step, row) in x.chunks(width).take(steps).enumerate() {
        let panel = &mut panels[step / columns * depth * columns + step % columns..];
        for (slot, value) in panel.iter_mut().step_by(columns).zip(&row[..depth]) {
            *slot = *value;
        }
    }
    panels
}

/// Panels as they are: one input per step, one column per channel.
fn pack(columns: usize, x: &[f32], width: usize, steps: usize, depth: usize) -> Aligned<f32> {
    let mut panels = Aligned::new(depth.div_ceil(columns) * steps * columns);
    for (step, row) in x.chunks(width).take(steps).enumerate() {
        let panels = panels.chunks_exact_mut(steps * columns);
        for (panel, part) in panels.zip(row[..depth].chunks(columns)) {
            panel[step * columns..][..part.len()].copy_from_slice(part);
        }
    }
    panels
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
        fn every_way_to_attend_agrees_with_the_definition(
            heads in 1usize..4, depth in 1usize..40, queries in 1usize..20, steps in 1usize..60,
        ) {
            let width = heads * depth;
            let (q, keys, values) =
                (floats(queries * width, 1), floats(steps * width, 2), floats(steps * width, 3));
            let memory = Memory { keys: &keys, values: &values };
            for kernel in Kernel::available() {
                let mut y = vec![0.0; q.len()];
                attend(kernel, heads, width, &q, memory, &mut y);
                for (q, y) in q.chunks(width).zip(y.chunks(width)) {
                    prop_assert!(close(y, &plain(heads, q, memory)), "{}", kernel.name());
                }
            }
        }

        #[test]
        fn a_causal_query_sees_the_past_and_itself(
            past in 0usize..9, queries in 1usize..5, depth in 1usize..20,
        ) {
            let (heads, width) = (2, 2 * depth);
            let q = floats(queries * width, 1);
            let keys = floats((past + queries) * width, 2);
            let values = floats((past + queries) * width, 3);
            let at = past * width;
            let mut y = vec![0.0; q.len()];
            attend_causal(
                Kernel::SCALAR, heads, width, &q,
                Memory { keys: &keys[..at], values: &values[..at] },
                Memory { keys: &keys[at..], values: &values[at..] },
                &mut y,
            );
            for (row, (q, y)) in q.chunks(width).zip(y.chunks(width)).enumerate() {
                let seen = (past + row + 1) * width;
                let memory = Memory { keys: &keys[..seen], values: &values[..seen] };
                prop_assert!(close(y, &plain(heads, q, memory)));
            }
        }
    }
}

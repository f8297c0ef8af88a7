//! The reference: plain Rust, any CPU. What the vector kernels compute is defined here.

/// Eight columns give a compiler something to vectorise and waste little on narrow matrices.
pub const COLUMNS: usize = 8;
pub const GROUP: usize = 4;

pub fn byte_tile(panel: &[u8], x: &[u32], words: usize, sums: &mut [i32]) {
    for (x, sums) in x.chunks_exact(words.max(1)).zip(sums.chunks_exact_mut(COLUMNS)) {
        sums.fill(0);
        for (word, weights) in x.iter().zip(panel.chunks_exact(COLUMNS * GROUP)) {
            let codes = word.to_le_bytes().map(|byte| i32::from(byte as i8));
            for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(GROUP)) {
                for (weight, code) in weights.iter().zip(codes) {
                    *sum += i32::from(*weight) * code;
                }
            }
        }
    }
}

pub fn float_tile(
    panel: &[f32],
    x: &[f32],
    stride: usize,
    rows: usize,
    sums: &mut [f32],
    sums_stride: usize,
) {
    for row in 0..rows {
        let sums = &mut sums[row * sums_stride..][..COLUMNS];
        sums.fill(0.0);
        for (value, weights) in x[row * stride..].iter().zip(panel.chunks_exact(COLUMNS)) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
    }
}

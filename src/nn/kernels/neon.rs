//! NEON, which every 64-bit Arm has: thirty-two registers of 16 bytes.
//!
//! Its byte products take both factors signed, so weights are stored less [`WEIGHT_OFFSET`]. One
//! product of two signed bytes fits 16 bits, the sum of two may not (2 * 128 * 128 = 2^15): `smull`
//! makes eight products, and `sadalp` adds neighbours straight into 32 bits.

use std::arch::aarch64::*;

/// Four registers of 4 lanes by four rows: 16 accumulators, and room for products of two rows.
pub const COLUMNS: usize = 16;
pub const GROUP: usize = 2;
pub const WEIGHT_OFFSET: u8 = 128;
const LANES: usize = 4;

// Words of codes and weights are read as bytes, in the order they stand in memory.
const _: () = assert!(cfg!(target_endian = "little"));

/// Two codes, twice, so that one broadcast of the word fills a register with the pair.
pub fn word([a, b]: [i8; GROUP]) -> u32 {
    u32::from_le_bytes([a, b, a, b].map(|code| code as u8))
}

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::byte_tile`] checks.
#[target_feature(enable = "neon")]
pub unsafe fn byte_tile(panel: &[u8], x: &[u32], words: usize, rows: usize, sums: &mut [i32]) {
    // SAFETY: each arm gets `x` and `sums` of the rows that are left, and takes no more than those.
    unsafe {
        in_runs!(rows, x by words, sums by COLUMNS, {
            4 => bytes::<4>(panel, x, words, sums),
            2 => bytes::<2>(panel, x, words, sums),
            1 => bytes::<1>(panel, x, words, sums),
        });
    }
}

/// # Safety
/// As [`byte_tile`], for `ROWS` rows. Returns `ROWS`.
#[target_feature(enable = "neon")]
unsafe fn bytes<const ROWS: usize>(
    panel: &[u8],
    x: &[u32],
    words: usize,
    sums: &mut [i32],
) -> usize {
    debug_assert!(x.len() >= ROWS * words && sums.len() >= ROWS * COLUMNS);
    let mut acc = [[vdupq_n_s32(0); 4]; ROWS];
    let (panel, x, sums) = (panel.as_ptr().cast::<i8>(), x.as_ptr(), sums.as_mut_ptr());
    for word in 0..words {
        // SAFETY: word `word` of the panel is COLUMNS * GROUP = 32 bytes, two registers.
        let weights = unsafe {
            let at = panel.add(word * COLUMNS * GROUP);
            [vld1q_s8(at), vld1q_s8(at.add(16))]
        };
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `word < words`, inside the ROWS rows of `x`.
            let codes = vreinterpretq_s8_u32(unsafe { vld1q_dup_u32(x.add(row * words + word)) });
            for (acc, weights) in acc.as_chunks_mut::<2>().0.iter_mut().zip(weights) {
                let low = vmull_s8(vget_low_s8(weights), vget_low_s8(codes));
                acc[0] = vpadalq_s16(acc[0], low);
                acc[1] = vpadalq_s16(acc[1], vmull_high_s8(weights, codes));
            }
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        for (part, acc) in acc.iter().enumerate() {
            // SAFETY: row `row` of `sums` is COLUMNS = 4 * LANES numbers.
            unsafe { vst1q_s32(sums.add(row * COLUMNS + part * LANES), *acc) };
        }
    }
    ROWS
}

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::float_tile`] checks.
#[target_feature(enable = "neon")]
pub unsafe fn float_tile(
    panel: &[f32],
    x: &[f32],
    stride: usize,
    rows: usize,
    sums: &mut [f32],
    sums_stride: usize,
) {
    // SAFETY: each arm gets `x` and `sums` of the rows that are left, and takes no more than those.
    unsafe {
        in_runs!(rows, x by stride, sums by sums_stride, {
            4 => floats::<4>(panel, x, stride, sums, sums_stride),
            2 => floats::<2>(panel, x, stride, sums, sums_stride),
            1 => floats::<1>(panel, x, stride, sums, sums_stride),
        });
    }
}

/// # Safety
/// As [`float_tile`], for `ROWS` rows. Returns `ROWS`.
#[target_feature(enable = "neon")]
unsafe fn floats<const ROWS: usize>(
    panel: &[f32],
    x: &[f32],
    stride: usize,
    sums: &mut [f32],
    sums_stride: usize,
) -> usize {
    let inputs = panel.len() / COLUMNS;
    debug_assert!(x.len() >= (ROWS - 1) * stride + inputs);
    debug_assert!(sums.len() >= (ROWS - 1) * sums_stride + COLUMNS);
    let mut acc = [[vdupq_n_f32(0.0); 4]; ROWS];
    let (panel, x, sums) = (panel.as_ptr(), x.as_ptr(), sums.as_mut_ptr());
    for input in 0..inputs {
        // SAFETY: input `input` of the panel is COLUMNS = 4 * LANES numbers.
        let weights = unsafe {
            let at = panel.add(input * COLUMNS);
            [0, 1, 2, 3].map(|part| vld1q_f32(at.add(part * LANES)))
        };
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `input < inputs`, inside the ROWS rows of `x`.
            let value = unsafe { vld1q_dup_f32(x.add(row * stride + input)) };
            for (acc, weights) in acc.iter_mut().zip(weights) {
                *acc = vfmaq_f32(*acc, weights, value);
            }
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        for (part, acc) in acc.iter().enumerate() {
            // SAFETY: row `row` of `sums` is COLUMNS = 4 * LANES numbers.
            unsafe { vst1q_f32(sums.add(row * sums_stride + part * LANES), *acc) };
        }
    }
    ROWS
}

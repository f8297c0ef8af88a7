//! NEON with the dot product extension: four byte products per lane and instruction.
//!
//! `sdot` multiplies signed by signed bytes and adds four products to a 32-bit lane without
//! saturation, so weights are stored less [`WEIGHT_OFFSET`]. (The mixed `usdot` needs the matrix
//! extension, which the Cortex-A76 of a Raspberry Pi 5 lacks.) Only the byte tile differs from
//! [`super::neon`].

use std::arch::{aarch64::*, asm};

/// Four registers of 4 lanes by four rows: 16 accumulators, four weights, one broadcast.
pub const COLUMNS: usize = 16;
pub const GROUP: usize = 4;
pub const WEIGHT_OFFSET: u8 = super::neon::WEIGHT_OFFSET;
const LANES: usize = 4;
const _: () = assert!(COLUMNS == super::neon::COLUMNS, "float panels are those of NEON");

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::byte_tile`] checks.
#[target_feature(enable = "neon,dotprod")]
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
#[target_feature(enable = "neon,dotprod")]
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
        // SAFETY: word `word` of the panel is COLUMNS * GROUP = 64 bytes, four registers.
        let weights = unsafe {
            let at = panel.add(word * COLUMNS * GROUP);
            [0, 1, 2, 3].map(|part| vld1q_s8(at.add(part * 16)))
        };
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `word < words`, inside the ROWS rows of `x`.
            let codes = vreinterpretq_s8_u32(unsafe { vld1q_dup_u32(x.add(row * words + word)) });
            for (acc, weights) in acc.iter_mut().zip(weights) {
                *acc = add_dot(*acc, weights, codes);
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

/// `vdotq_s32`, which the standard library does not offer on stable Rust yet.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn add_dot(mut sums: int32x4_t, weights: int8x16_t, codes: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction belongs to the features above and touches the named registers alone.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {codes:v}.16b",
            sums = inout(vreg) sums,
            weights = in(vreg) weights,
            codes = in(vreg) codes,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

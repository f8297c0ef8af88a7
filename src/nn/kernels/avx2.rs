//! AVX2 with FMA: sixteen registers of 32 bytes.
//!
//! Byte products go through 16 bits: `vpmaddubsw` would be shorter but saturates its 16-bit sums
//! (255 * 127 * 2 does not fit), and every kernel must give the same integers. Widened to 16 bits,
//! `vpmaddwd` adds pairs exactly in 32. Widening in order (`vpmovzxbw`) would take the one unit
//! that moves bytes across a register, so the columns of a panel are interleaved ([`place`]): one
//! register of bytes, masked, is eight columns in 16 bits, and shifted it is the next eight.

use std::arch::x86_64::*;

/// Two registers of 8 lanes by four rows: 8 accumulators, two weights and their mask, a broadcast
/// and its products.
pub const COLUMNS: usize = 16;
pub const GROUP: usize = 2;
const LANES: usize = 8;
const _: () =
    assert!(COLUMNS == 2 * LANES, "the columns of one register, in its even and odd bytes");

/// Where in a word's weights those of one column and input stand: lane by lane, and in each the two
/// inputs of a column of the first half, each followed by that of the second half.
pub const fn place(input: usize, column: usize) -> usize {
    column % LANES * 2 * GROUP + input * 2 + column / LANES
}

/// Two codes as 16-bit numbers, as `vpmaddwd` takes them.
pub fn word(codes: [i8; GROUP]) -> u32 {
    let [a, b] = codes.map(|code| u32::from(i16::from(code) as u16));
    a | b << 16
}

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::byte_tile`] checks.
#[target_feature(enable = "avx2")]
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
#[target_feature(enable = "avx2")]
unsafe fn bytes<const ROWS: usize>(
    panel: &[u8],
    x: &[u32],
    words: usize,
    sums: &mut [i32],
) -> usize {
    debug_assert!(x.len() >= ROWS * words && sums.len() >= ROWS * COLUMNS);
    let mut acc = [[_mm256_setzero_si256(); 2]; ROWS];
    let (panel, x, sums) = (panel.as_ptr(), x.as_ptr(), sums.as_mut_ptr());
    for word in 0..words {
        // SAFETY: word `word` of the panel is COLUMNS * GROUP = 32 bytes, one register.
        let both = unsafe { _mm256_loadu_si256(panel.add(word * COLUMNS * GROUP).cast()) };
        let weights =
            [_mm256_and_si256(both, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(both)];
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `word < words`, inside the ROWS rows of `x`.
            let codes = _mm256_set1_epi32(unsafe { *x.add(row * words + word) } as i32);
            acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(weights[0], codes));
            acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(weights[1], codes));
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        for (part, acc) in acc.iter().enumerate() {
            // SAFETY: row `row` of `sums` is COLUMNS = 2 * LANES numbers.
            unsafe { _mm256_storeu_si256(sums.add(row * COLUMNS + part * LANES).cast(), *acc) };
        }
    }
    ROWS
}

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::float_tile`] checks for a
/// panel of `PARTS` registers.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn float_tile<const PARTS: usize>(
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
            4 => floats::<PARTS, 4>(panel, x, stride, sums, sums_stride),
            2 => floats::<PARTS, 2>(panel, x, stride, sums, sums_stride),
            1 => floats::<PARTS, 1>(panel, x, stride, sums, sums_stride),
        });
    }
}

/// # Safety
/// As [`float_tile`], for `ROWS` rows. Returns `ROWS`.
#[target_feature(enable = "avx2,fma")]
unsafe fn floats<const PARTS: usize, const ROWS: usize>(
    panel: &[f32],
    x: &[f32],
    stride: usize,
    sums: &mut [f32],
    sums_stride: usize,
) -> usize {
    let columns = PARTS * LANES;
    let inputs = panel.len() / columns;
    debug_assert!(x.len() >= (ROWS - 1) * stride + inputs);
    debug_assert!(sums.len() >= (ROWS - 1) * sums_stride + columns);
    let mut acc = [[_mm256_setzero_ps(); PARTS]; ROWS];
    let (panel, x, sums) = (panel.as_ptr(), x.as_ptr(), sums.as_mut_ptr());
    for input in 0..inputs {
        let mut weights = [_mm256_setzero_ps(); PARTS];
        for (part, weights) in weights.iter_mut().enumerate() {
            // SAFETY: input `input` of the panel is `columns` = PARTS * LANES numbers.
            *weights = unsafe { _mm256_loadu_ps(panel.add(input * columns + part * LANES)) };
        }
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `input < inputs`, inside the ROWS rows of `x`.
            let value = _mm256_set1_ps(unsafe { *x.add(row * stride + input) });
            for (acc, weights) in acc.iter_mut().zip(weights) {
                *acc = _mm256_fmadd_ps(weights, value, *acc);
            }
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        for (part, acc) in acc.iter().enumerate() {
            // SAFETY: row `row` of `sums` is `columns` = PARTS * LANES numbers.
            unsafe { _mm256_storeu_ps(sums.add(row * sums_stride + part * LANES), *acc) };
        }
    }
    ROWS
}

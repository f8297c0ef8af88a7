//! AVX-512 with VNNI: four byte products per lane and instruction, 32 registers.
//!
//! `vpdpbusd` multiplies unsigned by signed bytes and adds four products to a 32-bit lane without
//! saturation, so weights stay unsigned as shipped and activations are the signed side.

use std::arch::x86_64::*;

/// Three registers of 16 lanes by eight rows: 24 accumulators, three weights, one broadcast.
pub const COLUMNS: usize = 48;
pub const GROUP: usize = 4;
const LANES: usize = 16;

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::byte_tile`] checks.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub unsafe fn byte_tile(panel: &[u8], x: &[u32], words: usize, rows: usize, sums: &mut [i32]) {
    // SAFETY: each arm gets `x` and `sums` of the rows that are left, and takes no more than those.
    unsafe {
        in_runs!(rows, x by words, sums by COLUMNS, {
            8 => bytes::<8>(panel, x, words, sums),
            6 => bytes::<6>(panel, x, words, sums),
            4 => bytes::<4>(panel, x, words, sums),
            2 => bytes::<2>(panel, x, words, sums),
            1 => bytes::<1>(panel, x, words, sums),
        });
    }
}

/// # Safety
/// As [`byte_tile`], for `ROWS` rows. Returns `ROWS`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn bytes<const ROWS: usize>(
    panel: &[u8],
    x: &[u32],
    words: usize,
    sums: &mut [i32],
) -> usize {
    debug_assert!(x.len() >= ROWS * words && sums.len() >= ROWS * COLUMNS);
    let mut acc = [[_mm512_setzero_si512(); 3]; ROWS];
    let (panel, x, sums) = (panel.as_ptr(), x.as_ptr(), sums.as_mut_ptr());
    for word in 0..words {
        // SAFETY: word `word` of the panel is COLUMNS * GROUP = 192 bytes, three registers.
        let weights = unsafe {
            let at = panel.add(word * COLUMNS * GROUP).cast::<__m512i>();
            [_mm512_loadu_si512(at), _mm512_loadu_si512(at.add(1)), _mm512_loadu_si512(at.add(2))]
        };
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `word < words`, inside the ROWS rows of `x`.
            let code = _mm512_set1_epi32(unsafe { *x.add(row * words + word) } as i32);
            acc[0] = _mm512_dpbusd_epi32(acc[0], weights[0], code);
            acc[1] = _mm512_dpbusd_epi32(acc[1], weights[1], code);
            acc[2] = _mm512_dpbusd_epi32(acc[2], weights[2], code);
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        for (part, acc) in acc.iter().enumerate() {
            // SAFETY: row `row` of `sums` is COLUMNS = 3 * LANES numbers.
            unsafe { _mm512_storeu_si512(sums.add(row * COLUMNS + part * LANES).cast(), *acc) };
        }
    }
    ROWS
}

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::float_tile`] checks.
#[target_feature(enable = "avx512f")]
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
            8 => floats::<8>(panel, x, stride, sums, sums_stride),
            4 => floats::<4>(panel, x, stride, sums, sums_stride),
            2 => floats::<2>(panel, x, stride, sums, sums_stride),
            1 => floats::<1>(panel, x, stride, sums, sums_stride),
        });
    }
}

/// # Safety
/// As [`float_tile`], for `ROWS` rows. Returns `ROWS`.
#[target_feature(enable = "avx512f")]
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
    let mut acc = [[_mm512_setzero_ps(); 3]; ROWS];
    let (panel, x, sums) = (panel.as_ptr(), x.as_ptr(), sums.as_mut_ptr());
    for input in 0..inputs {
        // SAFETY: input `input` of the panel is COLUMNS = 3 * LANES numbers.
        let weights = unsafe {
            let at = panel.add(input * COLUMNS);
            [
                _mm512_loadu_ps(at),
                _mm512_loadu_ps(at.add(LANES)),
                _mm512_loadu_ps(at.add(2 * LANES)),
            ]
        };
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `input < inputs`, inside the ROWS rows of `x`.
            let value = _mm512_set1_ps(unsafe { *x.add(row * stride + input) });
            acc[0] = _mm512_fmadd_ps(weights[0], value, acc[0]);
            acc[1] = _mm512_fmadd_ps(weights[1], value, acc[1]);
            acc[2] = _mm512_fmadd_ps(weights[2], value, acc[2]);
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        for (part, acc) in acc.iter().enumerate() {
            // SAFETY: row `row` of `sums` is COLUMNS = 3 * LANES numbers.
            unsafe { _mm512_storeu_ps(sums.add(row * sums_stride + part * LANES), *acc) };
        }
    }
    ROWS
}

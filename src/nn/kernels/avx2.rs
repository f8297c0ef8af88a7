//! AVX2 with FMA: sixteen registers of 32 bytes.
//!
//! Byte products go through 16 bits: `vpmaddubsw` would be shorter but saturates its 16-bit sums
//! (255 * 127 * 2 does not fit), and every kernel must give the same integers. Widened to 16 bits,
//! `vpmaddwd` adds pairs exactly in 32.

use std::arch::x86_64::*;

/// Three registers of 8 lanes by four rows: 12 accumulators, a weight, a broadcast.
pub const COLUMNS: usize = 24;
pub const GROUP: usize = 2;
const LANES: usize = 8;

/// Two codes as 16-bit numbers, as `vpmaddwd` takes them.
pub fn word(codes: [i8; GROUP]) -> u32 {
    let [a, b] = codes.map(|code| u32::from(i16::from(code) as u16));
    a | b << 16
}

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::byte_tile`] checks.
#[target_feature(enable = "avx2")]
pub unsafe fn byte_tile(panel: &[u8], x: &[u32], words: usize, rows: usize, sums: &mut [i32]) {
    let mut row = 0;
    while row < rows {
        let x = &x[row * words..];
        let sums = &mut sums[row * COLUMNS..];
        // SAFETY: `x` and `sums` hold `rows - row` rows, and each arm takes no more than that.
        row += unsafe {
            match rows - row {
                4.. => bytes::<4>(panel, x, words, sums),
                2..4 => bytes::<2>(panel, x, words, sums),
                _ => bytes::<1>(panel, x, words, sums),
            }
        };
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
    let mut acc = [[_mm256_setzero_si256(); 3]; ROWS];
    let (panel, x, sums) = (panel.as_ptr(), x.as_ptr(), sums.as_mut_ptr());
    for word in 0..words {
        let mut codes = [_mm256_setzero_si256(); ROWS];
        for (row, codes) in codes.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `word < words`, inside the ROWS rows of `x`.
            *codes = _mm256_set1_epi32(unsafe { *x.add(row * words + word) } as i32);
        }
        for part in 0..3 {
            // SAFETY: word `word` of the panel is COLUMNS * GROUP = 48 bytes, three loads of 16.
            let weights = _mm256_cvtepu8_epi16(unsafe {
                _mm_loadu_si128(panel.add(word * COLUMNS * GROUP + part * 16).cast())
            });
            for (acc, codes) in acc.iter_mut().zip(codes) {
                acc[part] = _mm256_add_epi32(acc[part], _mm256_madd_epi16(weights, codes));
            }
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        for (part, acc) in acc.iter().enumerate() {
            // SAFETY: row `row` of `sums` is COLUMNS = 3 * LANES numbers.
            unsafe { _mm256_storeu_si256(sums.add(row * COLUMNS + part * LANES).cast(), *acc) };
        }
    }
    ROWS
}

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::float_tile`] checks.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn float_tile(
    panel: &[f32],
    x: &[f32],
    stride: usize,
    rows: usize,
    sums: &mut [f32],
    sums_stride: usize,
) {
    let mut row = 0;
    while row < rows {
        let x = &x[row * stride..];
        let sums = &mut sums[row * sums_stride..];
        // SAFETY: `x` and `sums` hold `rows - row` rows, and each arm takes no more than that.
        row += unsafe {
            match rows - row {
                4.. => floats::<4>(panel, x, stride, sums, sums_stride),
                2..4 => floats::<2>(panel, x, stride, sums, sums_stride),
                _ => floats::<1>(panel, x, stride, sums, sums_stride),
            }
        };
    }
}

/// # Safety
/// As [`float_tile`], for `ROWS` rows. Returns `ROWS`.
#[target_feature(enable = "avx2,fma")]
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
    let mut acc = [[_mm256_setzero_ps(); 3]; ROWS];
    let (panel, x, sums) = (panel.as_ptr(), x.as_ptr(), sums.as_mut_ptr());
    for input in 0..inputs {
        // SAFETY: input `input` of the panel is COLUMNS = 3 * LANES numbers.
        let weights = unsafe {
            let at = panel.add(input * COLUMNS);
            [
                _mm256_loadu_ps(at),
                _mm256_loadu_ps(at.add(LANES)),
                _mm256_loadu_ps(at.add(2 * LANES)),
            ]
        };
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `input < inputs`, inside the ROWS rows of `x`.
            let value = _mm256_set1_ps(unsafe { *x.add(row * stride + input) });
            acc[0] = _mm256_fmadd_ps(weights[0], value, acc[0]);
            acc[1] = _mm256_fmadd_ps(weights[1], value, acc[1]);
            acc[2] = _mm256_fmadd_ps(weights[2], value, acc[2]);
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        for (part, acc) in acc.iter().enumerate() {
            // SAFETY: row `row` of `sums` is COLUMNS = 3 * LANES numbers.
            unsafe { _mm256_storeu_ps(sums.add(row * sums_stride + part * LANES), *acc) };
        }
    }
    ROWS
}

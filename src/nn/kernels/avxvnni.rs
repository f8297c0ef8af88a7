//! AVX-VNNI: what AVX-512 VNNI does to bytes, for CPUs that stop at sixteen registers of 32 bytes.
//!
//! See [`super::avx512`] for the instruction. Floats are summed by [`super::avx2`]'s tile. No CPU
//! with it was at hand yet: the tests passed with each `vpdpbusd` computed in place of the fault it
//! raises elsewhere, so what it computes is known and how fast is not.

use std::arch::x86_64::*;

/// Three registers of 8 lanes by four rows: 12 accumulators, three weights, one broadcast.
pub const COLUMNS: usize = PARTS * LANES;
pub const GROUP: usize = 4;
pub const PARTS: usize = 3;
const LANES: usize = 8;

/// # Safety
/// The CPU has the features below; slices are as long as [`super::Kernel::byte_tile`] checks.
#[target_feature(enable = "avx2,avxvnni")]
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
#[target_feature(enable = "avx2,avxvnni")]
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
        // SAFETY: word `word` of the panel is COLUMNS * GROUP = 96 bytes, three registers.
        let weights = unsafe {
            let at = panel.add(word * COLUMNS * GROUP).cast::<__m256i>();
            [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)), _mm256_loadu_si256(at.add(2))]
        };
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `row < ROWS` and `word < words`, inside the ROWS rows of `x`.
            let code = _mm256_set1_epi32(unsafe { *x.add(row * words + word) } as i32);
            acc[0] = _mm256_dpbusd_avx_epi32(acc[0], weights[0], code);
            acc[1] = _mm256_dpbusd_avx_epi32(acc[1], weights[1], code);
            acc[2] = _mm256_dpbusd_avx_epi32(acc[2], weights[2], code);
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

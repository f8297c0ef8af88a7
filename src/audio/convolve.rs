//! Convolution with a long kernel, frame by frame and without delay.

use std::collections::VecDeque;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::units::{FRAME_LEN, Frame};

/// Each block is transformed with the one before it: the older half of the result is what wraps
/// around and is thrown away (overlap-save).
const FFT_LEN: usize = 2 * FRAME_LEN;
const BINS: usize = FRAME_LEN + 1;

type Spectrum = Vec<Complex<f32>>;

/// A finite impulse response of any length, cut into parts of one frame, each multiplied with the
/// spectrum of the frame that lies as far back (uniformly partitioned convolution; Stockham 1966,
/// Kulp 1988).
pub struct Convolver {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// One for each frame of the kernel.
    parts: Vec<Spectrum>,
    /// Spectra of the last frames, newest first, as many as there are parts.
    past: VecDeque<Spectrum>,
    /// The previous frame, then the present one.
    window: Vec<f32>,
    sum: Spectrum,
}

impl Convolver {
    /// `kernel` at the rate of the frames; an empty one gives silence.
    pub fn new(kernel: &[f32]) -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(FFT_LEN);
        let inverse = planner.plan_fft_inverse(FFT_LEN);
        let mut padded = vec![0.0; FFT_LEN];
        let parts: Vec<Spectrum> = kernel
            .chunks(FRAME_LEN)
            .map(|part| {
                padded.fill(0.0);
                // The transform back is not normalised.
                for (to, from) in padded.iter_mut().zip(part) {
                    *to = from / FFT_LEN as f32;
                }
                let mut spectrum = forward.make_output_vec();
                transform(forward.as_ref(), &mut padded, &mut spectrum);
                spectrum
            })
            .collect();
        let silence = vec![Complex::default(); BINS];
        let past = std::iter::repeat_n(silence.clone(), parts.len()).collect();
        Self { forward, inverse, parts, past, window: vec![0.0; FFT_LEN], sum: silence }
    }

    /// What the frame and all before it give during this frame.
    pub fn push(&mut self, frame: &Frame) -> Frame {
        self.window.copy_within(FRAME_LEN.., 0);
        self.window[FRAME_LEN..].copy_from_slice(frame);
        let Some(mut newest) = self.past.pop_back() else { return [0.0; FRAME_LEN] };
        transform(self.forward.as_ref(), &mut self.window.clone(), &mut newest);
        self.past.push_front(newest);

        self.sum.fill(Complex::default());
        for (part, past) in self.parts.iter().zip(&self.past) {
            for ((sum, a), b) in self.sum.iter_mut().zip(part).zip(past) {
                *sum += a * b;
            }
        }
        // Rounding leaves a trace of an imaginary part where a real signal has none.
        self.sum[0].im = 0.0;
        self.sum[BINS - 1].im = 0.0;
        let mut turned = [0.0; FFT_LEN];
        self.inverse.process(&mut self.sum, &mut turned).expect("both buffers have their length");
        let mut out = [0.0; FRAME_LEN];
        out.copy_from_slice(&turned[FRAME_LEN..]);
        out
    }
}

fn transform(forward: &dyn RealToComplex<f32>, from: &mut [f32], to: &mut [Complex<f32>]) {
    forward.process(from, to).expect("both buffers have their length");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn streamed(kernel: &[f32], sound: &[f32]) -> Vec<f32> {
        let mut convolver = Convolver::new(kernel);
        let frames = sound.as_chunks::<FRAME_LEN>().0;
        frames.iter().flat_map(|frame| convolver.push(frame)).collect()
    }

    #[test]
    fn an_impulse_delays_and_scales() {
        let sound: Vec<f32> = (0..4 * FRAME_LEN).map(|i| (i as f32 * 0.1).sin()).collect();
        for delay in [0, 1, FRAME_LEN - 1, FRAME_LEN, 2 * FRAME_LEN + 7] {
            let mut kernel = vec![0.0; delay];
            kernel.push(0.5);
            let out = streamed(&kernel, &sound);
            for (i, found) in out.iter().enumerate() {
                let wanted = i.checked_sub(delay).map_or(0.0, |i| 0.5 * sound[i]);
                assert!((found - wanted).abs() < 1e-5, "{delay}: {found} at {i}, not {wanted}");
            }
        }
    }

    #[test]
    fn no_kernel_is_silence() {
        assert!(streamed(&[], &[1.0; FRAME_LEN]).iter().all(|s| *s == 0.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn it_is_the_sum_of_shifted_kernels(
            kernel in prop::collection::vec(-1.0f32..1.0, 1..900),
            hits in prop::collection::vec((0..3 * FRAME_LEN, -1.0f32..1.0), 0..8),
        ) {
            let mut sound = vec![0.0; 5 * FRAME_LEN];
            let mut wanted = vec![0.0; 5 * FRAME_LEN];
            for (at, value) in hits {
                sound[at] += value;
                for (sum, tap) in wanted[at..].iter_mut().zip(&kernel) {
                    *sum += value * tap;
                }
            }
            for (found, wanted) in streamed(&kernel, &sound).iter().zip(&wanted) {
                prop_assert!((found - wanted).abs() < 1e-4);
            }
        }
    }
}

//! Spectra to samples: a pulse train shaped by the harmonic branch, shaped noise, and a branch with
//! phases of its own, summed and turned back by an inverse short-time Fourier transform.
//!
//! Per frame of 12.5 ms and bin k, with `P` the transform of a pulse train that follows the pitch
//! and `Z` complex Gaussian noise:
//!
//! `S = exp(lh) · e^(iπ·tanh θ) · P + exp(ln) · Z + exp(lr) · e^(iφ)`
//!
//! The scheme and its constants are the voice's (hibari-tts 0.2.1, Apache-2.0).

use std::f32::consts::{PI, TAU};
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::VOICE_RATE_HZ;
use super::noise::Noise;
use crate::nn::kernels::math::{exp, sin_cos, tanh};
use crate::nn::kernels::{Kernel, Work};

/// Length of the transform and distance of its frames, in samples.
pub const FFT_LEN: usize = 1200;
pub const HOP: usize = 300;
const OVERLAP: usize = FFT_LEN / HOP;
const _: () = assert!(FFT_LEN == OVERLAP * HOP);

/// Bins of one spectrum.
pub const BINS: usize = FFT_LEN / 2 + 1;

/// Pitch below this is unvoiced.
const VOICED_HZ: f32 = 40.0;

/// Harmonics stop here.
const HARMONICS_END_HZ: f32 = 11_000.0;

/// Log magnitudes are cut here, so that no prediction can explode.
const LOG_CEILING: f32 = 7.0;

/// Where complex Gaussian noise comes from.
pub trait NoiseSource {
    /// One value with real and imaginary part of unit variance.
    fn next(&mut self) -> Complex32;
}

impl NoiseSource for Noise {
    fn next(&mut self) -> Complex32 {
        self.pair()
    }
}

/// Buffers and transforms; one clause at a time.
pub struct Vocoder {
    kernel: Kernel,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Periodic Hann.
    window: Vec<f32>,
    /// The pulse train of the clause, with half a transform mirrored at both ends.
    pulses: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    noise: [Complex32; BINS],
    scratch: Vec<Complex32>,
    /// What the frames so far have added to the next `FFT_LEN` samples.
    sum: Vec<f32>,
    /// Squared windows added to those samples.
    weight: Vec<f32>,
    frames: usize,
    pushed: usize,
    done_hops: usize,
}

impl Vocoder {
    pub fn new(kernel: Kernel) -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(FFT_LEN);
        let inverse = planner.plan_fft_inverse(FFT_LEN);
        let scratch_len = forward.get_scratch_len().max(inverse.get_scratch_len());
        let turn = 2.0 * std::f64::consts::PI / FFT_LEN as f64;
        Self {
            window: (0..FFT_LEN).map(|n| (0.5 - 0.5 * (turn * n as f64).cos()) as f32).collect(),
            pulses: Vec::new(),
            frame: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            noise: [Complex32::default(); BINS],
            scratch: vec![Complex32::default(); scratch_len],
            sum: vec![0.0; FFT_LEN],
            weight: vec![0.0; FFT_LEN],
            frames: 0,
            pushed: 0,
            done_hops: 0,
            forward,
            inverse,
            kernel,
        }
    }

    /// Starts a clause with this pitch contour, in hertz per frame.
    pub fn begin(&mut self, f0: &[f32]) {
        self.pulses.clear();
        self.pulses.resize(FFT_LEN / 2, 0.0);
        self.kernel.vectorise(Pulses { f0, out: &mut self.pulses });
        mirror_ends(&mut self.pulses);
        self.sum.fill(0.0);
        self.weight.fill(0.0);
        (self.frames, self.pushed, self.done_hops) = (f0.len(), 0, 0);
    }

    /// Adds the next frame, five runs of [`BINS`] values, and appends the samples it completes.
    pub fn push(&mut self, spectra: &[f32], noise: &mut impl NoiseSource, out: &mut Vec<f32>) {
        assert!(self.pushed < self.frames, "no more frames than the pitch contour has");
        // A unit cosine peaks at half the window's sum in the transform; scaled so, exp(lh) is the
        // magnitude of the harmonic.
        const SOURCE_GAIN: f32 = 1.0 / HOP as f32;
        let from = self.pushed * HOP;
        let source = self.pulses[from..from + FFT_LEN].iter().zip(&self.window);
        for (to, (pulse, window)) in self.frame.iter_mut().zip(source) {
            *to = pulse * window * SOURCE_GAIN;
        }
        self.forward
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch)
            .expect("buffers made by this transform");
        self.noise.fill_with(|| noise.next());
        let spectrum = self.spectrum.as_mut_array().expect("BINS values, as planned");
        self.kernel.vectorise(Shaping { spectrum, spectra, noise: &self.noise });
        self.inverse
            .process_with_scratch(&mut self.spectrum, &mut self.frame, &mut self.scratch)
            .expect("buffers made by this transform, and real ends");
        for (((sum, weight), &x), &window) in
            self.sum.iter_mut().zip(&mut self.weight).zip(&self.frame).zip(&self.window)
        {
            *sum += x * window * (1.0 / FFT_LEN as f32);
            *weight += window * window;
        }
        self.pushed += 1;
        self.advance(out);
        if self.pushed == self.frames {
            // The frames are centred on their hop: half a transform is still to come.
            for _ in 0..OVERLAP / 2 {
                self.advance(out);
            }
        }
    }

    /// Hands out the oldest hop of the overlap, which nothing more is added to.
    fn advance(&mut self, out: &mut Vec<f32>) {
        self.done_hops += 1;
        // The first frame is centred on the first sample: what lies before it is not sound.
        if self.done_hops > OVERLAP / 2 {
            // Where the windows barely reach, at the very ends, their sum is kept off zero.
            let done = self.sum[..HOP].iter().zip(&self.weight);
            out.extend(done.map(|(sum, weight)| sum / weight.max(1e-11)));
        }
        for buffer in [&mut self.sum, &mut self.weight] {
            buffer.copy_within(HOP.., 0);
            buffer[FFT_LEN - HOP..].fill(0.0);
        }
    }
}

/// Appends [`HOP`] samples per frame: every harmonic of the pitch below [`HARMONICS_END_HZ`] at
/// unit amplitude, and silence where the frame is unvoiced.
#[inline(always)]
fn push_pulses(f0: &[f32], out: &mut Vec<f32>) {
    let mut phase = 0.0f64; // in turns
    for k in 0..f0.len() {
        let (before, here, after) = (f0[k.saturating_sub(1)], f0[k], f0[(k + 1).min(f0.len() - 1)]);
        let (mut angles, mut pitches) = ([0.0; HOP], [0.0; HOP]);
        for (j, (angle, pitch)) in angles.iter_mut().zip(&mut pitches).enumerate() {
            // A frame's pitch holds at its middle; in between it is interpolated.
            let x = (j as f32 + 0.5) / HOP as f32 + 0.5;
            *pitch = if j < HOP / 2 {
                before * (1.0 - x) + here * x
            } else {
                here * (2.0 - x) + after * (x - 1.0)
            };
            phase = (phase + f64::from(pitch.max(VOICED_HZ)) / f64::from(VOICE_RATE_HZ)).fract();
            *angle = phase as f32 * TAU;
        }
        let start = out.len();
        out.resize(start + HOP, 0.0);
        for (to, (angle, pitch)) in out[start..].iter_mut().zip(angles.iter().zip(&pitches)) {
            let sum = pulse(*angle, *pitch);
            *to = if *pitch > VOICED_HZ { sum } else { 0.0 };
        }
    }
}

/// The sum of `cos(h·angle)` over the harmonics h = 1, 2, … of `hertz`, in closed form.
///
/// Without branches, so that a loop over it is compiled to vector code.
#[inline(always)]
fn pulse(angle: f32, hertz: f32) -> f32 {
    let harmonics = (HARMONICS_END_HZ / hertz).floor() + 0.5;
    let divisor = 2.0 * sin_cos(angle * 0.5).0;
    // Towards angle 0 the quotient tends to its limit while its parts lose their digits.
    let quotient = sin_cos(harmonics * angle).0 / divisor;
    let sum = if divisor.abs() <= 2e-3 { harmonics } else { quotient };
    sum - 0.5
}

/// Extends a signal that starts at `FFT_LEN / 2` by half a transform at both ends, mirrored at (and
/// without repeating) its first and last sample.
fn mirror_ends(padded: &mut Vec<f32>) {
    const HALF: usize = FFT_LEN / 2;
    let end = padded.len();
    let Some(last) = end.checked_sub(1).filter(|&last| last >= HALF) else {
        padded.resize(FFT_LEN, 0.0);
        return;
    };
    for i in 0..HALF {
        padded[i] = padded[(FFT_LEN - i).min(last)];
        padded.push(padded[last.saturating_sub(1 + i).max(HALF)]);
    }
}

/// What [`push_pulses`] is given.
struct Pulses<'a> {
    f0: &'a [f32],
    out: &'a mut Vec<f32>,
}

impl Work for Pulses<'_> {
    #[inline(always)]
    fn run(self) {
        push_pulses(self.f0, self.out);
    }
}

/// What [`shape`] is given.
struct Shaping<'a> {
    spectrum: &'a mut [Complex32; BINS],
    spectra: &'a [f32],
    noise: &'a [Complex32; BINS],
}

impl Work for Shaping<'_> {
    #[inline(always)]
    fn run(self) {
        shape(self.spectrum, self.spectra, self.noise);
    }
}

/// Turns the transform of the pulses into that of the frame.
#[inline(always)]
fn shape(spectrum: &mut [Complex32; BINS], spectra: &[f32], noise: &[Complex32; BINS]) {
    let ([harmonic, turn, hiss, free, angle], []) = spectra.as_chunks::<BINS>() else {
        panic!("five runs of {BINS} values, not {} values", spectra.len())
    };
    let gain = |log: f32| exp(if log < LOG_CEILING { log } else { LOG_CEILING });
    // One loop without branches or calls over all runs, so that it is compiled to vector code.
    for k in 0..BINS {
        let (pulse, hiss, free) = (spectrum[k], gain(hiss[k]), gain(free[k]));
        let harmonic = gain(harmonic[k]);
        let (sin, cos) = sin_cos(PI * tanh(turn[k]));
        let (free_sin, free_cos) = sin_cos(angle[k]);
        spectrum[k] = Complex32 {
            re: harmonic * (pulse.re * cos - pulse.im * sin) + hiss * noise[k].re + free * free_cos,
            im: harmonic * (pulse.re * sin + pulse.im * cos) + hiss * noise[k].im + free * free_sin,
        };
    }
    // A real signal has real first and last bins.
    spectrum[0].im = 0.0;
    spectrum[BINS - 1].im = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ModelStore;
    use crate::tts::golden::Golden;

    struct Stored(std::vec::IntoIter<f32>);

    impl NoiseSource for Stored {
        fn next(&mut self) -> Complex32 {
            let mut part = || self.0.next().unwrap();
            Complex32::new(part(), part())
        }
    }

    /// Spectra in which every branch is inaudible.
    fn silence() -> Vec<f32> {
        vec![-50.0; 5 * BINS]
    }

    fn render(f0: &[f32], frame: &[f32]) -> Vec<f32> {
        render_on(Kernel::current().unwrap(), f0, frame)
    }

    fn render_on(kernel: Kernel, f0: &[f32], frame: &[f32]) -> Vec<f32> {
        let (mut vocoder, mut out) = (Vocoder::new(kernel), Vec::new());
        vocoder.begin(f0);
        f0.iter().for_each(|_| vocoder.push(frame, &mut Noise::new(1), &mut out));
        out
    }

    #[test]
    fn every_kernel_gives_the_same_samples() {
        let frame: Vec<f32> = (0..5 * BINS).map(|k| (k as f32 * 0.37).sin() - 1.0).collect();
        let f0 = [0.0, 0.0, 90.0, 120.0, 250.0, 250.0, 39.0, 180.0, 0.0];
        let bits = |kernel| render_on(kernel, &f0, &frame).iter().map(|x| x.to_bits()).collect();
        let scalar: Vec<u32> = bits(Kernel::SCALAR);
        for kernel in Kernel::available() {
            let same: Vec<u32> = bits(kernel);
            assert!(same == scalar, "{}", kernel.name());
        }
    }

    #[test]
    fn every_frame_gives_one_hop() {
        for frames in 0..9 {
            assert_eq!(render(&vec![0.0; frames], &silence()).len(), frames * HOP);
        }
    }

    #[test]
    fn a_harmonic_comes_out_at_its_frequency_and_level() {
        let mut frame = silence();
        // 200 Hz is bin 10; open a narrow gate around it, with no turn of phase.
        frame[8..13].fill(0.0);
        frame[BINS..2 * BINS].fill(0.0);
        let out = render(&[200.0; 40], &frame);
        let middle = &out[10 * HOP..30 * HOP];
        let loudest = middle.iter().fold(0.0f32, |a, x| a.max(x.abs()));
        let crossings = middle.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        assert_eq!(crossings, 50, "200 Hz for a quarter of a second");
        // The gate cuts the skirts of the window, so the level is near, not at, that of the source.
        assert!((0.8..1.2).contains(&(loudest * HOP as f32)), "{loudest}");
    }

    #[test]
    fn pulses_follow_the_pitch_and_stop_where_there_is_no_voice() {
        let mut pulses = Vec::new();
        push_pulses(&[0.0, 0.0, 100.0, 100.0, 100.0, 100.0, 0.0], &mut pulses);
        assert!(pulses[..HOP].iter().all(|&p| p == 0.0));
        let peaks = pulses[3 * HOP..5 * HOP].iter().filter(|&&p| p > 90.0).count();
        assert!((2..=3).contains(&peaks), "one peak every 240 samples, found {peaks}");
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn samples_agree_with_the_package_for_the_same_noise() {
        let store = ModelStore::open(None).unwrap();
        let mut vocoder = Vocoder::new(Kernel::current().unwrap());
        for case in Golden::all(&store) {
            let mut noise = Stored(case.f32("noise").into_iter());
            let mut out = Vec::new();
            vocoder.begin(&case.f32("f0"));
            for frame in case.f32("spectra").chunks_exact(5 * BINS) {
                vocoder.push(frame, &mut noise, &mut out);
            }
            case.assert_near("samples", &out, 1e-5);
        }
    }
}

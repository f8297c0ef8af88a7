//! Changing the sample rate of mono sound, in pieces of any size.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::file::{Clip, RATES_HZ};

/// Wanted length of one block. The filter is as long as a block: 20 ms keep the pass band flat to
/// 0.9 of the lower Nyquist frequency; a live stream is delayed by half of it and the filling of
/// a block. Rates without a large common divisor (11.025 → 16 kHz: 80 ms) need longer blocks.
const BLOCK_MS: u32 = 20;

/// A streaming resampler for one channel.
///
/// The output is aligned with the input (the filter's delay is cut off at the start), and after
/// [`flush`](Self::flush) exactly `round(samples · to / from)` long. It depends only on the
/// samples, never on how they were cut into pushes.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// `None` when both rates are the same.
    fft: Option<Fft<f32>>,
    /// Input that does not fill a block yet.
    block: Vec<f32>,
    /// One block of output, before the delay is cut off.
    turned: Vec<f32>,
    /// Output samples still to be cut off.
    lead: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// A resampler at the start of a stream.
    ///
    /// # Panics
    ///
    /// If a rate is outside [`RATES_HZ`]; files and devices with such a rate are refused before.
    pub fn new(from_hz: u32, to_hz: u32) -> Self {
        assert!(RATES_HZ.contains(&from_hz) && RATES_HZ.contains(&to_hz), "{from_hz} → {to_hz} Hz");
        let fft = (from_hz != to_hz).then(|| {
            // Twice the shortest exact block: an even length has its middle on a sample.
            let step = 2 * from_hz / gcd(from_hz, to_hz);
            let block = (from_hz * BLOCK_MS / 1000).next_multiple_of(step);
            Fft::new(from_hz as usize, to_hz as usize, block as usize, 1, FixedSync::Both)
                .expect("rates, block and channel count are above zero")
        });
        let (block, turned) =
            fft.as_ref().map_or((0, 0), |fft| (fft.input_frames_max(), fft.output_frames_max()));
        let mut new = Self {
            from_hz,
            to_hz,
            fft,
            block: Vec::with_capacity(block),
            turned: vec![0.0; turned],
            lead: 0,
            taken: 0,
            given: 0,
        };
        new.rewind();
        new
    }

    /// Takes `input` and appends to `output` what is ready.
    pub fn push(&mut self, mut input: &[f32], output: &mut Vec<f32>) {
        self.taken += input.len() as u64;
        let Some(fft) = &self.fft else {
            self.given += input.len() as u64;
            output.extend_from_slice(input);
            return;
        };
        let block_len = fft.input_frames_max();
        while !input.is_empty() {
            let (now, later) = input.split_at(input.len().min(block_len - self.block.len()));
            self.block.extend_from_slice(now);
            input = later;
            if self.block.len() == block_len {
                self.turn_block(output, u64::MAX);
            }
        }
    }

    /// Appends the rest of the stream to `output` and starts a new one.
    pub fn flush(&mut self, output: &mut Vec<f32>) {
        let (from, to) = (u64::from(self.from_hz), u64::from(self.to_hz));
        let whole = (self.taken * to + from / 2) / from;
        while self.given < whole {
            let block_len = self.fft.as_ref().map_or(0, |fft| fft.input_frames_max());
            self.block.resize(block_len, 0.0);
            self.turn_block(output, whole);
        }
        self.rewind();
    }

    /// Resamples the full block; appends to `output` until `limit` samples were given in all.
    fn turn_block(&mut self, output: &mut Vec<f32>, limit: u64) {
        let fft = self.fft.as_mut().expect("without one, no block is ever filled");
        let (taken, given) = (self.block.len(), self.turned.len());
        let input = InterleavedSlice::new(&self.block, 1, taken).expect("one channel");
        let mut turned =
            InterleavedSlice::new_mut(&mut self.turned, 1, given).expect("one channel");
        fft.process_into_buffer(&input, &mut turned, None).expect("both buffers hold one block");
        self.block.clear();

        let cut = self.lead.min(self.turned.len());
        self.lead -= cut;
        let ready = &self.turned[cut..];
        let ready = &ready[..ready.len().min((limit - self.given) as usize)];
        self.given += ready.len() as u64;
        output.extend_from_slice(ready);
    }

    fn rewind(&mut self) {
        if let Some(fft) = &mut self.fft {
            fft.reset();
            self.lead = fft.output_delay();
        }
        self.block.clear();
        (self.taken, self.given) = (0, 0);
    }
}

/// Greatest common divisor of two numbers, neither zero.
fn gcd(a: u32, b: u32) -> u32 {
    if a.is_multiple_of(b) { b } else { gcd(b, a % b) }
}

impl Clip {
    /// The same sound at `rate_hz`, which must lie within [`RATES_HZ`].
    pub fn to_rate(self, rate_hz: u32) -> Clip {
        if self.rate_hz == rate_hz {
            return self;
        }
        let mut resampler = Resampler::new(self.rate_hz, rate_hz);
        let expected = self.seconds() * f64::from(rate_hz);
        let mut samples = Vec::with_capacity(expected as usize + 1);
        resampler.push(&self.samples, &mut samples);
        resampler.flush(&mut samples);
        Clip { rate_hz, samples }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    const RATES: [u32; 12] = [
        8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000,
        192_000,
    ];

    fn tone(rate_hz: u32, tone_hz: f64, len: usize) -> Vec<f32> {
        let step = TAU * tone_hz / f64::from(rate_hz);
        (0..len).map(|i| (step * i as f64).sin() as f32).collect()
    }

    fn whole(from_hz: u32, to_hz: u32, input: &[f32]) -> Vec<f32> {
        let (mut resampler, mut output) = (Resampler::new(from_hz, to_hz), Vec::new());
        resampler.push(input, &mut output);
        resampler.flush(&mut output);
        output
    }

    /// Largest difference from the tone as it should be, in the middle half.
    fn error(from_hz: u32, to_hz: u32, tone_hz: f64) -> f32 {
        let output = whole(from_hz, to_hz, &tone(from_hz, tone_hz, from_hz as usize / 2));
        let ideal = tone(to_hz, tone_hz, output.len());
        let middle = output.len() / 4..output.len() * 3 / 4;
        let pairs = output[middle.clone()].iter().zip(&ideal[middle]);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn speech_passes_unchanged_and_in_place() {
        for from in RATES {
            for to in [16_000, 24_000, 48_000] {
                for tone_hz in [100.0, 1_000.0, 3_300.0] {
                    let error = error(from, to, tone_hz);
                    assert!(error < 1e-3, "{from} → {to}, {tone_hz} Hz: {error}");
                }
            }
        }
    }

    #[test]
    fn what_would_fold_back_is_removed() {
        for from in [32_000, 44_100, 48_000, 96_000] {
            let level = |tone_hz| {
                let output = whole(from, 16_000, &tone(from, tone_hz, from as usize / 2));
                output[2_000..6_000].iter().fold(0.0f32, |peak, s| peak.max(s.abs()))
            };
            assert!(level(8_000.0 * 1.05) < 1e-3, "{from}: {}", level(8_400.0));
            assert!(level(12_000.0) < 1e-4, "{from}: {}", level(12_000.0));
            assert!(level(7_200.0) > 0.98, "{from}: {}", level(7_200.0));
        }
    }

    #[test]
    fn an_empty_stream_stays_empty_and_one_sample_has_its_length() {
        for from in RATES {
            assert!(whole(from, 16_000, &[]).is_empty());
            let expected = (16_000.0 / f64::from(from)).round() as usize;
            assert_eq!(whole(from, 16_000, &[0.5]).len(), expected, "{from}");
        }
    }

    #[test]
    fn a_flushed_resampler_starts_anew() {
        let input = tone(44_100, 440.0, 3_000);
        let (mut resampler, mut first) = (Resampler::new(44_100, 16_000), Vec::new());
        resampler.push(&input, &mut first);
        resampler.flush(&mut first);
        let mut second = Vec::new();
        resampler.push(&input, &mut second);
        resampler.flush(&mut second);
        assert_eq!(first, second);
    }

    #[test]
    fn rates_without_a_common_divisor_work_too() {
        let output = whole(44_101, 16_000, &tone(44_101, 1_000.0, 88_202));
        assert_eq!(output.len(), 32_000);
        let ideal = tone(16_000, 1_000.0, 32_000);
        assert!((8_000..24_000).all(|i| (output[i] - ideal[i]).abs() < 1e-3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn streamed_is_batch_and_the_length_is_exact(
            from in prop::sample::select(RATES.to_vec()),
            to in prop::sample::select(RATES.to_vec()),
            len in 0usize..20_000,
            cuts in prop::collection::vec(1usize..5_000, 1..40),
        ) {
            let input = tone(from, 700.0, len);
            let (mut resampler, mut streamed) = (Resampler::new(from, to), Vec::new());
            let (mut rest, mut cuts) = (&input[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                resampler.push(now, &mut streamed);
                rest = later;
            }
            resampler.flush(&mut streamed);
            let exact = (len as f64 * f64::from(to) / f64::from(from)).round() as usize;
            prop_assert_eq!(streamed.len(), exact);
            prop_assert_eq!(streamed, whole(from, to, &input));
        }
    }
}

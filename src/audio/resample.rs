//! Changing the sample rate of mono sound, in pieces of any size.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::file::{Clip, RATES_HZ};

/// Wanted length of one block. The filter is as long as a block: 10 ms keep the pass band flat to
/// 0.9 of the lower Nyquist frequency and delay a live stream by 5 ms and the filling of a block.
/// Rates without a large common divisor (11.025 → 16 kHz: 40 ms) need longer blocks.
const BLOCK_MS: u32 = 10;

/// A streaming resampler for one channel.
///
/// The output is aligned with the input (to half a sample: the filter's delay is cut off at the
/// start), and after [`flush`](Self::flush) exactly `round(samples · to / from)` long. It depends
/// only on the samples, never on how they were cut into pushes.
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
            let wanted = from_hz * BLOCK_MS / 1000;
            Fft::new(from_hz as usize, to_hz as usize, wanted as usize, 1, FixedSync::Both)
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

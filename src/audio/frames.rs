//! Sound of any rate and channel count, cut into frames with positions.

use super::resample::Resampler;
use crate::units::{FRAME_LEN, Frame, SAMPLE_RATE_HZ, SamplePos};

/// A frame and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedFrame {
    /// Position of the first sample.
    pub at: SamplePos,
    pub samples: Frame,
}

/// Mixes interleaved samples to mono, resamples them to [`SAMPLE_RATE_HZ`] and cuts them into
/// frames.
///
/// What comes out depends only on the samples, never on how they were cut into pushes. Positions
/// count from the first sample pushed; silence that stands for lost samples counts like sound.
pub struct FrameReader {
    channels: usize,
    resampler: Resampler,
    /// Interleaved samples of a frame of the device whose other channels have not come yet.
    partial: Vec<f32>,
    mono: Vec<f32>,
    /// Samples at 16 kHz from `used` on wait for their frame.
    ready: Vec<f32>,
    used: usize,
    /// Device samples of silence that come before anything pushed later; made when needed, because
    /// a suspended machine may owe hours.
    owed: u64,
    at: SamplePos,
}

/// Silence is made in pieces of this many device samples.
const SILENCE: [f32; 1024] = [0.0; 1024];

impl FrameReader {
    /// A reader at the start of a stream of `channels` interleaved channels.
    ///
    /// # Panics
    ///
    /// If there are no channels, or as [`Resampler::new`].
    pub fn new(rate_hz: u32, channels: u16) -> Self {
        assert!(channels > 0, "a stream has at least one channel");
        Self {
            channels: channels.into(),
            resampler: Resampler::new(rate_hz, SAMPLE_RATE_HZ),
            partial: Vec::new(),
            mono: Vec::new(),
            ready: Vec::new(),
            used: 0,
            owed: 0,
            at: SamplePos::default(),
        }
    }

    /// Takes interleaved samples; a device frame may be cut anywhere.
    pub fn push(&mut self, interleaved: &[f32]) {
        while self.owed > 0 {
            self.pay();
        }
        self.tidy();
        self.mono.clear();
        if self.channels == 1 {
            self.mono.extend_from_slice(interleaved);
        } else {
            self.partial.extend_from_slice(interleaved);
            let share = 1.0 / self.channels as f32;
            let frames = self.partial.chunks_exact(self.channels);
            let rest = frames.remainder().len();
            self.mono.extend(frames.map(|frame| frame.iter().sum::<f32>() * share));
            self.partial.drain(..self.partial.len() - rest);
        }
        self.resampler.push(&self.mono, &mut self.ready);
    }

    /// Takes `frames` device frames of silence, in the place of samples that were lost.
    pub fn push_silence(&mut self, frames: u64) {
        self.owed += frames;
    }

    /// The next whole frame, if there is one.
    pub fn next_frame(&mut self) -> Option<TimedFrame> {
        while self.ready.len() - self.used < FRAME_LEN && self.owed > 0 {
            self.pay();
        }
        let samples = self.ready.get(self.used..)?.first_chunk::<FRAME_LEN>().copied()?;
        self.used += FRAME_LEN;
        let frame = TimedFrame { at: self.at, samples };
        self.at = self.at + FRAME_LEN as u64;
        Some(frame)
    }

    /// Ends the stream: the resampler gives its rest, and the last frame is filled up with
    /// silence. [`next_frame`](Self::next_frame) gives what remains.
    pub fn finish(&mut self) {
        while self.owed > 0 {
            self.pay();
        }
        self.partial.clear();
        self.resampler.flush(&mut self.ready);
        let rest = (self.ready.len() - self.used) % FRAME_LEN;
        if rest > 0 {
            self.ready.resize(self.ready.len() + FRAME_LEN - rest, 0.0);
        }
    }

    /// Turns some of the owed silence into samples.
    fn pay(&mut self) {
        self.tidy();
        let now = self.owed.min(SILENCE.len() as u64);
        self.owed -= now;
        self.resampler.push(&SILENCE[..now as usize], &mut self.ready);
    }

    /// Gives the room of used samples back, so that `ready` stays as short as its contents.
    fn tidy(&mut self) {
        self.ready.drain(..self.used);
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(reader: &mut FrameReader) -> Vec<TimedFrame> {
        std::iter::from_fn(|| reader.next_frame()).collect()
    }

    #[test]
    fn callbacks_of_any_size_become_frames() {
        for size in [1, 7, 160, 319, 320, 321, 16_384] {
            let sound: Vec<f32> = (0..40_000).map(|i| i as f32 / 40_000.0).collect();
            let (mut reader, mut got) = (FrameReader::new(16_000, 1), Vec::new());
            for callback in sound.chunks(size) {
                reader.push(callback);
                got.extend(frames(&mut reader));
            }
            assert_eq!(got.len(), 125, "callbacks of {size}");
            for (number, frame) in got.iter().enumerate() {
                assert_eq!(frame.at, SamplePos((number * FRAME_LEN) as u64));
                assert_eq!(frame.samples[..], sound[number * FRAME_LEN..][..FRAME_LEN]);
            }
        }
    }

    #[test]
    fn channels_may_be_cut_anywhere() {
        let mut whole = FrameReader::new(16_000, 3);
        let sound: Vec<f32> = (0..3 * 640).map(|i| (i % 3) as f32).collect();
        whole.push(&sound);
        let whole = frames(&mut whole);
        assert_eq!(whole.len(), 2);
        assert!(whole[0].samples.iter().all(|s| (s - 1.0).abs() < 1e-6));
        let (mut cut, mut got) = (FrameReader::new(16_000, 3), Vec::new());
        for piece in sound.chunks(4) {
            cut.push(piece);
            got.extend(frames(&mut cut));
        }
        assert_eq!(got, whole);
    }

    #[test]
    fn lost_samples_are_silence_of_the_same_length() {
        let mut reader = FrameReader::new(16_000, 1);
        reader.push(&[0.5; 480]);
        reader.push_silence(160);
        reader.push(&[0.25; 320]);
        let got = frames(&mut reader);
        assert_eq!(got.len(), 3);
        let sound: Vec<f32> = got.iter().flat_map(|frame| frame.samples).collect();
        assert!(sound[..480].iter().all(|s| *s == 0.5));
        assert!(sound[480..640].iter().all(|s| *s == 0.0));
        assert!(sound[640..].iter().all(|s| *s == 0.25));
    }

    #[test]
    fn minutes_of_lost_samples_take_no_memory() {
        let mut reader = FrameReader::new(48_000, 2);
        reader.push_silence(48_000 * 120);
        let mut last = None;
        while let Some(frame) = reader.next_frame() {
            assert!(reader.ready.len() < 4 * FRAME_LEN);
            last = Some(frame.at);
        }
        // The resampler keeps one block and half a filter.
        let end = SamplePos::from_ms(120_000);
        assert!(last.is_some_and(|at| end.ms_since(at) <= 60), "{last:?}");
    }

    #[test]
    fn the_end_is_filled_up_with_silence() {
        let mut reader = FrameReader::new(48_000, 1);
        reader.push(&[0.5; 48_000 / 50 + 300]);
        reader.finish();
        let got = frames(&mut reader);
        assert_eq!(got.len(), 2);
        assert!((got[1].samples[50] - 0.5).abs() < 1e-2);
        assert_eq!(got[1].samples[100..], [0.0; 220]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn streamed_is_batch_with_gaps_in_place(
            rate in prop::sample::select(vec![16_000u32, 44_100, 48_000]),
            channels in 1u16..4,
            pieces in prop::collection::vec((0usize..3_000, 0u64..500), 1..12),
            cut in 1usize..2_000,
        ) {
            let (mut whole, mut cuts) =
                (FrameReader::new(rate, channels), FrameReader::new(rate, channels));
            let (mut expected, mut got) = (Vec::new(), Vec::new());
            for (number, &(len, gap)) in pieces.iter().enumerate() {
                let sound: Vec<f32> = (0..len * usize::from(channels))
                    .map(|i| ((i * 31 + number * 7) % 200) as f32 / 100.0 - 1.0)
                    .collect();
                whole.push(&sound);
                whole.push_silence(gap);
                for piece in sound.chunks(cut) {
                    cuts.push(piece);
                    got.extend(frames(&mut cuts));
                }
                cuts.push_silence(gap / 2);
                got.extend(frames(&mut cuts));
                cuts.push_silence(gap - gap / 2);
            }
            for (reader, frames_of) in [(&mut whole, &mut expected), (&mut cuts, &mut got)] {
                reader.finish();
                frames_of.extend(frames(reader));
            }
            prop_assert_eq!(&got, &expected);
            let device_frames: u64 = pieces.iter().map(|(len, gap)| *len as u64 + gap).sum();
            let samples = (device_frames as f64 * 16_000.0 / f64::from(rate)).round();
            prop_assert_eq!(got.len(), (samples / FRAME_LEN as f64).ceil() as usize);
        }
    }
}

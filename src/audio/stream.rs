//! What capture and playback share: the choice of a stream's format and the watch over its health.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cpal::{
    BufferSize, ErrorKind, SampleFormat, StreamConfig, SupportedBufferSize,
    SupportedStreamConfigRange,
};
use serde::Serialize;

use super::devices::Direction;
use super::file::RATES_HZ;

/// What is asked of a stream; the nearest the device has is taken where nothing is demanded.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamWish {
    /// Demanded sample rate, in hertz.
    pub rate_hz: Option<u32>,
    /// Demanded number of channels.
    pub channels: Option<u16>,
    /// Wished-for time between two callbacks, in milliseconds. Devices round it, some far.
    pub period_ms: u32,
}

impl Default for StreamWish {
    /// Any format and a period of one frame of the pipeline: shorter ones only wake up more often.
    fn default() -> Self {
        Self { rate_hz: None, channels: None, period_ms: crate::units::FRAME_MS }
    }
}

/// The format of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Format {
    pub rate_hz: u32,
    pub channels: u16,
    #[serde(serialize_with = "as_text")]
    pub sample: SampleFormat,
}

fn as_text<S: serde::Serializer>(sample: &SampleFormat, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(sample)
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { rate_hz, channels, sample } = self;
        let plural = if *channels == 1 { "" } else { "s" };
        write!(f, "{rate_hz} Hz, {channels} channel{plural}, {sample}")
    }
}

/// A format with the buffer to ask for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Picked {
    pub format: Format,
    pub buffer: BufferSize,
}

impl Picked {
    pub fn config(&self) -> StreamConfig {
        StreamConfig {
            channels: self.format.channels,
            sample_rate: self.format.rate_hz,
            buffer_size: self.buffer,
        }
    }
}

/// Rates in the order of preference, before any other. Most devices run at 48 kHz, and where they
/// do not, ALSA's own conversion is linear interpolation, which folds noise into speech; so the
/// device keeps its likely rate and we resample.
const PREFERRED_RATES_HZ: [u32; 5] = [48_000, 44_100, 32_000, 24_000, 16_000];

/// Chooses a format out of `configs`; the error says why none fits.
pub(super) fn pick(
    configs: &[SupportedStreamConfigRange],
    direction: Direction,
    wish: &StreamWish,
) -> Result<Picked, String> {
    let best = configs
        .iter()
        .filter(|config| wish.channels.is_none_or(|wanted| config.channels() == wanted))
        .filter_map(|config| Some((config, rate_of(config, wish)?)))
        .min_by_key(|(config, rate_hz)| {
            let sample = sample_rank(config.sample_format());
            // Eight bits are noisier than any other compromise.
            let noisy = sample == EIGHT_BIT;
            (noisy, channel_rank(config.channels(), direction), rate_rank(*rate_hz), sample)
        });
    let Some((config, rate_hz)) = best else {
        return Err(why_none(configs, wish));
    };
    let frames = (rate_hz * wish.period_ms).div_ceil(1000);
    let buffer = match config.buffer_size() {
        SupportedBufferSize::Range { min, max } => BufferSize::Fixed(frames.clamp(*min, *max)),
        SupportedBufferSize::Unknown => BufferSize::Default,
    };
    let format = Format { rate_hz, channels: config.channels(), sample: config.sample_format() };
    Ok(Picked { format, buffer })
}

fn rate_of(config: &SupportedStreamConfigRange, wish: &StreamWish) -> Option<u32> {
    let offered = config.min_sample_rate()..=config.max_sample_rate();
    if let Some(wanted) = wish.rate_hz {
        return offered.contains(&wanted).then_some(wanted);
    }
    let lowest = *offered.start().max(RATES_HZ.start());
    let preferred = PREFERRED_RATES_HZ.into_iter().find(|rate| offered.contains(rate));
    preferred
        .or_else(|| (offered.contains(&lowest) && RATES_HZ.contains(&lowest)).then_some(lowest))
}

fn rate_rank(rate_hz: u32) -> usize {
    let preferred = PREFERRED_RATES_HZ.iter().position(|rate| *rate == rate_hz);
    preferred.unwrap_or(PREFERRED_RATES_HZ.len())
}

/// Speech is mono, but a single channel of output may reach only the left speaker.
fn channel_rank(channels: u16, direction: Direction) -> u16 {
    match (direction, channels) {
        (Direction::Record, _) => channels,
        (Direction::Play, 2) => 0,
        (Direction::Play, _) => channels,
    }
}

fn sample_rank(sample: SampleFormat) -> u8 {
    match sample {
        SampleFormat::F32 => 0,
        SampleFormat::I32 | SampleFormat::I24 => 1,
        SampleFormat::I16 => 2,
        SampleFormat::I8 | SampleFormat::U8 => EIGHT_BIT,
        _ => 3,
    }
}

const EIGHT_BIT: u8 = 4;

fn why_none(configs: &[SupportedStreamConfigRange], wish: &StreamWish) -> String {
    let mut offered: Vec<String> = configs
        .iter()
        .map(|config| {
            let (min, max) = (config.min_sample_rate(), config.max_sample_rate());
            let rates = if min == max { min.to_string() } else { format!("{min}–{max}") };
            format!("{} × {rates} Hz", config.channels())
        })
        .collect();
    offered.sort();
    offered.dedup();
    offered.truncate(6);
    let channels = wish.channels.map_or("any number of".into(), |n| n.to_string());
    let rate = wish
        .rate_hz
        .map_or(format!("{}–{}", RATES_HZ.start(), RATES_HZ.end()), |rate| rate.to_string());
    let offered = if offered.is_empty() { "nothing".into() } else { offered.join(", ") };
    format!("wanted {channels} channels at {rate} Hz; it offers {offered}")
}

/// What a stream's callbacks report: counters and one flag, all without waiting.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Data callbacks so far.
    pub callbacks: AtomicU64,
    /// Times the device itself lost or lacked samples.
    pub xruns: AtomicU64,
    /// Other errors the device reported.
    pub errors: AtomicU64,
    gone: AtomicBool,
}

/// Time without callbacks that means the device is lost. A card that is pulled out, or a daemon
/// that hangs, may report nothing at all; a daemon that died reports errors without end, but so
/// does ALSA's `pulse` plug-in for a moment after an underrun (thousands were seen), and then goes
/// on.
const LOST_AFTER: Duration = Duration::from_millis(500);

/// The same before the first callback. The longest usual wait is the start of a sleeping sink, 0.8 s.
const STARTS_WITHIN: Duration = Duration::from_secs(2);

/// So much of the time between two looks counts. Whoever looks later than that was held up, and the
/// callbacks with them: on a machine that stood still no device is lost.
const LONGEST_LOOK: Duration = Duration::from_millis(250);

impl Health {
    /// To be called first in every data callback.
    pub fn called(&self) {
        self.callbacks.fetch_add(1, Relaxed);
    }

    /// To be called with every error of the stream.
    pub fn failed(&self, kind: ErrorKind) {
        match kind {
            ErrorKind::Xrun => _ = self.xruns.fetch_add(1, Relaxed),
            // The sound goes on.
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
            ErrorKind::DeviceNotAvailable
            | ErrorKind::StreamInvalidated
            | ErrorKind::HostUnavailable => {
                self.errors.fetch_add(1, Relaxed);
                self.gone.store(true, Relaxed);
            }
            _ => _ = self.errors.fetch_add(1, Relaxed),
        }
    }
}

/// Judges from outside whether a stream still lives.
#[derive(Debug)]
pub(super) struct Watch {
    /// Callbacks and errors when it was last seen alive.
    callbacks: u64,
    errors: u64,
    /// How long it has been still since, as far as that counts.
    still: Duration,
    looked: Instant,
}

impl Watch {
    pub fn new(now: Instant) -> Self {
        Self { callbacks: 0, errors: 0, still: Duration::ZERO, looked: now }
    }

    /// Why the stream counts as lost at `now`, if it does.
    pub fn judge(&mut self, health: &Health, now: Instant) -> Option<&'static str> {
        let callbacks = health.callbacks.load(Relaxed);
        let errors = health.errors.load(Relaxed);
        self.still += now.duration_since(self.looked).min(LONGEST_LOOK);
        self.looked = now;
        if callbacks != self.callbacks {
            (self.callbacks, self.errors, self.still) = (callbacks, errors, Duration::ZERO);
        }
        let patience = if callbacks == 0 { STARTS_WITHIN } else { LOST_AFTER };
        if health.gone.load(Relaxed) {
            Some("it was unplugged, or its sound server went away")
        } else if self.still < patience {
            None
        } else if errors == self.errors {
            Some("no sound came or went for half a second")
        } else {
            Some("it has reported nothing but errors for half a second")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SampleFormat::{F32, I16, U8};

    fn range(
        channels: u16,
        min: u32,
        max: u32,
        sample: SampleFormat,
    ) -> SupportedStreamConfigRange {
        let buffer = SupportedBufferSize::Range { min: 64, max: 1024 };
        SupportedStreamConfigRange::new(channels, min, max, buffer, sample)
    }

    fn picked(configs: &[SupportedStreamConfigRange], direction: Direction) -> String {
        match pick(configs, direction, &StreamWish::default()) {
            Ok(picked) => picked.format.to_string(),
            Err(what) => what,
        }
    }

    #[test]
    fn the_format_nearest_to_speech_is_taken() {
        use Direction::{Play, Record};
        let plug = [range(1, 4_000, 384_000, U8), range(2, 4_000, 384_000, F32)];
        let usb = [range(2, 44_100, 44_100, I16), range(2, 48_000, 48_000, I16)];
        let array = [range(6, 16_000, 16_000, I16)];
        let both = [range(1, 48_000, 48_000, I16), range(1, 48_000, 48_000, F32)];
        let odd = [range(1, 11_025, 11_025, I16)];
        let studio = [range(2, 352_800, 384_000, F32)];
        let cases = [
            (&plug[..], Record, "48000 Hz, 2 channels, f32"),
            (&plug[..1], Record, "48000 Hz, 1 channel, u8"),
            (&plug[..], Play, "48000 Hz, 2 channels, f32"),
            (&usb[..], Record, "48000 Hz, 2 channels, i16"),
            (&usb[..1], Play, "44100 Hz, 2 channels, i16"),
            (&array[..], Record, "16000 Hz, 6 channels, i16"),
            (&both[..], Record, "48000 Hz, 1 channel, f32"),
            (&odd[..], Record, "11025 Hz, 1 channel, i16"),
            (
                &studio[..],
                Play,
                "wanted any number of channels at 8000–192000 Hz; it offers 2 × 352800–384000 Hz",
            ),
            (&[], Play, "wanted any number of channels at 8000–192000 Hz; it offers nothing"),
        ];
        for (configs, direction, expected) in cases {
            assert_eq!(picked(configs, direction), expected);
        }
    }

    #[test]
    fn demands_are_met_or_refused() {
        let configs = [range(1, 8_000, 96_000, F32), range(2, 8_000, 96_000, F32)];
        let wish = StreamWish { rate_hz: Some(16_000), channels: Some(2), period_ms: 10 };
        let picked = pick(&configs, Direction::Record, &wish).unwrap();
        assert_eq!(picked.format.to_string(), "16000 Hz, 2 channels, f32");
        assert_eq!(picked.buffer, BufferSize::Fixed(160));
        let wish = StreamWish { channels: Some(4), ..wish };
        let refusal = pick(&configs, Direction::Record, &wish).unwrap_err();
        assert!(
            refusal.starts_with("wanted 4 channels at 16000 Hz; it offers 1 × 8000"),
            "{refusal}"
        );
    }

    #[test]
    fn the_period_is_bent_to_the_device() {
        let configs = [range(1, 96_000, 96_000, F32)];
        let picked = pick(&configs, Direction::Record, &StreamWish::default()).unwrap();
        assert_eq!(picked.buffer, BufferSize::Fixed(1024));
    }

    #[test]
    fn a_stream_is_lost_when_it_says_so_or_falls_silent() {
        let start = Instant::now();
        let health = Health::default();
        let mut watch = Watch::new(start);
        // Looks every 100 ms, as a listener does that waits in vain for a frame.
        let mut now = 0;
        let mut until = |health: &Health, end: u64| loop {
            now += 100;
            let lost = watch.judge(health, start + Duration::from_millis(now));
            if lost.is_some() || now >= end {
                return lost.map(|what| (now, what));
            }
        };
        assert_eq!(until(&health, 1_900), None, "it takes its time to start");
        health.called();
        assert_eq!(until(&health, 2_400), None);
        let (at, what) = until(&health, 9_000).unwrap();
        assert!(at == 2_500 && what.contains("no sound"), "{at} {what}");
        health.called();
        assert_eq!(until(&health, 2_600), None, "it came back");

        for _ in 0..5_000 {
            health.failed(ErrorKind::BackendError);
        }
        health.failed(ErrorKind::Xrun);
        assert_eq!(until(&health, 3_000), None, "errors alone are none");
        assert!(until(&health, 9_000).unwrap().1.contains("errors"));
        health.called();
        assert_eq!(until(&health, 3_200), None);

        health.failed(ErrorKind::DeviceNotAvailable);
        assert!(until(&health, 3_300).unwrap().1.contains("unplugged"));
        assert_eq!(health.xruns.load(Relaxed), 1);
    }

    #[test]
    fn a_machine_that_stood_still_loses_nothing() {
        let start = Instant::now();
        let (health, mut watch) = (Health::default(), Watch::new(start));
        health.called();
        let mut look = |ms| watch.judge(&health, start + Duration::from_millis(ms));
        assert_eq!(look(20), None);
        assert_eq!(look(60_000), None, "a laptop was closed for a minute");
        assert!(look(60_300).is_some(), "and half a second later there is still nothing");
    }
}

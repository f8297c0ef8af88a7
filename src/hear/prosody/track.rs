//! What is kept of the sound for [`measure`](super::measure): a few numbers for every 10 ms.

use heapless::HistoryBuf;

use super::pitch::{HOP_LEN, PitchTracker};
use crate::hear::endpoint::MAX_SPAN_MS;
use crate::hear::high_pass::HighPass;
use crate::units::{FRAME_LEN, Frame, SILENCE_DBFS, SamplePos, Span, mean_power, power_dbfs};

/// Hops kept: the longest utterance, and the room before it.
const KEPT_HOPS: usize = 4096;
const _: () = assert!(KEPT_HOPS as u64 * 10 >= MAX_SPAN_MS as u64 + super::ROOM_MS);
/// No voice is looked for in what is hardly louder than the room: a quiet one costs nothing.
const LEAST_OVER_ROOM_DB: f32 = 4.0;
/// How quickly what is taken for the room may grow louder, per hop: 1 dB/s, slower than any word
/// and quicker than most rooms.
const ROOM_RISE_DB: f32 = 0.01;
/// What makes up the shape of a sound: how like itself it is after so many samples.
const SHAPE_LEN: usize = 6;
/// A sound is held if shape, pitch and level differ by no more than this after 100 ms.
pub const HELD_AFTER_HOPS: usize = 10;
const HELD_SHAPE: f32 = 0.02;
const HELD_SEMITONES: f32 = 1.0;
const HELD_DB: f32 = 4.0;

/// Ten milliseconds of sound.
#[derive(Clone, Copy, Debug)]
pub struct Hop {
    /// Above 200 Hz, in dB relative to full scale.
    pub level: f32,
    /// Of the band that vowels are loud in, in dB relative to full scale.
    pub vowel: f32,
    /// How high its voice is, in hertz; 0 where there is none.
    pub hz: f32,
    /// The sound is what it was 100 ms ago.
    pub held: bool,
    /// Our own voice sounded.
    pub ours: bool,
}

/// A voice, to be held against what it was a little earlier.
#[derive(Clone, Copy, Debug)]
struct Timbre {
    level: f32,
    hz: f32,
    shape: [f32; SHAPE_LEN],
}

/// The newest hops.
#[derive(Debug)]
pub struct Track {
    filter: HighPass,
    voice: PitchTracker,
    /// What the room is taken for, in dB relative to full scale.
    room: f32,
    /// `None` where there is no voice.
    timbres: HistoryBuf<Option<Timbre>, HELD_AFTER_HOPS>,
    hops: Box<HistoryBuf<Hop, KEPT_HOPS>>,
    /// End of the newest hop.
    end: SamplePos,
}

impl Default for Track {
    fn default() -> Self {
        Self {
            filter: HighPass::default(),
            voice: PitchTracker::default(),
            room: 0.0,
            timbres: HistoryBuf::new(),
            hops: Box::new(HistoryBuf::new()),
            end: SamplePos::default(),
        }
    }
}

impl Track {
    /// Takes the frame that begins at `at`, during which our own voice sounded or not. After a jump
    /// everything before is forgotten.
    pub fn push(&mut self, at: SamplePos, frame: &Frame, ours: bool) {
        if at != self.end {
            *self = Self::default();
        }
        self.end = at + FRAME_LEN as u64;
        for hop in frame.as_chunks::<HOP_LEN>().0 {
            self.hop(hop, ours);
        }
    }

    fn hop(&mut self, sound: &[f32; HOP_LEN], ours: bool) {
        let high = sound.map(|sample| self.filter.push(sample));
        let power = mean_power(&high);
        // A sample that is not finite counts as silence, and must not stay in the filter.
        if !power.is_finite() {
            self.filter = HighPass::default();
        }
        let (level, vowel) = (dbfs(power), dbfs(self.voice.push(sound)));
        self.room = level.min(self.room + ROOM_RISE_DB);
        let stands_out = level >= self.room + LEAST_OVER_ROOM_DB;
        let pitch = if stands_out { self.voice.pitch() } else { None };
        let timbre = pitch.map(|pitch| Timbre {
            level,
            hz: pitch.hz,
            shape: std::array::from_fn(|lag| likeness(&high, lag + 1)),
        });
        let before = self.timbres.oldest_ordered().next().copied().flatten();
        let full = self.timbres.len() == HELD_AFTER_HOPS;
        let held = full && timbre.zip(before).is_some_and(|(now, before)| now.is_like(&before));
        self.timbres.write(timbre);
        let hz = pitch.map_or(0.0, |pitch| pitch.hz);
        self.hops.write(Hop { level, vowel, hz, held, ours });
    }

    /// The hops inside `span`, as far as they are kept, oldest first.
    pub fn hops(&self, span: Span) -> impl Iterator<Item = &Hop> {
        let hops_since = |at| (self.end.since(at) as usize / HOP_LEN).min(self.hops.len());
        let (from, until) = (hops_since(span.start), hops_since(span.end));
        self.hops.oldest_ordered().skip(self.hops.len() - from).take(from - until)
    }
}

impl Timbre {
    fn is_like(&self, other: &Self) -> bool {
        let shapes = self.shape.iter().zip(&other.shape);
        let apart: f32 = shapes.map(|(a, b)| (a - b) * (a - b)).sum();
        (12.0 * (self.hz / other.hz).log2()).abs() <= HELD_SEMITONES
            && (self.level - other.level).abs() <= HELD_DB
            && apart <= HELD_SHAPE
    }
}

fn dbfs(power: f32) -> f32 {
    if power.is_finite() { power_dbfs(power) } else { SILENCE_DBFS }
}

/// How like itself a sound is `lag` samples later, -1..1.
fn likeness(sound: &[f32; HOP_LEN], lag: usize) -> f32 {
    let product: f32 = sound.iter().zip(&sound[lag..]).map(|(a, b)| a * b).sum();
    let power: f32 = sound.iter().map(|a| a * a).sum();
    if power > 0.0 { product / power } else { 0.0 }
}

//! How something was said, apart from the words, in numbers with units: how loud, how fast, with
//! which pauses, voiced or whispered, how high. What somebody feels is not among them.
//!
//! The [`Track`] keeps a few numbers of every 10 ms; [`measure`] makes a [`Prosody`] of those of an
//! utterance, whole or as far as it goes. docs/prosody.md has the definitions and the error bounds.

pub use closing::Closing;
pub use track::Track;

use crate::turn::{Melody, Prosody, ProsodyConfidence};
use crate::units::{SamplePos, Span};
use track::Hop;

mod closing;
mod pitch;
mod track;

/// Seconds of a hop.
const HOP_S: f32 = 0.01;
/// The background level of acoustics, L90: what is exceeded for nine tenths of the time.
const ROOM_QUANTILE: f32 = 0.1;
/// The room is what was heard for so long before somebody spoke, and at least for so long.
const ROOM_MS: u64 = 3000;
const LEAST_ROOM_HOPS: usize = 30;
/// Without a room before it, the quietest of the utterance is taken for one.
const GAP_QUANTILE: f32 = 0.03;
/// A voice is as loud as it is where it is loud, and there down to half way to the room or so many
/// dB, whichever is less.
const LOUD_QUANTILE: f32 = 0.9;
const SHARE: f32 = 0.5;
const GREATEST_DB: f32 = 22.0;
/// What stands out of the room by less is nobody.
const LEAST_DB: f32 = 1.0;
/// The closure of a plosive is no pause: Goldman-Eisler's 250 ms.
const PAUSE_HOPS: usize = 25;
/// A sound that is held for so long is drawn out, or an "um".
const HELD_HOPS: usize = 30;
/// A syllable is a top of the vowels' level with so much of a dip on either side, not far below the
/// loudest (de Jong & Wempe 2009, whose 2 dB are those of a level less smoothed).
const DIP_DB: f32 = 1.5;
const TOP_DB: f32 = 22.0;
/// The final slope is that of the last so many voiced hops, if there are half as many within twice
/// the time.
const SLOPE_HOPS: usize = 30;
/// A melody has so much voice at least.
const LEAST_VOICED_HOPS: usize = 5;
/// Halves and doubles of the period are mistakes, or creak.
const OCTAVE: f32 = 1.8;
/// Whispered is what has hardly any voice. Of 151 recordings the least voiced had 0.47, of whispers
/// made from them the most 0.22.
const WHISPERED: f32 = 0.3;

/// How what is kept of `span` was said; `None` where nothing stands out of the room.
pub fn measure(track: &Track, span: Span) -> Option<Prosody> {
    let hops: Vec<&Hop> = track.hops(span).collect();
    let before = Span::new(span.start.back(SamplePos::from_ms(ROOM_MS).0), span.start);
    let room_levels: Vec<f32> = track.hops(before).map(|hop| hop.level).collect();
    // Clicks and dips of 20 ms are neither sound nor silence.
    let levels: Vec<f32> = windows(&hops, 2, |hop| hop.level, |levels| quantile(levels, 0.5));
    let room = Room::of(&room_levels, &levels)?;
    let loud = quantile(&levels, LOUD_QUANTILE);
    if loud - room.level < LEAST_DB {
        return None;
    }
    let threshold = loud - (SHARE * (loud - room.level)).min(GREATEST_DB);
    let sounds: Vec<bool> = levels.iter().map(|level| *level >= threshold).collect();
    let (first, last) = (sounds.iter().position(|s| *s)?, sounds.iter().rposition(|s| *s)?);
    let said = first..last + 1;
    let (hops, sounds) = (&hops[said.clone()], &sounds[said]);

    let pauses = runs(sounds.iter().map(|sound| !sound), PAUSE_HOPS);
    // A little noise does not end one.
    let held = windows(hops, 3, |hop| f32::from(hop.held), |held| quantile(held, 0.5));
    let held = runs(held.iter().map(|held| *held > 0.5), HELD_HOPS - track::HELD_AFTER_HOPS);
    let pauses_s = pauses.iter().sum::<usize>() as f32 * HOP_S;
    // What is held is known so much later.
    let held_s =
        held.iter().map(|hops| hops + track::HELD_AFTER_HOPS).sum::<usize>() as f32 * HOP_S;
    let said_s = hops.len() as f32 * HOP_S;
    let voice: Vec<&Hop> = hops.iter().zip(sounds).filter(|(_, s)| **s).map(|(h, _)| *h).collect();
    let heard = voice.len() as f32;
    let voiced = voice.iter().filter(|hop| hop.hz > 0.0).count() as f32 / heard;
    let power = voice.iter().map(|hop| 10f32.powf(hop.level / 10.0)).sum::<f32>() / heard;
    let over = power / 10f32.powf(room.level / 10.0) - 1.0;
    let loudness_db = 10.0 * over.max(0.1).log10();
    let syllables = syllables(hops, sounds, voiced < WHISPERED);
    let rate_per_s = syllables as f32 / (said_s - pauses_s);
    let pitch = melody(hops, voiced);

    let clear = rise(loudness_db, 3.0, 12.0) * room.confidence;
    let enough = |seconds: f32, needed: f32| (seconds / needed).min(1.0);
    let heard_s = heard * HOP_S;
    let confidence = ProsodyConfidence {
        loudness: clear * enough(heard_s, 0.3),
        rate: clear * enough(heard_s, 1.0),
        pauses: clear * enough(heard_s, 0.3),
        voiced: clear * enough(heard_s, 0.5),
        pitch: pitch.map_or(0.0, |_| clear.sqrt() * enough(voiced * heard_s, 0.3)),
    };
    Some(Prosody {
        loudness_db,
        rate_per_s,
        pauses: pauses.len() as u32,
        pauses_s,
        pause_ratio: pauses_s / said_s,
        held: held.len() as u32,
        held_s,
        voiced,
        pitch,
        overlap_s: hops.iter().filter(|hop| hop.ours).count() as f32 * HOP_S,
        confidence,
    })
}

/// What there is without the voice.
struct Room {
    /// In dB relative to full scale.
    level: f32,
    confidence: f32,
}

impl Room {
    fn of(before: &[f32], during: &[f32]) -> Option<Self> {
        if during.is_empty() {
            return None;
        }
        Some(if before.len() < LEAST_ROOM_HOPS {
            Self { level: quantile(during, GAP_QUANTILE), confidence: 0.5 }
        } else {
            Self { level: quantile(before, ROOM_QUANTILE), confidence: 1.0 }
        })
    }
}

/// What is quieter than anything, in dB.
const SILENCE: f32 = -200.0;

/// Tops of the vowels' level.
fn syllables(hops: &[&Hop], sounds: &[bool], whispered: bool) -> usize {
    let levels: Vec<f32> = windows(hops, 2, |hop| hop.vowel, triangle);
    let least = quantile(&levels, 0.95) - TOP_DB;
    let mut count = 0;
    // The lowest since the last top, and the highest since then.
    let (mut dip, mut top, mut at) = (SILENCE, SILENCE, 0);
    let mut take = |top: f32, at: usize| {
        let near = at.saturating_sub(3)..(at + 4).min(hops.len());
        let has_voice = whispered || hops[near].iter().any(|hop| hop.hz > 0.0);
        count += usize::from(top >= least && sounds[at] && has_voice);
    };
    for (i, level) in levels.iter().chain([&SILENCE]).enumerate() {
        if *level > top {
            (top, at) = (*level, i);
        }
        if top - dip >= DIP_DB && top - level >= DIP_DB {
            take(top, at);
            (dip, top, at) = (*level, *level, i);
        } else if top - dip < DIP_DB && *level < dip {
            (dip, top, at) = (*level, *level, i);
        }
    }
    count
}

/// How the pitch moves; `None` of a whisper, and of less than 50 ms of voice.
fn melody(hops: &[&Hop], voiced: f32) -> Option<Melody> {
    if voiced < WHISPERED {
        return None;
    }
    let all: Vec<f32> = hops.iter().map(|hop| hop.hz).filter(|hz| *hz > 0.0).collect();
    if all.len() < LEAST_VOICED_HOPS {
        return None;
    }
    let middle = quantile(&all, 0.5);
    let near = |hz: &f32| *hz < OCTAVE * middle && *hz > middle / OCTAVE;
    let all: Vec<f32> = all.into_iter().filter(near).collect();
    let median_hz = quantile(&all, 0.5);
    let range_st = 12.0 * (quantile(&all, 0.9) / quantile(&all, 0.1)).log2();
    let last: Vec<(f32, f32)> = hops
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, hop)| hop.hz > 0.0 && near(&hop.hz))
        .take(SLOPE_HOPS)
        .map(|(i, hop)| (i as f32 * HOP_S, 12.0 * hop.hz.log2()))
        .collect();
    let within_s = last.first().zip(last.last()).map_or(0.0, |(last, first)| last.0 - first.0);
    let enough = last.len() >= SLOPE_HOPS / 2 && within_s <= 2.0 * SLOPE_HOPS as f32 * HOP_S;
    Some(Melody { median_hz, range_st, slope_st_per_s: enough.then(|| slope(&last)) })
}

/// The median of the slopes between points a third of the way apart and more (Theil and Sen).
fn slope(points: &[(f32, f32)]) -> f32 {
    let mut slopes = Vec::new();
    for (i, a) in points.iter().enumerate() {
        for b in &points[(i + points.len() / 3).max(i + 1).min(points.len())..] {
            slopes.push((b.1 - a.1) / (b.0 - a.0));
        }
    }
    quantile(&slopes, 0.5)
}

/// How long the runs of true are that are at least so long.
fn runs(flags: impl Iterator<Item = bool>, least: usize) -> Vec<usize> {
    let mut runs = Vec::new();
    let mut run = 0;
    for flag in flags.chain([false]) {
        if flag {
            run += 1;
        } else {
            if run >= least {
                runs.push(run);
            }
            run = 0;
        }
    }
    runs
}

/// What `take` makes of the values around each hop, `reach` on either side.
fn windows(
    hops: &[&Hop],
    reach: usize,
    value: impl Fn(&Hop) -> f32,
    take: impl Fn(&[f32]) -> f32,
) -> Vec<f32> {
    let values: Vec<f32> = hops.iter().map(|hop| value(hop)).collect();
    let around = |i: usize| &values[i.saturating_sub(reach)..(i + reach + 1).min(values.len())];
    (0..values.len()).map(|i| take(around(i))).collect()
}

/// Mean of levels, the middle ones counting most.
fn triangle(values: &[f32]) -> f32 {
    let weight = |i: usize| (i + 1).min(values.len() - i) as f32;
    let sum: f32 = values.iter().enumerate().map(|(i, v)| weight(i) * v).sum();
    sum / (0..values.len()).map(weight).sum::<f32>()
}

/// The value that so large a share of `values`, of which there are some, lies below.
fn quantile(values: &[f32], share: f32) -> f32 {
    let mut sorted = values.to_vec();
    let at = (share * (sorted.len() - 1) as f32).round() as usize;
    *sorted.select_nth_unstable_by(at, f32::total_cmp).1
}

/// From 0 at `low` to 1 at `high`.
fn rise(x: f32, low: f32, high: f32) -> f32 {
    ((x - low) / (high - low)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;

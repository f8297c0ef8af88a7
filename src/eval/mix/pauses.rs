//! Hesitations put into recordings: somebody stops in the midst of a sentence, and the room goes on.
//!
//! `pauses` lists them as `AT:LENGTH`, joined by commas, in samples of the recording at 16 kHz and
//! in order; `tone_start` and `tone_len` say where in the recording its room is heard alone. The
//! tone runs to and fro as long as a pause needs it.

use crate::eval::table::{TableError, TableRow};
use crate::units::SAMPLE_RATE_HZ;

/// What stands before a pause rings on into it, and what stands behind it sets in, for so long: a
/// sharp edge would be heard as a click.
const FADE_LEN: usize = SAMPLE_RATE_HZ as usize / 100;

/// Longest pause, and longest of all of a copy together: nobody hesitates for longer, and a copy is held
/// in memory.
const LONGEST_S: usize = 60;
const LONGEST_LEN: usize = LONGEST_S * SAMPLE_RATE_HZ as usize;

/// What is wrong with a row: column, value, rule.
pub(super) type Wrong = (&'static str, String, String);

/// One pause, in samples.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pause {
    /// The sample of the recording before which it stands.
    at: usize,
    len: usize,
}

/// The pauses of one copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Pauses {
    pauses: Vec<Pause>,
    tone_start: usize,
    tone_len: usize,
}

impl Pauses {
    pub(super) fn read(row: TableRow<'_>) -> Result<Option<Self>, TableError> {
        let text = row.text("pauses");
        if text.is_empty() {
            return Ok(None);
        }
        let rule =
            "pauses such as `32000:9600,48000:6400`, position and length in samples, in order";
        let pause = |text: &str| {
            let (at, len) = text.split_once(':')?;
            let (at, len) = (at.trim().parse().ok()?, len.trim().parse().ok()?);
            (len >= 2 * FADE_LEN).then_some(Pause { at, len })
        };
        let pauses: Option<Vec<Pause>> = text.split(',').map(pause).collect();
        let pauses = pauses
            .filter(|pauses| pauses.is_sorted_by_key(|pause| pause.at))
            .ok_or_else(|| row.error("pauses", format!("{rule}, of {} at least", 2 * FADE_LEN)))?;
        let whole = pauses.iter().fold(0usize, |sum, pause| sum.saturating_add(pause.len));
        if whole > LONGEST_LEN {
            let rule = format!("pauses of at most {LONGEST_LEN} samples together, {LONGEST_S} s");
            return Err(row.error("pauses", rule));
        }
        let filled = |column| {
            let value = row.parsed(column, "a number of samples", |_| true)?;
            value.ok_or_else(|| row.error(column, "filled in with pauses"))
        };
        let (tone_start, tone_len) = (filled("tone_start")?, filled("tone_len")?);
        if tone_len == 0 {
            return Err(row.error("tone_len", "at least 1"));
        }
        Ok(Some(Self { pauses, tone_start, tone_len }))
    }

    /// Where in the copy, in seconds, what happens in the recording at `seconds`.
    pub(super) fn time(&self, seconds: f64) -> f64 {
        let rate = f64::from(SAMPLE_RATE_HZ);
        let before = self.pauses.iter().filter(|pause| pause.at as f64 <= seconds * rate);
        seconds + before.map(|pause| pause.len as f64).sum::<f64>() / rate
    }

    /// Where in the copy its pauses begin and end, in seconds.
    pub(super) fn times(&self) -> Vec<(f64, f64)> {
        let seconds = |samples: usize| samples as f64 / f64::from(SAMPLE_RATE_HZ);
        let mut before = 0;
        let placed = self.pauses.iter().map(|Pause { at, len }| {
            // A position beyond the recording is refused when that is read.
            let begin = at.saturating_add(before);
            before += len;
            (seconds(begin), seconds(begin.saturating_add(*len)))
        });
        placed.collect()
    }

    /// Samples that they add to a recording.
    pub(super) fn len(&self) -> usize {
        self.pauses.iter().map(|pause| pause.len).sum()
    }

    /// Refuses what lies beyond a recording of so many `samples`.
    pub(super) fn check(&self, samples: usize) -> Result<(), Wrong> {
        let end = self.tone_start.checked_add(self.tone_len);
        if end.is_none_or(|end| end > samples) {
            let rule = format!("the beginning of {} of the {samples} samples", self.tone_len);
            return Err(("tone_start", self.tone_start.to_string(), rule));
        }
        match self.pauses.iter().find(|pause| pause.at > samples) {
            None => Ok(()),
            Some(pause) => {
                let rule = format!("at most {samples}, the samples of the recording");
                Err(("pauses", pause.at.to_string(), rule))
            }
        }
    }

    /// The recording, which [`check`](Self::check) let pass, with its pauses; its samples are all there
    /// as they were.
    pub(super) fn put_into(&self, sound: &[f32]) -> Vec<f32> {
        let tone = &sound[self.tone_start..self.tone_start + self.tone_len];
        let mut copy = Vec::with_capacity(sound.len() + self.len());
        let mut from = 0;
        for pause in &self.pauses {
            copy.extend_from_slice(&sound[from..pause.at]);
            let begin = copy.len();
            copy.extend((0..pause.len).map(|i| to_and_fro(tone, i)));
            let (before, after) = sound.split_at(pause.at);
            let room = &mut copy[begin..];
            for (i, said) in after.iter().take(FADE_LEN).enumerate() {
                fade(&mut room[i], *said, i);
            }
            for (i, said) in before.iter().rev().take(FADE_LEN).enumerate() {
                fade(&mut room[pause.len - 1 - i], *said, i);
            }
            from = pause.at;
        }
        copy.extend_from_slice(&sound[from..]);
        copy
    }
}

fn to_and_fro(tone: &[f32], i: usize) -> f32 {
    let at = i % (2 * tone.len());
    tone[at.min(2 * tone.len() - 1 - at)]
}

/// The voice, `i` samples into the room.
fn fade(room: &mut f32, said: f32, i: usize) {
    let share = (i + 1) as f32 / (FADE_LEN + 1) as f32;
    *room = *room * share + said * (1.0 - share);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(list: &[(usize, usize)], tone_start: usize, tone_len: usize) -> Pauses {
        let pauses = list.iter().map(|(at, len)| Pause { at: *at, len: *len }).collect();
        Pauses { pauses, tone_start, tone_len }
    }

    #[test]
    fn the_recording_is_whole_and_the_room_is_between() {
        let sound: Vec<f32> = (0..4000).map(|i| if i < 1000 { 0.01 } else { i as f32 }).collect();
        let copy = pauses(&[(2000, 500), (3000, 700)], 100, 30).put_into(&sound);
        assert_eq!(copy.len(), 5200);
        assert_eq!(copy[..2000], sound[..2000]);
        assert_eq!(copy[2500..3500], sound[2000..3000]);
        assert_eq!(copy[4200..], sound[3000..]);
        assert!(copy[2000 + FADE_LEN..2500 - FADE_LEN].iter().all(|s| *s == 0.01));
        // Out of the voice and into it without a jump.
        let steps = copy[1999..2501].windows(2).map(|w| (w[1] - w[0]).abs());
        assert!(steps.fold(0.0, f32::max) < 2.0 * 2000.0 / FADE_LEN as f32);
    }

    #[test]
    fn the_tone_turns_at_its_ends() {
        let tone = [1.0, 2.0, 3.0];
        let heard: Vec<f32> = (0..8).map(|i| to_and_fro(&tone, i)).collect();
        assert_eq!(heard, [1.0, 2.0, 3.0, 3.0, 2.0, 1.0, 1.0, 2.0]);
    }

    #[test]
    fn times_move_with_the_pauses_before_them() {
        let pauses = pauses(&[(16_000, 8_000), (32_000, 16_000)], 0, 1);
        for (recording, copy) in [(0.5, 0.5), (1.5, 2.0), (2.5, 4.0)] {
            assert_eq!(pauses.time(recording), copy);
        }
        assert_eq!(pauses.times(), [(1.0, 1.5), (2.5, 3.5)]);
    }

    #[test]
    fn what_the_recording_does_not_hold_is_named() {
        for (wrong, column) in [
            (pauses(&[(500, 400)], 900, 200), "tone_start"),
            (pauses(&[(500, 400)], usize::MAX, 2), "tone_start"),
            (pauses(&[(1001, 400)], 0, 100), "pauses"),
        ] {
            assert_eq!(wrong.check(1000).unwrap_err().0, column);
        }
    }
}

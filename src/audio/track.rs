//! A speaker that is not there: the track of all it would have played.

use std::ops::Range;

/// Everything said, mono, at one rate, from the opening of the stream.
#[derive(Debug, Default)]
pub struct Track {
    samples: Vec<f32>,
    /// The stretches that were said, in order, none touching the next; between them is silence.
    said: Vec<Range<usize>>,
    /// What is before this was heard and can no longer be taken back.
    played: usize,
}

impl Track {
    /// Puts `sound` where it is to be played. What was there before is replaced.
    pub fn put(&mut self, from: usize, sound: &[f32]) {
        let end = from + sound.len();
        if self.samples.len() < end {
            self.samples.resize(end, 0.0);
        }
        self.samples[from..end].copy_from_slice(sound);
        match self.said.last_mut() {
            Some(last) if from <= last.end => last.end = last.end.max(end),
            _ => self.said.push(from..end),
        }
    }

    /// Ends what is said at `at`, or where it was played until already, with a fade of `fade`
    /// samples.
    pub fn cut(&mut self, at: usize, fade: usize) {
        let at = at.max(self.played).min(self.samples.len());
        let fade = fade.min(self.samples.len() - at);
        for (i, sample) in self.samples[at..at + fade].iter_mut().enumerate() {
            *sample *= 1.0 - (i + 1) as f32 / fade as f32;
        }
        self.samples.truncate(at + fade);
        self.said.retain_mut(|said| {
            said.end = said.end.min(at + fade);
            said.start < said.end
        });
    }

    /// The stretch that sounds at or after `at`, if anything was said for then.
    pub fn said_from(&self, at: usize) -> Option<Range<usize>> {
        // The last ones are asked for.
        let later = self.said.iter().rev().take_while(|said| said.end > at);
        later.last().cloned()
    }

    /// The sample at `index`; silence where nothing was said.
    pub fn sample(&self, index: i64) -> f32 {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.samples.get(index))
            .copied()
            .unwrap_or(0.0)
    }

    /// Notes that everything before `end` was played.
    pub fn set_played(&mut self, end: usize) {
        self.played = self.played.max(end);
    }

    pub fn samples(&self) -> &[f32] {
        &self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_lies_where_it_is_played() {
        let mut track = Track::default();
        track.put(2, &[0.1; 2]);
        track.put(4, &[0.2; 1]);
        track.put(8, &[0.3; 1]);
        assert_eq!(track.samples(), [0.0, 0.0, 0.1, 0.1, 0.2, 0.0, 0.0, 0.0, 0.3]);
        for (at, said) in [(0, Some(2..5)), (4, Some(2..5)), (5, Some(8..9)), (9, None)] {
            assert_eq!(track.said_from(at), said, "{at}");
        }
        assert_eq!((track.sample(-1), track.sample(3), track.sample(99)), (0.0, 0.1, 0.0));
    }

    #[test]
    fn a_cut_takes_back_only_what_was_not_played() {
        for (at, played, left) in [(4, 0, 6), (4, 7, 9), (9, 4, 10), (20, 0, 10)] {
            let mut track = Track::default();
            track.put(0, &[0.5; 10]);
            track.set_played(played);
            track.cut(at, 2);
            assert_eq!(track.samples().len(), left, "{at} {played}");
            assert_eq!(track.said_from(0), Some(0..left));
        }
    }
}

//! A speaker that is not there: the track of all it would have played.

use std::ops::Range;

use super::render::GAIN_RAMP_MS;

/// Everything said, mono, at one rate, from the opening of the stream.
#[derive(Debug)]
pub struct Track {
    samples: Vec<f32>,
    /// The stretches that were said, in order, none touching the next; between them is silence.
    said: Vec<Range<usize>>,
    /// What is before this was heard and can no longer be taken back.
    played: usize,
    /// From where on which gain is moved to, in order; before the first it is full.
    gains: Vec<(usize, f32)>,
    /// Samples that a move takes.
    ramp: usize,
}

impl Track {
    /// An empty track of so many samples a second.
    pub fn new(rate_hz: u32) -> Self {
        let ramp = (rate_hz * GAIN_RAMP_MS / 1000) as usize;
        Self { samples: Vec::new(), said: Vec::new(), played: 0, gains: Vec::new(), ramp }
    }

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

    /// Moves to `gain` from `at` on, or where it was played until already.
    pub fn set_gain(&mut self, at: usize, gain: f32) {
        let last = self.gains.last().map_or(0, |(from, _)| from + self.ramp);
        self.gains.push((at.max(self.played).max(last), gain));
    }

    fn gain(&self, index: usize) -> f32 {
        let Some(now) = self.gains.iter().rposition(|(from, _)| *from <= index) else { return 1.0 };
        let before = now.checked_sub(1).map_or(1.0, |before| self.gains[before].1);
        let (from, gain) = self.gains[now];
        let along = ((index - from + 1) as f32 / self.ramp as f32).min(1.0);
        before + (gain - before) * along
    }

    /// The stretch that sounds at or after `at`, if anything was said for then.
    pub fn said_from(&self, at: usize) -> Option<Range<usize>> {
        // The last ones are asked for.
        let later = self.said.iter().rev().take_while(|said| said.end > at);
        later.last().cloned()
    }

    /// The sample at `index` as it is played; silence where nothing was said.
    pub fn sample(&self, index: usize) -> f32 {
        self.samples.get(index).map_or(0.0, |sample| sample * self.gain(index))
    }

    /// Notes that everything before `end` was played.
    pub fn set_played(&mut self, end: usize) {
        self.played = self.played.max(end);
    }

    /// Everything before this was played.
    pub fn played(&self) -> usize {
        self.played
    }

    /// How many samples there are, to the end of what was said last.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// All of it, as it is played.
    pub fn sound(&self) -> Vec<f32> {
        (0..self.samples.len()).map(|index| self.sample(index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_lies_where_it_is_played() {
        let mut track = Track::new(200);
        track.put(2, &[0.1; 2]);
        track.put(4, &[0.2; 1]);
        track.put(8, &[0.3; 1]);
        assert_eq!(track.sound(), [0.0, 0.0, 0.1, 0.1, 0.2, 0.0, 0.0, 0.0, 0.3]);
        for (at, said) in [(0, Some(2..5)), (4, Some(2..5)), (5, Some(8..9)), (9, None)] {
            assert_eq!(track.said_from(at), said, "{at}");
        }
        assert_eq!((track.sample(3), track.sample(99)), (0.1, 0.0));
    }

    #[test]
    fn a_cut_takes_back_only_what_was_not_played() {
        for (at, played, left) in [(4, 0, 6), (4, 7, 9), (9, 4, 10), (20, 0, 10)] {
            let mut track = Track::new(200);
            track.put(0, &[0.5; 10]);
            track.set_played(played);
            track.cut(at, 2);
            assert_eq!(track.len(), left, "{at} {played}");
            assert_eq!(track.said_from(0), Some(0..left));
        }
    }
    #[test]
    fn the_gain_moves_from_where_it_is_played() {
        // A move takes 4 samples.
        let mut track = Track::new(200);
        track.put(0, &[1.0; 20]);
        track.set_played(3);
        track.set_gain(0, 0.2);
        track.set_gain(4, 1.0);
        track.set_gain(14, 0.0);
        let drawn: Vec<u32> = track.sound().iter().map(|s| (s * 10.0).round() as u32).collect();
        assert_eq!(drawn, [10, 10, 10, 8, 6, 4, 2, 4, 6, 8, 10, 10, 10, 10, 8, 5, 3, 0, 0, 0]);
    }
}

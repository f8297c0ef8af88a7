//! The start and end of a clause: silence trimmed, no clicks.

use super::VOICE_RATE_HZ;

const fn samples(ms: u32) -> usize {
    (VOICE_RATE_HZ * ms / 1000) as usize
}

/// Below this, a sample is silence: -60 dB under full scale, some 35 dB under the voice. Breath and
/// the closure before a plosive lie above.
const QUIET: f32 = 1e-3;

/// Silence kept before the first and after the last sound. The network gives 200 to 300 ms at
/// either end, which would only delay an answer.
const LEAD: usize = samples(10);
const TAIL: usize = samples(60);

/// The first and last samples rise from and fall to zero over this long.
const FADE: usize = samples(5);

/// Takes the samples of one clause in pieces of any size; gives them without their silent ends.
#[derive(Default)]
pub struct Edges {
    /// Not given yet: what may turn out to be the end, and enough to fade it out.
    held: Vec<f32>,
    /// Leading samples of `held` that belong to the clause for certain.
    sure: usize,
    given: usize,
    trimmed: usize,
    started: bool,
}

impl Edges {
    /// Takes samples and appends those that are certain to `out`.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.held.extend_from_slice(samples);
        let fresh = self.held.len() - samples.len();
        if let Some(last) = samples.iter().rposition(|x| x.abs() > QUIET) {
            self.sure = fresh + last + 1;
        }
        if !self.started {
            let first = samples.iter().position(|x| x.abs() > QUIET);
            self.started = first.is_some();
            let silent = first.map_or(self.held.len(), |first| fresh + first);
            let trimmed = silent.saturating_sub(LEAD);
            self.held.drain(..trimmed);
            self.trimmed += trimmed;
            self.sure = self.sure.saturating_sub(trimmed);
        }
        self.give(self.sure.saturating_sub(FADE), out);
    }

    /// How many samples were taken off the beginning, once something was given.
    pub fn trimmed(&self) -> usize {
        self.trimmed
    }

    /// Appends the end of the clause and starts a new one. A clause without sound gives nothing.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        if self.started {
            self.held.truncate(self.sure + TAIL);
            for (k, x) in self.held.iter_mut().rev().take(FADE).enumerate() {
                *x *= k as f32 / FADE as f32;
            }
            self.give(self.held.len(), out);
        }
        *self = Self::default();
    }

    fn give(&mut self, count: usize, out: &mut Vec<f32>) {
        for x in self.held.drain(..count) {
            out.push(x * (self.given as f32 / FADE as f32).min(1.0));
            self.given += 1;
        }
        self.sure -= count.min(self.sure);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(samples: &[f32]) -> Vec<f32> {
        let (mut edges, mut out) = (Edges::default(), Vec::new());
        edges.push(samples, &mut out);
        edges.finish(&mut out);
        out
    }

    /// `len` samples of silence, sound, silence, in hundredths of a second.
    fn clause(before: usize, sound: usize, after: usize) -> Vec<f32> {
        let (unit, mut clause) = (samples(10), vec![0.0; samples(10) * (before + sound + after)]);
        clause[before * unit..(before + sound) * unit].fill(0.5);
        clause
    }

    #[test]
    fn silence_is_trimmed_to_a_breath() {
        for (before, sound, after, given) in
            [(30, 10, 30, 17), (0, 10, 30, 16), (1, 10, 2, 13), (0, 10, 0, 10), (30, 0, 0, 0)]
        {
            let out = whole(&clause(before, sound, after));
            assert_eq!(out.len(), given * samples(10), "{before} {sound} {after}");
        }
        assert!(whole(&[]).is_empty());
    }

    #[test]
    fn silence_inside_stays() {
        let twice = [clause(5, 10, 40), clause(0, 10, 5)].concat();
        assert_eq!(whole(&twice).len(), samples(10) * (1 + 10 + 40 + 10 + 5));
    }

    #[test]
    fn a_clause_that_starts_or_ends_loud_rises_and_falls_smoothly() {
        let out = whole(&clause(0, 10, 0));
        let padded = [&[0.0], &out[..], &[0.0]].concat();
        let step = padded.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.01, "{step}");
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            parts in prop::collection::vec((0usize..900, -0.4f32..0.4), 0..9),
            cuts in prop::collection::vec(1usize..700, 1..30),
        ) {
            let clause: Vec<f32> = parts
                .iter()
                .flat_map(|&(len, x)| std::iter::repeat_n(if x > 0.0 { x } else { 0.0 }, len))
                .collect();
            let (mut edges, mut out) = (Edges::default(), Vec::new());
            let (mut rest, mut cuts) = (&clause[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                edges.push(now, &mut out);
                rest = later;
            }
            edges.finish(&mut out);
            prop_assert_eq!(out, whole(&clause));
        }
    }
}

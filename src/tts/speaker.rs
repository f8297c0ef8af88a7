//! Phoneme ids to samples, piece by piece as they are ready.

use super::acoustic::Acoustic;
use super::edges::Edges;
use super::noise::Noise;
use super::style::Style;
use super::vocoder::{HOP, Vocoder};
use super::{TtsError, VOICE_RATE_HZ};
use crate::audio::resample::Resampler;
use crate::cancel::CancelToken;
use crate::models::ModelStore;
use crate::nn::NnError;
use crate::nn::kernels::Kernel;

/// The ids of a clause without sound: the pads at its ends.
const SILENT: usize = 2;

/// What is made of a clause, in order.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// Where its words end, in samples from its beginning; at most once, before any sound.
    Ends(&'a [usize]),
    /// Its next samples.
    Sound(&'a [f32]),
}

/// The networks and the vocoder. One clause at a time.
pub struct Speaker {
    acoustic: Acoustic,
    vocoder: Vocoder,
    /// Samples as the vocoder gave them, and at the style's pitch.
    raw: Vec<f32>,
    pitched: Vec<f32>,
    ready: Vec<f32>,
}

impl Speaker {
    pub fn load(store: &ModelStore) -> Result<Self, TtsError> {
        Ok(Self {
            acoustic: Acoustic::load(store)?,
            vocoder: Vocoder::new(Kernel::current().map_err(NnError::from)?),
            raw: Vec::new(),
            pitched: Vec::new(),
            ready: Vec::new(),
        })
    }

    /// Speaks phoneme ids (pads included) and hands the samples to `sink` in pieces, the first as
    /// early as possible; before it, where the first `ends` of the ids end, in samples from there. `cancel` is looked at before every piece; what was handed out by then is
    /// a valid beginning.
    pub fn speak(
        &mut self,
        ids: &[i64],
        ends: impl Iterator<Item = usize>,
        style: &Style,
        cancel: &CancelToken,
        mut sink: impl FnMut(Piece<'_>),
    ) -> Result<(), TtsError> {
        style.check()?;
        if ids.len() <= SILENT {
            return Ok(());
        }
        // Raising the pitch shortens the clause by the same factor, so it is made longer before.
        let speed = style.pace / style.pitch;
        let mut score = self.acoustic.score(ids, speed)?;
        score.trim(speed);
        let frame = HOP as f32 / style.pitch;
        let mut ends: Vec<usize> =
            ends.map(|ids| (score.end(ids) as f32 * frame) as usize).collect();
        let mut given = false;
        let mut resampler = Resampler::new(rate_hz(style.pitch), VOICE_RATE_HZ);
        let (mut edges, mut noise) = (Edges::default(), Noise::new(style.seed));
        let mut decoding = self.acoustic.begin();
        self.vocoder.begin(&score.f0);
        loop {
            if cancel.is_cancelled() {
                return Err(TtsError::Cancelled);
            }
            self.raw.clear();
            self.pitched.clear();
            self.ready.clear();
            let spectra = self.acoustic.decode(&mut decoding, &score)?;
            if let Some(spectra) = &spectra {
                for frame in spectra.frames() {
                    self.vocoder.push(frame, &mut noise, &mut self.raw);
                }
                resampler.push(&self.raw, &mut self.pitched);
                edges.push(&self.pitched, &mut self.ready);
            } else {
                resampler.flush(&mut self.pitched);
                edges.push(&self.pitched, &mut self.ready);
                edges.finish(&mut self.ready);
            }
            if !self.ready.is_empty() {
                if !std::mem::replace(&mut given, true) {
                    ends.iter_mut().for_each(|end| *end = end.saturating_sub(edges.trimmed()));
                    sink(Piece::Ends(&ends));
                }
                sink(Piece::Sound(&self.ready));
            }
            if spectra.is_none() {
                return Ok(());
            }
        }
    }
}

/// The rate at which the voice's samples are read to sound `pitch` times as high, in steps of one
/// per cent: a smooth ratio keeps the resampler's blocks short.
fn rate_hz(pitch: f32) -> u32 {
    const STEP_HZ: u32 = VOICE_RATE_HZ / 100;
    (pitch * 100.0).round() as u32 * STEP_HZ
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::CancelEpoch;
    use crate::tts::golden::Golden;

    fn speaker() -> (Speaker, Vec<Golden>) {
        let store = ModelStore::open(None).unwrap();
        (Speaker::load(&store).unwrap(), Golden::all(&store))
    }

    fn say(speaker: &mut Speaker, ids: &[i64], style: Style) -> Vec<f32> {
        let mut out = Vec::new();
        let push = |piece: Piece<'_>| {
            if let Piece::Sound(samples) = piece {
                out.extend_from_slice(samples);
            }
        };
        speaker.speak(ids, [].into_iter(), &style, &CancelToken::never(), push).unwrap();
        out
    }

    /// Median pitch of the louder half: where the autocorrelation of 50 ms is strongest.
    fn pitch_hz(samples: &[f32]) -> f32 {
        const SPAN: usize = VOICE_RATE_HZ as usize / 20;
        let product =
            |w: &[f32], lag: usize| -> f32 { w[lag..].iter().zip(w).map(|(a, b)| a * b).sum() };
        let mut windows: Vec<&[f32]> = samples.chunks_exact(SPAN).collect();
        windows.sort_by(|a, b| product(b, 0).total_cmp(&product(a, 0)));
        let strongest = |w: &&[f32]| {
            (60..320).max_by(|&a, &b| product(w, a).total_cmp(&product(w, b))).unwrap()
        };
        let mut lags: Vec<usize> = windows[..windows.len() / 2].iter().map(strongest).collect();
        lags.sort_unstable();
        VOICE_RATE_HZ as f32 / lags[lags.len() / 2] as f32
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn the_same_seed_gives_the_same_samples_whatever_was_said_before() {
        let (mut speaker, cases) = speaker();
        let (a, b) = (cases[0].i64("ids"), cases[1].i64("ids"));
        let first = say(&mut speaker, &a, Style::default());
        say(&mut speaker, &b, Style::default());
        assert_eq!(say(&mut speaker, &a, Style::default()), first);
        assert_ne!(say(&mut speaker, &a, Style { seed: 1, ..Style::default() }), first);
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn clauses_are_bounded_and_have_no_click_at_their_ends() {
        let (mut speaker, cases) = speaker();
        for case in &cases {
            for pitch in [0.8, 1.0, 1.2] {
                let style = Style { pitch, ..Style::default() };
                let out = say(&mut speaker, &case.i64("ids"), style);
                let peak = out.iter().fold(0.0f32, |a, x| a.max(x.abs()));
                assert!((0.05..1.0).contains(&peak), "{}: peak {peak}", case.name);
                let ends = [&[0.0], &out[..240], &out[out.len() - 240..], &[0.0]];
                for end in [ends[..2].concat(), ends[2..].concat()] {
                    let step = end.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
                    assert!(step < 0.01, "{} at {pitch}: step {step}", case.name);
                }
            }
        }
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn pitch_moves_the_voice_and_keeps_the_pace() {
        let (mut speaker, cases) = speaker();
        let ids = cases.iter().find(|c| c.name == "long").unwrap().i64("ids");
        let plain = say(&mut speaker, &ids, Style::default());
        for pitch in [0.8, 1.25] {
            let moved = say(&mut speaker, &ids, Style { pitch, ..Style::default() });
            let length = moved.len() as f32 / plain.len() as f32;
            assert!((0.85..1.15).contains(&length), "{pitch}: length {length}");
            let factor = pitch_hz(&moved) / pitch_hz(&plain);
            println!("{pitch}: {factor}");
            assert!((factor / pitch - 1.0).abs() < 0.1, "{pitch}: {factor}");
        }
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn a_faster_pace_is_shorter() {
        let (mut speaker, cases) = speaker();
        let ids = cases[1].i64("ids");
        let lengths = [0.5, 1.0, 2.0]
            .map(|pace| say(&mut speaker, &ids, Style { pace, ..Style::default() }).len());
        assert!(lengths.is_sorted_by(|a, b| a > b), "{lengths:?}");
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn cancelling_stops_between_pieces() {
        let (mut speaker, cases) = speaker();
        let ids = cases.iter().find(|c| c.name == "long").unwrap().i64("ids");
        let epoch = CancelEpoch::default();
        let mut pieces = 0;
        let none = [].into_iter();
        let result = speaker.speak(&ids, none, &Style::default(), &epoch.token(), |piece| {
            pieces += usize::from(matches!(piece, Piece::Sound(_)));
            epoch.cancel();
        });
        assert!(matches!(result, Err(TtsError::Cancelled)));
        assert_eq!(pieces, 1);
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn odd_ids_never_panic() {
        let (mut speaker, _) = speaker();
        for ids in [vec![], vec![0], vec![0, 0], vec![0, 0, 0], vec![0, 177, 0]] {
            say(&mut speaker, &ids, Style::default());
        }
        for unknown in [-1, 178, i64::MAX] {
            let (never, none) = (CancelToken::never(), [].into_iter());
            let result = speaker.speak(&[0, unknown, 0], none, &Style::default(), &never, |_| ());
            assert!(matches!(result, Err(TtsError::Plan { .. })), "{unknown}");
        }
    }
}

//! Long recordings: cut at pauses, recognise piece by piece.
//!
//! Cuts follow the evidence of speech: silence is left out (the network invents words for it), and
//! pieces stay short enough for the encoder, whose cost grows with the square of their length.

use std::sync::Arc;

use super::AsrError;
use crate::hear::SileroModel;
use crate::hear::endpoint::Evidence;
use crate::hear::silero::{SileroStream, WINDOW_LEN};
use crate::units::{SamplePos, Span, rms_dbfs};

/// Speech begins at this probability. Low, because nothing that was said may be lost here: a
/// second look at noise costs time, a missed word cannot be had back.
const SPEECH: f32 = 0.4;
/// Speech goes on above this one.
const STILL_SPEECH: f32 = 0.2;

const fn samples(ms: u64) -> u64 {
    SamplePos::from_ms(ms).0
}

/// Shorter gaps are part of speech: stops and breaths, not pauses.
const PAUSE: u64 = samples(250);
/// Longer gaps always cut: nothing behind them belongs to the same sentence.
const LONG_PAUSE: u64 = samples(2_000);
/// Longest piece, without its margins.
const MAX_PIECE: u64 = samples(16_000);
/// Margin around a piece, so that soft beginnings and endings stay in.
const MARGIN: u64 = samples(250);
const _: () = assert!(PAUSE < LONG_PAUSE && LONG_PAUSE < MAX_PIECE);

/// The pieces of a recording that hold speech, in order and without overlap.
pub fn pieces(judge: &Arc<SileroModel>, audio: &[f32]) -> Result<Vec<Span>, AsrError> {
    Ok(cut(audio, &evidence(judge, audio)?))
}

/// The judge's view of a whole recording, its last window filled up with silence.
fn evidence(judge: &Arc<SileroModel>, audio: &[f32]) -> Result<Vec<Evidence>, AsrError> {
    let mut stream = SileroStream::new(Arc::clone(judge)).map_err(AsrError::run)?;
    let mut evidence = Vec::with_capacity(audio.len() / WINDOW_LEN + 1);
    stream.push(audio, |heard| evidence.push(heard));
    let missing = audio.len().next_multiple_of(WINDOW_LEN) - audio.len();
    stream.push(&vec![0.0; missing], |heard| evidence.push(heard));
    Ok(evidence)
}

/// Pieces of `audio` that hold speech, in order and without overlap.
///
/// `evidence` covers `audio` in order. A cut falls into the longest pause that keeps pieces within
/// bounds, or, where nobody pauses, at the quietest moment.
pub fn cut(audio: &[f32], evidence: &[Evidence]) -> Vec<Span> {
    let mut pieces = Vec::new();
    let mut open: Vec<Span> = Vec::new();
    for run in runs(evidence).into_iter().flat_map(|run| split(audio, run)) {
        if open.last().is_some_and(|last| run.start.since(last.end) > LONG_PAUSE) {
            pieces.extend(close(&mut open, usize::MAX));
        }
        open.push(run);
        while run.end.since(open[0].start) > MAX_PIECE {
            let cut = best_cut(&open);
            pieces.extend(close(&mut open, cut));
        }
    }
    pieces.extend(close(&mut open, usize::MAX));
    with_margins(&pieces, SamplePos(audio.len() as u64))
}

/// Unbroken speech, bridging gaps that are no pauses.
fn runs(evidence: &[Evidence]) -> Vec<Span> {
    let mut runs: Vec<Span> = Vec::new();
    let mut speaking = false;
    for Evidence { span, probability } in evidence {
        speaking = *probability >= if speaking { STILL_SPEECH } else { SPEECH };
        if !speaking {
            continue;
        }
        match runs.last_mut() {
            Some(run) if span.start.since(run.end) < PAUSE => run.end = span.end,
            _ => runs.push(*span),
        }
    }
    runs
}

/// Splits a run that is too long at the quietest moments of the second halves of its pieces.
fn split(audio: &[f32], mut run: Span) -> Vec<Span> {
    let mut parts = Vec::new();
    while run.len() > MAX_PIECE {
        let moments = (run.start.0 + MAX_PIECE / 2..run.start.0 + MAX_PIECE).step_by(WINDOW_LEN);
        let level = |at: u64| {
            let start = audio.len().min(at as usize);
            rms_dbfs(&audio[start..audio.len().min(start + WINDOW_LEN)])
        };
        let quietest = moments.min_by(|a, b| level(*a).total_cmp(&level(*b)));
        let at = SamplePos(quietest.unwrap_or(run.start.0 + MAX_PIECE / 2) + WINDOW_LEN as u64 / 2);
        parts.push(Span::new(run.start, at));
        run.start = at;
    }
    parts.push(run);
    parts
}

/// How many of the open runs make the next piece when all together are too long: cut at the
/// longest pause in the second half, else before the last run.
fn best_cut(open: &[Span]) -> usize {
    let half = open[0].start + MAX_PIECE / 2;
    let in_reach = (1..open.len()).filter(|at| {
        let before = open[at - 1].end;
        before >= half && before.since(open[0].start) <= MAX_PIECE
    });
    in_reach
        .max_by_key(|at| open[*at].start.since(open[at - 1].end))
        .unwrap_or(open.len().saturating_sub(1).max(1))
}

/// Takes the first `count` open runs as one piece.
fn close(open: &mut Vec<Span>, count: usize) -> Option<Span> {
    let taken: Vec<Span> = open.drain(..count.min(open.len())).collect();
    Some(Span::new(taken.first()?.start, taken.last()?.end))
}

/// Widens pieces, without leaving the recording and never past the middle of a pause.
fn with_margins(pieces: &[Span], end: SamplePos) -> Vec<Span> {
    let middle = |a: SamplePos, b: SamplePos| a + b.since(a) / 2;
    (0..pieces.len())
        .map(|at| {
            let piece = pieces[at];
            let floor = at.checked_sub(1).map(|before| middle(pieces[before].end, piece.start));
            let ceiling = pieces.get(at + 1).map(|after| middle(piece.end, after.start));
            Span::new(
                piece.start.back(MARGIN).max(floor.unwrap_or_default()),
                (piece.end + MARGIN).min(ceiling.unwrap_or(end)).min(end),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four windows of the judge per character, 128 ms: `#` speech, `,` speech that is quiet, `.`
    /// silence. Answers with the pieces in brackets, rounded to characters.
    fn check(said: &str, cuts: &str) {
        const STEP: usize = 4 * WINDOW_LEN;
        let level = |c| match c {
            '#' => 0.5,
            ',' => 0.1,
            _ => 0.0,
        };
        let audio: Vec<f32> =
            said.chars().flat_map(|c| std::iter::repeat_n(level(c), STEP)).collect();
        let evidence: Vec<Evidence> = audio
            .chunks(WINDOW_LEN)
            .zip((0..).step_by(WINDOW_LEN))
            .map(|(window, at)| Evidence {
                span: Span::new(SamplePos(at), SamplePos(at) + WINDOW_LEN as u64),
                probability: if window[0] > 0.0 { 0.9 } else { 0.01 },
            })
            .collect();
        let round = |at: SamplePos| (at.0 as f64 / STEP as f64).round() as usize;
        let mut drawn = String::new();
        let mut at = 0;
        for piece in cut(&audio, &evidence) {
            let (start, end) = (round(piece.start), round(piece.end));
            drawn += &said[at..start];
            drawn += &format!("[{}]", &said[start..end]);
            at = end;
        }
        drawn += &said[at..];
        assert_eq!(drawn, cuts);
    }

    #[test]
    fn silence_holds_nothing() {
        check("..........", "..........");
        check("", "");
    }

    #[test]
    fn margins_stay_around_speech_and_inside_the_recording() {
        check("....####....", "..[..####..]..");
        check("####....", "[####..]..");
        check(".####", "[.####]");
    }

    #[test]
    fn pauses_of_a_sentence_stay_inside() {
        check("...##.##....##...", ".[..##.##....##..].");
    }

    #[test]
    fn long_pauses_cut() {
        check("..###..................###..", "[..###..]..............[..###..]");
    }

    #[test]
    fn too_long_speech_is_cut_at_its_longest_late_pause() {
        // 16 s are 125 characters.
        let (a, b, c) = ("#".repeat(70), "#".repeat(30), "#".repeat(40));
        check(&format!("{a}......{b}...{c}"), &format!("[{a}..]..[..{b}...{c}]"));
    }

    #[test]
    fn speech_without_pauses_is_cut_where_it_is_quietest() {
        let (a, b) = ("#".repeat(90), "#".repeat(60));
        check(&format!("{a},{b}"), &format!("[{a}][,{b}]"));
    }

    #[test]
    fn every_piece_is_short_enough() {
        let audio = vec![0.3; 16_000 * 100];
        let evidence: Vec<Evidence> = (0..audio.len() as u64)
            .step_by(WINDOW_LEN)
            .map(|at| Evidence {
                span: Span::new(SamplePos(at), SamplePos(at + WINDOW_LEN as u64)),
                probability: 1.0,
            })
            .collect();
        let pieces = cut(&audio, &evidence);
        assert!(pieces.iter().all(|piece| piece.len() <= MAX_PIECE + 2 * MARGIN));
        assert_eq!(pieces.iter().map(|piece| piece.len()).sum::<u64>(), audio.len() as u64);
        assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
}

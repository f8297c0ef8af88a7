//! Signals of which everything is known, held to the bounds of docs/prosody.md.

use std::f32::consts::{PI, TAU};

use super::*;
use crate::draw::Draw;
use crate::models::ModelStore;
use crate::units::{FRAME_LEN, SAMPLE_RATE_HZ, mean_power};

const RATE: f32 = SAMPLE_RATE_HZ as f32;
/// As loud as somebody at a desk.
const VOICE_RMS: f32 = 0.05;
const BEFORE_S: f32 = 1.5;

/// What a made voice does for a while.
#[derive(Clone, Copy)]
struct Voice {
    seconds: f32,
    /// 0 whispers.
    hz: f32,
    slope_st_per_s: f32,
    /// Of which each rises out of a fifth of the loudness; 0 holds one vowel.
    syllables_per_s: f32,
}

const SPEAKS: Voice = Voice { seconds: 2.0, hz: 160.0, slope_st_per_s: 0.0, syllables_per_s: 4.0 };

impl Voice {
    /// Pulses or breath, through the three lowest formants of an "uh".
    fn sound(self, draw: &mut Draw) -> Vec<f32> {
        let len = (self.seconds * RATE) as usize;
        let mut phase = 0.0f32;
        let source = (0..len).map(|i| {
            let s = i as f32 / RATE;
            let octaves = self.slope_st_per_s * (s - self.seconds / 2.0) / 12.0;
            phase += self.hz * octaves.exp2() / RATE;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase = phase.fract();
            if self.hz > 0.0 { pulse } else { draw.between(-1.0, 1.0) }
        });
        let mut sound: Vec<f32> = source.collect();
        for (hz, width_hz) in [(20.0, 2000.0), (600.0, 90.0), (1300.0, 110.0), (2500.0, 160.0)] {
            let r = (-PI * width_hz / RATE).exp();
            let (a, b) = (2.0 * r * (TAU * hz / RATE).cos(), -r * r);
            let mut before = [0.0f32; 2];
            for sample in &mut sound {
                *sample += a * before[0] + b * before[1];
                before = [*sample, before[0]];
            }
        }
        for (i, sample) in sound.iter_mut().enumerate() {
            let turn = TAU * self.syllables_per_s * i as f32 / RATE;
            let open = if self.syllables_per_s > 0.0 { 0.6 - 0.4 * turn.cos() } else { 1.0 };
            *sample *= open;
        }
        let scale = VOICE_RMS / mean_power(&sound).sqrt();
        sound.iter_mut().for_each(|sample| *sample *= scale);
        sound
    }
}

/// What somebody says in a room that is `snr_db` quieter, and what is measured of it.
fn said(parts: &[Vec<f32>], snr_db: f32, draw: &mut Draw) -> Option<Prosody> {
    let voice = parts.concat();
    let before = (BEFORE_S * RATE) as usize;
    // Of noise between -1 and 1 the power is a third.
    let noise = VOICE_RMS * 10f32.powf(-snr_db / 20.0) * 3f32.sqrt();
    let mut sound: Vec<f32> =
        (0..voice.len() + 2 * before).map(|_| noise * draw.between(-1.0, 1.0)).collect();
    sound[before..].iter_mut().zip(&voice).for_each(|(sound, voice)| *sound += voice);
    let span =
        |from: usize, until: usize| Span::new(SamplePos(from as u64), SamplePos(until as u64));
    measure(&track(&sound), span(before - 3200, before + voice.len() + 3200))
}

fn track(sound: &[f32]) -> Track {
    let mut track = Track::default();
    for (at, frame) in (0..).step_by(FRAME_LEN).zip(sound.as_chunks::<FRAME_LEN>().0) {
        track.push(SamplePos(at), frame, false);
    }
    track
}

fn silence(seconds: f32) -> Vec<f32> {
    vec![0.0; (seconds * RATE) as usize]
}

/// The distances to the room that docs/prosody.md promises its bounds for.
const SNRS_DB: [f32; 3] = [30.0, 20.0, 10.0];

#[test]
fn loudness_and_rate_lie_within_their_bounds() {
    let mut draw = Draw::new(1);
    for snr_db in SNRS_DB {
        for hz in [80.0, 120.0, 200.0, 300.0, 400.0] {
            for syllables_per_s in [2.0, 4.0, 6.0, 8.0] {
                let voice = Voice { hz, syllables_per_s, ..SPEAKS };
                let prosody = said(&[voice.sound(&mut draw)], snr_db, &mut draw).unwrap();
                let name = format!("{hz} Hz, {syllables_per_s}/s, {snr_db} dB: {prosody:?}");
                assert!((prosody.loudness_db - snr_db).abs() < 2.0, "{name}");
                assert!((prosody.rate_per_s / syllables_per_s - 1.0).abs() < 0.1, "{name}");
                assert!(prosody.pauses == 0 && prosody.held == 0, "{name}");
                let ProsodyConfidence { loudness, rate, .. } = prosody.confidence;
                let least = if snr_db > 15.0 { 0.95 } else { 0.6 };
                assert!(loudness > least && rate > least, "{name}");
            }
        }
    }
}

#[test]
fn pitch_lies_within_its_bounds() {
    let mut draw = Draw::new(2);
    for snr_db in SNRS_DB {
        for hz in [70.0, 100.0, 150.0, 220.0, 330.0, 450.0] {
            let steady = Voice { hz, ..SPEAKS };
            let prosody = said(&[steady.sound(&mut draw)], snr_db, &mut draw).unwrap();
            let name = format!("{hz} Hz, {snr_db} dB: {prosody:?}");
            let pitch = prosody.pitch.expect("a voice has one");
            assert!((pitch.median_hz / hz - 1.0).abs() < 0.01, "{name}");
            assert!(pitch.range_st < 0.5, "{name}");
            assert!(prosody.voiced > 0.85, "{name}");
        }
        for slope_st_per_s in [-8.0, -4.0, 4.0, 8.0] {
            let glides = Voice { slope_st_per_s, ..SPEAKS };
            let prosody = said(&[glides.sound(&mut draw)], snr_db, &mut draw).unwrap();
            let name = format!("{slope_st_per_s} semitones/s, {snr_db} dB: {prosody:?}");
            let pitch = prosody.pitch.expect("a voice has one");
            let slope = pitch.slope_st_per_s.expect("it sounds to the end");
            assert!((slope - slope_st_per_s).abs() < 1.0, "{name}");
            // Eight tenths of two seconds lie between the tenths.
            assert!((pitch.range_st - 1.6 * slope_st_per_s.abs()).abs() < 1.5, "{name}");
        }
    }
}

#[test]
fn pauses_and_held_sounds_lie_within_their_bounds() {
    let mut draw = Draw::new(3);
    for snr_db in SNRS_DB {
        for pause_s in [0.35, 0.5, 1.0, 2.0] {
            let mut part = || SPEAKS.sound(&mut draw);
            let parts = [part(), silence(pause_s), part()];
            let prosody = said(&parts, snr_db, &mut draw).unwrap();
            let name = format!("{pause_s} s, {snr_db} dB: {prosody:?}");
            assert_eq!(prosody.pauses, 1, "{name}");
            assert!((prosody.pauses_s - pause_s).abs() < 0.12, "{name}");
            assert!((prosody.pause_ratio - pause_s / (4.0 + pause_s)).abs() < 0.04, "{name}");
            assert!((prosody.rate_per_s / 4.0 - 1.0).abs() < 0.1, "{name}");
        }
        let short = [SPEAKS.sound(&mut draw), silence(0.12), SPEAKS.sound(&mut draw)];
        let prosody = said(&short, snr_db, &mut draw).unwrap();
        assert_eq!(prosody.pauses, 0, "a closure is no pause: {prosody:?}");
        for held_s in [0.5, 0.8, 1.5] {
            let um = Voice { seconds: held_s, syllables_per_s: 0.0, ..SPEAKS };
            let parts = [SPEAKS.sound(&mut draw), um.sound(&mut draw), SPEAKS.sound(&mut draw)];
            let prosody = said(&parts, snr_db, &mut draw).unwrap();
            let name = format!("{held_s} s held, {snr_db} dB: {prosody:?}");
            assert_eq!(prosody.held, 1, "{name}");
            assert!((prosody.held_s - held_s).abs() < 0.15, "{name}");
        }
    }
}

#[test]
fn a_whisper_has_neither_voice_nor_pitch() {
    let mut draw = Draw::new(4);
    for snr_db in SNRS_DB {
        let whisper = Voice { hz: 0.0, ..SPEAKS }.sound(&mut draw);
        let prosody = said(&[whisper], snr_db, &mut draw).unwrap();
        assert!(prosody.voiced < 0.2, "{snr_db} dB: {prosody:?}");
        assert_eq!(prosody.pitch, None);
        assert!((prosody.rate_per_s / 4.0 - 1.0).abs() < 0.25, "{snr_db} dB: {prosody:?}");
    }
}

#[test]
fn the_worse_it_is_heard_the_less_is_trusted() {
    let mut draw = Draw::new(5);
    let mut trusted = |snr_db: f32, seconds: f32| {
        let voice = Voice { seconds, ..SPEAKS }.sound(&mut draw);
        said(&[voice], snr_db, &mut draw).map_or(0.0, |prosody| prosody.confidence.rate)
    };
    let (near, far, gone) = (trusted(20.0, 2.0), trusted(7.0, 2.0), trusted(-5.0, 2.0));
    assert!(near > 0.95 && far < 0.7 && gone < 0.2, "{near}, {far}, {gone}");
    assert!(trusted(20.0, 0.3) < 0.5, "of one syllable there is no rate");
}

#[test]
fn nobody_is_nobody() {
    let mut draw = Draw::new(6);
    assert_eq!(measure(&Track::default(), Span::default()), None);
    assert_eq!(said(&[silence(1.0)], 20.0, &mut draw), None, "a room");
    let nothing = track(&silence(3.0));
    assert_eq!(measure(&nothing, Span::new(SamplePos(0), SamplePos(48_000))), None);
    let broken = track(&vec![f32::NAN; 48_000]);
    assert_eq!(measure(&broken, Span::new(SamplePos(0), SamplePos(48_000))), None);
}

#[test]
fn our_own_voice_is_counted_where_it_sounds_together_with_theirs() {
    let mut draw = Draw::new(7);
    let voice = SPEAKS.sound(&mut draw);
    let mut track = Track::default();
    let frames = voice.as_chunks::<FRAME_LEN>().0;
    for (at, frame) in (0..).step_by(FRAME_LEN).zip(frames) {
        track.push(SamplePos(at), frame, at < 8_000);
    }
    let prosody = measure(&track, Span::new(SamplePos(0), SamplePos(32_000))).unwrap();
    assert!((prosody.overlap_s - 0.5).abs() < 0.08, "{prosody:?}");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn read_speech_has_a_voice_and_a_rate() {
    let speech = ModelStore::open(None).unwrap().golden("vad/speech.audio.f32");
    let sound = [silence(1.0), speech].concat();
    let all = Span::new(SamplePos(16_000), SamplePos(sound.len() as u64));
    let prosody = measure(&track(&sound), all).unwrap();
    println!("{prosody:?}");
    assert!((2.5..6.5).contains(&prosody.rate_per_s), "{prosody:?}");
    assert!(prosody.voiced > 0.45, "{prosody:?}");
    let hz = prosody.pitch.expect("it is not whispered").median_hz;
    assert!((75.0..320.0).contains(&hz), "{prosody:?}");
}

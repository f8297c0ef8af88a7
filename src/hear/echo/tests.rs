use super::*;
use crate::audio::echo_path::{DelayJump, Echo, EchoPath};
use crate::audio::room_response::RoomResponse;
use crate::audio::track::Track;
use crate::draw::Draw;
use crate::units::SamplePos;

const TRACK_HZ: u32 = 24_000;

/// Sound like a voice: a buzz whose colour changes with every syllable, and pauses.
fn voice(seconds: f32, seed: u64) -> Vec<f32> {
    let mut draw = Draw::new(seed);
    let (mut state, mut colour) = ((0.0, 0.0), 0.0);
    (0..(seconds * TRACK_HZ as f32) as usize)
        .map(|i| {
            if i % 4_800 == 0 {
                colour = draw.between(0.1, 0.6);
            }
            let pulse = if i % 173 == 0 { 0.5 } else { draw.between(-0.02, 0.02) };
            let next = pulse + 1.9 * f32::cos(colour) * state.0 - 0.9 * state.1;
            state = (next, state.0);
            let syllable = (i % 4_800) as f32 / 4_800.0 * std::f32::consts::PI;
            0.1 * next * if i % 24_000 < 19_200 { syllable.sin() } else { 0.0 }
        })
        .collect()
}

/// A room, our voice in it and the canceller.
struct Scene {
    echo: Echo,
    track: Track,
    reference: crate::audio::reference::Reference,
    canceller: EchoCanceller,
    draw: Draw,
    at: u64,
}

impl Scene {
    fn new(path: EchoPath, said: &[f32]) -> Self {
        let mut echo = Echo::new(path, TRACK_HZ);
        let reference = echo.tap();
        let mut track = Track::new(TRACK_HZ);
        track.put(0, said);
        let canceller = EchoCanceller::new(TRACK_HZ);
        Self { echo, track, reference, canceller, draw: Draw::new(5), at: 0 }
    }

    /// What is heard, with `visitor` on top, and what is left of it for words and for the judge.
    fn run(&mut self, seconds: f32, visitor: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (mut heard, mut words, mut speech) = (Vec::new(), Vec::new(), Vec::new());
        let frames = (seconds * 50.0) as usize;
        for index in 0..frames {
            let mut frame = [0.0; FRAME_LEN];
            for (i, sample) in frame.iter_mut().enumerate() {
                let visitor = visitor.get(index * FRAME_LEN + i).copied().unwrap_or(0.0);
                *sample = visitor + self.draw.between(-2e-4, 2e-4);
            }
            self.echo.add_to(SamplePos(self.at), &mut frame, &mut self.track);
            self.at += FRAME_LEN as u64;
            heard.extend(frame);
            let canceller = &mut self.canceller;
            self.reference.read(|played| canceller.play(played));
            let cleaned = canceller.clean(&frame, 0.0);
            words.extend(cleaned.words);
            speech.extend(cleaned.speech);
        }
        (heard, words, speech)
    }
}

fn room() -> RoomResponse {
    RoomResponse::made(0.3, 6.0, 7)
}

/// By how many decibels `left` is softer.
fn reduction(heard: &[f32], left: &[f32]) -> f32 {
    rms_dbfs(heard) - rms_dbfs(left)
}

fn seconds(sound: &[f32], from: f32, to: f32) -> &[f32] {
    let at = |s: f32| (s * SAMPLE_RATE_HZ as f32) as usize;
    &sound[at(from)..at(to).min(sound.len())]
}

#[test]
fn our_voice_is_taken_out_whatever_the_clocks_do() {
    let said = voice(14.0, 1);
    for ppm in [0.0, 100.0, -100.0] {
        let path = EchoPath { drift_ppm: ppm, ..EchoPath::plain(room(), 40) };
        let mut scene = Scene::new(path, &said);
        let (heard, _, left) = scene.run(14.0, &[]);
        let taken = reduction(seconds(&heard, 6.0, 14.0), seconds(&left, 6.0, 14.0));
        assert!(taken > 20.0, "{ppm} ppm: {taken} dB");
        let state = scene.canceller.state();
        assert!((f64::from(state.drift_ppm) - ppm).abs() < 10.0, "{ppm} ppm: {state:?}");
        assert!(state.reduction_db > 15.0, "{state:?}");
        let delay = state.delay_ms.expect("an echo was heard");
        // The speaker of a replay is a frame behind.
        assert!((delay - 20.0).abs() < 2.0, "{ppm} ppm: {state:?}");
    }
}

#[test]
fn a_jump_of_the_delay_is_noticed_and_mended() {
    let said = voice(16.0, 2);
    let jump = Some(DelayJump { at: SamplePos::from_ms(8_000), delay_ms: 80 });
    let path = EchoPath { jump, ..EchoPath::plain(room(), 40) };
    let mut scene = Scene::new(path, &said);
    let (heard, _, left) = scene.run(16.0, &[]);
    let taken = reduction(seconds(&heard, 11.0, 16.0), seconds(&left, 11.0, 16.0));
    assert!(taken > 20.0, "{taken} dB");
    // What was learned is moved, not learned again, and the judge hears little meanwhile.
    let moved = reduction(seconds(&heard, 8.3, 9.0), seconds(&left, 8.3, 9.0));
    assert!(moved > 20.0, "{moved} dB");
    let loud = reduction(seconds(&heard, 8.0, 9.0), seconds(&left, 8.0, 9.0));
    assert!(loud > 10.0, "{loud} dB");
    let state = scene.canceller.state();
    assert_eq!(state.jumps, 2, "found, and found again: {state:?}");
    assert!((state.delay_ms.unwrap() - 60.0).abs() < 2.0, "{state:?}");
}

#[test]
fn a_loudspeaker_that_distorts_is_still_made_soft() {
    let said = voice(12.0, 3);
    let loudest = said.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
    let path = EchoPath { clip: 0.5 * loudest, ..EchoPath::plain(room(), 40) };
    let (heard, _, left) = Scene::new(path, &said).run(12.0, &[]);
    let taken = reduction(seconds(&heard, 6.0, 12.0), seconds(&left, 6.0, 12.0));
    assert!(taken > 15.0, "{taken} dB");
}

#[test]
fn the_visitor_stays_when_nothing_is_played() {
    let visitor = voice(3.0, 4);
    let path = EchoPath::plain(room(), 40);
    let mut scene = Scene::new(path, &voice(2.0, 5));
    // Asleep again a second after the voice and its echo.
    scene.run(4.0, &[]);
    assert!(scene.canceller.state().asleep);
    let (heard, _, left) = scene.run(2.0, &visitor);
    for (heard, left) in heard.iter().zip(&left[BLOCK..]) {
        assert!((heard - left).abs() < 1e-6, "the same, 10 ms later");
    }
}

#[test]
fn falling_asleep_and_waking_leave_no_trace() {
    // A steady tone of the visitor's; our voice is much softer.
    let tone = |i: usize| 0.2 * (i as f32 * 0.05).sin();
    let visitor: Vec<f32> = (0..16_000 * 6).map(tone).collect();
    let mut said = vec![0.0; 24_000 * 3];
    said.extend(voice(0.3, 6).iter().map(|s| 0.02 * s));
    let mut scene = Scene::new(EchoPath::plain(room(), 40), &said);
    let (_, left, _) = scene.run(6.0, &visitor);
    let steepest = left.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.03, "no click: {steepest}");
}

#[test]
fn what_the_filter_learned_outlives_its_sleep() {
    let said = [voice(8.0, 8), vec![0.0; 24_000 * 4], voice(3.0, 9)].concat();
    let mut scene = Scene::new(EchoPath::plain(room(), 40), &said);
    let (heard, _, left) = scene.run(15.0, &[]);
    let taken = reduction(seconds(&heard, 12.04, 13.0), seconds(&left, 12.04, 13.0));
    assert!(taken > 15.0, "from the first second on: {taken} dB");
}

#[test]
fn a_visitor_stays_whole_over_our_voice() {
    let said = voice(12.0, 10);
    let mut scene = Scene::new(EchoPath::plain(room(), 40), &said);
    let (heard, _, alone) = scene.run(8.0, &[]);
    let ours = scene.canceller.ours_dbfs().expect("our voice was heard");
    // 10 dB below us.
    let visitor = voice(2.0, 11);
    let softer = 10f32.powf((ours - 10.0 - rms_dbfs(&visitor)) / 20.0);
    let visitor: Vec<f32> = visitor.iter().map(|s| s * softer).collect();
    let (_, words, speech) = scene.run(2.0, &visitor);
    let late = &visitor[..words.len() - BLOCK];
    let wrong: Vec<f32> = words[BLOCK..].iter().zip(late).map(|(a, b)| a - b).collect();
    let (visitor, wrong) = (rms_dbfs(late), rms_dbfs(&wrong));
    assert!(wrong < visitor - 8.0, "{wrong} dB beside {visitor} dB");
    // The judge hears the visitor, and nobody before.
    let (before, beside) = (rms_dbfs(seconds(&alone, 6.0, 8.0)), rms_dbfs(&speech));
    assert!(beside > visitor - 4.0 && before < beside - 20.0, "{before} dB, {beside} dB");
    assert!(rms_dbfs(&heard) > visitor, "which is softer than us");
}

#[test]
fn who_whispers_far_below_us_is_nobody() {
    for (softer_db, heard) in [(20.0, true), (45.0, false)] {
        let mut scene = Scene::new(EchoPath::plain(room(), 40), &voice(12.0, 15));
        scene.run(8.0, &[]);
        let ours = scene.canceller.ours_dbfs().expect("our voice was heard");
        let visitor = voice(2.0, 16);
        let gain = 10f32.powf((ours - softer_db - rms_dbfs(&visitor)) / 20.0);
        let visitor: Vec<f32> = visitor.iter().map(|s| s * gain).collect();
        let (_, words, speech) = scene.run(2.0, &visitor);
        let judged = speech.iter().filter(|sample| **sample != 0.0).count();
        assert_eq!(judged > speech.len() / 10, heard, "{softer_db} dB: {judged} samples");
        assert!(words.iter().all(|sample| *sample != 0.0), "words are heard all the same");
    }
}

#[test]
fn nobody_is_judged_before_the_way_to_the_microphone_is_known() {
    let said = voice(3.0, 12);
    let mut scene = Scene::new(EchoPath::plain(room(), 40), &said);
    let (_, words, speech) = scene.run(1.0, &[]);
    assert!(rms_dbfs(&words) > rms_dbfs(&speech) + 10.0, "words are heard all the same");
    assert!(speech[16 * 100..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn what_is_asleep_costs_nothing() {
    let mut scene = Scene::new(EchoPath::plain(room(), 40), &voice(1.0, 13));
    scene.run(3.0, &[]);
    let learned = scene.canceller.filter.blocks();
    scene.run(5.0, &[]);
    assert!(scene.canceller.state().asleep);
    assert_eq!(scene.canceller.filter.blocks(), learned, "no block is worked on");
}

#[test]
fn a_delay_beyond_the_filter_is_followed() {
    let said = voice(16.0, 14);
    let mut scene = Scene::new(EchoPath::plain(room(), 420), &said);
    let (heard, _, left) = scene.run(16.0, &[]);
    let taken = reduction(seconds(&heard, 10.0, 16.0), seconds(&left, 10.0, 16.0));
    assert!(taken > 20.0, "{taken} dB");
    assert_eq!(scene.canceller.state().jumps, 1);
}

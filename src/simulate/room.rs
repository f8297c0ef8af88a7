//! A room that was never built: a direct sound and an echo that dies away.

use crate::audio::convolve::Convolver;
use crate::draw::Draw;
use crate::units::{FRAME_LEN, Frame, SAMPLE_RATE_HZ};

/// Seconds in which the echo falls by 60 dB: a furnished room to a bare hall.
const DECAY_S: (f32, f32) = (0.15, 0.7);
/// Power of the direct sound over that of the echo, in decibels: from across the room to near.
const DIRECT_DB: (f32, f32) = (-2.0, 12.0);
/// The echo begins so long after the direct sound, in seconds.
const GAP_S: f32 = 0.004;

/// An impulse response at 16 kHz: white noise under a falling exponential (Polack 1988) behind the
/// direct sound, of power 1 in all.
pub fn response(draw: &mut Draw) -> Vec<f32> {
    let rate = SAMPLE_RATE_HZ as f32;
    let decay_s = draw.between(DECAY_S.0, DECAY_S.1);
    let direct_db = draw.between(DIRECT_DB.0, DIRECT_DB.1);
    let gap = (GAP_S * rate) as usize;
    // ln(1000): 60 dB in amplitude.
    let fall = 1000f32.ln() / (decay_s * rate);
    let echo =
        (0..(decay_s * rate) as usize).map(|i| (-fall * i as f32).exp() * draw.between(-1.0, 1.0));
    let mut response = vec![0.0; gap + 1];
    response.extend(echo);
    let power: f32 = response.iter().map(|s| s * s).sum();
    let gain = (10f32.powf(-direct_db / 10.0) / power).sqrt();
    response.iter_mut().for_each(|s| *s *= gain);
    response[0] = 1.0;
    let norm = (1.0 + 10f32.powf(-direct_db / 10.0)).sqrt();
    response.iter_mut().for_each(|s| *s /= norm);
    response
}

/// `sound` in the room, as long as it was.
pub fn heard(sound: &[f32], response: &[f32]) -> Vec<f32> {
    let mut room = Convolver::new(response);
    let mut out = Vec::with_capacity(sound.len() + FRAME_LEN);
    for part in sound.chunks(FRAME_LEN) {
        let mut frame: Frame = [0.0; FRAME_LEN];
        frame[..part.len()].copy_from_slice(part);
        out.extend_from_slice(&room.push(&frame));
    }
    out.truncate(sound.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_differ_die_away_and_keep_the_power() {
        let mut draw = Draw::new(1);
        let mut lengths = Vec::new();
        for _ in 0..20 {
            let response = response(&mut draw);
            let power = |part: &[f32]| part.iter().map(|s| s * s).sum::<f32>();
            assert!((power(&response) - 1.0).abs() < 1e-3, "{}", power(&response));
            let (early, late) = response[1..].split_at(response.len() / 2);
            assert!(power(early) > 100.0 * power(late));
            lengths.push(response.len());
        }
        lengths.dedup();
        assert!(lengths.len() > 10, "{lengths:?}");
    }

    #[test]
    fn a_click_in_a_room_is_its_response() {
        let response = response(&mut Draw::new(2));
        let mut click = vec![0.0; response.len() + 100];
        click[50] = 1.0;
        let heard = heard(&click, &response);
        assert_eq!(heard.len(), click.len());
        assert!(heard[50..].iter().zip(&response).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}

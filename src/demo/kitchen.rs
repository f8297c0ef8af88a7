//! Kitchen-like noise made from nothing: a fan, mains hum, and dishes that touch.

use std::f32::consts::TAU;

use crate::draw::Draw;
use crate::units::SAMPLE_RATE_HZ;

/// Level of the fan, linear: about -45 dBFS after its low-pass.
const FAN_GAIN: f32 = 0.02;
/// Mains hum and its first harmonics, linear.
const HUM_GAINS: [f32; 3] = [0.002, 0.0012, 0.0006];
const MAINS_HZ: f32 = 50.0;
/// A clink every so many seconds on average.
const CLINK_EVERY_S: f32 = 0.9;
const CLINK_GAIN: f32 = 0.03;
/// A dish rings for about this long.
const CLINK_DECAY_S: f32 = 0.06;

/// One struck dish: two partials that are not in tune, dying away.
#[derive(Clone, Copy)]
struct Clink {
    age: u32,
    gain: f32,
    hz: f32,
}

/// An endless, reproducible kitchen.
pub struct Kitchen {
    random: Draw,
    at: u64,
    fan: [f32; 2],
    clinks: heapless::Vec<Clink, 4>,
}

impl Kitchen {
    pub fn new(seed: u64) -> Self {
        Self { random: Draw::new(seed), at: 0, fan: [0.0; 2], clinks: heapless::Vec::new() }
    }

    /// Adds the noise of the next `samples.len()` samples at 16 kHz.
    pub fn add_to(&mut self, samples: &mut [f32]) {
        for sample in samples {
            *sample += self.next();
        }
    }

    fn next(&mut self) -> f32 {
        let rate = SAMPLE_RATE_HZ as f32;
        let seconds = self.at as f32 / rate;
        self.at += 1;
        let hum: f32 = (1u8..)
            .zip(HUM_GAINS)
            .map(|(n, gain)| gain * (TAU * MAINS_HZ * f32::from(n) * seconds).sin())
            .sum();
        // Two one-pole low-passes in a row make white noise fall like moving air.
        self.fan[0] += 0.15 * (self.random.between(-1.0, 1.0) - self.fan[0]);
        self.fan[1] += 0.15 * (self.fan[0] - self.fan[1]);
        if self.random.unit() < 1.0 / (CLINK_EVERY_S * rate) {
            let clink = Clink {
                age: 0,
                gain: CLINK_GAIN * (0.3 + 0.7 * self.random.unit()),
                hz: 2_000.0 + 3_000.0 * self.random.unit(),
            };
            // Four dishes at once are a crash already; a fifth is not heard.
            let _ = self.clinks.push(clink);
        }
        let mut dishes = 0.0;
        for clink in &mut self.clinks {
            let t = clink.age as f32 / rate;
            let partials = (TAU * clink.hz * t).sin() + 0.6 * (TAU * clink.hz * 1.51 * t).sin();
            dishes += clink.gain * (-t / CLINK_DECAY_S).exp() * partials;
            clink.age += 1;
        }
        self.clinks.retain(|clink| (clink.age as f32) < 8.0 * CLINK_DECAY_S * rate);
        hum + FAN_GAIN * 4.0 * self.fan[1] + dishes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::rms_dbfs;

    #[test]
    fn the_same_kitchen_on_every_run_in_any_pieces() {
        let mut whole = vec![0.0; 16_000];
        Kitchen::new(7).add_to(&mut whole);
        let mut pieces = vec![0.0; 16_000];
        let mut kitchen = Kitchen::new(7);
        pieces.chunks_mut(333).for_each(|piece| kitchen.add_to(piece));
        assert_eq!(whole, pieces);
    }

    #[test]
    fn it_is_noisy_but_one_can_talk_in_it() {
        let mut noise = vec![0.0; 10 * 16_000];
        Kitchen::new(1).add_to(&mut noise);
        let level = rms_dbfs(&noise);
        assert!((-50.0..-30.0).contains(&level), "{level} dBFS");
        assert!(noise.iter().all(|s| s.abs() < 0.3));
    }
}

//! Numbers that are as good as random, and the same on every run.

/// SplitMix64 (Steele, Lea & Flood 2014): tiny, reproducible everywhere.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform between the two.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Below `count`, which is not 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.bits()) * count as u128) >> 64) as usize
    }

    /// True in so many of all cases.
    pub fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        let mut draw = Draw::new(1_234_567);
        let bits = [draw.bits(), draw.bits(), draw.bits()];
        assert_eq!(bits, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
        let units: Vec<f32> = (0..1000).map(|_| draw.unit()).collect();
        assert!(units.iter().all(|x| (0.0..1.0).contains(x)));
        assert!((units.iter().sum::<f32>() / 1000.0 - 0.5).abs() < 0.05);
        assert!((0..1000).all(|_| draw.below(3) < 3));
    }
}

//! Chance that is the same on every run.

/// SplitMix64 (Steele, Lea & Flood 2014), reduced by remainder.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64, round: u64) -> Self {
        let mut draw = Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ round);
        // Neighbouring rounds must not begin alike.
        draw.number();
        draw
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `n` − 1; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.number() % n.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn from<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A byte of `text` where a character begins, or its end.
    pub fn place(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.below(text.len() + 1))
    }

    /// A piece of `text`, mostly a short one.
    pub fn span(&mut self, text: &str) -> std::ops::Range<usize> {
        let from = self.place(text);
        let most = if self.once_in(8) { text.len() } else { 24 };
        let to = from + self.below(most.min(text.len() - from) + 1);
        from..text.floor_char_boundary(to)
    }
}

//! Chance that is the same on every run.

/// As [`mynah::draw::Draw`], reduced by remainder.
pub struct Draw(mynah::draw::Draw);

impl Draw {
    pub fn new(seed: u64, round: u64) -> Self {
        let mut bits = mynah::draw::Draw::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ round);
        // Neighbouring rounds must not begin alike.
        bits.bits();
        Self(bits)
    }

    pub fn number(&mut self) -> u64 {
        self.0.bits()
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

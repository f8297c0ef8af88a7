/// Cosines and sines of the rotary position embedding, per position and pair.
#[derive(Debug, Clone)]
pub struct Angles {
    inv_freq: Vec<f32>,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Angles {
    pub fn new(inv_freq: Vec<f32>) -> Self {
        Self { inv_freq, cos: Vec::new(), sin: Vec::new() }
    }

    /// Numbers per position.
    pub fn pairs(&self) -> usize {
        self.inv_freq.len()
    }

    /// Computes what is still missing for positions up to `end`; no lookup below it allocates.
    pub fn reach(&mut self, end: usize) {
        for position in self.cos.len() / self.pairs()..end {
            for frequency in &self.inv_freq {
                let (sin, cos) = (position as f32 * frequency).sin_cos();
                self.cos.push(cos);
                self.sin.push(sin);
            }
        }
    }

    /// Cosines at one position after the other, which [`Angles::reach`] has computed.
    pub fn cos(&self, positions: impl Iterator<Item = usize>, to: &mut [f32]) {
        self.copy(&self.cos, positions, to);
    }

    /// As [`Angles::cos`], sines.
    pub fn sin(&self, positions: impl Iterator<Item = usize>, to: &mut [f32]) {
        self.copy(&self.sin, positions, to);
    }

    fn copy(&self, table: &[f32], positions: impl Iterator<Item = usize>, to: &mut [f32]) {
        let pairs = self.pairs();
        for (to, position) in to.chunks_exact_mut(pairs).zip(positions) {
            to.copy_from_slice(&table[position * pairs..][..pairs]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_positions_come_from_one_table() {
        let mut angles = Angles::new(vec![1.0, 0.25]);
        angles.reach(2);
        angles.reach(5);
        let (mut cos, mut sin) = ([0.0; 4], [0.0; 4]);
        angles.cos([3, 4].into_iter(), &mut cos);
        angles.sin([4, 3].into_iter(), &mut sin);
        assert_eq!(cos, [3f32.cos(), 0.75f32.cos(), 4f32.cos(), 1f32.cos()]);
        assert_eq!(sin, [4f32.sin(), 1f32.sin(), 3f32.sin(), 0.75f32.sin()]);
    }
}

use tract_onnx::prelude::*;

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

    /// Cos and sin for positions `from..to`, each `[to - from, pairs]`. Computed once per position.
    pub fn slice(&mut self, from: usize, to: usize) -> TractResult<(Tensor, Tensor)> {
        let pairs = self.inv_freq.len();
        for position in self.cos.len() / pairs.max(1)..to {
            for frequency in &self.inv_freq {
                let (sin, cos) = (position as f32 * frequency).sin_cos();
                self.cos.push(cos);
                self.sin.push(sin);
            }
        }
        let cut = |table: &[f32]| {
            Tensor::from_shape(&[to - from, pairs], &table[from * pairs..to * pairs])
        };
        Ok((cut(&self.cos)?, cut(&self.sin)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_slice_is_part_of_one_table() {
        let mut angles = Angles::new(vec![1.0, 0.25]);
        let (cos, sin) = angles.slice(3, 5).unwrap();
        let values = |tensor: &Tensor| {
            assert_eq!(tensor.shape(), [2, 2]);
            tensor.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec()
        };
        assert_eq!(values(&cos), [3f32.cos(), 0.75f32.cos(), 4f32.cos(), 1f32.cos()]);
        assert_eq!(values(&sin), [3f32.sin(), 0.75f32.sin(), 4f32.sin(), 1f32.sin()]);
        let (first, _) = angles.slice(0, 1).unwrap();
        assert_eq!(first.shape(), [1, 2]);
    }
}

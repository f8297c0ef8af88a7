//! Convolutions that keep their channels apart, once for all instruction sets like
//! [`super::elementwise`]: they read as much as they compute, so registers decide nothing.

#[inline(always)]
pub fn depthwise(x: &[f32], weight: &[f32], bias: &[f32], dilation: usize, y: &mut [f32]) {
    let width = bias.len();
    for (row, y) in y.chunks_exact_mut(width).enumerate() {
        y.copy_from_slice(bias);
        for (tap, weight) in weight.chunks_exact(width).enumerate() {
            let x = &x[(row + tap * dilation) * width..][..width];
            for ((y, x), weight) in y.iter_mut().zip(x).zip(weight) {
                *y += x * weight;
            }
        }
    }
}

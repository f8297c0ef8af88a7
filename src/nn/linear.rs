//! Linear layers over packed weights: bytes with quantised inputs, floats over sliding windows.
//!
//! Weights are packed once, into panels of [`Kernel::columns`] outputs, and never change; plans and
//! streams share them behind an `Arc`.

use super::kernels::{Activation, Aligned, Finish, Kernel, MAX_COLUMNS, RowScale, TILE_ROWS};

/// Most inputs of a [`ByteLinear`]: keeps every 32-bit sum far from its limit
/// (4 terms of at most 255 * 128 per input).
pub const MAX_BYTE_INPUTS: usize = 16_384;
const _: () = assert!(MAX_BYTE_INPUTS * 4 * 255 * 128 <= i32::MAX as usize);

/// A linear layer as it was trained: one scale and zero point for all weights.
pub struct Quantised<'a> {
    /// Row per input, column per output: `weight = (byte - zero) * scale`.
    pub bytes: &'a [u8],
    pub scale: f32,
    pub zero: u8,
    /// One per output.
    pub bias: &'a [f32],
}

/// `y = activation(x W + b) + residual`, weights in 8 bits, each row of `x` quantised to 8 bits over
/// its own range. The products are summed exactly, so every kernel gives the same bits.
#[derive(Debug)]
pub struct ByteLinear {
    kernel: Kernel,
    inputs: usize,
    outputs: usize,
    /// Words of one row of quantised inputs.
    words: usize,
    panels: Aligned<u8>,
    /// Of the weights as they stand in the panels.
    column_sums: Vec<i32>,
    scale: f32,
    /// The zero point of the weights as they stand in the panels.
    zero: i32,
    bias: Vec<f32>,
}

impl ByteLinear {
    /// Packs `weight` for `kernel`.
    ///
    /// Panics unless there are 1 to [`MAX_BYTE_INPUTS`] inputs for each of the outputs that `bias`
    /// counts.
    pub fn pack(kernel: Kernel, weight: &Quantised) -> Self {
        let outputs = weight.bias.len();
        let inputs = weight.bytes.len() / outputs;
        assert_eq!(inputs * outputs, weight.bytes.len(), "weights of {outputs} outputs");
        assert!((1..=MAX_BYTE_INPUTS).contains(&inputs), "{inputs} inputs");
        let (columns, group) = (kernel.columns(), kernel.group());
        let offset = kernel.weight_offset();
        let words = inputs.div_ceil(group);
        let panel_len = words * columns * group;
        let mut panels = Aligned::new(outputs.div_ceil(columns) * panel_len);
        let mut column_sums = vec![0; outputs];
        for (input, row) in weight.bytes.chunks_exact(outputs).enumerate() {
            for (sum, byte) in column_sums.iter_mut().zip(row) {
                *sum += i32::from(*byte) - i32::from(offset);
            }
            let places: Vec<_> = (0..columns).map(|column| kernel.place(input, column)).collect();
            for (panel, row) in panels.chunks_exact_mut(panel_len).zip(row.chunks(columns)) {
                for (place, byte) in places.iter().zip(row) {
                    panel[*place] = byte.wrapping_sub(offset);
                }
            }
        }
        Self {
            kernel,
            inputs,
            outputs,
            words,
            panels,
            column_sums,
            scale: weight.scale,
            zero: i32::from(weight.zero) - i32::from(offset),
            bias: weight.bias.to_vec(),
        }
    }

    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Runs every row of `x` ([`ByteLinear::inputs`] wide) into a row of `y`
    /// ([`ByteLinear::outputs`] wide). `residual` is as long as `y`, or empty.
    pub fn run(&self, x: &[f32], activation: Activation, residual: &[f32], y: &mut [f32]) {
        let rows = x.len() / self.inputs;
        assert_eq!(x.len(), rows * self.inputs, "whole rows of {}", self.inputs);
        assert_eq!(y.len(), rows * self.outputs, "{rows} rows of {}", self.outputs);
        assert!(residual.is_empty() || residual.len() == y.len(), "residual as long as y");
        let (words, scales) = self.quantise(x);
        let columns = self.kernel.columns();
        let panel_len = self.words * columns * self.kernel.group();
        let mut sums = [0; TILE_ROWS * MAX_COLUMNS];
        for (panel, first) in self.panels.chunks_exact(panel_len).zip((0..).step_by(columns)) {
            let kept = first..self.outputs.min(first + columns);
            for top in (0..rows).step_by(TILE_ROWS) {
                let tile = top..rows.min(top + TILE_ROWS);
                let x = &words[tile.start * self.words..tile.end * self.words];
                let sums = &mut sums[..tile.len() * columns];
                self.kernel.byte_tile(panel, x, self.words, tile.len(), sums);
                for (row, sums) in tile.zip(sums.chunks_exact(columns)) {
                    let at = row * self.outputs + kept.start..row * self.outputs + kept.end;
                    let finish = Finish {
                        weight_scale: self.scale,
                        weight_zero: self.zero,
                        column_sums: &self.column_sums[kept.clone()],
                        inputs: self.inputs,
                        bias: &self.bias[kept.clone()],
                        activation,
                        residual: residual.get(at.clone()).unwrap_or_default(),
                    };
                    self.kernel.finish_bytes(sums, scales[row], &finish, &mut y[at]);
                }
            }
        }
    }

    fn quantise(&self, x: &[f32]) -> (Vec<u32>, Vec<RowScale>) {
        let rows = x.len() / self.inputs;
        let mut codes = vec![0; self.inputs];
        let mut words = Vec::with_capacity(rows * self.words);
        let scales = x
            .chunks_exact(self.inputs)
            .map(|row| {
                let scale = self.kernel.quantise_row(row, &mut codes);
                self.kernel.pack_codes(&codes, &mut words);
                scale
            })
            .collect();
        (words, scales)
    }

    /// The weights of one output, as floats: the embedding of a token when this is a vocabulary
    /// head tied to it. `None` when there is no such output.
    pub fn column(&self, output: usize) -> Option<Vec<f32>> {
        if output >= self.outputs {
            return None;
        }
        let (columns, group) = (self.kernel.columns(), self.kernel.group());
        let offset = self.kernel.weight_offset();
        let zero = self.zero + i32::from(offset);
        let panel = output / columns * self.words * columns * group;
        let weights = (0..self.inputs).map(|input| {
            let at = panel + self.kernel.place(input, output % columns);
            let byte = self.panels[at].wrapping_add(offset);
            (i32::from(byte) - zero) as f32 * self.scale
        });
        Some(weights.collect())
    }
}

/// A linear layer over overlapping windows of time-major sound: a convolution along time.
///
/// Row `t` of the output sees `window` numbers from `t * stride` on, so with `c` channels a kernel
/// of `k` steps has `window = k * c`, and a step of `s` has `stride = s * c`.
#[derive(Debug)]
pub struct WindowLinear {
    kernel: Kernel,
    window: usize,
    stride: usize,
    outputs: usize,
    panels: Aligned<f32>,
    bias: Vec<f32>,
}

impl WindowLinear {
    /// Packs `weight`, whose inputs are the window, as floats for `kernel`.
    ///
    /// Panics unless every output has the same, non-zero number of weights and `stride` is not 0.
    pub fn pack(kernel: Kernel, weight: &Quantised, stride: usize) -> Self {
        let outputs = weight.bias.len();
        let window = weight.bytes.len() / outputs;
        assert!(window > 0 && stride > 0, "window {window}, stride {stride}");
        assert_eq!(window * outputs, weight.bytes.len(), "weights of {outputs} outputs");
        let float = |byte: &u8| f32::from(i16::from(*byte) - i16::from(weight.zero)) * weight.scale;
        let columns = kernel.columns();
        let mut panels = Aligned::new(outputs.div_ceil(columns) * window * columns);
        for (input, row) in weight.bytes.chunks_exact(outputs).enumerate() {
            let panels = panels.chunks_exact_mut(window * columns);
            for (panel, row) in panels.zip(row.chunks(columns)) {
                for (slot, byte) in panel[input * columns..].iter_mut().zip(row) {
                    *slot = float(byte);
                }
            }
        }
        Self { kernel, window, stride, outputs, panels, bias: weight.bias.to_vec() }
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Numbers that one output row sees.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Numbers between the windows of neighbouring rows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Whole windows in `len` numbers.
    pub fn rows(&self, len: usize) -> usize {
        if len < self.window { 0 } else { (len - self.window) / self.stride + 1 }
    }

    /// Runs every whole window of `x` into a row of `y`.
    pub fn run(&self, x: &[f32], activation: Activation, y: &mut [f32]) {
        let rows = self.rows(x.len());
        assert_eq!(y.len(), rows * self.outputs, "{rows} rows of {}", self.outputs);
        let columns = self.kernel.columns();
        let mut sums = [0.0; TILE_ROWS * MAX_COLUMNS];
        let panels = self.panels.chunks_exact(self.window * columns);
        for (panel, first) in panels.zip((0..).step_by(columns)) {
            let kept = first..self.outputs.min(first + columns);
            for top in (0..rows).step_by(TILE_ROWS) {
                let tile = top..rows.min(top + TILE_ROWS);
                let x = &x[top * self.stride..];
                self.kernel.float_tile(panel, x, self.stride, tile.len(), &mut sums, columns);
                for (row, sums) in tile.zip(sums.chunks_exact(columns)) {
                    let y = &mut y[row * self.outputs..][kept.clone()];
                    self.kernel.finish_floats(sums, &self.bias[kept.clone()], activation, y);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Deterministic numbers in -1..1 (multiplicative hash of the index).
    fn floats(len: usize, salt: u32) -> Vec<f32> {
        (0..len as u32)
            .map(|i| ((i ^ salt).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0)
            .collect()
    }

    fn bytes(len: usize, salt: u32) -> Vec<u8> {
        floats(len, salt).into_iter().map(|x| (x * 127.0 + 128.0) as u8).collect()
    }

    proptest! {
        #[test]
        fn every_kernel_gives_the_bits_of_the_scalar_one(
            inputs in 1usize..40, outputs in 1usize..120, rows in 0usize..20, salt in any::<u32>(),
        ) {
            let (weight, bias) = (bytes(inputs * outputs, salt), floats(outputs, 1));
            let weight = Quantised { bytes: &weight, scale: 0.01, zero: 131, bias: &bias };
            let (x, residual) = (floats(rows * inputs, 2), floats(rows * outputs, 3));
            let run = |kernel| {
                let mut y = vec![0.0; rows * outputs];
                ByteLinear::pack(kernel, &weight).run(&x, Activation::Gelu, &residual, &mut y);
                y.iter().map(|y| y.to_bits()).collect::<Vec<_>>()
            };
            let reference = run(Kernel::SCALAR);
            for kernel in Kernel::available() {
                prop_assert_eq!(&run(kernel), &reference, "{}", kernel.name());
            }
        }

        #[test]
        fn the_quantised_product_is_close_to_the_float_one(
            inputs in 1usize..40, outputs in 1usize..60, salt in any::<u32>(),
        ) {
            let (bytes, bias) = (bytes(inputs * outputs, salt), floats(outputs, 1));
            let weight = Quantised { bytes: &bytes, scale: 0.01, zero: 120, bias: &bias };
            let x = floats(inputs, 2);
            let mut y = vec![0.0; outputs];
            let layer = ByteLinear::pack(Kernel::SCALAR, &weight);
            layer.run(&x, Activation::None, &[], &mut y);
            for (output, y) in y.iter().enumerate() {
                let column = layer.column(output).unwrap();
                let want = bias[output] + x.iter().zip(&column).map(|(x, w)| x * w).sum::<f32>();
                // Half a step of at most 2/255 per input, times a weight of at most 1.36.
                prop_assert!((y - want).abs() < inputs as f32 * 0.0055 + 1e-4, "{y} {want}");
            }
        }

        #[test]
        fn windows_are_a_convolution_on_every_kernel(
            window in 1usize..30, stride in 1usize..40, outputs in 1usize..60, len in 0usize..300,
        ) {
            let (bytes, bias) = (bytes(window * outputs, 7), floats(outputs, 1));
            let weight = Quantised { bytes: &bytes, scale: 0.01, zero: 120, bias: &bias };
            let x = floats(len, 2);
            for kernel in Kernel::available() {
                let layer = WindowLinear::pack(kernel, &weight, stride);
                let rows = layer.rows(len);
                let mut y = vec![0.0; rows * outputs];
                layer.run(&x, Activation::None, &mut y);
                for (at, y) in y.iter().enumerate() {
                    let (row, output) = (at / outputs, at % outputs);
                    let products = (0..window).map(|i| {
                        let weight = f32::from(bytes[i * outputs + output]) - 120.0;
                        f64::from(x[row * stride + i]) * f64::from(weight) * 0.01
                    });
                    let want = f64::from(bias[output]) + products.sum::<f64>();
                    prop_assert!((f64::from(*y) - want).abs() < 1e-4, "{}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn a_column_is_what_was_packed() {
        let (inputs, outputs) = (13, 101);
        let (bytes, bias) = (bytes(inputs * outputs, 5), vec![0.0; outputs]);
        let weight = Quantised { bytes: &bytes, scale: 0.5, zero: 7, bias: &bias };
        for kernel in Kernel::available() {
            let layer = ByteLinear::pack(kernel, &weight);
            for output in 0..outputs {
                let want: Vec<f32> = (0..inputs)
                    .map(|input| (f32::from(bytes[input * outputs + output]) - 7.0) * 0.5)
                    .collect();
                assert_eq!(layer.column(output), Some(want), "{}", kernel.name());
            }
            assert_eq!(layer.column(outputs), None);
        }
    }
}

//! Linear layers over packed weights, in bytes with quantised inputs and in floats.
//!
//! Weights are packed once, into panels of [`Kernel::columns`] outputs, and never change; plans and
//! streams share them behind an `Arc`.

use super::kernels::{Activation, Aligned, Finish, Kernel, MAX_COLUMNS, RowScale, TILE_ROWS};

/// Most inputs of a [`ByteLinear`]: keeps every 32-bit sum far from its limit
/// (4 terms of at most 255 * 128 per input).
pub const MAX_BYTE_INPUTS: usize = 16_384;
const _: () = assert!(MAX_BYTE_INPUTS * 4 * 255 * 128 <= i32::MAX as usize);

/// Words of quantised inputs that wait for all panels: 128 KiB, so that they stay in a second-level
/// cache while the panels pass.
const BLOCK_WORDS: usize = 32 * 1024;

/// A linear layer in 8 bits: a scale for every output, one zero point for all.
pub struct Quantised<'a> {
    /// Row per input, column per output: `weight = (byte - zero) * scale of the output`.
    pub bytes: &'a [u8],
    pub scales: &'a [f32],
    pub zero: u8,
    /// One per output.
    pub bias: &'a [f32],
}

/// In how many bits a [`ByteLinear`] takes its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputBits {
    /// Fast: one byte product per weight.
    Eight,
    /// Close to float: each input is two bytes, so two products per weight.
    Sixteen,
}

impl InputBits {
    /// Byte digits of one input.
    fn digits(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::Sixteen => 2,
        }
    }
}

/// Room for quantised inputs.
#[derive(Debug)]
pub struct LinearScratch {
    /// How many rows, from the first on, a layer of [`InputBits::Sixteen`] takes in 16 bits; the
    /// others it takes in 8. All, unless told otherwise.
    pub fine_rows: usize,
    codes: Vec<i8>,
    low_codes: Vec<i8>,
    words: Vec<u32>,
    /// By row, then by digit.
    scales: Vec<RowScale>,
}

impl Default for LinearScratch {
    fn default() -> Self {
        Self {
            fine_rows: usize::MAX,
            codes: Vec::new(),
            low_codes: Vec::new(),
            words: Vec::new(),
            scales: Vec::new(),
        }
    }
}

/// `y = activation(x W + b) + residual`, weights in 8 bits, each row of `x` quantised to
/// [`InputBits`] over its own range. The products are summed exactly, so every kernel gives the
/// same bits.
///
/// Rows of `x` begin every [`ByteLinear::stride`] numbers: one behind the other in a plain layer,
/// overlapping in a convolution along time.
#[derive(Debug)]
pub struct ByteLinear {
    kernel: Kernel,
    bits: InputBits,
    inputs: usize,
    stride: usize,
    outputs: usize,
    /// Words of one row of quantised inputs.
    words: usize,
    panels: Aligned<u8>,
    /// Of the weights as they stand in the panels.
    column_sums: Vec<i32>,
    scales: Vec<f32>,
    /// The zero point of the weights as they stand in the panels.
    zero: i32,
    bias: Vec<f32>,
}

impl ByteLinear {
    /// Packs `weight` for `kernel`, for rows that lie one behind the other.
    ///
    /// Panics unless there are 1 to [`MAX_BYTE_INPUTS`] inputs for each of the outputs that `bias`
    /// counts.
    pub fn pack(kernel: Kernel, weight: &Quantised) -> Self {
        let inputs = weight.bytes.len() / weight.bias.len();
        Self::pack_windows(kernel, weight, inputs, InputBits::Eight)
    }

    /// As [`ByteLinear::pack`], for rows that begin every `stride` numbers, which must not be 0.
    pub fn pack_windows(
        kernel: Kernel,
        weight: &Quantised,
        stride: usize,
        bits: InputBits,
    ) -> Self {
        assert!(stride > 0, "rows that begin apart");
        let outputs = weight.bias.len();
        let inputs = weight.bytes.len() / outputs;
        assert_eq!(inputs * outputs, weight.bytes.len(), "weights of {outputs} outputs");
        assert_eq!(weight.scales.len(), outputs, "a scale for every output");
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
            bits,
            inputs,
            stride,
            outputs,
            words,
            panels,
            column_sums,
            scales: weight.scales.to_vec(),
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

    /// Numbers between the beginnings of neighbouring rows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Whole rows in `len` numbers.
    pub fn rows(&self, len: usize) -> usize {
        whole_rows(len, self.inputs, self.stride)
    }

    /// The inputs of the first `rows` rows of `x`, and those of the others.
    pub fn split<'a>(&self, x: &'a [f32], rows: usize) -> (&'a [f32], &'a [f32]) {
        let first = if rows == 0 { 0 } else { (rows - 1) * self.stride + self.inputs };
        (&x[..first], x.get(rows * self.stride..).unwrap_or_default())
    }

    /// Runs every whole row of `x` ([`ByteLinear::inputs`] wide) into a row of `y`
    /// ([`ByteLinear::outputs`] wide). `residual` is as long as `y`, or empty.
    pub fn run(
        &self,
        x: &[f32],
        activation: Activation,
        residual: &[f32],
        y: &mut [f32],
        scratch: &mut LinearScratch,
    ) {
        let rows = self.rows(x.len());
        assert_eq!(y.len(), rows * self.outputs, "{rows} rows of {}", self.outputs);
        assert!(residual.is_empty() || residual.len() == y.len(), "residual as long as y");
        let fine = match self.bits {
            InputBits::Eight => 0,
            InputBits::Sixteen => rows.min(scratch.fine_rows),
        };
        for (bits, part) in [(InputBits::Sixteen, 0..fine), (InputBits::Eight, fine..rows)] {
            let block = (BLOCK_WORDS / (self.words * bits.digits())).next_multiple_of(TILE_ROWS);
            for top in part.clone().step_by(block) {
                let at = top * self.outputs..part.end.min(top + block) * self.outputs;
                let residual = residual.get(at.clone()).unwrap_or_default();
                let x = &x[top * self.stride..];
                self.run_block(bits, x, activation, residual, &mut y[at], scratch);
            }
        }
    }

    /// As [`ByteLinear::run`], for as many rows as `y` has.
    fn run_block(
        &self,
        bits: InputBits,
        x: &[f32],
        activation: Activation,
        residual: &[f32],
        y: &mut [f32],
        scratch: &mut LinearScratch,
    ) {
        let rows = y.len() / self.outputs;
        self.quantise(bits, x, rows, scratch);
        let LinearScratch { words, scales, .. } = scratch;
        let (columns, digits) = (self.kernel.columns(), bits.digits());
        let panel_len = self.words * columns * self.kernel.group();
        let mut sums = [0; TILE_ROWS * MAX_COLUMNS];
        for (panel, first) in self.panels.chunks_exact(panel_len).zip((0..).step_by(columns)) {
            let kept = first..self.outputs.min(first + columns);
            for top in (0..rows).step_by(TILE_ROWS / digits) {
                let tile = top..rows.min(top + TILE_ROWS / digits);
                let (from, to) = (tile.start * digits, tile.end * digits);
                let x = &words[from * self.words..to * self.words];
                let sums = &mut sums[..(to - from) * columns];
                self.kernel.byte_tile(panel, x, self.words, to - from, sums);
                let finish = Finish {
                    weight_scales: &self.scales[kept.clone()],
                    weight_zero: self.zero,
                    column_sums: &self.column_sums[kept.clone()],
                    inputs: self.inputs,
                    bias: &self.bias[kept.clone()],
                    activation,
                    residual: residual.get(tile.start * self.outputs + kept.start..).unwrap_or(&[]),
                };
                let y = &mut y[tile.start * self.outputs + kept.start..];
                let scales = &scales[from..to];
                match bits {
                    InputBits::Eight => {
                        self.kernel.finish_bytes(sums, columns, scales, &finish, y, self.outputs);
                    }
                    InputBits::Sixteen => {
                        self.kernel.finish_fine(sums, columns, scales, &finish, y, self.outputs);
                    }
                }
            }
        }
    }

    fn quantise(&self, bits: InputBits, x: &[f32], rows: usize, scratch: &mut LinearScratch) {
        let LinearScratch { codes, low_codes, words, scales, .. } = scratch;
        words.clear();
        scales.clear();
        codes.resize(self.inputs, 0);
        low_codes.resize(self.inputs, 0);
        for row in x.windows(self.inputs).step_by(self.stride).take(rows) {
            match bits {
                InputBits::Eight => scales.push(self.kernel.quantise_row(row, codes)),
                InputBits::Sixteen => {
                    scales.extend(self.kernel.quantise_row_fine(row, codes, low_codes));
                }
            }
            self.kernel.pack_codes(codes, words);
            if bits == InputBits::Sixteen {
                self.kernel.pack_codes(low_codes, words);
            }
        }
    }

    /// The weights of one output, as floats: the embedding of a token when this is a vocabulary
    /// head tied to it. `None` when there is no such output.
    pub fn column(&self, output: usize) -> Option<impl Iterator<Item = f32>> {
        let (columns, group) = (self.kernel.columns(), self.kernel.group());
        let offset = self.kernel.weight_offset();
        let zero = self.zero + i32::from(offset);
        let panel = output / columns * self.words * columns * group;
        (output < self.outputs).then(|| {
            (0..self.inputs).map(move |input| {
                let at = panel + self.kernel.place(input, output % columns);
                let byte = self.panels[at].wrapping_add(offset);
                (i32::from(byte) - zero) as f32 * self.scales[output]
            })
        })
    }
}

/// Whole rows of `width` numbers, one beginning every `stride`, in `len` numbers.
fn whole_rows(len: usize, width: usize, stride: usize) -> usize {
    if len < width { 0 } else { (len - width) / stride + 1 }
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
    /// Packs `weights`, a row of outputs for every number of the window, for `kernel`. There is a
    /// bias for every output.
    ///
    /// Panics unless every output has the same, non-zero number of weights and `stride` is not 0.
    pub fn pack(kernel: Kernel, weights: &[f32], bias: &[f32], stride: usize) -> Self {
        let outputs = bias.len();
        let window = weights.len() / outputs;
        assert!(window > 0 && stride > 0, "window {window}, stride {stride}");
        assert_eq!(window * outputs, weights.len(), "weights of {outputs} outputs");
        let columns = kernel.columns();
        let mut panels = Aligned::new(outputs.div_ceil(columns) * window * columns);
        for (input, row) in weights.chunks_exact(outputs).enumerate() {
            let panels = panels.chunks_exact_mut(window * columns);
            for (panel, row) in panels.zip(row.chunks(columns)) {
                panel[input * columns..][..row.len()].copy_from_slice(row);
            }
        }
        Self { kernel, window, stride, outputs, panels, bias: bias.to_vec() }
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
        whole_rows(len, self.window, self.stride)
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

    /// Different, and at most 0.01.
    fn scales(outputs: usize) -> Vec<f32> {
        (0..outputs).map(|output| 0.01 / (1 + output % 3) as f32).collect()
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
            let weight = Quantised { bytes: &weight, scales: &scales(outputs), zero: 131, bias: &bias };
            let (x, residual) = (floats(rows * inputs, 2), floats(rows * outputs, 3));
            let run = |kernel| {
                let mut y = vec![0.0; rows * outputs];
                let layer = ByteLinear::pack(kernel, &weight);
                layer.run(&x, Activation::Gelu, &residual, &mut y, &mut LinearScratch::default());
                y.iter().map(|y| y.to_bits()).collect::<Vec<_>>()
            };
            let reference = run(Kernel::SCALAR);
            for kernel in Kernel::available() {
                prop_assert_eq!(&run(kernel), &reference, "{}", kernel.name());
            }
        }

        #[test]
        fn sixteen_bits_are_closer_and_equal_on_every_kernel(
            inputs in 1usize..40, outputs in 1usize..120, rows in 1usize..20, salt in any::<u32>(),
        ) {
            let (bytes, bias) = (bytes(inputs * outputs, salt), floats(outputs, 1));
            let weight = Quantised { bytes: &bytes, scales: &scales(outputs), zero: 120, bias: &bias };
            let x = floats(rows * inputs, 2);
            let mut want = None;
            for kernel in Kernel::available() {
                let layer = ByteLinear::pack_windows(kernel, &weight, inputs, InputBits::Sixteen);
                let mut y = vec![0.0; rows * outputs];
                layer.run(&x, Activation::None, &[], &mut y, &mut LinearScratch::default());
                let bits: Vec<u32> = y.iter().map(|y| y.to_bits()).collect();
                prop_assert_eq!(want.get_or_insert(bits.clone()), &bits, "{}", kernel.name());
                for (at, y) in y.iter().enumerate() {
                    let row = &x[at / outputs * inputs..][..inputs];
                    let column = layer.column(at % outputs).unwrap();
                    let want = row.iter().zip(column).map(|(x, w)| x * w).sum::<f32>();
                    let off = (y - want - bias[at % outputs]).abs();
                    // Half a step of 1/32 639 per input, times a weight of at most 1.36.
                    prop_assert!(off < inputs as f32 * 2.2e-5 + 1e-4, "{}: {off}", kernel.name());
                }
            }
        }

        #[test]
        fn only_the_fine_rows_are_fine(
            inputs in 1usize..40, outputs in 1usize..60, fine in 0usize..9, salt in any::<u32>(),
        ) {
            let rows = 8;
            let (bytes, bias) = (bytes(inputs * outputs, salt), floats(outputs, 1));
            let weight = Quantised { bytes: &bytes, scales: &scales(outputs), zero: 120, bias: &bias };
            let x = floats(rows * inputs, 2);
            let run = |bits, fine_rows| {
                let layer = ByteLinear::pack_windows(Kernel::SCALAR, &weight, inputs, bits);
                let mut y = vec![0.0; rows * outputs];
                let mut scratch = LinearScratch { fine_rows, ..LinearScratch::default() };
                layer.run(&x, Activation::None, &[], &mut y, &mut scratch);
                y
            };
            let mixed = run(InputBits::Sixteen, fine);
            let cut = fine * outputs;
            prop_assert_eq!(&mixed[..cut], &run(InputBits::Sixteen, usize::MAX)[..cut]);
            prop_assert_eq!(&mixed[cut..], &run(InputBits::Eight, usize::MAX)[cut..]);
        }

        #[test]
        fn the_quantised_product_is_close_to_the_float_one(
            inputs in 1usize..40, outputs in 1usize..60, salt in any::<u32>(),
        ) {
            let (bytes, bias) = (bytes(inputs * outputs, salt), floats(outputs, 1));
            let weight = Quantised { bytes: &bytes, scales: &scales(outputs), zero: 120, bias: &bias };
            let x = floats(inputs, 2);
            let mut y = vec![0.0; outputs];
            let layer = ByteLinear::pack(Kernel::SCALAR, &weight);
            layer.run(&x, Activation::None, &[], &mut y, &mut LinearScratch::default());
            for (output, y) in y.iter().enumerate() {
                let column = layer.column(output).unwrap();
                let want = bias[output] + x.iter().zip(column).map(|(x, w)| x * w).sum::<f32>();
                // Half a step of at most 2/255 per input, times a weight of at most 1.36.
                prop_assert!((y - want).abs() < inputs as f32 * 0.0055 + 1e-4, "{y} {want}");
            }
        }

        #[test]
        fn windows_are_a_convolution_on_every_kernel(
            window in 1usize..30, stride in 1usize..40, outputs in 1usize..60, len in 0usize..300,
        ) {
            let (weights, bias) = (floats(window * outputs, 7), floats(outputs, 1));
            let x = floats(len, 2);
            for kernel in Kernel::available() {
                let layer = WindowLinear::pack(kernel, &weights, &bias, stride);
                let rows = layer.rows(len);
                let mut y = vec![0.0; rows * outputs];
                layer.run(&x, Activation::None, &mut y);
                for (at, y) in y.iter().enumerate() {
                    let (row, output) = (at / outputs, at % outputs);
                    let products = (0..window).map(|i| {
                        f64::from(x[row * stride + i]) * f64::from(weights[i * outputs + output])
                    });
                    let want = f64::from(bias[output]) + products.sum::<f64>();
                    prop_assert!((f64::from(*y) - want).abs() < 1e-4, "{}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn many_long_rows_are_those_one_by_one() {
        let (inputs, outputs) = (2_000_usize, 3);
        let rows = 2 * BLOCK_WORDS / inputs.div_ceil(4) + 5;
        let (bytes, bias) = (bytes(inputs * outputs, 5), floats(outputs, 1));
        let weight = Quantised { bytes: &bytes, scales: &scales(outputs), zero: 120, bias: &bias };
        let (x, residual) = (floats(rows * inputs, 2), floats(rows * outputs, 3));
        let mut scratch = LinearScratch::default();
        for kernel in Kernel::available() {
            for bits in [InputBits::Eight, InputBits::Sixteen] {
                let layer = ByteLinear::pack_windows(kernel, &weight, inputs, bits);
                let (mut together, mut alone) = (residual.clone(), residual.clone());
                layer.run(&x, Activation::Tanh, &residual, &mut together, &mut scratch);
                let by_row = x.chunks(inputs).zip(residual.chunks(outputs));
                for ((x, residual), y) in by_row.zip(alone.chunks_mut(outputs)) {
                    layer.run(x, Activation::Tanh, residual, y, &mut scratch);
                }
                assert_eq!(together, alone, "{} {bits:?}", kernel.name());
            }
        }
    }

    #[test]
    fn overlapping_rows_are_those_of_the_windows_apart() {
        let outputs = 3;
        let (bytes, bias) = (bytes(5 * outputs, 9), floats(outputs, 1));
        let weight = Quantised { bytes: &bytes, scales: &scales(outputs), zero: 120, bias: &bias };
        let x = floats(12, 2);
        let apart: Vec<f32> = x.windows(5).step_by(2).flatten().copied().collect();
        let mut scratch = LinearScratch::default();
        for kernel in Kernel::available() {
            let layer = ByteLinear::pack_windows(kernel, &weight, 2, InputBits::Eight);
            assert_eq!((layer.rows(12), layer.rows(4)), (4, 0));
            let (mut y, mut want) = ([0.0; 4 * 3], [0.0; 4 * 3]);
            layer.run(&x, Activation::Gelu, &[], &mut y, &mut scratch);
            let plain = ByteLinear::pack(kernel, &weight);
            plain.run(&apart, Activation::Gelu, &[], &mut want, &mut scratch);
            assert_eq!(y, want, "{}", kernel.name());
        }
    }

    #[test]
    fn a_column_is_what_was_packed() {
        let (inputs, outputs) = (13, 101);
        let (bytes, bias) = (bytes(inputs * outputs, 5), vec![0.0; outputs]);
        let weight = Quantised { bytes: &bytes, scales: &scales(outputs), zero: 7, bias: &bias };
        for kernel in Kernel::available() {
            let layer = ByteLinear::pack(kernel, &weight);
            for output in 0..outputs {
                let want: Vec<f32> = (0..inputs)
                    .map(|input| {
                        let byte = bytes[input * outputs + output];
                        (f32::from(byte) - 7.0) * scales(outputs)[output]
                    })
                    .collect();
                let column: Vec<f32> = layer.column(output).unwrap().collect();
                assert_eq!(column, want, "{}", kernel.name());
            }
            assert!(layer.column(outputs).is_none());
        }
    }
}

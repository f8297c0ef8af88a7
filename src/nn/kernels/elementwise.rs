//! Everything that is not a matrix product, written once for all instruction sets.
//!
//! Sums run over [`LANES`] independent accumulators: a fixed order that vector units can follow, so
//! every kernel rounds alike. Integers in loops wrap by name, as in [`math`], so that debug builds
//! vectorise too.

pub use super::depthwise::depthwise;
use super::math;

/// Accumulators of a sum; one 512-bit register, and a whole number of smaller ones.
const LANES: usize = 16;

/// What follows a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    None,
    Gelu,
    Tanh,
    Relu,
    Sigmoid,
}

impl Activation {
    pub const ALL: [Self; 5] = [Self::None, Self::Gelu, Self::Tanh, Self::Relu, Self::Sigmoid];

    /// As converted models spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gelu => "gelu",
            Self::Tanh => "tanh",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
        }
    }
}

/// How one row was quantised: `x ≈ (code - zero) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowScale {
    pub scale: f32,
    pub zero: i32,
    /// Sum of the row's codes.
    pub sum: i32,
}

/// What turns rows of byte sums into outputs. Slices are as wide as the outputs.
pub struct Finish<'a> {
    /// Per column.
    pub weight_scales: &'a [f32],
    pub weight_zero: i32,
    /// Per column, the sum of its weight bytes.
    pub column_sums: &'a [i32],
    pub inputs: usize,
    pub bias: &'a [f32],
    pub activation: Activation,
    /// Added after the activation, a row every `stride` of the call; empty for none.
    pub residual: &'a [f32],
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    // Unlike `f32::min`, this is one instruction: it need not look for NaN.
    if a < b { a } else { b }
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Combines the lanes of a sum or search by halves.
///
/// Never inlined: the lanes must then stand side by side in memory when a loop ends, which makes
/// the compiler keep them in vector registers until there. Inlined, they become sixteen single
/// numbers.
#[inline(never)]
fn across(lanes: &[f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = *lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = combine(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// The values of `x` in whole registers, the last filled up with `filler`.
#[inline(always)]
fn padded(x: &[f32], filler: f32) -> (&[[f32; LANES]], [f32; LANES]) {
    let (whole, rest) = x.as_chunks::<LANES>();
    let mut last = [filler; LANES];
    last[..rest.len()].copy_from_slice(rest);
    (whole, last)
}

#[inline(always)]
fn sum_by(x: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let (whole, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in whole {
        for lane in 0..LANES {
            lanes[lane] += term(chunk[lane]);
        }
    }
    across(&lanes, |a, b| a + b) + rest.iter().map(|x| term(*x)).sum::<f32>()
}

#[inline(always)]
fn largest(x: &[f32]) -> f32 {
    let (whole, mut lanes) = padded(x, f32::NEG_INFINITY);
    for chunk in whole {
        for lane in 0..LANES {
            lanes[lane] = larger(chunk[lane], lanes[lane]);
        }
    }
    across(&lanes, larger)
}

#[inline(always)]
pub fn quantise_row(x: &[f32], codes: &mut [i8]) -> RowScale {
    let (whole, last) = padded(x, 0.0);
    let mut lows = last.map(|x| smaller(x, 0.0));
    let mut highs = last.map(|x| larger(x, 0.0));
    for chunk in whole {
        for lane in 0..LANES {
            lows[lane] = smaller(chunk[lane], lows[lane]);
            highs[lane] = larger(chunk[lane], highs[lane]);
        }
    }
    let (low, high) = (across(&lows, smaller), across(&highs, larger));
    let step = (high - low) / 255.0;
    // A silent row has no range; any scale represents it exactly.
    let scale = if step >= f32::MIN_POSITIVE { step } else { 1.0 };
    let (zero, zero_code) = math::round(-low / scale);
    let inverse = 1.0 / scale;
    let (least, most) = (-zero, 255.0 - zero);
    let shift = zero_code - 128;
    let code = |value: f32| {
        let level = smaller(larger(value * inverse, least), most);
        math::round(level).1.wrapping_add(shift)
    };
    let mut sum = 0;
    for (slot, value) in codes.iter_mut().zip(x) {
        let code = code(*value);
        *slot = code as i8;
        sum = i32::wrapping_add(sum, code);
    }
    RowScale { scale, zero: shift, sum }
}

/// Largest 16-bit code whose two digits both fit a signed byte.
const MOST_FINE: f32 = (127 * 256 + 127) as f32;

#[inline(always)]
pub fn quantise_row_fine(x: &[f32], high: &mut [i8], low: &mut [i8]) -> [RowScale; 2] {
    let (whole, last) = padded(x, 0.0);
    let mut sizes = last.map(f32::abs);
    for chunk in whole {
        for lane in 0..LANES {
            sizes[lane] = larger(chunk[lane].abs(), sizes[lane]);
        }
    }
    let step = across(&sizes, larger) / MOST_FINE;
    let scale = if step >= f32::MIN_POSITIVE { step } else { 1.0 };
    let inverse = 1.0 / scale;
    let (mut high_sum, mut low_sum) = (0, 0);
    for ((high, low), value) in high.iter_mut().zip(low).zip(x) {
        let level = smaller(larger(value * inverse, -MOST_FINE), MOST_FINE);
        let code = math::round(level).1;
        // Digits of base 256 from -128 to 127: the low one takes the nearest, the high one the
        // rest.
        let most = code.wrapping_add(128) >> 8;
        let least = code.wrapping_sub(most.wrapping_shl(8));
        *high = most as i8;
        *low = least as i8;
        high_sum = i32::wrapping_add(high_sum, most);
        low_sum = i32::wrapping_add(low_sum, least);
    }
    let digit = |scale, sum| RowScale { scale, zero: 0, sum };
    [digit(256.0 * scale, high_sum), digit(scale, low_sum)]
}

#[inline(always)]
pub fn activate(y: &mut [f32], activation: Activation) {
    match activation {
        Activation::None => {}
        Activation::Gelu => y.iter_mut().for_each(|y| *y = math::gelu(*y)),
        Activation::Tanh => y.iter_mut().for_each(|y| *y = math::tanh(*y)),
        Activation::Relu => y.iter_mut().for_each(|y| *y = larger(*y, 0.0)),
        Activation::Sigmoid => y.iter_mut().for_each(|y| *y = math::sigmoid(*y)),
    }
}

#[inline(always)]
pub fn finish_bytes(
    sums: &[i32],
    columns: usize,
    rows: &[RowScale],
    finish: &Finish,
    y: &mut [f32],
    stride: usize,
) {
    let width = finish.bias.len();
    for (index, (sums, row)) in sums.chunks_exact(columns).zip(rows).enumerate() {
        // Σ (w - wz)(x - xz) = Σ wx - xz Σw - wz Σx + inputs wz xz
        // No term of finite inputs overflows: `MAX_BYTE_INPUTS` bounds them.
        let inputs = (finish.inputs as i32).wrapping_mul(row.zero);
        let constant = finish.weight_zero.wrapping_mul(inputs.wrapping_sub(row.sum));
        let y = &mut y[index * stride..][..width];
        let columns = sums.iter().zip(finish.column_sums).zip(finish.weight_scales);
        for (y, (((sum, column_sum), scale), bias)) in y.iter_mut().zip(columns.zip(finish.bias)) {
            let sum = sum.wrapping_sub(row.zero.wrapping_mul(*column_sum)).wrapping_add(constant);
            *y = sum as f32 * (row.scale * scale) + bias;
        }
        finish_row(finish, index * stride, y);
    }
}

#[inline(always)]
pub fn finish_fine(
    sums: &[i32],
    columns: usize,
    rows: &[RowScale],
    finish: &Finish,
    y: &mut [f32],
    stride: usize,
) {
    let width = finish.bias.len();
    let rows = rows.as_chunks::<2>().0;
    for (index, (sums, [high, low])) in sums.chunks_exact(2 * columns).zip(rows).enumerate() {
        // As in `finish_bytes`, once per digit, where the inputs have no zero point.
        let (highs, lows) = sums.split_at(columns);
        let high_constant = finish.weight_zero.wrapping_mul(high.sum);
        let low_constant = finish.weight_zero.wrapping_mul(low.sum);
        let y = &mut y[index * stride..][..width];
        let columns = highs.iter().zip(lows).zip(finish.weight_scales);
        for (y, (((most, least), scale), bias)) in y.iter_mut().zip(columns.zip(finish.bias)) {
            let most = most.wrapping_sub(high_constant) as f32 * (high.scale * scale);
            *y = most + least.wrapping_sub(low_constant) as f32 * (low.scale * scale) + bias;
        }
        finish_row(finish, index * stride, y);
    }
}

/// Activation and residual of a row of outputs, which begins at `at` in the residual.
#[inline(always)]
fn finish_row(finish: &Finish, at: usize, y: &mut [f32]) {
    activate(y, finish.activation);
    if !finish.residual.is_empty() {
        for (y, residual) in y.iter_mut().zip(&finish.residual[at..]) {
            *y += residual;
        }
    }
}

#[inline(always)]
pub fn finish_floats(sums: &[f32], bias: &[f32], activation: Activation, y: &mut [f32]) {
    for ((y, sum), bias) in y.iter_mut().zip(sums).zip(bias) {
        *y = sum + bias;
    }
    activate(y, activation);
}

#[inline(always)]
pub fn layer_norm(x: &[f32], gain: &[f32], epsilon: f32, y: &mut [f32]) {
    let width = gain.len();
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        let mean = sum_by(x, |x| x) / width as f32;
        let variance = sum_by(x, |x| (x - mean) * (x - mean)) / width as f32;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for ((y, x), gain) in y.iter_mut().zip(x).zip(gain) {
            *y = (x - mean) * inverse * gain;
        }
    }
}

#[inline(always)]
pub fn clip_norm(x: &[f32], gain: &[f32], shift: &[f32], epsilon: f32, y: &mut [f32]) {
    let width = gain.len();
    let count = x.len().max(1) as f64;
    // Row by row in single, across rows in double precision: a clip has a million values.
    let mut total = 0.0;
    for x in x.chunks_exact(width) {
        total += f64::from(sum_by(x, |x| x));
    }
    let mean = (total / count) as f32;
    let mut power = 0.0;
    for x in x.chunks_exact(width) {
        power += f64::from(sum_by(x, |x| (x - mean) * (x - mean)));
    }
    let inverse = (1.0 / (power / count + f64::from(epsilon)).sqrt()) as f32;
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        for (((y, x), gain), shift) in y.iter_mut().zip(x).zip(gain).zip(shift) {
            *y = (x - mean) * inverse * gain + shift;
        }
    }
}

#[inline(always)]
pub fn rope(x: &[f32], cos: &[f32], sin: &[f32], rows: usize, heads: usize, y: &mut [f32]) {
    if rows == 0 {
        return;
    }
    let angles = cos.len() / rows;
    let width = x.len() / rows;
    let head = width / heads;
    let by_row = x.chunks_exact(width).zip(y.chunks_exact_mut(width));
    let turns = cos.chunks_exact(angles).zip(sin.chunks_exact(angles));
    for ((x, y), (cos, sin)) in by_row.zip(turns) {
        for (x, y) in x.chunks_exact(head).zip(y.chunks_exact_mut(head)) {
            let (a, rest) = x.split_at(angles);
            let (b, rest) = rest.split_at(angles);
            let (ya, yrest) = y.split_at_mut(angles);
            let (yb, yrest) = yrest.split_at_mut(angles);
            for i in 0..angles {
                ya[i] = a[i] * cos[i] - b[i] * sin[i];
                yb[i] = b[i] * cos[i] + a[i] * sin[i];
            }
            yrest.copy_from_slice(rest);
        }
    }
}

#[inline(always)]
pub fn swiglu(x: &[f32], y: &mut [f32], width: usize) {
    for (x, y) in x.chunks_exact(2 * width).zip(y.chunks_exact_mut(width)) {
        let (values, gates) = x.split_at(width);
        for ((y, value), gate) in y.iter_mut().zip(values).zip(gates) {
            *y = value * (gate * math::sigmoid(*gate));
        }
    }
}

#[inline(always)]
pub fn magnitude(x: &[f32], y: &mut [f32], width: usize) {
    for (x, y) in x.chunks_exact(2 * width).zip(y.chunks_exact_mut(width)) {
        let (real, imaginary) = x.split_at(width);
        for ((y, real), imaginary) in y.iter_mut().zip(real).zip(imaginary) {
            *y = (real * real + imaginary * imaginary).sqrt();
        }
    }
}

#[inline(always)]
pub fn lstm_cell(gates: &[f32], cell: &[f32], next: &mut [f32]) {
    let width = cell.len();
    let (input, gates) = gates.split_at(width);
    let (forget, gates) = gates.split_at(width);
    let (candidate, output) = gates.split_at(width);
    let (next_hidden, next_cell) = next.split_at_mut(width);
    for i in 0..width {
        let kept = math::sigmoid(forget[i]) * cell[i];
        next_cell[i] = kept + math::sigmoid(input[i]) * math::tanh(candidate[i]);
        next_hidden[i] = math::sigmoid(output[i]) * math::tanh(next_cell[i]);
    }
}

#[inline(always)]
pub fn softmax(x: &mut [f32], scale: f32) {
    let top = largest(x) * scale;
    for x in x.iter_mut() {
        *x = math::exp(*x * scale - top);
    }
    let inverse = 1.0 / sum_by(x, |x| x);
    for x in x.iter_mut() {
        *x *= inverse;
    }
}

#[inline(always)]
pub fn log_sum_exp(x: &[f32]) -> f32 {
    let top = largest(x);
    top + sum_by(x, |x| math::exp(x - top)).ln()
}

/// Lanes of a dot product over one attention head: heads here are 36 channels wide, three times
/// twelve.
const HEAD_LANES: usize = 12;

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; HEAD_LANES];
    let (a, a_rest) = a.as_chunks::<HEAD_LANES>();
    let (b, b_rest) = b.as_chunks::<HEAD_LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..HEAD_LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    across_head(&lanes) + rest
}

/// As [`across`], first by thirds.
#[inline(never)]
fn across_head(lanes: &[f32; HEAD_LANES]) -> f32 {
    let thirds: [f32; 4] = std::array::from_fn(|i| lanes[i] + lanes[i + 4] + lanes[i + 8]);
    (thirds[0] + thirds[2]) + (thirds[1] + thirds[3])
}

#[inline(always)]
pub fn path_scores(q: &[f32], keys: &[f32], path: &[u32], heads: usize, scores: &mut [f32]) {
    let depth = q.len() / heads;
    // Step by step and not head by head, so that every key passes through the cache once.
    for (step, row) in path.iter().enumerate() {
        let key = &keys[*row as usize * q.len()..][..q.len()];
        for (head, (q, key)) in q.chunks_exact(depth).zip(key.chunks_exact(depth)).enumerate() {
            scores[head * path.len() + step] = dot(q, key);
        }
    }
}

#[inline(always)]
pub fn path_mix(weights: &[f32], values: &[f32], path: &[u32], heads: usize, y: &mut [f32]) {
    let depth = y.len() / heads;
    y.fill(0.0);
    for (step, row) in path.iter().enumerate() {
        let value = &values[*row as usize * y.len()..][..y.len()];
        for (head, (y, value)) in
            y.chunks_exact_mut(depth).zip(value.chunks_exact(depth)).enumerate()
        {
            let weight = weights[head * path.len() + step];
            for (y, value) in y.iter_mut().zip(value) {
                *y += weight * value;
            }
        }
    }
}

//! The arithmetic of the networks, once per instruction set, chosen at run time.
//!
//! A [`Kernel`] is proof that this CPU runs its instructions: values are made only by detection
//! ([`detect`]), so every `unsafe` call below rests on having one. Matrix products are written per
//! instruction set ([`scalar`]; `avx2`, `avxvnni`, `avx512`; `neon`, `dotprod`); everything
//! element-wise is written once ([`elementwise`]) and compiled once per instruction set. None of it
//! contracts or reorders float operations, so all kernels agree bit for bit, except in
//! [`Kernel::float_tile`], where the vector kernels fuse multiply and add.

/// Cuts the rows of a tile into runs as long as the longest arm that still fits; the last arm is 1.
///
/// Each arm runs on the `x` and `sums` of its own rows. A macro, so that the arms are compiled for the
/// instruction set of the function around it.
macro_rules! in_runs {
    ($rows:expr, $x:ident by $x_stride:expr, $sums:ident by $sums_stride:expr,
        { $($count:literal => $run:expr,)+ }) => {
        let mut row = 0;
        while row < $rows {
            let $x = &$x[row * $x_stride..];
            let $sums = &mut $sums[row * $sums_stride..];
            row += match $rows - row {
                $($count.. => $run,)+
                0 => break,
            };
        }
    };
}

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
mod depthwise;
mod detect;
#[cfg(target_arch = "aarch64")]
mod dotprod;
mod elementwise;
pub mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

pub use aligned::Aligned;
use detect::Isa;
pub use detect::{KERNEL_ENV, Kernel, KernelError};
pub use elementwise::{Activation, Finish, RowScale};

/// Most rows that one call of [`Kernel::byte_tile`] or [`Kernel::float_tile`] takes.
pub const TILE_ROWS: usize = 8;

/// Widest panel of any kernel, in columns.
pub const MAX_COLUMNS: usize = 48;

impl Kernel {
    /// Columns of a weight panel: as many as keep the accumulators of a tile in registers.
    pub const fn columns(self) -> usize {
        match self.isa() {
            Isa::Scalar => scalar::COLUMNS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::COLUMNS,
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => avxvnni::COLUMNS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => avx512::COLUMNS,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::COLUMNS,
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDotprod => dotprod::COLUMNS,
        }
    }

    /// Neighbouring inputs that stand together in one 32-bit word of a byte tile.
    pub const fn group(self) -> usize {
        match self.isa() {
            Isa::Scalar => scalar::GROUP,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::GROUP,
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => avxvnni::GROUP,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => avx512::GROUP,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::GROUP,
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDotprod => dotprod::GROUP,
        }
    }

    /// Where in a panel the weight of an input and a column stands.
    pub const fn place(self, input: usize, column: usize) -> usize {
        let (columns, group) = (self.columns(), self.group());
        let within = match self.isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::place(input % group, column),
            _ => column * group + input % group,
        };
        input / group * columns * group + within
    }

    /// What is taken off every weight byte in a panel, leaving a signed byte where it is not 0.
    ///
    /// Weights and their zero point move together, so whoever takes it off both computes the same:
    /// `weight - zero = (weight - offset) - (zero - offset)`.
    pub const fn weight_offset(self) -> u8 {
        match self.isa() {
            Isa::Scalar => 0,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::AvxVnni | Isa::Avx512Vnni => 0,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::WEIGHT_OFFSET,
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDotprod => dotprod::WEIGHT_OFFSET,
        }
    }

    /// Packs 8-bit codes into words of [`Kernel::group`] inputs, the last padded with zeros.
    pub fn pack_codes(self, codes: &[i8], words: &mut Vec<u32>) {
        match self.isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => pack(codes, words, avx2::word),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => pack(codes, words, neon::word),
            _ => pack(codes, words, |codes: [i8; 4]| {
                u32::from_le_bytes(codes.map(|code| code as u8))
            }),
        }
    }

    /// `sums[row][column] = Σ panel[input][column] * x[row][input]`, exactly.
    ///
    /// `panel` holds `words` groups of [`Kernel::columns`] columns of [`Kernel::group`] bytes, each
    /// less [`Kernel::weight_offset`] and at its [`Kernel::place`]; `x` holds `rows` rows of
    /// `words` words from [`Kernel::pack_codes`]; `sums` gets `rows` rows of [`Kernel::columns`].
    /// At most [`TILE_ROWS`] rows.
    pub fn byte_tile(self, panel: &[u8], x: &[u32], words: usize, rows: usize, sums: &mut [i32]) {
        let columns = self.columns();
        assert!(rows <= TILE_ROWS, "{rows} rows in a tile of {TILE_ROWS}");
        assert_eq!(panel.len(), words * columns * self.group(), "panel of {words} words");
        assert_eq!(x.len(), rows * words, "{rows} rows of {words} words");
        assert_eq!(sums.len(), rows * columns, "{rows} rows of {columns} sums");
        match self.isa() {
            Isa::Scalar => scalar::byte_tile(panel, x, words, sums),
            // SAFETY: this kernel exists only where its instructions were detected; the lengths
            // were checked above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2::byte_tile(panel, x, words, rows, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => unsafe { avxvnni::byte_tile(panel, x, words, rows, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => unsafe { avx512::byte_tile(panel, x, words, rows, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => unsafe { neon::byte_tile(panel, x, words, rows, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDotprod => unsafe { dotprod::byte_tile(panel, x, words, rows, sums) },
        }
    }

    /// `sums[row * sums_stride + column] = Σ panel[input][column] * x[row * stride + input]`.
    ///
    /// `panel` holds one row of [`Kernel::columns`] per input. Rows of `x` may overlap
    /// (`stride < inputs`); rows of sums may not. At most [`TILE_ROWS`] rows.
    pub fn float_tile(
        self,
        panel: &[f32],
        x: &[f32],
        stride: usize,
        rows: usize,
        sums: &mut [f32],
        sums_stride: usize,
    ) {
        let columns = self.columns();
        let inputs = panel.len() / columns;
        assert!(0 < rows && rows <= TILE_ROWS, "{rows} rows in a tile of {TILE_ROWS}");
        assert_eq!(panel.len(), inputs * columns, "whole rows of {columns}");
        assert!(x.len() >= (rows - 1) * stride + inputs, "{rows} rows of {inputs} inputs");
        assert!(sums_stride >= columns, "rows of {columns} sums every {sums_stride}");
        assert!(sums.len() >= (rows - 1) * sums_stride + columns, "{rows} rows of sums");
        match self.isa() {
            Isa::Scalar => scalar::float_tile(panel, x, stride, rows, sums, sums_stride),
            // SAFETY: this kernel exists only where its instructions were detected; the lengths
            // were checked above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe {
                avx2::float_tile::<2>(panel, x, stride, rows, sums, sums_stride)
            },
            // SAFETY: as above, and that panel is of three registers.
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => unsafe {
                avx2::float_tile::<{ avxvnni::PARTS }>(panel, x, stride, rows, sums, sums_stride)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => unsafe {
                avx512::float_tile(panel, x, stride, rows, sums, sums_stride)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon | Isa::NeonDotprod => unsafe {
                neon::float_tile(panel, x, stride, rows, sums, sums_stride)
            },
        }
    }
}

fn pack<const GROUP: usize>(codes: &[i8], words: &mut Vec<u32>, word: impl Fn([i8; GROUP]) -> u32) {
    let (whole, rest) = codes.as_chunks::<GROUP>();
    words.extend(whole.iter().map(|codes| word(*codes)));
    if !rest.is_empty() {
        let mut padded = [0; GROUP];
        padded[..rest.len()].copy_from_slice(rest);
        words.push(word(padded));
    }
}

/// A loop outside this module that is worth wide registers.
///
/// A trait and not a closure, because `run` must carry `#[inline(always)]`, as must all that it
/// calls: only what is inlined is compiled for the instruction set.
pub trait Work {
    fn run(self);
}

impl Kernel {
    /// Runs `work` compiled for this instruction set.
    pub fn vectorise(self, work: impl Work) {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn avx2(work: impl Work) {
            work.run();
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
        fn avx512(work: impl Work) {
            work.run();
        }
        match self.isa() {
            // SAFETY: this kernel exists only where its instructions were detected.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::AvxVnni => unsafe { avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => unsafe { avx512(work) },
            // Every 64-bit Arm has NEON, and is compiled for it.
            _ => work.run(),
        }
    }
}

/// Compiles one portable function per instruction set and makes it a method of [`Kernel`].
macro_rules! per_instruction_set {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),* $(,)?) $(-> $out:ty)?;)*) => {
        impl Kernel {
            $($(#[$doc])*
            pub fn $name(self, $($arg: $kind),*) $(-> $out)? {
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $kind),*) $(-> $out)? {
                    elementwise::$name($($arg),*)
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($arg: $kind),*) $(-> $out)? {
                    elementwise::$name($($arg),*)
                }
                match self.isa() {
                    Isa::Scalar => elementwise::$name($($arg),*),
                    // NEON belongs to the target, so the plain function is compiled for it.
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon | Isa::NeonDotprod => elementwise::$name($($arg),*),
                    // SAFETY: this kernel exists only where its instructions were detected.
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 | Isa::AvxVnni => unsafe { avx2($($arg),*) },
                    // SAFETY: as above.
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512Vnni => unsafe { avx512($($arg),*) },
                }
            })*
        }
    };
}

per_instruction_set! {
    /// Quantises one row to 8 bits over its own range, 0 included: `x ≈ (code - zero) * scale`.
    fn quantise_row(x: &[f32], codes: &mut [i8]) -> RowScale;
    /// Quantises one row to 16 bits over its own largest size, in two digits of base 256:
    /// `x ≈ high code * high scale + low code * low scale`. Neither has a zero point.
    fn quantise_row_fine(x: &[f32], high: &mut [i8], low: &mut [i8]) -> [RowScale; 2];
    /// Turns byte sums into outputs: weight zero point, scales, bias, activation, residual.
    ///
    /// `sums` holds rows of `columns`, `rows` how each was quantised; a row of `y`, and of the
    /// residual, begins every `stride` numbers.
    fn finish_bytes(
        sums: &[i32],
        columns: usize,
        rows: &[RowScale],
        finish: &Finish,
        y: &mut [f32],
        stride: usize,
    );
    /// As [`Kernel::finish_bytes`], where the rows come in pairs: the sums of both digits of one.
    fn finish_fine(
        sums: &[i32],
        columns: usize,
        rows: &[RowScale],
        finish: &Finish,
        y: &mut [f32],
        stride: usize,
    );
    /// Turns one row of float sums into outputs: bias and activation.
    fn finish_floats(sums: &[f32], bias: &[f32], activation: Activation, y: &mut [f32]);
    /// Normalises every row of `x` (as wide as `gain`) to mean 0 and variance 1, times `gain`.
    fn layer_norm(x: &[f32], gain: &[f32], epsilon: f32, y: &mut [f32]);
    /// Normalises all of `x` together, then scales and shifts per channel (the width of `gain`).
    fn clip_norm(x: &[f32], gain: &[f32], shift: &[f32], epsilon: f32, y: &mut [f32]);
    /// Rotates the first channels of each head by the angles of its row.
    ///
    /// `x` is rows of `heads` heads; `cos` and `sin` hold, per row, half as many angles as channels
    /// turn. Pair `i` is channels `i` and `i + angles` of a head; the rest pass through.
    fn rope(x: &[f32], cos: &[f32], sin: &[f32], rows: usize, heads: usize, y: &mut [f32]);
    /// Gated unit: the first half of each row of `x` times SiLU of the second half.
    fn swiglu(x: &[f32], y: &mut [f32], width: usize);
    /// `x = softmax(x * scale)`, in place.
    fn softmax(x: &mut [f32], scale: f32);
    /// `ln Σ exp(x)`.
    fn log_sum_exp(x: &[f32]) -> f32;
    /// Applies `activation` to every value.
    fn activate(y: &mut [f32], activation: Activation);
    /// Sizes of complex numbers: the first half of each row of `x` is real, the second imaginary.
    fn magnitude(x: &[f32], y: &mut [f32], width: usize);
    /// One step of a long short-term memory (Hochreiter and Schmidhuber, 1997) as wide as `cell`.
    ///
    /// `gates` holds, before their activations, the input, forget, candidate and output gate;
    /// `next` gets the hidden and the cell state.
    fn lstm_cell(gates: &[f32], cell: &[f32], next: &mut [f32]);
    /// A convolution along the rows of `x` that keeps the channels apart: every row of `y` is `bias`
    /// plus the rows of `x` from its own on, every `dilation`, each times a row of `weight`.
    ///
    /// Rows are as wide as `bias`; `x` reaches as far as the last window.
    fn depthwise(x: &[f32], weight: &[f32], bias: &[f32], dilation: usize, y: &mut [f32]);
    /// Dot products of one query, per head, with the keys in the rows that `path` names:
    /// `scores[head * path.len() + step]`.
    fn path_scores(q: &[f32], keys: &[f32], path: &[u32], heads: usize, scores: &mut [f32]);
    /// The values in the rows that `path` names, each times its
    /// `weights[head * path.len() + step]`, summed per head.
    fn path_mix(weights: &[f32], values: &[f32], path: &[u32], heads: usize, y: &mut [f32]);
}

#[cfg(test)]
mod tests;

//! The arithmetic of the networks, once per instruction set, chosen at run time.
//!
//! A [`Kernel`] is proof that this CPU runs its instructions: values are made only by detection, so
//! every `unsafe` call below rests on having one. Matrix products are written per instruction set
//! ([`scalar`], `avx2`, `avx512`); everything element-wise is written once ([`elementwise`]) and
//! compiled once per instruction set. None of it contracts or reorders float operations, so all
//! kernels agree bit for bit, except in [`Kernel::float_tile`], where the vector kernels fuse
//! multiply and add.

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod elementwise;
pub mod math;
mod scalar;

use std::sync::OnceLock;

pub use aligned::Aligned;
pub use elementwise::{Activation, Finish, RowScale};

/// Names the kernel to use instead of the best one of this CPU.
pub const KERNEL_ENV: &str = "MYNAH_KERNEL";

/// Most rows that one call of [`Kernel::byte_tile`] or [`Kernel::float_tile`] takes.
pub const TILE_ROWS: usize = 8;

/// Widest panel of any kernel, in columns.
pub const MAX_COLUMNS: usize = 48;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    #[error(
        "{KERNEL_ENV} is `{name}`, which is no kernel; leave it unset or choose one of: scalar, \
         avx2, avx512vnni"
    )]
    Unknown { name: String },
    #[error(
        "{KERNEL_ENV} is `{name}`, which this CPU cannot run; leave it unset or choose one of: \
         {available}"
    )]
    Lacking { name: &'static str, available: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Isa {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

/// One implementation of the arithmetic that this CPU can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Isa);

impl Kernel {
    /// The reference every other kernel is tested against; runs anywhere.
    pub const SCALAR: Kernel = Kernel(Isa::Scalar);

    /// All kernels of this CPU, the best last.
    pub fn available() -> Vec<Kernel> {
        #[cfg_attr(
            not(target_arch = "x86_64"),
            expect(unused_mut, reason = "other architectures have no second kernel yet")
        )]
        let mut kernels = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 {
                kernels.push(Kernel(Isa::Avx2));
            }
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                kernels.push(Kernel(Isa::Avx512Vnni));
            }
        }
        kernels
    }

    /// The kernel called `name`, as [`KERNEL_ENV`] spells it.
    pub fn by_name(name: &str) -> Result<Kernel, KernelError> {
        let available = Self::available();
        if let Some(kernel) = available.iter().find(|kernel| kernel.name() == name) {
            return Ok(*kernel);
        }
        match ["scalar", "avx2", "avx512vnni"].into_iter().find(|known| *known == name) {
            None => Err(KernelError::Unknown { name: name.to_owned() }),
            Some(name) => {
                let available = available.iter().map(|kernel| kernel.name()).collect::<Vec<_>>();
                Err(KernelError::Lacking { name, available: available.join(", ") })
            }
        }
    }

    /// The kernel of this process: the one [`KERNEL_ENV`] names, else the best. Decided once.
    pub fn current() -> Result<Kernel, KernelError> {
        static CURRENT: OnceLock<Result<Kernel, KernelError>> = OnceLock::new();
        CURRENT
            .get_or_init(|| match std::env::var_os(KERNEL_ENV) {
                Some(name) => Self::by_name(&name.to_string_lossy()),
                None => Ok(Self::available().pop().unwrap_or(Self::SCALAR)),
            })
            .clone()
    }

    pub fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => "avx512vnni",
        }
    }

    /// Columns of a weight panel: as many as keep the accumulators of a tile in registers.
    pub const fn columns(self) -> usize {
        match self.0 {
            Isa::Scalar => scalar::COLUMNS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::COLUMNS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => avx512::COLUMNS,
        }
    }

    /// Neighbouring inputs that stand together in one 32-bit word of a byte tile.
    pub const fn group(self) -> usize {
        match self.0 {
            Isa::Scalar => scalar::GROUP,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::GROUP,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => avx512::GROUP,
        }
    }

    /// Packs 8-bit codes into words of [`Kernel::group`] inputs, the last padded with zeros.
    ///
    /// Four codes fill a word as bytes; two fill it as 16-bit numbers.
    pub fn pack_codes(self, codes: &[i8], words: &mut Vec<u32>) {
        let group = self.group();
        let word = |codes: &[i8]| match *codes {
            [a, b, c, d] => u32::from_le_bytes([a as u8, b as u8, c as u8, d as u8]),
            [a, b] => u32::from(i16::from(a) as u16) | u32::from(i16::from(b) as u16) << 16,
            _ => 0,
        };
        let whole = codes.chunks_exact(group);
        let rest = whole.remainder();
        words.extend(whole.map(word));
        if !rest.is_empty() {
            let mut padded = [0; 4];
            padded[..rest.len()].copy_from_slice(rest);
            words.push(word(&padded[..group]));
        }
    }

    /// `sums[row][column] = Σ panel[input][column] * x[row][input]`, exactly.
    ///
    /// `panel` holds `words` groups of [`Kernel::columns`] columns of [`Kernel::group`] bytes; `x`
    /// holds `rows` rows of `words` words from [`Kernel::pack_codes`]; `sums` gets `rows` rows of
    /// [`Kernel::columns`]. At most [`TILE_ROWS`] rows.
    pub fn byte_tile(self, panel: &[u8], x: &[u32], words: usize, rows: usize, sums: &mut [i32]) {
        let columns = self.columns();
        assert!(rows <= TILE_ROWS, "{rows} rows in a tile of {TILE_ROWS}");
        assert_eq!(panel.len(), words * columns * self.group(), "panel of {words} words");
        assert_eq!(x.len(), rows * words, "{rows} rows of {words} words");
        assert_eq!(sums.len(), rows * columns, "{rows} rows of {columns} sums");
        match self.0 {
            Isa::Scalar => scalar::byte_tile(panel, x, words, sums),
            // SAFETY: this kernel exists only where its instructions were detected; the lengths
            // were checked above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2::byte_tile(panel, x, words, rows, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => unsafe { avx512::byte_tile(panel, x, words, rows, sums) },
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
        match self.0 {
            Isa::Scalar => scalar::float_tile(panel, x, stride, rows, sums, sums_stride),
            // SAFETY: this kernel exists only where its instructions were detected; the lengths
            // were checked above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2::float_tile(panel, x, stride, rows, sums, sums_stride) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => unsafe {
                avx512::float_tile(panel, x, stride, rows, sums, sums_stride)
            },
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
                match self.0 {
                    Isa::Scalar => elementwise::$name($($arg),*),
                    // SAFETY: this kernel exists only where its instructions were detected.
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => unsafe { avx2($($arg),*) },
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
    /// Turns one row of byte sums into outputs: weight zero point, scales, bias, activation,
    /// residual.
    fn finish_bytes(sums: &[i32], row: RowScale, finish: &Finish, y: &mut [f32]);
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
    /// `gates` holds, before their activations, the input, forget, candidate and output gate; `next`
    /// gets the hidden and the cell state.
    fn lstm_cell(gates: &[f32], cell: &[f32], next: &mut [f32]);
    /// Dot products of one query, per head, with the keys in the rows that `path` names:
    /// `scores[head * path.len() + step]`.
    fn path_scores(q: &[f32], keys: &[f32], path: &[u32], heads: usize, scores: &mut [f32]);
    /// The values in the rows that `path` names, each times its
    /// `weights[head * path.len() + step]`, summed per head.
    fn path_mix(weights: &[f32], values: &[f32], path: &[u32], heads: usize, y: &mut [f32]);
}

#[cfg(test)]
mod tests;

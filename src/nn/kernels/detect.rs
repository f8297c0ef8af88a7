//! Which kernels this CPU runs, and which one is used.

use std::sync::OnceLock;

/// Names the kernel to use instead of the best one of this CPU.
pub const KERNEL_ENV: &str = "MYNAH_KERNEL";

/// Every kernel of every architecture, worst first per architecture.
const NAMES: [&str; 6] = ["scalar", "avx2", "avxvnni", "avx512vnni", "neon", "neon-dotprod"];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    #[error(
        "{KERNEL_ENV} is `{name}`, which is no kernel; leave it unset or choose one of: {}",
        NAMES.join(", ")
    )]
    Unknown { name: String },
    #[error(
        "{KERNEL_ENV} is `{name}`, which this CPU cannot run; leave it unset or choose one of: \
         {available}"
    )]
    Lacking { name: &'static str, available: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isa {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "aarch64")]
    NeonDotprod,
}

/// One implementation of the arithmetic that this CPU can run.
///
/// Holding one proves it: only this file makes them, and only after detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Isa);

impl Kernel {
    /// The reference every other kernel is tested against; runs anywhere.
    pub const SCALAR: Kernel = Kernel(Isa::Scalar);

    /// All kernels of this CPU, the best last.
    pub fn available() -> Vec<Kernel> {
        let mut kernels = vec![Self::SCALAR];
        kernels.extend(vector_isas().into_iter().flatten().map(Kernel));
        kernels
    }

    /// The kernel called `name`, as [`KERNEL_ENV`] spells it.
    pub fn by_name(name: &str) -> Result<Kernel, KernelError> {
        let available = Self::available();
        if let Some(kernel) = available.iter().find(|kernel| kernel.name() == name) {
            return Ok(*kernel);
        }
        match NAMES.into_iter().find(|known| *known == name) {
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
            Isa::AvxVnni => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => "avx512vnni",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDotprod => "neon-dotprod",
        }
    }

    pub(super) const fn isa(self) -> Isa {
        self.0
    }
}

/// What this CPU has beyond the plain one, the best last.
#[cfg(target_arch = "x86_64")]
fn vector_isas() -> [Option<Isa>; 3] {
    // The tiles of `avx2` fuse multiply and add, and the later kernels take them over.
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx_vnni = avx2 && is_x86_feature_detected!("avxvnni");
    let avx512_vnni = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni");
    [
        avx2.then_some(Isa::Avx2),
        avx_vnni.then_some(Isa::AvxVnni),
        avx512_vnni.then_some(Isa::Avx512Vnni),
    ]
}

#[cfg(target_arch = "aarch64")]
fn vector_isas() -> [Option<Isa>; 2] {
    let neon = std::arch::is_aarch64_feature_detected!("neon");
    let dotprod = neon && std::arch::is_aarch64_feature_detected!("dotprod");
    [neon.then_some(Isa::Neon), dotprod.then_some(Isa::NeonDotprod)]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn vector_isas() -> [Option<Isa>; 0] {
    []
}

//! Nothing goes out: once [`enter`]ed, the kernel refuses this process and every program it starts any
//! socket but Unix ones, and the two ways around that, io_uring and ptrace. SECURITY.md says what this
//! promises and what it cannot.
//!
//! A filter of system calls (seccomp) needs no privileges and cannot be taken off again.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

/// x86-64 kernels may take the calls of another set under numbers with this bit ("x32"), under the
/// same architecture.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;
/// `ptrace` in that set.
#[cfg(target_arch = "x86_64")]
const X32_PTRACE: i64 = 521;

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error(
        "this process is not kept from the network: the kernel takes no filter of system calls \
         ({0}); it needs CONFIG_SECCOMP_FILTER, and the container around it must allow seccomp(2)"
    )]
    Refused(#[from] seccompiler::Error),
    #[error("the filter of system calls cannot be made ({0}); this is a fault of mynah's")]
    Filter(#[from] seccompiler::BackendError),
    #[error("this process is not kept from the network: a socket is refused by no filter ({0})")]
    Leaks(&'static str),
}

/// Shuts the process in, all its threads and all programs that it starts from now on.
///
/// # Errors
/// When the kernel takes no filter.
pub fn enter() -> Result<(), SandboxError> {
    Ok(apply_filter_all_threads(&filter()?)?)
}

/// Whether the kernel refuses what it should, by asking for it.
///
/// # Errors
/// When it answers anything else.
pub fn probe() -> Result<(), SandboxError> {
    let families = [
        (libc::AF_INET, "IPv4"),
        (libc::AF_INET6, "IPv6"),
        (libc::AF_NETLINK, "netlink"),
        (libc::AF_PACKET, "raw packets"),
    ];
    for (family, name) in families {
        // SAFETY: takes no pointers; a descriptor that should not be is closed at once.
        let opened = unsafe { libc::socket(family, libc::SOCK_DGRAM, 0) };
        let error = io::Error::last_os_error();
        if opened >= 0 {
            // SAFETY: just opened, and nobody else knows it.
            unsafe { libc::close(opened) };
        }
        // The filter is asked first, even where the kernel does not know the family.
        if opened >= 0 || error.raw_os_error() != Some(libc::EPERM) {
            return Err(SandboxError::Leaks(name));
        }
    }
    Ok(())
}

/// Everything is allowed but what is named here; a call of another architecture ends the process,
/// since its numbers mean other calls.
fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let not_unix = || {
        let family = SeccompCondition::new(
            0,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::Ne,
            libc::AF_UNIX as u64,
        )?;
        SeccompRule::new(vec![family])
    };
    // Without a rule every call of that number is refused.
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::from([
        (libc::SYS_socket, vec![not_unix()?]),
        (libc::SYS_socketpair, vec![not_unix()?]),
        // Submits calls that no filter sees.
        (libc::SYS_io_uring_setup, vec![]),
        // Lends another process's hands.
        (libc::SYS_ptrace, vec![]),
    ]);
    #[cfg(target_arch = "x86_64")]
    for call in [libc::SYS_socket, libc::SYS_socketpair, libc::SYS_io_uring_setup, X32_PTRACE] {
        refused.insert(X32 | call, vec![]);
    }
    #[cfg(target_arch = "x86_64")]
    let arch = TargetArch::x86_64;
    #[cfg(target_arch = "aarch64")]
    let arch = TargetArch::aarch64;
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(refused, SeccompAction::Allow, refuse, arch)?.try_into()
}

//! Nothing goes out: what a process that shut itself in can still do, and what not. Every test here
//! runs inside, for the filter is the process's.

use std::borrow::Borrow;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;
use std::sync::{OnceLock, mpsc};
use std::thread;

use mynah::sandbox;

/// What a thread that ran before got when it asked for the network.
static EARLY: OnceLock<std::io::Result<()>> = OnceLock::new();

fn shut_in() {
    EARLY.get_or_init(|| {
        let (go, wait) = mpsc::channel::<()>();
        let early = thread::spawn(move || {
            wait.recv().expect("told to go");
            TcpStream::connect("127.0.0.1:9").map(drop)
        });
        sandbox::enter().expect("the kernel takes filters");
        go.send(()).expect("the thread waits");
        early.join().expect("the thread only connects")
    });
}

fn is_refused<T, E: Borrow<std::io::Error>>(result: Result<T, E>) -> bool {
    result.is_err_and(|error| error.borrow().kind() == ErrorKind::PermissionDenied)
}

#[test]
fn nothing_reaches_the_network() {
    shut_in();
    assert!(is_refused(TcpStream::connect("127.0.0.1:9")));
    assert!(is_refused(TcpStream::connect("[::1]:9")));
    assert!(is_refused(TcpListener::bind("127.0.0.1:0")));
    assert!(is_refused(UdpSocket::bind("0.0.0.0:0")));
    // Resolvers ask over sockets; what stands in /etc/hosts needs none.
    assert!("mynah.invalid:80".to_socket_addrs().is_err());
    sandbox::probe().expect("every family but Unix is refused");
}

#[test]
fn no_back_door_is_left() {
    shut_in();
    let refused = |call: i64, first: i64| {
        // SAFETY: with no memory behind its pointers the kernel refuses each call in any case; the
        // question is how.
        let result = unsafe { libc::syscall(call, first, 0, 0, 0, 0, 0) };
        (result, std::io::Error::last_os_error().raw_os_error())
    };
    let not_permitted = (-1, Some(libc::EPERM));
    assert_eq!(refused(libc::SYS_io_uring_setup, 8), not_permitted);
    assert_eq!(refused(libc::SYS_ptrace, i64::from(libc::PTRACE_TRACEME)), not_permitted);
    assert_eq!(refused(libc::SYS_socketpair, i64::from(libc::AF_INET)), not_permitted);
    // The family is an int: what stands above it in the register changes nothing.
    let wide = i64::from(libc::AF_INET) | (i64::from(libc::AF_UNIX) << 32);
    assert_eq!(refused(libc::SYS_socket, wide), not_permitted);
    #[cfg(target_arch = "x86_64")]
    for call in [libc::SYS_socket, libc::SYS_socketpair, libc::SYS_io_uring_setup, 521] {
        assert_eq!(refused(0x4000_0000 | call, i64::from(libc::AF_UNIX)), not_permitted);
    }
}

#[test]
fn unix_sockets_go_on_working() {
    shut_in();
    let (mut one, mut other) = UnixStream::pair().unwrap();
    one.write_all(b"hello").unwrap();
    let mut heard = [0; 5];
    other.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let daemon = UnixDatagram::bind(&path).unwrap();
    UnixDatagram::unbound().unwrap().send_to(b"play", &path).unwrap();
    assert_eq!(daemon.recv(&mut heard).unwrap(), 4);
}

#[test]
fn threads_that_run_already_are_shut_in_too() {
    shut_in();
    assert!(is_refused(EARLY.get().expect("it asked").as_ref()));
}

#[test]
fn programs_inherit_it() {
    shut_in();
    let script = "import socket, sys\n\
                  try:\n    socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n\
                  except PermissionError:\n    sys.exit(7)\n";
    let status = Command::new("python3").args(["-c", script]).status().unwrap();
    assert_eq!(status.code(), Some(7));
}

#[test]
fn entering_twice_is_no_error() {
    shut_in();
    sandbox::enter().expect("a second filter changes nothing");
    sandbox::probe().expect("and takes nothing away");
}

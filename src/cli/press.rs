//! A button as a Unix socket: whoever connects writes `down`, `up` or `tap`, a line each.

use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};

use super::Failure;
use crate::turn::Press;

/// Presses that nobody has looked at yet; whoever presses faster waits.
const PRESSES_AHEAD: usize = 8;

/// From buttons to the agent.
pub fn channel() -> (Sender<Press>, Receiver<Press>) {
    bounded(PRESSES_AHEAD)
}

/// Listens at `path`, where nothing but the socket of an agent that ended may lie, and hands on what
/// is pressed. A connection that writes anything else is told so on standard error and goes on.
pub fn socket(path: &Path, sender: Sender<Press>) -> Result<(), Failure> {
    let listener = bind(path)
        .with_context(|| format!("--press {}: no socket can be made there", path.display()))
        .map_err(Failure::Input)?;
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            match connection {
                Ok(connection) => {
                    let sender = sender.clone();
                    std::thread::spawn(move || read(connection, &sender));
                }
                Err(error) => {
                    eprintln!("mynah: nothing can be pressed any more: {error}");
                    return;
                }
            }
        }
    });
    Ok(())
}

fn bind(path: &Path) -> Result<UnixListener, anyhow::Error> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            if UnixStream::connect(path).is_ok() {
                return Err(anyhow!("another agent listens there"));
            }
            let is_socket = std::os::unix::fs::FileTypeExt::is_socket;
            if !is_socket(&std::fs::symlink_metadata(path)?.file_type()) {
                return Err(anyhow!("a file lies there; choose another name"));
            }
            std::fs::remove_file(path)?;
            Ok(UnixListener::bind(path)?)
        }
        bound => Ok(bound?),
    }
}

/// Hands on what one connection presses. A button that goes away while it is down is let go.
fn read(connection: UnixStream, presses: &Sender<Press>) {
    let mut is_down = false;
    for line in BufReader::new(connection).lines().map_while(Result::ok) {
        let Some(press) = press(&line) else {
            eprintln!("mynah: `{line}` is no press; write down, up or tap");
            continue;
        };
        is_down = press == Press::Down || (is_down && press == Press::Tap);
        if presses.send(press).is_err() {
            return;
        }
    }
    if is_down {
        // An agent that is gone needs no word.
        let _ = presses.send(Press::Up);
    }
}

fn press(line: &str) -> Option<Press> {
    Some(match line.trim() {
        "down" => Press::Down,
        "up" => Press::Up,
        "tap" => Press::Tap,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_presses_and_a_lost_button_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("button");
        let (sender, presses) = channel();
        socket(&path, sender.clone()).expect("a socket");
        let mut button = UnixStream::connect(&path).unwrap();
        button.write_all(b"tap\nwhat\ndown\n").unwrap();
        drop(button);
        let seen: Vec<Press> = presses.iter().take(3).collect();
        assert_eq!(seen, [Press::Tap, Press::Down, Press::Up]);
        let Err(Failure::Input(error)) = socket(&path, sender) else { panic!("it is taken") };
        assert!(format!("{error:#}").contains("another agent listens there"), "{error:#}");
    }

    #[test]
    fn a_file_is_not_taken_for_a_socket() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let Err(Failure::Input(error)) = socket(file.path(), channel().0) else {
            panic!("it is a file")
        };
        assert!(format!("{error:#}").contains("a file lies there"), "{error:#}");
        assert!(file.path().exists());
    }

    #[test]
    fn what_an_agent_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("button");
        drop(UnixListener::bind(&path).unwrap());
        assert!(socket(&path, channel().0).is_ok());
    }
}

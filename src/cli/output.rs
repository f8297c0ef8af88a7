//! What commands write beside their answer: sound files, opened before the work begins and whole or
//! absent after it, and how far they are.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Failure;
use crate::audio::file::{self, AudioFileError, WavWriter};

/// Opens a mono file, so that a name that cannot be written is refused before any work is done.
/// From here on, Ctrl-C takes away what is unfinished and then ends the process as it always does.
pub fn create(path: &Path, rate_hz: u32) -> Result<WavWriter, Failure> {
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot listen for Ctrl-C")?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                file::discard_unfinished();
                // Ends the process, and lets its parent see why.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        })
        .context("cannot start the thread that listens for Ctrl-C")?;
    WavWriter::create(path, rate_hz).map_err(failure)
}

/// A name that cannot be written is the caller's to change; a disk that is full or breaks is not.
pub fn failure(error: AudioFileError) -> Failure {
    let runtime = match &error {
        AudioFileError::Write { source, .. } => !matches!(
            source.kind(),
            ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
                | ErrorKind::InvalidFilename
                | ErrorKind::ReadOnlyFilesystem
        ),
        _ => false,
    };
    if runtime { Failure::Runtime(error.into()) } else { Failure::input(error) }
}

/// A counter in place, for people who watch.
pub fn progress(done: usize, all: usize) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let end = if done == all { "\r\x1b[K" } else { "" };
        let _ = write!(out, "\r{done} of {all}{end}").and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_wrong_input() {
        for (kind, is_input) in [
            (ErrorKind::StorageFull, false),
            (ErrorKind::QuotaExceeded, false),
            (ErrorKind::Other, false),
            (ErrorKind::NotFound, true),
            (ErrorKind::PermissionDenied, true),
            (ErrorKind::ReadOnlyFilesystem, true),
        ] {
            let error = AudioFileError::Write { path: "a.wav".into(), source: kind.into() };
            assert_eq!(matches!(failure(error), Failure::Input(_)), is_input, "{kind:?}");
        }
        let error = AudioFileError::NotAFile { path: "/dev/null".into() };
        assert!(matches!(failure(error), Failure::Input(_)));
    }
}

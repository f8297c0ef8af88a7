//! Input files are regular files: opening a named pipe waits for its writer, perhaps for ever, and
//! a device may never end.

use std::fs::{FileType, Metadata};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

/// The metadata of `path`, links followed; an error that says what it is when it is no file.
pub fn metadata(path: &Path) -> Result<Metadata> {
    let metadata = path.metadata()?;
    match name_of(metadata.file_type()) {
        None => Ok(metadata),
        Some(found) => {
            Err(Error::new(ErrorKind::InvalidInput, format!("it is {found}, not a file")))
        }
    }
}

/// What a person calls it; `None` for a regular file.
fn name_of(kind: FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_file() => None,
        _ if kind.is_dir() => Some("a folder"),
        _ if kind.is_fifo() => Some("a named pipe"),
        _ if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_is_read_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "text").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(metadata(&link).unwrap().len(), 4);
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for (path, told) in [
            (dir.path(), "it is a folder, not a file"),
            (pipe.as_path(), "it is a named pipe, not a file"),
            (Path::new("/dev/zero"), "it is a device, not a file"),
        ] {
            assert_eq!(metadata(path).unwrap_err().to_string(), told);
        }
        assert_eq!(metadata(&dir.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

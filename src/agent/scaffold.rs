//! A first agent to extend: small, complete, and passing its own tests.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Stands for the agent's name in a file.
const NAME: &str = "NAME";

struct File {
    path: &'static str,
    text: &'static str,
    mode: u32,
}

const fn text(path: &'static str, text: &'static str) -> File {
    File { path, text, mode: 0o666 }
}

const FILES: &[File] = &[
    text("agent.toml", include_str!("scaffold/agent.toml")),
    text("intents/table.yaml", include_str!("scaffold/intents/table.yaml")),
    text("dialogue.yaml", include_str!("scaffold/dialogue.yaml")),
    text("tests/bookings.yaml", include_str!("scaffold/tests/bookings.yaml")),
    File { path: "book.sh", text: include_str!("scaffold/book.sh"), mode: 0o777 },
];

#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    #[error("{}: it is not a folder. Name one that is empty or not there yet", .0.display())]
    NotAFolder(PathBuf),
    #[error(
        "{}: the folder is not empty, and nothing in it is overwritten. Name another one, or move \
         its files away", .0.display()
    )]
    NotEmpty(PathBuf),
    #[error(
        "{}: the folder's name is the agent's, and this one is blank or not UTF-8 text. Name \
         another one", .0.display()
    )]
    Name(PathBuf),
    #[error(
        "{}: the folder it is to be in is not there. Make it first: mkdir -p {}",
        .0.display(), quoted(.1)
    )]
    NoParent(PathBuf, PathBuf),
    #[error("{}: cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Writes an agent to `dir`, which is empty or not there yet, and names it after the folder.
/// Returns the files written, below `dir`. When it fails, the folder is as it was before.
pub fn scaffold(dir: &Path) -> Result<Vec<&'static str>, ScaffoldError> {
    let failed = |source| ScaffoldError::Write { path: dir.to_owned(), source };
    let is_there = match fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(ScaffoldError::NotEmpty(dir.to_owned()));
            }
            true
        }
        Err(e) if e.kind() == ErrorKind::NotFound => false,
        Err(e) if e.kind() == ErrorKind::NotADirectory && dir.exists() => {
            return Err(ScaffoldError::NotAFolder(dir.to_owned()));
        }
        Err(e) => return Err(failed(e)),
    };
    // `.` and `..` have a name of their own, and a folder that is not there has one above it.
    let (above, whole) = if is_there {
        let whole = dir.canonicalize().map_err(failed)?;
        (whole.clone(), whole)
    } else {
        let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        if !above.is_dir() {
            return Err(ScaffoldError::NoParent(dir.to_owned(), above.to_owned()));
        }
        (above.to_owned(), dir.to_owned())
    };
    let name = whole.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| ScaffoldError::Name(dir.to_owned()))?;

    let stage = Stage(above.join(format!(".mynah-new-{}", std::process::id())));
    stage.write(name).map_err(failed)?;
    if is_there {
        // The folder itself stays: it may be the one that its owner stands in.
        stage.empty_into(dir).map_err(failed)?;
    } else {
        fs::rename(&stage.0, dir).map_err(failed)?;
    }
    Ok(FILES.iter().map(|file| file.path).collect())
}

/// A folder beside its destination; gone, with what is left in it, when it is dropped.
struct Stage(PathBuf);

impl Stage {
    fn write(&self, name: &str) -> io::Result<()> {
        fs::create_dir(&self.0)?;
        for file in FILES {
            let path = self.0.join(file.path);
            fs::create_dir_all(path.parent().unwrap_or(&self.0))?;
            let name = toml::Value::from(name).to_string();
            let text = file.text.replace(&format!("= {NAME}"), &format!("= {name}"));
            let mut options = OpenOptions::new();
            let mut out = options.write(true).create_new(true).mode(file.mode).open(path)?;
            out.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    /// Moves everything into `dir`, or nothing.
    fn empty_into(&self, dir: &Path) -> io::Result<()> {
        let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let from = entry?.path();
            let to = dir.join(from.file_name().unwrap_or_default());
            if let Err(error) = fs::rename(&from, &to) {
                for (from, to) in &moved {
                    // What cannot be moved back stays to be seen; the first error says why.
                    let _ = fs::rename(to, from);
                }
                return Err(error);
            }
            moved.push((from, to));
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // After the move to its destination there is nothing left.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    // A path is not to look like an option.
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::agent::{Agent, rehearse};

    fn entries(dir: &Path) -> usize {
        fs::read_dir(dir).expect("a folder").count()
    }

    #[test]
    fn what_is_written_loads_and_passes_its_own_tests() {
        let above = tempfile::tempdir().unwrap();
        for name in
            ["counter", "Café am Eck", "it's \"quoted\" \\ and {{ braced }}", "茶館", "NAME"]
        {
            let dir = above.path().join(name);
            let files = scaffold(&dir).unwrap();
            assert!(files.iter().all(|file| dir.join(file).is_file()));
            let agent = Arc::new(Agent::load(&dir).unwrap_or_else(|e| panic!("{name}: {e}")));
            assert_eq!(agent.name, name);
            let rehearsal = rehearse(&agent);
            assert_eq!(rehearsal.failures, []);
            assert!(rehearsal.passed >= 2);
        }
        assert_eq!(entries(above.path()), 5, "nothing is left beside the agents");
    }

    #[test]
    fn an_empty_folder_is_filled_and_stays_the_same_folder() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let before = dir.path().metadata().unwrap().ino();
        scaffold(dir.path()).unwrap();
        assert_eq!(dir.path().metadata().unwrap().ino(), before);
        assert_eq!(entries(dir.path()), 5);
        assert!(Agent::load(dir.path()).is_ok());
    }

    #[test]
    fn what_is_there_is_never_touched() {
        let above = tempfile::tempdir().unwrap();
        let full = above.path().join("full");
        fs::create_dir(&full).unwrap();
        fs::write(full.join("agent.toml"), "mine").unwrap();
        let file = above.path().join("file");
        fs::write(&file, "mine").unwrap();
        for (dir, part) in [
            (full.clone(), "not empty"),
            (file.clone(), "not a folder"),
            (above.path().join("a/b"), "mkdir -p"),
            (above.path().join("  "), "blank"),
        ] {
            let error = scaffold(&dir).expect_err(part).to_string();
            assert!(error.contains(part) && error.contains(&dir.display().to_string()), "{error}");
        }
        assert_eq!((entries(above.path()), entries(&full)), (2, 1));
        assert_eq!(fs::read_to_string(full.join("agent.toml")).unwrap(), "mine");
    }

    #[test]
    fn a_path_is_quoted_where_a_shell_needs_it() {
        for (path, shown) in [
            ("agents/café", "agents/café"),
            ("my agent", "'my agent'"),
            ("it's", r"'it'\''s'"),
            ("-x", "./-x"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(quoted(Path::new(path)), shown);
        }
    }
}

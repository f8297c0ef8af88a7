//! The converted models on disk: where they are, and that they are whole.
//!
//! `make models` writes a folder with an `index.json` that lists every file with its size and
//! SHA-256. A store opens only when the index belongs to this program; a file is handed out only
//! when its bytes are the listed ones, so a damaged card is a sentence and not a strange answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Layout version of the models folder. The converter writes the same number.
pub const MODELS_FORMAT: u32 = 1;

/// Names the models folder when it lies elsewhere.
pub const MODELS_ENV: &str = "MYNAH_MODELS";

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(
        "no models found: looked for index.json in {looked}. Run `make models` in the source tree, \
         or set {MODELS_ENV} to the folder that holds them"
    )]
    NotFound { looked: String },
    #[error("{path}: {why}. Run `make models` again to rebuild the models")]
    Damaged { path: PathBuf, why: String },
    #[error(
        "{path}: models folder has format {found}, this program reads {MODELS_FORMAT}. \
         Run `make models` of the same version"
    )]
    WrongFormat { path: PathBuf, found: u32 },
    #[error("{path}: cannot read: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
}

#[derive(Deserialize)]
struct Index {
    format: u32,
    files: BTreeMap<String, Listed>,
}

#[derive(Deserialize)]
struct Listed {
    bytes: u64,
    sha256: String,
}

/// An opened models folder.
pub struct ModelStore {
    root: PathBuf,
    files: BTreeMap<String, Listed>,
}

impl ModelStore {
    /// Opens `explicit` when given, else the first of: `$MYNAH_MODELS`, `models/` beside the
    /// program, `/usr/share/mynah/models`, and the source tree the program was built in.
    pub fn open(explicit: Option<&Path>) -> Result<Self, ModelError> {
        let candidates = match explicit {
            Some(dir) => vec![dir.to_owned()],
            None => default_folders(),
        };
        for root in &candidates {
            let path = root.join("index.json");
            if path.is_file() {
                return Self::read(root, &path);
            }
        }
        let looked =
            candidates.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
        Err(ModelError::NotFound { looked })
    }

    fn read(root: &Path, path: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })?;
        let index: Index = serde_json::from_str(&text).map_err(|e| ModelError::Damaged {
            path: path.to_owned(),
            why: format!("not a models index ({e})"),
        })?;
        if index.format != MODELS_FORMAT {
            return Err(ModelError::WrongFormat { path: path.to_owned(), found: index.format });
        }
        Ok(Self { root: root.to_owned(), files: index.files })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A hash of everything listed: equal where all files are.
    pub fn fingerprint(&self) -> String {
        let all: String =
            self.files.iter().map(|(name, file)| format!("{name} {}\n", file.sha256)).collect();
        sha256(all.as_bytes())
    }

    /// Names of all listed files, in name order (`asr/encoder.onnx`, …).
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The checked bytes of one file, named relative to the folder (`"vad/silero.onnx"`).
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, ModelError> {
        let path = self.root.join(name);
        let damaged = |why: String| ModelError::Damaged { path: path.clone(), why };
        let listed =
            self.files.get(name).ok_or_else(|| damaged("not listed in index.json".into()))?;
        let bytes = std::fs::read(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => damaged("the file is missing".into()),
            _ => ModelError::Unreadable { path: path.clone(), source: e },
        })?;
        if bytes.len() as u64 != listed.bytes {
            return Err(damaged(format!("{} bytes long, should be {}", bytes.len(), listed.bytes)));
        }
        if sha256(&bytes) != listed.sha256 {
            return Err(damaged("the content does not match its SHA-256".into()));
        }
        Ok(bytes)
    }

    /// The numbers of a golden file (`"vad/speech.audio.f32"`).
    #[cfg(test)]
    pub fn golden(&self, name: &str) -> Vec<f32> {
        let bytes = self.bytes(&format!("golden/{name}")).expect("goldens are built");
        bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }
}

fn default_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(dir) = std::env::var_os(MODELS_ENV) {
        // An explicit choice is never silently replaced by another folder.
        return vec![PathBuf::from(dir)];
    }
    if let Some(dir) =
        std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("models")))
    {
        folders.push(dir);
    }
    folders.push(PathBuf::from("/usr/share/mynah/models"));
    folders.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/built"));
    folders
}

/// SHA-256 of `bytes`, in hexadecimal figures.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(index: &str, file: &[u8]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("index.json"), index).unwrap();
        std::fs::write(dir.path().join("a.bin"), file).unwrap();
        dir
    }

    const ABC: &str = r#"{"format":1,"files":{"a.bin":{"bytes":3,
        "sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}}"#;

    #[test]
    fn a_whole_file_is_handed_out() {
        let dir = folder(ABC, b"abc");
        let store = ModelStore::open(Some(dir.path())).unwrap();
        assert_eq!(store.bytes("a.bin").unwrap(), b"abc");
    }

    #[test]
    fn damage_is_named() {
        for (file, why) in [(&b"ab"[..], "2 bytes long"), (&b"abd"[..], "SHA-256")] {
            let dir = folder(ABC, file);
            let error = ModelStore::open(Some(dir.path())).unwrap().bytes("a.bin").unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert!(error.to_string().contains("make models"), "{error}");
        }
    }

    #[test]
    fn a_missing_folder_a_broken_index_and_another_format_are_told_apart() {
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(ModelStore::open(Some(empty.path())), Err(ModelError::NotFound { .. })));
        let broken = folder("{", b"");
        assert!(matches!(ModelStore::open(Some(broken.path())), Err(ModelError::Damaged { .. })));
        let newer = folder(r#"{"format":99,"files":{}}"#, b"");
        assert!(matches!(
            ModelStore::open(Some(newer.path())),
            Err(ModelError::WrongFormat { found: 99, .. })
        ));
    }
}

//! Reads the reference values that `models/convert/tts.py` wrote, for the tests beside the code.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::models::ModelStore;

#[derive(Deserialize)]
struct Case {
    speed: f32,
    arrays: BTreeMap<String, Array>,
}

#[derive(Deserialize)]
struct Array {
    file: String,
    shape: Vec<usize>,
}

/// One synthesised clause with everything that passed between the stages.
pub struct Golden {
    pub name: String,
    pub speed: f32,
    folder: PathBuf,
    arrays: BTreeMap<String, Array>,
}

impl Golden {
    pub fn all(store: &ModelStore) -> Vec<Self> {
        let folder = store.root().join("golden/tts");
        let text = std::fs::read_to_string(folder.join("cases.json")).expect("goldens are built");
        let cases: BTreeMap<String, Case> = serde_json::from_str(&text).expect("as written");
        assert!(!cases.is_empty());
        let golden = |(name, case): (String, Case)| Self {
            name,
            speed: case.speed,
            folder: folder.clone(),
            arrays: case.arrays,
        };
        cases.into_iter().map(golden).collect()
    }

    fn bytes(&self, what: &str, size: usize) -> Vec<u8> {
        let array = &self.arrays[what];
        let bytes = std::fs::read(self.folder.join(&array.file)).expect("goldens are built");
        assert_eq!(bytes.len(), size * array.shape.iter().product::<usize>());
        bytes
    }

    pub fn f32(&self, what: &str) -> Vec<f32> {
        let value = |b: &[u8]| f32::from_le_bytes(b.try_into().expect("4 bytes"));
        self.bytes(what, 4).chunks_exact(4).map(value).collect()
    }

    pub fn i64(&self, what: &str) -> Vec<i64> {
        let value = |b: &[u8]| i64::from_le_bytes(b.try_into().expect("8 bytes"));
        self.bytes(what, 8).chunks_exact(8).map(value).collect()
    }

    /// Fails unless the values are as many as the reference's and differ from it by at most
    /// `tolerance`, root mean square.
    pub fn assert_near(&self, what: &str, found: &[f32], tolerance: f64) {
        let expected = self.f32(what);
        assert_eq!(found.len(), expected.len(), "{}: length of {what}", self.name);
        let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        let sum: f64 = found.iter().zip(&expected).map(square).sum();
        let error = (sum / expected.len() as f64).sqrt();
        println!("{}: {what} off by {error:.2e}", self.name);
        assert!(error <= tolerance, "{}: {what} off by {error}", self.name);
    }
}

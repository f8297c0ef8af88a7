//! The small word tables of the voice, as the converter writes them.

use std::collections::HashMap;

use serde::Deserialize;

use super::TextError;

pub(super) const FILE: &str = "tts/text.json";
/// Layout of the file; the converter writes the same number.
const FORMAT: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tables {
    format: u32,
    /// The acoustic model's number of every phoneme and mark.
    pub ids: HashMap<char, i64>,
    /// Alphabet of the out-of-vocabulary network, letters in and sounds out.
    pub letters: Vec<char>,
    pub sounds: Vec<char>,
    /// Sounds per letter at most, and letters per word at most, of that network.
    pub slots: usize,
    pub longest: usize,
    /// Full names, January first.
    pub months: Vec<String>,
    /// "Prof" → "Professor"; expanded only before a capital.
    pub titles: HashMap<String, String>,
    /// "approx." → "approximately".
    pub abbreviations: HashMap<String, String>,
    /// "km" → one and several.
    pub units: HashMap<String, [String; 2]>,
    pub currencies: HashMap<String, [String; 2]>,
    pub symbols: Vec<(char, String)>,
    /// Words before a Roman numeral that counts ("Chapter IV") or orders ("Henry VIII").
    pub numbered: Vec<String>,
    pub ordered: Vec<String>,
    /// Chunks the tokeniser always cuts the same way.
    pub exceptions: HashMap<String, Vec<String>>,
}

impl Tables {
    pub fn parse(bytes: &[u8]) -> Result<Self, TextError> {
        let tables: Self = serde_json::from_slice(bytes)
            .map_err(|source| TextError::Tables { file: FILE, source })?;
        if tables.format != FORMAT || tables.months.len() != 12 {
            return Err(TextError::Format { file: FILE });
        }
        Ok(tables)
    }
}

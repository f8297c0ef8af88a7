//! A sorted table of byte keys and byte values that is used as it lies in the file.
//!
//! Keys are front-coded in blocks of [`BLOCK`]: a record stores how many bytes it shares with the
//! key before it and the rest. 183,000 pronunciations stay one allocation of 3 MB, and a look-up is
//! a binary search over block heads and a scan of at most one block.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Entries per block; `models/convert/tts_text.py` packs with the same number.
const BLOCK: usize = 16;
/// Shared bytes, other key bytes, value bytes: one byte each in front of every record.
const RECORD_HEAD: usize = 3;

/// Reads a packed file from front to back. `None` from any step means that the file ends early.
pub(super) struct Unpack {
    bytes: Arc<Vec<u8>>,
    at: usize,
}

impl Unpack {
    /// Starts behind `magic`; `None` when the file starts with anything else.
    pub fn new(bytes: Vec<u8>, magic: &[u8]) -> Option<Self> {
        bytes.starts_with(magic).then(|| Self { bytes: bytes.into(), at: magic.len() })
    }

    fn skip(&mut self, len: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.bytes.len())?;
        Some(std::mem::replace(&mut self.at, end)..end)
    }

    pub fn u32(&mut self) -> Option<u32> {
        let range = self.skip(4)?;
        Some(u32::from_le_bytes(self.bytes[range].try_into().ok()?))
    }

    /// A text with its length in one byte before it.
    pub fn short_text(&mut self) -> Option<String> {
        let len = self.skip(1)?;
        let range = self.skip(usize::from(self.bytes[len.start]))?;
        String::from_utf8(self.bytes[range].to_vec()).ok()
    }

    pub fn table(&mut self) -> Option<Table> {
        let entries = self.u32()? as usize;
        let blocks = self.u32()? as usize;
        let data_len = self.u32()? as usize;
        let index = self.skip(blocks.checked_mul(4)?)?;
        let data = self.skip(data_len)?;
        let table = Table { bytes: Arc::clone(&self.bytes), index, data };
        let sound = blocks == entries.div_ceil(BLOCK)
            && (0..blocks).all(|block| table.head(block).is_some());
        sound.then_some(table)
    }
}

pub(super) struct Table {
    bytes: Arc<Vec<u8>>,
    /// Where the block offsets lie in `bytes`: one little-endian u32 each.
    index: Range<usize>,
    /// Where the records lie in `bytes`.
    data: Range<usize>,
}

struct Record<'t> {
    shared: usize,
    rest: &'t [u8],
    value: &'t [u8],
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let key = key.as_bytes();
        let (mut low, mut high) = (0, self.index.len() / 4);
        while low < high {
            let middle = low.midpoint(high);
            match self.head(middle)?.cmp(key) {
                Ordering::Greater => high = middle,
                Ordering::Less | Ordering::Equal => low = middle + 1,
            }
        }
        self.scan(low.checked_sub(1)?, key)
    }

    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Walks one block without rebuilding its keys: `same` is how many bytes of `key` the last
    /// record had, and every record passed so far sorts before `key`.
    fn scan(&self, block: usize, key: &[u8]) -> Option<&[u8]> {
        let mut at = self.offset(block)?;
        let mut same = 0;
        for _ in 0..BLOCK {
            let record = self.record(at)?;
            at += RECORD_HEAD + record.rest.len() + record.value.len();
            match record.shared.cmp(&same) {
                Ordering::Less => return None,
                Ordering::Greater => continue,
                Ordering::Equal => {}
            }
            let wanted = &key[same..];
            if record.rest == wanted {
                return Some(record.value);
            }
            if record.rest > wanted {
                return None;
            }
            same += record.rest.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        }
        None
    }

    fn head(&self, block: usize) -> Option<&[u8]> {
        let record = self.record(self.offset(block)?)?;
        (record.shared == 0).then_some(record.rest)
    }

    fn offset(&self, block: usize) -> Option<usize> {
        let four = self.bytes[self.index.clone()].get(block * 4..block * 4 + 4)?;
        Some(u32::from_le_bytes(four.try_into().ok()?) as usize)
    }

    fn record(&self, at: usize) -> Option<Record<'_>> {
        let data = &self.bytes[self.data.clone()];
        let &[shared, rest, value] = data.get(at..at + RECORD_HEAD)? else { return None };
        let (rest, value) = (usize::from(rest), usize::from(value));
        let body = data.get(at + RECORD_HEAD..at + RECORD_HEAD + rest + value)?;
        let (rest, value) = body.split_at(rest);
        Some(Record { shared: usize::from(shared), rest, value })
    }
}

/// Packs like the converter does, for tests that need no models.
#[cfg(test)]
pub(super) fn pack(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut sorted = entries.to_vec();
    sorted.sort();
    let (mut data, mut offsets, mut before) = (Vec::new(), Vec::new(), "");
    for (i, (key, value)) in sorted.iter().enumerate() {
        let mut shared = 0;
        if i % BLOCK == 0 {
            offsets.push(data.len() as u32);
        } else {
            shared = key.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        }
        data.extend([shared as u8, (key.len() - shared) as u8, value.len() as u8]);
        data.extend(&key.as_bytes()[shared..]);
        data.extend(*value);
        before = key;
    }
    let head = [sorted.len() as u32, offsets.len() as u32, data.len() as u32];
    let numbers = head.iter().chain(&offsets).flat_map(|n| n.to_le_bytes());
    numbers.collect::<Vec<u8>>().into_iter().chain(data).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn table(entries: &[(&str, &[u8])]) -> Table {
        Unpack::new(pack(entries), b"").unwrap().table().unwrap()
    }

    #[test]
    fn an_empty_table_holds_nothing() {
        assert_eq!(table(&[]).get(""), None);
        assert_eq!(table(&[]).get("word"), None);
    }

    proptest! {
        #[test]
        fn a_table_answers_like_a_map(
            words in prop::collection::btree_map("[ab]{0,6}", prop::collection::vec(any::<u8>(), 0..4), 0..80),
            asked in prop::collection::vec("[abc]{0,7}", 40),
        ) {
            let words: BTreeMap<String, Vec<u8>> = words;
            let entries: Vec<_> = words.iter().map(|(k, v)| (k.as_str(), v.as_slice())).collect();
            let table = table(&entries);
            for word in words.keys().chain(&asked) {
                prop_assert_eq!(table.get(word), words.get(word).map(Vec::as_slice));
            }
        }

        #[test]
        fn a_damaged_table_never_panics(
            mut bytes in Just(pack(&[("a", b"1"), ("ab", b"2"), ("b", b"3")])),
            damage in prop::collection::vec((0usize..48, any::<u8>()), 1..6),
            keep in 0usize..64,
        ) {
            for (at, value) in damage {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(keep);
            if let Some(table) = Unpack::new(bytes, b"").and_then(|mut unpack| unpack.table()) {
                let _ = (table.get("a"), table.get("ab"), table.get("zz"));
            }
        }
    }
}

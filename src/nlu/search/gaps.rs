//! Ends of words, and the skip words behind them.

use super::super::ways::Cost;
use super::Search;

impl Search<'_, '_> {
    /// Places where a sentence may start: the first word, or after skip words, with their cost.
    pub(in crate::nlu) fn starts(&self) -> Vec<(u32, Cost)> {
        self.skips(0)
    }

    /// What it costs to call the text finished at `at`, if that is possible.
    pub(in crate::nlu) fn finish(&self, at: u32) -> Option<Cost> {
        if at > self.end() {
            return Some(Cost::default());
        }
        self.gaps(at).into_iter().filter(|(to, _)| *to > self.end()).map(|(_, c)| c).min()
    }

    /// Where the next word starts after a word that ends at `at`, with the cost of words skipped.
    pub(in crate::nlu) fn gaps(&self, at: u32) -> Vec<(u32, Cost)> {
        let end = self.end();
        let byte = at as usize;
        if at > end {
            vec![(at, Cost::default())]
        } else if at == end {
            vec![(end + 1, Cost::default())]
        } else if self.words.ends_word(byte) {
            self.skips(at + 1)
        } else if self.words.starts_word(byte) {
            vec![(at, Cost::default())]
        } else {
            Vec::new()
        }
    }

    /// `start` and every word after skip words that start there.
    fn skips(&self, start: u32) -> Vec<(u32, Cost)> {
        let mut found = vec![(start, Cost::default())];
        let mut next = 0;
        while let Some((from, cost)) = found.get(next).copied() {
            next += 1;
            let rest = self.words.text.get(from as usize..).unwrap_or_default();
            for skip in &self.machine.skip_words {
                let after = from as usize + skip.len();
                if rest.starts_with(skip.as_str()) && self.words.ends_word(after) {
                    // Past the space, or past the end.
                    let to = after as u32 + 1;
                    if !found.iter().any(|(seen, _)| *seen == to) {
                        found.push((to, cost.plus(Cost::SKIPPED)));
                    }
                }
            }
        }
        found
    }
}

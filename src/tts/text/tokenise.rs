//! Words and marks of a line, cut where the tagger was trained to see them cut.
//!
//! A chunk between spaces loses its leading and closing marks one by one until the rest is a known
//! exception ("don't", "10am", "Mr.") or has none left; the rest is then cut at inner marks
//! (hyphens, slashes). Pieces that join to an exception are joined again ("Sept" + ".").

use std::collections::HashMap;

use regex::Regex;

use super::affix::{inner_len, prefix_len, suffix_len};
use super::letters::narrow;

/// A token's text, and whether space follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub text: String,
    pub space_after: bool,
}

pub(super) struct Tokeniser {
    /// Chunks that are always cut the same way.
    exceptions: HashMap<String, Vec<String>>,
    /// Bytes of the longest exception: longer texts need not be looked up.
    longest: usize,
    address: Regex,
}

/// Web and mail addresses stay whole.
const ADDRESS: &str = r"(?xi)
    ^(?: (?:https?|ftp)://.+
       | www\..+
       | [\w.+-]+@[\w-]+(?:\.[\w-]+)+
       | (?:[\w-]+\.)+(?:com|org|net|edu|gov|io|co|uk|de|fr|info|biz|us|ca|au|tv|me|ly|ai)(?:/.*)?
      )$";

impl Tokeniser {
    pub fn new(exceptions: HashMap<String, Vec<String>>) -> Self {
        let address = Regex::new(&narrow(ADDRESS)).expect("a constant pattern");
        let longest = exceptions.keys().map(String::len).max().unwrap_or(0);
        Self { exceptions, longest, address }
    }

    fn exception(&self, text: &str) -> Option<&[String]> {
        if text.len() > self.longest {
            return None;
        }
        self.exceptions.get(text).map(Vec::as_slice)
    }

    pub fn tokens(&self, line: &str) -> Vec<Raw> {
        let mut tokens: Vec<Raw> = Vec::new();
        for chunk in line.split_whitespace() {
            if let Some(last) = tokens.last_mut() {
                last.space_after = true;
            }
            let texts = self.cut(chunk);
            tokens.extend(texts.into_iter().map(|text| Raw { text, space_after: false }));
        }
        if let Some(last) = tokens.last_mut() {
            last.space_after = line.ends_with(char::is_whitespace);
        }
        tokens
    }

    fn cut(&self, chunk: &str) -> Vec<String> {
        if let Some(texts) = self.exception(chunk) {
            return texts.to_vec();
        }
        let (mut leading, mut closing) = (Vec::new(), Vec::new());
        let core = self.peel(chunk, &mut leading, &mut closing);
        let mut texts = leading;
        if let Some(known) = self.exception(core) {
            texts.extend(known.iter().cloned());
        } else if self.address.is_match(core) {
            texts.push(core.to_owned());
        } else {
            cut_inside(core, &mut texts);
        }
        texts.extend(closing.into_iter().rev());
        if texts.len() > 1 { self.rejoin(texts) } else { texts }
    }

    /// Takes marks off both ends and returns what is left, possibly nothing.
    fn peel<'c>(
        &self,
        chunk: &'c str,
        leading: &mut Vec<String>,
        closing: &mut Vec<String>,
    ) -> &'c str {
        let is_exception = |text: &str| self.exception(text).is_some();
        let mut rest = chunk;
        while !rest.is_empty() && !is_exception(rest) {
            let (prefix, after) = rest.split_at(prefix_len(rest));
            if !prefix.is_empty() && is_exception(after) {
                leading.push(prefix.to_owned());
                return after;
            }
            let suffix_at = rest.len() - suffix_len(after);
            let (before, suffix) = rest.split_at(suffix_at);
            if !suffix.is_empty() && is_exception(before) {
                closing.push(suffix.to_owned());
                return before;
            }
            if prefix.is_empty() && suffix.is_empty() {
                break;
            }
            rest = &rest[prefix.len()..suffix_at];
            leading.extend((!prefix.is_empty()).then(|| prefix.to_owned()));
            closing.extend((!suffix.is_empty()).then(|| suffix.to_owned()));
        }
        rest
    }

    fn rejoin(&self, texts: Vec<String>) -> Vec<String> {
        let mut joined = Vec::with_capacity(texts.len());
        let mut at = 0;
        while at < texts.len() {
            let known = [3, 2].into_iter().filter(|len| at + len <= texts.len()).find_map(|len| {
                self.exception(&texts[at..at + len].concat()).map(|known| (len, known))
            });
            match known {
                Some((len, known)) => {
                    joined.extend(known.iter().cloned());
                    at += len;
                }
                None => {
                    joined.push(texts[at].clone());
                    at += 1;
                }
            }
        }
        joined
    }
}

/// Cuts at inner marks; each mark is a token of its own. A mark that starts the word stays in it.
fn cut_inside(word: &str, texts: &mut Vec<String>) {
    let (mut from, mut at) = (0, 0);
    while at < word.len() {
        let len = inner_len(word, at);
        if len > 0 && at > 0 {
            if at > from {
                texts.push(word[from..at].to_owned());
            }
            texts.push(word[at..at + len].to_owned());
            from = at + len;
        }
        at += len.max(word[at..].chars().next().map_or(1, char::len_utf8));
    }
    if from < word.len() {
        texts.push(word[from..].to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> String {
        let exceptions = [
            ("don't", &["do", "n't"][..]),
            ("10am", &["10", "am"]),
            ("Mr.", &["Mr."]),
            ("e.g.", &["e.g."]),
            (":)", &[":)"]),
        ];
        let exceptions = exceptions
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.iter().map(|t| (*t).to_owned()).collect()))
            .collect();
        let texts = Tokeniser::new(exceptions).tokens(line);
        texts.iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn marks_come_off_and_words_stay() {
        for (line, want) in [
            ("", ""),
            ("One latte, please.", "One|latte|,|please|."),
            ("(\"don't!\")", "(|\"|do|n't|!|\"|)"),
            ("at 10am.", "at|10|am|."),
            ("Mr. Bean", "Mr.|Bean"),
            ("the shop's milk", "the|shop|'s|milk"),
            ("$4.50 or 20%", "$|4.50|or|20|%"),
            ("5kg and 10km/h", "5|kg|and|10|km/h"),
            ("oat-milk and/or soy", "oat|-|milk|and|/|or|soy"),
            ("well... yes…", "well|...|yes|…"),
            ("write to us@shop.com today", "write|to|us@shop.com|today"),
            ("+44 a+b", "+44|a+b"),
            ("U.S.A. e.g. this", "U.S.A.|e.g.|this"),
            ("-", "-"),
            ("((((", "(|(|(|("),
        ] {
            assert_eq!(cut(line), want, "{line}");
        }
    }
}

//! Replacing a piece of text that stands between given neighbours.

use regex::{Captures, Match, Regex};

use super::super::letters::narrow;

/// A pattern whose first group is what gets replaced; around it the pattern may ask for neighbours,
/// which stay and may be neighbours again.
pub(super) struct Rewrite {
    pattern: Regex,
}

impl Rewrite {
    /// `core` between `before` and `after` (patterns of neighbours, possibly empty).
    pub fn between(before: &str, core: &str, after: &str) -> Self {
        let pattern = narrow(&format!("{before}({core}){after}"));
        Self { pattern: Regex::new(&pattern).expect("patterns are constants and escaped words") }
    }

    /// Replaces every core for which `replace` has an answer; it sees the groups (0 is the whole
    /// match, 1 the core) and the text behind the core.
    pub fn apply(
        &self,
        text: String,
        mut replace: impl FnMut(&Captures, &str) -> Option<String>,
    ) -> String {
        let mut rewritten = String::new();
        let (mut done, mut from) = (0, 0);
        while from <= text.len()
            && let Some(found) = self.pattern.captures_at(&text, from)
        {
            let fresh = |core: &Match| core.start() >= done && !core.is_empty();
            let Some(core) = found.get(1).filter(fresh) else {
                // Only the neighbour in front of an earlier core was seen again.
                from += text[from..].chars().next().map_or(1, char::len_utf8);
                continue;
            };
            rewritten += &text[done..core.start()];
            match replace(&found, &text[core.end()..]) {
                Some(new) => rewritten += &new,
                None => rewritten += core.as_str(),
            }
            done = core.end();
            // The last character of a core may be the neighbour in front of the next one.
            from = done - core.as_str().chars().next_back().map_or(0, char::len_utf8);
        }
        if done == 0 {
            return text;
        }
        rewritten += &text[done..];
        rewritten
    }
}

/// The words as alternatives of a pattern, the longest first.
pub(super) fn alternatives<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let mut words: Vec<&str> = words.into_iter().collect();
    words.sort_by_key(|word| (std::cmp::Reverse(word.len()), *word));
    words.dedup();
    words.into_iter().map(regex::escape).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_stay_and_count_again() {
        let rewrite = Rewrite::between(r"(?:^|[^\w])", "[0-9]", r"(?:\W|$)");
        for (text, want) in [
            ("1 2 3", "# # #"),
            ("1", "#"),
            ("12", "12"),
            ("a1 2", "a1 #"),
            ("", ""),
            ("é 1é 2", "é 1é #"),
        ] {
            assert_eq!(rewrite.apply(text.into(), |_, _| Some("#".into())), want, "{text}");
        }
        assert_eq!(
            rewrite.apply("1 2".into(), |_, after| after.is_empty().then(String::new)),
            "1 "
        );
    }
}

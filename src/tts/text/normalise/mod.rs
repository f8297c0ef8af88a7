//! Written text to the text that is spoken: times, dates, money, units, abbreviations, symbols.
//!
//! Plain numbers, years, ordinals and simple amounts of dollars, pounds and euros stay figures:
//! the reader knows more about them (`figures.rs`). The order of the steps matters: a time is
//! settled before its colon can mean anything else, money before its figures become a range.

mod amounts;
mod clock;
mod dates;
mod names;
mod quantities;
mod rewrite;
mod symbols;

use unicode_normalization::UnicodeNormalization;

use super::tables::Tables;

pub(super) struct Normaliser {
    clock: clock::Clock,
    dates: dates::Dates,
    amounts: amounts::Amounts,
    names: names::Names,
    quantities: quantities::Quantities,
    symbols: symbols::Symbols,
}

/// A number as it is written: figures, thousands set off by commas, decimals.
const NUMBER: &str = r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?";
/// What may stand before a number or an abbreviation that is no part of something longer.
const FREE_BEFORE: &str = r"(?:^|[^\w.])";
/// The end of a word.
const WORD_END: &str = r"(?:\W|$)";

impl Normaliser {
    pub fn new(tables: &Tables) -> Self {
        Self {
            clock: clock::Clock::new(),
            dates: dates::Dates::new(&tables.months),
            amounts: amounts::Amounts::new(&tables.units, &tables.currencies),
            names: names::Names::new(tables),
            quantities: quantities::Quantities::new(&tables.months),
            symbols: symbols::Symbols::new(&tables.symbols),
        }
    }

    /// Normalises one sentence; the result has single spaces and none at its ends.
    pub fn normalise(&self, sentence: &str) -> String {
        // A letter and its accent are one character to every later step.
        let text: String = single_spaces(sentence).nfc().collect();
        let text = text.replace('’', "'").replace('‒', "-").replace('―', "—");
        let text = self.clock.apply(text);
        let text = self.dates.apply_numeric(text);
        let text = self.amounts.apply(text);
        let text = self.dates.apply_named(text);
        let text = self.names.apply(text);
        let text = self.quantities.apply(text);
        let text = self.symbols.apply(&text);
        close_up(&single_spaces(&text))
    }
}

/// The words of a text with one space between them and none around.
pub(super) fn single_spaces(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut spaced = String::with_capacity(text.len());
    spaced.extend(words.next());
    for word in words {
        spaced.push(' ');
        spaced += word;
    }
    spaced
}

/// Takes out the spaces that a replacement left in front of a mark.
fn close_up(text: &str) -> String {
    let mut closed = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ',' | '.' | ';' | ':' | '!' | '?') {
            closed.truncate(closed.trim_end_matches(' ').len());
        }
        closed.push(c);
    }
    closed.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_are_single_and_never_before_a_mark() {
        for (text, want) in
            [("a \t b\u{a0}c", "a b c"), ("so , yes .", "so, yes."), ("  ", ""), ("é ?", "é?")]
        {
            assert_eq!(close_up(&single_spaces(text)), want, "{text:?}");
        }
    }
}

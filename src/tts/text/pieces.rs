//! Tokens into pieces, and pieces into the groups that are read together.
//!
//! A token like "B52" or "iPhone15" is cut where letters, figures, marks and case change; pieces
//! that no space separates form a group. The reader then looks for the longest run of a group's
//! pieces that it can read as one.

use super::figures::Currency;
use super::letters::{is_apostrophe, is_capital, is_letter, is_small, is_word_char};
use super::phones::is_mark;
use super::tag::Tag;
use super::tokenise::Raw;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub text: String,
    pub tag: Tag,
    /// Nothing stands before it in its group.
    pub head: bool,
    /// The piece is an amount of this money.
    pub currency: Option<Currency>,
    /// Sounds that are already settled: marks, and signs that others speak for.
    pub phonemes: Option<String>,
    /// Read as this word instead ("B2B").
    pub alias: Option<&'static str>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub pieces: Vec<Piece>,
    pub space_after: bool,
    /// A settled piece stands alone.
    closed: bool,
}

pub(super) fn groups(tokens: &[Raw], tags: &[Tag]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut currency = None;
    for (i, (token, &tag)) in tokens.iter().zip(tags).enumerate() {
        let texts = cut(&token.text);
        for (j, text) in texts.iter().enumerate() {
            let mut piece = Piece {
                text: (*text).to_owned(),
                tag,
                head: true,
                currency: None,
                phonemes: None,
                alias: None,
            };
            if let Some(sign) = Currency::of(text).filter(|_| tag == Tag::Dollar) {
                currency = Some(sign);
                piece.phonemes = Some(String::new());
            } else if let Some(mark) = mark(text, tag) {
                piece.phonemes = Some(mark);
            } else if currency.is_some() {
                let amount_goes_on = tags.get(i + 1) == Some(&Tag::Cardinal);
                if tag != Tag::Cardinal {
                    currency = None;
                } else if j + 1 == texts.len() && !amount_goes_on {
                    piece.currency = currency;
                }
            } else if *text == "2" && joins_letters(&texts, j) {
                piece.alias = Some("to");
            }
            let space_after = token.space_after && j + 1 == texts.len();
            let settled = piece.phonemes.is_some() || piece.alias.is_some();
            match groups.last_mut() {
                Some(group) if !settled && !group.closed && !group.space_after => {
                    piece.head = false;
                    group.pieces.push(piece);
                    group.space_after = space_after;
                }
                _ => groups.push(Group { pieces: vec![piece], space_after, closed: settled }),
            }
        }
        // A token of nothing but stray apostrophes still ends the group before it.
        if let Some(group) = groups.last_mut().filter(|_| texts.is_empty()) {
            group.space_after |= token.space_after;
        }
    }
    groups
}

/// What a mark sounds like; `None` when the token is a word after all.
fn mark(text: &str, tag: Tag) -> Option<String> {
    if tag == Tag::Colon && matches!(text, "-" | "–") {
        return Some("—".to_owned());
    }
    if !tag.is_mark() || text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    Some(match tag {
        Tag::BracketOpen => "(".to_owned(),
        Tag::BracketClose => ")".to_owned(),
        Tag::QuoteOpen => "“".to_owned(),
        Tag::QuoteClose => "”".to_owned(),
        _ => text.chars().filter(|&c| is_mark(c)).collect(),
    })
}

/// Whether a letter stands on both sides of piece `j`.
fn joins_letters(texts: &[&str], j: usize) -> bool {
    let before = j.checked_sub(1).and_then(|j| texts[j].chars().next_back());
    let after = texts.get(j + 1).and_then(|text| text.chars().next());
    before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic)
}

/// The pieces of a token, in order; apostrophes that belong to nothing are left out.
fn cut(token: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(first) = token[at..].chars().next() {
        let len = piece_len(token, at);
        if len > 0 {
            pieces.push(&token[at..at + len]);
        }
        at += len.max(if len == 0 { first.len_utf8() } else { 0 });
    }
    pieces
}

/// Bytes of the piece at `at`; 0 for a character that starts none.
fn piece_len(token: &str, at: usize) -> usize {
    let rest = &token[at..];
    let apostrophes = span(rest, is_apostrophe);
    if apostrophes > 0 {
        let several = rest[..apostrophes].chars().count() > 1;
        let edge = at == 0 || apostrophes == rest.len();
        return if edge || several { apostrophes } else { 0 };
    }
    let mut chars = rest.chars();
    let (first, second, third) = (chars.next(), chars.next(), chars.next());
    // The capital before a capitalised word: "XBox" is "X" and "Box".
    if let Some(first) = first.filter(|&c| is_capital(c))
        && second.is_some_and(is_capital)
        && third.is_some_and(is_small)
    {
        return first.len_utf8();
    }
    let sign = usize::from(at == 0 && rest.starts_with('-'));
    match figures_len(&rest[sign..]) {
        0 => {}
        figures => return sign + figures,
    }
    let dashes = span(rest, |c| c == '-' || c == '_');
    if dashes > 0 {
        return dashes;
    }
    let letters = span(rest, is_letter);
    if letters == 0 {
        return first.filter(|&c| !is_word_char(c)).map_or(0, char::len_utf8);
    }
    let with_clitics = letters + clitics(&rest[letters..]).last().unwrap_or(0);
    // A capital inside a word starts a piece: "iPhone" is "i" and "Phone".
    let starts = rest[..letters].char_indices().map(|(i, _)| i).chain([letters]);
    starts
        .flat_map(|start| [0].into_iter().chain(clitics(&rest[start..])).map(move |c| start + c))
        .find_map(|end| {
            let mut after = rest[end..].chars();
            let small = after.next().filter(|&c| is_small(c))?;
            after.next().filter(|&c| is_capital(c))?;
            Some(end + small.len_utf8())
        })
        .unwrap_or(with_clitics)
}

/// Bytes of the characters at the front of `text` that pass.
fn span(text: &str, pass: impl Fn(char) -> bool) -> usize {
    text.find(|c| !pass(c)).unwrap_or(text.len())
}

/// Bytes of figures with single points or commas before or between them.
fn figures_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut len = 0;
    loop {
        let separator = usize::from(matches!(bytes.get(len), Some(b'.' | b',')));
        if !bytes.get(len + separator).is_some_and(u8::is_ascii_digit) {
            return len;
        }
        len += separator + 1;
    }
}

/// Ends of the apostrophes with one letter each at the front of `text` ("don't": 't).
fn clitics(text: &str) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut chars = text[at..].chars();
        let mark = chars.next().filter(|&c| is_apostrophe(c))?;
        let letter = chars.next().filter(|&c| is_letter(c))?;
        at += mark.len_utf8() + letter.len_utf8();
        Some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_fall_into_pieces() {
        for (token, want) in [
            ("latte", "latte"),
            ("don't", "don't"),
            ("'ll", "'|ll"),
            ("B52", "B|52"),
            ("iPhone15", "i|Phone|15"),
            ("XBox", "X|Box"),
            ("-5.50", "-5.50"),
            ("1,000.5", "1,000.5"),
            ("3.", "3|."),
            (".5", ".5"),
            ("oat-milk", "oat|-|milk"),
            ("rock''n", "rock|''|n"),
            ("dogs'", "dogs|'"),
            ("McDonald's", "Mc|Donald's"),
            ("p.m.", "p|.|m|."),
            ("a'", "a|'"),
            ("☕", "☕"),
            ("x☕️y", "x|☕|\u{fe0f}|y"),
            ("", ""),
        ] {
            assert_eq!(cut(token).join("|"), want, "{token}");
        }
    }

    #[test]
    fn money_is_read_after_its_amount() {
        let raw = |text: &str, space_after| Raw { text: text.into(), space_after };
        let tokens = [raw("$", false), raw("5", true), raw("million", true), raw("now", false)];
        let tags = [Tag::Dollar, Tag::Cardinal, Tag::Cardinal, Tag::Adverb];
        let groups = groups(&tokens, &tags);
        let currencies: Vec<_> = groups.iter().map(|g| g.pieces[0].currency).collect();
        assert_eq!(currencies, [None, None, Some(Currency::Dollar), None]);
        assert_eq!(groups[0].pieces[0].phonemes.as_deref(), Some(""));
    }

    #[test]
    fn pieces_without_space_between_them_are_one_group() {
        let raw = |text: &str, space_after| Raw { text: text.into(), space_after };
        let tokens = [raw("oat", false), raw("-", false), raw("milk", true), raw("B2B", false)];
        let groups = groups(&tokens, &[Tag::Noun, Tag::Hyphen, Tag::Noun, Tag::Noun]);
        let texts: Vec<Vec<_>> = groups
            .iter()
            .map(|g| g.pieces.iter().map(|p| p.alias.unwrap_or(&p.text)).collect())
            .collect();
        assert_eq!(texts, [vec!["oat", "-", "milk"], vec!["B"], vec!["to"], vec!["B"]]);
    }
}

//! Character classes that several stages share, for code and for patterns.

/// A letter of any script. Letter-like numerals (², ½) count too: they stand inside words.
pub(super) fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !c.is_ascii_digit()
}

/// Letter, figure or underscore.
pub(super) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

pub(super) fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '‘' | '’')
}

/// Small letters of the Latin-1 block, the ones the rules of case are about.
pub(super) fn is_small(c: char) -> bool {
    matches!(c, 'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ')
}

pub(super) fn is_capital(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ')
}

pub(super) fn is_quote(c: char) -> bool {
    "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉".contains(c)
}

/// Marks that never belong to a word, whatever side they stand on.
pub(super) fn is_loose_mark(c: char) -> bool {
    is_sentence_mark(c) || is_quote(c) || is_icon(c) || matches!(c, '—' | '–')
}

pub(super) fn is_sentence_mark(c: char) -> bool {
    "…,:;!?¿¡()[]{}<>_#*&。？！，、；：～·".contains(c)
}

pub(super) fn is_icon(c: char) -> bool {
    "™®©°§¶†‡•".contains(c)
}

/// Characters of Latin words, for use inside a class.
const LATIN: &str = "0-9A-Za-z_µÀ-ɏ";

/// Reads `\w` (inside a class) and `\W` as Latin letters, and `\b` as a boundary of ASCII words:
/// classes of every script would make each pattern a hundred times as costly to compile, which
/// would be half of the voice's start time.
pub(super) fn narrow(pattern: &str) -> String {
    pattern.replace(r"\b", r"(?-u:\b)").replace(r"\W", &format!("[^{LATIN}]")).replace(r"\w", LATIN)
}

//! Files changed as no editor would change them.

use super::draw::Draw;

/// A file does not grow beyond this, in bytes; what a large one costs is measured elsewhere.
const LARGEST: usize = 64 * 1024;

/// What the formats are made of, and what they are not.
#[rustfmt::skip] // one line each would hide what the list is
const TOKENS: &[&str] = &[
    "(", ")", "[", "]", "{", "}", "<", ">", "|", ";", ":", ",", "@", "\\", "'", "\"", "#", "- ",
    ": ", "? ", "&a ", "*a", "!!str ", "!x ", "---\n", "...\n", "\t", "\r", "\n", "\n\n", "  ",
    "\u{0}", "\u{feff}", "\u{301}", "\u{200d}", "é", "ß", "İ", "ﬁ", "漢字", "🦜", "½", "²", "%",
    "°", "$", "£", "..", "-", "’", "{0..100:n}", "{100..0:n}", "{0..9223372036854775807:n}",
    "{0..10,0:n}", "{a:b}", "{a:@b}", "{@a}", "<a>", "[a]", "(a|b)", "(a;b;c;d;e;f;g;h)", "()",
    "[]", "{}", "<>", "(|)", "[|]", "null", "~", "true", "on", ".nan", "-.inf", "0x10", "1e309",
    "{{", "}}", "{%", "%}", "{{ slots }}", "{{ slots.a.b }}", "{% for i in range(99999) %}",
    "{% endfor %}", "{% if %}", "{{ 'a' * 99999 }}", "{{ now.year / 0 }}", "{{ 1 // 0 }}",
    "intents:", "lists:", "expansion_rules:", "skip_words:", "data:", "sentences:", "values:",
    "range:", "from: 1", "to: 0", "step: 0", "step: -1", "fractions: tenths", "multiplier: 0",
    "wildcard: true", "in: a", "out: 1", "context:", "slots:", "requires_context:",
    "excludes_context:", "required_keywords:", "response: x", "inferred_domain: light",
    "pronounce:", "metadata:", "settings:", "language: en", "replies:", "phrases:", "ask:",
    "names:", "summary:", "confirm: always", "confirm_question:", "action:", "program: []",
    "time_limit_s: .inf", "reply:", "then: end", "conversations:", "turns:", "say:", "wait_s: 1e18",
    "program_ends: ok", "mynah.yes", "now: 2026-02-30", "[endpoint]", "[[a]]", "a.b.c = 1",
];

#[rustfmt::skip]
const NUMBERS: &[&str] = &[
    "0", "-1", "1", "2", "7", "99", "1000000", "2147483648", "4294967296", "9223372036854775807",
    "-9223372036854775808", "9223372036854775808", "18446744073709551616", "0.1", "-0.0", "1e308",
    "1e400", "1e-400", "nan", "inf", "0.30000000000000004", "007", "1_000", "0x7f",
];

const BRACKETS: &[(&str, &str)] = &[("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"), ("\"", "\"")];

/// Changes `text` in a few places; `others` are texts to take lines and words from.
pub fn mutate(text: &mut String, others: &[&str], draw: &mut Draw) {
    let most = draw.from(&[1, 2, 4, 16]);
    for _ in 0..=draw.below(most) {
        edit(text, others, draw);
        if text.len() > LARGEST {
            text.truncate(text.floor_char_boundary(LARGEST));
        }
    }
}

fn edit(text: &mut String, others: &[&str], draw: &mut Draw) {
    match draw.below(13) {
        0 => drop(text.drain(draw.span(text))),
        1 => {
            let piece = text[draw.span(text)].to_owned();
            text.insert_str(draw.place(text), &piece);
        }
        2 | 3 => text.insert_str(draw.place(text), draw.from(TOKENS)),
        4 => replace_word(text, |c| c.is_ascii_digit(), &[draw.from(NUMBERS)], draw),
        5 => {
            let words: Vec<&str> = others.iter().flat_map(|text| names(text)).collect();
            replace_word(text, is_name, &words, draw);
        }
        6 => {
            let own = text.clone();
            replace_word(text, is_name, &names(&own).collect::<Vec<_>>(), draw);
        }
        7 => lines(text, draw, |lines, draw| {
            let (one, other) = (draw.below(lines.len()), draw.below(lines.len()));
            lines.swap(one, other);
        }),
        8 => lines(text, draw, |lines, draw| {
            let at = draw.below(lines.len());
            let (line, shift) = (lines[at].clone(), draw.below(7));
            lines[at] = match shift {
                0 => line.trim_start().to_owned(),
                1 => line.trim_start_matches("  ").to_owned(),
                _ => format!("{:shift$}{line}", ""),
            };
        }),
        9 => {
            let other = draw.from(others);
            let found: Vec<&str> = other.lines().collect();
            if !found.is_empty() {
                let line = draw.from(&found).to_owned();
                lines(text, draw, |lines, draw| lines.insert(draw.below(lines.len() + 1), line));
            }
        }
        10 => {
            let span = draw.span(text);
            let (open, close) = draw.from(BRACKETS);
            let times = if draw.once_in(6) { draw.below(2_000) } else { 1 };
            text.insert_str(span.end, &close.repeat(times));
            text.insert_str(span.start, &open.repeat(times));
        }
        11 => {
            let span = draw.span(text);
            let piece = text[span.clone()].repeat(draw.below(60));
            text.insert_str(span.end, &piece);
        }
        _ => lines(text, draw, |lines, draw| {
            lines.remove(draw.below(lines.len()));
        }),
    }
}

fn lines(text: &mut String, draw: &mut Draw, change: impl FnOnce(&mut Vec<String>, &mut Draw)) {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    change(&mut lines, draw);
    *text = lines.join("\n");
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_name(c)).filter(|word| !word.is_empty())
}

/// Puts one of `by` in the place of a run of characters that `part` takes.
fn replace_word(text: &mut String, part: fn(char) -> bool, by: &[&str], draw: &mut Draw) {
    let from = draw.place(text);
    let Some(start) = text[from..].find(part).map(|at| from + at) else { return };
    let end = text[start..].find(|c| !part(c)).map_or(text.len(), |at| start + at);
    if !by.is_empty() {
        text.replace_range(start..end, draw.from(by));
    }
}

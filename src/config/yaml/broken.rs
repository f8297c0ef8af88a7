//! Where text that is not YAML went wrong. The parser says where it noticed, which may be lines
//! after the slip: an unclosed quote runs on to the next quote of the file.

use std::ops::Range;

use granit_parser::ScanError;

use super::super::diagnostic::{Diagnostic, Source};

/// The mistake behind `error`; `opened` is the collection that was being read.
pub(super) fn diagnose(
    source: &Source,
    error: &ScanError,
    opened: Option<Range<usize>>,
) -> Diagnostic {
    let noticed = error.marker().byte_offset().unwrap_or(0).min(source.text.len());
    let info = error.info();
    if info.contains("tab")
        && let Some(tab) = indenting_tab(&source.text, noticed)
    {
        return Diagnostic::new(source, tab..tab + 1, "this is not YAML: a tab indents this line")
            .help("indent with spaces, as many as the neighbouring lines have");
    }
    if info.contains("after double-quoted") || info.contains("after single-quoted") {
        let quote = if info.contains("double") { '"' } else { '\'' };
        if let Some(opening) = opening_quote(&source.text, noticed, quote)
            && source.line_of(opening) < source.line_of(noticed)
        {
            let line = source.line_of(noticed);
            return Diagnostic::new(
                source,
                opening..opening + 1,
                format!("this is not YAML: the next {quote} after this one is on line {line}"),
            )
            .help(format!("close the text on its own line with another {quote}"));
        }
    }
    if let Some(opened) = opened
        && let Some(bracket @ ('[' | '{')) = source.text[opened.start..].chars().next()
        && source.line_of(opened.start) < source.line_of(noticed)
    {
        let line = source.line_of(noticed);
        let closing = if bracket == '[' { ']' } else { '}' };
        return Diagnostic::new(
            source,
            opened.start..opened.start + 1,
            format!("this is not YAML: line {line} does not go on with this `{bracket}` ({info})"),
        )
        .help(format!("close it with `{closing}`; text that has a `{bracket}` needs quotes"));
    }
    Diagnostic::new(source, noticed..noticed + 1, format!("this is not YAML: {info}"))
        .help("check the quotes, colons and indentation here and on the lines before")
}

/// The first tab in the indentation of a line, from the line of `from` on.
fn indenting_tab(text: &str, from: usize) -> Option<usize> {
    let mut at = text[..from].rfind('\n').map_or(0, |i| i + 1);
    for line in text[at..].split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            return Some(at + tab);
        }
        at += line.len();
    }
    None
}

/// The quote that opens the text which ends shortly before `after`.
fn opening_quote(text: &str, after: usize, quote: char) -> Option<usize> {
    let closing = text[..after].rfind(quote)?;
    let mut end = closing;
    loop {
        let at = text[..end].rfind(quote)?;
        let before = &text[..at];
        let escaped = match quote {
            // `\"` is a quote inside the text, `\\"` ends it.
            '"' => (before.len() - before.trim_end_matches('\\').len()) % 2 == 1,
            // So is `''`.
            _ => before.ends_with(quote),
        };
        if !escaped {
            return Some(at);
        }
        end = if quote == '"' { at } else { at - 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::super::Yaml;
    use super::*;

    #[test]
    fn a_slip_is_shown_where_it_is_and_not_where_it_was_noticed() {
        for (text, start, part) in [
            (
                "a: \"open\nb: c\nd: \"e\"\n",
                "a.yaml:1:4:",
                "the next \" after this one is on line 3",
            ),
            ("a: 'it''s open\nb: c\nd: 'e'\n", "a.yaml:1:4:", "the next ' after this one is on"),
            ("a: \"x \\\" \\\\\nb: c\nd: \"e\"\n", "a.yaml:1:4:", "on line 3"),
            ("a: \"open\nb: c\n", "a.yaml:1:4:", "unclosed quote"),
            ("a: 'it's b'\n", "a.yaml:1:8:", "trailing content"),
            ("a:\n  b: c\n\td: e\n", "a.yaml:3:1:", "a tab indents this line"),
            ("a:\n  b: c\n  \td: e\n", "a.yaml:3:3:", "a tab indents this line"),
            ("a:\n\t  b: c\n", "a.yaml:2:1:", "a tab indents this line"),
            ("a: b\nc: [d, e\nf: g\n", "a.yaml:2:4:", "line 3 does not go on with this `[`"),
            ("a: b\nc: {d: e\nf: g\n", "a.yaml:2:4:", "line 3 does not go on with this `{`"),
            ("a: b: c\n", "a.yaml:1:5:", "mapping values are not allowed"),
        ] {
            let error = Yaml::parse(&Source::new("a.yaml", text)).expect_err(text).to_string();
            assert!(error.starts_with(start) && error.contains(part), "{text:?}: {error}");
            assert!(error.contains("\n  = "), "{text:?} has no way out: {error}");
        }
    }
}

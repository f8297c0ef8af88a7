//! A mistake in a deployer's file, shown where it stands.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// One file as it was read; diagnostics point into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

impl Source {
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Line number of a byte offset, from 1.
    pub fn line_of(&self, offset: usize) -> u32 {
        let offset = floor_char_boundary(&self.text, offset);
        self.text[..offset].matches('\n').count() as u32 + 1
    }
}

/// What is wrong, where, and what to do about it.
///
/// Displays as one sentence with `file:line:column`, the line itself with a caret under the
/// characters meant, and the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub file: PathBuf,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    pub message: String,
    pub help: Option<String>,
    /// The whole line of the file.
    pub excerpt: String,
    /// Characters to underline; at least 1, never past the end of the line plus one.
    pub width: u32,
}

impl Diagnostic {
    /// Points at the bytes `at` of `source`; only the first line of the range is underlined.
    pub fn new(source: &Source, at: Range<usize>, message: impl Into<String>) -> Self {
        let text = &source.text;
        let start = floor_char_boundary(text, at.start);
        let end = floor_char_boundary(text, at.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let excerpt = text[line_start..line_end].trim_end_matches('\r');
        let underlined = &text[start..end.min(line_end)];
        Self {
            file: source.path.clone(),
            line: source.line_of(start),
            column: text[line_start..start].chars().count() as u32 + 1,
            message: message.into(),
            help: None,
            excerpt: excerpt.to_owned(),
            width: (underlined.trim_end().chars().count() as u32).max(1),
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds help when there is some.
    #[must_use]
    pub fn help_if(self, help: Option<impl Into<String>>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, help, excerpt, width } = self;
        writeln!(f, "{}:{line}:{column}: {message}", file.display())?;
        let gutter = line.to_string().len();
        // A tab stays a tab below itself, so that the caret stands under its character.
        let indent: String = excerpt
            .chars()
            .take(*column as usize - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{line} | {excerpt}")?;
        write!(f, "{:gutter$} | {indent}{}", "", "^".repeat(*width as usize))?;
        if let Some(help) = help {
            write!(f, "\n{:gutter$} = {help}", "")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// The candidate that `wrong` was probably meant to be: at most a third of its letters away
/// (insertions, deletions, substitutions, swaps of neighbours), case aside.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|c| (edits(wrong, c), c))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Edit distance with swaps of neighbours as one edit (optimal string alignment), case aside.
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, &ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &cb) in b.iter().enumerate() {
            let substitute = previous[j] + usize::from(ca != cb);
            let mut best = substitute.min(previous[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && ca == b[j - 1] && a[i - 1] == cb {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous[b.len()]
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, at: &str, help: Option<&str>) -> String {
        let start = text.find(at).expect("the test marks text that is there");
        let source = Source::new("a.yaml", text);
        Diagnostic::new(&source, start..start + at.len(), "wrong").help_if(help).to_string()
    }

    #[test]
    fn the_caret_stands_under_the_characters_meant() {
        assert_eq!(
            shown("one: 1\ntwo: {x}\n", "{x}", Some("say {y}")),
            "a.yaml:2:6: wrong\n  |\n2 | two: {x}\n  |      ^^^\n  = say {y}"
        );
        assert_eq!(
            shown("\té {x}\r\n", "{x}", None),
            "a.yaml:1:4: wrong\n  |\n1 | \té {x}\n  | \t  ^^^"
        );
    }

    #[test]
    fn any_range_of_any_text_can_be_shown() {
        let source = Source::new("a.yaml", "aé\n");
        for start in 0..8 {
            for end in 0..8 {
                assert!(Diagnostic::new(&source, start..end, "wrong").width >= 1);
            }
        }
        assert_eq!(Diagnostic::new(&Source::new("a", ""), 0..0, "empty").line, 1);
    }

    #[test]
    fn the_nearest_name_is_near_or_none() {
        let names = ["coffeeDrink", "size", "roast"];
        for (wrong, meant) in [
            ("coffeDrink", Some("coffeeDrink")),
            ("coffedrnik", Some("coffeeDrink")),
            ("szie", Some("size")),
            ("Roast", Some("roast")),
            ("milk", None),
            ("x", None),
        ] {
            assert_eq!(nearest(wrong, names), meant, "{wrong}");
        }
    }
}

//! Sentence files made up from the grammar of the format, so that most of them load.

use std::fmt::Write;

use super::draw::Draw;

const WORDS: &[&str] = &[
    "turn", "on", "the", "a", "b", "light", "two", "twenty", "5", "21", "it's", "up-to", "50%",
    "half", "point", "and", "minus", "é", "ß", "漢", "one's", "3.5", "hundred", "x",
];
const LISTS: &[&str] = &["size", "room", "level", "temp", "thing", "mixed"];
const RULES: usize = 4;

/// One file with intents, lists and rules.
pub fn grammar(draw: &mut Draw) -> String {
    let mut yaml = String::from("language: en\nintents:\n");
    for intent in 0..=draw.below(3) {
        line(&mut yaml, 2, &format!("Intent{intent}:"));
        line(&mut yaml, 4, "data:");
        for _ in 0..=draw.below(2) {
            block(&mut yaml, draw);
        }
    }
    line(&mut yaml, 0, "lists:");
    for list in LISTS {
        values(&mut yaml, 2, list, draw);
    }
    line(&mut yaml, 0, "expansion_rules:");
    for rule in 0..RULES {
        let text = Template { draw, slots: 0, rules: rule, lists: LISTS }.grow(3);
        line(&mut yaml, 2, &format!("r{rule}: {}", quoted(&text)));
    }
    if draw.once_in(3) {
        line(&mut yaml, 0, &format!("skip_words: [please, {}]", draw.from(WORDS)));
    }
    if draw.once_in(6) {
        line(&mut yaml, 0, "pronounce: {light: lite}");
    }
    yaml
}

fn block(yaml: &mut String, draw: &mut Draw) {
    line(yaml, 6, "- sentences:");
    for _ in 0..=draw.below(3) {
        let text = Template { draw, slots: 0, rules: RULES, lists: LISTS }.grow(4);
        line(yaml, 10, &format!("- {}", quoted(&text)));
    }
    if draw.once_in(5) {
        line(yaml, 8, "slots: {domain: light, n: 1}");
    }
    if draw.once_in(5) {
        line(yaml, 8, "requires_context: {domain: {value: [light, fan], slot: true}, area: null}");
    }
    if draw.once_in(6) {
        line(yaml, 8, "excludes_context: {domain: fan}");
    }
    if draw.once_in(6) {
        line(yaml, 8, &format!("required_keywords: [{}]", draw.from(WORDS)));
    }
    if draw.once_in(6) {
        line(yaml, 8, "lists:");
        values(yaml, 10, "size", draw);
    }
    if draw.once_in(6) {
        let text = Template { draw, slots: 0, rules: 1, lists: LISTS }.grow(2);
        line(yaml, 8, &format!("expansion_rules: {{r1: {}}}", quoted(&text)));
    }
}

fn values(yaml: &mut String, indent: usize, list: &str, draw: &mut Draw) {
    match draw.below(4) {
        0 => line(yaml, indent, &format!("{list}: {{wildcard: true}}")),
        1 => {
            let from = draw.below(40) as i64 - 20;
            let mut range = format!("from: {from}, to: {}", from + draw.below(200) as i64);
            let extras = [
                ", step: 5",
                ", fractions: halves",
                ", fractions: tenths",
                ", multiplier: 0.1",
                ", words: false",
                ", type: percentage",
                "",
            ];
            range.push_str(draw.from(&extras));
            line(yaml, indent, &format!("{list}: {{range: {{{range}}}}}"));
        }
        _ => {
            line(yaml, indent, &format!("{list}:"));
            line(yaml, indent + 2, "values:");
            for value in 0..=draw.below(4) {
                // A list in a list must not come back to itself.
                let inner: &[&str] = if list == "mixed" { &["size", "level"] } else { &[] };
                let text = Template { draw, slots: 0, rules: 0, lists: inner }.grow(2);
                let input = quoted(&text);
                let item = match draw.below(4) {
                    0 => format!("{{in: {input}, out: value {value}}}"),
                    1 => format!("{{in: {input}, out: {value}.5, context: {{domain: light}}}}"),
                    _ => input,
                };
                line(yaml, indent + 4, &format!("- {item}"));
            }
        }
    }
}

struct Template<'a> {
    draw: &'a mut Draw,
    /// Lists used so far, for slots with names of their own.
    slots: usize,
    /// Rules from 0 to here may be used.
    rules: usize,
    lists: &'a [&'a str],
}

impl Template<'_> {
    fn grow(&mut self, depth: usize) -> String {
        let mut text = self.draw.from(WORDS).to_owned();
        for _ in 0..=self.draw.below(3) {
            // Without a space the parts are glued.
            if !self.draw.once_in(5) {
                text.push(' ');
            }
            text.push_str(&self.part(depth));
        }
        text
    }

    fn part(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.draw.from(WORDS).to_owned();
        }
        match self.draw.below(9) {
            0 => self.several(depth, "(", "|", ")"),
            1 => self.several(depth, "[", "|", "]"),
            2 => self.several(depth, "(", ";", ")"),
            3 => format!("[{}]", self.grow(depth - 1)),
            4 if self.rules > 0 => format!("<r{}>", self.draw.below(self.rules)),
            5 | 6 if !self.lists.is_empty() => self.list(),
            7 if !self.lists.is_empty() => {
                self.slots += 1;
                format!("{{0..{}:n{}}}", self.draw.below(120), self.slots)
            }
            _ => self.draw.from(WORDS).to_owned(),
        }
    }

    fn several(&mut self, depth: usize, open: &str, between: &str, close: &str) -> String {
        let parts: Vec<String> = (0..=self.draw.below(3)).map(|_| self.grow(depth - 1)).collect();
        format!("{open}{}{close}", parts.join(between))
    }

    fn list(&mut self) -> String {
        let list = self.draw.from(self.lists);
        self.slots += 1;
        match self.draw.below(5) {
            0 => format!("{{@{list}}}"),
            1 => format!("{{{list}:@x}}"),
            2 => format!("{{{list}}}"),
            _ => format!("{{{list}:s{}}}", self.slots),
        }
    }
}

fn line(yaml: &mut String, indent: usize, text: &str) {
    writeln!(yaml, "{:indent$}{text}", "").expect("a string takes what is written");
}

/// A YAML double-quoted scalar; JSON strings are valid ones.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

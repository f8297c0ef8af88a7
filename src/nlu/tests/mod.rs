//! Behaviour of whole grammars.

use super::*;
use crate::turn::Completeness::{self, CannotEnd, Complete, MayContinue};

mod alignments;
mod answers;
mod blocks;
mod constructs;
mod entities;
mod explanations;
mod mistakes;
mod properties;

/// A grammar of one file.
fn grammar(yaml: &str) -> Grammar {
    match Grammar::parse(&[Source::new("test.yaml", yaml)]) {
        Ok(grammar) => grammar,
        Err(problems) => {
            panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>())
        }
    }
}

/// `intent slot=value…` with integers bare, text quoted; `-` when nothing fits.
fn read(grammar: &Grammar, text: &str) -> String {
    show(&grammar.interpret(text))
}

fn show(heard: &Interpretation) -> String {
    let Some(intent) = &heard.intent else { return "-".to_owned() };
    let mut shown = intent.clone();
    for (name, slot) in &heard.slots {
        let value = match &slot.value {
            SlotValue::Text(text) => format!("{text:?}"),
            other => other.to_string(),
        };
        shown.push_str(&format!(" {name}={value}"));
    }
    shown
}

/// A grammar with the one sentence `template` in intent `I`, and some lists to use in it.
fn sentence(template: &str) -> Grammar {
    let template = template.replace('\'', "''");
    grammar(&format!(
        "
intents:
  I:
    data:
      - sentences: ['{template}']
lists:
  size: {{values: [small, medium, large, twelve ounce]}}
  room:
    values:
      - in: (kitchen|cook house)
        out: kitchen_1
      - in: '[the] living room'
        out: living
  level: {{range: {{from: 0, to: 100}}}}
  temp: {{range: {{from: -10, to: 30, fractions: halves}}}}
  even: {{range: {{from: 0, to: 20, step: 2, multiplier: 0.5}}}}
  thing: {{wildcard: true}}
  flag:
    values:
      - {{in: 'on', out: true}}
      - {{in: 'half', out: 0.5}}
      - {{in: 'off', out: false}}
      - in: as [it] is
expansion_rules:
  the: (the|my|our)
  in_room: in [<the>] {{room}}
skip_words: [please, could you, 'i''d like']
"
    ))
}

#[test]
fn a_grammar_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Grammar>();
}

#[test]
fn the_guides_examples_load() {
    let guide = include_str!("../../../docs/templates.md");
    let examples: Vec<&str> = guide.split("```yaml\n").skip(1).collect();
    assert!(examples.len() >= 2);
    for example in examples {
        grammar(example.split("```").next().unwrap_or_default());
    }
}

//! Sentences that the templates allow, drawn at random: test material for a grammar.

use super::draft::{Context, Fractions, NumberRange};
use super::grammar::Grammar;
use super::graph::{GraphId, Sentence, Step};
use crate::draw::Draw;

/// Words that stand for a wildcard.
const ANYTHING: &[&str] = &["something", "blue sky", "the old song", "tomorrow at noon"];

/// A sentence and the intent it was drawn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample<'g> {
    pub intent: &'g str,
    pub template: &'g str,
    pub text: String,
}

impl Grammar {
    /// Draws a sentence; the same `seed` draws the same one. `None` when there is no sentence that
    /// works without context, or when this draw met none.
    pub fn sample(&self, seed: u64) -> Option<Sample<'_>> {
        let context = Context::new();
        let machine = &self.machine;
        let usable: Vec<_> =
            machine.sentences.iter().filter(|s| machine.possible(s, &context)).collect();
        let mut draw =
            Drawing { grammar: self, chance: Draw::new(seed), text: String::new(), meets: 0 };
        let sentence = usable.get(draw.below(usable.len().max(1)))?;
        self.drawn(sentence, draw)
    }

    /// A sentence of one template.
    pub(super) fn sample_of<'g>(&'g self, sentence: &'g Sentence, seed: u64) -> Option<Sample<'g>> {
        let draw =
            Drawing { grammar: self, chance: Draw::new(seed), text: String::new(), meets: 0 };
        self.drawn(sentence, draw)
    }

    fn drawn<'g>(&'g self, sentence: &'g Sentence, mut draw: Drawing<'g>) -> Option<Sample<'g>> {
        let (machine, context) = (&self.machine, Context::new());
        if machine.graphs[sentence.graph as usize].dead {
            return None;
        }
        draw.walk(sentence.graph);
        let block = &machine.blocks[sentence.block as usize];
        let text = draw.text.split_whitespace().collect::<Vec<_>>().join(" ");
        (block.satisfied(draw.meets, &context) && block.has_keyword(&text)).then_some(Sample {
            intent: &machine.intents[block.intent as usize],
            template: &sentence.text,
            text,
        })
    }
}

struct Drawing<'g> {
    grammar: &'g Grammar,
    chance: Draw,
    text: String,
    meets: u8,
}

impl Drawing<'_> {
    fn walk(&mut self, graph: GraphId) {
        let machine = &self.grammar.machine;
        let graph = &machine.graphs[graph as usize];
        let mut at = 0;
        while at != graph.exit() {
            let node = &graph.nodes[at as usize];
            let mut choice = self.below(node.texts.len() + node.arcs.len());
            let figures = choice.checked_sub(node.texts.len()).map(|arc| &node.arcs[arc].step);
            if matches!(figures, Some(Step::Number(_)))
                && self.text.ends_with(|c: char| c.is_ascii_digit())
                && !node.texts.is_empty()
            {
                // Figures behind figures would be another number; words are not.
                choice = 0;
            }
            if let Some((text, to)) = node.texts.get(choice) {
                self.text.push_str(text);
                at = *to;
                continue;
            }
            let arc = &node.arcs[choice - node.texts.len()];
            match &arc.step {
                Step::Skip => {}
                Step::Gap => self.text.push(' '),
                Step::Number(number) => self.text.push_str(&number.to_string()),
                Step::Call(called) | Step::List { graph: called, .. } => self.walk(*called),
                Step::Value(value) => self.meets |= machine.values[*value as usize].meets,
                Step::Range { range, .. } => {
                    let number = self.number(&machine.ranges[*range as usize]);
                    self.text.push_str(&number);
                }
                Step::Entity { kind, .. } => {
                    let wordings = kind.wordings();
                    let words = wordings[self.below(wordings.len())];
                    self.text.push_str(words);
                }
                Step::Wild { .. } => {
                    let words = ANYTHING[self.below(ANYTHING.len())];
                    self.text.push_str(words);
                }
            }
            at = arc.to;
        }
    }

    fn number(&mut self, range: &NumberRange) -> String {
        let step = self.below(range.count().min(1 << 20) as usize);
        let whole = i128::from(range.from) + i128::from(range.step) * step as i128;
        let tenths = match range.fractions {
            Fractions::None => 0,
            Fractions::Halves => 5 * self.below(2),
            Fractions::Tenths => self.below(10),
        };
        ((whole * 10 + tenths as i128) as f64 / 10.0).to_string()
    }

    /// By remainder: fair enough for small `n`.
    fn below(&mut self, n: usize) -> usize {
        (self.chance.bits() % n.max(1) as u64) as usize
    }
}

//! Words of an agent's files that nobody can say.

use super::align::Aligner;
use super::draft::{ListKind, Lists, Rules, Template};
use super::grammar::Grammar;
use super::sound::spoken;
use super::words::Words;

/// A word without a pronunciation: what holds it is understood as text and never by sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unspoken {
    pub word: String,
    /// `file:line` of the first template that holds it whole.
    pub written: Option<String>,
}

impl std::fmt::Display for Unspoken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(written) = &self.written {
            write!(f, "{written}: ")?;
        }
        let word = &self.word;
        write!(
            f,
            "`{word}` cannot be pronounced, so what holds it is not found by its sound. Write it as \
             words that sound like it under `pronounce:`, as in `pronounce: {{{word}: lah tay}}`"
        )
    }
}

impl Grammar {
    /// The words of the sentences that `aligner` knows no sound for.
    pub fn unspoken(&self, aligner: &Aligner) -> Vec<Unspoken> {
        let unspoken = aligner
            .unsounded()
            .iter()
            .map(|word| Unspoken { word: word.0.clone(), written: self.place_of(&word.0) });
        unspoken.collect()
    }

    fn place_of(&self, word: &str) -> Option<String> {
        let (sources, draft) = &*self.draft;
        let blocks = draft.intents.iter().flat_map(|intent| &intent.blocks);
        let own = blocks.clone().flat_map(|block| written(&block.rules, &block.lists));
        let sentences = blocks.flat_map(|block| &block.sentences);
        let mut all = sentences.chain(written(&draft.rules, &draft.lists)).chain(own);
        all.find(|template| holds(template, word)).map(|template| template.place.show(sources))
    }
}

fn written<'d>(rules: &'d Rules, lists: &'d Lists) -> impl Iterator<Item = &'d Template> {
    let values = lists.values().flat_map(|list| match &list.kind {
        ListKind::Values(values) => values.as_slice(),
        _ => &[],
    });
    rules.values().chain(values.map(|value| &value.input))
}

fn holds(template: &Template, word: &str) -> bool {
    let parts = template.text.split(|c| "()[]{}<>|;".contains(c)).map(Words::new);
    let mut words = parts.flat_map(|part| {
        let words = part.text.split(' ').flat_map(spoken).map(|word| word.into_owned());
        words.collect::<Vec<_>>()
    });
    words.any(|other| other == word)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::nlu::{Sounds, Source, Spelled};

    #[test]
    fn a_word_that_cannot_be_said_is_shown_with_its_place() {
        let yaml = "language: en\nintents:\n  i:\n    data:\n      - sentences: ['play {song}']\n\
                    lists:\n  song:\n    values:\n      - yesterday\n      - (東京|tokyo)\n\
                    PRONOUNCE";
        for (respelled, expected) in [("", 1), ("pronounce: {東京: tokyo}\n", 0)] {
            let yaml = yaml.replace("PRONOUNCE", respelled);
            let grammar = Grammar::parse(&[Source::new("a.yaml", yaml)]).expect("a good grammar");
            let sounds = Sounds::new(Arc::new(Spelled), grammar.respelled()).expect("letters");
            let found = grammar.unspoken(&Aligner::new(&grammar, Arc::new(sounds)));
            assert_eq!(found.len(), expected, "{found:?}");
            for unspoken in found {
                assert!(unspoken.to_string().starts_with("a.yaml:10: `東京` cannot be pronounced"));
            }
        }
    }
}

//! The walk through a [`Language`]: which tokens may come next, and what they say.

use std::cmp::Reverse;
use std::sync::Arc;

use super::super::Tokenizer;
use super::super::language::{Language, Place, WordId};
use super::super::path::BeamOptions;
use super::super::spelling::{Spellings, Trie};

/// What a hypothesis has said: a list from its last word or token backwards.
#[derive(Debug, Clone, Copy)]
struct Said {
    what: Spoken,
    before: u32,
}

#[derive(Debug, Clone, Copy)]
enum Spoken {
    Word(WordId),
    /// A token where any words may be said.
    Token(u32),
}

/// Nothing said.
pub(super) const NOTHING: u32 = u32::MAX;

/// Where a hypothesis is in the language.
#[derive(Debug, Clone)]
pub(super) enum At {
    /// In a word behind a place, or about to begin one at the root.
    Word { place: Place, trie: Arc<Trie>, node: u32 },
    /// Among any words; the sentence goes on at the place.
    Open { to: Place },
    /// Behind the mark that ends the sentence.
    Closed,
}

/// One way to understand the tokens of a hypothesis.
#[derive(Debug, Clone)]
pub(super) struct Item {
    at: At,
    pub said: u32,
    /// Equal for equal words, however they are spelled.
    words: u64,
    pub cost: f32,
}

impl Item {
    /// Equal where the words said are equal and, inside a word, the words that it can become.
    pub fn meaning(&self) -> (u64, u32) {
        let begun = match &self.at {
            At::Word { trie, node, .. } if *node != Trie::ROOT => trie.first_edge(*node),
            At::Word { .. } | At::Open { .. } => u32::MAX,
            At::Closed => u32::MAX - 1,
        };
        (self.words, begun)
    }
}

/// Natural logarithms of the probabilities of the next token, normalised when read.
#[derive(Clone, Copy)]
pub(in crate::asr) struct Row<'a> {
    pub logits: &'a [f32],
    pub log_sum_exp: f32,
}

impl Row<'_> {
    pub fn log_prob(&self, token: u32) -> f32 {
        self.logits[token as usize] - self.log_sum_exp
    }
}

pub(super) struct Walk<'a> {
    tokenizer: &'a Tokenizer,
    language: &'a mut dyn Language,
    spellings: &'a mut Spellings,
    options: BeamOptions,
    eos: u32,
    /// Marks that end a sentence.
    marks: Vec<u32>,
    said: Vec<Said>,
}

impl<'a> Walk<'a> {
    pub fn new(
        tokenizer: &'a Tokenizer,
        language: &'a mut dyn Language,
        spellings: &'a mut Spellings,
        options: BeamOptions,
        eos: u32,
    ) -> Self {
        let marks = [".", "?", "!"].iter().filter_map(|mark| tokenizer.token(mark.as_bytes()));
        let marks = marks.collect();
        Self { tokenizer, language, spellings, options, eos, marks, said: Vec::new() }
    }

    /// Nothing said yet, at a place of the language.
    pub fn start(&mut self, place: Place) -> Item {
        Item { at: self.begin(place), said: NOTHING, words: 0, cost: 0.0 }
    }

    /// The tokens that go on from `item`, each with where it leads; the end of text, too.
    pub fn steps(
        &mut self,
        item: &Item,
        sound: Row<'_>,
        likely: &mut Option<Vec<u32>>,
        steps: &mut Vec<(u32, Item)>,
    ) {
        let to = |at, said, cost| Item { at, said, cost: item.cost + cost, ..item.clone() };
        match &item.at {
            At::Closed => steps.push((self.eos, to(At::Closed, item.said, 0.0))),
            At::Word { place, trie, node } => {
                let trie = Arc::clone(trie);
                // No comma, hyphen or full stop before the first word.
                let is_first = *node == Trie::ROOT && item.said == NOTHING;
                for (token, child) in trie.children(*node) {
                    if is_first && !self.tokenizer.starts_word(*token) {
                        continue;
                    }
                    let words = trie.words(*child);
                    if !trie.children(*child).is_empty() {
                        let at = At::Word { place: *place, trie: Arc::clone(&trie), node: *child };
                        steps.push((*token, to(at, item.said, 0.0)));
                    }
                    for edge in words {
                        let edge = self.language.edges(*place)[*edge as usize];
                        let said = self.say(Spoken::Word(edge.word), item.said);
                        let words = mixed(item.words, edge.word);
                        let at = self.begin(edge.to);
                        steps.push((*token, Item { words, ..to(at, said, edge.cost) }));
                    }
                }
                if *node == Trie::ROOT {
                    self.between_words(*place, item, sound, likely, steps);
                }
            }
            At::Open { to: place } => {
                let trie = self.trie(*place);
                let inner =
                    Item { at: At::Word { place: *place, trie, node: Trie::ROOT }, ..*item };
                self.steps(&inner, sound, likely, steps);
                // The word that was begun goes on.
                for token in self.likely(sound, likely) {
                    if !self.tokenizer.starts_word(token) {
                        let at = At::Open { to: *place };
                        let said = self.say(Spoken::Token(token), item.said);
                        let words = mixed(item.words, token);
                        steps.push((token, Item { words, ..to(at, said, self.options.open) }));
                    }
                }
            }
        }
    }

    /// What may follow a place apart from its words.
    fn between_words(
        &mut self,
        place: Place,
        item: &Item,
        sound: Row<'_>,
        likely: &mut Option<Vec<u32>>,
        steps: &mut Vec<(u32, Item)>,
    ) {
        let to = |at, said, cost| Item { at, said, cost: item.cost + cost, ..item.clone() };
        if item.said != NOTHING
            && let Some(cost) = self.language.ends(place)
        {
            for token in self.marks.iter().chain([&self.eos]) {
                steps.push((*token, to(At::Closed, item.said, cost)));
            }
        }
        if let Some(next) = self.language.open(place) {
            for token in self.likely(sound, likely) {
                if self.tokenizer.starts_word(token) {
                    let at = At::Open { to: next };
                    let said = self.say(Spoken::Token(token), item.said);
                    let words = mixed(item.words, token);
                    steps.push((token, Item { words, ..to(at, said, self.options.open) }));
                }
            }
        }
    }

    /// The likeliest tokens of text given the sound, found once for all items of a hypothesis.
    fn likely(&self, sound: Row<'_>, known: &mut Option<Vec<u32>>) -> Vec<u32> {
        let found = known.get_or_insert_with(|| {
            let mut tokens: Vec<u32> = (0..sound.logits.len() as u32).collect();
            let most = self.options.open_tokens.min(tokens.len());
            let by_logit = |token: &u32| Reverse(Ordered(sound.logits[*token as usize]));
            if most > 0 {
                tokens.select_nth_unstable_by_key(most - 1, by_logit);
            }
            tokens.truncate(most);
            tokens.retain(|token| self.tokenizer.is_text(*token));
            tokens
        });
        found.clone()
    }

    fn trie(&mut self, place: Place) -> Arc<Trie> {
        self.spellings.trie(self.tokenizer, self.language, place)
    }

    fn begin(&mut self, place: Place) -> At {
        At::Word { place, trie: self.trie(place), node: Trie::ROOT }
    }

    fn say(&mut self, what: Spoken, before: u32) -> u32 {
        self.said.push(Said { what, before });
        self.said.len() as u32 - 1
    }

    pub fn text(&self, said: u32) -> String {
        let mut all = Vec::new();
        let mut at = said;
        while at != NOTHING {
            let Said { what, before } = self.said[at as usize];
            all.push(what);
            at = before;
        }
        let mut text = String::new();
        let mut rest = all.iter().rev().peekable();
        while let Some(what) = rest.next() {
            match what {
                Spoken::Word(word) => {
                    text.push(' ');
                    text.push_str(self.language.word(*word));
                }
                Spoken::Token(token) => {
                    let mut tokens = vec![*token];
                    while let Some(Spoken::Token(token)) =
                        rest.next_if(|next| matches!(next, Spoken::Token(_)))
                    {
                        tokens.push(*token);
                    }
                    text.push(' ');
                    text.push_str(&self.tokenizer.decode(&tokens));
                }
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A number for a sequence that goes on with `next`. Two sequences in some billions get the same,
/// and then one spelling fewer is followed.
fn mixed(sequence: u64, next: u32) -> u64 {
    // The odd number next to 2⁶⁴ divided by the golden ratio spreads neighbours apart.
    (sequence ^ (u64::from(next) + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

/// A float that can be sorted by.
#[derive(PartialEq)]
struct Ordered(f32);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

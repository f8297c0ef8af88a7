//! The search for what was said among what is expected.
//!
//! A beam of token sequences that spell sentences of a [`Language`]. All of them share one tree of
//! keys and values in the decoder, so that a step is one pass over the weights for the whole beam.
//!
//! A hypothesis is scored by what the network says of its tokens given the sound, less a share of
//! what it says of them without any (`internal_lm.rs`): the sound's own evidence, without the
//! network's belief in what people write. On noisy orders that share decides more than anything
//! else here; the figures stand in docs/understanding.md.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::internal_lm::{Belief, Question};
use super::language::{Language, Place, WordId};
use super::path::{BeamOptions, Path};
use super::spelling::{Spellings, Trie};
use super::{Branch, Tokenizer};
use crate::nn::tree::Node;

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
const NOTHING: u32 = u32::MAX;

/// Where a hypothesis is in the language.
#[derive(Debug, Clone)]
enum At {
    /// In a word behind a place, or about to begin one at the root.
    Word { place: Place, trie: Arc<Trie>, node: u32 },
    /// Among any words; the sentence goes on at the place.
    Open { to: Place },
    /// Behind the mark that ends the sentence.
    Closed,
}

/// One way to understand the tokens of a hypothesis.
#[derive(Debug, Clone)]
struct Item {
    at: At,
    said: u32,
    /// Equal for equal words, however they are spelled.
    words: u64,
    cost: f32,
}

impl Item {
    /// Equal where the words said are equal and, inside a word, the words that it can become.
    fn meaning(&self) -> (u64, u32) {
        let begun = match &self.at {
            At::Word { trie, node, .. } if *node != Trie::ROOT => trie.first_edge(*node),
            At::Word { .. } | At::Open { .. } => u32::MAX,
            At::Closed => u32::MAX - 1,
        };
        (self.words, begun)
    }
}

/// A sequence of tokens that spells the beginning of a sentence.
#[derive(Debug)]
struct Hypothesis {
    token: u32,
    /// The token before it, in the tree of the sound and in that of the internal language model.
    parents: Option<(Node, Node)>,
    /// Which of the questions is its own: that of its best spelling.
    question: usize,
    /// Index of the hypothesis it continues, for its tokens.
    back: u32,
    /// Without the costs of its items.
    score: f32,
    log_prob: f32,
    items: Vec<Item>,
}

/// A token behind a hypothesis, and what it can mean.
struct Step {
    from: usize,
    token: u32,
    /// Given the sound.
    log_prob: f32,
    items: Vec<Item>,
}

/// The sound has been asked what follows each of the hypotheses; its internal language model has
/// not.
#[derive(Default)]
struct Expanded {
    hypotheses: Vec<Hypothesis>,
    /// Of the hypotheses, in the tree of the sound.
    nodes: Vec<Node>,
    steps: Vec<Step>,
}

/// A continuation that may be followed.
struct Candidate {
    token: u32,
    from: usize,
    score: f32,
    log_prob: f32,
    items: Vec<Item>,
    /// The score with the cheapest item.
    rank: f32,
}

/// Natural logarithms of the probabilities of the next token, normalised when read.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub logits: &'a [f32],
    pub log_sum_exp: f32,
}

impl Row<'_> {
    fn log_prob(&self, token: u32) -> f32 {
        self.logits[token as usize] - self.log_sum_exp
    }
}

pub(super) struct Beam<'a> {
    tokenizer: &'a Tokenizer,
    language: &'a mut dyn Language,
    spellings: &'a mut Spellings,
    options: BeamOptions,
    eos: u32,
    /// Marks that end a sentence.
    marks: Vec<u32>,
    said: Vec<Said>,
    /// Every token ever followed, with the index of the one before it.
    trail: Vec<(u32, u32)>,
    /// To be decoded next.
    active: Vec<Hypothesis>,
    /// Between [`Beam::expand`] and [`Beam::weigh`].
    expanded: Expanded,
    finished: Vec<Path>,
    best_finished: f32,
}

impl<'a> Beam<'a> {
    pub fn new(
        tokenizer: &'a Tokenizer,
        language: &'a mut dyn Language,
        spellings: &'a mut Spellings,
        options: BeamOptions,
        (bos, eos): (u32, u32),
        start: Place,
    ) -> Self {
        let marks = [".", "?", "!"].iter().filter_map(|mark| tokenizer.token(mark.as_bytes()));
        let marks = marks.collect();
        let mut beam = Self {
            tokenizer,
            language,
            spellings,
            options,
            eos,
            marks,
            said: Vec::new(),
            trail: Vec::new(),
            active: Vec::new(),
            expanded: Expanded::default(),
            finished: Vec::new(),
            best_finished: f32::NEG_INFINITY,
        };
        let at = beam.begin(start);
        beam.active.push(Hypothesis {
            token: bos,
            parents: None,
            question: 0,
            back: NOTHING,
            score: 0.0,
            log_prob: 0.0,
            items: vec![Item { at, said: NOTHING, words: 0, cost: 0.0 }],
        });
        beam
    }

    /// The tokens to decode next given the sound; none at the end.
    pub fn branches(&self) -> impl ExactSizeIterator<Item = Branch> {
        self.active.iter().map(|hypothesis| Branch {
            token: hypothesis.token,
            parent: hypothesis.parents.map(|(sound, _)| sound),
        })
    }

    pub fn is_done(&self) -> bool {
        self.active.is_empty()
    }

    /// Takes what follows each of the branches, in their order. What comes back is to be asked of
    /// the internal language model: one question for all spellings of the same words.
    pub fn expand(&mut self, sound: &[(Row<'_>, Node)]) -> Vec<Question> {
        let hypotheses = std::mem::take(&mut self.active);
        let mut steps = Vec::new();
        for ((from, hypothesis), (sound, _)) in hypotheses.iter().enumerate().zip(sound) {
            self.follow(from, hypothesis, *sound, &mut steps);
        }
        let mut questions: Vec<Question> = Vec::new();
        for hypothesis in &hypotheses {
            if hypothesis.question == questions.len() {
                let parent = hypothesis.parents.map(|(_, believed)| believed);
                let branch = Branch { token: hypothesis.token, parent };
                questions.push(Question { branch, tokens: Vec::new() });
            }
        }
        for step in &steps {
            questions[hypotheses[step.from].question].tokens.push(step.token);
        }
        for Question { tokens, .. } in &mut questions {
            tokens.sort_unstable();
            tokens.dedup();
        }
        let nodes = sound.iter().map(|(_, node)| *node).collect();
        self.expanded = Expanded { hypotheses, nodes, steps };
        questions
    }

    /// Takes the answers to the questions of [`Beam::expand`] and goes on with the best.
    pub fn weigh(&mut self, questions: &[Question], beliefs: &[Belief]) {
        let Expanded { hypotheses, nodes, steps } = std::mem::take(&mut self.expanded);
        let mut candidates = Vec::new();
        for step in steps {
            let hypothesis = &hypotheses[step.from];
            let (asked, belief) = (&questions[hypothesis.question], &beliefs[hypothesis.question]);
            let at = asked.tokens.binary_search(&step.token).expect("every step was asked about");
            self.leave(hypothesis, step, belief.log_probs[at], &mut candidates);
        }
        candidates.sort_by(|a, b| b.rank.total_cmp(&a.rank));
        let best = candidates.first().map_or(f32::NEG_INFINITY, |candidate| candidate.rank);
        let floor = (best - self.options.narrow).max(self.best_finished - self.options.give_up);
        candidates.retain(|candidate| candidate.rank >= floor);
        // Number of the question, and how many are alike.
        let mut alike: HashMap<(u64, u32), (usize, usize)> = HashMap::new();
        for candidate in candidates {
            if self.active.len() == self.options.width {
                break;
            }
            let new = alike.len();
            let (question, count) = alike.entry(candidate.items[0].meaning()).or_insert((new, 0));
            if *count == self.options.spellings {
                continue;
            }
            *count += 1;
            let parent = &hypotheses[candidate.from];
            let back = self.trail.len() as u32;
            self.trail.push((candidate.token, parent.back));
            self.active.push(Hypothesis {
                token: candidate.token,
                parents: Some((nodes[candidate.from], beliefs[parent.question].node)),
                question: *question,
                back,
                score: candidate.score,
                log_prob: candidate.log_prob,
                items: candidate.items,
            });
        }
    }

    /// Everything finished, best first.
    pub fn finish(mut self) -> Vec<Path> {
        self.finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.finished
    }

    /// All that `hypothesis`, the `from`-th, can go on with.
    fn follow(
        &mut self,
        from: usize,
        hypothesis: &Hypothesis,
        sound: Row<'_>,
        steps: &mut Vec<Step>,
    ) {
        let mut ways: Vec<(u32, Item)> = Vec::new();
        let mut likely: Option<Vec<u32>> = None;
        for item in &hypothesis.items {
            self.steps(item, sound, &mut likely, &mut ways);
        }
        ways.sort_by_key(|(token, _)| *token);
        steps.extend(ways.chunk_by(|a, b| a.0 == b.0).map(|ways| {
            let token = ways[0].0;
            let items = ways.iter().map(|(_, item)| item.clone()).collect();
            Step { from, token, log_prob: sound.log_prob(token), items }
        }));
    }

    /// Scores a step behind `hypothesis`, whose token is `believed` without any sound.
    fn leave(
        &mut self,
        hypothesis: &Hypothesis,
        step: Step,
        believed: f32,
        candidates: &mut Vec<Candidate>,
    ) {
        let Step { from, token, log_prob, items } = step;
        let BeamOptions { language_model, token_bonus, .. } = self.options;
        let score = hypothesis.score + log_prob - language_model * believed + token_bonus;
        let log_prob = hypothesis.log_prob + log_prob;
        if token == self.eos {
            for item in &items {
                self.end(hypothesis, item, score - item.cost, log_prob);
            }
            return;
        }
        let cheapest = items.iter().map(|item| item.cost).fold(f32::INFINITY, f32::min);
        candidates.push(Candidate { token, from, score, log_prob, items, rank: score - cheapest });
    }

    /// The tokens that go on from `item`, each with where it leads; the end of text, too.
    fn steps(
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

    /// A sentence is over.
    fn end(&mut self, hypothesis: &Hypothesis, item: &Item, score: f32, log_prob: f32) {
        self.best_finished = self.best_finished.max(score);
        let mut tokens = Vec::new();
        let mut at = hypothesis.back;
        while at != NOTHING {
            let (token, before) = self.trail[at as usize];
            tokens.push(token);
            at = before;
        }
        tokens.reverse();
        let text = self.text(item.said);
        let written = self.tokenizer.decode(&tokens);
        self.finished.push(Path { text, written, tokens, score, log_prob, cost: item.cost });
    }

    fn text(&self, said: u32) -> String {
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

#[cfg(test)]
mod tests;

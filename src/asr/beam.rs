//! The search for what was said among what is expected.
//!
//! A beam of token sequences that spell sentences of a [`Language`]. All of them share one tree of
//! keys and values in the decoder, so that a step is one pass over the weights for the whole beam.
//!
//! A hypothesis is scored by what the network says of its tokens given the sound, less a share of
//! what it says of them without any (`internal_lm.rs`): the sound's own evidence, without the
//! network's belief in what people write. On noisy orders that share decides more than anything
//! else here; the figures stand in docs/understanding.md.

use std::collections::HashMap;

use walk::{Item, NOTHING, Walk};

use super::internal_lm::{Belief, Question};
use super::language::{Language, Place};
use super::path::{BeamOptions, Path};
use super::spelling::Spellings;
use super::{Branch, Tokenizer, guards};
use crate::nn::tree::Node;

mod walk;

pub(super) use walk::Row;

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

pub(super) struct Beam<'a> {
    tokenizer: &'a Tokenizer,
    walk: Walk<'a>,
    options: BeamOptions,
    eos: u32,
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
        let mut beam = Self {
            tokenizer,
            walk: Walk::new(tokenizer, language, spellings, options, eos),
            options,
            eos,
            trail: Vec::new(),
            active: Vec::new(),
            expanded: Expanded::default(),
            finished: Vec::new(),
            best_finished: f32::NEG_INFINITY,
        };
        let item = beam.walk.start(start);
        beam.active.push(Hypothesis {
            token: bos,
            parents: None,
            question: 0,
            back: NOTHING,
            score: 0.0,
            log_prob: 0.0,
            items: vec![item],
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
            let parent = &hypotheses[candidate.from];
            let meaning = candidate.items[0].meaning();
            if alike.get(&meaning).is_some_and(|(_, count)| *count == self.options.spellings) {
                continue;
            }
            // What is said over and over soon costs nothing more, whatever is heard.
            let mut tokens = self.tokens(parent.back);
            tokens.push(candidate.token);
            if guards::cut_loop(&tokens, false).is_some() {
                continue;
            }
            let new = alike.len();
            let (question, count) = alike.entry(meaning).or_insert((new, 0));
            *count += 1;
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
            self.walk.steps(item, sound, &mut likely, &mut ways);
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

    /// Everything up to a place in the trail.
    fn tokens(&self, mut at: u32) -> Vec<u32> {
        let mut tokens = Vec::new();
        while at != NOTHING {
            let (token, before) = self.trail[at as usize];
            tokens.push(token);
            at = before;
        }
        tokens.reverse();
        tokens
    }

    /// A sentence is over.
    fn end(&mut self, hypothesis: &Hypothesis, item: &Item, score: f32, log_prob: f32) {
        self.best_finished = self.best_finished.max(score);
        let tokens = self.tokens(hypothesis.back);
        let text = self.walk.text(item.said);
        let written = self.tokenizer.decode(&tokens);
        self.finished.push(Path { text, written, tokens, score, log_prob, cost: item.cost });
    }
}

#[cfg(test)]
mod tests;

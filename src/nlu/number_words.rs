//! Numbers as graphs of the words and figures that people and recognisers write them with.

use std::collections::HashMap;
use std::sync::Arc;

use super::draft::{Fractions, NumberRange};
use super::graph::{Graph, GraphId, Node, NodeId, Part, Step};
use super::pieces::{arc, join};
use crate::numerals::cardinal;

/// Most numbers of a range that are expected by name; of larger ranges the smallest, and round ones.
const MAX_NAMED: i64 = 1_200;

/// Graphs of numbers, made when they are first asked for.
#[derive(Default)]
pub(super) struct Numbers {
    graphs: Vec<Arc<Graph>>,
    single: HashMap<u64, GraphId>,
    ranges: Vec<(NumberRange, GraphId)>,
}

impl Numbers {
    pub fn graph(&self, id: GraphId) -> Arc<Graph> {
        Arc::clone(&self.graphs[id as usize])
    }

    /// One number, in words and figures.
    pub fn number(&mut self, number: f64) -> GraphId {
        if let Some(known) = self.single.get(&number.to_bits()) {
            return *known;
        }
        let mut trie = Paths::default();
        trie.push(&[&number.to_string()]);
        if number.fract() == 0.0 && number.abs() <= MAX_NAMED as f64 {
            trie.whole(number as i64, true, false);
        }
        let id = self.add(trie);
        self.single.insert(number.to_bits(), id);
        id
    }

    /// The numbers of a range, as it allows them to be written.
    pub fn range(&mut self, range: &NumberRange) -> GraphId {
        if let Some((_, known)) = self.ranges.iter().find(|(r, _)| r == range) {
            return *known;
        }
        let mut trie = Paths::default();
        for number in named(range) {
            trie.whole(number, range.words, range.digits);
            trie.fractions(number, range);
        }
        let id = self.add(trie);
        self.ranges.push((*range, id));
        id
    }

    fn add(&mut self, paths: Paths) -> GraphId {
        let mut nodes = paths.nodes;
        join(&paths.ends, &mut nodes);
        self.graphs.push(Arc::new(Graph {
            nodes,
            nullable: false,
            dead: false,
            meets: 0,
            part: Part::default(),
        }));
        self.graphs.len() as GraphId - 1
    }
}

/// The numbers of a range that are expected by name.
fn named(range: &NumberRange) -> Vec<i64> {
    let all = (range.from..=range.to).step_by(range.step.max(1) as usize);
    let round = |number: &i64| {
        let magnitude = number.unsigned_abs();
        let power = 10u64.pow(magnitude.max(1).ilog10());
        number.abs() < MAX_NAMED
            || (magnitude / (power / 10).max(1)) * (power / 10).max(1) == magnitude
    };
    if range.count() <= MAX_NAMED as u64 {
        return all.collect();
    }
    // Walking a range of millions would take long; two figures and zeros are what people say.
    let mut numbers: Vec<i64> = (-MAX_NAMED..=MAX_NAMED).collect();
    for power in 2..=9u32 {
        numbers.extend((10..100).flat_map(|two| [two, -two]).map(|two| two * 10i64.pow(power - 1)));
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers.retain(|number| range.holds(*number as f64) && round(number));
    numbers
}

/// Sequences of words that share their beginnings.
struct Paths {
    nodes: Vec<Node>,
    ends: Vec<NodeId>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], ends: Vec::new() }
    }
}

impl Paths {
    fn push(&mut self, words: &[&str]) {
        let mut at: NodeId = 0;
        for (index, word) in words.iter().enumerate() {
            if index > 0 {
                at = self.gap(at);
            }
            let node = &self.nodes[at as usize];
            at = match node.texts.iter().find(|(text, _)| **text == **word) {
                Some((_, to)) => *to,
                None => {
                    let to = self.nodes.len() as NodeId;
                    self.nodes.push(Node::default());
                    self.nodes[at as usize].texts.push(((*word).into(), to));
                    to
                }
            };
        }
        if !self.ends.contains(&at) {
            self.ends.push(at);
        }
    }

    fn gap(&mut self, at: NodeId) -> NodeId {
        let node = &self.nodes[at as usize];
        match node.arcs.iter().find(|arc| matches!(arc.step, Step::Gap)) {
            Some(arc) => arc.to,
            None => arc(Step::Gap, at, &mut self.nodes),
        }
    }

    fn whole(&mut self, number: i64, words: bool, digits: bool) {
        if digits {
            self.push(&[&number.to_string()]);
        }
        if words {
            let spoken = spoken(number);
            let spoken: Vec<&str> = spoken.iter().map(String::as_str).collect();
            self.push(&spoken);
            // "one hundred and five", "a hundred".
            if let Some(at) = spoken.iter().position(|word| *word == "hundred") {
                if at + 1 < spoken.len() {
                    let (before, behind) = spoken.split_at(at + 1);
                    self.push(&[before, &["and"], behind].concat());
                }
                if spoken[..at] == ["one"] && spoken.len() == 2 {
                    self.push(&["a", "hundred"]);
                }
            }
        }
    }

    fn fractions(&mut self, whole: i64, range: &NumberRange) {
        let tenths: &[i64] = match range.fractions {
            Fractions::None => &[],
            Fractions::Halves => &[5],
            Fractions::Tenths => &[1, 2, 3, 4, 5, 6, 7, 8, 9],
        };
        for tenth in tenths {
            if range.digits {
                self.push(&[&format!("{whole}.{tenth}")]);
            }
            if range.words {
                let mut said = spoken(whole);
                let tenth_word = spoken(*tenth);
                said.extend(["point".to_owned()].into_iter().chain(tenth_word));
                self.push(&said.iter().map(String::as_str).collect::<Vec<_>>());
                if *tenth == 5 {
                    let mut said = spoken(whole);
                    said.extend(["and", "a", "half"].map(str::to_owned));
                    self.push(&said.iter().map(String::as_str).collect::<Vec<_>>());
                }
            }
        }
    }
}

/// A number with at most a few decimals in words: "twenty one point five".
pub(super) fn said(number: f64) -> Vec<String> {
    let figures = number.abs().to_string();
    let (whole, decimals) = figures.split_once('.').unwrap_or((&figures, ""));
    let mut words = if number < 0.0 { vec!["minus".to_owned()] } else { Vec::new() };
    words.extend(cardinal(whole).into_iter().map(Into::into));
    if !decimals.is_empty() {
        words.push("point".to_owned());
        words.extend(
            decimals.chars().flat_map(|digit| cardinal(&digit.to_string())).map(Into::into),
        );
    }
    words
}

/// A whole number in words, one hyphen-less word each.
fn spoken(number: i64) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    if number < 0 {
        words.push("minus".to_owned());
    }
    words.extend(cardinal(&number.unsigned_abs().to_string()).into_iter().map(Into::into));
    words
}

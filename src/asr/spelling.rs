//! How the recogniser writes the words that a language expects.
//!
//! It was trained on written text: sentences begin with a capital, some words stand behind a comma
//! or a hyphen, signs are written as signs. A search that allows one spelling only loses what was
//! heard to another, so every word is allowed in all of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Language, Place, Tokenizer, WordId};

/// Words that are also written as a sign behind the number before them.
const SIGNS: &[(&str, &str)] = &[("percent", "%"), ("degree", "°"), ("degrees", "°")];
/// Longest word, in letters, that may be an abbreviation in capitals: "TV".
const MAX_CAPITALS: usize = 3;
/// Trie nodes kept between utterances, some 16 MB; then all are built anew as they are needed.
const MAX_NODES: usize = 1 << 20;

/// Spellings of the places and words that searches have met.
#[derive(Default)]
pub struct Spellings {
    words: HashMap<WordId, Arc<[Box<[u32]>]>>,
    places: HashMap<Place, Arc<Trie>>,
    nodes: usize,
}

/// The words that may follow a place, token by token.
#[derive(Debug, Default)]
pub(super) struct Trie {
    nodes: Vec<TrieNode>,
    /// Token and node, of each node in the order of the tokens.
    children: Vec<(u32, u32)>,
    /// Numbers of the edges whose word is complete.
    words: Vec<u32>,
}

#[derive(Debug, Default)]
struct TrieNode {
    first_edge: u32,
    children: (u32, u32),
    words: (u32, u32),
}

impl Trie {
    /// The node in which every word begins.
    pub const ROOT: u32 = 0;

    /// The tokens that go on from `node`, and where each leads.
    pub fn children(&self, node: u32) -> &[(u32, u32)] {
        let (from, to) = self.nodes[node as usize].children;
        &self.children[from as usize..to as usize]
    }

    /// The edges whose word is complete at `node`.
    pub fn words(&self, node: u32) -> &[u32] {
        let (from, to) = self.nodes[node as usize].words;
        &self.words[from as usize..to as usize]
    }

    /// The first of the edges whose words run through `node`.
    pub fn first_edge(&self, node: u32) -> u32 {
        self.nodes[node as usize].first_edge
    }

    /// `spelled`: tokens and the edge they spell, sorted.
    fn build(spelled: &[(&[u32], u32)]) -> Self {
        let mut trie = Self { nodes: vec![TrieNode::default()], ..Self::default() };
        // Node, its depth, and what of `spelled` runs through it.
        let mut open = vec![(Self::ROOT, 0, 0..spelled.len())];
        while let Some((node, depth, range)) = open.pop() {
            let first_word = trie.words.len() as u32;
            let first_child = trie.children.len() as u32;
            let first_edge =
                spelled[range.clone()].iter().map(|(_, edge)| *edge).min().unwrap_or(0);
            let mut at = range.start;
            while at < range.end {
                let (tokens, edge) = spelled[at];
                let Some(token) = tokens.get(depth) else {
                    if trie.words.len() as u32 == first_word || trie.words.last() != Some(&edge) {
                        trie.words.push(edge);
                    }
                    at += 1;
                    continue;
                };
                let same = spelled[at..range.end]
                    .iter()
                    .take_while(|(tokens, _)| tokens.get(depth) == Some(token));
                let to = at + same.count();
                let child = trie.nodes.len() as u32;
                trie.nodes.push(TrieNode::default());
                trie.children.push((*token, child));
                open.push((child, depth + 1, at..to));
                at = to;
            }
            let node = &mut trie.nodes[node as usize];
            node.first_edge = first_edge;
            node.words = (first_word, trie.words.len() as u32);
            node.children = (first_child, trie.children.len() as u32);
        }
        trie
    }
}

impl Spellings {
    /// What may follow `place`.
    pub(super) fn trie(
        &mut self,
        tokenizer: &Tokenizer,
        language: &mut dyn Language,
        place: Place,
    ) -> Arc<Trie> {
        if let Some(trie) = self.places.get(&place) {
            return Arc::clone(trie);
        }
        let edges = language.edges(place).to_vec();
        let written: Vec<Arc<[Box<[u32]>]>> = edges
            .iter()
            .map(|edge| {
                let written = self.words.entry(edge.word).or_insert_with(|| {
                    spellings(language.word(edge.word))
                        .iter()
                        .map(|text| tokenizer.encode(text).into())
                        .collect()
                });
                Arc::clone(written)
            })
            .collect();
        let mut spelled: Vec<(&[u32], u32)> = (0..)
            .zip(&written)
            .flat_map(|(edge, all)| all.iter().map(move |tokens| (&**tokens, edge)))
            .collect();
        spelled.sort_unstable();
        let trie = Arc::new(Trie::build(&spelled));
        self.nodes += trie.nodes.len();
        self.places.insert(place, Arc::clone(&trie));
        trie
    }

    /// Forgets what is too much to keep. Between searches: a search holds places.
    pub(super) fn trim(&mut self) {
        if self.nodes > MAX_NODES {
            *self = Self::default();
        }
    }
}

/// Every way to write `word` behind another or at the beginning.
pub(super) fn spellings(word: &str) -> Vec<String> {
    let mut letters = word.chars();
    let capital: String =
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let mut forms = vec![word.to_owned()];
    let is_word = word.chars().all(char::is_alphabetic);
    if is_word && (2..=MAX_CAPITALS).contains(&word.chars().count()) {
        forms.push(word.to_uppercase());
    }
    if capital != word {
        forms.push(capital.clone());
    }
    let mut all = vec![format!(". {capital}"), format!("-{word}")];
    for form in forms {
        all.push(format!(" {form}"));
        all.push(format!(", {form}"));
    }
    let signs = SIGNS.iter().filter(|(said, _)| *said == word);
    all.extend(signs.map(|(_, sign)| (*sign).to_owned()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_in_many_ways() {
        let all = spellings("large");
        for form in [" large", " Large", ", large", "-large", ". Large"] {
            assert!(all.iter().any(|s| s == form), "{form} of {all:?}");
        }
        assert!(spellings("tv").contains(&" TV".to_owned()));
        assert!(!spellings("8").contains(&" 8 ".to_owned()));
        assert!(spellings("percent").contains(&"%".to_owned()));
    }

    #[test]
    fn a_trie_shares_beginnings() {
        let spelled: &[(&[u32], u32)] = &[(&[1], 0), (&[1, 2], 1), (&[1, 2], 2), (&[3], 0)];
        let trie = Trie::build(spelled);
        let walk = |tokens: &[u32]| {
            tokens.iter().try_fold(Trie::ROOT, |node, token| {
                trie.children(node).iter().find(|(t, _)| t == token).map(|(_, to)| *to)
            })
        };
        assert_eq!(trie.children(Trie::ROOT).len(), 2);
        assert_eq!(walk(&[1]).map(|n| trie.words(n)), Some(&[0][..]));
        assert_eq!(walk(&[1, 2]).map(|n| trie.words(n)), Some(&[1, 2][..]));
        assert_eq!(walk(&[3]).map(|n| trie.words(n)), Some(&[0][..]));
        assert_eq!(walk(&[2]), None);
    }
}

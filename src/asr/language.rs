//! What a search is told to expect: sequences of words.

/// Somewhere inside a [`Language`]: what was said so far, as far as it matters for what may follow.
pub type Place = u32;

/// A word of a [`Language`].
pub type WordId = u32;

/// A word that may be said next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    pub word: WordId,
    /// Where it leads.
    pub to: Place,
    /// How much less likely it is than others before anything is heard, in nats; 0 or more.
    pub cost: f32,
}

/// Sentences that are waited for, as a deterministic automaton over words that may be built while
/// it is walked. Loops are allowed.
///
/// Words are in the normal spelling of the sentences: lower case, no punctuation but apostrophes
/// and signs that are read aloud. How the recogniser writes them is its own affair
/// ([`super::Spellings`]).
pub trait Language {
    /// The words that may follow, each once. The same for the same place, every time.
    fn edges(&mut self, place: Place) -> &[Edge];

    /// The spelling of a word.
    fn word(&self, word: WordId) -> &str;

    /// What a sentence that ends here costs in nats; `None` when none ends here.
    fn ends(&mut self, place: Place) -> Option<f32>;

    /// Where any word at all leads, when any may follow.
    fn open(&mut self, place: Place) -> Option<Place>;
}

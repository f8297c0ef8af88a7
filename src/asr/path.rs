/// How the beam is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeamOptions {
    /// Most hypotheses that are followed at once.
    pub width: usize,
    /// Share of the internal language model that is taken off, 0 to 1.
    pub language_model: f32,
    /// Most hypotheses that differ in spelling only.
    pub spellings: usize,
    /// A hypothesis this much below the best of its length is dropped, in nats.
    pub narrow: f32,
    /// Worth of a token, in nats: without it the long would lose to the short.
    pub token_bonus: f32,
    /// A hypothesis this much below the best finished one is dropped, in nats.
    pub give_up: f32,
    /// What a token costs where any words may be said, in nats.
    pub open: f32,
    /// Most tokens that are tried there for each hypothesis.
    pub open_tokens: usize,
}

impl Default for BeamOptions {
    fn default() -> Self {
        Self {
            width: 16,
            language_model: 0.3,
            spellings: 2,
            narrow: 8.0,
            token_bonus: 0.8,
            give_up: 8.0,
            open: 0.5,
            open_tokens: 6,
        }
    }
}

/// A whole sentence of the language and how well it fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// In the spelling of the language.
    pub text: String,
    /// As the recogniser would write it.
    pub written: String,
    /// Tokens of that, without the control tokens around.
    pub tokens: Vec<u32>,
    /// What the search ranks by: nats, higher is better.
    pub score: f32,
    /// Natural logarithm of the probability of the tokens and their end given the sound.
    pub log_prob: f32,
    /// How much less likely than others it was before anything was heard, in nats; part of the
    /// score.
    pub cost: f32,
}

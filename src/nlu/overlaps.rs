//! Sentences that two intents claim alike.

use super::draft::Context;
use super::grammar::Grammar;

/// Sentences drawn from each template.
const DRAWS: u64 = 3;

/// A sentence that templates of two intents take as well; the first one gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    pub text: String,
    /// The intent that gets it, and `file:line` of its template.
    pub first: (String, String),
    pub second: (String, String),
}

impl std::fmt::Display for Overlap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { text, first, second } = self;
        write!(
            f,
            "{}: \"{text}\" means {} as well as {} ({}); it is taken as {}. Make one of them more \
             specific, or require a context",
            second.1, second.0, first.0, first.1, first.0
        )
    }
}

impl Grammar {
    /// Sentences that two intents claim and nothing but the order of the templates decides, at most
    /// one for each pair of templates. Found by drawing sentences, so rare ones are missed.
    pub fn overlaps(&self) -> Vec<Overlap> {
        let context = Context::new();
        let mut found: Vec<Overlap> = Vec::new();
        for sentence in &self.machine.sentences {
            for seed in 0..DRAWS {
                let Some(sample) = self.sample_of(sentence, seed) else { continue };
                let readings = self.readings(&sample.text, &context);
                let Some((best, rest)) = readings.split_first() else { continue };
                for rival in rest.iter().filter(|r| r.intent != best.intent && r.ties(best)) {
                    let claim = |r: &super::Reading<'_>| (r.intent.to_owned(), r.written.clone());
                    let (first, second) = (claim(best), claim(rival));
                    if !found.iter().any(|o| o.first == first && o.second == second) {
                        found.push(Overlap { text: sample.text.clone(), first, second });
                    }
                }
            }
        }
        found
    }
}

//! From what was heard to what was meant: interpretations compete, not strings.
//!
//! Many paths of a search mean the same (spellings, "with" or "and"), and their probabilities add
//! up. What wins is then held against free decoding, which is bound to no sentence: speech that is
//! not for the agent fits the sentences far worse than it fits English.

use std::borrow::Cow;

use serde::Serialize;

use super::classify::log_sum_exp;
use super::confidence::{Observed, SEARCH, Trust};
use super::interpretation::{Alternative, Interpretation, Status};
use super::sound::{Sounds, distance};
use crate::asr::{Path, Recognition};

/// Probability below which sentences are given up for what free words are like.
const HARDLY_MEANT: f32 = 0.15;
/// Most other interpretations reported.
const MAX_ALTERNATIVES: usize = 4;
/// Where the signs of evidence are 0: near where sentences and other talk are told apart.
const USUAL_FIT: f32 = -1.5;
const USUAL_TOKENS: f32 = 8.0;
const USUAL_DISTANCE: f32 = 0.5;
/// A fit below is as bad as any, and no reason for more certainty.
const WORST_FIT: f32 = -8.0;

/// An interpretation with the words that led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub interpretation: Interpretation,
    /// What was said, as it is believed now.
    pub text: String,
    /// What it rests on; `None` when it is not a sentence of the search.
    pub evidence: Option<SearchEvidence>,
}

impl Decision {
    /// Whether this, on sound that goes on where that of `shorter` ends, is the one to believe.
    /// What goes on saying the same need not be as sure: the shorter one is sure of what it heard,
    /// and has nothing to say of what follows.
    pub fn outweighs(&self, shorter: &Self) -> bool {
        let (this, other) = (&self.interpretation, &shorter.interpretation);
        let goes_on = this.intent == other.intent
            && this.slots.len() > other.slots.len()
            && other.slots.iter().all(|(name, slot)| {
                this.slots.get(name).is_some_and(|this| this.value == slot.value)
            });
        this.confidence > other.confidence || (goes_on && this.status == Status::Accepted)
    }
}

/// What a search says for its best interpretation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SearchEvidence {
    /// How much better the sound, and what was expected, fit the sentence than free words, in nats
    /// per token; rarely above 0.
    pub fit: f32,
    /// Score beyond the second interpretation, in nats; `None` without a second.
    pub margin: Option<f32>,
    /// Tokens of the sentence: a short one fits much by chance.
    pub tokens: u32,
    /// How far the sentence is from what free decoding wrote, in whole sounds for each sound of the
    /// longer one.
    pub distance: f32,
}

impl SearchEvidence {
    /// As a [`Trust`] takes it, more being better.
    pub fn signs(&self) -> [f32; SEARCH - 2] {
        [
            self.fit.max(WORST_FIT) - USUAL_FIT,
            (self.tokens as f32 / USUAL_TOKENS).max(f32::MIN_POSITIVE).ln(),
            USUAL_DISTANCE - self.distance,
        ]
    }
}

/// What a search found, before anything is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Searched {
    pub meaning: Interpretation,
    pub evidence: SearchEvidence,
    /// Scores by which the other interpretations are behind, in nats, ascending.
    pub leads: Vec<f32>,
}

impl Searched {
    /// As an example for a fit.
    pub fn observed(&self, right: bool) -> Observed {
        Observed { signs: self.evidence.signs().to_vec(), leads: self.leads.clone(), right }
    }
}

/// Paths of equal meaning.
struct Group<'r> {
    meaning: Interpretation,
    paths: Vec<Cow<'r, Path>>,
    score: f32,
}

/// Decides what was meant. `read` gives the words of a path their meaning here and now, `read_free`
/// those of free decoding; `trust` says what evidence is worth, and `sounds` what words sound like.
pub fn decide(
    recognition: &Recognition,
    trust: &Trust<SEARCH>,
    sounds: &Sounds,
    read: impl Fn(&str) -> Interpretation,
    read_free: impl Fn(&str) -> Interpretation,
) -> Decision {
    let groups = groups(recognition, read);
    let free = &recognition.best;
    let unsearched = || {
        let mut interpretation = read_free(&free.text);
        interpretation.confidence *= free.confidence.clamp(0.0, 1.0);
        Decision { interpretation, text: free.text.clone(), evidence: None }
    };
    let Some(best) = groups.first() else { return unsearched() };
    let evidence = evidence(&groups, recognition, sounds);
    let meant = trust.fits(&evidence.signs());
    let weights: Vec<f32> =
        groups.iter().map(|group| trust.rival(best.score - group.score)).collect();
    let all: f32 = weights.iter().sum();
    let confidence = |weight: f32| meant * weight / all;
    if meant < 0.5 {
        // The words may mean something that the search was not told to expect. What they are only
        // like is weaker evidence than a sentence that may fit.
        let decision = unsearched();
        match decision.interpretation.status {
            Status::Accepted => return decision,
            Status::Confirm if meant < HARDLY_MEANT => return decision,
            _ => {}
        }
    }
    let nbest = groups.iter().zip(&weights).skip(1).take(MAX_ALTERNATIVES);
    let nbest = nbest.filter_map(|(group, weight)| {
        Some(Alternative {
            intent: group.meaning.intent.clone()?,
            slots: group.meaning.slots.clone(),
            confidence: confidence(*weight),
        })
    });
    let interpretation = Interpretation {
        confidence: confidence(weights[0]),
        nbest: nbest.collect(),
        ..best.meaning.clone()
    };
    Decision { interpretation, text: spoken(best), evidence: Some(evidence) }
}

/// What a search found for the best of its interpretations; `None` when no path means anything.
pub fn searched(
    recognition: &Recognition,
    sounds: &Sounds,
    read: impl Fn(&str) -> Interpretation,
) -> Option<Searched> {
    let groups = groups(recognition, read);
    let best = groups.first()?;
    Some(Searched {
        meaning: best.meaning.clone(),
        evidence: evidence(&groups, recognition, sounds),
        leads: groups[1..].iter().map(|group| best.score - group.score).collect(),
    })
}

/// What there is for the first group, which is the best.
fn evidence(groups: &[Group<'_>], recognition: &Recognition, sounds: &Sounds) -> SearchEvidence {
    let (best, free) = (&groups[0], &recognition.best);
    let (said, heard) = (sounds.phones(&likeliest(best).text), sounds.phones(&free.text));
    let longer = said.len().max(heard.len()).max(1);
    SearchEvidence {
        fit: fit(best, free.log_prob, free.tokens.len() + 1),
        margin: groups.get(1).map(|second| best.score - second.score),
        tokens: likeliest(best).tokens.len() as u32,
        distance: distance(&said, &heard) / longer as f32,
    }
}

/// The paths that mean something, by meaning, the best first. What free decoding wrote is among
/// them if it means anything: a search may have lost it on the way.
fn groups(recognition: &Recognition, read: impl Fn(&str) -> Interpretation) -> Vec<Group<'_>> {
    let mut by_text: Vec<(&str, Option<usize>)> = Vec::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for path in &recognition.paths {
        let known = by_text.iter().find(|(text, _)| *text == path.text).map(|(_, group)| *group);
        let group = known.unwrap_or_else(|| {
            let meaning = read(&path.text);
            let is_it = |group: &Group<'_>| {
                meaning.means(group.meaning.intent.as_deref(), &group.meaning.slots)
            };
            let group = match meaning.status {
                Status::Rejected => None,
                _ => Some(groups.iter().position(is_it).unwrap_or_else(|| {
                    groups.push(Group { meaning, paths: Vec::new(), score: f32::NEG_INFINITY });
                    groups.len() - 1
                })),
            };
            by_text.push((&path.text, group));
            group
        });
        if let Some(group) = group {
            groups[group].paths.push(Cow::Borrowed(path));
        }
    }
    for group in &mut groups {
        group.score = log_sum_exp(group.paths.iter().map(|path| path.score));
    }
    groups.extend(lost(recognition, &groups, &read));
    groups.sort_by(|a, b| b.score.total_cmp(&a.score));
    groups
}

/// What free decoding wrote, if it means something that no path means: the search lost it on the
/// way. The internal language model was not asked about it; a token is worth what it is worth in
/// the best path.
fn lost<'r>(
    recognition: &'r Recognition,
    found: &[Group<'r>],
    read: impl Fn(&str) -> Interpretation,
) -> Option<Group<'r>> {
    let Recognition { best: free, paths, .. } = recognition;
    let best = paths.iter().max_by(|a, b| a.score.total_cmp(&b.score))?;
    let meaning = read(&free.text);
    let (intent, slots) = (meaning.intent.as_deref(), &meaning.slots);
    let known = found.iter().any(|group| group.meaning.means(intent, slots));
    if meaning.status == Status::Rejected || known {
        return None;
    }
    let worth = (best.score - best.log_prob) / best.tokens.len().max(1) as f32;
    let score = free.log_prob + worth * free.tokens.len() as f32;
    let path = Path {
        text: free.text.clone(),
        written: free.text.clone(),
        tokens: free.tokens.clone(),
        score,
        log_prob: free.log_prob,
        cost: best.cost,
    };
    Some(Group { meaning, paths: vec![Cow::Owned(path)], score })
}

/// See [`SearchEvidence::fit`].
fn fit(group: &Group<'_>, free: f32, free_tokens: usize) -> f32 {
    let likeliest = likeliest(group);
    let log_prob = log_sum_exp(group.paths.iter().map(|path| path.log_prob - path.cost));
    log_prob / (likeliest.tokens.len() + 1) as f32 - free / free_tokens as f32
}

fn spoken(group: &Group<'_>) -> String {
    likeliest(group).written.clone()
}

fn likeliest<'g>(group: &'g Group<'_>) -> &'g Path {
    let best = group.paths.iter().max_by(|a, b| a.log_prob.total_cmp(&b.log_prob));
    best.expect("a group is made for a path")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::asr::{Ended, Hypothesis};
    use crate::nlu::{Slot, SlotValue, Spelled};
    use crate::turn::Completeness;

    fn path(text: &str, score: f32, log_prob: f32) -> Path {
        let tokens = vec![300; text.split(' ').count()];
        Path { text: text.into(), written: format!("{text}."), tokens, score, log_prob, cost: 0.0 }
    }

    fn heard(paths: Vec<Path>, free: &str, log_prob: f32) -> Recognition {
        let tokens = vec![300; free.split(' ').count()];
        let confidence = (log_prob / (tokens.len() + 1) as f32).exp();
        let best = Hypothesis { text: free.into(), tokens, confidence, log_prob };
        Recognition { best, paths, ended: Ended::EndOfText }
    }

    /// The last word is the drink; "nonsense" is none.
    fn read(text: &str) -> Interpretation {
        let drink = text.rsplit(' ').next().unwrap_or_default();
        if drink == "nonsense" {
            return Interpretation::not_understood(Completeness::MayContinue);
        }
        let slot = Slot { value: SlotValue::Text(drink.into()), text: drink.into() };
        Interpretation {
            status: Status::Accepted,
            intent: Some("order".into()),
            slots: [("drink".to_owned(), slot)].into(),
            confidence: 1.0,
            ..Interpretation::not_understood(Completeness::Complete)
        }
    }

    fn decide(
        heard: &Recognition,
        read: impl Fn(&str) -> Interpretation,
        read_free: impl Fn(&str) -> Interpretation,
    ) -> Decision {
        let fit_alone = vec![0.25, 0.6, 5.0, 0.0, 0.0];
        let trust = fit_alone.try_into().expect("monotone");
        super::decide(heard, &trust, &sounds(), read, read_free)
    }

    fn sounds() -> Sounds {
        Sounds::new(Arc::new(Spelled), &BTreeMap::new()).expect("nothing respelled")
    }

    fn drink(decision: &Decision) -> String {
        let slot = decision.interpretation.slots.get("drink");
        slot.map(|slot| slot.value.to_string()).unwrap_or_default()
    }

    #[test]
    fn paths_of_one_meaning_add_up() {
        let paths = vec![
            path("one latte", 3.0, -3.0),
            path("a mocha", 2.8, -3.2),
            path("some mocha", 2.8, -3.2),
            path("some nonsense", 9.0, -1.0),
        ];
        let decision = decide(&heard(paths, "some mocha", -2.0), read, read);
        assert_eq!(drink(&decision), "mocha");
        assert_eq!(decision.text, "some mocha.");
        let evidence = decision.evidence.expect("it was searched");
        assert!((evidence.margin.unwrap() - (2f32.ln() - 0.2)).abs() < 1e-3, "{evidence:?}");
        assert_eq!(decision.interpretation.nbest.len(), 1);
        let all = decision.interpretation.confidence + decision.interpretation.nbest[0].confidence;
        assert!(decision.interpretation.confidence > 0.5 && all < 1.0 && all > 0.9, "{all}");
    }

    #[test]
    fn what_free_decoding_wrote_may_win_where_the_search_lost_it() {
        let lost = |log_prob, free: &str| {
            let paths = vec![path("a latte", 3.0, log_prob), path("a tea", 0.0, log_prob)];
            decide(&heard(paths, free, -1.0), read, read)
        };
        let decision = lost(-9.0, "a mocha");
        assert_eq!((drink(&decision).as_str(), decision.text.as_str()), ("mocha", "a mocha"));
        assert!(decision.interpretation.confidence > 0.5, "{decision:?}");
        // It is weighed like any other, and one of its own words changes nothing.
        assert_eq!(drink(&lost(-0.5, "a mocha")), "latte");
        let lead = |decision: &Decision| decision.evidence.and_then(|e| e.margin);
        assert_eq!(lead(&lost(-1.5, "one latte")), lead(&lost(-1.5, "of that nonsense")));
    }

    #[test]
    fn of_two_lengths_the_surer_counts_and_what_says_more() {
        let slots = |names: &[&str]| -> BTreeMap<String, Slot> {
            let slot =
                |name: &&str| Slot { value: SlotValue::Text((*name).into()), text: String::new() };
            names.iter().map(|name| ((*name).to_owned(), slot(name))).collect()
        };
        let decision = |names: &[&str], confidence: f32| Decision {
            interpretation: Interpretation {
                confidence,
                slots: slots(names),
                status: if confidence < 0.5 { Status::Confirm } else { Status::Accepted },
                ..read("a latte")
            },
            text: String::new(),
            evidence: None,
        };
        let shorter = decision(&["drink"], 0.9);
        for (slots, confidence, outweighs) in [
            (&["drink"][..], 0.95, true),
            (&["drink"], 0.9, false),
            (&["drink", "milk"], 0.6, true),
            (&["drink", "milk"], 0.4, false),
            (&["size", "milk"], 0.8, false),
            (&[], 0.8, false),
        ] {
            let longer = decision(slots, confidence);
            assert_eq!(longer.outweighs(&shorter), outweighs, "{slots:?} {confidence}");
        }
    }

    #[test]
    fn what_fits_free_words_far_better_is_doubted() {
        let decision = |log_prob| {
            decide(
                &heard(vec![path("a latte", 3.0, log_prob)], "of that nonsense", -1.0),
                read,
                read,
            )
        };
        assert!(decision(-2.0).interpretation.confidence > 0.9);
        assert!(decision(-9.0).interpretation.confidence < 0.05);
    }

    #[test]
    fn more_words_alike_are_better_signs() {
        let evidence = |said: &str, free: &str| {
            let heard = heard(vec![path(said, 3.0, -2.0)], free, -1.0);
            searched(&heard, &sounds(), read).expect("it means something").evidence
        };
        let (alike, unlike) = (evidence("a latte", "a latte"), evidence("a latte", "of nonsense"));
        assert_eq!(alike.distance, 0.0);
        assert!(unlike.distance > 0.5, "{unlike:?}");
        assert!(alike.signs()[2] > unlike.signs()[2]);
        let longer = evidence("one large latte", "one large latte");
        assert!(longer.signs()[1] > alike.signs()[1], "{longer:?} {alike:?}");
        assert!(alike.signs().iter().all(|sign| sign.is_finite()));
    }

    #[test]
    fn words_that_were_not_searched_for_are_read_as_they_are() {
        let decision = decide(&heard(Vec::new(), "hot latte", -0.5), read, read);
        assert_eq!((drink(&decision).as_str(), decision.evidence), ("latte", None));
        assert!(decision.interpretation.confidence < 1.0);
        let unfit = vec![path("a mocha", 1.0, -30.0)];
        assert_eq!(drink(&decide(&heard(unfit, "hot latte", -0.5), read, read)), "latte");
    }
}

//! Values that are said somewhere in a text, or something that sounds like them.

use super::grammar::Grammar;
use super::interpretation::Slot;
use super::sound::{Phone, Sounds, distance};
use super::words::Words;

/// Words of a text that are looked at: nobody's request has more.
const MOST_WORDS: usize = 64;
/// Fewer sounds are like too many words.
const FEWEST_SOUNDS: usize = 4;
/// Share of its sounds by which a misheard value may differ, and by which it must be nearer than
/// another: "sellar" for "cellar lamp" and not for "kitchen lamp".
const FARTHEST: f32 = 0.25;
const LEAD: f32 = 0.08;

/// The longest value of `list` that is said in `text`, else the one that some of its words sound most
/// like, if they are like no other.
pub(super) fn spot(grammar: &Grammar, sounds: &Sounds, list: &str, text: &str) -> Option<Slot> {
    grammar.spot_value(list, text).or_else(|| {
        let sounding = sounding(grammar, sounds, list, text)?;
        let slot = grammar.spot_value(list, &sounding.value)?;
        Some(Slot { text: sounding.heard, ..slot })
    })
}

struct Sounding {
    value: String,
    /// The words of the text.
    heard: String,
}

fn sounding(grammar: &Grammar, sounds: &Sounds, list: &str, text: &str) -> Option<Sounding> {
    let words = Words::new(text);
    let heard: Vec<(std::ops::Range<usize>, Vec<Phone>)> = word_ranges(&words.text)
        .take(MOST_WORDS)
        .map(|at| (at.clone(), sounds.phones(&words.text[at])))
        .collect();
    // How far, and what; the second is the best of another value.
    let mut best: Option<(f32, Sounding)> = None;
    let mut second = f32::INFINITY;
    for item in grammar.values(list) {
        let said = sounds.phones(item.spoken);
        if said.len() < FEWEST_SOUNDS {
            continue;
        }
        let Some((far, at)) = nearest(&said, &heard) else { continue };
        match &best {
            Some((least, _)) if *least <= far => second = second.min(far),
            _ => {
                second = best.take().map_or(second, |(least, _)| least);
                let heard = words.said(at).to_owned();
                best = Some((far, Sounding { value: item.spoken.to_owned(), heard }));
            }
        }
    }
    let (far, sounding) = best?;
    (far <= FARTHEST && far + LEAD <= second).then_some(sounding)
}

/// Where the words lie that sound most like `said`, and how far they are from it as a share of its
/// sounds.
fn nearest(
    said: &[Phone],
    heard: &[(std::ops::Range<usize>, Vec<Phone>)],
) -> Option<(f32, std::ops::Range<usize>)> {
    let longest = said.len() + said.len().div_ceil(4);
    let mut best: Option<(f32, std::ops::Range<usize>)> = None;
    let mut window = Vec::new();
    for first in 0..heard.len() {
        window.clear();
        for (at, phones) in &heard[first..] {
            window.extend_from_slice(phones);
            if window.len() > longest {
                break;
            }
            if 4 * window.len() < 3 * said.len() {
                continue;
            }
            let far = distance(said, &window) / said.len() as f32;
            if best.as_ref().is_none_or(|(least, _)| far < *least) {
                best = Some((far, heard[first].0.start..at.end));
            }
        }
    }
    best
}

/// Where the words of a normal text lie.
fn word_ranges(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    text.split(' ').scan(0, |from, word| {
        let at = *from..*from + word.len();
        *from = at.end + 1;
        Some(at)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::config::diagnostic::Source;
    use crate::nlu::Spelled;

    #[test]
    fn a_value_is_found_by_its_words_or_by_its_sound_and_never_by_chance() {
        let yaml = "language: en\nintents:\n  on:\n    data:\n      - sentences: [\"turn on {name}\"]\n\
                    lists:\n  name:\n    values: [cellar lamp, kitchen lamp, bedside lamps, fan]\n";
        let grammar = Grammar::parse(&[Source::new("a.yaml", yaml.to_owned())]).unwrap();
        let sounds = Sounds::new(Arc::new(Spelled), &BTreeMap::new()).unwrap();
        for (text, found) in [
            ("make the cellar lamp shine", Some(("cellar lamp", "cellar lamp"))),
            ("make the sellar lam shine", Some(("cellar lamp", "sellar lam"))),
            ("light in the Kit Chen lamp, please", Some(("kitchen lamp", "Kit Chen lamp"))),
            // Like several, like none, too short to tell.
            ("make the lamp shine", None),
            ("we went to the seller of stamps", None),
            ("it is in the van", None),
            ("", None),
        ] {
            let slot = spot(&grammar, &sounds, "name", text);
            let slot = slot.as_ref().map(|slot| (slot.value.to_string(), slot.text.as_str()));
            let slot = slot.as_ref().map(|(value, heard)| (value.as_str(), *heard));
            assert_eq!(slot, found, "{text}");
        }
        assert_eq!(spot(&grammar, &sounds, "no such list", "kitchen lamp"), None);
    }
}

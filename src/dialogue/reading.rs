//! What words mean here and now: the pending question gives short answers their meaning.
//!
//! The agent's own sentences come first, then what people say to any conversation (yes, cancel,
//! …), then, while a request is open, answers made of nothing but slot values ("large", "a small
//! latte with milk"), each with the lead-ins of a correction taken off ("no, make it a …").

use crate::nlu::{Grammar, Interpretation, Interpreter, Slot, SlotValue, Slots, Status};
use crate::turn::Completeness;

use super::frame::Frame;
use super::phrases::{NAMED_SLOT, Phrase, Phrases};
use super::script::{IntentScript, SlotScript};

/// Longest answer that is read slot by slot, in words; longer talk is no answer.
const LONGEST_ANSWER: usize = 40;
/// Longest value, lead-in or filler, in words.
const LONGEST_PIECE: usize = 8;

/// What the reading depends on.
pub struct Reading<'a> {
    /// At the moment of the answer.
    pub grammar: Grammar,
    pub phrases: &'a Phrases,
    /// Phrases that make sense in this state, the likelier first.
    pub phrases_here: &'a [Phrase],
    /// The open request.
    pub open: Option<(&'a Frame, &'a IntentScript)>,
    /// The slot that was just asked for.
    pub asked: Option<&'a str>,
    /// What else is tried where nothing fits.
    pub beyond: Beyond<'a>,
}

/// How far beyond the words as they are written a reading goes.
#[derive(Clone, Copy)]
pub enum Beyond<'a> {
    /// Not at all.
    Nothing,
    /// To intents with like examples.
    Examples(&'a Interpreter),
    /// To sentences that sound alike, too.
    SoundAndExamples(&'a Interpreter),
}

impl Reading<'_> {
    pub fn read(&self, text: &str) -> Interpretation {
        let read = self.read_as_written(text);
        if read.status != Status::Rejected {
            return read;
        }
        match self.beyond {
            Beyond::Nothing => read,
            Beyond::Examples(interpreter) => interpreter.by_example(&self.grammar, text, read),
            Beyond::SoundAndExamples(interpreter) => interpreter.beyond(&self.grammar, text, read),
        }
    }

    fn read_as_written(&self, text: &str) -> Interpretation {
        let words = words(text);
        let whole = words.join(" ");
        if let Some(answer) = self.direct_answer(&whole) {
            return answer;
        }
        // Yes and no in a confirmation are never anything else.
        if let Some(phrase) = self.yes_or_no(&whole) {
            return phrase;
        }
        let plain = self.grammar.interpret(&whole);
        if plain.status != Status::Rejected {
            return plain;
        }
        if let Some(read) = self.phrase_of(&words) {
            return read;
        }
        if words.len() > LONGEST_ANSWER {
            return self.loose_answer(&whole).unwrap_or(plain);
        }
        let edges = Edges::find(self.phrases, &words);
        if let Some(read) = self.without_edges(&words, &edges) {
            return read;
        }
        match self.slot_by_slot(&words, &edges) {
            Some(read) if read.status != Status::Rejected => read,
            begun => self.loose_answer(&whole).or(begun).unwrap_or(plain),
        }
    }

    /// The value that was asked for and nothing else.
    fn direct_answer(&self, whole: &str) -> Option<Interpretation> {
        let (frame, script) = self.open?;
        let asked = script.slot(self.asked?)?;
        let slot = self.value(asked, whole)?;
        let slots = Slots::from([(asked.name.clone(), slot)]);
        Some(self.answered(slots, &words(whole), frame, script))
    }

    /// The value that was asked for among words that the grammar lets pass, or any words at all
    /// for a slot that takes them.
    fn loose_answer(&self, whole: &str) -> Option<Interpretation> {
        let (frame, script) = self.open?;
        let asked = script.slot(self.asked?)?;
        let slot = self.read_slot(asked, whole)?;
        let slots = Slots::from([(asked.name.clone(), slot)]);
        Some(self.answered(slots, &words(whole), frame, script))
    }

    fn yes_or_no(&self, whole: &str) -> Option<Interpretation> {
        let wanted: Vec<Phrase> = self
            .phrases_here
            .iter()
            .copied()
            .filter(|phrase| matches!(phrase, Phrase::Yes | Phrase::No))
            .collect();
        let (phrase, slot) = self.phrases.read(whole, &wanted)?;
        self.phrase(phrase, slot)
    }

    fn phrase_of(&self, words: &[&str]) -> Option<Interpretation> {
        let (phrase, slot) = self.phrases.read(&words.join(" "), self.phrases_here)?;
        if phrase == Phrase::Remove && ends_clause(words.first()?) {
            return None;
        }
        self.phrase(phrase, slot)
    }

    /// `None` when the phrase names a slot that cannot be meant.
    fn phrase(&self, phrase: Phrase, slot: Option<String>) -> Option<Interpretation> {
        let mut slots = Slots::new();
        if matches!(phrase, Phrase::Change | Phrase::Remove) {
            let (frame, script) = self.open?;
            // Slots of other intents may be called the same.
            let name = slot?;
            let slot = script.slots.iter().find(|slot| slot.spoken_names.contains(&name))?;
            match phrase {
                Phrase::Change if slot.question.is_none() => return None,
                Phrase::Remove if slot.is_required() => return None,
                Phrase::Remove if !frame.slots.contains_key(&slot.name) => {
                    return Some(understood(&frame.intent, Slots::new()));
                }
                _ => {}
            }
            let value = SlotValue::Text(slot.name.clone());
            slots.insert(NAMED_SLOT.to_owned(), Slot { value, text: slot.name.clone() });
        }
        let mut read = understood(phrase.intent(), slots);
        if phrase == Phrase::No {
            // "No" is often the beginning of "no, make it a large".
            read.completeness = Completeness::MayContinue;
        }
        Some(read)
    }

    /// A whole sentence or phrase behind lead-ins and before lead-outs; the least taken off wins.
    fn without_edges(&self, words: &[&str], edges: &Edges) -> Option<Interpretation> {
        for (start, end) in edges.inner() {
            let inner = words[start..end].join(" ");
            let plain = self.grammar.interpret(&inner);
            if plain.status != Status::Rejected {
                return Some(plain);
            }
            // "No, cancel", "sorry, can you repeat that".
            if let Some(read) = self.phrase_of(&words[start..end]) {
                return Some(read);
            }
        }
        None
    }

    /// An answer made of slot values, lead-ins, lead-outs and filler, and nothing else.
    fn slot_by_slot(&self, words: &[&str], edges: &Edges) -> Option<Interpretation> {
        let (frame, script) = self.open?;
        if let Some(negated) = self.negated_value(words, edges) {
            return Some(negated);
        }
        let cover = self.cover(words, frame, script)?;
        // "No, make it a …", "large with …": more was to come.
        if cover.ends_in_filler || cover.slots.is_empty() {
            return Some(Interpretation::not_understood(Completeness::CannotEnd));
        }
        Some(self.answered(cover.slots, words, frame, script))
    }

    /// `slots` as an answer, which may go on where `words` end in a value that could be longer:
    /// people pause within a telephone number.
    fn answered(
        &self,
        slots: Slots,
        words: &[&str],
        frame: &Frame,
        script: &IntentScript,
    ) -> Interpretation {
        let may_go_on = script.slots.iter().any(|slot| {
            let last = slots.get(&slot.name);
            let last = last.filter(|value| words.ends_with(&self::words(&value.text)));
            last.is_some_and(|value| {
                slot.lists.iter().any(|list| self.grammar.value_may_go_on(list, &value.text))
            })
        });
        let mut read = understood(&frame.intent, slots);
        if may_go_on {
            (read.completeness, read.slots_ahead) = (Completeness::MayContinue, 1);
        }
        read
    }

    /// "No soy milk": takes soy milk off the order that has it, and adds none to one that has no
    /// milk. "No, soy milk" and other milk being ordered are corrections, and not read here.
    fn negated_value(&self, words: &[&str], edges: &Edges) -> Option<Interpretation> {
        let (frame, script) = self.open?;
        let first = words.first()?;
        if ends_clause(first) || !self.phrases.is(Phrase::No, first) {
            return None;
        }
        let end = edges.ends.last().copied().filter(|end| *end > 1)?;
        let value = words.get(1..end)?.join(" ");
        script.slots.iter().filter(|slot| !slot.is_required()).find_map(|slot| {
            let named = self.value(slot, &value)?;
            match frame.slots.get(&slot.name) {
                None => Some(understood(&frame.intent, Slots::new())),
                Some(held) if held.value == named.value => {
                    self.phrase(Phrase::Remove, Some(slot.name.clone()))
                }
                Some(_) => None,
            }
        })
    }

    /// The cheapest way to cover all words with pieces; one without values or with filler at its
    /// end only if there is no other.
    fn cover(&self, words: &[&str], frame: &Frame, script: &IntentScript) -> Option<Path> {
        let mut best: Vec<[Option<Path>; STAGES]> = vec![[None, None, None]; words.len() + 1];
        best[0][Stage::Before as usize] = Some(Path::default());
        for start in 0..words.len() {
            for stage in [Stage::Before, Stage::Among, Stage::After] {
                let Some(so_far) = best[start][stage as usize].clone() else { continue };
                for end in start + 1..=words.len().min(start + LONGEST_PIECE) {
                    let piece = words[start..end].join(" ");
                    for (next, cost, slot) in self.pieces(&piece, stage, frame, script) {
                        let path = so_far.with(cost, slot);
                        let place = &mut best[end][next as usize];
                        if place.as_ref().is_none_or(|old| path.cost < old.cost) {
                            *place = Some(path);
                        }
                    }
                }
            }
        }
        let ends = best.pop()?.into_iter().flatten();
        ends.min_by_key(|path| (path.slots.is_empty(), path.ends_in_filler, path.cost))
    }

    /// What `piece` can be at this stage of an answer: the next stage, its cost, the slot it fills.
    fn pieces(
        &self,
        piece: &str,
        stage: Stage,
        frame: &Frame,
        script: &IntentScript,
    ) -> Vec<(Stage, u32, Piece)> {
        let mut found = Vec::new();
        if stage != Stage::After {
            for slot in &script.slots {
                if let Some(value) = self.value(slot, piece) {
                    let asked = self.asked == Some(slot.name.as_str());
                    let cost = if asked { COST_VALUE - 1 } else { COST_VALUE };
                    found.push((Stage::Among, cost, Piece::Value(slot.name.clone(), value)));
                }
            }
        }
        let mut wanted = vec![Phrase::LeadOut];
        match stage {
            Stage::Before => wanted = vec![Phrase::LeadIn, Phrase::Filler],
            Stage::Among => wanted.extend([Phrase::Filler, Phrase::Remove]),
            Stage::After => {}
        }
        for phrase in wanted {
            let Some((_, slot)) = self.phrases.read(piece, &[phrase]) else { continue };
            match phrase {
                Phrase::LeadOut => found.push((Stage::After, COST_OTHER, Piece::Edge)),
                Phrase::Filler => found.push((stage, COST_OTHER, Piece::Filler)),
                // "… no sugar" of an order without sugar changes nothing.
                Phrase::Remove if slot.is_some_and(|name| !frame.slots.contains_key(&name)) => {
                    found.push((stage, COST_OTHER, Piece::Edge));
                }
                Phrase::LeadIn => found.push((stage, COST_OTHER, Piece::Edge)),
                _ => {}
            }
        }
        found
    }

    /// `text` as a value of `slot`, with no other word around it.
    fn value(&self, slot: &SlotScript, text: &str) -> Option<Slot> {
        if slot.takes_any_words {
            return None;
        }
        let all = words(text).len();
        self.read_slot(slot, text).filter(|value| words(&value.text).len() == all)
    }

    fn read_slot(&self, slot: &SlotScript, text: &str) -> Option<Slot> {
        slot.lists.iter().find_map(|list| self.grammar.interpret_slot(list, &slot.name, text))
    }
}

/// Where an answer stands: before its first value, among its values, after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Before,
    Among,
    After,
}
const STAGES: usize = 3;

/// A value is cheaper than filler, and few long pieces are cheaper than many short ones
/// ("iced coffee" is one drink, not filler before a coffee).
const COST_VALUE: u32 = 10;
const COST_OTHER: u32 = 12;

enum Piece {
    Value(String, Slot),
    Filler,
    Edge,
}

/// A partial cover of an answer.
#[derive(Clone, Default)]
struct Path {
    cost: u32,
    slots: Slots,
    ends_in_filler: bool,
}

impl Path {
    fn with(&self, cost: u32, piece: Piece) -> Self {
        let mut path = self.clone();
        path.cost += cost;
        path.ends_in_filler = matches!(piece, Piece::Filler);
        if let Piece::Value(name, slot) = piece {
            path.slots.insert(name, slot);
        }
        path
    }
}

/// The cuts at which lead-ins may end and lead-outs may begin.
struct Edges {
    /// Ascending; always holds 0.
    starts: Vec<usize>,
    /// Descending; always holds the number of words.
    ends: Vec<usize>,
}

impl Edges {
    fn find(phrases: &Phrases, words: &[&str]) -> Self {
        let n = words.len();
        let is = |phrase, from: usize, to: usize| phrases.is(phrase, &words[from..to].join(" "));
        let mut starts = vec![0];
        for end in 1..=n {
            let from = end.saturating_sub(LONGEST_PIECE)..end;
            if from.into_iter().any(|s| starts.contains(&s) && is(Phrase::LeadIn, s, end)) {
                starts.push(end);
            }
        }
        let mut ends = vec![n];
        for start in (0..n).rev() {
            let to = start + 1..=n.min(start + LONGEST_PIECE);
            if to.into_iter().any(|e| ends.contains(&e) && is(Phrase::LeadOut, start, e)) {
                ends.push(start);
            }
        }
        Self { starts, ends }
    }

    /// Every non-empty rest, the least taken off first, the whole itself left out.
    fn inner(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut cuts: Vec<(usize, usize)> = self
            .starts
            .iter()
            .flat_map(|&start| self.ends.iter().map(move |&end| (start, end)))
            .filter(|(start, end)| start < end)
            .collect();
        cuts.sort_by_key(|(start, end)| (std::cmp::Reverse(end - start), *start));
        cuts.into_iter().skip(1)
    }
}

/// An exact reading in context.
fn understood(intent: &str, slots: Slots) -> Interpretation {
    Interpretation {
        status: Status::Accepted,
        completeness: Completeness::Complete,
        slots_ahead: 0,
        intent: Some(intent.to_owned()),
        slots,
        confidence: 1.0,
        nbest: Vec::new(),
        gave_up: None,
    }
}

/// A word with punctuation behind it: what follows is a thought of its own.
fn ends_clause(word: &str) -> bool {
    word.ends_with([',', '.', ';', ':', '!', '?'])
}

/// Words as spoken: pieces between white space that hold a letter or digit.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).collect()
}

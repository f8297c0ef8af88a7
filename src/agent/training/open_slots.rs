//! Slots that any words fill: the agent's sentences with ever other words in them, for the slot
//! tagger.
//!
//! What stands in an open slot cannot be foreseen, and neither can what people say before they come to
//! the matter. Both are words of everyday talk here, so that the tagger learns to go by what the
//! sentences say around a slot.

use std::collections::BTreeMap;

use super::Sample;
use crate::agent::Agent;
use crate::draw::Draw;
use crate::nlu::classify::{EVERYDAY, SlotExample, SlotTagger};
use crate::nlu::normal;

/// Times that each sentence is said, and how often all of them together may be: beyond, learning
/// would take seconds.
const TIMES: usize = 6;
const MOST_SAID: usize = 6_000;
/// Most words that are put into a slot, in front of a sentence or behind it.
const MOST_WORDS: usize = 4;
/// Shares of the sentences that have talk in front of them, behind, and between their words.
const LED_IN: f32 = 0.4;
const LED_OUT: f32 = 0.2;
const BROKEN: f32 = 0.4;
/// Values of one list that are learned as known: the first.
const MOST_VALUES: usize = 1_000;
const SEED: u64 = 3;

/// A sentence and the words of its slots, in normal spelling.
#[derive(Clone)]
struct Said<'a> {
    text: String,
    intent: &'a str,
    slots: BTreeMap<String, String>,
    /// Somebody chose the words of its open slots; they were not drawn.
    written: bool,
}

/// `None` where the agent leaves no slot open.
pub fn fit(agent: &Agent, samples: &[Sample<'_>]) -> Option<SlotTagger> {
    let grammar = &agent.grammar;
    let intents: Vec<&str> =
        grammar.intents().filter(|intent| grammar.open_slots_of(intent).next().is_some()).collect();
    let of_these = samples.iter().filter(|sample| intents.contains(&sample.intent));
    let said: Vec<Said<'_>> = of_these.filter_map(|sample| read(agent, sample)).collect();
    let times = (MOST_SAID / said.len().max(1)).clamp(1, TIMES);
    let mut talk = Talk { draw: Draw::new(SEED), lines: EVERYDAY.lines().collect() };
    let mut all = Vec::with_capacity(said.len() * (times + 1));
    for said in said {
        let open: Vec<&str> = grammar.open_slots_of(said.intent).collect();
        all.extend((0..times).map(|_| {
            let filled = talk.inside(said.clone(), &open);
            talk.around(filled)
        }));
        if said.written {
            all.push(said);
        }
    }
    let example = |said| {
        let Said { text, intent, slots, .. }: &Said<'_> = said;
        let slots = slots.iter().map(|(slot, words)| (slot.as_str(), words.clone()));
        SlotExample { text, intent, slots: slots.collect() }
    };
    let examples: Vec<SlotExample<'_>> = all.iter().map(example).collect();
    let mut values = Vec::new();
    for slot in intents.iter().flat_map(|intent| grammar.slots_of(intent)) {
        for list in slot.lists {
            let spoken = grammar.values(list).take(MOST_VALUES).map(|item| item.spoken);
            values.extend(spoken.map(|spoken| (slot.name, spoken)));
        }
    }
    (!examples.is_empty()).then(|| SlotTagger::train(&examples, &values))
}

/// What fills the slots of a sample; `None` where what a template allows is read otherwise.
fn read<'a>(agent: &Agent, sample: &Sample<'a>) -> Option<Said<'a>> {
    let slots: BTreeMap<String, String> = match sample.marks {
        Some(marks) => marks.iter().map(|m| (m.slot.clone(), normal(&m.words))).collect(),
        None => {
            let meant = agent.grammar.interpret(&sample.text);
            if meant.intent.as_deref() != Some(sample.intent) {
                return None;
            }
            let slots = meant.slots.into_iter().map(|(name, slot)| (name, normal(&slot.text)));
            slots.filter(|(_, words)| !words.is_empty()).collect()
        }
    };
    let written = sample.marks.is_some();
    Some(Said { text: normal(&sample.text), intent: sample.intent, slots, written })
}

/// Words that mean nothing to any agent.
struct Talk<'t> {
    draw: Draw,
    lines: Vec<&'t str>,
}

impl Talk<'_> {
    /// A few words that were said behind one another.
    fn words(&mut self) -> String {
        let line = self.lines[self.draw.below(self.lines.len())];
        let words: Vec<&str> = line.split(' ').collect();
        let count = 1 + self.draw.below(MOST_WORDS.min(words.len()));
        let start = self.draw.below(words.len() - count + 1);
        normal(&words[start..start + count].join(" "))
    }

    /// Other words in the slots `open`.
    fn inside<'a>(&mut self, mut said: Said<'a>, open: &[&str]) -> Said<'a> {
        for (_, words) in said.slots.iter_mut().filter(|(slot, _)| open.contains(&slot.as_str())) {
            let text = format!(" {} ", said.text);
            let other = self.words();
            if let Some((before, behind)) = text.split_once(&format!(" {words} ")) {
                said.text = format!("{before} {other} {behind}").trim().to_owned();
                *words = other;
            }
        }
        said
    }

    /// Talk before, behind and between, now and then.
    fn around<'a>(&mut self, mut said: Said<'a>) -> Said<'a> {
        if self.draw.chance(BROKEN) {
            let gaps: Vec<usize> = said.text.match_indices(' ').map(|(at, _)| at).collect();
            if !gaps.is_empty() {
                let at = gaps[self.draw.below(gaps.len())];
                self.talk_at(at, &mut said);
            }
        }
        if self.draw.chance(LED_IN) {
            self.talk_at(0, &mut said);
        }
        if self.draw.chance(LED_OUT) {
            self.talk_at(said.text.len(), &mut said);
        }
        said
    }

    /// Puts talk in between, but not where it touches the words of a slot, which are no other words.
    fn talk_at(&mut self, at: usize, said: &mut Said<'_>) {
        let (before, behind) = said.text.split_at(at);
        let (before, behind) = (format!(" {before} "), format!(" {} ", behind.trim_start()));
        let apart = |words: &String| {
            let words = format!(" {words} ");
            let inside = before.contains(&words) || behind.contains(&words);
            inside && !before.ends_with(&words) && !behind.starts_with(&words)
        };
        if said.slots.values().all(apart) {
            said.text = format!("{before}{}{behind}", self.words()).trim().to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{samples, train};
    use super::*;
    use crate::agent::test_agent;
    use crate::nlu::Status;
    use crate::nn::Team;

    const FILES: &[(&str, &str)] = &[
        ("agent.toml", "name = \"a\"\n"),
        (
            "intents/a.yaml",
            "language: en\nintents:\n  remind:\n    data:\n      - sentences:\n          \
             - \"[please] (remind me|tell me) to {task} [in the {part}]\"\n          \
             - \"do not let me forget to {task} [please]\"\n    examples:\n      \
             - I must not forget to {task=water the plants}\n  add:\n    data:\n      \
             - sentences:\n          - \"(add|put) {item} (to|on|onto) (my|the) [shopping] list\"\n          \
             - \"we (need|are out of) {item}\"\n  light:\n    data:\n      \
             - sentences: [\"(turn|switch) (on|off) the [big] (lamp|light)\"]\n\
             lists:\n  task: {wildcard: true}\n  item: {wildcard: true}\n  \
             part: {values: [morning, evening]}\n",
        ),
        (
            "dialogue.yaml",
            "intents:\n  remind: {reply: ok}\n  add: {reply: ok}\n  light: {reply: ok}\n",
        ),
    ];

    fn tagged(agent: &Agent, text: &str, intent: &str) -> Vec<(String, String)> {
        let tagger = fit(agent, &samples(agent)).expect("slots are open");
        let found = tagger.tag(text, intent).into_iter();
        found.map(|tag| (tag.slot, text[tag.at].to_owned())).collect()
    }

    #[test]
    fn open_slots_are_found_in_words_that_no_template_has() {
        let agent = test_agent(FILES);
        for (intent, text, slot, words) in [
            (
                "remind",
                "could you possibly remind me to call the dentist",
                "task",
                "call the dentist",
            ),
            ("remind", "hey remind me later to feed the goldfish", "task", "feed the goldfish"),
            ("remind", "you should not let me forget to pay rent", "task", "pay rent"),
            ("remind", "oh and i must not forget to phone grandma", "task", "phone grandma"),
            ("add", "would you add oat milk to my little list", "item", "oat milk"),
            (
                "add",
                "and also put some bananas on the weekend shopping list",
                "item",
                "some bananas",
            ),
            ("add", "it looks like we are out of washing powder", "item", "washing powder"),
        ] {
            assert_eq!(agent.grammar.interpret(text).status, Status::Rejected, "{text}");
            let found = tagged(&agent, text, intent);
            assert_eq!(found, [(slot.to_owned(), words.to_owned())], "{text}");
        }
    }

    #[test]
    fn values_of_lists_come_first_and_intents_without_open_slots_have_none() {
        let mut agent = test_agent(FILES);
        let found = tagged(&agent, "it is too dark to turn on the lamp", "light");
        assert_eq!(found, []);
        let trained = train(&agent, None, &Team::default()).expect("there are sentences");
        agent.learn(trained.learned, None).expect("it needs no encoder");
        let text = "so could you tell me to lock the door in the evening";
        let like = agent.interpreter.likeness(text).expect("it has learned");
        let told: Vec<_> = like.slots.iter().map(|(name, t)| (&**name, &*t.slot.text)).collect();
        assert_eq!(
            (&*like.intent, &told[..]),
            ("remind", &[("part", "evening"), ("task", "lock the door")][..])
        );
    }

    #[test]
    fn no_open_slot_no_tagger() {
        let agent = test_agent(super::super::tests::FILES);
        assert!(fit(&agent, &samples(&agent)).is_none());
        let agent = test_agent(FILES);
        let bytes = || fit(&agent, &samples(&agent)).expect("slots are open").to_bytes();
        assert_eq!(bytes(), bytes(), "the same every time");
    }
}

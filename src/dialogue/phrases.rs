//! What people say to the conversation itself: yes, no, cancel, "no, make it …".
//!
//! The wordings are sentence templates like a deployer's own; each set can be replaced in
//! `dialogue.yaml` (another language replaces them all). They are compiled into one small grammar
//! whose intents carry the reserved prefix [`RESERVED`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::config::diagnostic::{Diagnostic, Source};
use crate::nlu::{Context, Grammar, SlotValue, Slots};

/// Intents of the conversation itself begin with this; an agent's own may not.
pub const RESERVED: &str = "mynah.";

/// The slot of [`Phrase::Change`] and [`Phrase::Remove`] that says which slot is meant.
pub const NAMED_SLOT: &str = "slot";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phrase {
    Yes,
    No,
    Cancel,
    StartOver,
    Help,
    Repeat,
    Hello,
    Thanks,
    Goodbye,
    /// "the size": asks for a slot's question again.
    Change,
    /// "no sugar": empties an optional slot.
    Remove,
    /// Words before the matter: "no, make it …".
    LeadIn,
    /// Words after it: "… please".
    LeadOut,
    /// Words between the values of an answer: "large *with* milk".
    Filler,
}

/// One template as written, with the bytes of the file that hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    pub text: String,
    pub at: Range<usize>,
}

impl Phrase {
    /// Every phrase with its key in `dialogue.yaml`, its reserved intent, and its English wording.
    pub const ALL: &'static [(Self, &'static str, &'static str, &'static [&'static str])] = &[
        (
            Self::Yes,
            "yes",
            "mynah.yes",
            &[
                "(yes|yeah|yep|yup|sure|correct|right|okay|ok|exactly|absolutely|perfect|definitely) \
                 [please|thanks|thank you|that's it|that's (right|correct|fine|good)|it is]",
                "(that's|that is|it's|it is|sounds|looks) (right|correct|fine|good|great|perfect|it)",
                "(go ahead|do it|of course|please do|all right|alright)",
            ],
        ),
        (
            Self::No,
            "no",
            "mynah.no",
            &[
                "(no|nope|nah) [thanks|thank you|please|sorry]",
                "[no] (that's|that is|it's|it is) (wrong|incorrect|not (right|correct|it|what i (said|want|wanted)))",
                "(not (really|quite)|wrong|incorrect|nothing [else])",
            ],
        ),
        (
            Self::Cancel,
            "cancel",
            "mynah.cancel",
            &[
                "[please] cancel [(that|it|this|everything|((the|my|this) order))] [please]",
                "(never mind|nevermind|stop|forget [about] (it|that))",
                "i [have] changed my mind",
                "i (don't|do not) want (it|that|anything) [anymore|any more]",
            ],
        ),
        (
            Self::StartOver,
            "start_over",
            "mynah.start_over",
            &[
                "[(let's|let us|can (we|i|you)|please)] (start|begin) (over|again|from the (start|beginning)) [please]",
                "start (new|a new order|afresh)",
            ],
        ),
        (
            Self::Help,
            "help",
            "mynah.help",
            &["[please] help [me] [please]", "what can (i|you) (say|do)", "how does this work"],
        ),
        (
            Self::Repeat,
            "repeat",
            "mynah.repeat",
            &[
                "[(can|could) you] [please] (say|repeat) that [again] [please]",
                "(what|huh|pardon [me]|excuse me|come again|what (did you say|was that)|say again)",
            ],
        ),
        (
            Self::Hello,
            "hello",
            "mynah.hello",
            &["(hello|hi|hey) [there]", "good (morning|afternoon|evening|day)"],
        ),
        (
            Self::Thanks,
            "thanks",
            "mynah.thanks",
            &["(thank you|thanks|cheers) [very much|so much|a lot]"],
        ),
        (
            Self::Goodbye,
            "goodbye",
            "mynah.goodbye",
            &["[okay|ok|thanks|thank you] (goodbye|good bye|bye [bye]|see you [later|soon])"],
        ),
        (
            Self::Change,
            "change",
            "mynah.change",
            &[
                "[the|my] {slot} [is wrong] [please]",
                "[please] [i want to|i'd like to|i need to|let me|let's|(can|could) (i|you)] \
                 change [the|my] {slot} [please]",
            ],
        ),
        (
            Self::Remove,
            "remove",
            "mynah.remove",
            &["(no|without [any]|remove|(leave|take) out|skip|hold) [the] {slot}"],
        ),
        (
            Self::LeadIn,
            "lead_in",
            "mynah.lead_in",
            &[
                "(no|nope|nah|yes|yeah|actually|wait|sorry|oh|um|uh|er|hmm|well|so|okay|ok|and|but|please)",
                "(hello|hi|hey|good (morning|afternoon|evening))",
                "i (mean|meant|said)",
                "[(can|could) (you|we|i)] (make|change) (it|that) [to]",
                "[(can|could) (you|we|i)] [also] add",
                "(change|make|switch) [the|my] {slot} [to]",
                "(i'd|i would) (like|prefer|rather have)",
                "(i want|i'll (have|take)|i will (have|take)|give me|let's (make it|have|do))",
                "(can|could|may) i (have|get)",
                "(it's|it is|that's|how about)",
            ],
        ),
        (
            Self::LeadOut,
            "lead_out",
            "mynah.lead_out",
            &[
                "(please|thanks|thank you|instead|then|actually|sorry|for me|one|ones|if (possible|you can))",
            ],
        ),
        (Self::Filler, "filler", "mynah.filler", &["(a|an|the|with|and|of|in|one)"]),
    ];

    /// The name under which the phrase appears in interpretations and events.
    pub fn intent(self) -> &'static str {
        Self::row(self).2
    }

    pub fn key(self) -> &'static str {
        Self::row(self).1
    }

    /// The phrase that an interpretation's intent stands for.
    pub fn of_intent(intent: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.2 == intent).map(|row| row.0)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, &'static [&'static str]) {
        Self::ALL.iter().find(|row| row.0 == self).expect("every phrase is in the table")
    }
}

/// The compiled phrases of one agent.
#[derive(Clone, Debug)]
pub struct Phrases {
    grammar: Arc<Grammar>,
}

impl Phrases {
    /// Compiles the phrases. `own` replaces the wording of the phrases it holds and was read from
    /// `file`; `slot_names` are what people call slots, of whichever intent.
    pub fn new(
        file: &Source,
        own: &BTreeMap<Phrase, Vec<Wording>>,
        slot_names: &BTreeSet<String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut yaml = Generated::default();
        yaml.line("language: en");
        yaml.line("lists:");
        yaml.line("  slot:");
        yaml.line("    values:");
        if slot_names.is_empty() {
            // A list may not be empty; nobody says this word.
            yaml.line("      - {in: noslothere, out: \"\"}");
        }
        for name in slot_names {
            yaml.line(&format!("      - {{in: {0}, out: {0}}}", quoted(name)));
        }
        yaml.line("intents:");
        for (phrase, _, intent, default) in Phrase::ALL {
            yaml.line(&format!("  {intent}:"));
            yaml.line("    data:");
            yaml.line("      - sentences:");
            match own.get(phrase) {
                Some(own) => own.iter().for_each(|w| yaml.sentence(&w.text, Some(w.at.clone()))),
                None => default.iter().for_each(|text| yaml.sentence(text, None)),
            }
        }
        let source = Source::new(&file.path, yaml.text);
        match Grammar::parse(std::slice::from_ref(&source)) {
            Ok(grammar) => Ok(Self { grammar: Arc::new(grammar) }),
            Err(problems) => Err(problems
                .into_iter()
                .map(|problem| match yaml.places.get(&problem.line) {
                    Some(at) => {
                        Diagnostic::new(file, at.clone(), problem.message).help_if(problem.help)
                    }
                    None => problem,
                })
                .collect()),
        }
    }

    /// The phrases as sentences: one intent each, named by [`Phrase::intent`].
    pub fn grammar(&self) -> &Grammar {
        &self.grammar
    }

    /// Is `text` the whole of this phrase?
    pub fn is(&self, phrase: Phrase, text: &str) -> bool {
        self.read(text, &[phrase]).is_some()
    }

    /// The first of `wanted` that `text` is, with what it calls the slot that it names: one of the
    /// names of [`SlotScript::spoken_names`](super::SlotScript::spoken_names).
    pub fn read(&self, text: &str, wanted: &[Phrase]) -> Option<(Phrase, Option<String>)> {
        let readings = self.grammar.readings(text, &Context::default());
        let readings: Vec<(Phrase, &Slots)> = readings
            .iter()
            .filter_map(|reading| Some((Phrase::of_intent(reading.intent)?, &reading.slots)))
            .collect();
        wanted.iter().find_map(|phrase| {
            let (_, slots) = readings.iter().find(|(read, _)| read == phrase)?;
            let slot = slots.get(NAMED_SLOT).and_then(|slot| match &slot.value {
                SlotValue::Text(name) if !name.is_empty() => Some(name.clone()),
                _ => None,
            });
            Some((*phrase, slot))
        })
    }
}

/// Grammar text made from wordings, which remembers where each wording was written.
#[derive(Default)]
struct Generated {
    text: String,
    lines: u32,
    places: BTreeMap<u32, Range<usize>>,
}

impl Generated {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.lines += 1;
    }

    fn sentence(&mut self, template: &str, at: Option<Range<usize>>) {
        self.line(&format!("          - {}", quoted(template)));
        if let Some(at) = at {
            self.places.insert(self.lines, at);
        }
    }
}

/// A YAML double-quoted scalar; JSON strings are valid ones.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

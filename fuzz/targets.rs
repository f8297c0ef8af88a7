//! What is done with a case: everything that is done with an agent's files and what people say.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use mynah::agent::{Agent, rehearse};
use mynah::asr::Language;
use mynah::clock::Clock;
use mynah::dialogue::Conversation;
use mynah::nlu::{Aligner, Automaton, Context, Grammar, SlotValue, Sounds, Source, Spelled, Talk};
use mynah::units::SamplePos;

use super::case::Case;
use super::draw::Draw;

/// Sentences tried on each grammar.
const TEXTS: usize = 8;
/// Longest way walked through an automaton, in words.
const LONGEST_WALK: usize = 24;

#[rustfmt::skip] // one line each would hide what the list is
const HEARD: &[&str] = &[
    "", "turn", "on", "the", "light", "a", "b", "no", "yes", "make it", "cancel", "two", "twenty one",
    "5", "50%", "it's", "please", "é", "\u{301}", "🦜", "-", "1e9", "99999999999999999999", "½",
    "start over", "large", "latte", "with", "and", "change", "the size", "help", "thank you",
];

/// Compiles the files of `intents/`; what compiles is interpreted, aligned and walked.
pub fn templates(case: &Case, draw: &mut Draw) {
    let sources: Vec<Source> = case
        .files
        .iter()
        .filter(|(name, _)| name.starts_with("intents/"))
        .map(|(name, text)| Source::new(name, text.clone()))
        .collect();
    let grammar = match Grammar::parse(&sources) {
        Ok(grammar) => grammar,
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
            return;
        }
    };
    let context = context(draw);
    let mut texts: Vec<String> = (0..TEXTS).map(|_| text(&grammar, draw)).collect();
    texts.extend(walk(&grammar, &context, draw));
    for text in &texts {
        let heard = grammar.interpret_in(text, &context);
        assert!((0.0..=1.0).contains(&heard.confidence), "confidence {}", heard.confidence);
        drop(grammar.explain(text, &context));
        for list in grammar.lists().take(4) {
            drop(grammar.interpret_slot(list, list, text));
        }
    }
    let Ok(sounds) = Sounds::new(Arc::new(Spelled), grammar.respelled()) else { return };
    let aligner = Aligner::new(&grammar, Arc::new(sounds));
    for text in texts.iter().take(3) {
        let Ok(readings) = aligner.align(text, &context) else { continue };
        assert!(readings.iter().all(|reading| reading.evidence.cost.is_finite()), "{text:?}");
    }
}

/// Loads the folder; an agent that loads plays its tests and talks with a visitor who makes no
/// sense. No program is run.
pub fn agent(case: &Case, folder: &Path, draw: &mut Draw) {
    write(case, folder).expect("the scratch folder can be written");
    let agent = match Agent::load(folder) {
        Ok(agent) => Arc::new(agent),
        Err(error) => {
            assert!(!error.to_string().is_empty(), "refused without a reason");
            return;
        }
    };
    drop(rehearse(&agent));
    let mut talk = Conversation::new(Arc::clone(&agent), Clock::default());
    let mut now = SamplePos::default();
    drop(talk.greet(now));
    for _ in 0..TEXTS {
        now = now + SamplePos::from_ms(draw.below(12_000) as u64).0;
        if draw.once_in(5) {
            drop(talk.expire(now));
            continue;
        }
        let said = text(&agent.grammar, draw);
        talk.speech_started(now);
        let heard = talk.interpret(&said);
        drop(talk.hear(now, &heard, &said));
        talk.spoken(now);
    }
}

fn write(case: &Case, folder: &Path) -> std::io::Result<()> {
    for (name, text) in &case.files {
        let path = folder.join(name);
        let is_program = name.ends_with(".sh");
        if is_program && path.exists() {
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text)?;
        if is_program {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

fn context(draw: &mut Draw) -> Context {
    let mut context = Context::new();
    if draw.once_in(2) {
        let domain = draw.from(&["light", "fan", ""]);
        context.insert("domain".to_owned(), SlotValue::Text(domain.to_owned()));
    }
    context
}

/// A sentence of the grammar, mostly not quite as it should be.
fn text(grammar: &Grammar, draw: &mut Draw) -> String {
    let sample = grammar.sample(draw.number()).map(|sample| sample.text).unwrap_or_default();
    let mut words: Vec<&str> = sample.split_whitespace().take(400).collect();
    for _ in 0..draw.below(4) {
        let at = draw.below(words.len() + 1);
        match draw.below(4) {
            0 => words.insert(at, draw.from(HEARD)),
            1 if at < words.len() => drop(words.remove(at)),
            2 if at < words.len() => words[at] = draw.from(HEARD),
            _ => words.rotate_left(at),
        }
    }
    if draw.once_in(40) {
        return words.join(" ").repeat(draw.below(50));
    }
    words.join(" ")
}

/// Sentences that the automaton says. The grammar need not take them: a skip phrase inside a number
/// or a keyword among any words is found out when they are read.
fn walk(grammar: &Grammar, context: &Context, draw: &mut Draw) -> Vec<String> {
    let (talk, start) = Talk::sentences();
    let mut automaton = Automaton::new(&[grammar], talk, context);
    let start = automaton.start(start);
    let mut said = Vec::new();
    for _ in 0..TEXTS {
        let (mut place, mut words) = (start, Vec::new());
        while words.len() < LONGEST_WALK {
            if automaton.ends(place).is_some_and(|cost| cost >= 0.0) && draw.once_in(3) {
                break;
            }
            let edges = automaton.edges(place).to_vec();
            assert!(edges.iter().all(|edge| edge.cost >= 0.0 && edge.cost.is_finite()));
            if let Some(open) = automaton.open(place).filter(|_| draw.once_in(3)) {
                words.push("something".to_owned());
                place = open;
            } else if edges.is_empty() {
                break;
            } else {
                let edge = draw.from(&edges);
                words.push(automaton.word(edge.word).to_owned());
                place = edge.to;
            }
        }
        said.push(words.join(" "));
    }
    said
}

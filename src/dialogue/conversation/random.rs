//! Whatever happens, in any order: a conversation never panics and never hangs.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::action::ActionResult;
use super::tests::agent;
use super::*;

/// Anything that can happen to a conversation.
#[derive(Clone, Debug)]
enum Happens {
    Said(String),
    SpeechStarted,
    Spoken,
    ProgramEnds(u64, ActionResult),
    Greet,
    /// Tenths of a second.
    Passes(u64),
    DeadlinePasses,
}

fn happens() -> impl Strategy<Value = Happens> {
    let words = prop::sample::select(vec![
        "yes",
        "no",
        "i am hungry",
        "pie",
        "hot",
        "large",
        "small",
        "gravy",
        "with",
        "a",
        "cancel",
        "start over",
        "help",
        "the size",
        "no gravy",
        "make it",
        "the bill",
        "what time is it",
        "repeat that",
        "hello",
        "bye",
        "thanks",
        "never mind",
        "purple",
        "…",
        "",
    ]);
    let result = prop_oneof![
        Just(ActionResult::Ok { output: "now".into() }),
        Just(ActionResult::Failed { why: "no".into() }),
        Just(ActionResult::TimedOut),
    ];
    prop_oneof![
        8 => prop::collection::vec(words, 1..4).prop_map(|words| Happens::Said(words.join(" "))),
        1 => Just(Happens::SpeechStarted),
        2 => Just(Happens::Spoken),
        2 => (0..4u64, result).prop_map(|(id, result)| Happens::ProgramEnds(id, result)),
        1 => Just(Happens::Greet),
        2 => (0..200u64).prop_map(Happens::Passes),
        2 => Just(Happens::DeadlinePasses),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_happens_a_conversation_always_ends(events in prop::collection::vec(happens(), 0..24)) {
        thread_local! {
            static AGENT: Arc<Agent> = agent();
        }
        let mut conversation = Conversation::new(AGENT.with(Arc::clone), Clock::default());
        let mut now = SamplePos::default();
        for event in events {
            let step = match event {
                Happens::Said(words) => {
                    let heard = conversation.interpret(&words);
                    Some(conversation.hear(now, &heard, &words))
                }
                Happens::SpeechStarted => {
                    conversation.speech_started(now);
                    None
                }
                Happens::Spoken => {
                    conversation.spoken(now);
                    None
                }
                Happens::ProgramEnds(id, result) => {
                    let outcome =
                        ActionOutcome { id, name: "cook".into(), slots: Slots::new(), result };
                    conversation.action_ended(now, &outcome)
                }
                Happens::Greet => Some(conversation.greet(now)),
                Happens::Passes(tenths) => {
                    now = now + SamplePos::from_ms(tenths * 100).0;
                    conversation.expire(now)
                }
                Happens::DeadlinePasses => {
                    now = conversation.deadline().unwrap_or(now);
                    conversation.expire(now)
                }
            };
            if let Some(step) = step {
                prop_assert_eq!(&step.state, conversation.state());
                prop_assert_eq!(step.session_ended && conversation.state() != "idle", false);
                prop_assert!(step.faults.is_empty(), "{:?}", step.faults);
            }
            prop_assert_eq!(conversation.deadline().is_none(), conversation.state() == "idle");
        }
        // Left alone, it comes to rest: a program gives up, a question is asked once more.
        for _ in 0..6 {
            let Some(deadline) = conversation.deadline() else { break };
            prop_assert!(conversation.expire(deadline).is_some());
        }
        prop_assert_eq!(conversation.state(), "idle");
        prop_assert_eq!(conversation.request(), None);
    }
}

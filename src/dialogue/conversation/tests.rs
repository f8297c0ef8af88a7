//! Talks written as text: `>` is the visitor, `<` the agent with the act and state it came to,
//! `…` silence in seconds, `=` the end of a program, `×` a microphone that dies, `+` one that is back.

use std::sync::Arc;

use super::*;
use crate::agent::test_agent;
use crate::asr::{Ended, Hypothesis, Path};
use crate::turn::Completeness;

const SETTINGS: &str = "name = \"snacks\"\n[time_outs]\nanswer_s = 5\nidle_s = 10\n";

const SENTENCES: &str = r#"
language: en
intents:
  order:
    data:
      - sentences: ["[i want|give me] [a|an] [{size}] {snack} [with {sauce}]", "i am hungry"]
  bill:
    data:
      - sentences: ["the bill [please]"]
  time:
    data:
      - sentences: ["what time is it"]
lists:
  size: {values: [small, large]}
  snack: {values: [pie, hot pie, soup]}
  sauce: {values: [gravy, hot gravy]}
"#;

const DIALOGUE: &str = r#"
replies: {greeting: Hello, help: Order something, ask_change: Change what?}
intents:
  order:
    slots:
      snack: [Which snack?, Pie or soup?]
      size: Which size?
    summary: "{{ slots.size }} {{ slots.snack }}{% if slots.sauce %} with {{ slots.sauce }}{% endif %}"
    confirm: always
    confirm_question: "{{ summary }}?"
    action: {name: cook, program: [sh, -c, "true"]}
    working: Cooking
    reply: "{{ summary }} {{ outcome }}"
    failed: Burnt
  bill:
    action: {}
    reply: Ten pounds
    then: end
  time:
    reply: Noon
"#;

pub(super) fn agent() -> Arc<Agent> {
    Arc::new(test_agent(&[
        ("agent.toml", SETTINGS),
        ("intents/all.yaml", SENTENCES),
        ("dialogue.yaml", DIALOGUE),
    ]))
}

/// Plays the visitor's lines of `script` and demands that the talk comes out as written.
fn talk(script: &str) {
    let mut conversation = Conversation::new(agent(), Clock::default());
    let mut now = SamplePos::default();
    let mut heard = String::new();
    let mut running = None;
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let step = match line.split_at_checked(2) {
            Some(("> ", words)) => {
                let meaning = conversation.interpret(words);
                Some(conversation.hear(now, &meaning, words))
            }
            Some(("= ", how)) => {
                let request: ActionRequest = running.take().expect("a program runs");
                let result = match how {
                    "failed" => ActionResult::Failed { why: String::new() },
                    "timed out" => ActionResult::TimedOut,
                    output => ActionResult::Ok { output: output.to_owned() },
                };
                let ActionRequest { id, name, slots, .. } = request;
                conversation.action_ended(now, &ActionOutcome { id, name, slots, result })
            }
            _ if line == "×" => Some(conversation.deafened(now)),
            _ if line == "+" => Some(conversation.hears_again(now)),
            _ if line.starts_with('…') => {
                let seconds: u64 = line.trim_start_matches(['…', ' ']).parse().expect("seconds");
                now = now + SamplePos::from_ms(seconds * 1000).0;
                conversation.expire(now)
            }
            _ => continue,
        };
        heard += &format!("{line}\n");
        if let Some(step) = step {
            assert_eq!(step.faults, Vec::<String>::new());
            let said = step.say.join(" / ");
            let actions: String = step.actions.iter().map(|a| format!(" !{}", a.name)).collect();
            let end = if step.session_ended { " ended" } else { "" };
            heard += &format!("< {said} ({} → {}){actions}{end}\n", step.act, step.state);
            running = step.actions.into_iter().find(|a| a.program.is_some()).or(running);
            conversation.spoken(now);
        }
    }
    let written: String = script.lines().map(str::trim).filter(|l| !l.is_empty()).fold(
        String::new(),
        |mut text, line| {
            text += line;
            text.push('\n');
            text
        },
    );
    assert_eq!(heard, written, "\n--- came out as\n{heard}");
}

#[test]
fn everything_at_once_is_confirmed_done_and_answered() {
    talk(
        "> give me a large pie with gravy
         < Large pie with gravy? (confirm → confirming)
         > yes
         < Cooking (act → acting) !cook
         = is ready
         < Large pie with gravy is ready (reply → listening)
         … 10
         <  (leave → idle) ended",
    );
}

#[test]
fn nobody_who_cannot_be_heard_runs_out_of_time() {
    talk(
        "> give me a pie
         < Which size? (ask_slot → asking_slot)
         ×
         < I am sorry, I can't hear you: my microphone does not work. (deaf → asking_slot)
         … 60
         +
         <  (hears_again → asking_slot)
         … 4
         … 1
         < Which size? (prompt_again → asking_slot)
         ×
         < I am sorry, I can't hear you: my microphone does not work. (deaf → asking_slot)
         > large
         < Large pie? (confirm → confirming)
         … 5
         < Large pie? (prompt_again → confirming)",
    );
    talk(
        "> small pie
         < Small pie? (confirm → confirming)
         > yes
         < Cooking (act → acting) !cook
         ×
         < I am sorry, I can't hear you: my microphone does not work. (deaf → acting)
         … 60
         < Burnt (action_failed → listening)
         … 60",
    );
}

#[test]
fn what_is_missing_is_asked_for() {
    talk(
        "> i am hungry
         < Which snack? (ask_slot → asking_slot)
         > pie
         < Which size? (ask_slot → asking_slot)
         > large please
         < Large pie? (confirm → confirming)",
    );
}

#[test]
fn an_answer_may_hold_more_than_was_asked_for() {
    talk(
        "> i am hungry
         < Which snack? (ask_slot → asking_slot)
         > a small hot pie with hot gravy
         < Small hot pie with hot gravy? (confirm → confirming)",
    );
    talk(
        "> i am hungry
         < Which snack? (ask_slot → asking_slot)
         > large with gravy
         < Pie or soup? (ask_slot → asking_slot)
         > um the soup
         < Large soup with gravy? (confirm → confirming)",
    );
}

#[test]
fn saying_a_slot_again_changes_it() {
    talk(
        "> give me a small pie
         < Small pie? (confirm → confirming)
         > no, make it a large
         < Large pie? (confirm → confirming)
         > actually a soup
         < Large soup? (confirm → confirming)
         > sorry, i want a small pie with gravy please
         < Small pie with gravy? (confirm → confirming)
         > change the size to large
         < Large pie with gravy? (confirm → confirming)",
    );
}

#[test]
fn a_no_asks_what_to_change() {
    talk(
        "> small pie
         < Small pie? (confirm → confirming)
         > no
         < Change what? (ask_change → changing)
         > the size
         < Which size? (ask_slot → asking_slot)
         > large
         < Large pie? (confirm → confirming)
         > no
         < Change what? (ask_change → changing)
         > nothing
         < Large pie? (confirm → confirming)
         > no
         < Change what? (ask_change → changing)
         > soup
         < Large soup? (confirm → confirming)",
    );
}

#[test]
fn optional_slots_can_be_taken_off_and_are_not_added_by_a_no() {
    talk(
        "> small pie with gravy
         < Small pie with gravy? (confirm → confirming)
         > no hot gravy
         < Small pie with hot gravy? (confirm → confirming)
         > no hot gravy
         < Small pie? (confirm → confirming)
         > no gravy
         < Small pie? (confirm → confirming)
         > no, gravy
         < Small pie with gravy? (confirm → confirming)
         > without sauce
         < Small pie? (confirm → confirming)",
    );
}

#[test]
fn cancel_and_start_over_forget_the_request() {
    talk(
        "> give me a large pie
         < Large pie? (confirm → confirming)
         > no, cancel that
         < All right, I have cancelled that. (cancel → listening)
         > cancel
         < There is nothing to cancel. (cancel → listening)
         > i am hungry
         < Which snack? (ask_slot → asking_slot)
         > start over
         < All right, let us start again. What would you like? (start_over → listening)
         > pie
         < Which size? (ask_slot → asking_slot)",
    );
}

#[test]
fn what_is_not_understood_is_asked_again_and_given_up_in_the_end() {
    talk(
        "> i am hungry
         < Which snack? (ask_slot → asking_slot)
         > purple
         < Sorry, I did not get that. / Pie or soup? (not_understood → asking_slot)
         > soup
         < Which size? (ask_slot → asking_slot)
         > yes
         < Sorry, I did not get that. / Which size? (not_understood → asking_slot)
         > purple
         < Sorry, I still did not understand. / Which size? (not_understood → asking_slot)
         > purple
         < I am sorry, I do not understand. Please ask a member of staff. (give_up → idle) ended",
    );
}

#[test]
fn silence_is_asked_once_more_and_then_ends_the_session() {
    talk(
        "> i am hungry
         < Which snack? (ask_slot → asking_slot)
         … 4
         … 1
         < Pie or soup? (prompt_again → asking_slot)
         … 5
         < I have not heard from you, so I will stop here. (time_out → idle) ended
         … 1000",
    );
}

#[test]
fn an_answer_after_the_second_question_begins_the_patience_anew() {
    talk(
        "> i am hungry
         < Which snack? (ask_slot → asking_slot)
         … 5
         < Pie or soup? (prompt_again → asking_slot)
         > pie
         < Which size? (ask_slot → asking_slot)
         … 5
         < Which size? (prompt_again → asking_slot)",
    );
}

#[test]
fn a_program_that_fails_or_never_ends_is_apologised_for() {
    for (how, line) in [("= failed", ""), ("= timed out", ""), ("… 12", "")] {
        talk(&format!(
            "> small pie
             < Small pie? (confirm → confirming)
             > yes
             < Cooking (act → acting) !cook
             > hello
             < One moment, please. (busy → acting)
             {how}{line}
             < Burnt (action_failed → listening)"
        ));
    }
}

#[test]
fn an_aside_is_answered_and_the_question_comes_back() {
    talk(
        "> i am hungry
         < Which snack? (ask_slot → asking_slot)
         > what time is it
         < Noon / Pie or soup? (reply → asking_slot)
         > pie
         < Which size? (ask_slot → asking_slot)",
    );
}

#[test]
fn an_event_action_needs_no_program_and_an_intent_may_end_the_session() {
    talk(
        "> the bill please
         < Ten pounds (act → idle) !bill ended",
    );
}

#[test]
fn people_say_hello_thank_you_and_goodbye() {
    talk(
        "> goodbye
         < Sorry, I did not get that. (not_understood → listening)
         > hi there
         < Hello (greet → listening)
         > help
         < Order something (help → listening)
         > thanks a lot
         < You are welcome. (welcome → listening)
         > bye
         < Goodbye. (goodbye → idle) ended",
    );
}

#[test]
fn help_and_repeat_keep_the_question() {
    talk(
        "> i am hungry
         < Which snack? (ask_slot → asking_slot)
         > can you repeat that please
         < Which snack? (repeat → asking_slot)
         > help
         < Order something / Pie or soup? (help → asking_slot)",
    );
}

#[test]
fn yes_and_no_mean_nothing_when_nothing_was_asked() {
    let mut conversation = Conversation::new(agent(), Clock::default());
    for words in ["yes", "no", "large", "gravy", "", "…", "a"] {
        assert_eq!(conversation.interpret(words).status, Status::Rejected, "{words}");
    }
    let heard = conversation.interpret("i am hungry");
    conversation.hear(SamplePos(0), &heard, "i am hungry");
    assert_eq!(conversation.expected(), Expected::Slot);
    assert_eq!(conversation.asked_slot(), Some("snack"));
    assert_eq!(conversation.interpret("pie").completeness, Completeness::Complete);
}

#[test]
fn the_beginning_of_a_correction_cannot_end() {
    let mut conversation = Conversation::new(agent(), Clock::default());
    let heard = conversation.interpret("small pie");
    conversation.hear(SamplePos(0), &heard, "small pie");
    assert_eq!(conversation.expected(), Expected::YesNo);
    for (words, completeness) in [
        ("yes", Completeness::Complete),
        ("no", Completeness::MayContinue),
        ("no make it a", Completeness::CannotEnd),
        ("no actually", Completeness::MayContinue),
        ("large with", Completeness::CannotEnd),
    ] {
        assert_eq!(conversation.interpret(words).completeness, completeness, "{words}");
    }
}

#[test]
fn a_number_that_was_asked_for_may_pause_and_a_size_may_not() {
    let agent = Arc::new(test_agent(&[
        ("agent.toml", SETTINGS),
        (
            "intents/call.yaml",
            "language: en\nintents: {call: {data: [{sentences: [call, 'call {number} [in {size}]']}]}}\n\
             lists: {number: {entity: digits}, size: {values: [small, large]}}\n",
        ),
        (
            "dialogue.yaml",
            "replies: {greeting: Hello, help: Call somebody, ask_change: Change what?}\n\
             intents: {call: {slots: {number: 'Which number?', size: 'Which size?'}, reply: Done}}\n",
        ),
    ]));
    let mut conversation = Conversation::new(agent, Clock::default());
    let heard = conversation.interpret("call");
    conversation.hear(SamplePos(0), &heard, "call");
    assert_eq!(conversation.asked_slot(), Some("number"));
    for (words, completeness) in [
        ("oh seven seven", Completeness::MayContinue),
        ("it's oh seven seven nine four six", Completeness::MayContinue),
        ("large", Completeness::Complete),
    ] {
        let heard = conversation.interpret(words);
        assert_eq!((heard.completeness, heard.slots.len()), (completeness, 1), "{words}");
    }
}

#[test]
fn a_time_out_does_not_fall_while_somebody_speaks() {
    let mut conversation = Conversation::new(agent(), Clock::default());
    let heard = conversation.interpret("small pie");
    conversation.hear(SamplePos(0), &heard, "small pie");
    conversation.spoken(SamplePos::from_ms(1_000));
    assert_eq!(conversation.deadline(), Some(SamplePos::from_ms(6_000)));
    conversation.speech_started(SamplePos::from_ms(5_900));
    assert_eq!(conversation.expire(SamplePos::from_ms(6_500)), None);
}

#[test]
fn doubtful_words_are_confirmed_or_refused_by_the_thresholds() {
    let settings = format!("{SETTINGS}[thresholds]\naccept = 0.8\nconfirm = 0.4\n");
    let agent = Arc::new(test_agent(&[
        ("agent.toml", &settings),
        ("intents/all.yaml", SENTENCES),
        ("dialogue.yaml", DIALOGUE),
    ]));
    let mut conversation = Conversation::new(agent, Clock::default());
    let heard = |confidence| Recognition {
        best: Hypothesis { text: "what time is it".into(), confidence, ..Hypothesis::default() },
        paths: Vec::new(),
        ended: Ended::EndOfText,
    };
    let judge = |c: &Conversation, p| c.understand(&heard(p)).interpretation.status;
    assert_eq!(judge(&conversation, 0.9), Status::Accepted);
    assert_eq!(judge(&conversation, 0.5), Status::Confirm);
    assert_eq!(judge(&conversation, 0.3), Status::Rejected);
    let unsure = conversation.understand(&heard(0.5)).interpretation;
    let step = conversation.hear(SamplePos(0), &unsure, "what time is it");
    assert_eq!(step.say, ["I heard: what time is it. Is that right?"]);
}

#[test]
fn what_is_not_believed_was_not_said() {
    let conversation = Conversation::new(agent(), Clock::default());
    let guess = Path {
        text: "small pie".into(),
        written: "Small pie".into(),
        tokens: vec![1; 3],
        score: -20.0,
        log_prob: -20.0,
        cost: 0.0,
    };
    let free = Hypothesis {
        text: "Where does the ferry leave?".into(),
        tokens: vec![2; 7],
        log_prob: -0.5,
        confidence: 0.95,
    };
    let heard = |paths| Recognition { best: free.clone(), paths, ended: Ended::EndOfText };
    let decision = conversation.understand(&heard(vec![guess.clone()]));
    assert_eq!(decision.interpretation.status, Status::Rejected);
    assert_eq!(decision.text, free.text);
    let sure = Path { score: -1.0, log_prob: -1.0, ..guess };
    let decision = conversation.understand(&Recognition {
        best: Hypothesis { text: "Small pie.".into(), ..free.clone() },
        ..heard(vec![sure])
    });
    assert_eq!(decision.text, "Small pie");
}

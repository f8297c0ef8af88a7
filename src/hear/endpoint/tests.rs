//! One character is one frame: `#` speech, `.` silence, `~` something between the two thresholds.
//! Marks follow the frame in which they were decided: `[` start, `(` pause, `)` resume, `]` end by
//! silence, `}` end while others talk, `!` end by length, `$` end by end of sound.

use proptest::prelude::*;

use super::*;
use crate::turn::Completeness;
use crate::units::FRAME_LEN;

/// Two frames are speech, two of silence a pause, three the end.
fn small() -> EndpointSettings {
    EndpointSettings {
        min_speech_ms: 40,
        min_interruption_ms: 20,
        pre_roll_ms: 40,
        tail_ms: 20,
        pause_ms: 40,
        hangover_min_ms: 40,
        hangover_ms: 60,
        hangover_max_ms: 100,
        cut_in_cost_ms: 1,
        max_utterance_ms: 400,
        max_grace_ms: 100,
        ..EndpointSettings::default()
    }
}

fn frame_span(index: usize) -> Span {
    let at = SamplePos((index * FRAME_LEN) as u64);
    Span::new(at, at + FRAME_LEN as u64)
}

fn frame_no(at: SamplePos) -> u64 {
    at.0 / FRAME_LEN as u64
}

fn probability(kind: char) -> f32 {
    match kind {
        '#' | 'm' | 'o' => 0.9,
        '~' => 0.4,
        _ => 0.05,
    }
}

/// How loud a picture with others in it (`o`, who talk far away) is; `m` is 10 dB softer than `#`.
fn loudness(kind: char) -> f32 {
    match kind {
        '#' => 0.1,
        'm' => 0.0316,
        'o' => 0.02,
        _ => 0.001,
    }
}

/// Events per frame, and after the last frame those of the end of sound.
fn play(
    settings: EndpointSettings,
    picture: &str,
    mut view: impl FnMut(&[HeardNow]) -> Option<View>,
) -> Vec<HeardNow> {
    let mut policy = EndpointPolicy::new(settings).unwrap();
    let mut heard: Vec<HeardNow> = Vec::new();
    for (i, kind) in picture.chars().enumerate() {
        let span = frame_span(i);
        policy.hear(Evidence { span, probability: probability(kind) });
        if picture.contains('o') {
            let sign = |n: usize| if n % 16 < 8 { 1.0 } else { -1.0 };
            policy.measure(span.start, &std::array::from_fn(|n| sign(n) * loudness(kind)));
        }
        let seen = view(&heard);
        heard.push(policy.decide(span.end, seen.as_ref()));
    }
    let end = frame_span(picture.len()).start;
    heard.push(policy.finish(end));
    heard
}

fn mark(event: &Heard) -> &'static str {
    match event {
        Heard::SpeechStart { .. } => "[",
        Heard::Pause { .. } => "(",
        Heard::Resume { .. } => ")",
        Heard::SpeechEnd { why: EndReason::Silence, .. } => "]",
        Heard::SpeechEnd { why: EndReason::OthersTalk, .. } => "}",
        Heard::SpeechEnd { why: EndReason::TooLong, .. } => "!",
        Heard::SpeechEnd { why: EndReason::EndOfSound, .. } => "$",
        Heard::EndOfSound { .. } => "",
        Heard::Due { .. }
        | Heard::Prosody { .. }
        | Heard::Spotted { .. }
        | Heard::Ducked { .. }
        | Heard::Unducked { .. } => {
            unreachable!("deadlines and our voice are the listener's, not the policy's")
        }
    }
}

/// The frame behind the last word of the first utterance.
fn last_word(heard: &[Heard]) -> u64 {
    let last_speech = heard.iter().find_map(|event| match event {
        Heard::SpeechEnd { last_speech, .. } => Some(frame_no(*last_speech)),
        _ => None,
    });
    last_speech.expect("it ends")
}

fn draw(picture: &str, heard: &[HeardNow]) -> String {
    let frames = picture.chars().map(String::from).chain([String::new()]);
    frames.zip(heard).map(|(c, events)| c + &events.iter().map(mark).collect::<String>()).collect()
}

/// `expected` is the picture with marks; the picture is what remains without them.
fn check_with(settings: EndpointSettings, expected: &str) {
    let picture: String = expected.chars().filter(|c| "#.~".contains(*c)).collect();
    assert_eq!(draw(&picture, &play(settings, &picture, |_| None)), expected);
}

fn check(expected: &str) {
    check_with(small(), expected);
}

/// The real settings, and what they make of these stretches of frames.
fn picture(stretches: &[(char, usize)]) -> String {
    stretches.iter().map(|(kind, count)| kind.to_string().repeat(*count)).collect()
}

fn among_others(stretches: &[(char, usize)]) -> (Vec<Heard>, String) {
    let heard = play(EndpointSettings::default(), &picture(stretches), |_| None);
    let marks = heard.iter().flatten().map(mark).collect();
    (heard.into_iter().flatten().collect(), marks)
}

#[test]
fn one_interrupts_us_sooner_than_one_begins_in_silence() {
    for (speaking, expected) in [(false, [0, 0, 1]), (true, [0, 1, 0])] {
        let mut policy = EndpointPolicy::new(small()).unwrap();
        policy.set_speaking(speaking);
        let starts = [0.05, 0.9, 0.9].iter().enumerate().map(|(i, probability)| {
            let span = frame_span(i);
            policy.hear(Evidence { span, probability: *probability });
            policy.decide(span.end, None).len()
        });
        assert_eq!(starts.collect::<Vec<_>>(), expected, "speaking: {speaking}");
    }
}

#[test]
fn others_do_not_hold_the_turn_and_begin_none() {
    let (heard, marks) = among_others(&[('o', 150), ('#', 100), ('o', 150), ('.', 10)]);
    assert_eq!(marks, "[((}");
    let Heard::SpeechEnd { span, last_speech, decided_at, .. } = heard[3] else { unreachable!() };
    // The near speech is frames 150 to 250; levels are taken over five.
    assert!((250..=255).contains(&frame_no(last_speech)), "{last_speech:?}");
    assert!((118..=124).contains(&frame_no(span.start)), "{span:?}");
    assert_eq!(frame_no(span.end), frame_no(last_speech) + 22);
    assert_eq!(decided_at.ms_since(last_speech), 840);
}

#[test]
fn who_is_near_interrupts_others_and_others_alone_are_heard() {
    let (_, marks) = among_others(&[('o', 100), ('#', 50), ('o', 100), ('#', 50), ('.', 50)]);
    assert_eq!(marks, "[((}[(]");
    let (_, marks) = among_others(&[('.', 100), ('o', 100), ('.', 50)]);
    assert_eq!(marks, "[(]");
    // They stay the background for ten seconds of silence.
    let later = |silence| {
        among_others(&[('o', 100), ('#', 50), ('o', 60), ('.', silence), ('o', 40), ('.', 50)]).1
    };
    assert_eq!(later(400), "[((}");
    assert_eq!(later(550), "[((}[(]");
}

#[test]
fn a_pause_before_others_go_on_is_a_pause() {
    let (heard, marks) = among_others(&[('o', 100), ('#', 50), ('o', 42), ('#', 50), ('.', 50)]);
    assert_eq!(marks, "[(()(]");
    // Three loud frames show that it is no moment of others.
    assert!((194..=196).contains(&frame_no(heard[3].at())), "{:?}", heard[3]);
}

#[test]
fn who_goes_on_after_thinking_is_near_though_softer() {
    let after = |silence: usize, sound_odds: f32| {
        let stretches = [('.', 100), ('#', 60), ('.', silence), ('o', 60), ('.', 100)];
        let told = thinks(sound_odds);
        let heard = play(EndpointSettings::default(), &picture(&stretches), told).concat_events();
        let marks: String = heard.iter().map(mark).collect();
        (marks, last_word(&heard))
    };
    // Whoever thinks for 1.2 s is waited for, and no other when they go on.
    assert_eq!(after(60, 10.0), ("[()(]".to_owned(), 280));
    // Where nothing was to come the same is somebody else.
    let (marks, last_speech) = after(11, -10.0);
    assert_eq!(marks, "[((}");
    assert!((160..=165).contains(&last_speech), "{last_speech}");
}

#[test]
fn what_is_thought_of_a_pause_may_be_known_only_when_speech_goes_on() {
    // They begin 0.3 s after the last word, and recognising takes 0.4 s.
    let ends = |sound_odds: f32| {
        let stretches = [('.', 100), ('#', 60), ('.', 15), ('o', 120), ('.', 100)];
        let mut thinks = thinks(sound_odds);
        let told = move |heard: &[HeardNow]| {
            let is_pause = |event: &Heard| matches!(event, Heard::Pause { .. });
            let shown = heard.iter().rposition(|now| now.iter().any(is_pause))?;
            let view = thinks(heard)?;
            let opinion = view.opinion.filter(|_| heard.len() >= shown + 20);
            Some(View { opinion, ..view })
        };
        let heard = play(EndpointSettings::default(), &picture(&stretches), told);
        last_word(&heard.concat_events())
    };
    assert!((160..=165).contains(&ends(-10.0)), "{}", ends(-10.0));
    assert!(ends(10.0) > 290, "{}", ends(10.0));
}

#[test]
fn a_loud_moment_of_others_is_the_speaker_only_where_more_words_are_expected() {
    let picture = picture(&[('#', 60), ('o', 20), ('#', 3), ('o', 60), ('.', 20)]);
    let last_speech = |sound_odds: f32| {
        let told = thinks(sound_odds);
        let heard = play(EndpointSettings::default(), &picture, told).concat_events();
        let marks: String = heard.iter().map(mark).collect();
        let pause = heard.iter().find(|event| matches!(event, Heard::Pause { .. }));
        // A lull is a pause.
        assert!((72..=77).contains(&frame_no(pause.unwrap().at())), "{pause:?}");
        (marks, last_word(&heard))
    };
    let (marks, end) = last_speech(-10.0);
    assert_eq!(marks, "[((}");
    assert!((60..=65).contains(&end), "{end}");
    let (marks, end) = last_speech(10.0);
    assert_eq!(marks, "[()((}");
    assert!((82..=89).contains(&end), "{end}");
}

#[test]
fn once_others_were_heard_more_is_asked_of_a_loud_moment() {
    let marks = |others: usize| {
        let stretches = [('.', 100), ('#', 60), ('o', others), ('m', 10), ('o', 60), ('.', 20)];
        let heard = play(EndpointSettings::default(), &picture(&stretches), thinks(10.0));
        heard.concat_events().iter().map(mark).collect::<String>()
    };
    assert_eq!(marks(20), "[()((}");
    assert_eq!(marks(35), "[((}");
}

#[test]
fn a_lull_is_asked_about_again_with_the_span_of_the_end_that_follows_it() {
    let (heard, marks) = among_others(&[('#', 60), ('o', 100), ('.', 10)]);
    assert_eq!(marks, "[((}");
    let (Heard::Pause { span: lull }, Heard::Pause { span }) = (heard[1], heard[2]) else {
        unreachable!()
    };
    let Heard::SpeechEnd { span: end, last_speech, .. } = heard[3] else { unreachable!() };
    assert_eq!((lull.start, span), (end.start, end));
    assert!((13..=14).contains(&(frame_no(lull.end) - frame_no(last_speech))), "{lull:?}");
}

#[test]
fn a_murmur_before_silence_is_the_speakers_own() {
    let (heard, marks) = among_others(&[('#', 60), ('o', 18), ('.', 50)]);
    assert_eq!(marks, "[()(]");
    let Heard::SpeechEnd { last_speech, .. } = heard[4] else { unreachable!() };
    assert_eq!(frame_no(last_speech), 78);
}

#[test]
fn silence_is_silence() {
    check("......");
}

#[test]
fn a_click_is_not_speech() {
    check("..#....");
    check("#.#.#.#");
}

#[test]
fn speech_ends_after_the_hangover() {
    check("..##[##..(.]..");
}

#[test]
fn speech_may_be_there_when_the_stream_begins() {
    check("##[#..(.].");
}

#[test]
fn a_short_gap_stays_inside() {
    check("##[.##..(.]");
}

#[test]
fn speech_after_a_pause_resumes() {
    check("##[..(##)#..(.]");
}

#[test]
fn a_click_after_the_last_word_does_not_start_the_hangover_again() {
    check("##[..(#.]..");
    check("##[.#.]..");
}

#[test]
fn speech_that_starts_as_the_hangover_runs_out_is_waited_for() {
    check("##[..(##)##..(.]");
    check("##[.#.]#.");
}

#[test]
fn a_weak_syllable_does_not_break_a_word_but_starts_none() {
    check("~~~~");
    check("#~[~~~..(.]");
}

#[test]
fn the_sound_may_end_anywhere() {
    check("..##[$");
    check("..##[.$");
    check("..##[..($");
    check("..#");
}

#[test]
fn two_utterances() {
    check("##[#..(.]..##[#..(.].");
}

#[test]
fn a_long_utterance_ends_at_its_next_pause() {
    // 400 ms are twenty frames from the onset.
    check("##[################..!....");
    check("##[####################..!....");
    check("##[###############..(##)#..!..");
}

#[test]
fn without_a_pause_it_is_cut_after_the_grace_and_goes_on_as_the_next_one() {
    check("##[#######################!#[##..(.].");
    // The voice stops just at the cut.
    check("##[#######################!....");
}

fn spans(picture: &str) -> Vec<(u64, u64, u64, u64)> {
    let events = play(small(), picture, |_| None).concat_events();
    let ends = events.iter().filter_map(|event| match *event {
        Heard::SpeechEnd { span, last_speech, decided_at, .. } => {
            Some([span.start, span.end, last_speech, decided_at].map(frame_no).into())
        }
        _ => None,
    });
    ends.collect()
}

trait ConcatEvents {
    fn concat_events(&self) -> Vec<Heard>;
}

impl ConcatEvents for Vec<HeardNow> {
    fn concat_events(&self) -> Vec<Heard> {
        self.iter().flatten().copied().collect()
    }
}

#[test]
fn spans_hold_pre_roll_and_tail() {
    // Onset at frame 3, pre-roll of 2, last speech ends at 6, tail of 1, decided after 9.
    assert_eq!(spans("...###....."), [(1, 7, 6, 9)]);
    // No pre-roll before the stream, no tail after it.
    assert_eq!(spans("##"), [(0, 2, 2, 2)]);
    // The pre-roll never reaches into the utterance before.
    assert_eq!(spans("##....##..."), [(0, 3, 2, 5), (4, 9, 8, 11)]);
    assert_eq!(spans("##...##..."), [(0, 3, 2, 5), (3, 8, 7, 10)]);
    // A cut loses nothing: the next utterance starts where the last one ended.
    assert_eq!(spans(&("#".repeat(30) + "...")), [(0, 25, 25, 25), (25, 31, 30, 33)]);
}

#[test]
fn a_pause_has_the_span_of_the_end_that_follows_it() {
    let events = play(small(), "..###......", |_| None).concat_events();
    let pause = events.iter().find_map(|e| match e {
        Heard::Pause { span } => Some(*span),
        _ => None,
    });
    let end = events.iter().find_map(|e| match e {
        Heard::SpeechEnd { span, .. } => Some(*span),
        _ => None,
    });
    assert!(pause.is_some());
    assert_eq!(pause, end);
}

/// Answers every pause with `completeness`, as a thinker would.
fn thinker(completeness: Completeness) -> impl FnMut(&[HeardNow]) -> Option<View> {
    move |heard| {
        let span = heard.iter().flatten().rev().find_map(|event| match event {
            Heard::Pause { span } => Some(*span),
            _ => None,
        })?;
        let opinion = Opinion { completeness, confidence: 0.5, slots_ahead: 0, sound_odds: 0.0 };
        Some(View { span, opinion: Some(opinion) })
    }
}

/// A thinker to whom each pause sounds as much as if speech went on.
fn thinks(sound_odds: f32) -> impl FnMut(&[HeardNow]) -> Option<View> {
    let mut told = thinker(Completeness::Complete);
    move |heard| {
        let view = told(heard)?;
        let opinion = view.opinion.map(|opinion| Opinion { sound_odds, ..opinion });
        Some(View { opinion, ..view })
    }
}

/// The silence after which an utterance of two frames is taken for over.
fn waited_ms(settings: EndpointSettings, view: impl FnMut(&[HeardNow]) -> Option<View>) -> u32 {
    let heard = play(settings, &format!("##{}", ".".repeat(100)), view);
    let end = heard.iter().flatten().find_map(|event| match event {
        Heard::SpeechEnd { last_speech, decided_at, .. } => Some(decided_at.ms_since(*last_speech)),
        _ => None,
    });
    end.expect("it ends") as u32
}

#[test]
fn the_hangover_follows_a_fresh_view() {
    let settings = |cut_in_cost_ms| EndpointSettings {
        hangover_ms: 80,
        hangover_max_ms: 1_400,
        max_utterance_ms: 15_000,
        cut_in_cost_ms,
        ..small()
    };
    for completeness in [Completeness::Complete, Completeness::CannotEnd] {
        // The pause itself is seen after 40 ms, and answered with the next frame.
        assert_eq!(waited_ms(settings(0), thinker(completeness)), 60, "{completeness:?}");
        let waited = waited_ms(settings(1_000_000_000), thinker(completeness));
        assert!(waited > 1_000, "{completeness:?}: {waited} ms");
    }
    let waited = [Completeness::Complete, Completeness::CannotEnd]
        .map(|completeness| waited_ms(settings(2_000), thinker(completeness)));
    assert!(waited[0] < waited[1], "{waited:?} ms");
}

#[test]
fn words_that_are_being_recognised_are_waited_for() {
    let settings = EndpointSettings { hangover_max_ms: 120, ..small() };
    let waited_ms = |opinion_is_coming: bool| {
        waited_ms(settings.clone(), |heard| {
            let view = thinker(Completeness::Complete)(heard)?;
            opinion_is_coming.then_some(View { opinion: None, ..view })
        })
    };
    assert_eq!(waited_ms(false), settings.hangover_ms);
    assert_eq!(waited_ms(true), settings.hangover_max_ms);
}

#[test]
fn a_stale_view_is_ignored() {
    // The opinion "cannot end" is about the first word; after the second the default counts.
    let picture = "##..##......";
    let mut told = None;
    let heard = play(small(), picture, |heard| {
        told = told.or_else(|| thinker(Completeness::CannotEnd)(heard));
        told
    });
    assert_eq!(draw(picture, &heard), "##[..(##)..(.]...");
}

#[test]
fn sound_judged_twice_before_speech_changes_nothing() {
    let mut policy = EndpointPolicy::new(small()).unwrap();
    for i in 0..5 {
        policy.hear(Evidence { span: frame_span(i), probability: 0.0 });
        assert!(policy.decide(frame_span(i).end, None).is_empty());
    }
    for i in [3, 4, 5] {
        policy.hear(Evidence { span: frame_span(i), probability: 0.9 });
    }
    let heard = policy.decide(frame_span(5).end, None);
    assert_eq!(heard[..], [Heard::SpeechStart { at: frame_span(3).start }]);
}

#[test]
fn the_judges_delay_does_not_eat_into_the_hangover() {
    // Nothing is judged from frame 2 on: not a sign of silence, however long it lasts.
    let mut policy = EndpointPolicy::new(small()).unwrap();
    policy.hear(Evidence {
        span: Span::new(frame_span(0).start, frame_span(1).end),
        probability: 0.9,
    });
    assert_eq!(policy.decide(frame_span(1).end, None).len(), 1);
    for i in 2..10 {
        assert!(policy.decide(frame_span(i).end, None).is_empty());
    }
}

#[test]
fn settings_are_checked() {
    let ok = EndpointSettings::default();
    ok.check().unwrap();
    let table = [
        (EndpointSettings { hangover_ms: 410, ..ok.clone() }, "endpoint.hangover_ms is 410 ms"),
        (EndpointSettings { pause_ms: 0, ..ok.clone() }, "positive multiple of 20 ms"),
        (EndpointSettings { tail_ms: 300, ..ok.clone() }, "longer than endpoint.pause_ms"),
        (
            EndpointSettings { hangover_ms: 100, ..ok.clone() },
            "longer than endpoint.hangover_ms, which is 100 ms",
        ),
        (
            EndpointSettings { hangover_max_ms: 380, ..ok.clone() },
            "endpoint.hangover_ms is 400 ms; it must not be longer",
        ),
        (EndpointSettings { max_utterance_ms: 40_000, ..ok.clone() }, "is 41300 ms"),
        (EndpointSettings { max_utterance_ms: u32::MAX / 20 * 20, ..ok.clone() }, "sound buffer"),
        (
            EndpointSettings { hangover_max_ms: 10_020, ..ok.clone() },
            "endpoint.hangover_max_ms is 10020 ms; it must not be more than 10000 ms",
        ),
        (
            EndpointSettings { bearable_ms: u32::MAX / 20 * 20, ..ok.clone() },
            "endpoint.bearable_ms",
        ),
        (EndpointSettings { others_ms: 60_000, ..ok.clone() }, "endpoint.others_ms is 60000 ms"),
        (EndpointSettings { others_ms: 240, ..ok.clone() }, "must be at least 260 ms"),
        (EndpointSettings { speech_probability: 1.5, ..ok.clone() }, "is 1.5; it must lie"),
        (EndpointSettings { silence_probability: f32::NAN, ..ok.clone() }, "is NaN"),
        (
            EndpointSettings { silence_probability: 0.6, ..ok.clone() },
            "must not be more than endpoint.speech_probability, which is 0.5",
        ),
    ];
    for (settings, message) in table {
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
    for ms in [20, 300, MAX_SILENCE_MS] {
        ok.fixed(ms).check().unwrap();
    }
}

#[test]
fn a_misspelt_setting_is_refused() {
    let error = toml::from_str::<EndpointSettings>("hangover = 300").unwrap_err().to_string();
    assert!(error.contains("hangover_ms"), "{error}");
    let some: EndpointSettings = toml::from_str("hangover_ms = 360").unwrap();
    assert_eq!(some, EndpointSettings { hangover_ms: 360, ..EndpointSettings::default() });
}

fn pictures() -> impl Strategy<Value = String> {
    // Runs and not single frames, so that long speech and long silence both occur.
    let run = (prop::sample::select(vec!['#', '.', '.', '#', '~']), 1usize..12);
    prop::collection::vec(run, 0..20)
        .prop_map(|runs| runs.iter().map(|(c, n)| c.to_string().repeat(*n)).collect())
}

proptest! {
    #[test]
    fn events_always_tell_a_well_formed_story(picture in pictures()) {
        let events = play(small(), &picture, |_| None).concat_events();
        let (mut open, mut paused, mut last_end) = (None, false, SamplePos(0));
        for event in &events {
            match *event {
                Heard::SpeechStart { at } => {
                    prop_assert!(open.is_none());
                    (open, paused) = (Some(at), false);
                }
                Heard::Pause { span } => {
                    prop_assert!(open.is_some_and(|at| span.start <= at && at < span.end));
                    prop_assert!(!std::mem::replace(&mut paused, true));
                }
                Heard::Resume { .. } => prop_assert!(std::mem::replace(&mut paused, false)),
                Heard::SpeechEnd { span, last_speech, decided_at, .. } => {
                    let onset = open.take().expect("an end has a start");
                    prop_assert!(last_end <= span.start && span.start <= onset);
                    prop_assert!(onset < last_speech && last_speech <= span.end);
                    prop_assert!(span.end <= decided_at);
                    last_end = span.end;
                }
                Heard::Due { .. }
            | Heard::Prosody { .. }
        | Heard::Spotted { .. }
        | Heard::Ducked { .. }
        | Heard::Unducked { .. } => {
                    prop_assert!(false, "the policy has neither deadlines nor a voice");
                }
                Heard::EndOfSound { at } => {
                    prop_assert!(open.is_none());
                    prop_assert_eq!(at, frame_span(picture.len()).start);
                }
            }
        }
        let closed = matches!(events.last(), Some(Heard::EndOfSound { .. }));
        prop_assert!(closed);
    }

    #[test]
    fn what_was_decided_does_not_depend_on_what_comes_later(
        picture in pictures(),
        cut in 0usize..200,
    ) {
        let cut = cut.min(picture.len());
        let whole = play(small(), &picture, |_| None);
        let part = play(small(), &picture[..cut], |_| None);
        prop_assert_eq!(&whole[..cut], &part[..cut]);
    }

    #[test]
    fn all_real_speech_lies_inside_some_utterance(picture in pictures()) {
        let events = play(small(), &picture, |_| None).concat_events();
        let spans: Vec<Span> = events.iter().filter_map(|event| match event {
            Heard::SpeechEnd { span, .. } => Some(*span),
            _ => None,
        }).collect();
        // Two loud frames in a row are speech by these settings.
        let kinds: Vec<char> = picture.chars().collect();
        for i in (1..kinds.len()).filter(|&i| kinds[i - 1] == '#' && kinds[i] == '#') {
            let span = frame_span(i);
            prop_assert!(
                spans.iter().any(|s| s.start <= span.start && span.end <= s.end),
                "frame {} of {} lies in none of {:?}", i, picture, spans
            );
        }
    }
}

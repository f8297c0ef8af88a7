//! What `understand --explain` is told.

use super::*;

fn grammar_of(template: &str) -> Grammar {
    sentence(template)
}

fn closest(template: &str, text: &str) -> String {
    match grammar_of(template).explain(text, &Context::new()) {
        Explanation::Closest(c) => {
            let word = c.fails_at.unwrap_or_else(|| "(end)".to_owned());
            format!("{} ! {word} ? {}", c.fits, c.wanted.join(","))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_closest_template_and_the_word_that_fails() {
    for (template, text, expected) in [
        ("turn on the light", "turn on a light", "turn on ! a ? the"),
        ("turn (on|off) now", "turn up", "turn ! up ? off,on"),
        ("a {size} latte", "a huge latte", "a ! huge ? {size}"),
        ("a {size} latte", "a twelve latte", "a twelve ! latte ? ounce"),
        ("a {size} latte", "a large", "a large ! (end) ? latte"),
        ("to {level} now", "to many", "to ! many ? {level}"),
        ("go <in_room>", "go in a kitchen", "go in ! a ? my,our,the,{room}"),
        ("light[s] on", "lighting on", " ! lighting ? s"),
        ("turn on", "please stop", "please ! stop ? turn"),
    ] {
        assert_eq!(closest(template, text), expected, "{template:?} on {text:?}");
    }
}

#[test]
fn a_match_is_shown_word_by_word() {
    let Explanation::Matched(found) = grammar_of("set <in_room> to {level}[%] {thing}")
        .explain("Set in my cook house to 5% all day", &Context::new())
    else {
        panic!("it matches")
    };
    let path: Vec<String> = found[0]
        .path
        .iter()
        .map(|p| format!("{}={}", p.words, p.slot.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(path, ["set in my=-", "cook house=room", "to=-", "5=level", "%=-", "all day=thing"]);
    assert_eq!(found[0].written, "test.yaml:5");
}

#[test]
fn a_sentence_held_back_by_its_block_says_why() {
    let held = grammar(
        "intents: {I: {data: [{sentences: [go], requires_context: {area: null}}, {sentences: [run now], required_keywords: [fast]}]}}",
    );
    for (text, missing) in [("go", "its context: area"), ("run now", "one of its keywords: fast")] {
        match held.explain(text, &Context::new()) {
            Explanation::Withheld(found) => assert_eq!(found[0].missing, missing),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn any_text_can_be_explained() {
    let grammar = grammar_of("go {size}");
    for text in ["", "!", "é", "go é"] {
        assert!(matches!(grammar.explain(text, &Context::new()), Explanation::Closest(_)));
    }
    let long = grammar.explain(&"go ".repeat(2_000), &Context::new());
    assert_eq!(long, Explanation::GaveUp(GaveUp::TooLong));
    let nothing = Grammar::parse(&[]).expect("nothing is no mistake");
    assert!(matches!(nothing.explain("go", &Context::new()), Explanation::Closest(_)));
}

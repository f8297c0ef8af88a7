//! What a deployer sees when a file is wrong: place, sentence, help.

use super::*;

/// All diagnostics of one file.
fn problems(yaml: &str) -> Vec<crate::config::diagnostic::Diagnostic> {
    Grammar::parse(&[Source::new("a.yaml", yaml)]).err().unwrap_or_default()
}

/// `line:column message` and help of the only mistake.
fn only(yaml: &str) -> (String, String) {
    let mut found = problems(yaml);
    assert_eq!(found.len(), 1, "{yaml}\n{found:#?}");
    let problem = found.remove(0);
    let at = format!("{}:{} {}", problem.line, problem.column, problem.message);
    (at, problem.help.unwrap_or_default())
}

/// Wraps one sentence into a file; the sentence's first character is at 1:36.
fn one(sentence: &str) -> String {
    format!(
        "intents: {{I: {{data: [{{sentences: [\"{sentence}\"]}}]}}}}
lists: {{coffeeDrink: {{values: [latte]}}, size: {{values: [small]}}, any: {{wildcard: true}}}}
expansion_rules: {{order: get me, the: (a|the)}}
"
    )
}

#[test]
fn template_mistakes() {
    for (sentence, at, help) in [
        ("a {coffeDrink}", "1:38 no list is called {coffeDrink}", "did you mean {coffeeDrink}?"),
        ("<ordr> it", "1:36 no rule is called <ordr>", "did you mean <order>?"),
        ("a {order}", "1:38 no list is called {order}", "there is a rule of that name: <order>"),
        ("a <size>", "1:38 no rule is called <size>", "there is a list of that name: {size}"),
        (
            "turn (on",
            "1:41 `(` is never closed",
            "add `)`, or write `\\(` to mean the character itself",
        ),
        (
            "é [on) x",
            "1:41 `[` is not closed before this `)`",
            "add `]`, or write `\\[` to mean the character itself",
        ),
        (
            "{size} or {size}",
            "1:46 the slot `size` is filled twice in one sentence",
            "give one of them another name, as `{list:size2}`, or make them alternatives",
        ),
        (
            "[{size}] [please]",
            "1:35 every part of this sentence is optional: silence fits it",
            "take the brackets `[…]` away from the word that must be said",
        ),
        (
            "...",
            "1:35 every part of this sentence is optional: silence fits it",
            "take the brackets `[…]` away from the word that must be said",
        ),
        (
            "(a;b;c;d;e;f;g;h;i)",
            "1:36 more than 8 parts in any order",
            "make it several sentences, or several groups",
        ),
    ] {
        assert_eq!(only(&one(sentence)), (at.to_owned(), help.to_owned()), "{sentence}");
    }
    assert!(problems(&one("({size}|a {size:size} b) [<the>] (x;{any})")).is_empty());
}

#[test]
fn recursion_is_refused_once() {
    let rules = "
intents: {I: {data: [{sentences: ['<a> x', 'y <a>']}]}}
expansion_rules:
  a: go <b>
  b: '[<c>] and {l}'
  c: (<a>|z)
lists: {l: {values: [m, {in: 'n {k}', out: 1}]}, k: {values: ['o {l}']}}
";
    let shown: Vec<String> = problems(rules)
        .iter()
        .map(|p| {
            format!("{}:{} {} ({})", p.line, p.column, p.message, p.help.as_deref().unwrap_or(""))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "6:7 <a> leads to itself (templates cannot repeat: <a> → <b> → <c> → <a>)",
            "7:66 {l} leads to itself (templates cannot repeat: {l} → {k} → {l})",
        ]
    );
}

#[test]
fn yaml_mistakes() {
    for (yaml, at, help) in [
        ("intent: {}", "1:1 a template file has no key `intent`", "did you mean `intents`?"),
        (
            "- a",
            "1:1 a template file must be a block of keys, and this is a list",
            "write `name: …` below it, indented",
        ),
        (
            "intents: {I: {examples: a lamp}}",
            "1:25 `examples` must be a list, and this is text",
            "write a list of phrases, each after `- `",
        ),
        (
            "intents: {I: {examples: [\"?\"]}}",
            "1:26 this example has no words",
            "write what somebody may say",
        ),
        (
            "intents: {I: {examples: [\"the [big] lamp\"]}}",
            "1:26 an example is learned as it is written, and this is a template",
            "write one phrase, with brackets only as in `buy {item=oat milk}`, or move it to `sentences`",
        ),
        (
            "intents: {I: {data: [{sentences: [\"buy {item}\"]}], examples: [\"{items=milk} is out\"]}}\n\
             lists: {item: {wildcard: true}}",
            "1:63 no sentence of I has a slot `items`",
            "did you mean `item`?",
        ),
        (
            "intents: {I: {data: [{sentences: [\"a {size}\"]}], examples: [\"{size=big} is best\"]}}\n\
             lists: {size: {values: [big]}}",
            "1:61 `size` is filled from a list, not by any words",
            "write the words without the mark: values are found by themselves",
        ),
        (
            "intents: {I: {examples: [a lamp]}, J: {examples: [The lamp, A lamp]}}",
            "1:61 this is an example of I as well",
            "it stands at a.yaml:1; keep one of them",
        ),
        ("intents: {I: {dat: []}}", "1:15 an intent has no key `dat`", "did you mean `data`?"),
        (
            "intents: {I: {data: {}}}",
            "1:21 `data` must be a list, and this is a block of keys",
            "write a list of blocks that start with `- sentences:`, each after `- `",
        ),
        (
            "intents: {I: {data: [{sentence: [a]}]}}",
            "1:23 a block of sentences has no key `sentence`",
            "did you mean `sentences`?",
        ),
        (
            "intents: {I: {data: [{response: a}]}}",
            "1:22 this block has no `sentences`",
            "add `sentences:` with a template",
        ),
        (
            "intents: {I: {data: [{sentences: []}]}}",
            "1:34 `sentences` is empty",
            "write at least one template",
        ),
        (
            "intents: {I: {data: [{sentences: [[a]]}]}}",
            "1:35 a sentence must be text, and this is a list",
            "put quotes around a template that starts with `[` or `{`",
        ),
        (
            "intents: {I: {data: [{sentences: ['']}]}}",
            "1:35 a sentence is empty",
            "write words, or delete the line",
        ),
        (
            "intents: {I: {data: [{sentences: [a], slots: {x: [1]}}]}}",
            "1:50 a slot must be one value, and this is a list",
            "write text, a number, true or false",
        ),
        ("lists: {l: {valuse: [a]}}", "1:13 a list has no key `valuse`", "did you mean `values`?"),
        (
            "lists: {l: {}}",
            "1:9 this list is empty",
            "give it `values:`, a `range:`, an `entity:` or `wildcard: true`",
        ),
        ("lists: {l: {values: []}}", "1:13 this list has no values", "write at least one value"),
        (
            "lists: {l: {values: [a], wildcard: true}}",
            "1:9 a list has `values`, or a `range`, or is a `wildcard` or an `entity`, and this is \
             several",
            "make a list of each",
        ),
        (
            "lists: {l: {values: [{out: 3}]}}",
            "1:22 this value has no `in`",
            "write what is said as `in: …`",
        ),
        (
            "lists: {l: {values: ['[a]']}}\nintents: {I: {data: [{sentences: ['{l}']}]}}",
            "1:22 every part of this value is optional: silence fits it",
            "take the brackets `[…]` away from one word",
        ),
        (
            "lists: {l: {range: {from: 5, to: 1}}}",
            "1:20 `from` is 5, which is more than `to` (1)",
            "swap them",
        ),
        (
            "lists: {l: {range: {from: 5}}}",
            "1:20 a range needs whole numbers `from` and `to`",
            "as `from: 0` and `to: 100`",
        ),
        (
            "lists: {l: {range: {from: 0, to: 9, step: 0}}}",
            "1:43 `step` must be at least 1",
            "leave it out for every number",
        ),
        (
            "lists: {l: {range: {from: 0.5, to: 9}}}",
            "1:27 `from` must be a whole number, and this is 0.5",
            "write one as 5",
        ),
        (
            "lists: {l: {wildcard: yes}}",
            "1:23 `wildcard` must be true or false, and this is text",
            "write `true` or `false` without quotes",
        ),
        (
            "settings: {ignore_whitespace: true}",
            "1:12 languages written without spaces are not supported",
            "delete `ignore_whitespace`",
        ),
        (
            "data: [{sentences: [a]}]",
            "1:1 `data` at the top needs a folder named as its intent",
            "write it under `intents:` and the intent's name",
        ),
        (
            "expansion_rules: {a: b, a: c}",
            "1:25 `a` is written twice here",
            "the first one is on line 1; put everything under one of them",
        ),
        (
            "expansion_rules: {a: '<nothing>'}",
            "1:23 no rule is called <nothing>",
            "write it under `expansion_rules:`, or escape the bracket: `\\<`",
        ),
        (
            "skip_words: please",
            "1:13 `skip_words` must be a list, and this is text",
            "write a list of words, each after `- `",
        ),
    ] {
        assert_eq!(only(yaml), (at.to_owned(), help.to_owned()), "{yaml}");
    }
}

#[test]
fn every_mistake_of_every_file_is_told_in_order() {
    let one = Source::new(
        "one.yaml",
        "lists: {l: {}}\nintents:\n  I:\n    data:\n      - sentences:\n          - go {x\n          - 'go <y>'\n",
    );
    let two = Source::new("two.yaml", "a: [\n");
    let found = Grammar::parse(&[one, two]).expect_err("three mistakes");
    let shown: Vec<String> =
        found.iter().map(|p| format!("{}:{}", p.file.display(), p.line)).collect();
    assert_eq!(shown, ["one.yaml:1", "one.yaml:6", "one.yaml:7", "two.yaml:1"]);
    assert_eq!(
        found[1].to_string(),
        "one.yaml:6:16: `{` is never closed\n  |\n6 |           - go {x\n  |                ^\n  = add `}`, or write `\\{` to mean the character itself"
    );
}

#[test]
fn one_name_in_two_files_must_mean_the_same() {
    let rule = |text: &str| Source::new("r.yaml", format!("expansion_rules: {{the: {text}}}"));
    assert!(Grammar::parse(&[rule("(a|the)"), rule("(a|the)")]).is_ok());
    let found = Grammar::parse(&[rule("a"), rule("the")]).expect_err("differs");
    assert_eq!(found[0].message, "the rule <the> is written twice");
    let list = || Source::new("l.yaml", "lists: {l: {values: [a]}}");
    let found = Grammar::parse(&[list(), list()]).expect_err("twice");
    assert_eq!(found[0].help.as_deref(), Some("the first one is at l.yaml:1"));
}

#[test]
fn a_tower_of_rules_is_refused_and_does_not_overflow_the_stack() {
    use std::fmt::Write as _;
    let mut yaml = String::from(
        "intents: {I: {data: [{sentences: [\"<r3000>\"]}]}}\nexpansion_rules:\n  r0: a\n",
    );
    for floor in 1..=3000 {
        writeln!(yaml, "  r{floor}: <r{}> b", floor - 1).expect("strings take all");
    }
    let found = problems(&yaml);
    assert!(found.iter().any(|p| p.message.contains("nested more than")), "{found:#?}");
}

#[test]
fn what_cannot_be_pronounced_is_refused() {
    let list = "intents: {I: {data: [{sentences: ['a {x}']}]}}\nlists: {x: {values: [b, '***']}}\n";
    let respelled = "intents: {I: {data: [{sentences: [a b]}]}}\npronounce: ";
    for (yaml, at, help) in [
        (
            list.to_owned(),
            "2:25 this value cannot be pronounced: it has no letter and no figure",
            "write in words what people say for it",
        ),
        (
            format!("{respelled}{{latte: 'lah tay, ***'}}"),
            "2:29 this respelling has no letters",
            "write how it sounds as other words, as `lah-tay`; commas separate several",
        ),
        (
            format!("{respelled}{{flat white: flat wite}}"),
            "2:13 `flat white` is not one word of letters",
            "respell the words of a name one by one",
        ),
        (
            format!("{respelled}{{latte: lah tay, Latte: lattay}}"),
            "2:29 `Latte` is respelled twice",
            "write all its respellings in one place, with commas between",
        ),
        (
            format!("{respelled}[latte]"),
            "2:12 `pronounce` must be a block of keys, and this is a list",
            "write `name: …` below it, indented",
        ),
    ] {
        assert_eq!(only(&yaml), (at.to_owned(), help.to_owned()), "{yaml}");
    }
}

#[test]
fn entity_mistakes() {
    let file = |list: &str| {
        format!("intents: {{I: {{data: [{{sentences: ['at {{x}}']}}]}}}}\nlists: {{x: {list}}}\n")
    };
    let kinds = "there are `number`, `ordinal`, `money`, `time`, `date`, `when`, `duration`, \
                 `percentage`, `temperature`, `digits`, `letters`, `yes_no`";
    for (list, at, help) in [
        (
            "{entity: tiem}",
            format!("2:21 `tiem` is no kind of entity; {kinds}"),
            "did you mean `time`?",
        ),
        (
            "{entity: zoological}",
            format!("2:21 `zoological` is no kind of entity; {kinds}"),
            "docs/entities.md says what each understands",
        ),
        (
            "{entity: time, wildcard: true}",
            "2:9 a list has `values`, or a `range`, or is a `wildcard` or an `entity`, and this is \
             several"
                .to_owned(),
            "make a list of each",
        ),
    ] {
        assert_eq!(only(&file(list)), (at, help.to_owned()), "{list}");
    }
}

//! Answers to a question about one slot.

use super::*;

fn coffee() -> Grammar {
    grammar(
        "
intents:
  order:
    data:
      - sentences:
          - (can i get|i'll have) [a|an] ([{size}];[{shots} shot[s]]) {drink} [with {milk}]
lists:
  size: {values: [small, medium, large]}
  shots: {range: {from: 1, to: 3}}
  drink: {values: [latte, {in: (espresso|short one), out: espresso}]}
  milk: {values: [milk, a bit of milk, 'a bit of soy milk', {in: no milk, out: false}]}
  note: {wildcard: true}
  level: {range: {from: 0, to: 100}}
skip_words: [please, percent, '%']
",
    )
}

fn answer(list: &str, text: &str) -> String {
    coffee()
        .interpret_slot(list, list, text)
        .map_or("-".into(), |s| format!("{}|{}", s.value, s.text))
}

#[test]
fn the_value_alone_or_among_words_without_meaning() {
    for (list, text, expected) in [
        ("size", "large", "large|large"),
        ("size", "Large, please!", "large|Large"),
        ("size", "a large one please", "large|large"),
        ("size", "um, i'd like it to be large", "large|large"),
        ("size", "can I get a large", "large|large"),
        ("size", "can i get a two shot large one", "large|large"),
        ("size", "huge", "-"),
        ("size", "not large", "-"),
        ("size", "large or small", "-"),
        ("size", "", "-"),
        ("shots", "two", "2|two"),
        ("shots", "2", "2|2"),
        ("shots", "just one please", "1|one"),
        ("shots", "four", "-"),
        ("level", "thirty percent", "30|thirty"),
        ("level", "30%", "30|30"),
        ("level", "30 % please", "30|30"),
        ("level", "30°", "-"),
        ("drink", "a short one", "espresso|short one"),
        ("milk", "a bit of soy milk", "a bit of soy milk|a bit of soy milk"),
        ("milk", "with a bit of milk please", "a bit of milk|a bit of milk"),
        ("milk", "no milk", "false|no milk"),
        ("note", "anything at all", "anything at all|anything at all"),
        ("unknown", "large", "-"),
    ] {
        assert_eq!(answer(list, text), expected, "{list}: {text}");
    }
}

#[test]
fn a_value_may_be_the_beginning_of_a_longer_one() {
    let shop = grammar(
        "
intents:
  I: {data: [{sentences: ['{dish} {number} {level} {note}']}]}
lists:
  dish: {values: [soup, soup of the day, stew]}
  number: {entity: digits}
  level: {range: {from: 0, to: 100}}
  note: {wildcard: true}
",
    );
    for (list, text, expected) in [
        ("dish", "soup", true),
        ("dish", "stew", false),
        ("dish", "soup of the day", false),
        ("number", "oh seven seven", true),
        ("level", "twenty", true),
        ("level", "twenty five", false),
        ("note", "anything", true),
        ("unknown", "soup", false),
    ] {
        assert_eq!(shop.value_may_go_on(list, text), expected, "{list}: {text}");
    }
}

#[test]
fn an_intent_knows_its_slots_and_a_list_its_values() {
    let coffee = coffee();
    assert_eq!(coffee.intents().collect::<Vec<_>>(), ["order"]);
    let slots: Vec<_> =
        coffee.slots_of("order").map(|s| format!("{}={}", s.name, s.lists.join("+"))).collect();
    assert_eq!(slots, ["drink=drink", "milk=milk", "shots=shots", "size=size"]);
    assert_eq!(coffee.slots_of("nothing").count(), 0);
    let values: Vec<_> =
        coffee.values("drink").map(|v| format!("{}={}", v.spoken, v.value)).collect();
    assert_eq!(values, ["latte=latte", "espresso=espresso"]);
    assert_eq!(coffee.values("shots").count(), 0);
    assert_eq!(
        coffee.lists().collect::<Vec<_>>(),
        ["drink", "level", "milk", "note", "shots", "size"]
    );
}

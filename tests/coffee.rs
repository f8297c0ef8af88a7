//! Orders drawn from the coffee agent's own lists, in every order its templates promise.

use std::path::Path;
use std::sync::Arc;

use mynah::agent::Agent;
use mynah::clock::Clock;
use mynah::dialogue::Conversation;
use mynah::nlu::Status;

fn coffee() -> Agent {
    Agent::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/coffee"))
        .unwrap_or_else(|e| panic!("{e}"))
}

/// Draws the same numbers on every run (Numerical Recipes' 64-bit linear congruence).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(3_935_559_000_370_003_845).wrapping_add(2_691_343_689_449_507_681);
        (self.0 >> 33) as usize % n
    }

    fn from<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }
}

const OPENINGS: &[&str] = &[
    "brew",
    "can i get",
    "can i have",
    "i want",
    "get me",
    "give me",
    "i'd like",
    "make me",
    "may i have",
    "I would like",
    "Could I have",
    "I'll take",
    "",
];
const ARTICLES: &[&str] = &["a", "an", ""];
const MODIFIERS: [&str; 3] = ["size", "roast", "numberOfShots"];

#[test]
fn every_drawn_order_is_understood_with_its_slots() {
    let agent = Arc::new(coffee());
    let values = |list: &str| -> Vec<String> {
        agent.grammar.values(list).map(|item| item.spoken.to_owned()).collect()
    };
    let lists: Vec<(&str, Vec<String>)> =
        ["size", "roast", "numberOfShots", "coffeeDrink", "milkAmount", "sugarAmount"]
            .map(|list| (list, values(list)))
            .to_vec();
    assert!(lists.iter().all(|(_, values)| !values.is_empty()));
    let conversation = Conversation::new(Arc::clone(&agent), Clock::default());
    let mut draw = Draw(7);
    for round in 0..2_000 {
        let mut expected: Vec<(String, String)> = Vec::new();
        let mut pick = |draw: &mut Draw, name: &str| {
            let values = &lists.iter().find(|(list, _)| *list == name).expect("a known list").1;
            let value = values[draw.below(values.len())].clone();
            expected.push((name.to_owned(), value.clone()));
            value
        };
        let mut words = vec![draw.from(OPENINGS).to_owned(), draw.from(ARTICLES).to_owned()];
        // Which modifiers, and where in their circle to begin: every order of every subset.
        let (chosen, first, backwards) = (draw.below(8), draw.below(3), draw.below(2) == 1);
        for step in 0..3 {
            let index = if backwards { (first + 3 - step) % 3 } else { (first + step) % 3 };
            if chosen & (1 << index) != 0 {
                words.push(pick(&mut draw, MODIFIERS[index]));
            }
        }
        words.push(pick(&mut draw, "coffeeDrink"));
        let extras: &[&str] = match draw.below(5) {
            0 => &[],
            1 => &["milkAmount"],
            2 => &["sugarAmount"],
            3 => &["milkAmount", "sugarAmount"],
            _ => &["sugarAmount", "milkAmount"],
        };
        for (index, extra) in extras.iter().enumerate() {
            words.push(if index == 0 { "with" } else { "and" }.to_owned());
            words.push(pick(&mut draw, extra));
        }
        let said = words.join(" ");
        let heard = conversation.interpret(&said);
        let mut found: Vec<(String, String)> =
            heard.slots.iter().map(|(name, slot)| (name.clone(), slot.value.to_string())).collect();
        expected.sort();
        found.sort();
        assert_eq!(
            (heard.status, heard.intent.as_deref(), found),
            (Status::Accepted, Some("orderDrink"), expected),
            "round {round}: {said}"
        );
    }
}

#[test]
fn talk_that_is_no_order_is_not_taken_for_one() {
    let conversation = Conversation::new(Arc::new(coffee()), Clock::default());
    for said in [
        "what a lovely latte machine",
        "i had a coffee this morning",
        "my brother likes a large house",
        "please hold the line",
        "a large one with everything",
        "seven",
        "yes",
        "no",
        "large",
        "milk",
        "goodbye",
        "",
    ] {
        assert_eq!(conversation.interpret(said).status, Status::Rejected, "{said}");
    }
}

//! Models learned from small generated sets: what they take texts for, and that they survive the disk.

use super::*;
use crate::models::ModelStore;
use crate::nn::Team;

/// Intent, ways to say it, and what fills them.
const SETS: [(&str, [&str; 4], [&str; 6]); 6] = [
    (
        "lamp",
        ["turn on the {} lamp", "switch off the {} light", "dim the {} lamp", "is the {} light on"],
        ["kitchen", "hall", "cellar", "garden", "attic", "porch"],
    ),
    (
        "order",
        ["I would like a {}", "can I have two {}s", "one {} please", "a large {} to go"],
        ["latte", "mocha", "flat white", "cortado", "hot chocolate", "tea"],
    ),
    (
        "pay",
        ["the bill for {} please", "I want to pay by {}", "can {} pay now", "do you take {}"],
        ["card", "cash", "table four", "all of us", "cheque", "phone"],
    ),
    (
        "route",
        [
            "how do I get to the {}",
            "show me the way to the {}",
            "navigate to the {}",
            "is the {} far",
        ],
        ["station", "airport", "museum", "harbour", "zoo", "library"],
    ),
    (
        "alarm",
        [
            "wake me at {}",
            "set an alarm for {}",
            "cancel the alarm for {}",
            "alarm me at {} tomorrow",
        ],
        ["six", "half past seven", "noon", "ten", "quarter to five", "eight"],
    ),
    (
        "music",
        ["play some {}", "put on my {} playlist", "I want to hear {}", "stop the {} music"],
        ["jazz", "opera", "heavy metal", "folk", "reggae", "piano"],
    ),
];

/// Every set's sentences: those whose numbers leave a rest of 1 by 4, or all others.
fn sentences(held_out: bool) -> Vec<(String, &'static str, &'static str)> {
    let mut all = Vec::new();
    for (intent, ways, fillings) in SETS {
        for (number, way) in (0..).zip(ways) {
            for (filling, word) in (0..).zip(fillings) {
                if ((number + filling) % 4 == 1) == held_out {
                    all.push((way.replace("{}", word), intent, word));
                }
            }
        }
    }
    all
}

fn examples<'a>(sentences: &'a [(String, &'a str, &'a str)]) -> Vec<Example<'a>> {
    sentences.iter().map(|(text, intent, _)| Example { text, intent }).collect()
}

fn learn(encoder: Option<&mut SentenceEncoder>) -> IntentModel {
    let sentences = sentences(false);
    let training = Training { examples: examples(&sentences), ..Training::default() };
    IntentModel::train(training, encoder, &Team::default()).unwrap()
}

fn taken_for(model: &IntentModel, encoder: Option<&mut SentenceEncoder>, text: &str) -> String {
    let verdict = model.classify(text, encoder).unwrap();
    let (best, probability) = verdict.best();
    assert!((0.0..=1.0).contains(&probability) && (0.0..=1.0).contains(&verdict.out_of_scope));
    assert!((verdict.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    model.intents()[best].clone()
}

#[test]
fn spelling_alone_tells_intents_apart() {
    let model = learn(None);
    assert_eq!(model.intents(), ["alarm", "lamp", "music", "order", "pay", "route"]);
    for (text, intent, _) in sentences(true) {
        assert_eq!(taken_for(&model, None, &text), intent, "{text}");
    }
    for (misheard, intent) in [("dim the sellar lamb", "lamp"), ("play sum opra", "music")] {
        assert_eq!(taken_for(&model, None, misheard), intent, "{misheard}");
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn meaning_reaches_words_that_were_never_seen_and_refuses_other_talk() {
    let mut encoder = SentenceEncoder::load(&ModelStore::open(None).unwrap()).unwrap();
    let model = learn(Some(&mut encoder));
    for (text, intent, _) in sentences(true) {
        assert_eq!(taken_for(&model, Some(&mut encoder), &text), intent, "{text}");
    }
    for (text, intent) in
        [("could you illuminate the bedroom", "lamp"), ("get me an espresso", "order")]
    {
        assert_eq!(taken_for(&model, Some(&mut encoder), text), intent, "{text}");
    }
    let mut refused = |text| model.classify(text, Some(&mut encoder)).unwrap().out_of_scope;
    let other = refused("my grandmother used to breed rabbits");
    let meant = refused("switch off the attic light");
    assert!(other > 0.5 && meant < 0.5, "{other} and {meant}");
}

#[test]
fn a_model_is_the_same_on_every_run_and_survives_the_disk() {
    let model = learn(None);
    let bytes = model.to_bytes();
    assert_eq!(learn(None).to_bytes(), bytes);
    let read = IntentModel::from_bytes(&bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    let text = "dim the hall light";
    assert_eq!(read.classify(text, None).unwrap(), model.classify(text, None).unwrap());
}

#[test]
fn a_damaged_model_is_refused() {
    let bytes = learn(None).to_bytes();
    for cut in (0..bytes.len()).step_by(4_999) {
        assert!(IntentModel::from_bytes(&bytes[..cut]).is_err(), "cut to {cut}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let error = IntentModel::from_bytes(&longer).unwrap_err().to_string();
    assert!(error.contains("1 bytes too many") && error.contains("Train it again"), "{error}");
}

#[test]
fn one_intent_and_one_text_are_enough_and_none_is_an_error() {
    let one = Training {
        examples: vec![Example { text: "open the gate", intent: "gate" }],
        ..Training::default()
    };
    let model = IntentModel::train(one, None, &Team::default()).unwrap();
    assert_eq!(taken_for(&model, None, "the gate"), "gate");
    assert_eq!(taken_for(&model, None, ""), "gate");
    let none = IntentModel::train(Training::default(), None, &Team::default());
    assert!(none.unwrap_err().to_string().contains("no example"));
}

#[test]
fn misheard_copies_are_learned_too() {
    /// Says the second word of everything as "garble".
    struct Garble;
    impl Corrupt for Garble {
        fn corrupt(&mut self, text: &str) -> Option<String> {
            let second = text.split(' ').nth(1)?;
            Some(text.replacen(second, "garble", 1))
        }
    }
    let sentences = sentences(false);
    let training = Training {
        examples: examples(&sentences),
        corrupt: Some((1, &mut Garble)),
        ..Training::default()
    };
    let model = IntentModel::train(training, None, &Team::default()).unwrap();
    assert_ne!(model.to_bytes(), learn(None).to_bytes());
    assert_eq!(taken_for(&model, None, "dim garble porch lamp"), "lamp");
}

fn tagger() -> SlotTagger {
    let sentences = sentences(false);
    let example = |(text, intent, word): &(String, &'static str, &'static str)| SlotExample {
        text: text.clone().leak(),
        intent,
        slots: vec![("what", (*word).to_owned())],
    };
    SlotTagger::train(&sentences.iter().map(example).collect::<Vec<_>>(), &[])
}

#[test]
fn slots_are_found_by_what_surrounds_them() {
    let tagger = tagger();
    for (text, intent, value) in [
        ("turn on the conservatory lamp", "lamp", "conservatory"),
        ("one flat white please", "order", "flat white"),
        ("play some barbershop", "music", "barbershop"),
    ] {
        let found = tagger.tag(text, intent);
        let said: Vec<_> = found.iter().map(|t| (t.slot.as_str(), &text[t.at.clone()])).collect();
        assert_eq!(said, [("what", value)], "{text}");
    }
    for (text, intent) in [("turn on the hall lamp", "unheard of"), ("", "lamp")] {
        assert_eq!(tagger.tag(text, intent), [], "{text}");
    }
    assert!(tagger.tag(&"lamp ".repeat(10_000), "lamp").len() < 10_000);
}

#[test]
fn a_tagger_survives_the_disk_and_a_damaged_one_is_refused() {
    let tagger = tagger();
    let bytes = tagger.to_bytes();
    assert_eq!(SlotTagger::from_bytes(&bytes).unwrap(), tagger);
    for cut in (0..bytes.len()).step_by(4_999) {
        assert!(SlotTagger::from_bytes(&bytes[..cut]).is_err(), "cut to {cut}");
    }
}

//! What the fuzzer once found, and a few rounds of it, so that it keeps working.

use std::path::Path;

#[path = "../fuzz/case.rs"]
mod case;
#[path = "../fuzz/draw.rs"]
mod draw;
#[path = "../fuzz/grow.rs"]
mod grow;
#[path = "../fuzz/mutate.rs"]
mod mutate;
#[path = "../fuzz/targets.rs"]
mod targets;

use case::Corpus;
use draw::Draw;

/// Rounds of each kind: seconds, not a search.
const ROUNDS: u64 = 60;

fn corpus(folders: &[&str]) -> Corpus {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders: Vec<_> = folders.iter().map(|folder| here.join(folder)).collect();
    Corpus::load(&folders.iter().map(|dir| dir.as_path()).collect::<Vec<_>>()).expect("the corpus")
}

#[test]
fn nothing_that_was_found_comes_back() {
    for case in corpus(&["fuzz/finds"]).cases() {
        for round in 0..20 {
            let scratch = tempfile::tempdir().expect("a temporary folder");
            targets::templates(case, &mut Draw::new(0, round));
            targets::agent(case, scratch.path(), &mut Draw::new(0, round));
        }
    }
}

#[test]
fn a_few_rounds_find_nothing() {
    let corpus = corpus(&["agents", "fuzz/seeds"]);
    let scratch = tempfile::tempdir().expect("a temporary folder");
    for round in 0..ROUNDS {
        let draw = &mut Draw::new(0, round);
        targets::templates(&corpus.templates(draw), draw);
        targets::agent(&corpus.agent(draw), scratch.path(), draw);
    }
}

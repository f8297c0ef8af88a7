//! Agreement with the package that the voice comes from, sentence by sentence.

use std::time::Instant;

use super::*;

fn phonemizer() -> Phonemizer {
    Phonemizer::load(&ModelStore::open(None).unwrap()).unwrap()
}

/// Words that must change to turn one reading into the other.
fn edits(ours: &[&str], theirs: &[&str]) -> usize {
    let mut row: Vec<usize> = (0..=theirs.len()).collect();
    for (i, our) in ours.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, their) in theirs.iter().enumerate() {
            let keep = diagonal + usize::from(our != their);
            diagonal = row[j + 1];
            row[j + 1] = keep.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[theirs.len()]
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn phonemes_agree_with_the_package() {
    // Another file of the same form (text, tab, phonemes) may be compared instead.
    let golden = match std::env::var_os("MYNAH_PHONEMES") {
        Some(path) => std::fs::read(path).unwrap(),
        None => ModelStore::open(None).unwrap().bytes("golden/tts/phonemes.tsv").unwrap(),
    };
    let golden = String::from_utf8(golden).unwrap();
    let started = Instant::now();
    let phonemizer = phonemizer();
    println!("loaded in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    let started = Instant::now();
    let (mut words, mut wrong, mut shown) = (0, 0, Vec::new());
    for line in golden.lines() {
        let (text, theirs) = line.split_once('\t').unwrap();
        let clauses = phonemizer.phonemize(text);
        let ours: Vec<&str> = clauses.iter().flat_map(|c| c.phonemes.split(' ')).collect();
        let theirs: Vec<&str> = theirs.split(' ').collect();
        let edits = edits(&ours, &theirs);
        words += theirs.len();
        wrong += edits;
        if edits > 0 {
            shown.push(format!(
                "{text}\n  ours   {}\n  theirs {}",
                ours.join(" "),
                theirs.join(" ")
            ));
        }
    }
    let sentence_us = started.elapsed().as_secs_f64() * 1e6 / golden.lines().count() as f64;
    println!("{sentence_us:.0} µs per sentence");
    let agreement = 100.0 * (1.0 - wrong as f64 / words as f64);
    println!("{agreement:.2} % of {words} words agree; {} sentences differ", shown.len());
    shown.iter().take(40).for_each(|difference| println!("{difference}"));
    assert!(agreement >= 98.0, "only {agreement:.2} % of {words} words agree");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn guessed_words_agree_with_the_package() {
    let golden = ModelStore::open(None).unwrap().bytes("golden/tts/oov.tsv").unwrap();
    let guesser = phonemizer().reader.guesser;
    for line in String::from_utf8(golden).unwrap().lines() {
        let (word, phonemes) = line.split_once('\t').unwrap();
        assert_eq!(guesser.guess(word).unwrap_or_default(), phonemes, "{word}");
    }
}

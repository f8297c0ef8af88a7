//! The front end as a whole: agreement with the package that the voice comes from, where we read
//! better, and that nothing anyone writes can upset it.

use std::sync::LazyLock;
use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn phonemizer() -> Phonemizer {
    Phonemizer::load(&ModelStore::open(None).unwrap()).unwrap()
}

static PHONEMIZER: LazyLock<Phonemizer> = LazyLock::new(phonemizer);

fn phonemes(text: &str) -> String {
    let clauses = PHONEMIZER.phonemize(text);
    clauses.iter().map(|clause| clause.phonemes.as_str()).collect::<Vec<_>>().join(" | ")
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
    assert!(agreement >= 99.5, "only {agreement:.2} % of {words} words agree");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn guessed_words_agree_with_the_package() {
    let golden = ModelStore::open(None).unwrap().bytes("golden/tts/oov.tsv").unwrap();
    let guesser = &PHONEMIZER.reader.guesser;
    for line in String::from_utf8(golden).unwrap().lines() {
        let (word, phonemes) = line.split_once('\t').unwrap();
        assert_eq!(guesser.guess(word).unwrap_or_default(), phonemes, "{word}");
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn the_kind_of_word_and_its_neighbours_choose_the_reading() {
    for (text, want) in [
        ("I read it yesterday.", "ˌI ɹˈɛd ɪt jˈɛstəɹdˌA."),
        ("I will read it.", "ˌI wɪl ɹˈid ɪt."),
        ("the apple, the pear", "ði ˈæpᵊl, ðə pˈɛɹ"),
        ("$1.50", "wˈʌn dˈɑləɹ ænd fˈɪfti sˈɛnts"),
        ("at 7:05 pm", "æt sˈɛvən ˈO fˈIv pˌiˈɛm"),
        ("Dr. Gray", "dˈɑktəɹ ɡɹˈA"),
        ("USB", "jˌuˌɛsbˈi"),
    ] {
        let ours = phonemes(text).replace('T', "t");
        assert_eq!(ours, want, "{text}");
    }
}

/// Where the package stumbles and we do not follow it.
#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn we_read_better_than_the_package() {
    for (text, same_as) in [
        // It takes the empty text for a Roman numeral and reads "the zeroth".
        ("King Charles waved.", "king Charles waved."),
        // It drops the stop behind a month, and with it the falling tone.
        ("Come on 5 March.", "Come on the fifth of March."),
        // It reads fractions, ranges and telephone numbers only inside a sentence.
        ("Add 3/4.", "Add 3 quarters."),
        ("Take 2-3.", "Take 2 to 3."),
        ("Call 555-0142.", "Call 5 5 5, 0 1 4 2."),
    ] {
        assert_eq!(phonemes(text), phonemes(same_as), "{text}");
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn clauses_carry_ids_and_pauses() {
    let clauses = PHONEMIZER.phonemize("Hello. Is it you?\nYes");
    let pauses: Vec<_> = clauses.iter().map(|clause| clause.pause_after_ms).collect();
    assert_eq!(pauses, [PAUSE_SENTENCE_MS, PAUSE_LINE_MS, 0]);
    assert_eq!(clauses[1].text, "Is it you?");
    for clause in &clauses {
        assert_eq!(clause.ids.len(), clause.phonemes.chars().count() + 2);
        assert_eq!((clause.ids.first(), clause.ids.last()), (Some(&0), Some(&0)));
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_cut_changes_no_sound() {
    let long = "When the bell rings, bring the large jug to, if you can, the old oak table, and, \
                once everyone is there, pour the apple juice into all of the eleven glasses.";
    let clauses = PHONEMIZER.phonemize(long);
    assert!(clauses.len() > 1);
    let words = PHONEMIZER.reader.read(&PHONEMIZER.normaliser.normalise(long));
    let whole = PHONEMIZER.clause(&words).unwrap();
    assert_eq!(phonemes(long).replace(" | ", " "), whole.phonemes);
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn odd_texts_are_spoken_or_skipped() {
    for silent in ["", " \n\t", "...", "🎉🎉", "\u{0}\u{7}\u{202e}", "?!", "()[]", "日本語"]
    {
        assert_eq!(PHONEMIZER.phonemize(silent), [], "{silent:?}");
    }
    for (odd, plain) in [
        ("Ready 🎉!", "Ready !"),
        ("the\u{a0}cup", "the cup"),
        ("the \t\r cup", "the cup"),
        ("ｃｕｐ ５", "cup 5"),
        ("the ﬁrst", "the first"),
        ("a cafe\u{301}", "a caf\u{e9}"),
    ] {
        assert_eq!(phonemes(odd), phonemes(plain), "{odd:?}");
    }
    for heavy in [
        "word ".repeat(2_000),
        "a".repeat(10_000),
        "9".repeat(10_000),
        "1,".repeat(5_000),
        "-'".repeat(5_000),
        "A.".repeat(5_000),
        "¿(\"".repeat(3_000),
        "don't.".repeat(2_000),
        "Chapter IV ".repeat(1_000),
        "=".repeat(10_000),
        "e\u{301}".repeat(5_000),
    ] {
        let started = Instant::now();
        check(&PHONEMIZER.phonemize(&heavy));
        println!("{:?}… {:.0?}", heavy.chars().take(12).collect::<String>(), started.elapsed());
    }
}

/// What every answer keeps to.
fn check(clauses: &[SpokenClause]) {
    for clause in clauses {
        let (pads, sounds) = (&clause.ids[..1], &clause.ids[1..clause.ids.len() - 1]);
        assert_eq!((pads, clause.ids.last()), (&[0][..], Some(&0)));
        assert!((1..=clauses::LIMIT).contains(&sounds.len()), "{clause:?}");
        assert!(sounds.iter().all(|&id| id > 0), "{clause:?}");
        assert!(!clause.phonemes.contains("  "), "{clause:?}");
    }
}

/// Text with much of what the rules look for.
fn tricky() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-zA-Z]{1,8}",
        "[0-9]{1,6}",
        "[0-9]{1,2}[:/.,-][0-9]{1,4}",
        "[-'’.,;:!?…—/$£€%&@#*=<>()°¢+~_\"]{1,3}",
        "( |\n|st|'s|ing|ed|am|km|p\\.m\\.|Dr\\.|Jan\\.|IV|King )",
        "\\PC{1,2}",
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn no_text_upsets_the_reader(any in any::<String>(), tricky in tricky()) {
        check(&PHONEMIZER.phonemize(&any));
        check(&PHONEMIZER.phonemize(&tricky));
    }
}

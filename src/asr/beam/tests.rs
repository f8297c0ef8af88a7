use super::*;
use crate::asr::Edge;
use crate::asr::language::WordId;

const BOS: u32 = 1;
const EOS: u32 = 2;

/// Text tokens of the toy vocabulary, behind the controls and the bytes.
const PIECES: &[&str] = &[".", "?", "!", ",", " a", " A", " tea", " Tea", " cake", " hot", "-tea"];

fn tokenizer() -> Tokenizer {
    let mut pieces: Vec<String> = (0..259).map(|n| format!("<{n}>")).collect();
    pieces.extend(PIECES.iter().map(|piece| piece.replace(' ', "\u{2581}")));
    let mut bytes = Vec::new();
    for piece in pieces {
        bytes.push(piece.len() as u8);
        bytes.extend(piece.as_bytes());
    }
    // Characters that merge into the pieces above, one by one.
    let mut grown = Vec::new();
    for piece in PIECES {
        let piece = piece.replace(' ', "\u{2581}");
        let ends: Vec<usize> = piece.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
        grown.extend(ends.iter().map(|end| piece[..*end].to_owned()));
        grown.extend(piece.chars().map(String::from));
    }
    for piece in grown {
        bytes.push(piece.len() as u8);
        bytes.extend(piece.as_bytes());
    }
    Tokenizer::parse(&bytes).expect("a whole vocabulary")
}

fn token(piece: &str) -> u32 {
    match piece {
        "</s>" => EOS,
        piece => 259 + PIECES.iter().position(|p| *p == piece).expect("a toy piece") as u32,
    }
}

/// "[a] (tea|cake)", where cake costs as told, and any word may stand behind "hot".
struct Menu {
    edges: Vec<Vec<Edge>>,
}

const WORDS: &[&str] = &["a", "tea", "cake", "hot"];

impl Menu {
    fn new(cake: f32) -> Self {
        let edge = |word: usize, to, cost| Edge { word: word as u32, to, cost };
        let drinks = [edge(1, 2, 0.0), edge(2, 2, cake)];
        let start = [edge(0, 1, 0.0), edge(3, 3, 0.0)].into_iter().chain(drinks).collect();
        Self { edges: vec![start, drinks.to_vec(), Vec::new(), Vec::new(), Vec::new()] }
    }
}

impl Language for Menu {
    fn edges(&mut self, place: Place) -> &[Edge] {
        &self.edges[place as usize]
    }

    fn word(&self, word: WordId) -> &str {
        WORDS[word as usize]
    }

    fn ends(&mut self, place: Place) -> Option<f32> {
        matches!(place, 2 | 4).then_some(0.0)
    }

    fn open(&mut self, place: Place) -> Option<Place> {
        (place == 3).then_some(4)
    }
}

/// Searches with the same pieces likely at every step: their log-probabilities given the sound and
/// given noise.
fn search(menu: &mut Menu, options: BeamOptions, steps: &[&[(&str, f32, f32)]]) -> Vec<Path> {
    search_in(menu, options, steps)
}

fn search_in(
    language: &mut dyn Language,
    options: BeamOptions,
    steps: &[&[(&str, f32, f32)]],
) -> Vec<Path> {
    let tokenizer = tokenizer();
    let mut spellings = Spellings::default();
    let mut beam = Beam::new(&tokenizer, language, &mut spellings, options, (BOS, EOS), 0);
    let mut nodes = 0;
    for step in steps {
        if beam.is_done() {
            break;
        }
        let row = |noise: bool| {
            let mut logits = vec![-20.0; tokenizer.len()];
            for (piece, sound, given_noise) in *step {
                logits[token(piece) as usize] = if noise { *given_noise } else { *sound };
            }
            logits
        };
        let (sound, noise) = (row(false), row(true));
        let mut node = || {
            nodes += 1;
            Node::at(nodes - 1)
        };
        let sound = beam.branches().map(|_| (Row { logits: &sound, log_sum_exp: 0.0 }, node()));
        let questions = beam.expand(&sound.collect::<Vec<_>>());
        let beliefs = questions.iter().map(|question| Belief {
            node: node(),
            log_probs: question.tokens.iter().map(|token| noise[*token as usize]).collect(),
        });
        beam.weigh(&questions, &beliefs.collect::<Vec<_>>());
    }
    beam.finish()
}

fn options() -> BeamOptions {
    BeamOptions { language_model: 0.0, token_bonus: 0.0, ..BeamOptions::default() }
}

const ANY: &[(&str, f32, f32)] = &[
    (" A", -1.0, -1.0),
    (" Tea", -2.0, -0.5),
    (" tea", -0.5, -0.5),
    (" cake", -0.9, -9.0),
    (".", -0.4, -0.4),
    ("</s>", -0.3, -0.3),
];

#[test]
fn only_sentences_are_found_and_the_best_comes_first() {
    let paths = search(&mut Menu::new(0.0), options(), &[ANY; 6]);
    assert_eq!(paths[0].text, "tea");
    assert!(paths.iter().all(|p| ["tea", "cake", "a tea", "a cake"].contains(&p.text.as_str())));
    assert!(paths.iter().any(|p| p.written == "A tea."), "{paths:?}");
    assert!(paths.windows(2).all(|pair| pair[0].score >= pair[1].score));
    let shortest = paths.iter().find(|p| p.written == "tea").expect("without a mark");
    assert!((shortest.log_prob + 0.8).abs() < 1e-5, "{shortest:?}");
    assert_eq!(shortest.score, shortest.log_prob);
}

#[test]
fn what_noise_says_as_well_counts_less() {
    let with = BeamOptions { language_model: 0.3, ..options() };
    assert_eq!(search(&mut Menu::new(0.0), with, &[ANY; 6])[0].text, "cake");
    let costly = search(&mut Menu::new(5.0), with, &[ANY; 6]);
    assert_eq!(costly[0].text, "tea");
    let cake = costly.iter().find(|p| p.text == "cake").expect("it is still possible");
    assert_eq!(cake.cost, 5.0);
}

#[test]
fn spellings_and_hypotheses_are_bounded() {
    let narrow = BeamOptions { width: 1, ..options() };
    let paths = search(&mut Menu::new(0.0), narrow, &[ANY; 6]);
    assert!(paths.iter().all(|p| p.text == "tea"), "{paths:?}");
    let nothing = search(&mut Menu::new(0.0), options(), &[&[(" hot", -1.0, -1.0)]]);
    assert!(nothing.is_empty(), "no sentence has ended");
}

#[test]
fn any_words_are_taken_where_the_language_is_open() {
    let first: &[_] = &[(" hot", -0.1, -0.1)];
    let then: &[_] = &[(" cake", -0.2, -0.2), ("-tea", -3.0, -3.0)];
    let last: &[_] = &[("</s>", -0.1, -0.1)];
    let paths = search(&mut Menu::new(0.0), options(), &[first, then, last]);
    assert_eq!(paths[0].text, "hot cake");
    assert_eq!(paths[0].cost, options().open);
}

/// "tea" and "cake", as often as one likes.
struct Loop(Vec<Edge>);

impl Language for Loop {
    fn edges(&mut self, _: Place) -> &[Edge] {
        &self.0
    }

    fn word(&self, word: WordId) -> &str {
        WORDS[word as usize]
    }

    fn ends(&mut self, _: Place) -> Option<f32> {
        Some(0.0)
    }

    fn open(&mut self, _: Place) -> Option<Place> {
        None
    }
}

#[test]
fn nothing_is_said_over_and_over() {
    let edge = |word| Edge { word, to: 0, cost: 0.0 };
    let mut endless = Loop(vec![edge(1), edge(2)]);
    let tempting = BeamOptions { token_bonus: 2.0, ..options() };
    let step: &[(&str, f32, f32)] =
        &[(" tea", -0.1, 0.0), (" cake", -2.5, 0.0), ("</s>", -3.0, 0.0)];
    let paths = search_in(&mut endless, tempting, &[step; 40]);
    assert!(paths.iter().any(|path| path.tokens.len() > 12), "others go on");
    for path in paths {
        assert!(!path.text.contains(&["tea"; 8].join(" ")), "{}", path.text);
    }
}

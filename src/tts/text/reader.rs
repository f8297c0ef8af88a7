//! A line's words, read from the last to the first, because small words sound like what follows
//! them ("the apple", "used to").

use unicode_normalization::UnicodeNormalization;

use super::figures::is_number;
use super::letters::{is_apostrophe, is_letter};
use super::lexicon::{Lexicon, Place};
use super::oov::Guesser;
use super::phones::{Ahead, PRIMARY};
use super::pieces::{Group, Piece, groups};
use super::stress::{self, Stress};
use super::tag::Tag;
use super::tagger::Tagger;
use super::tokenise::Tokeniser;

/// A stretch of text without spaces inside, and how it sounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spoken {
    pub text: String,
    pub phonemes: String,
    pub space_after: bool,
}

/// Pieces that are tried as one word. The lexicon's longest compound has 13
/// ("what-you-see-is-what-you-get"); without a bound, a long row of marks would take minutes.
const MOST_PIECES: usize = 13;

pub(super) struct Reader {
    pub tokeniser: Tokeniser,
    pub tagger: Tagger,
    pub lexicon: Lexicon,
    pub guesser: Guesser,
}

impl Reader {
    /// Reads one normalised sentence.
    pub fn read(&self, sentence: &str) -> Vec<Spoken> {
        let tokens = self.tokeniser.tokens(sentence);
        let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
        let groups = groups(&tokens, &self.tagger.tags(&words));
        let mut ahead = Ahead::default();
        let mut spoken = Vec::with_capacity(groups.len());
        for group in groups.into_iter().rev() {
            let text = group.pieces.iter().map(|piece| piece.text.as_str()).collect();
            let space_after = group.space_after;
            let phonemes = self.read_group(group, &mut ahead);
            // The acoustic model writes the tapped t as T and has no glottal stop.
            let phonemes = phonemes.replace('ɾ', "T").replace('ʔ', "t");
            spoken.push(Spoken { text, phonemes, space_after });
        }
        spoken.reverse();
        spoken
    }

    fn read_group(&self, group: Group, ahead: &mut Ahead) -> String {
        let [piece] = group.pieces.as_slice() else {
            return self.read_pieces(&group.pieces, ahead);
        };
        let read = piece.phonemes.clone().or_else(|| self.read_piece(piece, *ahead));
        let phonemes = match read {
            Some(phonemes) => phonemes,
            None => self.guess(&piece.text),
        };
        *ahead = ahead.before(&phonemes, says_to(piece));
        phonemes
    }

    /// Reads as long a run of pieces at once as the lexicon can, from the end on. When a word at
    /// the end cannot be read at all, the whole group is guessed.
    fn read_pieces(&self, pieces: &[Piece], ahead: &mut Ahead) -> String {
        let mut sounds = vec![String::new(); pieces.len()];
        let farthest = |right: usize| right.saturating_sub(MOST_PIECES);
        let (mut left, mut right) = (farthest(pieces.len()), pieces.len());
        while left < right {
            let merged = merge(&pieces[left..right]);
            if let Some(phonemes) = self.read_piece(&merged, *ahead) {
                *ahead = ahead.before(&phonemes, says_to(&merged));
                sounds[left] = phonemes;
                (left, right) = (farthest(left), left);
            } else if left + 1 < right {
                left += 1;
            } else if is_joint(&pieces[left].text) {
                (left, right) = (farthest(left), left);
            } else {
                return self.guess(&merge(pieces).text);
            }
        }
        join(pieces, sounds)
    }

    /// What the lexicon and the number rules say about a piece.
    fn read_piece(&self, piece: &Piece, ahead: Ahead) -> Option<String> {
        let text = piece.alias.unwrap_or(&piece.text);
        let word: String = text.replace(is_apostrophe, "'").nfkc().collect();
        let stress = if word == word.to_lowercase() {
            None
        } else if word == word.to_uppercase() {
            Some(Stress::Primary)
        } else {
            Some(Stress::AtLeastSecondary)
        };
        let place = Place { tag: Some(piece.tag), stress, ahead: Some(ahead) };
        let Some(phonemes) = self.lexicon.read_word(&word, place) else {
            let number = || self.lexicon.read_number(&word, piece.currency, piece.head);
            return is_number(&word, piece.head).then(number).flatten();
        };
        let unit = piece.currency.and_then(|currency| self.lexicon.read_unit(currency));
        Some(match unit {
            Some(unit) => format!("{phonemes} {unit}"),
            None => phonemes,
        })
    }

    /// Last resort: letters to the network, figures as codes, symbols by name.
    fn guess(&self, text: &str) -> String {
        let mut sounds = Vec::new();
        for (run, text) in runs(text) {
            let sound = match run {
                Run::Word => self.guesser.guess(text),
                Run::Figures => self.lexicon.read_number(text, None, false),
                Run::Marks => Some(text.chars().filter_map(symbol_name).collect()),
            };
            sounds.extend(sound.filter(|sound| !sound.is_empty()));
        }
        sounds.join(" ")
    }
}

/// Marks that only join the parts of a word.
fn is_joint(text: &str) -> bool {
    text.chars().all(is_joint_char)
}

fn is_joint_char(c: char) -> bool {
    is_apostrophe(c) || matches!(c, ',' | '-' | '.' | '_' | '/')
}

fn says_to(piece: &Piece) -> bool {
    match piece.text.as_str() {
        "to" | "To" => true,
        "TO" => matches!(piece.tag, Tag::To | Tag::Preposition),
        _ => false,
    }
}

/// Several pieces as one; the tag is that of the piece with most letters, capitals counting twice.
fn merge(pieces: &[Piece]) -> Piece {
    let weight = |piece: &Piece| {
        piece.text.chars().map(|c| 1 + usize::from(c.to_lowercase().ne([c]))).sum::<usize>()
    };
    let heaviest = pieces.iter().rev().max_by_key(|piece| weight(piece));
    Piece {
        text: pieces.iter().map(|piece| piece.text.as_str()).collect(),
        tag: heaviest.map_or(Tag::Noun, |piece| piece.tag),
        head: pieces.first().is_some_and(|piece| piece.head),
        currency: pieces.iter().find_map(|piece| piece.currency),
        phonemes: None,
        alias: None,
    }
}

/// Joins the sounds of a group. Parts of different kinds (letters and figures, halves of a slash)
/// are words of their own; parts of one compound share the stress.
fn join(pieces: &[Piece], mut sounds: Vec<String>) -> String {
    let text = || pieces.iter().flat_map(|piece| piece.text.chars());
    let kind = |c: char| match c {
        _ if c.is_alphabetic() => 0,
        _ if c.is_ascii_digit() => 1,
        _ => 2,
    };
    let mut kinds: Vec<u8> = text().filter(|&c| !is_joint_char(c)).map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() > 1 || text().any(|c| c == '/') {
        sounds.retain(|sound| !sound.is_empty());
        return sounds.join(" ");
    }
    share_stress(pieces, &mut sounds);
    sounds.concat()
}

/// A compound has one main stress: of its sounding parts, the lighter half steps back when more
/// than half are stressed, and after a single letter the word does ("T-shirt").
fn share_stress(pieces: &[Piece], sounds: &mut [String]) {
    let mut parts: Vec<(bool, usize, usize)> = sounds
        .iter()
        .enumerate()
        .filter(|(_, sound)| !sound.is_empty())
        .map(|(i, sound)| (sound.contains(PRIMARY), stress::weight(sound), i))
        .collect();
    let mut step_back = |i: usize| sounds[i] = Stress::Less.apply(&sounds[i]);
    if let [(_, _, first), (_, _, second)] = parts[..]
        && pieces[first].text.chars().count() == 1
    {
        step_back(second);
        return;
    }
    let stressed = parts.iter().filter(|(primary, _, _)| *primary).count();
    if parts.len() < 2 || stressed <= parts.len().div_ceil(2) {
        return;
    }
    parts.sort_unstable();
    parts[..parts.len() / 2].iter().for_each(|&(_, _, i)| step_back(i));
}

enum Run {
    Word,
    Figures,
    Marks,
}

/// Words (with inner apostrophes), figures (with inner points and commas) and marks, in order.
fn runs(text: &str) -> impl Iterator<Item = (Run, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            let (run, len) = if is_letter(first) {
                (Run::Word, joined(rest, is_letter, |c| matches!(c, '\'' | '’')))
            } else if first.is_ascii_digit() {
                let figure = |c: char| c.is_ascii_digit();
                (Run::Figures, joined(rest, figure, |c| matches!(c, '.' | ',')))
            } else if first == '_' || first.is_whitespace() {
                rest = &rest[first.len_utf8()..];
                continue;
            } else {
                let ends = |c: char| c.is_alphanumeric() || c == '_' || c.is_whitespace();
                (Run::Marks, rest.find(ends).unwrap_or(rest.len()))
            };
            let (text, after) = rest.split_at(len);
            rest = after;
            return Some((run, text));
        }
    })
}

/// Bytes of `inner` characters at the front, with single `joint`s between them.
fn joined(text: &str, inner: impl Fn(char) -> bool, joint: impl Fn(char) -> bool) -> usize {
    let mut end = 0;
    let mut before_joint = false;
    for (at, c) in text.char_indices() {
        if inner(c) {
            end = at + c.len_utf8();
            before_joint = false;
        } else if joint(c) && !before_joint {
            before_joint = true;
        } else {
            break;
        }
    }
    end
}

/// How a symbol inside an unknown word is said.
fn symbol_name(symbol: char) -> Option<&'static str> {
    Some(match symbol {
        '/' => "slˈæʃ",
        '=' => "ˈikwᵊlz",
        '+' => "plˈʌs",
        '&' => "ænd",
        '@' => "æt",
        '%' => "pəɹsˈɛnt",
        '#' => "hˈæʃ",
        '*' => "ˈæstəɹˌɪsk",
        '~' => "tˈɪldə",
        '^' => "kˈɛɹət",
        '<' => "lˈɛs ðən",
        '>' => "ɡɹˈATəɹ ðən",
        '—' => "—",
        _ => return None,
    })
}

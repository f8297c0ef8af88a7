use std::ops::Range;

use super::AsrError;
use crate::models::ModelStore;

/// Stands for a space in the pieces of a SentencePiece vocabulary.
const SPACE: &str = "\u{2581}";

/// The vocabulary: token id → the bytes it stands for.
///
/// Ids 3 to 258 are single raw bytes, so any text can be spelled; `<…>` are control tokens.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    pieces: Vec<Box<[u8]>>,
    /// Tokens of text, in the order of their bytes.
    sorted: Vec<u32>,
}

/// The token of byte 0; those of all other bytes follow.
const FIRST_BYTE: u32 = 3;
/// The first token that stands for text and not for a control or a single byte.
const FIRST_TEXT: u32 = FIRST_BYTE + 256;

impl Tokenizer {
    const FILE: &'static str = "asr/tokenizer.bin";

    pub fn load(models: &ModelStore) -> Result<Self, AsrError> {
        Self::parse(&models.bytes(Self::FILE)?)
    }

    /// Reads pieces, each behind its length: one byte below 128, else two, low seven bits first.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, AsrError> {
        let mut pieces = Vec::new();
        while let Some((piece, rest)) = split_piece(bytes) {
            pieces.push(piece.into());
            bytes = rest;
        }
        if bytes.is_empty() {
            let mut sorted: Vec<u32> = (FIRST_TEXT..pieces.len() as u32).collect();
            // Of equal pieces the first is the one that text is written with.
            sorted.sort_by_key(|token| (&pieces[*token as usize], *token));
            return Ok(Self { pieces, sorted });
        }
        let why = format!("cut off behind token {}", pieces.len());
        Err(AsrError::Damaged { file: Self::FILE, why })
    }

    /// Tokens in the vocabulary.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The bytes of one token; `None` outside the vocabulary.
    pub fn piece(&self, token: u32) -> Option<&[u8]> {
        self.pieces.get(token as usize).map(AsRef::as_ref)
    }

    /// The token of exactly these bytes of text.
    pub fn token(&self, bytes: &[u8]) -> Option<u32> {
        let piece = |token: &u32| &*self.pieces[*token as usize];
        let at = self.sorted.partition_point(|token| piece(token) < bytes);
        self.sorted.get(at).copied().filter(|token| piece(token) == bytes)
    }

    /// The token stands for text: no control and no single byte.
    pub fn is_text(&self, token: u32) -> bool {
        token >= FIRST_TEXT && (token as usize) < self.pieces.len()
    }

    /// The token starts a new word.
    pub fn starts_word(&self, token: u32) -> bool {
        self.piece(token).is_some_and(|piece| piece.starts_with(SPACE.as_bytes()))
    }

    /// The tokens that the network writes `text` with: byte-pair merges, the lowest token first,
    /// which is the order they were learned in. Characters outside the vocabulary are spelled in
    /// bytes. Spaces begin the word behind them; the caller puts one before the first word.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let text = text.replace(' ', SPACE);
        let bytes = text.as_bytes();
        let mut parts: Vec<Range<usize>> =
            text.char_indices().map(|(at, c)| at..at + c.len_utf8()).collect();
        loop {
            let merged = parts.windows(2).enumerate().filter_map(|(at, pair)| {
                Some((self.token(&bytes[pair[0].start..pair[1].end])?, at))
            });
            let Some((_, at)) = merged.min() else { break };
            parts[at].end = parts[at + 1].end;
            parts.remove(at + 1);
        }
        let mut tokens = Vec::with_capacity(parts.len());
        for part in parts {
            match self.token(&bytes[part.clone()]) {
                Some(token) => tokens.push(token),
                None => tokens.extend(bytes[part].iter().map(|b| FIRST_BYTE + u32::from(*b))),
            }
        }
        tokens
    }

    /// The text of a token sequence, without control tokens and outer spaces. Bytes that are no
    /// UTF-8 become replacement characters.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut bytes = Vec::new();
        for token in tokens {
            match self.piece(*token) {
                Some([b'<', _, .., b'>']) | None => {}
                Some(piece) => bytes.extend_from_slice(piece),
            }
        }
        String::from_utf8_lossy(&bytes).replace(SPACE, " ").trim().to_owned()
    }
}

fn split_piece(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match bytes {
        [low @ ..128, rest @ ..] => (usize::from(*low), rest),
        [low, high, rest @ ..] => (usize::from(*low) - 128 + usize::from(*high) * 128, rest),
        _ => return None,
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(pieces: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in pieces {
            match piece.len() {
                short @ ..128 => bytes.push(short as u8),
                long => bytes.extend([(long % 128 + 128) as u8, (long / 128) as u8]),
            }
            bytes.extend_from_slice(piece);
        }
        bytes
    }

    #[test]
    fn text_is_put_together() {
        let long = [b'x'; 300];
        let pieces: [&[u8]; 9] = [
            b"<unk>",
            b"<s>",
            b"</s>",
            "\u{2581}a".as_bytes(),
            "\u{2581}latte".as_bytes(),
            b"s",
            &[0xc3],
            &[0xa9],
            &long,
        ];
        let tokenizer = Tokenizer::parse(&vocabulary(&pieces)).unwrap();
        assert_eq!(tokenizer.len(), 9);
        for (tokens, text) in [
            (&[][..], ""),
            (&[1, 3, 4, 2], "a latte"),
            (&[3, 4, 5], "a lattes"),
            (&[5, 6, 7], "sé"),
            (&[6], "\u{fffd}"),
            (&[99, 5], "s"),
        ] {
            assert_eq!(tokenizer.decode(tokens), text, "{tokens:?}");
        }
        assert_eq!(tokenizer.decode(&[8]).len(), 300);
    }

    #[test]
    fn text_is_written_as_the_network_learned_to() {
        let mut pieces: Vec<Vec<u8>> = (0..FIRST_TEXT).map(|n| format!("<{n}>").into()).collect();
        let text = ["a", "b", "ab", "\u{2581}", "\u{2581}a", "abb", "ab"];
        pieces.extend(text.map(|piece| piece.as_bytes().to_vec()));
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let tokenizer = Tokenizer::parse(&vocabulary(&pieces)).unwrap();
        let token = |piece: usize| FIRST_TEXT + piece as u32;
        for (text, tokens) in [
            ("ab", vec![token(2)]),
            // "ab" was learned before " a".
            (" ab", vec![token(3), token(2)]),
            (" ba", vec![token(3), token(1), token(0)]),
            ("abba", vec![token(5), token(0)]),
            ("aé", vec![token(0), FIRST_BYTE + 0xc3, FIRST_BYTE + 0xa9]),
            ("", vec![]),
        ] {
            assert_eq!(tokenizer.encode(text), tokens, "{text}");
        }
        assert!(tokenizer.starts_word(token(4)) && !tokenizer.starts_word(token(0)));
        assert!(tokenizer.is_text(token(6)) && !tokenizer.is_text(FIRST_BYTE));
    }

    #[test]
    fn a_cut_vocabulary_is_named() {
        let mut bytes = vocabulary(&[b"<unk>", b"abc"]);
        bytes.pop();
        let error = Tokenizer::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains("asr/tokenizer.bin: cut off behind token 1"), "{error}");
    }
}

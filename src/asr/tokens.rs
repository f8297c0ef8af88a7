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
}

impl Tokenizer {
    const FILE: &'static str = "asr/tokenizer.bin";

    pub fn load(models: &ModelStore) -> Result<Self, AsrError> {
        Self::parse(&models.bytes(Self::FILE)?)
    }

    /// Reads pieces, each behind its length: one byte below 128, else two, low seven bits first.
    fn parse(mut bytes: &[u8]) -> Result<Self, AsrError> {
        let mut pieces = Vec::new();
        while let Some((piece, rest)) = split_piece(bytes) {
            pieces.push(piece.into());
            bytes = rest;
        }
        if bytes.is_empty() {
            return Ok(Self { pieces });
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
    fn a_cut_vocabulary_is_named() {
        let mut bytes = vocabulary(&[b"<unk>", b"abc"]);
        bytes.pop();
        let error = Tokenizer::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains("asr/tokenizer.bin: cut off behind token 1"), "{error}");
    }
}

//! From sound to words: encoder, decoder, tokens.

//! From text to sound: normalisation, phonemes, acoustic model, vocoder.

pub mod text;

//! From text to sound: normalisation, phonemes, acoustic model, vocoder.

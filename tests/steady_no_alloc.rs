//! What runs all day does not touch the allocator: the ear on every frame, and the recogniser on
//! every token.

use std::sync::Arc;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use mynah::asr::{Branch, Decoder, Encoder, Meta};
use mynah::hear::{Ear, EndpointSettings, SileroModel};
use mynah::models::ModelStore;
use mynah::nn::Team;
use mynah::units::{FRAME_LEN, SamplePos};

/// Ends the process with an error when memory is asked for or given back where it must not be.
#[global_allocator]
static GUARD: AllocDisabler = AllocDisabler;

fn guarded<T>(work: impl FnOnce() -> T) -> T {
    let result = assert_no_alloc(work);
    // Without debug assertions the guard only counts.
    #[cfg(not(debug_assertions))]
    assert_eq!(assert_no_alloc::violation_count(), 0, "something allocated");
    result
}

fn golden_speech(models: &ModelStore) -> Vec<f32> {
    let bytes = models.bytes("golden/asr/sentence.audio.f32").unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_decoding_step_does_not_allocate() {
    let models = ModelStore::open(None).unwrap();
    let meta = Meta::load(&models).unwrap();
    let mut encoder = Encoder::load(&models, &meta, Team::default()).unwrap();
    let mut decoder = Decoder::load(&models, &meta).unwrap();
    let mut warm = 4;
    for seconds in [2, 3] {
        let cross = encoder.encode(&golden_speech(&models)[..seconds * 16_000]).unwrap();
        let mut cache = decoder.cache(&cross, 40);
        let mut branch = Branch { token: meta.bos, parent: None };
        for step in 0..40 {
            let mut advance = || {
                let logits = decoder.step(&mut cache, &[branch]).unwrap();
                let row = logits.rows().unwrap().next().unwrap();
                let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
                branch = Branch { token: best as u32, parent: Some(logits.node(0)) };
            };
            if step < warm { advance() } else { guarded(advance) }
        }
        // A longer sound than before may need more room, once.
        warm = 1;
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn the_ear_does_not_allocate() {
    let models = ModelStore::open(None).unwrap();
    let model = SileroModel::load(&models).unwrap();
    let mut ear = Ear::new(Arc::clone(&model), EndpointSettings::default()).unwrap();
    let mut sound = golden_speech(&models);
    sound.resize(sound.len() + 40_000, 0.0);
    let mut at = SamplePos::default();
    let mut heard = 0;
    for repetition in 0..3 {
        for frame in sound.chunks_exact(FRAME_LEN) {
            let frame = frame.try_into().unwrap();
            let mut push = || heard += ear.push(at, frame, None).len();
            if repetition == 0 {
                push()
            } else {
                guarded(push)
            }
            at = at + FRAME_LEN as u64;
        }
    }
    assert!(heard >= 6, "every repetition begins and ends with an event");
}

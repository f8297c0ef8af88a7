//! The converted recogniser, as optimised by tract and run by our operators, against what
//! onnxruntime says (`models/convert/asr_golden.py`).

use std::process::Command;

use mynah::asr::{Branch, Decoder, Encoder, Ended, Meta, Recognizer, Tokenizer};
use mynah::cancel::{CancelEpoch, CancelToken};
use mynah::models::ModelStore;
use mynah::nn::Team;
use mynah::nn::kernels::{KERNEL_ENV, Kernel};
use mynah::nn::tree::Node;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    cross_shape: [usize; 3],
    logits_shape: [usize; 2],
    shipped_cross_error: f32,
    shipped_logits_error: f32,
}

struct Golden {
    models: ModelStore,
    cases: Vec<Case>,
}

impl Golden {
    fn open() -> Self {
        let models = ModelStore::open(None).unwrap();
        let cases =
            serde_json::from_slice(&models.bytes("golden/asr/cases.json").unwrap()).unwrap();
        Self { models, cases }
    }

    fn floats(&self, case: &Case, part: &str) -> Vec<f32> {
        let bytes = self.models.bytes(&format!("golden/asr/{}.{part}.f32", case.name)).unwrap();
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    fn ids(&self, case: &Case) -> Vec<u32> {
        let bytes = self.models.bytes(&format!("golden/asr/{}.ids.i64", case.name)).unwrap();
        bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as u32).collect()
    }
}

/// Root-mean-square difference, relative to the root-mean-square of what is wanted.
fn relative_error(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    let power = |x: f64| x * x;
    let difference: f64 = got.iter().zip(want).map(|(g, w)| power(f64::from(g - w))).sum();
    let size: f64 = want.iter().map(|w| power(f64::from(*w))).sum();
    (difference / size).sqrt() as f32
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn the_encoder_is_closer_to_float_arithmetic_than_the_shipped_model() {
    let golden = Golden::open();
    let meta = Meta::load(&golden.models).unwrap();
    let mut encoder = Encoder::load(&golden.models, &meta, Team::default()).unwrap();
    for case in &golden.cases {
        let encoded = encoder.run(&golden.floats(case, "audio")).unwrap();
        assert_eq!(encoded.steps(), case.cross_shape[1], "{}", case.name);
        let got: Vec<f32> = encoded.parts().unwrap().concat();
        let error = relative_error(&got, &golden.floats(case, "cross"));
        println!("{}: cross error {error}, shipped {}", case.name, case.shipped_cross_error);
        assert!(error < case.shipped_cross_error, "{}: {error}", case.name);
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn the_decoder_gives_the_logits_of_the_reference() {
    let golden = Golden::open();
    let meta = Meta::load(&golden.models).unwrap();
    let mut encoder = Encoder::load(&golden.models, &meta, Team::default()).unwrap();
    let mut decoder = Decoder::load(&golden.models, &meta).unwrap();
    for case in &golden.cases {
        let cross = encoder.encode(&golden.floats(case, "audio")).unwrap();
        let mut cache = decoder.cache(&cross, case.logits_shape[0]);
        let mut got = Vec::new();
        let mut parent = None;
        for token in fed(&golden, case, &meta) {
            let logits = decoder.step(&mut cache, &[Branch { token, parent }]).unwrap();
            got.extend_from_slice(logits.rows().unwrap().next().unwrap());
            parent = Some(logits.node(0));
        }
        let error = relative_error(&got, &golden.floats(case, "logits"));
        println!("{}: logits error {error}, shipped {}", case.name, case.shipped_logits_error);
        assert!(error < 1.5 * case.shipped_logits_error, "{}: {error}", case.name);
        let more = [Branch { token: meta.bos, parent }];
        let error = decoder.step(&mut cache, &more).err().expect("a full cache is refused");
        assert!(error.to_string().contains("room for 0"), "{error}");
    }
}

/// What the reference decoder was given: the first token and as many of its own as have logits.
fn fed(golden: &Golden, case: &Case, meta: &Meta) -> Vec<u32> {
    let tokens = [meta.bos].into_iter().chain(golden.ids(case));
    tokens.take(case.logits_shape[0]).collect()
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn the_words_are_those_of_the_shipped_model() {
    let golden = Golden::open();
    let mut recognizer = Recognizer::load(&golden.models).unwrap();
    for case in &golden.cases {
        let audio = golden.floats(case, "audio");
        let heard = recognizer.recognize(&audio, &CancelToken::never()).unwrap();
        let mut ids = golden.ids(case);
        assert_eq!(ids.pop(), Some(2), "the reference ended by itself");
        println!("{}: {} ({:.2})", case.name, heard.best.text, heard.best.confidence);
        assert_eq!(heard.best.tokens, ids, "{}: {}", case.name, heard.best.text);
        assert_eq!(heard.ended, Ended::EndOfText);
        assert!(heard.best.confidence > 0.5 && heard.best.confidence <= 1.0);
        assert!(heard.best.log_prob < 0.0);
    }
}

/// Searching many hypotheses, and checking an old one, must not change what the network says.
#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn tokens_in_one_pass_get_the_logits_of_one_by_one() {
    let golden = Golden::open();
    let meta = Meta::load(&golden.models).unwrap();
    let mut encoder = Encoder::load(&golden.models, &meta, Team::default()).unwrap();
    let mut decoder = Decoder::load(&golden.models, &meta).unwrap();
    let cross = encoder.encode(&golden.floats(&golden.cases[0], "audio")).unwrap();
    // The root, its two children, and under either another token, each with what it follows.
    let tree: [(u32, Option<usize>); 6] = [
        (meta.bos, None),
        (500, Some(0)),
        (900, Some(0)),
        (700, Some(1)),
        (700, Some(2)),
        (9, None),
    ];
    let alone: Vec<Vec<f32>> = (0..tree.len())
        .map(|at| {
            let path = std::iter::successors(Some(at), |at| tree[*at].1).collect::<Vec<_>>();
            let mut cache = decoder.cache(&cross, 8);
            let mut parent = None;
            let mut last = Vec::new();
            for at in path.into_iter().rev() {
                let step =
                    decoder.step(&mut cache, &[Branch { token: tree[at].0, parent }]).unwrap();
                last = step.rows().unwrap().next().unwrap().to_vec();
                parent = Some(step.node(0));
            }
            last
        })
        .collect();
    assert_ne!(alone[3], alone[4], "a token sees its own path");
    for sizes in [&[6][..], &[1, 2, 3], &[1, 1, 1, 3]] {
        let mut cache = decoder.cache(&cross, tree.len());
        let mut together = Vec::new();
        for size in sizes {
            let first = cache.len();
            let branch = |(token, parent): &(u32, Option<usize>)| Branch {
                token: *token,
                parent: parent.map(Node::at),
            };
            let branches: Vec<Branch> = tree[first..first + size].iter().map(branch).collect();
            let step = decoder.step(&mut cache, &branches).unwrap();
            assert_eq!(step.node(0), Node::at(first));
            together.extend(step.rows().unwrap().map(<[f32]>::to_vec));
        }
        assert_eq!(together, alone, "{sizes:?}");
        assert_eq!((cache.len(), cache.room()), (6, 0));
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn two_threads_give_the_bits_of_one() {
    let golden = Golden::open();
    let meta = Meta::load(&golden.models).unwrap();
    let audio = golden.floats(&golden.cases[1], "audio");
    let run = |threads| {
        let team = Team::of(threads).unwrap();
        let mut encoder = Encoder::load(&golden.models, &meta, team).unwrap();
        encoder.run(&audio).unwrap().parts().unwrap().concat()
    };
    assert!(run(2) == run(1));
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn sound_beyond_six_minutes_is_refused() {
    let golden = Golden::open();
    let meta = Meta::load(&golden.models).unwrap();
    let mut encoder = Encoder::load(&golden.models, &meta, Team::default()).unwrap();
    let error = encoder.run(&vec![0.0; 400 * 16_000]).err().unwrap().to_string();
    assert!(error.contains("16384") && error.contains("cut it"), "{error}");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_step_that_fails_leaves_the_cache_as_it_was() {
    let golden = Golden::open();
    let meta = Meta::load(&golden.models).unwrap();
    let mut encoder = Encoder::load(&golden.models, &meta, Team::default()).unwrap();
    let mut decoder = Decoder::load(&golden.models, &meta).unwrap();
    let cross = encoder.encode(&[0.1; 16_000]).unwrap();
    let mut cache = decoder.cache(&cross, 2);
    let branch = |token| Branch { token, parent: None };
    for (branches, why) in [
        (vec![branch(meta.vocabulary as u32)], "token 32768 of a vocabulary of 32768"),
        (vec![branch(5); 3], "3 tokens for a cache with room for 2"),
        (vec![], "0 tokens"),
    ] {
        let error = decoder.step(&mut cache, &branches).err().unwrap().to_string();
        assert!(error.contains(why), "{error}");
        assert!(cache.is_empty());
    }
    assert!(decoder.step(&mut cache, &[branch(5), branch(6)]).is_ok());
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn no_sound_is_no_words_and_silence_stays_within_the_limits() {
    let mut recognizer = Recognizer::load(&ModelStore::open(None).unwrap()).unwrap();
    let never = CancelToken::never();
    let nothing = recognizer.recognize(&[], &never).unwrap();
    assert_eq!((nothing.best.text.as_str(), nothing.ended), ("", Ended::Nothing));
    for audio in [vec![0.0; 1], vec![0.0; 8_000], vec![f32::NAN; 16_000], vec![1.0; 20_000]] {
        let heard = recognizer.recognize(&audio, &never).unwrap();
        assert!(heard.best.tokens.len() <= 9, "{:?}", heard.best);
        assert!(heard.best.confidence.is_finite());
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn silence_behind_the_words_does_not_change_them() {
    let golden = Golden::open();
    let mut recognizer = Recognizer::load(&golden.models).unwrap();
    let never = CancelToken::never();
    let audio = golden.floats(&golden.cases[1], "audio");
    let mut words = |audio: &[f32]| {
        let text = recognizer.recognize(audio, &never).unwrap().best.text.to_lowercase();
        text.replace([',', '.'], "")
    };
    let heard = words(&audio);
    for more in [100, 2_000, 4_000, 8_000] {
        let mut longer = audio.clone();
        longer.resize(audio.len() + more, 0.0);
        assert_eq!(words(&longer), heard, "{more} samples of silence");
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_cancelled_recognition_says_so() {
    let mut recognizer = Recognizer::load(&ModelStore::open(None).unwrap()).unwrap();
    let epoch = CancelEpoch::default();
    let token = epoch.token();
    epoch.cancel();
    let error = recognizer.recognize(&[0.0; 16_000], &token).unwrap_err();
    assert!(matches!(error, mynah::asr::AsrError::Cancelled), "{error}");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn the_vocabulary_is_the_shipped_one() {
    let tokenizer = Tokenizer::load(&ModelStore::open(None).unwrap()).unwrap();
    assert_eq!(tokenizer.len(), 32_768);
    let pieces: [(u32, &[u8]); 4] = [(0, b"<unk>"), (1, b"<s>"), (2, b"</s>"), (68, b"A")];
    for (token, piece) in pieces {
        assert_eq!(tokenizer.piece(token), Some(piece));
    }
    // 259 on are merges; these ten bytes are spelled out.
    let spelled: Vec<u32> = "caf\u{e9} \u{20ac}5".bytes().map(|byte| u32::from(byte) + 3).collect();
    assert_eq!(tokenizer.decode(&spelled), "caf\u{e9} \u{20ac}5");
}

/// Which kernel runs is decided once per process, so the others get processes of their own.
#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn every_kernel_of_this_processor_keeps_to_the_references() {
    let current = Kernel::current().unwrap();
    for kernel in Kernel::available().into_iter().filter(|kernel| *kernel != current) {
        let output = Command::new(std::env::current_exe().unwrap())
            .env(KERNEL_ENV, kernel.name())
            .args(["--exact", "--test-threads=1"])
            .args(["the_encoder_is_closer_to_float_arithmetic_than_the_shipped_model"])
            .args(["the_decoder_gives_the_logits_of_the_reference"])
            .args(["the_words_are_those_of_the_shipped_model"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}:\n{said}", kernel.name());
        assert!(said.contains("3 passed"), "{}:\n{said}", kernel.name());
    }
}

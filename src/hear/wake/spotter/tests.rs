use super::*;
use crate::draw::Draw;
use crate::models::ModelStore;

#[derive(Deserialize)]
struct Cases {
    sounds: Vec<String>,
    phrases: Vec<Case>,
    missing: Option<String>,
}

#[derive(Deserialize)]
struct Case {
    phrase: String,
    name: String,
}

fn cases(store: &ModelStore) -> Cases {
    let bytes = store.bytes("golden/wake/cases.json").unwrap();
    let cases: Cases = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(cases.missing, None);
    cases
}

fn numbers<T>(store: &ModelStore, name: &str, number: fn([u8; 2]) -> T) -> Vec<T> {
    let bytes = store.bytes(&format!("golden/wake/{name}")).unwrap();
    bytes.as_chunks::<2>().0.iter().map(|pair| number(*pair)).collect()
}

#[test]
#[cfg_attr(
    not(all(have_models, target_arch = "x86_64")),
    ignore = "needs models: run `make models`; the reference is a program for x86-64"
)]
fn features_are_those_the_networks_were_trained_on() {
    let store = ModelStore::open(None).unwrap();
    let sounds = cases(&store).sounds;
    assert!(sounds.len() >= 3);
    for name in sounds {
        let sound = numbers(&store, &format!("{name}.audio.i16"), i16::from_le_bytes);
        let expected = numbers(&store, &format!("{name}.features.u16"), u16::from_le_bytes);
        let mut ours: Vec<u16> = Vec::new();
        let mut front_end = FrontEnd::default();
        // In pieces of any length.
        let mut draw = Draw::new(3);
        let mut rest = &sound[..];
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(1 + draw.below(700)));
            front_end.push(piece, |features| ours.extend(features));
            rest = later;
        }
        let first = ours.iter().zip(&expected).position(|(a, b)| a != b);
        assert_eq!(first, None, "{name} differs in frame {:?}", first.map(|at| at / BANDS));
        // The last samples may not be a whole call of the reference.
        assert!(ours.len() - expected.len() <= BANDS, "{name}: {} {}", ours.len(), expected.len());
    }
}

#[test]
#[cfg_attr(
    not(all(have_models, target_arch = "x86_64")),
    ignore = "needs models: run `make models`; the reference is a program for x86-64"
)]
fn networks_give_what_tensorflow_lite_gives() {
    let store = ModelStore::open(None).unwrap();
    let phrases = cases(&store).phrases;
    assert!(phrases.len() >= 4);
    let models = WakeModel::load_all(&store).unwrap();
    for Case { phrase, name } in phrases {
        let model = models.iter().find(|model| model.phrase == phrase).expect("a known phrase");
        let input = numbers(&store, &format!("{name}.input.u16"), u16::from_le_bytes);
        let input: Vec<i8> = input.iter().map(|feature| model.quantised(*feature)).collect();
        let expected = store.bytes(&format!("golden/wake/{name}.unit.i8")).unwrap();
        let mut stream = Streaming::new(Arc::clone(&model.network));
        let ours: Vec<i8> =
            input.chunks_exact(model.new_steps * BANDS).map(|steps| stream.push(steps)).collect();
        assert_eq!(ours.len(), expected.len());
        let differences =
            ours.iter().zip(&expected).map(|(ours, other)| ours.abs_diff(*other as i8));
        let most = differences.clone().max();
        let differ = differences.filter(|difference| *difference > 0).count();
        // Where the last channels of a layer fill no vector of TensorFlow Lite's it rounds halves
        // otherwise, so a network of 30 channels is a step of 1/256 off now and then.
        assert!(most <= Some(1), "{phrase}: {most:?}");
        assert!(differ <= ours.len() / 20, "{phrase}: {differ} of {}", ours.len());
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn neither_silence_nor_noise_nor_a_reader_says_a_phrase() {
    let store = ModelStore::open(None).unwrap();
    let models = WakeModel::load_all(&store).unwrap();
    let bytes = store.bytes("golden/vad/speech.audio.f32").unwrap();
    let speech: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let mut draw = Draw::new(5);
    let noise: Vec<f32> = (0..10 * 16_000).map(|_| draw.between(-0.2, 0.2)).collect();
    for (name, sound) in [("speech", speech), ("noise", noise), ("silence", vec![0.0; 160_000])] {
        let mut spotter = Spotter::new(models.clone());
        for (i, frame) in sound.as_chunks::<FRAME_LEN>().0.iter().enumerate() {
            let spotted = spotter.push(SamplePos((i * FRAME_LEN) as u64), frame);
            assert_eq!(spotted, None, "{name}");
        }
    }
}

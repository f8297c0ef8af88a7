//! A network's weights exist once, however many plans there are and however long the sound is.

use mynah::asr::{Encoder, Meta};
use mynah::models::ModelStore;
use mynah::nn::{Network, Team};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// What a further plan, or a further length, may keep.
const MOST_BYTES: isize = 1_000_000;

/// Bytes that `work` leaves allocated with what it returns.
fn kept<T>(work: impl FnOnce() -> T) -> (T, isize) {
    let region = Region::new(COUNTED);
    let result = work();
    let change = region.change();
    (result, change.bytes_allocated as isize - change.bytes_deallocated as isize)
}

// One test, since every thread's memory is counted.
#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn another_plan_and_another_length_keep_less_than_a_megabyte() {
    let models = ModelStore::open(None).unwrap();
    let meta = Meta::load(&models).unwrap();

    for (file, size) in [("asr/encoder.onnx", ("T", 125)), ("asr/decoder.onnx", ("S", 6))] {
        let (network, whole) = kept(|| Network::read(file, models.bytes(file).unwrap()).unwrap());
        assert!(whole > 5 * MOST_BYTES, "{file} holds its weights: {whole}");
        let (_plans, more) = kept(|| [network.plan(&[]).unwrap(), network.plan(&[size]).unwrap()]);
        assert!(more < MOST_BYTES, "{file}: two plans keep {more} bytes");
    }

    let mut encoder = Encoder::load(&models, &meta, Team::default()).unwrap();
    encoder.encode(&vec![0.1; 16_000]).unwrap();
    let ((), more) = kept(|| {
        for seconds in [2, 5, 10, 3] {
            encoder.encode(&vec![0.1; seconds * 16_000]).unwrap();
        }
    });
    assert!(more < MOST_BYTES, "four lengths keep {more} bytes");
}

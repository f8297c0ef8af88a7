//! CPU time and memory of the recogniser, one thread: `cargo bench --bench asr`.
//!
//! `MYNAH_KERNEL` chooses the kernel. Medians over repetitions, in milliseconds of CPU time.

use std::hint::black_box;

use mynah::asr::{Branch, Decoder, Encoder, Meta, Recognizer};
use mynah::cancel::CancelToken;
use mynah::models::ModelStore;
use mynah::nn::kernels::Kernel;

const REPETITIONS: usize = 15;

fn cpu_ms() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that the call fills.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 * 1e-6
}

/// Resident and peak memory in MB, as Linux counts them.
fn memory_mb() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
    };
    match (field("VmRSS:"), field("VmHWM:")) {
        (Some(now), Some(peak)) => format!("{now:.0} MB, peak {peak:.0} MB"),
        _ => "unknown".into(),
    }
}

fn median(mut run: impl FnMut()) -> f64 {
    run();
    let mut times: Vec<f64> = (0..REPETITIONS)
        .map(|_| {
            let start = cpu_ms();
            run();
            cpu_ms() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let models = ModelStore::open(None).expect("converted models: run `make models`");
    println!("kernel      {}", Kernel::current().expect("a kernel this CPU runs").name());
    let start = cpu_ms();
    let mut recognizer = Recognizer::load(&models).expect("the recogniser loads");
    println!("load        {:.0} ms CPU, resident {}", cpu_ms() - start, memory_mb());
    let clip: Vec<f32> = models
        .bytes("golden/asr/long.audio.f32")
        .expect("golden audio")
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let clip: Vec<f32> = clip.iter().copied().cycle().take(160_000).collect();
    let meta = Meta::load(&models).expect("meta.json");
    let mut encoder = Encoder::load(&models, &meta).expect("the encoder loads");
    let mut decoder = Decoder::load(&models, &meta).expect("the decoder loads");
    for seconds in [1, 3, 5, 10] {
        let audio = &clip[..seconds * 16_000];
        let encode = median(|| drop(black_box(encoder.encode(audio).expect("encodes"))));
        let cross = encoder.encode(audio).expect("encodes");
        const STEPS: usize = 20;
        let step = median(|| {
            let mut cache = decoder.cache(&cross, STEPS);
            let mut parent = None;
            for token in 0..STEPS as u32 {
                let branch = Branch { token: 500 + token, parent };
                let step = decoder.step(&mut cache, &[branch]).expect("steps");
                parent = Some(black_box(step).node(0));
            }
        }) / STEPS as f64;
        const ROWS: usize = 6;
        let batch = median(|| {
            let mut cache = decoder.cache(&cross, STEPS * ROWS);
            let mut parents = [None; ROWS];
            for token in 0..STEPS as u32 {
                let branches = parents.map(|parent| Branch { token: 500 + token, parent });
                let step = decoder.step(&mut cache, &branches).expect("steps");
                parents = std::array::from_fn(|row| Some(step.node(row)));
            }
        }) / STEPS as f64;
        let whole = median(|| {
            let heard = recognizer.recognize(audio, &CancelToken::never());
            drop(black_box(heard.expect("recognises")));
        });
        println!(
            "{seconds:2} s        encode {encode:6.2}  step {step:5.2}  of {ROWS} {batch:5.2}  \
             whole {whole:6.1}"
        );
    }
    drop((encoder, decoder));
    println!("after       {}", memory_mb());
}

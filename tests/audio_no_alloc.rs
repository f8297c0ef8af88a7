//! The audio callbacks never touch the allocator, whatever the device asks for and however late
//! the other side is.

use std::process::Command;
use std::time::Duration;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use mynah::audio::{capture, playback};

/// Ends the process with an error when memory is asked for or given back where it must not be.
#[global_allocator]
static GUARD: AllocDisabler = AllocDisabler;

/// Runs a callback where allocating is forbidden.
fn guarded<T>(callback: impl FnOnce() -> T) -> T {
    let result = assert_no_alloc(callback);
    // Without debug assertions the guard only counts.
    #[cfg(not(debug_assertions))]
    assert_eq!(assert_no_alloc::violation_count(), 0, "a callback allocated");
    result
}

/// Device frames per callback: one, odd ones, the usual ones, and half a second.
const CALLBACKS: [usize; 8] = [1, 7, 64, 320, 441, 960, 4_096, 16_384];

fn capture_in<T: cpal::SizedSample>(value: T)
where
    f32: cpal::FromSample<T>,
{
    for channels in [1u16, 2, 6] {
        for frames in CALLBACKS {
            let callback = vec![value; frames * usize::from(channels)];
            let (mut input, mut output) = capture::channel(32_000, channels);
            // From an empty ring beyond a full one, with nobody reading.
            let until_full = 2 * 32_000 * capture::RING_MS as usize / 1000 / frames + 2;
            for _ in 0..until_full.min(3_000) {
                guarded(|| input.take(&callback));
            }
            // Read between callbacks, so that gaps are reported again and again.
            for _ in 0..200 {
                output.next_frame();
                guarded(|| input.take(&callback));
            }
            // With a listener to wake up.
            output.wait_frame(Duration::ZERO);
            guarded(|| input.take(&callback));
            guarded(|| input.take::<T>(&[]));
        }
    }
}

#[test]
fn the_capture_callback_never_allocates() {
    capture_in(0.5f32);
    capture_in(0.5f64);
    capture_in(100i8);
    capture_in(100u8);
    capture_in(100i16);
    capture_in(100u16);
    capture_in(cpal::I24::new(100).unwrap());
    capture_in(cpal::U24::new(100).unwrap());
    capture_in(100i32);
    capture_in(100u32);
    capture_in(100i64);
    capture_in(100u64);
}

fn play_as<T: cpal::SizedSample + cpal::FromSample<f32>>() {
    let speech = vec![0.5f32; 24_000];
    for channels in [1u16, 2, 6] {
        for frames in CALLBACKS {
            let mut out = vec![T::EQUILIBRIUM; frames * usize::from(channels)];
            let latency = Duration::from_millis(20);
            let (mut feeder, mut output) = playback::channel(48_000, channels);
            // Nobody reads it: it fills up and drops.
            let _reference = output.tap();
            let mut callback = |times: usize| {
                for _ in 0..times {
                    guarded(|| output.give(&mut out, latency));
                }
            };
            callback(3);
            feeder.begin();
            while feeder.push(&speech).unwrap() == speech.len() {}
            callback(100);
            feeder.control().set_gain(0.3);
            callback(10);
            feeder.control().flush();
            callback(10);
            feeder.begin();
            feeder.push(&speech).unwrap();
            feeder.control().flush();
            feeder.begin();
            feeder.push(&speech).unwrap();
            feeder.end().unwrap();
            // Beyond the end.
            callback((110_000 / frames).min(2_000));
            guarded(|| output.give::<T>(&mut [], latency));
        }
    }
}

#[test]
fn the_playback_callback_never_allocates() {
    play_as::<f32>();
    play_as::<f64>();
    play_as::<i8>();
    play_as::<u8>();
    play_as::<i16>();
    play_as::<u16>();
    play_as::<cpal::I24>();
    play_as::<cpal::U24>();
    play_as::<i32>();
    play_as::<u32>();
    play_as::<i64>();
    play_as::<u64>();
}

/// The other two tests mean nothing if nobody watches.
#[test]
fn an_allocation_would_be_noticed() {
    const CHILD: &str = "MYNAH_TEST_ALLOCATE";
    if std::env::var_os(CHILD).is_some() {
        guarded(|| drop(std::hint::black_box(vec![0u8; 64])));
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["an_allocation_would_be_noticed", "--exact"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(!child.status.success(), "the guard is not on");
}

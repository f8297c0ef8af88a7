//! Where frames come from.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::link::Shared;
use super::speaker::lock;
use crate::audio::echo_path::{Echo, EchoPath};
use crate::audio::frames::TimedFrame;
use crate::audio::track::Track;
use crate::tts::VOICE_RATE_HZ;
use crate::units::{FRAME_LEN, FRAME_MS, SamplePos};

/// The next piece of sound.
#[expect(clippy::large_enum_variant, reason = "a box would allocate once per frame")]
pub enum Next {
    Frame(TimedFrame),
    /// Nothing yet; ask again (the source has waited a little).
    Waiting,
    End,
}

/// A stream of frames that follow one another without holes.
pub trait Source: Send {
    fn next_frame(&mut self) -> Next;
}

impl Source for Box<dyn Source> {
    fn next_frame(&mut self) -> Next {
        (**self).next_frame()
    }
}

/// A recording, as fast as it is asked for.
pub struct ClipSource {
    samples: Vec<f32>,
    at: usize,
}

impl ClipSource {
    /// `samples` are mono at 16 kHz. The last frame is filled with silence.
    pub fn new(samples: Vec<f32>) -> Self {
        Self { samples, at: 0 }
    }
}

impl Source for ClipSource {
    fn next_frame(&mut self) -> Next {
        if self.at >= self.samples.len() {
            return Next::End;
        }
        let mut frame = TimedFrame { at: SamplePos(self.at as u64), samples: [0.0; FRAME_LEN] };
        let rest = &self.samples[self.at..];
        let len = rest.len().min(FRAME_LEN);
        frame.samples[..len].copy_from_slice(&rest[..len]);
        self.at += FRAME_LEN;
        Next::Frame(frame)
    }
}

/// Another source in a room where our own voice is heard, too. What the speaker there plays can be
/// had as the reference of an echo canceller.
pub struct Echoing<S> {
    inner: S,
    echo: Echo,
    speaker: Arc<Mutex<Track>>,
}

impl<S> Echoing<S> {
    /// `speaker` is what the agent says, as it says it, at [`VOICE_RATE_HZ`]; the listener finds
    /// the reference in `shared`.
    pub fn new(inner: S, path: EchoPath, speaker: Arc<Mutex<Track>>, shared: &Shared) -> Self {
        let mut echo = Echo::new(path, VOICE_RATE_HZ);
        shared.set_reference(echo.tap());
        Self { inner, echo, speaker }
    }
}

impl<S: Source> Source for Echoing<S> {
    fn next_frame(&mut self) -> Next {
        let next = self.inner.next_frame();
        let Next::Frame(mut frame) = next else { return next };
        self.echo.add_to(frame.at, &mut frame.samples, &mut lock(&self.speaker));
        Next::Frame(frame)
    }
}

/// Another source at the pace of the clock: a frame is handed out when its last sample would have
/// been captured.
pub struct Paced<S> {
    inner: S,
    due: Option<Instant>,
}

impl<S> Paced<S> {
    pub fn new(inner: S) -> Self {
        Self { inner, due: None }
    }
}

impl<S: Source> Source for Paced<S> {
    fn next_frame(&mut self) -> Next {
        let due = self.due.unwrap_or_else(Instant::now) + Duration::from_millis(FRAME_MS.into());
        self.due = Some(due);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        self.inner.next_frame()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_ends_in_silence_up_to_a_whole_frame() {
        let mut clip = ClipSource::new(vec![1.0; FRAME_LEN + 1]);
        let mut frames = Vec::new();
        while let Next::Frame(frame) = clip.next_frame() {
            frames.push(frame);
        }
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1].at, SamplePos(FRAME_LEN as u64));
        assert_eq!(frames[1].samples[..2], [1.0, 0.0]);
    }

    #[test]
    fn an_empty_clip_has_no_frames() {
        assert!(matches!(ClipSource::new(Vec::new()).next_frame(), Next::End));
    }
}

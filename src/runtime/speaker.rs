//! The speaker as the listener sees it: to be made softer and to be silenced, without asking the
//! thinker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::audio::playback::PlaybackControl;
use crate::audio::track::Track;
use crate::tts::VOICE_RATE_HZ;
use crate::units::{SAMPLE_RATE_HZ, SamplePos};

/// Fade at the edge of a stopped reply, in samples of the voice (10 ms): short enough to feel
/// immediate, long enough not to click.
pub(super) const STOP_FADE: usize = (VOICE_RATE_HZ / 100) as usize;

/// What our voice comes out of.
#[derive(Clone, Debug)]
pub enum Speaker {
    Device(Arc<PlaybackControl>),
    /// Everything said, at [`VOICE_RATE_HZ`] from position zero of the stream.
    Track(Arc<Mutex<Track>>),
}

impl Speaker {
    /// Moves to `gain`, 0..1; `now` is the end of what was heard.
    pub fn set_gain(&self, now: SamplePos, gain: f32) {
        match self {
            Self::Device(control) => control.set_gain(gain),
            Self::Track(track) => lock(track).set_gain(to_voice(now), gain),
        }
    }

    /// Silences what is being said; what is said next sounds at full gain.
    pub fn stop(&self, now: SamplePos) {
        if let Self::Device(control) = self {
            control.flush();
        } else if let Self::Track(track) = self {
            lock(track).cut(to_voice(now), STOP_FADE);
        }
        self.set_gain(now, 1.0);
    }
}

pub(super) fn lock(track: &Mutex<Track>) -> MutexGuard<'_, Track> {
    track.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Index of a stream position in a track of the voice's rate.
pub(super) fn to_voice(at: SamplePos) -> usize {
    (at.0 * u64::from(VOICE_RATE_HZ) / u64::from(SAMPLE_RATE_HZ)) as usize
}

//! One of ALSA's mixers, opened: its simple controls, those with a volume or a switch.

use std::ffi::CString;

use alsa::mixer::{MilliBel, Mixer, Selem, SelemChannelId, SelemId};

use super::Control;
use crate::audio::devices::Direction;

/// What ALSA may write beside what was asked for, as a share of a control's range: a sound server
/// counts in steps of its own.
const TOLERANCE: f64 = 0.01;

/// Why a mixer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MixerError {
    #[error("`{0}` is no name of a mixer")]
    Name(String),
    #[error("the mixer `{name}` cannot be opened: {}", reason(.source))]
    Open { name: String, source: alsa::Error },
    #[error("{}", reason(.0))]
    Set(alsa::Error),
    #[error("it is gone")]
    Gone,
}

/// ALSA's message without the name of the function that failed.
fn reason(error: &alsa::Error) -> String {
    std::io::Error::from_raw_os_error(error.errno().abs()).to_string()
}

pub struct OpenMixer {
    name: String,
    mixer: Mixer,
}

impl OpenMixer {
    pub fn open(name: &str) -> Result<Self, MixerError> {
        // `Mixer::new` panics on a name with a zero byte.
        let c_name = CString::new(name).map_err(|_| MixerError::Name(name.to_owned()))?;
        let open = || {
            let mut mixer = Mixer::open(false)?;
            mixer.attach(&c_name)?;
            Selem::register(&mut mixer)?;
            mixer.load()?;
            Ok(mixer)
        };
        let mixer = open().map_err(|source| MixerError::Open { name: name.to_owned(), source })?;
        Ok(Self { name: name.to_owned(), mixer })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Those that act on this direction, in the card's order.
    pub fn controls(&self, direction: Direction) -> Vec<Control> {
        let simple = self.mixer.iter().filter_map(Selem::new);
        simple.filter_map(|selem| control(&selem, direction)).collect()
    }

    /// Sets every channel of a control and switches it on; returns what was written, in the control's
    /// own counting.
    pub fn set(
        &self,
        direction: Direction,
        name: &str,
        index: u32,
        percent: u8,
    ) -> Result<i64, MixerError> {
        let selem = self.find(name, index).ok_or(MixerError::Gone)?;
        let (least, most) = range(&selem, direction);
        let span = (most - least) as f64;
        let volume = least + (span * f64::from(percent) / 100.0).round() as i64;
        match direction {
            Direction::Record => {
                selem.set_capture_volume_all(volume).map_err(MixerError::Set)?;
                if selem.has_capture_switch() {
                    selem.set_capture_switch_all(1).map_err(MixerError::Set)?;
                }
            }
            Direction::Play => {
                selem.set_playback_volume_all(volume).map_err(MixerError::Set)?;
                if selem.has_playback_switch() {
                    selem.set_playback_switch_all(1).map_err(MixerError::Set)?;
                }
            }
        }
        Ok(volume)
    }

    /// Whether every channel of a control is at `volume`, in its own counting.
    pub fn stands_at(&self, direction: Direction, name: &str, index: u32, volume: i64) -> bool {
        let Some(selem) = self.find(name, index) else { return false };
        let (least, most) = range(&selem, direction);
        let may = ((most - least) as f64 * TOLERANCE) as i64;
        let volumes = volumes(&selem, direction);
        !volumes.is_empty() && volumes.iter().all(|at| (at - volume).abs() <= may)
    }

    fn find(&self, name: &str, index: u32) -> Option<Selem<'_>> {
        self.mixer.find_selem(&SelemId::new(name, index))
    }
}

fn control(selem: &Selem, direction: Direction) -> Option<Control> {
    let (able, switched) = match direction {
        Direction::Record => (selem.can_capture(), selem.has_capture_switch()),
        Direction::Play => (selem.can_playback(), selem.has_playback_switch()),
    };
    if !able {
        return None;
    }
    let id = selem.get_id();
    let name = id.get_name().ok()?.to_owned();
    let softest = volumes(selem, direction).into_iter().min();
    let (least, most) = range(selem, direction);
    let percent = softest.filter(|_| most > least).map(|volume| {
        let share = (volume - least) as f64 / (most - least) as f64;
        (100.0 * share).round().clamp(0.0, 100.0) as u8
    });
    Some(Control {
        name,
        index: id.get_index(),
        percent,
        db: softest.and_then(|volume| decibels(selem, direction, volume)),
        on: switched.then(|| channels(selem, direction).any(|at| is_on(selem, direction, at))),
    })
}

fn channels(selem: &Selem, direction: Direction) -> impl Iterator<Item = SelemChannelId> {
    let has = move |channel: &SelemChannelId| match direction {
        Direction::Record => selem.has_capture_channel(*channel),
        Direction::Play => selem.has_playback_channel(*channel),
    };
    // The first one stands for all where the card does not tell them apart.
    SelemChannelId::all().iter().copied().filter(has)
}

fn is_on(selem: &Selem, direction: Direction, channel: SelemChannelId) -> bool {
    let switch = match direction {
        Direction::Record => selem.get_capture_switch(channel),
        Direction::Play => selem.get_playback_switch(channel),
    };
    switch.is_ok_and(|on| on != 0)
}

/// Of every channel, in the control's own counting; none where it only switches.
fn volumes(selem: &Selem, direction: Direction) -> Vec<i64> {
    let able = match direction {
        Direction::Record => selem.has_capture_volume(),
        Direction::Play => selem.has_playback_volume(),
    };
    let of = |channel| match direction {
        Direction::Record => selem.get_capture_volume(channel),
        Direction::Play => selem.get_playback_volume(channel),
    };
    channels(selem, direction).filter(|_| able).filter_map(|channel| of(channel).ok()).collect()
}

fn range(selem: &Selem, direction: Direction) -> (i64, i64) {
    match direction {
        Direction::Record => selem.get_capture_volume_range(),
        Direction::Play => selem.get_playback_volume_range(),
    }
}

fn decibels(selem: &Selem, direction: Direction, volume: i64) -> Option<f32> {
    let (range, level) = match direction {
        Direction::Record => (selem.get_capture_db_range(), selem.ask_capture_vol_db(volume)),
        Direction::Play => (selem.get_playback_db_range(), selem.ask_playback_vol_db(volume)),
    };
    // ALSA leaves the range at nothing where there is none.
    level.ok().filter(|_| range.0 < range.1).map(MilliBel::to_db)
}

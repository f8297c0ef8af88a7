//! Devices, files and everything that turns sound into 16 kHz frames and back.
//!
//! [`capture`] and [`playback`] are the two live ends, each a callback, a ring and a reader or
//! writer; [`signal`] tells a microphone that is on from one that hears; [`file`] reads and writes clips; [`resample`] stands between every other rate and ours.
//! [`track`] is the speaker of a replay, [`echo_path`] the room around it.

pub mod aside;
pub mod capture;
pub mod convolve;
pub mod devices;
pub mod echo_path;
pub mod file;
mod flac;
pub mod frames;
pub mod interpolate;
pub mod levels;
mod line;
pub mod playback;
pub mod reference;
mod render;
pub mod resample;
pub mod room_response;
pub mod signal;
pub mod sounding;
pub mod stream;
pub mod track;
mod wav;

//! The device behind an open stream, the same for either direction.

use std::time::Instant;

use cpal::{BufferSize, ErrorKind};

use super::devices::{self, DeviceChoice, DeviceError, Direction};
use super::stream::{self, Format, Health, Picked, StreamWish, Watch};

pub(super) struct Line {
    direction: Direction,
    /// Id of the device that is open.
    pub device: String,
    pub format: Format,
    watch: Watch,
}

impl Line {
    /// Finds the device, picks a format, and starts a stream on it with `start`.
    pub fn open<T>(
        direction: Direction,
        choice: &DeviceChoice,
        wish: &StreamWish,
        start: impl Fn(&cpal::Device, &Picked) -> Result<T, cpal::Error>,
    ) -> Result<(T, Self), DeviceError> {
        let found = devices::find(choice, direction)?;
        let device = found.id;
        let picked = stream::pick(&found.configs, direction, wish)
            .map_err(|what| DeviceError::Format { direction, device: device.clone(), what })?;
        let format = picked.format;
        let opened = devices::quietly(|| {
            start(&found.device, &picked).or_else(|error| match error.kind() {
                // The device knows its limits only when they are tried.
                ErrorKind::UnsupportedConfig => {
                    start(&found.device, &Picked { buffer: BufferSize::Default, ..picked })
                }
                _ => Err(error),
            })
        });
        let started =
            opened.map_err(|error| devices::open_error(direction, device.clone(), &error))?;
        Ok((started, Self { direction, device, format, watch: Watch::new(Instant::now()) }))
    }

    /// Says when the device was lost.
    pub fn check(&mut self, health: &Health) -> Result<(), DeviceError> {
        match self.watch.judge(health, Instant::now()) {
            None => Ok(()),
            Some(what) => Err(DeviceError::Lost {
                direction: self.direction,
                device: self.device.clone(),
                what,
            }),
        }
    }
}

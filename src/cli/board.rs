//! The board profile and the devices that several commands take, by the same options.

use super::Failure;
use crate::audio::devices::{DeviceChoice, Direction};
use crate::config::board::Board;

/// Which board profile.
#[derive(Debug, Default, clap::Args)]
pub struct Profile {
    /// Board profile: a name from boards/ or a file (default: the one this program was built for).
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
}

impl Profile {
    pub fn load(&self) -> Result<Board, Failure> {
        match &self.board {
            Some(board) => Board::load(board).map_err(Failure::input),
            None => Ok(Board::default_for_build()),
        }
    }
}

/// One microphone and one speaker.
#[derive(Debug, clap::Args)]
pub struct Pair {
    #[command(flatten)]
    pub profile: Profile,
    /// Microphone: an id or a part of a name from `mynah devices` (default: the board's).
    #[arg(long, value_name = "NAME")]
    mic: Option<DeviceChoice>,
    /// Speaker, likewise.
    #[arg(long, value_name = "NAME")]
    speaker: Option<DeviceChoice>,
}

impl Pair {
    /// The device that should work, not what would stand in for it.
    pub fn choice(&self, direction: Direction, board: &Board) -> DeviceChoice {
        let (asked, listed) = match direction {
            Direction::Record => (&self.mic, &board.audio.capture_device),
            Direction::Play => (&self.speaker, &board.audio.playback_device),
        };
        DeviceChoice::first(asked.as_ref(), listed)
    }
}

//! Board profiles: what the machine has, and what it is held to.
//!
//! The profiles of `boards/` travel inside the program; the one that `MYNAH_BOARD` names at build
//! time is the default. `--board` takes the name of another or the path of a file.

use std::path::Path;

use super::regular;

mod placement;
mod profile;

pub use placement::PlacementError;
pub use profile::{AudioDevices, Board, BoardError, Budget, Cpu, EchoSettings, Placement, Threads};

// DEFAULT_BOARD, a name, and BOARDS, every (name, text): written and checked by build.rs.
include!(concat!(env!("OUT_DIR"), "/boards.rs"));

impl Board {
    /// The profile this program was built for.
    pub fn default_for_build() -> Self {
        Self::embedded(DEFAULT_BOARD).expect("build.rs parsed this text with this parser")
    }

    /// The board called `name_or_path`: a name of [`Board::names`], or a file (anything with a
    /// `/` or ending in `.toml`).
    pub fn load(name_or_path: &str) -> Result<Self, BoardError> {
        if name_or_path.contains('/') || name_or_path.ends_with(".toml") {
            let path = Path::new(name_or_path);
            regular::metadata(path)
                .map_err(|source| BoardError::Unreadable { path: path.to_owned(), source })?;
            return Self::read(path);
        }
        Self::embedded(name_or_path)
    }

    /// Names of the boards this program carries.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BOARDS.iter().map(|(name, _)| *name)
    }

    /// A sentence when this processor's `kernel` is not one the budgets count on.
    pub fn slower_than_expected(&self, kernel: &str) -> Option<String> {
        let expected = &self.cpu.kernels;
        (!expected.iter().any(|name| name == kernel)).then(|| {
            format!(
                "this processor runs the {kernel} kernel; the budgets of board {} count on {}: \
                 expect slower answers",
                self.name,
                expected.join(" or ")
            )
        })
    }

    fn embedded(name: &str) -> Result<Self, BoardError> {
        let (_, text) = BOARDS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
            let known = Self::names().collect::<Vec<_>>().join(", ");
            BoardError::Unknown { name: name.to_owned(), known }
        })?;
        Self::parse(Path::new(&format!("{name}.toml")), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::kernels::{Kernel, KernelError};

    fn edited(from: &str, to: &str) -> Result<Board, BoardError> {
        let (_, text) = BOARDS.iter().find(|(name, _)| *name == "x86-kiosk").unwrap();
        assert!(text.contains(from), "the profile no longer contains {from:?}");
        Board::parse(Path::new("boards/x86-kiosk.toml"), &text.replacen(from, to, 1))
    }

    #[test]
    fn every_board_we_ship_loads_by_name() {
        assert!(Board::names().count() >= 2);
        for name in Board::names() {
            assert_eq!(Board::load(name).unwrap().name, name);
        }
        assert_eq!(Board::default_for_build().name, DEFAULT_BOARD);
    }

    #[test]
    fn a_file_loads_by_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lobby.toml");
        let (_, text) = BOARDS[0];
        let text = text.replacen(&format!("name = \"{}\"", BOARDS[0].0), "name = \"lobby\"", 1);
        std::fs::write(&path, text).unwrap();
        assert_eq!(Board::load(path.to_str().unwrap()).unwrap().name, "lobby");
        let missing = Board::load("./nowhere.toml").unwrap_err().to_string();
        assert!(missing.starts_with("./nowhere.toml: cannot read"), "{missing}");
    }

    #[test]
    fn levels_are_set_only_where_they_are_asked_for() {
        let board = Board::load("x86-kiosk").unwrap();
        assert_eq!((board.audio.capture_level, board.audio.playback_level), (None, None));
        let board = edited("period_ms = 20", "period_ms = 20\ncapture_level = 70").unwrap();
        assert_eq!((board.audio.capture_level, board.audio.playback_level), (Some(70), None));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Board::load("toaster").unwrap_err().to_string();
        assert!(error.contains("toaster") && error.contains("x86-kiosk"), "{error}");
    }

    #[test]
    fn mistakes_name_file_line_field_value_and_rule() {
        let table = [
            (
                "period_ms = 20",
                "period_ms = 0",
                "audio.period_ms is 0; it must be a whole number from 5 to 100",
            ),
            ("period_ms = 20", "period_ms = -20", "audio.period_ms is -20; it must be"),
            (
                "period_ms = 20",
                "period_ms = 99999999999",
                "audio.period_ms is 99999999999; it must be",
            ),
            ("period_ms = 20", "period_ms = \"20\"", "period_ms = \"20\": invalid type"),
            ("period_ms = 20", "perod_ms = 20", "perod_ms = 20: unknown field `perod_ms`"),
            ("period_ms = 20", "", "missing field `period_ms`"),
            ("period_ms = 20", "period_ms =", "period_ms =:"),
            (
                "period_ms = 20",
                "period_ms = 20\ncapture_level = 0",
                "audio.capture_level is 0; it must be a whole number from 1 to 100",
            ),
            (
                "period_ms = 20",
                "period_ms = 20\nplayback_level = 101",
                "audio.playback_level is 101; it must be",
            ),
            (
                "capture_device = \"default\"",
                "capture_device = \" \"",
                "audio.capture_device is [\" \"]; it must be one line of text",
            ),
            ("capture_device = \"default\"", "capture_device = []", "[]; it must be one line"),
            ("capture_device = \"default\"", "capture_device = 3", "3: invalid type: integer"),
            (
                "nice = 0",
                "nice = 20",
                "threads.listener.nice is 20; it must be a whole number from -20 to 19",
            ),
            (
                "cores = []",
                "cores = [0, 0]",
                "threads.listener.cores is [0, 0]; it must be a list of different",
            ),
            ("cores = []", "cores = [-1]", "threads.listener.cores is [-1]; it must be"),
            ("resident_mb = 240", "resident_mb = 2", "budget.resident_mb is 2; it must be"),
            (
                "p95_ms = 1000",
                "p95_ms = 400",
                "budget.response_gap_p95_ms is 400; it must be at least",
            ),
            (
                "name = \"x86-kiosk\"",
                "name = \"x87\"",
                "name is \"x87\"; it must be the file's name",
            ),
            ("[\"avx512vnni\", \"avx2\"]", "[]", "cpu.kernels is []; it must be"),
        ];
        for (from, to, message) in table {
            let error = edited(from, to).unwrap_err().to_string();
            assert!(error.starts_with("boards/x86-kiosk.toml:"), "{error}");
            assert!(error.contains(message), "{error}\n  should contain {message}");
        }
    }

    #[test]
    fn devices_are_one_or_a_ranked_list() {
        let listed =
            edited("capture_device = \"default\"", "capture_device = [\"usb\", \"default\"]");
        assert_eq!(listed.unwrap().audio.capture_device, ["usb", "default"]);
        assert_eq!(Board::default_for_build().audio.capture_device, ["default"]);
    }

    #[test]
    fn the_line_is_the_one_of_the_value() {
        let error = edited("period_ms = 20", "period_ms = 500").unwrap_err();
        let BoardError::Refused { line, .. } = error else { panic!("{error}") };
        let (_, text) = BOARDS.iter().find(|(name, _)| *name == "x86-kiosk").unwrap();
        let expected = text.lines().position(|l| l == "period_ms = 20").unwrap() + 1;
        assert_eq!(line, expected);
    }

    #[test]
    fn a_kernel_outside_the_expected_ones_is_a_sentence() {
        let board = Board::load("x86-kiosk").unwrap();
        assert_eq!(board.slower_than_expected("avx2"), None);
        let sentence = board.slower_than_expected("scalar").unwrap();
        assert!(sentence.contains("scalar") && sentence.contains("avx2"), "{sentence}");
    }

    #[test]
    fn every_kernel_a_board_names_exists_somewhere() {
        for name in Board::names() {
            for kernel in Board::load(name).unwrap().cpu.kernels {
                let known = Kernel::by_name(&kernel);
                assert!(!matches!(known, Err(KernelError::Unknown { .. })), "{name}: {kernel}");
            }
        }
    }
}

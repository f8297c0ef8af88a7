//! Data sets: one recording per row, with what was said and what it should be understood as.
//!
//! A tab-separated table with the columns `path` (relative to the table), `intent` (empty: not
//! for this agent), and, where known, `transcript`, `slots_json`, `speaker`, `condition`,
//! `speech_start_s` and `speech_end_s` (where the voice itself begins and ends). Other columns are
//! ignored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::table::{Table, TableError, TableRow};
use crate::nlu::SlotValue;
use crate::units::FRAME_MS;

/// Slot values by name.
pub type GoldSlots = BTreeMap<String, SlotValue>;

/// What a recording should be understood as.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gold {
    pub intent: String,
    pub slots: GoldSlots,
}

/// One recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// As the table writes it; names the row in reports.
    pub name: String,
    /// The table.
    pub table: PathBuf,
    /// Its line.
    pub line: u64,
    pub path: PathBuf,
    /// What was said, if anybody wrote it down.
    pub transcript: Option<String>,
    /// `None`: out of scope.
    pub gold: Option<Gold>,
    pub speaker: String,
    pub condition: String,
    /// Begin of the voice in seconds.
    pub speech_start_s: Option<f64>,
    /// End of the voice in seconds.
    pub speech_end_s: Option<f64>,
    /// Pauses that a recipe put into it: begin and end in seconds.
    pub pauses_s: Vec<(f64, f64)>,
}

/// What rounding may add to a time; also the least that the endpoint tells apart.
const ROUNDING_S: f64 = FRAME_MS as f64 / 1000.0;

impl Row {
    /// Refuses times beyond the recording, which lasts `seconds`: each turn would be taken before them.
    pub fn check_times(&self, seconds: f64) -> Result<(), TableError> {
        let times = [("speech_start_s", self.speech_start_s), ("speech_end_s", self.speech_end_s)];
        let beyond = |time: &f64| *time > seconds + ROUNDING_S;
        match times.iter().find_map(|(column, time)| Some((*column, time.filter(beyond)?))) {
            None => Ok(()),
            Some((column, time)) => Err(TableError::Field {
                path: self.table.clone(),
                line: self.line,
                column,
                value: time.to_string(),
                rule: format!("at most {seconds:.3}, the seconds of {}", self.path.display()),
            }),
        }
    }
}

/// Reads one table.
pub fn read(path: &Path) -> Result<Vec<Row>, TableError> {
    let table = Table::read(path, &["path", "intent"])?;
    table.rows().map(|row| read_row(&table, row)).collect()
}

fn read_row(table: &Table, row: TableRow<'_>) -> Result<Row, TableError> {
    let name = row.filled("path")?;
    let slots = slots(row)?;
    let gold = match row.text("intent") {
        "" if !slots.is_empty() => {
            return Err(row.error("slots_json", "empty where the intent is empty (out of scope)"));
        }
        "" => None,
        intent => Some(Gold { intent: intent.to_owned(), slots }),
    };
    let seconds = "a time in seconds, 0 or later";
    let is_time = |s: &f64| s.is_finite() && *s >= 0.0;
    let speech_start_s = row.parsed("speech_start_s", seconds, is_time)?;
    let speech_end_s = row.parsed("speech_end_s", seconds, is_time)?;
    if let (Some(start), Some(end)) = (speech_start_s, speech_end_s)
        && start >= end
    {
        return Err(row.error("speech_end_s", format!("later than speech_start_s, {start}")));
    }
    let transcript = row.text("transcript");
    Ok(Row {
        name: name.to_owned(),
        table: table.path().to_owned(),
        line: row.line(),
        path: table.resolve(name),
        transcript: (!transcript.is_empty()).then(|| transcript.to_owned()),
        gold,
        speaker: row.text("speaker").to_owned(),
        condition: row.text("condition").to_owned(),
        speech_start_s,
        speech_end_s,
        pauses_s: Vec::new(),
    })
}

pub(super) fn slots(row: TableRow<'_>) -> Result<GoldSlots, TableError> {
    let text = row.text("slots_json");
    if text.is_empty() {
        return Ok(GoldSlots::new());
    }
    serde_json::from_str(text).map_err(|error| {
        let rule = "a JSON object of texts, numbers or truth values, such as {\"size\": \"large\"}";
        row.error("slots_json", format!("{rule} ({error})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Row>, TableError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    #[test]
    fn a_row_is_read() {
        let rows = read_text(
            "path\ttranscript\tintent\tslots_json\tspeaker\tcondition\tspeech_start_s\t\
             speech_end_s\tnote\n\
             a/x.flac\ttwo large lattes\torder\t{\"size\": \"large\", \"count\": 2}\ts1\tclean\t0.5\t2.25\tn\n\
             a/y.flac\t\t\t\t\t\t\t\t\n",
        )
        .unwrap();
        let row = &rows[0];
        assert!(row.path.is_absolute() && row.path.ends_with("a/x.flac"));
        let gold = row.gold.as_ref().unwrap();
        assert_eq!(gold.intent, "order");
        assert_eq!(gold.slots["size"], SlotValue::Text("large".into()));
        assert_eq!(gold.slots["count"], SlotValue::Integer(2));
        assert_eq!((row.speech_start_s, row.speech_end_s), (Some(0.5), Some(2.25)));
        let empty = &rows[1];
        assert_eq!((&empty.transcript, &empty.gold, empty.speech_end_s), (&None, &None, None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let head = "path\tintent\tslots_json\tspeech_start_s\tspeech_end_s\n";
        for (row, message) in [
            ("\torder\t\t\t", ":2: path is \"\""),
            ("a\torder\t{size}\t\t", ":2: slots_json is \"{size}\"; it must be a JSON object"),
            ("a\torder\t{\"a\": [1]}\t\t", "texts, numbers or truth values"),
            ("a\t\t{\"a\": 1}\t\t", "empty where the intent is empty"),
            ("a\torder\t\tsoon\t", "speech_start_s is \"soon\"; it must be a time in seconds"),
            ("a\torder\t\t2.0\t1.0", "speech_end_s is \"1.0\"; it must be later than"),
            ("a\torder\t\t\t-1", "speech_end_s is \"-1\"; it must be a time in seconds"),
            ("a\torder\t\t\tNaN", "speech_end_s is \"NaN\""),
            ("a\torder\t\t\tinf", "speech_end_s is \"inf\""),
        ] {
            let error = read_text(&format!("{head}{row}\n")).unwrap_err().to_string();
            assert!(error.contains(message), "{error:?} lacks {message:?}");
        }
        let row = &read_text(&format!("{head}a\torder\t\t1.5\t2.25\n")).unwrap()[0];
        for (seconds, told) in [
            (2.25, None),
            (2.24, None),
            (2.0, Some(":2: speech_end_s is \"2.25\"; it must be at most 2.000, the seconds of ")),
            (1.0, Some(":2: speech_start_s is \"1.5\"; it must be at most 1.000")),
        ] {
            let error = row.check_times(seconds).err().map(|error| error.to_string());
            assert_eq!(error.is_some(), told.is_some(), "{seconds}: {error:?}");
            assert!(error.unwrap_or_default().contains(told.unwrap_or_default()), "{seconds}");
        }
        let error = read_text("path\ttranscript\na\tb\n").unwrap_err().to_string();
        assert!(error.contains("no column `intent`"), "{error}");
    }
}

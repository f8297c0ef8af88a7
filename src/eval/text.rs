//! Data sets of text: what is written, and what it should be understood as.

use std::path::Path;

use super::dataset::{Gold, GoldSlots, slots};
use super::table::{Table, TableError, TableRow};

/// Stands for "none of the intents" beside an empty field.
pub const OUT_OF_SCOPE: &str = "oos";

/// One text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextRow {
    pub text: String,
    /// `None`: out of scope.
    pub gold: Option<Gold>,
    pub condition: String,
}

/// Reads a table with the columns `text`, `intent` (empty or `oos`: out of scope) and, where
/// known, `slots_json` and `condition`. Other columns are ignored.
pub fn read(path: &Path) -> Result<Vec<TextRow>, TableError> {
    let table = Table::read_texts(path, &["text", "intent"])?;
    table.rows().map(read_row).collect()
}

fn read_row(row: TableRow<'_>) -> Result<TextRow, TableError> {
    let text = row.filled("text")?.to_owned();
    let slots: GoldSlots = slots(row)?;
    let gold = match row.text("intent") {
        "" | OUT_OF_SCOPE if !slots.is_empty() => {
            return Err(row.error("slots_json", "empty where the intent is out of scope"));
        }
        "" | OUT_OF_SCOPE => None,
        intent => Some(Gold { intent: intent.to_owned(), slots }),
    };
    Ok(TextRow { text, gold, condition: row.text("condition").to_owned() })
}

//! Tab-separated tables with a header, and errors that name file, line and column.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::config::regular;

#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}: {what}", path.display())]
    Malformed { path: PathBuf, line: u64, what: String },
    #[error("{}:1: there is no column `{column}`; the header has {}", path.display(), found.join(", "))]
    NoColumn { path: PathBuf, column: &'static str, found: Vec<String> },
    #[error(
        "{}:1: the column `{column}` is there twice, as number {first} and {second}; rename or \
         delete one", path.display()
    )]
    TwiceColumn { path: PathBuf, column: String, first: usize, second: usize },
    #[error("{}:{line}: {column} is {value:?}; it must be {rule}", path.display())]
    Field { path: PathBuf, line: u64, column: &'static str, value: String, rule: String },
    #[error("{}: there is a header but no row", path.display())]
    NoRows { path: PathBuf },
}

/// A table read whole.
pub struct Table {
    path: PathBuf,
    columns: HashMap<String, usize>,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads `path`; `required` columns must be there.
    pub fn read(path: &Path, required: &[&'static str]) -> Result<Self, TableError> {
        Self::parse(path, &read(path)?, required, true)
    }

    /// As [`Table::read`], for tables of texts: one line is one row, whatever quotation marks people
    /// wrote. A field that is quoted as a whole, as spreadsheets do, is read without its quotes.
    pub fn read_texts(path: &Path, required: &[&'static str]) -> Result<Self, TableError> {
        let mut table = Self::parse(path, &read(path)?, required, false)?;
        for row in &mut table.rows {
            if row.iter().any(|field| unquoted(field).is_some()) {
                let fields = row.iter().map(|f| unquoted(f).unwrap_or_else(|| f.to_owned()));
                let mut plain: csv::StringRecord = fields.collect::<Vec<_>>().into();
                plain.set_position(row.position().cloned());
                *row = plain;
            }
        }
        Ok(table)
    }

    fn parse(
        path: &Path,
        bytes: &[u8],
        required: &[&'static str],
        quoting: bool,
    ) -> Result<Self, TableError> {
        let path = path.to_owned();
        let malformed = |error: csv::Error| {
            // Reading from memory, so what is left is the table's own fault.
            let line = error.position().map_or(1, csv::Position::line);
            let what = match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!(
                    "the line has {len} tab-separated fields, the header has {expected_len}"
                ),
                csv::ErrorKind::Utf8 { .. } => "the line is not UTF-8".to_owned(),
                _ => error.to_string(),
            };
            TableError::Malformed { path: path.clone(), line, what }
        };
        let mut reader =
            csv::ReaderBuilder::new().delimiter(b'\t').quoting(quoting).from_reader(bytes);
        let header = reader.headers().map_err(malformed)?;
        let mut columns: HashMap<String, usize> = HashMap::new();
        for (second, name) in header.iter().map(str::trim).enumerate() {
            if let Some(first) = columns.insert(name.to_owned(), second) {
                let (column, first, second) = (name.to_owned(), first + 1, second + 1);
                return Err(TableError::TwiceColumn { path, column, first, second });
            }
        }
        for column in required {
            if !columns.contains_key(*column) {
                let found = header.iter().map(str::to_owned).collect();
                return Err(TableError::NoColumn { path, column, found });
            }
        }
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().map_err(malformed)?;
        if rows.is_empty() {
            return Err(TableError::NoRows { path });
        }
        Ok(Self { path, columns, rows })
    }

    /// The rows in the order of the file.
    pub fn rows(&self) -> impl Iterator<Item = TableRow<'_>> {
        self.rows.iter().map(|record| TableRow { table: self, record })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file named in the table, relative to the table's own folder.
    pub fn resolve(&self, name: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(name)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TableError> {
    regular::metadata(path)
        .and_then(|_| std::fs::read(path))
        .map_err(|source| TableError::Unreadable { path: path.to_owned(), source })
}

/// What stands in quotes that were put around the whole field, doubling those inside.
fn unquoted(field: &str) -> Option<String> {
    let inside = field.strip_prefix('"')?.strip_suffix('"')?;
    let single = inside.replace("\"\"", "");
    (!single.contains('"')).then(|| inside.replace("\"\"", "\""))
}

#[derive(Clone, Copy)]
pub struct TableRow<'t> {
    table: &'t Table,
    record: &'t csv::StringRecord,
}

impl<'t> TableRow<'t> {
    /// Line of the file, from 1.
    pub fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// The field without surrounding blanks; empty when the table has no such column.
    pub fn text(&self, column: &str) -> &'t str {
        let index = self.table.columns.get(column);
        index.and_then(|i| self.record.get(*i)).unwrap_or_default().trim()
    }

    /// The field, or an error when it is empty.
    pub fn filled(&self, column: &'static str) -> Result<&'t str, TableError> {
        let text = self.text(column);
        if text.is_empty() { Err(self.error(column, "filled in")) } else { Ok(text) }
    }

    /// The field as `T`; `None` when it is empty or the table has no such column.
    pub fn parsed<T: std::str::FromStr>(
        &self,
        column: &'static str,
        rule: &str,
        valid: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, TableError> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let value = text.parse().ok().filter(valid);
        value.map(Some).ok_or_else(|| self.error(column, rule))
    }

    /// "This field must be …".
    pub fn error(&self, column: &'static str, rule: impl Into<String>) -> TableError {
        TableError::Field {
            path: self.table.path.clone(),
            line: self.line(),
            column,
            value: self.text(column).to_owned(),
            rule: rule.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Table, TableError> {
        Table::parse(Path::new("set/data.tsv"), text.as_bytes(), &["path"], true)
    }

    #[test]
    fn fields_by_name_and_files_beside_the_table() {
        let table = parse("path\tn\tjson\na b.flac\t 7 \t{\"x\": \"y\"}\nc\t\t\n").unwrap();
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows[0].text("path"), "a b.flac");
        assert_eq!(rows[0].text("json"), "{\"x\": \"y\"}");
        assert_eq!(rows[0].parsed::<u32>("n", "a number", |_| true).unwrap(), Some(7));
        assert_eq!(rows[1].parsed::<u32>("n", "a number", |_| true).unwrap(), None);
        assert_eq!(rows[1].text("absent"), "");
        assert_eq!(table.resolve("c"), Path::new("set/c"));
        assert_eq!(table.resolve("/abs/c"), Path::new("/abs/c"));
    }

    #[test]
    fn quoted_fields_are_read_as_spreadsheets_write_them() {
        let table = parse("path\tjson\na\t\"{\"\"x\"\": 1}\"\n").unwrap();
        assert_eq!(table.rows().next().unwrap().text("json"), "{\"x\": 1}");
    }

    #[test]
    fn a_quotation_mark_at_the_begin_of_a_text_opens_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines =
            "text\tn\n\"play\t1\nsay \"hi\"\t2\n\"{\"\"x\"\": 1}\"\t3\n\"a\" and \"b\"\t4\n";
        std::fs::write(file.path(), lines).unwrap();
        let table = Table::read_texts(file.path(), &["text"]).unwrap();
        let texts: Vec<_> = table.rows().map(|row| (row.line(), row.text("text"))).collect();
        let want = [(2, "\"play"), (3, "say \"hi\""), (4, "{\"x\": 1}"), (5, "\"a\" and \"b\"")];
        assert_eq!(texts, want);
    }

    #[test]
    fn errors_name_file_line_and_column() {
        let message = |text: &str| parse(text).err().unwrap().to_string();
        assert_eq!(
            message("file\tn\nx\t1\n"),
            "set/data.tsv:1: there is no column `path`; the header has file, n"
        );
        assert_eq!(message("path\tn\n"), "set/data.tsv: there is a header but no row");
        assert_eq!(
            message("path\tn\t path \nx\t1\ty\n"),
            "set/data.tsv:1: the column `path` is there twice, as number 1 and 3; rename or delete \
             one"
        );
        assert_eq!(
            message("path\tn\na\t1\nb\n"),
            "set/data.tsv:3: the line has 1 tab-separated fields, the header has 2"
        );
        let table = parse("path\tn\na\t1\n\t-2\n").unwrap();
        let row = table.rows().nth(1).unwrap();
        let error = row.parsed::<i32>("n", "a positive number", |n| *n > 0).unwrap_err();
        assert_eq!(error.to_string(), "set/data.tsv:3: n is \"-2\"; it must be a positive number");
        let error = row.filled("path").unwrap_err().to_string();
        assert_eq!(error, "set/data.tsv:3: path is \"\"; it must be filled in");
        assert!(
            Table::read(Path::new("/nowhere/x.tsv"), &[])
                .err()
                .unwrap()
                .to_string()
                .contains("/nowhere/x.tsv")
        );
    }
}

//! Lines of a list, divided into fields.

use csv::{ReaderBuilder, Trim};

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its number, from 1.
    pub(super) line: u64,
    /// What it has, without blanks around.
    pub(super) fields: Vec<String>,
}

/// Divides a text into rows. The delimiter is detected: the tab, comma or semicolon that gives all
/// lines the same number of fields, at least two; else the one that occurs in the first line; else
/// spaces. Fields may be in double quotes. Empty lines, a byte order mark and carriage returns are
/// ignored.
///
/// # Errors
/// The line, and what is wrong with its quotes.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, (u64, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut first = None;
    for delimiter in [b'\t', b',', b';'] {
        let Ok(rows) = divided_by(text, delimiter) else {
            continue;
        };
        let fields = rows.first().map_or(0, |row| row.fields.len());
        if fields >= 2 && rows.iter().all(|row| row.fields.len() == fields) {
            return Ok(rows);
        }
        if fields >= 2 && first.is_none() {
            first = Some(rows);
        }
    }
    first.map_or_else(|| divided_by_blanks(text), Ok)
}

fn divided_by(text: &str, delimiter: u8) -> Result<Vec<Row>, csv::Error> {
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let fields: Vec<String> = record.iter().map(|field| unquoted(field).to_owned()).collect();
        if fields.iter().any(|field| !field.is_empty()) {
            rows.push(Row {
                line: record.position().map_or(0, |position| line_at(text, position)),
                fields,
            });
        }
    }
    Ok(rows)
}

/// The line that a record is on. Its position is before the empty lines above it.
fn line_at(text: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte())
        .ok()
        .and_then(|byte| text.as_bytes().get(byte..))
        .unwrap_or_default();
    let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
    position.line() + blank.filter(|&&byte| byte == b'\n').count() as u64
}

/// A field that has its quotes still, because a blank stands before them.
fn unquoted(field: &str) -> &str {
    field
        .strip_prefix('"')
        .and_then(|field| field.strip_suffix('"'))
        .unwrap_or(field)
}

fn divided_by_blanks(text: &str) -> Result<Vec<Row>, (u64, String)> {
    let mut rows = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let mut fields = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (field, behind) = match rest.strip_prefix('"') {
                Some(quoted) => quoted
                    .split_once('"')
                    .ok_or_else(|| (line, "a double quote is not closed".to_owned()))?,
                None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            };
            fields.push(field.to_owned());
            rest = behind.trim_start();
        }
        if !fields.is_empty() {
            rows.push(Row { line, fields });
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<Vec<String>> {
        rows(text).unwrap().into_iter().map(|row| row.fields).collect()
    }

    #[test]
    fn the_delimiter_is_found_out() {
        for text in [
            "a.png,cat\nb.png,dog\n",
            "\u{feff}a.png\tcat\r\nb.png\tdog\r\n",
            "a.png;cat\n\n\nb.png;dog",
            "a.png cat\n  b.png \t dog  \n",
            "\"a.png\", cat\n\"b.png\", \"dog\"\n",
            "\"a.png\" cat\nb.png \"dog\"\n",
        ] {
            assert_eq!(fields(text), [["a.png", "cat"], ["b.png", "dog"]], "{text:?}");
        }
    }

    #[test]
    fn a_delimiter_in_quotes_or_in_a_text_of_another_is_none() {
        assert_eq!(
            fields("\"a,b.png\",cat\nc.png,\"big, red\"\n"),
            [["a,b.png", "cat"], ["c.png", "big, red"]]
        );
        assert_eq!(
            fields("a,b.png\tcat\nc.png\tdog\n"),
            [["a,b.png", "cat"], ["c.png", "dog"]]
        );
        assert_eq!(fields("\"a b.png\" cat\n"), [["a b.png", "cat"]]);
    }

    #[test]
    fn lines_keep_their_numbers_and_their_uneven_fields() {
        let found = rows("a.png,cat\n\nb.png\nc.png,dog,2\n").unwrap();
        let lines: Vec<(u64, usize)> = found.iter().map(|row| (row.line, row.fields.len())).collect();
        assert_eq!(lines, [(1, 2), (3, 1), (4, 3)]);
        assert_eq!(rows("a.png cat\n\"b.png dog").unwrap_err().0, 2);
        assert!(rows("").unwrap().is_empty());
    }
}

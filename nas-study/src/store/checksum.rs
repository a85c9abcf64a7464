//! A checksum for each row, which shows whether another program has changed it.
//!
//! It is the sum of the [checksums of its cells](cell), so a step that fills further cells of a row
//! adds their checksums, without reading the row. The number of a trial is one of its cells, so
//! swapped rows are detected too.

use rusqlite::types::ValueRef;

/// The checksum of a cell: the CRC-32 of the name of its column, of its type and of its bytes. An
/// empty one has 0.
pub(super) fn cell(column: &str, value: ValueRef<'_>) -> i64 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(column.as_bytes());
    match value {
        ValueRef::Null => return 0,
        ValueRef::Integer(value) => {
            crc.update(b"\0i");
            crc.update(&value.to_le_bytes());
        }
        ValueRef::Real(value) => {
            crc.update(b"\0r");
            crc.update(&value.to_bits().to_le_bytes());
        }
        ValueRef::Text(value) => {
            crc.update(b"\0t");
            crc.update(value);
        }
        ValueRef::Blob(value) => {
            crc.update(b"\0b");
            crc.update(value);
        }
    }
    i64::from(crc.finalize())
}

/// The sum over these cells.
pub(super) fn of<'a>(cells: impl IntoIterator<Item = (&'a str, ValueRef<'a>)>) -> i64 {
    cells
        .into_iter()
        .map(|(column, value)| cell(column, value))
        .fold(0, i64::wrapping_add)
}

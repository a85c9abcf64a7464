//! A table before it is markup.

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// The content of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Words or a number.
    Text(String),
    /// What is typed or read by a program.
    Code(String),
    /// A bar, its length in percent of the longest, from 0 to 100. Another cell of the row has the
    /// number.
    Bar(u8),
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "numbers and names are put in as they are, without a sign before each"
)]
impl Cell {
    /// Something as it is displayed.
    pub fn text(value: impl ToString) -> Self {
        Self::Text(value.to_string())
    }

    /// The same, where programs read it.
    pub fn code(value: impl ToString) -> Self {
        Self::Code(value.to_string())
    }
}

/// Rows under named columns. The first cell of a row is what the row is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    caption: Option<String>,
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns and no row.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let columns = columns.iter().map(|(name, align)| ((*name).to_owned(), *align));
        Self {
            caption: None,
            columns: columns.collect(),
            rows: Vec::new(),
        }
    }

    /// The same under a caption.
    pub fn captioned(mut self, caption: impl Into<String>) -> Self {
        self.caption = Some(caption.into());
        self
    }

    /// Adds a row, a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn caption(&self) -> Option<&str> {
        self.caption.as_deref()
    }

    pub(super) fn columns(&self) -> &[(String, Align)] {
        &self.columns
    }

    pub(super) fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }
}

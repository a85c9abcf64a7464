//! Which lines of a text are read.

use std::collections::BTreeMap;

use csv::StringRecord;
use serde::Deserialize;

/// For each of these columns what a line has to hold there. None of them: all lines are read.
pub type Filter = BTreeMap<String, Wanted>;

/// What a line has to hold in a column, as it is written there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Wanted {
    /// This text.
    Text(String),
    /// This whole number.
    Number(i64),
    /// Any of these.
    Any(Vec<Wanted>),
}

impl Wanted {
    fn allows(&self, text: &str) -> bool {
        match self {
            Self::Text(wanted) => wanted.trim() == text,
            Self::Number(wanted) => wanted.to_string() == text,
            Self::Any(several) => several.iter().any(|wanted| wanted.allows(text)),
        }
    }
}

/// A filter whose columns are found.
#[derive(Debug)]
pub(super) struct Rows<'a>(Vec<(usize, &'a Wanted)>);

impl<'a> Rows<'a> {
    pub(super) fn find(
        filter: &'a Filter,
        find: &impl Fn(&str) -> Result<usize, String>,
    ) -> Result<Self, String> {
        let columns = filter.iter().map(|(name, wanted)| Ok((find(name)?, wanted)));
        columns.collect::<Result<_, String>>().map(Self)
    }

    pub(super) fn allow(&self, record: &StringRecord) -> bool {
        let holds =
            |&(place, wanted): &(usize, &Wanted)| wanted.allows(record.get(place).unwrap_or_default());
        self.0.iter().all(holds)
    }
}

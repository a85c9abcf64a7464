//! Which architecture a line is of.

use csv::StringRecord;
use nas_space::arch::{Architecture, Decision};
use nas_space::genotype::Genotype;
use nas_space::spaces::{Space, SpaceConfig, nb201_by_index};

use super::evidence::Evidence;
use super::mapping::{ArchitectureColumns, Form, Mapping, Pad, Read, Reads};
use crate::import::short;

/// Most digits of a number of an option.
const MAX_DIGITS: usize = 9;

/// What reads the architecture of a line.
pub(super) struct ArchitectureReader<'a> {
    space: &'a dyn Space,
    /// The names of the columns, for people, and their places.
    columns: Vec<(&'a str, usize)>,
    how: How<'a>,
    /// For each part of a text the decision that it is of.
    decision_of: Vec<usize>,
    /// What numbers stand for, if not for the options of each decision in order.
    options: Option<&'a [String]>,
}

enum How<'a> {
    /// A column for each decision; none is undecided.
    Columns(Vec<Option<Read>>),
    Parts {
        holds: Read,
        separator: Option<&'a str>,
        pad: Option<Pad>,
    },
    Digits(Option<Pad>),
    Genotype,
    Nb201Index,
}

impl<'a> ArchitectureReader<'a> {
    pub(super) fn find(
        mapping: &'a Mapping,
        find: &impl Fn(&str) -> Result<usize, String>,
        space: &'a dyn Space,
    ) -> Result<Self, String> {
        let given = &mapping.architecture;
        let form = given.form.unwrap_or_default();
        let (columns, how) = match (&given.column, &given.columns) {
            (Some(column), None) => (vec![(column.as_str(), find(column)?)], one_column(given, form)),
            (None, Some(columns)) => {
                let found = columns.iter().map(|name| Ok((name.as_str(), find(name)?)));
                let found: Vec<_> = found.collect::<Result<_, String>>()?;
                (found, How::Columns(reads(given, space)?))
            }
            _ => return Err("the mapping's [architecture] needs either column or columns".to_owned()),
        };
        let numbers = match &how {
            How::Columns(_) => true,
            How::Parts { holds, .. } => *holds == Read::Numbers,
            How::Digits(_) => true,
            How::Genotype | How::Nb201Index => false,
        };
        let in_parts = matches!(how, How::Parts { .. });
        let is_columns = matches!(how, How::Columns(_));
        for (there, fits, key, with) in [
            (
                given.form.is_some(),
                !is_columns,
                "form",
                "column, and columns have none",
            ),
            (given.reads.is_some(), is_columns, "reads", "columns"),
            (
                given.separator.is_some(),
                in_parts,
                "separator",
                "the forms \"numbers\" and \"options\"",
            ),
            (
                given.pad.is_some(),
                numbers && !is_columns,
                "pad",
                "the forms \"numbers\" and \"digits\"",
            ),
            (
                given.options.is_some(),
                numbers,
                "options",
                "numbers or digits of options",
            ),
            (
                given.decisions.is_some(),
                in_parts || matches!(how, How::Digits(_)),
                "decisions",
                "the forms \"numbers\", \"digits\" and \"options\"",
            ),
        ] {
            if there && !fits {
                return Err(format!(
                    "the mapping's [architecture] has the key {key}, which has a meaning with {with} only"
                ));
            }
        }
        if matches!(how, How::Nb201Index) && mapping.space != (SpaceConfig::Nb201 {}) {
            return Err(format!(
                "form = \"nb201_index\" is of the space nb201, and the mapping's space is {}",
                space.name()
            ));
        }
        if given.separator.as_deref() == Some("") {
            return Err(
                "the mapping's separator is empty; expected what stands between the parts".to_owned(),
            );
        }
        Ok(Self {
            space,
            columns,
            how,
            decision_of: places(given, space.decisions())?,
            options: checked_options(given, space.decisions())?,
        })
    }

    /// Whether lines have to be seen before the first can be read: what [`Evidence`] collects for
    /// each column.
    pub(super) fn undecided(&self) -> Vec<Option<Evidence>> {
        match &self.how {
            How::Columns(reads) => {
                let undecided = reads.iter().map(|read| read.is_none().then(Evidence::default));
                undecided.collect()
            }
            _ => Vec::new(),
        }
    }

    /// Notes what a line shows of columns that are undecided.
    pub(super) fn note(&self, evidence: &mut [Option<Evidence>], line: u64, record: &StringRecord) {
        for (index, evidence) in evidence.iter_mut().enumerate() {
            if let Some(evidence) = evidence {
                let text = record.get(self.columns[index].1).unwrap_or_default();
                let number = whole(text).and_then(|number| self.numbered(number, index).ok());
                evidence.note(line, text, &self.space.decisions()[index], number);
            }
        }
    }

    /// Decides the columns that are undecided.
    pub(super) fn decide(&mut self, evidence: &[Option<Evidence>]) -> Result<(), String> {
        let How::Columns(reads) = &mut self.how else {
            return Ok(());
        };
        for (index, evidence) in evidence.iter().enumerate() {
            if let Some(evidence) = evidence {
                let decision = &self.space.decisions()[index];
                reads[index] = Some(evidence.conclude(self.columns[index].0, decision)?);
            }
        }
        Ok(())
    }

    /// The architecture of a line.
    pub(super) fn read(&self, record: &StringRecord) -> Result<Architecture, String> {
        let text_at = |&(name, place): &(&'a str, usize)| (name, record.get(place).unwrap_or_default());
        if let How::Columns(reads) = &self.how {
            let choices = self.columns.iter().map(text_at).zip(reads).enumerate().map(
                |(index, ((name, text), read))| {
                    let choice = match read {
                        Some(Read::Options) => self.option(text, index),
                        // What is undecided has no line.
                        Some(Read::Numbers) | None => self.number(text, index),
                    };
                    choice.map_err(|reason| format!("column '{name}': {reason}"))
                },
            );
            return Ok(Architecture::new(choices.collect::<Result<Vec<_>, _>>()?));
        }
        let (name, text) = self.columns.first().map(text_at).unwrap_or_default();
        self.one(text)
            .map_err(|reason| format!("column '{name}': {reason}"))
    }

    fn one(&self, text: &str) -> Result<Architecture, String> {
        match &self.how {
            How::Genotype => {
                let genotype: Genotype = text.parse().map_err(|error| short(&format!("{error}")))?;
                self.space
                    .architecture(&genotype)
                    .map_err(|error| error.to_string())
            }
            How::Nb201Index => whole(text).and_then(nb201_by_index).ok_or_else(|| {
                format!(
                    "'{}' is no number of NAS-Bench-201; expected 0 to 15624",
                    short(text)
                )
            }),
            How::Digits(pad) => {
                if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(format!(
                        "'{}' is no architecture; expected {} digits and nothing else",
                        short(text),
                        self.decision_of.len()
                    ));
                }
                let digits = (0..text.len()).map(|at| &text[at..=at]).collect();
                self.parts(text, digits, Read::Numbers, *pad)
            }
            How::Parts {
                holds,
                separator,
                pad,
            } => self.parts(text, split(text, *holds, *separator), *holds, *pad),
            How::Columns(_) => Err("expected one column".to_owned()),
        }
    }

    /// The architecture of which these are the parts.
    fn parts(
        &self,
        text: &str,
        mut parts: Vec<&str>,
        holds: Read,
        pad: Option<Pad>,
    ) -> Result<Architecture, String> {
        let expected = self.decision_of.len();
        match pad {
            Some(Pad::Left) if parts.len() < expected => {
                let zeros = vec!["0"; expected - parts.len()];
                parts.splice(0..0, zeros);
            }
            Some(Pad::Right) if parts.len() < expected => parts.resize(expected, "0"),
            _ => {}
        }
        // A part that is none says more than that there are too many or too few.
        if holds == Read::Numbers
            && let Some(part) = parts.iter().find(|part| whole(part).is_none())
        {
            return Err(format!(
                "'{}' in '{}' is no number of an option; expected whole numbers from 0, with one separator between them; if \
                 they are separated by something else, write separator = … in the mapping",
                short(part),
                short(text)
            ));
        }
        if parts.len() != expected {
            let hint = match (&self.how, parts.len() < expected) {
                (How::Digits(_), true) => "; write pad = \"left\" in the mapping if leading zeros were lost",
                (How::Parts { .. }, true) if parts.len() == 1 && text.len() == expected => {
                    "; write form = \"digits\" in the mapping if each digit is a number"
                }
                _ => "",
            };
            return Err(format!(
                "'{}' has {} parts; expected one for each of the {expected} decisions{hint}",
                short(text),
                parts.len()
            ));
        }
        let mut choices = vec![0; expected];
        for (part, &decision) in parts.iter().zip(&self.decision_of) {
            let choice = match holds {
                Read::Options => self.option(part, decision),
                Read::Numbers => self.number(part, decision),
            };
            choices[decision] = choice.map_err(|reason| format!("'{}': {reason}", short(text)))?;
        }
        Ok(Architecture::new(choices))
    }

    fn option(&self, text: &str, decision: usize) -> Result<usize, String> {
        let decision = &self.space.decisions()[decision];
        let found = decision.options.iter().position(|option| option == text);
        found.ok_or_else(|| {
            format!(
                "'{}' is no option of '{}'; expected one of {}",
                short(text),
                decision.name,
                short(&decision.options.join(", "))
            )
        })
    }

    fn number(&self, text: &str, decision: usize) -> Result<usize, String> {
        let number = whole(text).ok_or_else(|| {
            format!(
                "'{}' is no number of an option of '{}'; expected a whole number from 0",
                short(text),
                self.space.decisions()[decision].name
            )
        })?;
        self.numbered(number, decision)
    }

    /// The option that a number stands for.
    fn numbered(&self, number: usize, decision: usize) -> Result<usize, String> {
        let decision = &self.space.decisions()[decision];
        let known = self.options.map_or(decision.options.len(), <[String]>::len);
        if number >= known {
            return Err(format!(
                "{number} is no number of an option of '{}'; expected 0 to {}",
                decision.name,
                known - 1
            ));
        }
        let Some(options) = self.options else {
            return Ok(number);
        };
        let option = &options[number];
        let found = decision.options.iter().position(|known| known == option);
        found.ok_or_else(|| {
            format!(
                "{number} stands for '{option}', which is no option of '{}'",
                decision.name
            )
        })
    }
}

fn one_column(given: &ArchitectureColumns, form: Form) -> How<'_> {
    let separator = given.separator.as_deref();
    let pad = given.pad;
    match form {
        Form::Numbers => How::Parts {
            holds: Read::Numbers,
            separator,
            pad,
        },
        Form::Options => How::Parts {
            holds: Read::Options,
            separator,
            pad,
        },
        Form::Digits => How::Digits(pad),
        Form::Genotype => How::Genotype,
        Form::Nb201Index => How::Nb201Index,
    }
}

/// What each column of a decision holds.
fn reads(given: &ArchitectureColumns, space: &dyn Space) -> Result<Vec<Option<Read>>, String> {
    let expected = space.decisions().len();
    let columns = given.columns.as_ref().map_or(0, Vec::len);
    if columns != expected {
        return Err(format!(
            "the mapping's [architecture] names {columns} columns; expected one for each of the {expected} decisions"
        ));
    }
    match &given.reads {
        None => Ok(vec![None; expected]),
        Some(Reads::All(read)) => Ok(vec![Some(*read); expected]),
        Some(Reads::Each(reads)) if reads.len() == expected => Ok(reads.iter().copied().map(Some).collect()),
        Some(Reads::Each(reads)) => Err(format!(
            "the mapping's reads names {} words; expected one, or one for each of the {expected} columns",
            reads.len()
        )),
    }
}

/// For each part of a text the decision that it is of.
fn places(given: &ArchitectureColumns, decisions: &[Decision]) -> Result<Vec<usize>, String> {
    let Some(names) = &given.decisions else {
        return Ok((0..decisions.len()).collect());
    };
    let mut places = Vec::with_capacity(decisions.len());
    for name in names {
        let place = decisions.iter().position(|decision| decision.name == *name);
        let place = place.filter(|place| !places.contains(place)).ok_or_else(|| {
            let known: Vec<&str> = decisions.iter().map(|decision| decision.name.as_str()).collect();
            format!(
                "the mapping's decisions name '{}', which is no decision of the space or is named twice; there are {}",
                short(name),
                short(&known.join(", "))
            )
        })?;
        places.push(place);
    }
    if places.len() != decisions.len() {
        return Err(format!(
            "the mapping's decisions are {}; expected all {} of the space",
            places.len(),
            decisions.len()
        ));
    }
    Ok(places)
}

fn checked_options<'a>(
    given: &'a ArchitectureColumns,
    decisions: &[Decision],
) -> Result<Option<&'a [String]>, String> {
    let Some(options) = &given.options else {
        return Ok(None);
    };
    for (index, option) in options.iter().enumerate() {
        let known = decisions.iter().any(|decision| decision.options.contains(option));
        if !known || options[..index].contains(option) {
            return Err(format!(
                "the mapping's options name '{}', which no decision offers or which is named twice",
                short(option)
            ));
        }
    }
    if options.is_empty() {
        return Err("the mapping's options are none; expected what the numbers 0, 1, … stand for".to_owned());
    }
    Ok(Some(options))
}

/// The parts of a text, without the brackets around them.
fn split<'t>(text: &'t str, holds: Read, separator: Option<&str>) -> Vec<&'t str> {
    let mut inner = text.trim();
    for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
        let within = inner.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        if let Some(within) = within {
            inner = within.trim();
            break;
        }
    }
    // Options may have these in their names.
    let candidates: &[&str] = match holds {
        Read::Numbers => &[",", ";", ":", "|", "/", "_"],
        Read::Options => &[",", ";", "|"],
    };
    let found = separator.or_else(|| {
        candidates
            .iter()
            .copied()
            .find(|&between| inner.contains(between))
    });
    let parts: Vec<&str> = match found {
        Some(between) => inner.split(between).map(str::trim).collect(),
        None => inner.split_whitespace().collect(),
    };
    let unquoted = |part: &'t str| {
        let quote = |quote: char| part.strip_prefix(quote)?.strip_suffix(quote);
        quote('\'').or_else(|| quote('"')).unwrap_or(part)
    };
    let mut parts: Vec<&str> = match holds {
        Read::Numbers => parts,
        Read::Options => parts.into_iter().map(unquoted).collect(),
    };
    // As Python writes a tuple of one.
    if parts.len() == 2 && parts[1].is_empty() && inner.ends_with(',') {
        parts.pop();
    }
    parts
}

/// A whole number: digits and nothing else.
fn whole(text: &str) -> Option<usize> {
    let fits = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

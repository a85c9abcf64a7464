//! Architectures in the texts that people have them in.

use super::darts::{assigned, darts_at, darts_of, edge, list};
use super::literal::{Literal, Value, blank};
use super::nb101::{is_nb101, parse_nb101};
use super::nb201::{nb201_prefix, parse_nb201_loosely};
use super::scanner::Scanner;
use super::{is_plain, naslib};
use crate::cell::{Cell, Node};
use crate::error::SpaceError;
use crate::genotype::{Genotype, MacroGenotype, Nb201Genotype};
use crate::named;
use crate::spaces::{Space, nb201, nb201_by_index};

/// What was read here, for errors.
const WHAT: &str = "an architecture";
/// The forms, for errors.
const FORMS: &str = "a name that 'nas list' shows, |nor_conv_3x3~0|+…, Genotype(normal=[('sep_conv_3x3', 0), …], \
                     normal_concat=…, reduce=…, reduce_concat=…), JSON, naslib:[…] or index:N";
/// Characters of a text that an error quotes.
const QUOTED: usize = 80;
/// Genotypes at the end of a text that are tried where the last one is cut off.
const TRIED: usize = 3;

/// An architecture that was read, and what is to be said of how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The architecture.
    pub genotype: Genotype,
    /// A sentence on what was assumed or chosen, where something was.
    pub note: Option<String>,
}

impl Reading {
    fn plain(genotype: Genotype) -> Self {
        Self { genotype, note: None }
    }
}

/// Reads an architecture in any written form, or the last one in a longer text, such as the log of
/// a training.
///
/// | form | as |
/// |---|---|
/// | name of a [published architecture](crate::named) | `DARTS_V2` |
/// | NAS-Bench-201's text | `\|nor_conv_3x3~0\|+\|none~0\|skip_connect~1\|`, also with spaces, without the outer bars, or as its authors print it: `Structure(4 nodes with …)` |
/// | NAS-Bench-201's tuples | `[(('nor_conv_3x3', 0),), (('none', 0), ('skip_connect', 1))]` |
/// | NAS-Bench-201's number of a cell | `index:1234` |
/// | NAS-Bench-101's specification | as [`parse_nb101`](super::parse_nb101) reads it |
/// | DARTS's text | as [`parse_darts`](super::parse_darts) reads it |
/// | ENAS's numbers of a whole network | as [`MacroGenotype`] writes them |
/// | NASLib's lists | `naslib:(4, 0, 3, 1, 4, 3)`; `[[(0, 3), (1, 2), …], […]]`, a normal and a reduction cell of (input, operation) |
/// | JSON | what [`Genotype::to_json`] writes |
///
/// Six numbers without `naslib:` are refused, since others number edges and operations differently;
/// so is a number without `index:`.
///
/// # Errors
/// [`SpaceError::Parse`] says what was expected where, and quotes at most 80 characters of the
/// text; [`SpaceError::UnknownName`] for what could be a name.
///
/// # Example
/// ```
/// use nas_space::codec::read;
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let log = "epoch 0 |none~0|+|none~0|none~1|\nepoch 1 |none~0|+|skip_connect~0|none~1|\n";
/// let last = read(log)?;
/// assert_eq!(last.genotype.to_string(), "|none~0|+|skip_connect~0|none~1|");
/// assert!(last.note.is_some_and(|note| note.contains("line 2")));
/// # Ok(())
/// # }
/// ```
pub fn read(text: &str) -> Result<Reading, SpaceError> {
    let text = clean(text);
    if let Some(genotype) = whole(text)? {
        return Ok(genotype);
    }
    let found = occurrences(text);
    if found.is_empty() {
        return Err(unreadable(text));
    }
    let mut cut_off = 0;
    let mut failed = None;
    for &occurrence in found.iter().rev().take(TRIED) {
        match at(text, occurrence) {
            Ok(genotype) => {
                return Ok(Reading {
                    genotype,
                    note: chosen(text, occurrence, found.len(), cut_off),
                });
            }
            // A log whose program was killed ends anywhere.
            Err(error) if ends_there(&error) => {
                cut_off += 1;
                failed.get_or_insert(error);
            }
            Err(error) => {
                failed.get_or_insert(error);
                break;
            }
        }
    }
    Err(failed.unwrap_or_else(|| unreadable(text)))
}

/// As [`read`], of a text that holds one architecture and no other.
///
/// # Errors
/// As [`read`], and for a text with several.
pub(crate) fn read_one(text: &str) -> Result<Genotype, SpaceError> {
    let text = clean(text);
    if let Some(reading) = whole(text)? {
        return Ok(reading.genotype);
    }
    match occurrences(text).as_slice() {
        [] => Err(unreadable(text)),
        [only] => at(text, *only),
        several => Err(SpaceError::parse(
            WHAT,
            format!("there are {}; expected one", several.len()),
        )),
    }
}

fn clean(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\0'))
}

/// A text that is nothing but an architecture.
fn whole(text: &str) -> Result<Option<Reading>, SpaceError> {
    if is_plain(text)
        && let Ok(named) = named::by_name(text)
    {
        return Ok(Some(Reading::plain(named.genotype.clone())));
    }
    for (prefix, read) in [("naslib:", by_naslib as fn(&str) -> _), ("index:", by_index)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return read(rest).map(|genotype| Some(Reading::plain(genotype)));
        }
    }
    if is_nb101(text) {
        return parse_nb101(text).map(|module| Some(Reading::plain(Genotype::Nb101(module))));
    }
    if text.starts_with('{') && text.contains("\"kind\"") {
        return match serde_json::from_str(text) {
            Ok(genotype) => Ok(Some(Reading::plain(genotype))),
            Err(error) => Err(SpaceError::parse("an architecture in JSON", error.to_string())),
        };
    }
    if MacroGenotype::is_written(text) {
        match text.parse() {
            Ok(genotype) => return Ok(Some(Reading::plain(Genotype::EnasMacro(genotype)))),
            // A number alone can be many things.
            Err(_) if text.bytes().all(|c| c.is_ascii_digit()) => {}
            Err(error) => return Err(error),
        }
    }
    if text.contains('~') {
        return Ok(parse_nb201_loosely(text)?.map(|genotype| Reading::plain(Genotype::Nb201(genotype))));
    }
    let unescaped = unescaped(text);
    let literal = literal_of(text).or_else(|| literal_of(unescaped.as_deref()?));
    let Some((scanner, literal)) = literal else {
        return Ok(None);
    };
    of_literal(&scanner, literal)
}

/// The literal that the whole text is.
fn literal_of(text: &str) -> Option<(Scanner<'_>, Literal)> {
    let mut scanner = Scanner::new(text, WHAT);
    let literal = assigned(&mut scanner).ok()?;
    blank(&mut scanner);
    let _ = scanner.eat(";") || scanner.eat(",");
    blank(&mut scanner);
    scanner.end().ok()?;
    Some((scanner, literal))
}

/// The architecture that a literal is, if it can be one.
fn of_literal(scanner: &Scanner<'_>, literal: Literal) -> Result<Option<Reading>, SpaceError> {
    let Literal { at, value } = literal;
    match value {
        Value::Text(name) if is_plain(&name) && name.len() <= QUOTED => {
            named::by_name(&name).map(|named| Some(Reading::plain(named.genotype.clone())))
        }
        // A text within quotes.
        Value::Text(inner) if inner.len() > 2 && inner.len() < scanner.length() => {
            Ok(Some(Reading::plain(read_one(&inner)?)))
        }
        Value::Integer(number) => Err(SpaceError::parse(
            WHAT,
            format!(
                "{number} alone can be the number of anything; write index:{number} for a cell of NAS-Bench-201"
            ),
        )),
        Value::Fields(fields) => {
            let is_structure = fields.name.ends_with("Structure");
            if is_structure && let [only] = fields.positional.as_slice() {
                return of_literal(scanner, only.clone());
            }
            // What other programs write around an architecture.
            let around = ["genotype", "arch", "arch_str", "architecture"];
            let inner = fields
                .named
                .iter()
                .find(|(_, name, _)| around.contains(&name.as_str()));
            if fields.name == "dict"
                && !fields.named.iter().any(|(_, name, _)| name == "normal")
                && let Some((_, _, inner)) = inner
            {
                return of_literal(scanner, inner.clone());
            }
            let has_cells = fields.named.iter().any(|(_, name, _)| name == "normal");
            if fields.name == "dict" && !has_cells {
                // A line of a log in JSON, perhaps, with an architecture in one of its texts.
                return Ok(None);
            }
            let genotype = darts_of(scanner, at, fields)?;
            Ok(Some(Reading::plain(Genotype::Darts(genotype))))
        }
        Value::List(elements) => of_list(scanner, at, elements).map(Some),
        _ => Ok(None),
    }
}

fn of_list(scanner: &Scanner<'_>, at: usize, elements: Vec<Literal>) -> Result<Reading, SpaceError> {
    if naslib::is_darts(&elements) {
        let value = Value::List(elements);
        return Ok(Reading {
            genotype: naslib::naslib(scanner, Literal { at, value })?,
            note: Some(
                "read as NASLib's list of a normal and a reduction cell, 0 = max_pool_3x3 to 6 = dil_conv_5x5; \
                 naslib: before it says so"
                    .to_owned(),
            ),
        });
    }
    if elements
        .iter()
        .all(|element| matches!(element.value, Value::Integer(_)))
    {
        return Err(SpaceError::parse(
            WHAT,
            "numbers alone can be operations in any library's order; write naslib:(4, 0, 3, 1, 4, 3) for NASLib's, \
             index:N for a cell of NAS-Bench-201 by its number, or the operations by name: |nor_conv_3x3~0|+…",
        ));
    }
    // Each node's edges, from all states before it.
    let mut nodes = Vec::new();
    for (before, group) in elements.into_iter().enumerate() {
        let group_at = group.at;
        let mut edges = Vec::new();
        let parts = list(scanner, group)?;
        // One edge in brackets that are no tuple.
        let parts = match parts.first().map(|part| &part.value) {
            Some(Value::Text(_)) => vec![Literal {
                at: group_at,
                value: Value::List(parts),
            }],
            _ => parts,
        };
        for part in parts {
            edges.push(edge(scanner, part)?);
        }
        edges.sort_by_key(|(_, from)| *from);
        if !edges.iter().map(|(_, from)| *from).eq(0..=before) {
            let expected = format!(
                "one edge from each of the states 0 to {before}, as in NAS-Bench-201; a cell of DARTS is read from Genotype(normal=…)"
            );
            return Err(scanner.error_at(group_at, &expected));
        }
        nodes.push(Node::add(edges));
    }
    let last = nodes.len();
    let cell = Cell::new(1, nodes, vec![last])?;
    Ok(Reading::plain(Genotype::Nb201(Nb201Genotype { cell })))
}

fn by_naslib(text: &str) -> Result<Genotype, SpaceError> {
    let bare = text.trim();
    let digits = bare.len() > 1 && bare.bytes().all(|c| c.is_ascii_digit());
    let bracketed = if digits {
        let digits: Vec<String> = bare.chars().map(String::from).collect();
        format!("[{}]", digits.join(","))
    } else if bare.starts_with(|c: char| c.is_ascii_digit()) {
        format!("[{bare}]")
    } else {
        bare.to_owned()
    };
    let mut scanner = Scanner::new(&bracketed, "a list of NASLib");
    let literal = assigned(&mut scanner)?;
    blank(&mut scanner);
    scanner.end()?;
    naslib::naslib(&scanner, literal)
}

fn by_index(text: &str) -> Result<Genotype, SpaceError> {
    let cell = text.trim().parse().ok().and_then(nb201_by_index);
    let Some(architecture) = cell else {
        let got = shortened(text.trim());
        return Err(SpaceError::parse(
            "a number of NAS-Bench-201",
            format!("it is '{got}'; expected 0 to 15624"),
        ));
    };
    nb201().genotype(&architecture)
}

/// Where a written architecture begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occurrence {
    /// `Genotype(` or a dictionary with `normal`.
    Darts(usize),
    /// `|op~0|`, and where it ends.
    Nb201(usize, usize),
}

impl Occurrence {
    fn start(self) -> usize {
        match self {
            Self::Darts(start) | Self::Nb201(start, _) => start,
        }
    }
}

/// All places where an architecture seems to begin, in order; those in lines of comments only where
/// there are no others.
fn occurrences(text: &str) -> Vec<Occurrence> {
    let mut all: Vec<Occurrence> = Vec::new();
    for (start, _) in text.match_indices("Genotype") {
        let before = text[..start].chars().next_back();
        let is_word = before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_word && text[start + "Genotype".len()..].trim_start().starts_with('(') {
            all.push(Occurrence::Darts(start));
        }
    }
    for (place, _) in text.match_indices("normal") {
        let quoted = |c: char| matches!(c, '\'' | '"' | '\\');
        if !text[place + "normal".len()..].starts_with(quoted) {
            continue;
        }
        let before = text[..place].trim_end_matches(|c: char| quoted(c) || c.is_whitespace());
        if before.ends_with('{') && before.len() < place {
            all.push(Occurrence::Darts(before.len() - 1));
            continue;
        }
        let before = before.trim_end_matches(|c: char| matches!(c, '(' | '[') || c.is_whitespace());
        if before.ends_with("OrderedDict") {
            all.push(Occurrence::Darts(before.len() - "OrderedDict".len()));
        }
    }
    let mut end = 0;
    for (start, _) in text.match_indices('|') {
        if start >= end
            && let Some(length) = nb201_prefix(&text[start..])
        {
            end = start + length;
            all.push(Occurrence::Nb201(start, end));
        }
    }
    all.sort_by_key(|occurrence| occurrence.start());
    let commented = |occurrence: &Occurrence| {
        let line = text[..occurrence.start()].rfind('\n').map_or(0, |end| end + 1);
        text[line..].trim_start().starts_with('#')
    };
    if all.iter().all(commented) {
        return all;
    }
    all.retain(|occurrence| !commented(occurrence));
    all
}

/// The architecture that begins there; what follows it does not matter.
fn at(text: &str, occurrence: Occurrence) -> Result<Genotype, SpaceError> {
    match occurrence {
        Occurrence::Nb201(start, end) => match parse_nb201_loosely(&text[start..end])? {
            Some(genotype) => Ok(Genotype::Nb201(genotype)),
            None => Err(unreadable(&text[start..])),
        },
        Occurrence::Darts(start) => {
            let plain = darts_at(text, start);
            let read = match (plain, unescaped(&text[start..])) {
                (Err(_), Some(unescaped)) => darts_at(&unescaped, 0),
                (plain, _) => plain,
            };
            read.map(|(genotype, _)| Genotype::Darts(genotype))
        }
    }
}

/// The text without the backslashes that a program put before quotes when it wrote it as a string,
/// if there are any.
fn unescaped(text: &str) -> Option<String> {
    let escaped = ["\\'", "\\\""].iter().any(|quote| text.contains(quote));
    escaped.then(|| {
        text.replace("\\'", "'")
            .replace("\\\"", "\"")
            .replace("\\n", "\n")
    })
}

/// What is said of one of several.
fn chosen(text: &str, taken: Occurrence, count: usize, cut_off: usize) -> Option<String> {
    if count == 1 {
        return None;
    }
    let line = text[..taken.start()].matches('\n').count() + 1;
    let which = match cut_off {
        0 => "the last one",
        _ => "the last one that is complete",
    };
    Some(format!(
        "it holds {count} architectures; {which}, on line {line}, is taken"
    ))
}

fn ends_there(error: &SpaceError) -> bool {
    matches!(error, SpaceError::Parse { reason, .. } if reason.ends_with(Scanner::ENDS_THERE))
}

fn unreadable(text: &str) -> SpaceError {
    if text.is_empty() {
        return SpaceError::parse(WHAT, format!("there is no text; expected {FORMS}"));
    }
    // If the text could be a name, the error lists the known names.
    if text.len() <= QUOTED
        && is_plain(text)
        && let Err(unknown) = named::by_name(text)
    {
        return unknown;
    }
    SpaceError::parse(WHAT, format!("it begins '{}'; expected {FORMS}", shortened(text)))
}

/// The beginning of a text's first line, for errors.
pub fn shortened(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let begins: String = line.chars().take(QUOTED).filter(|c| !c.is_control()).collect();
    let more = if begins.len() < text.trim().len() {
        "…"
    } else {
        ""
    };
    format!("{begins}{more}")
}

#[cfg(test)]
mod tests;

//! Whether a column holds options or numbers of options.

use std::collections::HashSet;

use nas_space::arch::Decision;

use super::mapping::Read;
use crate::import::short;

/// What the lines of a column show.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The texts so far, of which only the first of each shows anything.
    known: HashSet<String>,
    /// The first text that is no option.
    not_option: Option<Seen>,
    /// The first text that is no number of an option.
    not_number: Option<Seen>,
    /// The first text that is neither.
    neither: Option<Seen>,
    /// The first text that is no option, not even in another spelling.
    not_spelt: Option<Seen>,
    /// The first text that, as a number, is another option than the one that it names, and that
    /// option's number.
    differs: Option<(Seen, usize)>,
}

/// A text and its line.
#[derive(Debug, Clone)]
struct Seen {
    line: u64,
    text: String,
}

impl Evidence {
    /// Notes a text, and the option that it stands for if it is a number.
    pub(super) fn note(&mut self, line: u64, text: &str, decision: &Decision, number: Option<usize>) {
        if self.known.contains(text) {
            return;
        }
        self.known.insert(text.to_owned());
        let seen = || Seen {
            line,
            text: short(text),
        };
        let exact = decision.options.iter().position(|option| option == text);
        let option = exact.or_else(|| {
            decision
                .options
                .iter()
                .position(|option| is_spelling(text, option))
        });
        if exact.is_none() {
            self.not_option.get_or_insert_with(seen);
        }
        if number.is_none() {
            self.not_number.get_or_insert_with(seen);
        }
        if exact.is_none() && number.is_none() {
            self.neither.get_or_insert_with(seen);
        }
        match (option, number) {
            (None, _) => {
                self.not_spelt.get_or_insert_with(seen);
            }
            (Some(option), Some(number)) if option != number => {
                self.differs.get_or_insert_with(|| (seen(), number));
            }
            _ => {}
        }
    }

    /// How the column is to be read.
    ///
    /// # Errors
    /// Why it cannot be told, and what to write in the mapping.
    pub(super) fn conclude(&self, column: &str, decision: &Decision) -> Result<Read, String> {
        let place = |seen: &Seen| format!("line {}, column '{column}'", seen.line);
        let options = || short(&decision.options.join(", "));
        if let (None, None, Some((seen, number))) = (&self.not_number, &self.not_spelt, &self.differs) {
            return Err(format!(
                "{}: '{}' can be an option of '{}', or the number of the option '{}', as options are numbered from 0; no line of \
                 this column shows which. Write reads = \"options\" or reads = \"numbers\" under [architecture] in the mapping, \
                 or a list with a word for each column",
                place(seen),
                seen.text,
                decision.name,
                short(&decision.options[*number])
            ));
        }
        match (&self.not_option, &self.not_number, &self.neither) {
            (None, ..) => Ok(Read::Options),
            (_, None, _) => Ok(Read::Numbers),
            (_, _, Some(seen)) => {
                let meant = decision
                    .options
                    .iter()
                    .find(|option| is_spelling(&seen.text, option));
                let hint = meant.map_or_else(String::new, |option| {
                    format!(" (as it is written there: '{option}')")
                });
                Err(format!(
                    "{}: '{}' is no option of '{}'; expected one of {}{hint} or its number, 0 to {}",
                    place(seen),
                    seen.text,
                    decision.name,
                    options(),
                    decision.options.len() - 1
                ))
            }
            (Some(number), Some(option), None) => Err(format!(
                "{}: '{}' is an option of '{}' and no number of one, and on line {} '{}' is a number and no option; expected \
                 options ({}) on all lines, or numbers",
                place(option),
                option.text,
                decision.name,
                number.line,
                number.text,
                options()
            )),
        }
    }
}

/// Whether a text names an option in another spelling: `True` and `true`, `03` and `3`, `1` and
/// `true`.
fn is_spelling(text: &str, option: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let truth = |text: &str| match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    };
    let same_number = number(text).is_some_and(|one| number(option) == Some(one));
    let same_truth = truth(text).is_some_and(|one| truth(option) == Some(one));
    text.eq_ignore_ascii_case(option) || same_number || same_truth
}

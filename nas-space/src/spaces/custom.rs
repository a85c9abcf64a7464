//! Cell spaces as a text describes them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::grammar::{CellGrammar, Output, Wiring};
use super::{CellSpace, Skeleton, SpaceError, names, subsets};
use crate::cell::Combine;
use crate::op::Operations;

/// A user-defined cell space.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `name` | | the space's name | letters, digits, `-`, `_`; no built-in space's |
/// | `skeleton` | | what stands around the cells | `"darts"`, `"nb201"` |
/// | `operations` | | what can be chosen for an edge | known, different, one or more |
/// | `nodes` | | inner nodes of a cell | 1 to 20 |
/// | `inputs` | `"all"` | an edge from every earlier state, or from k different ones, which are chosen (all where there are fewer) | `"all"` or k ≥ 1 |
/// | `reduction` | `"shared"` | whether the cell that halves is the same one (at stride 2) or of its own; nb201: shared | `"shared"`, `"separate"` |
/// | `filled` | `false` | whether a cell of fewer nodes is filled up to all of them by nodes without effect, so that growing cells are points of the full-grown space; nb201 with all inputs, the last state as output, and `none` and `skip_connect` among the operations | `true`, `false` |
/// | `output` | darts: `"all"`, nb201: `"last"` | the states the output concatenates: all inner ones, those that no node reads, the last one, or a list; nb201: one | `"all"`, `"loose"`, `"last"`, list |
///
/// Nodes add. States are numbered from 0: the skeleton's inputs (two in darts, one in nb201), then
/// the nodes. A space of one cell grows node by node, unless the output is a list.
///
/// # Example
/// ```
/// use nas_space::op::Operations;
/// use nas_space::spaces::{CustomConfig, Space};
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let text = r#"
///     name = "two_nodes"
///     skeleton = "darts"
///     operations = ["skip_connect", "sep_conv_3x3", "max_pool_3x3"]
///     nodes = 2
///     inputs = 2
/// "#;
/// let space = CustomConfig::from_toml(text)?.build(Operations::standard())?;
/// assert_eq!(space.size(), (9_u32 * 3 * 9).into());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CustomConfig {
    /// The space's name; no built-in space has it.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9_-]+$")))]
    pub name: String,
    /// Network around the cells.
    pub skeleton: Skeleton,
    /// Operations that can be chosen for an edge.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub operations: Vec<String>,
    /// Inner nodes of a cell.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 20)))]
    pub nodes: usize,
    /// Earlier states that a node reads: `"all"`, or a number of different ones, which are chosen.
    #[serde(default)]
    pub inputs: NodeInputs,
    /// Whether the cell that halves height and width is the same one or a second one.
    #[serde(default)]
    pub reduction: Reduction,
    /// Whether a cell of fewer nodes is filled up with nodes without effect, so that growing cells
    /// are points of the full-grown space.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub filled: bool,
    /// States that the output concatenates: `"all"`, `"loose"` (those that no node reads),
    /// `"last"`, or a list of numbers. The DARTS skeleton has `"all"` where it is left out, the
    /// NAS-Bench-201 skeleton `"last"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputStates>,
}

/// Which earlier states a node has edges from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "InputsText", into = "InputsText")]
pub enum NodeInputs {
    /// Every one.
    #[default]
    All,
    /// So many different ones, which are chosen; every one where there are fewer.
    Distinct(usize),
}

/// Whether height and width are halved by the same cell or by one of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// The same cell, with stride 2 on the edges from its inputs.
    #[default]
    Shared,
    /// A second cell of the same kind.
    Separate,
}

/// The states a cell's output concatenates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "OutputText", into = "OutputText")]
pub enum OutputStates {
    /// All inner states.
    All,
    /// The inner states that no node reads.
    Loose,
    /// The last one.
    Last,
    /// These inner states.
    States(Vec<usize>),
}

/// Anything, so that the error can say what is legal.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum InputsText {
    Word(#[cfg_attr(feature = "schema", schemars(extend("const" = "all")))] String),
    Count(#[cfg_attr(feature = "schema", schemars(range(min = 1)))] usize),
    #[cfg_attr(feature = "schema", schemars(skip))]
    Other(Anything),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum OutputText {
    Word(#[cfg_attr(feature = "schema", schemars(extend("enum" = ["all", "loose", "last"])))] String),
    States(
        #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1)), extend("uniqueItems" = true)))]
         Vec<usize>,
    ),
    #[cfg_attr(feature = "schema", schemars(skip))]
    Other(Anything),
}

#[derive(Default)]
struct Anything;

impl Serialize for Anything {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl TryFrom<InputsText> for NodeInputs {
    type Error = SpaceError;

    fn try_from(text: InputsText) -> Result<Self, SpaceError> {
        let refuse = |got| SpaceError::config("inputs", got, "\"all\" or a number of at least 1");
        match text {
            InputsText::Word(word) if word == "all" => Ok(Self::All),
            InputsText::Word(word) => Err(refuse(format!("\"{word}\""))),
            InputsText::Count(count) => Ok(Self::Distinct(count)),
            InputsText::Other(_) => Err(refuse("neither".to_owned())),
        }
    }
}

impl From<NodeInputs> for InputsText {
    fn from(inputs: NodeInputs) -> Self {
        match inputs {
            NodeInputs::All => Self::Word("all".to_owned()),
            NodeInputs::Distinct(count) => Self::Count(count),
        }
    }
}

impl TryFrom<OutputText> for OutputStates {
    type Error = SpaceError;

    fn try_from(text: OutputText) -> Result<Self, SpaceError> {
        let refuse =
            |got| SpaceError::config("output", got, "\"all\", \"loose\", \"last\" or a list of states");
        match text {
            OutputText::Word(word) => match word.as_str() {
                "all" => Ok(Self::All),
                "loose" => Ok(Self::Loose),
                "last" => Ok(Self::Last),
                _ => Err(refuse(format!("\"{word}\""))),
            },
            OutputText::States(states) => Ok(Self::States(states)),
            OutputText::Other(_) => Err(refuse("none of these".to_owned())),
        }
    }
}

impl From<OutputStates> for OutputText {
    fn from(output: OutputStates) -> Self {
        let word = match output {
            OutputStates::All => "all",
            OutputStates::Loose => "loose",
            OutputStates::Last => "last",
            OutputStates::States(states) => return Self::States(states),
        };
        Self::Word(word.to_owned())
    }
}

/// Most sets of inputs that a node can choose from.
const MOST_INPUT_SETS: usize = 4096;

impl CustomConfig {
    /// Reads the TOML text. Ranges are checked by [`CustomConfig::build`].
    ///
    /// # Errors
    /// [`SpaceError::Parse`] with line, key and what was expected.
    pub fn from_toml(text: &str) -> Result<Self, SpaceError> {
        toml::from_str(text).map_err(|error| SpaceError::parse("the space's description", error.to_string()))
    }

    /// The space, with its operations taken from this vocabulary.
    ///
    /// # Errors
    /// [`SpaceError::Config`] names the field that is out of range.
    pub fn build(&self, operations: Operations) -> Result<CellSpace, SpaceError> {
        self.check_name()?;
        self.check_operations(&operations)?;
        if !(1..=20).contains(&self.nodes) {
            return Err(SpaceError::config("nodes", self.nodes, "1 to 20"));
        }
        let inputs = match self.skeleton {
            Skeleton::Darts => 2,
            Skeleton::Nb201 => 1,
        };
        if self.skeleton == Skeleton::Nb201 && self.reduction == Reduction::Separate {
            return Err(SpaceError::config(
                "reduction",
                "\"separate\"",
                "\"shared\": the nb201 skeleton halves by itself",
            ));
        }
        let grammar = CellGrammar {
            inputs,
            nodes: self.nodes,
            wiring: self.wiring(inputs)?,
            operations: self.operations.clone(),
            combines: vec![Combine::Add],
            output: self.output(inputs)?,
            filled: self.filled,
        };
        let has_reduction = self.reduction == Reduction::Separate;
        let can_fill = self.skeleton == Skeleton::Nb201
            && grammar.wiring == Wiring::All
            && grammar.output == Output::Last
            && ["none", "skip_connect"]
                .iter()
                .all(|name| self.operations.iter().any(|o| o == name));
        if self.filled && !can_fill {
            let expected = "false, or the nb201 skeleton with all inputs, the last state as output, and none and skip_connect \
                            among the operations";
            return Err(SpaceError::config("filled", true, expected));
        }
        Ok(CellSpace::new(
            self.name.clone(),
            self.skeleton,
            grammar,
            has_reduction,
            operations,
        ))
    }

    fn check_name(&self) -> Result<(), SpaceError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(legal) {
            return Err(SpaceError::config(
                "name",
                format!("'{}'", self.name),
                "letters, digits, '-' and '_'",
            ));
        }
        if names().contains(&self.name.as_str()) {
            return Err(SpaceError::config(
                "name",
                format!("'{}'", self.name),
                "a name that no built-in space has",
            ));
        }
        Ok(())
    }

    fn check_operations(&self, operations: &Operations) -> Result<(), SpaceError> {
        if self.operations.is_empty() {
            return Err(SpaceError::config("operations", "[]", "at least one name"));
        }
        let mut seen = HashSet::new();
        for (i, name) in self.operations.iter().enumerate() {
            let at = format!("operations[{i}]");
            if operations.get(name).is_err() {
                let known: Vec<&str> = operations.names().collect();
                let expected = format!("one of {}", known.join(", "));
                return Err(SpaceError::config(at, format!("'{name}'"), expected));
            }
            if !seen.insert(name) {
                return Err(SpaceError::config(
                    at,
                    format!("'{name}' again"),
                    "different operations",
                ));
            }
        }
        Ok(())
    }

    fn wiring(&self, inputs: usize) -> Result<Wiring, SpaceError> {
        match self.inputs {
            NodeInputs::All => Ok(Wiring::All),
            NodeInputs::Distinct(0) => Err(SpaceError::config(
                "inputs",
                0,
                "\"all\" or a number of at least 1",
            )),
            NodeInputs::Distinct(size) => {
                for states in inputs..inputs + self.nodes {
                    let sets = subsets::count(states, size.min(states));
                    if sets.is_none_or(|sets| sets > MOST_INPUT_SETS) {
                        let expected = format!(
                            "at most {MOST_INPUT_SETS} sets of states for each of {} nodes",
                            self.nodes
                        );
                        return Err(SpaceError::config("inputs", size, expected));
                    }
                }
                Ok(Wiring::Distinct(size))
            }
        }
    }

    fn output(&self, inputs: usize) -> Result<Output, SpaceError> {
        let nb201 = self.skeleton == Skeleton::Nb201;
        let refuse = |got: &str| {
            let expected = "\"last\" or a list of one state: the nb201 skeleton takes one";
            Err(SpaceError::config("output", got, expected))
        };
        match &self.output {
            None => Ok(if nb201 { Output::Last } else { Output::All }),
            Some(OutputStates::Last) => Ok(Output::Last),
            Some(OutputStates::All) if nb201 && self.nodes > 1 => refuse("\"all\""),
            Some(OutputStates::Loose) if nb201 && self.nodes > 1 => refuse("\"loose\""),
            Some(OutputStates::All) => Ok(Output::All),
            Some(OutputStates::Loose) => Ok(Output::Loose),
            Some(OutputStates::States(states)) => {
                let got = format!("{states:?}");
                if nb201 && states.len() != 1 {
                    return refuse(&got);
                }
                let inner = inputs..inputs + self.nodes;
                let mut seen = HashSet::new();
                if states.is_empty() || !states.iter().all(|s| inner.contains(s) && seen.insert(s)) {
                    let expected = format!("different inner states, {} to {}", inner.start, inner.end - 1);
                    return Err(SpaceError::config("output", got, expected));
                }
                Ok(Output::States(states.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces::Space;

    fn build(text: &str) -> Result<CellSpace, SpaceError> {
        CustomConfig::from_toml(text)?.build(Operations::standard())
    }

    const NB201: &str = r#"
        name = "mine"
        skeleton = "nb201"
        operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
        nodes = 3
    "#;

    #[test]
    fn built_in_spaces_can_be_described() {
        let mine = build(NB201).unwrap();
        assert_eq!(mine.size(), 15_625_u32.into());
        assert_eq!(mine.decisions(), super::super::nb201().decisions());
        let text = r#"
            name = "mine"
            skeleton = "darts"
            operations = ["max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"]
            nodes = 4
            inputs = 2
            reduction = "separate"
        "#;
        let mine = build(text).unwrap();
        assert_eq!(mine.decisions(), super::super::darts().decisions());
        assert!(mine.growth().is_none());
    }

    #[test]
    fn a_space_of_one_cell_grows_unless_its_output_is_fixed() {
        assert!(build(NB201).unwrap().growth().is_some());
        assert!(
            build(&format!("{NB201}\noutput = [3]"))
                .unwrap()
                .growth()
                .is_none()
        );
    }

    #[test]
    fn the_description_round_trips_through_toml() {
        for extra in [
            "",
            "inputs = 2",
            "output = [2]",
            "output = \"last\"\ninputs = \"all\"",
        ] {
            let config = CustomConfig::from_toml(&format!("{NB201}\n{extra}")).unwrap();
            let text = toml::to_string(&config).unwrap();
            assert_eq!(CustomConfig::from_toml(&text).unwrap(), config, "{text}");
        }
    }

    #[test]
    fn errors_name_the_key() {
        let cases = [
            ("name = \"mine\"", "name = \"\"", "name is ''; expected letters"),
            (
                "name = \"mine\"",
                "name = \"darts\"",
                "name is 'darts'; expected a name that",
            ),
            (
                "\"nor_conv_1x1\"",
                "\"nor_conv_2x2\"",
                "operations[2] is 'nor_conv_2x2'; expected one of avg_pool_3x3",
            ),
            (
                "\"nor_conv_1x1\"",
                "\"none\"",
                "operations[2] is 'none' again; expected different",
            ),
            ("nodes = 3", "nodes = 0", "nodes is 0; expected 1 to 20"),
            ("nodes = 3", "nodes = 3\ninputs = 0", "inputs is 0; expected"),
            (
                "nodes = 3",
                "nodes = 20\ninputs = 9",
                "inputs is 9; expected at most 4096",
            ),
            (
                "nodes = 3",
                "nodes = 3\ninputs = \"some\"",
                "inputs is \"some\"; expected \"all\"",
            ),
            (
                "nodes = 3",
                "nodes = 3\ninputs = [1]",
                "inputs is neither; expected \"all\"",
            ),
            ("nodes = 3", "nodes = 3\nreduction = \"separate\"", "reduction is"),
            (
                "nodes = 3",
                "nodes = 3\noutput = \"loose\"",
                "output is \"loose\"",
            ),
            ("nodes = 3", "nodes = 3\noutput = [4]", "output is [4]"),
            ("nodes = 3", "nodes = 3\noutput = 1.5", "output is none of these"),
            ("nodes = 3", "nodes = 3\nnode = 2", "unknown field `node`"),
            ("nodes = 3", "", "missing field `nodes`"),
            (
                "skeleton = \"nb201\"",
                "skeleton = \"resnet\"",
                "unknown variant `resnet`",
            ),
        ];
        for (old, new, expected) in cases {
            assert!(NB201.contains(old));
            let error = build(&NB201.replace(old, new)).unwrap_err().to_string();
            assert!(error.contains(expected), "{new}: {error}");
        }
    }
}

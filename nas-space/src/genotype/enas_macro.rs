//! Whole networks of ENAS' macro space.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::SpaceError;

/// Most layers of a network of the macro space.
pub(crate) const MAX_MACRO_LAYERS: usize = 64;
/// What stands before the layers in the written form.
const PREFIX: &str = "enas-macro:";

/// What a layer of ENAS' macro space computes, numbered as in the authors' code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MacroOperation {
    /// A dense 3×3 convolution.
    #[serde(rename = "conv_3x3")]
    Conv3x3,
    /// A depthwise 3×3 and a pointwise convolution.
    #[serde(rename = "sep_conv_3x3")]
    Separable3x3,
    /// A dense 5×5 convolution.
    #[serde(rename = "conv_5x5")]
    Conv5x5,
    /// A depthwise 5×5 and a pointwise convolution.
    #[serde(rename = "sep_conv_5x5")]
    Separable5x5,
    /// 3×3 average pooling.
    #[serde(rename = "avg_pool_3x3")]
    AveragePool3x3,
    /// 3×3 max pooling.
    #[serde(rename = "max_pool_3x3")]
    MaxPool3x3,
}

impl MacroOperation {
    /// All of them, in the order of the options of a space.
    pub const ALL: [Self; 6] = [
        Self::Conv3x3,
        Self::Separable3x3,
        Self::Conv5x5,
        Self::Separable5x5,
        Self::AveragePool3x3,
        Self::MaxPool3x3,
    ];

    /// Its name, such as `sep_conv_5x5`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conv3x3 => "conv_3x3",
            Self::Separable3x3 => "sep_conv_3x3",
            Self::Conv5x5 => "conv_5x5",
            Self::Separable5x5 => "sep_conv_5x5",
            Self::AveragePool3x3 => "avg_pool_3x3",
            Self::MaxPool3x3 => "max_pool_3x3",
        }
    }

    /// Its place in [`MacroOperation::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// One layer of a [`MacroGenotype`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MacroLayer {
    /// What it computes of the layer before it, or of the stem.
    pub operation: MacroOperation,
    /// The states that are added to that, in increasing order: 0 is the stem's output and i that of
    /// layer i − 1. Layer k may name those below k, as in the authors' code: state k is what it
    /// computes on.
    pub skips: Vec<usize>,
}

/// A whole network of ENAS' macro space (Pham et al. 2018, arXiv 1802.03268, section 2.3): 1 to 64
/// layers.
///
/// It is written `enas-macro: 0 | 3 0 | 0 1 0`: for each layer the number of its operation, then
/// for each state that it may add 1 where it does. That is the authors' `fixed_arc` with bars
/// between the layers; one without prefix and bars is read as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "MacroText", into = "MacroText")]
pub struct MacroGenotype {
    layers: Vec<MacroLayer>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MacroText {
    layers: Vec<MacroLayer>,
}

impl MacroGenotype {
    /// A network of these layers.
    ///
    /// # Errors
    /// [`SpaceError::Config`] for no layers or more than 64, or skips that are not states below the
    /// layer's number in increasing order.
    pub fn new(layers: Vec<MacroLayer>) -> Result<Self, SpaceError> {
        if !(1..=MAX_MACRO_LAYERS).contains(&layers.len()) {
            let expected = format!("1 to {MAX_MACRO_LAYERS} layers");
            return Err(SpaceError::config("layers", layers.len(), expected));
        }
        for (i, layer) in layers.iter().enumerate() {
            let increasing = layer.skips.windows(2).all(|pair| pair[0] < pair[1]);
            if !increasing || layer.skips.last().is_some_and(|&last| last >= i) {
                let got: String = format!("{:?}", layer.skips).chars().take(100).collect();
                let expected = format!("states below {i}, in order");
                return Err(SpaceError::config(format!("layers[{i}].skips"), got, expected));
            }
        }
        Ok(Self { layers })
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[MacroLayer] {
        &self.layers
    }

    /// Whether this is a written form of such a network, and no name.
    pub(crate) fn is_written(text: &str) -> bool {
        text.starts_with(PREFIX)
            || (text.starts_with(|c: char| c.is_ascii_digit())
                && text
                    .chars()
                    .all(|c| c.is_ascii_digit() || c.is_whitespace() || c == '|'))
    }
}

impl TryFrom<MacroText> for MacroGenotype {
    type Error = SpaceError;

    fn try_from(text: MacroText) -> Result<Self, SpaceError> {
        Self::new(text.layers)
    }
}

impl From<MacroGenotype> for MacroText {
    fn from(genotype: MacroGenotype) -> Self {
        Self {
            layers: genotype.layers,
        }
    }
}

impl fmt::Display for MacroGenotype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                f.write_str(" |")?;
            }
            write!(f, " {}", layer.operation.index())?;
            for state in 0..i {
                write!(f, " {}", u8::from(layer.skips.contains(&state)))?;
            }
        }
        Ok(())
    }
}

impl FromStr for MacroGenotype {
    type Err = SpaceError;

    fn from_str(text: &str) -> Result<Self, SpaceError> {
        let wrong = |reason: String| SpaceError::parse("an architecture of ENAS' macro space", reason);
        let text = text.trim();
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        let barred = text.contains('|');
        let mut words = text
            .split(|c: char| c.is_whitespace() || c == '|')
            .filter(|word| !word.is_empty());
        let mut layers: Vec<MacroLayer> = Vec::new();
        while let Some(word) = words.next() {
            let number = layers.len();
            if number == MAX_MACRO_LAYERS {
                return Err(wrong(format!("it has more than {MAX_MACRO_LAYERS} layers")));
            }
            let short = |word: &str| word.chars().take(20).collect::<String>();
            let operation = word
                .parse()
                .ok()
                .and_then(|place: usize| MacroOperation::ALL.get(place));
            let Some(&operation) = operation else {
                let got = short(word);
                return Err(wrong(format!(
                    "the operation of layer {number} is '{got}'; expected a number from 0 to 5"
                )));
            };
            let mut skips = Vec::new();
            for state in 0..number {
                match words.next() {
                    Some("1") => skips.push(state),
                    Some("0") => {}
                    Some(other) => {
                        let got = short(other);
                        return Err(wrong(format!(
                            "layer {number} has '{got}' for state {state}; expected 0 or 1"
                        )));
                    }
                    None => {
                        return Err(wrong(format!(
                            "layer {number} ends after {state} of its {number} skip connections; expected layer k to \
                             have an operation and k numbers of 0 or 1"
                        )));
                    }
                }
            }
            layers.push(MacroLayer { operation, skips });
        }
        if layers.is_empty() {
            return Err(wrong("it has no layers".to_owned()));
        }
        let counts = text.split('|').map(|layer| layer.split_whitespace().count());
        if barred && !counts.eq(1..=layers.len()) {
            return Err(wrong(
                "the bars do not stand between the layers; expected 1 number before the first, then 2, 3, …"
                    .to_owned(),
            ));
        }
        Self::new(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genotype::Genotype;

    #[test]
    fn what_is_written_is_read_back() {
        let text = "enas-macro: 0 | 3 0 | 0 1 0 | 5 0 1 1";
        let genotype: Genotype = text.parse().unwrap();
        let Genotype::EnasMacro(network) = &genotype else {
            panic!("{genotype:?}");
        };
        assert_eq!(network.layers()[3].operation, MacroOperation::MaxPool3x3);
        assert_eq!(network.layers()[3].skips, [1, 2]);
        assert_eq!(genotype.to_string(), text);
        assert_eq!(genotype.to_json().parse::<Genotype>().unwrap(), genotype);
        for other in [
            "0 3 0 0 1 0 5 0 1 1",
            " 0\n3 0\n0 1 0\n5 0 1 1 ",
            "0 | 3 0 | 0 1 0 | 5 0 1 1",
        ] {
            assert_eq!(other.parse::<Genotype>().unwrap(), genotype, "{other}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_a_reason() {
        for (text, reason) in [
            ("enas-macro:", "no layers"),
            ("enas-macro: 6", "from 0 to 5"),
            ("0 3", "ends after 0 of its 1"),
            ("0 3 2", "expected 0 or 1"),
            ("0 | 3 0 0 | 1 0", "the bars do not stand"),
            ("enas-macro: 99999999999999999999999", "from 0 to 5"),
        ] {
            let error = text.parse::<Genotype>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let many = "0 ".repeat(65 * 66 / 2);
        assert!(
            many.parse::<Genotype>()
                .unwrap_err()
                .to_string()
                .contains("more than 64")
        );
        let json = r#"{"kind": "enas_macro", "layers": [{"operation": "conv_3x3", "skips": [0]}]}"#;
        let error = json.parse::<Genotype>().unwrap_err().to_string();
        assert!(error.contains("states below 0"), "{error}");
    }
}

//! What architectures are measured by.

use std::fmt;

/// A figure other than accuracy by which architectures can be limited or compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Trainable parameters.
    Params,
    /// Multiply-accumulates of one forward pass for one image.
    Macs,
    /// A figure with a name, such as a table's latency.
    Named(String),
}

impl Quantity {
    /// The quantity of this name: `params`, `macs`, or a figure's.
    pub fn named(name: &str) -> Self {
        match name {
            "params" => Self::Params,
            "macs" => Self::Macs,
            name => Self::Named(name.to_owned()),
        }
    }

    /// Its name: `params`, `macs`, or the figure's.
    pub fn name(&self) -> &str {
        match self {
            Self::Params => "params",
            Self::Macs => "macs",
            Self::Named(name) => name,
        }
    }

    /// So much of it, for people: `1000 parameters`, `latency 3.5`.
    pub fn amount(&self, value: f64) -> String {
        match self {
            Self::Params => format!("{value} parameters"),
            Self::Macs => format!("{value} multiply-accumulates"),
            Self::Named(name) => format!("{name} {value}"),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

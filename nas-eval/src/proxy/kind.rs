//! The names of the proxies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// A zero-cost proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProxyKind {
    /// Norms of the gradients of weights.
    GradNorm,
    /// Sensitivity of the loss to the removal of each weight.
    Snip,
    /// Effect on the norm of the gradient of the removal of each weight.
    Grasp,
    /// Squared sensitivity of the loss to the removal of each channel.
    Fisher,
    /// How different the network's gradients are for different images.
    #[serde(alias = "jacob_cov")]
    Jacov,
    /// How different the signs are that ReLUs see for different images.
    #[serde(alias = "nwot")]
    Naswot,
    /// Product of the weights along all paths, without data.
    Synflow,
    /// How much the features change with the input, without data.
    Zen,
    /// How similar the network's gradients are within each class.
    EpeNas,
    /// Norms of the weights.
    L2Norm,
    /// Sum of weights times gradients.
    Plain,
    /// Number of parameters.
    #[serde(alias = "params")]
    Parameters,
    /// Number of multiply-accumulates.
    Macs,
}

impl ProxyKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::GradNorm,
        Self::Snip,
        Self::Grasp,
        Self::Fisher,
        Self::Jacov,
        Self::Naswot,
        Self::Synflow,
        Self::Zen,
        Self::EpeNas,
        Self::L2Norm,
        Self::Plain,
        Self::Parameters,
        Self::Macs,
    ];

    /// Its name, as users type it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GradNorm => "grad_norm",
            Self::Snip => "snip",
            Self::Grasp => "grasp",
            Self::Fisher => "fisher",
            Self::Jacov => "jacov",
            Self::Naswot => "naswot",
            Self::Synflow => "synflow",
            Self::Zen => "zen",
            Self::EpeNas => "epe_nas",
            Self::L2Norm => "l2_norm",
            Self::Plain => "plain",
            Self::Parameters => "parameters",
            Self::Macs => "macs",
        }
    }

    /// Another name that is understood, if there is one.
    pub const fn alias(self) -> Option<&'static str> {
        match self {
            Self::Jacov => Some("jacob_cov"),
            Self::Naswot => Some("nwot"),
            Self::Parameters => Some("params"),
            _ => None,
        }
    }

    /// What it measures, in one line.
    pub const fn doc(self) -> &'static str {
        match self {
            Self::GradNorm => "sum over layers of the norm of the gradient of the weights",
            Self::Snip => "sum of |weight × gradient|",
            Self::Grasp => "sum of −weight × (Hessian × gradient)",
            Self::Fisher => "squared sum of activation × gradient for each channel",
            Self::Jacov => "how different the gradients are for different images",
            Self::Naswot => "how different the signs are that ReLUs see for different images",
            Self::Synflow => "logarithm of the sum of weight × gradient for absolute weights; no data",
            Self::Zen => "change of the features with the input, for Gaussian weights and inputs; no data",
            Self::EpeNas => "correlation of the gradients of images of the same class",
            Self::L2Norm => "sum over layers of the norm of the weights; no data",
            Self::Plain => "sum of weight × gradient",
            Self::Parameters => "number of trainable parameters; no data",
            Self::Macs => "number of multiply-accumulates for one image; no data",
        }
    }

    /// Where it was published.
    pub const fn source(self) -> &'static str {
        match self {
            Self::GradNorm | Self::L2Norm | Self::Plain | Self::Parameters | Self::Macs => {
                "Abdelfattah et al. 2021, arXiv 2101.08134"
            }
            Self::Snip => "Lee et al. 2019, arXiv 1810.02340",
            Self::Grasp => "Wang et al. 2020, arXiv 2002.07376",
            Self::Fisher => "Theis et al. 2018, arXiv 1801.05787; Turner et al. 2020, arXiv 1906.04113",
            Self::Jacov => "Mellor et al. 2020, arXiv 2006.04647v1",
            Self::Naswot => "Mellor et al. 2021, arXiv 2006.04647",
            Self::Synflow => "Tanaka et al. 2020, arXiv 2006.05467",
            Self::Zen => "Lin et al. 2021, arXiv 2102.01063",
            Self::EpeNas => "Lopes et al. 2021, arXiv 2102.08099",
        }
    }

    /// Whether it is only computed on the CPU.
    pub const fn needs_cpu(self) -> bool {
        matches!(self, Self::Naswot | Self::Fisher | Self::Zen)
    }
}

impl fmt::Display for ProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ProxyKind {
    type Err = EvalError;

    fn from_str(text: &str) -> Result<Self, EvalError> {
        let is_meant = |kind: &Self| kind.name() == text || kind.alias() == Some(text);
        Self::ALL.into_iter().find(is_meant).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            EvalError::config("proxy", format!("'{text}'"), format!("one of {names}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_alias_is_understood_and_written_as_serde_writes_it() {
        for kind in ProxyKind::ALL {
            assert_eq!(kind.to_string().parse::<ProxyKind>().unwrap(), kind);
            let written = serde_json::to_string(&kind).unwrap();
            assert_eq!(written, format!("\"{kind}\""));
            for name in std::iter::once(kind.name()).chain(kind.alias()) {
                assert_eq!(name.parse::<ProxyKind>().unwrap(), kind);
                let read: ProxyKind = serde_json::from_str(&format!("\"{name}\"")).unwrap();
                assert_eq!(read, kind);
            }
            assert!(!kind.doc().is_empty() && kind.source().contains("arXiv"));
        }
        let refused = "naswut".parse::<ProxyKind>().unwrap_err().to_string();
        assert!(
            refused.contains("'naswut'") && refused.contains("naswot"),
            "{refused}"
        );
    }
}

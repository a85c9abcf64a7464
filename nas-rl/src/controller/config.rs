//! The parameters of a controller.

use serde::{Deserialize, Serialize};

use crate::error::RlError;

/// What a controller is made of. The defaults are those of NASNet's search (Zoph et al. 2018, arXiv
/// 1707.07012).
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `hidden` | 100 | width of the LSTM's state and of the embeddings | ≥ 1 |
/// | `layers` | 1 | layers of the LSTM | ≥ 1 |
/// | `init_bound` | 0.1 | all weights start uniform in ± this | ≥ 0, finite |
/// | `temperature` | 1 | scores are divided by it | > 0, finite |
/// | `tanh_constant` | 0 | scores are this times the tanh of themselves; 0 leaves them as they are | ≥ 0, finite |
/// | `operation_tanh_reduce` | 1 | `tanh_constant` is divided by it for decisions of kind `operation` | > 0, finite |
/// | `operation_bias` | none | what the biases of the scores of operations start from, in the order of the options | finite |
/// | `skips` | `anchors` | how decisions of kind `skip` are made | `anchors`, `decisions` |
/// | `form` | `heads` | how the recurrent network goes through the decisions | `heads`, `attention` |
/// | `operation_prior` | none | with `attention`, added to the bounded scores of the operations of the first cell; nothing learns it | finite |
/// | `skip_target` | 0.4 | the probability of a skip connection that [`RlConfig::skip_weight`](crate::RlConfig) holds anchors to | (0, 1) |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ControllerConfig {
    /// Width of the LSTM's state and of the embeddings.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub hidden: usize,
    /// Layers of the LSTM.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub layers: usize,
    /// Bound b of all weights at the start, which are drawn uniformly from −b to b.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub init_bound: f64,
    /// Number that scores are divided by.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub temperature: f64,
    /// Constant c that bounds scores, as c times their tanh; 0 leaves scores as they are.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub tanh_constant: f64,
    /// Number that `tanh_constant` is divided by for decisions of kind `operation`.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub operation_tanh_reduce: f64,
    /// Biases of the scores of operations at the start, in the order of the options; as usual where
    /// it is empty.
    ///
    /// A prior: ENAS's code favours separable convolutions this way, without a word of it in the
    /// paper.
    pub operation_bias: Vec<f64>,
    /// How decisions of kind `skip` are made.
    pub skips: Skips,
    /// How the recurrent network goes through the decisions.
    pub form: Form,
    /// With the form `attention`, numbers that are added to the bounded scores of the operations of
    /// the first cell, in the order of the options; nothing learns them.
    ///
    /// ENAS' code favours separable convolutions this way, too.
    pub operation_prior: Vec<f64>,
    /// Probability of a skip connection that anchors are held to, where `skip_weight` is above 0.
    /// ENAS has 0.4.
    ///
    /// See [`RlConfig::skip_weight`](crate::RlConfig::skip_weight). Pham et al. 2018.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1)))]
    pub skip_target: f64,
}

/// ENAS'.
const SKIP_TARGET: f64 = 0.4;

/// How decisions of kind `skip` are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Skips {
    /// At an anchor point for each layer, from the states of two layers.
    #[default]
    Anchors,
    /// One after the other, like any decision.
    Decisions,
}

/// How a controller's recurrent network goes through the decisions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A step and a softmax head for each decision.
    ///
    /// A skip connection has the score x and the probability σ(x).
    #[default]
    Heads,
    /// As in the authors' code of ENAS: inputs of nodes are chosen by attention over the nodes
    /// before.
    ///
    /// Each node ends with a step of its own; a skip connection has the scores −q and q, and so the
    /// probability σ(2q); no biases but those of the operations of cells.
    Attention,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        Self {
            hidden: 100,
            layers: 1,
            init_bound: 0.1,
            temperature: 1.0,
            tanh_constant: 0.0,
            operation_tanh_reduce: 1.0,
            operation_bias: Vec::new(),
            skips: Skips::Anchors,
            form: Form::Heads,
            operation_prior: Vec::new(),
            skip_target: SKIP_TARGET,
        }
    }
}

impl ControllerConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`RlError::Eval`] names the first value that is out of range, and the expected range.
    pub fn validate(&self) -> Result<(), RlError> {
        for (name, value) in [("hidden", self.hidden), ("layers", self.layers)] {
            if value == 0 {
                return Err(RlError::config(name, value, "at least 1"));
            }
        }
        for (name, value) in [
            ("init_bound", self.init_bound),
            ("tanh_constant", self.tanh_constant),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(RlError::config(name, value, "a number of at least 0"));
            }
        }
        if !(self.skip_target > 0.0 && self.skip_target < 1.0) {
            let expected = "a number between 0 and 1";
            return Err(RlError::config("skip_target", self.skip_target, expected));
        }
        for (name, value) in [
            ("temperature", self.temperature),
            ("operation_tanh_reduce", self.operation_tanh_reduce),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(RlError::config(name, value, "a number above 0"));
            }
        }
        for (name, values) in [
            ("operation_bias", &self.operation_bias),
            ("operation_prior", &self.operation_prior),
        ] {
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(RlError::config(name, value, "numbers"));
            }
        }
        if !self.operation_prior.is_empty() && self.form != Form::Attention {
            let got = format!("{:?}", self.operation_prior);
            return Err(RlError::config(
                "operation_prior",
                got,
                "nothing with the form 'heads'",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let base = ControllerConfig::default;
        base().validate().unwrap();
        let wrong = [
            ("hidden is 0", ControllerConfig { hidden: 0, ..base() }),
            ("layers is 0", ControllerConfig { layers: 0, ..base() }),
            (
                "init_bound is -1",
                ControllerConfig {
                    init_bound: -1.0,
                    ..base()
                },
            ),
            (
                "temperature is 0",
                ControllerConfig {
                    temperature: 0.0,
                    ..base()
                },
            ),
            (
                "tanh_constant is NaN",
                ControllerConfig {
                    tanh_constant: f64::NAN,
                    ..base()
                },
            ),
            (
                "operation_tanh_reduce is 0",
                ControllerConfig {
                    operation_tanh_reduce: 0.0,
                    ..base()
                },
            ),
            (
                "operation_bias is inf",
                ControllerConfig {
                    operation_bias: vec![0.0, f64::INFINITY],
                    ..base()
                },
            ),
        ];
        for (expected, config) in wrong {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}

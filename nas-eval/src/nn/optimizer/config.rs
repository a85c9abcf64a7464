//! Which optimizer, with which settings.

use serde::{Deserialize, Serialize};

use super::{Adam, AdamConfig, Optimizer, Sgd, SgdConfig};
use crate::error::EvalError;

/// An optimizer's settings: `kind = "sgd"` or `kind = "adam"` and the fields of [`SgdConfig`] or
/// [`AdamConfig`]. The learning rate is given with each step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// Stochastic gradient descent with momentum.
    Sgd(SgdConfig),
    /// Adam or AdamW.
    Adam(AdamConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Sgd(SgdConfig::default())
    }
}

impl OptimizerConfig {
    /// An optimizer of these settings that has made no step.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value outside its range.
    pub fn build(&self) -> Result<Box<dyn Optimizer>, EvalError> {
        Ok(match self {
            Self::Sgd(config) => Box::new(Sgd::new(*config)?),
            Self::Adam(config) => Box::new(Adam::new(*config)?),
        })
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value outside its range.
    pub fn validate(&self) -> Result<(), EvalError> {
        match self {
            Self::Sgd(config) => config.validate(),
            Self::Adam(config) => config.validate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};
    use nas_space::seed::Seed;

    use super::*;
    use crate::compute::Compute;
    use crate::nn::{Gradients, Init, Parameters};

    const RATES: [f64; 5] = [0.1, 0.1, 0.05, 0.05, 0.02];

    fn toy(dtype: DType) -> Parameters {
        let mut parameters = Parameters::new(Seed::new(0), &Compute::cpu().with_dtype(dtype));
        let w = parameters.create("w", &[2, 2], Init::Zeros, true).unwrap();
        let b = parameters.create("b", &[2], Init::Zeros, true).unwrap();
        let set = |values: &[f64], shape: &[usize]| {
            Tensor::from_slice(values, shape, &Device::Cpu)
                .unwrap()
                .to_dtype(dtype)
                .unwrap()
        };
        w.set(&set(&[1.0, -2.0, 0.5, 3.0], &[2, 2])).unwrap();
        b.set(&set(&[0.3, -0.7], &[2])).unwrap();
        parameters
    }

    fn loss(parameters: &Parameters) -> Tensor {
        let dtype = parameters.dtype();
        let x = Tensor::new(&[[0.5, 1.5], [-1.0, 2.0], [2.0, 0.25]], &Device::Cpu)
            .unwrap()
            .to_dtype(dtype)
            .unwrap();
        let var = |name: &str| parameters.get(name).unwrap().var.clone();
        let y = x
            .matmul(&var("w").t().unwrap())
            .unwrap()
            .broadcast_add(&var("b"))
            .unwrap();
        (y.tanh().unwrap() - 0.2)
            .unwrap()
            .sqr()
            .unwrap()
            .sum_all()
            .unwrap()
    }

    fn steps(parameters: &Parameters, optimizer: &mut dyn Optimizer, clip: Option<f64>, rates: &[f64]) {
        for &rate in rates {
            let mut gradients = Gradients::of(&loss(parameters), parameters).unwrap();
            if let Some(max_norm) = clip {
                gradients.clip_norm(max_norm).unwrap();
            }
            optimizer.step(parameters, &gradients, rate).unwrap();
        }
    }

    fn values(parameters: &Parameters) -> Vec<f64> {
        let flat = |(_, p): (&str, &crate::nn::Parameter)| {
            p.var
                .to_dtype(DType::F64)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f64>()
                .unwrap()
        };
        parameters.iter().flat_map(flat).collect()
    }

    fn sgd(momentum: f64, weight_decay: f64, nesterov: bool, spare_norm_and_bias: bool) -> OptimizerConfig {
        OptimizerConfig::Sgd(SgdConfig {
            momentum,
            nesterov,
            weight_decay,
            spare_norm_and_bias,
        })
    }

    /// The numbers are PyTorch 2.15's:
    /// ```python
    /// import torch
    /// def run(make, clip=None, lrs=(0.1, 0.1, 0.05, 0.05, 0.02)):
    ///     w = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64, requires_grad=True)
    ///     b = torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)
    ///     x = torch.tensor([[0.5, 1.5], [-1.0, 2.0], [2.0, 0.25]], dtype=torch.float64)
    ///     o = make(w, b)
    ///     for lr in lrs:
    ///         for g in o.param_groups: g["lr"] = lr
    ///         o.zero_grad()
    ///         ((x @ w.t() + b).tanh() - 0.2).square().sum().backward()
    ///         if clip: torch.nn.utils.clip_grad_norm_([w, b], clip)
    ///         o.step()
    ///     print([round(v, 12) for v in torch.cat([w.flatten(), b]).tolist()])
    /// S, A, W = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
    /// run(lambda w, b: S([w, b], lr=1))
    /// run(lambda w, b: S([w, b], lr=1, momentum=0.9, weight_decay=0.01))
    /// run(lambda w, b: S([w, b], lr=1, momentum=0.9, weight_decay=0.01, nesterov=True))
    /// run(lambda w, b: S([{"params": [w], "weight_decay": 0.01}, {"params": [b]}], lr=1, momentum=0.9, nesterov=True))
    /// run(lambda w, b: S([w, b], lr=1, momentum=0.9, weight_decay=0.01), clip=0.5)
    /// run(lambda w, b: A([w, b], lr=1, betas=(0.5, 0.999), weight_decay=0.1))
    /// run(lambda w, b: W([w, b], lr=1, weight_decay=0.1))
    /// ```
    #[test]
    fn five_steps_end_where_pytorch_ends() {
        let adam = AdamConfig {
            beta1: 0.5,
            weight_decay: 0.1,
            ..AdamConfig::default()
        };
        let adam_w = AdamConfig {
            decoupled: true,
            weight_decay: 0.1,
            ..AdamConfig::default()
        };
        #[rustfmt::skip]
        let cases = [
            (sgd(0.0, 0.0, false, false), None,
             [0.906057704673, -1.959168342495, 0.214774836605, 2.962865791204, 0.280571175282, -0.84343676839]),
            (sgd(0.9, 0.01, false, false), None,
             [0.788051390743, -1.899798619542, 0.041001847393, 2.919346690927, 0.254210245919, -0.924911905278]),
            (sgd(0.9, 0.01, true, false), None,
             [0.660521236088, -1.869037893546, 0.149723483206, 2.923591659764, 0.212674116398, -0.869239743966]),
            (sgd(0.9, 0.01, true, true), None,
             [0.661264238152, -1.868700463074, 0.152453233594, 2.923911519818, 0.215833021606, -0.875254440793]),
            (sgd(0.9, 0.01, false, false), Some(0.5),
             [0.908826339511, -1.946158799014, 0.207807937914, 2.942250844643, 0.282388836098, -0.840378872224]),
            (OptimizerConfig::Adam(adam), None,
             [0.657902371094, -1.692866052654, 0.218930341903, 2.688866975591, -0.046462979561, -0.965972652528]),
            (OptimizerConfig::Adam(adam_w), None,
             [0.657773233961, -1.624167460596, 0.188835642324, 2.603828754694, -0.007284570106, -0.974141809469]),
        ];
        for (config, clip, expected) in cases {
            for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 3e-6)] {
                let parameters = toy(dtype);
                steps(&parameters, config.build().unwrap().as_mut(), clip, &RATES);
                for (got, expected) in values(&parameters).into_iter().zip(expected) {
                    assert!(
                        (got - expected).abs() < tolerance,
                        "{config:?} {dtype:?}: {got}, expected {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_optimizer_restored_from_a_file_goes_on_bit_for_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("optimizer");
        let adam = OptimizerConfig::Adam(AdamConfig {
            weight_decay: 0.1,
            ..AdamConfig::default()
        });
        for config in [sgd(0.9, 0.01, true, true), adam] {
            let straight = toy(DType::F32);
            steps(&straight, config.build().unwrap().as_mut(), None, &RATES);
            let stopped = toy(DType::F32);
            let mut optimizer = config.build().unwrap();
            steps(&stopped, optimizer.as_mut(), None, &RATES[..2]);
            optimizer.state().unwrap().save(&path).unwrap();
            let mut restored = config.build().unwrap();
            restored
                .restore(
                    &super::super::OptimizerState::load(&path, &Device::Cpu).unwrap(),
                    &stopped,
                )
                .unwrap();
            steps(&stopped, restored.as_mut(), None, &RATES[2..]);
            assert_eq!(values(&straight), values(&stopped), "{config:?}");
        }
    }

    #[test]
    fn a_state_of_another_kind_or_network_is_refused() {
        let parameters = toy(DType::F32);
        let mut optimizer = sgd(0.9, 0.0, false, false).build().unwrap();
        steps(&parameters, optimizer.as_mut(), None, &RATES);
        let state = optimizer.state().unwrap();
        let mut adam = OptimizerConfig::Adam(AdamConfig::default()).build().unwrap();
        assert!(
            adam.restore(&state, &parameters)
                .unwrap_err()
                .to_string()
                .contains("of 'sgd'")
        );
        let mut other = Parameters::new(Seed::new(0), &Compute::cpu());
        other.create("w", &[2, 2], Init::Zeros, true).unwrap();
        assert!(
            optimizer
                .restore(&state, &other)
                .unwrap_err()
                .to_string()
                .contains("momentum:b")
        );
        assert!(
            optimizer
                .restore(&state, &toy(DType::F64))
                .unwrap_err()
                .to_string()
                .contains("f64")
        );
    }

    #[test]
    fn an_unknown_field_or_kind_is_refused() {
        let read = |text: &str| serde_json::from_str::<OptimizerConfig>(text);
        assert_eq!(
            read(r#"{"kind":"sgd","momentum":0.5}"#).unwrap(),
            sgd(0.5, 3e-4, false, false)
        );
        assert!(read(r#"{"kind":"sgd","beta1":0.5}"#).is_err());
        assert!(read(r#"{"kind":"lion"}"#).is_err());
    }
}

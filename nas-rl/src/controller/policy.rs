//! The recurrent network that makes the decisions.

mod blocked;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use nas_eval::Compute;
use nas_eval::nn::{Bias, Embedding, Init, Linear, Lstm, LstmSize, Parameters};
use nas_space::arch::{Architecture, Decision};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::Rng;

use self::walk::Walk;
use super::steps::{Step, Steps};
use super::{ControllerConfig, Form, Mask};
use crate::error::RlError;

/// Kind of the decisions that `operation_tanh_reduce` and `operation_bias` are for.
pub(super) const OPERATION: &str = "operation";

/// A policy over the architectures of a space; see the [module](super) for how. It lives on the CPU
/// in double precision.
#[derive(Debug)]
pub struct Controller {
    decisions: Vec<Decision>,
    steps: Steps,
    config: ControllerConfig,
    parameters: Parameters,
    lstm: Lstm,
    first_input: Embedding,
    tables: Vec<Embedding>,
    heads: Vec<Linear>,
    anchors: Option<AnchorWeights>,
    /// \[1, operations\].
    prior: Option<Tensor>,
    mask: Option<Arc<dyn Mask>>,
}

/// What skip connections and inputs of nodes are scored by: vᵀ tanh(W_prev·h_j + W_curr·h_i).
#[derive(Debug)]
struct AnchorWeights {
    earlier: Linear,
    current: Linear,
    vector: Linear,
}

/// An architecture drawn from a controller.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The architecture.
    pub architecture: Architecture,
    /// The log-probability that just this one is drawn.
    pub log_prob: f64,
    /// The entropies of the distributions that its decisions were drawn from, summed, in nats.
    pub entropy: f64,
}

/// What a controller gives architectures, with the tape to differentiate it. Both are \[batch\].
#[derive(Debug, Clone)]
pub struct Scores {
    /// Log-probabilities.
    pub log_prob: Tensor,
    /// Entropies along their decisions, in nats.
    pub entropy: Tensor,
    /// How far their anchors are from the [`skip_target`](ControllerConfig::skip_target), in nats:
    /// the Kullback-Leibler divergence of each skip connection's distribution from that of the
    /// target, summed over a layer's and averaged over the layers that have any. 0 where there are
    /// no anchors.
    pub skip_divergence: Tensor,
}

impl Controller {
    /// A controller of the decisions of this space, freshly drawn.
    ///
    /// # Errors
    /// [`RlError::Eval`] for a value out of its range, [`RlError::Decisions`] for decisions that it
    /// cannot make.
    pub fn new(space: &dyn Space, config: ControllerConfig, seed: Seed) -> Result<Self, RlError> {
        config.validate()?;
        let decisions = space.decisions().to_vec();
        let refuse = |reason| RlError::Decisions {
            space: space.name().to_owned(),
            reason,
        };
        let attends = config.form == Form::Attention;
        let steps = match space.cells().filter(|_| attends) {
            Some(cells) => Steps::attending(cells),
            None => Steps::new(&decisions, config.skips),
        }
        .map_err(refuse)?;
        if let Some(growth) = space.growth() {
            for level in 1..=growth.levels() {
                if steps.of(growth.choices_at(level)).is_none() {
                    return Err(refuse(format!(
                        "level {level} ends between the skip connections of a layer"
                    )));
                }
            }
        }
        let mut parameters = Parameters::new(seed, &Compute::cpu().with_dtype(DType::F64));
        let init = Init::Uniform {
            bound: config.init_bound,
        };
        let width = config.hidden;
        let size = LstmSize {
            inputs: width,
            hidden: width,
            layers: config.layers,
        };
        let lstm = if attends {
            Lstm::without_bias(&mut parameters, "lstm", size, init)?
        } else {
            Lstm::new(&mut parameters, "lstm", size, init)?
        };
        let first_input = Embedding::new(&mut parameters, "first", [1, width], init)?;
        let (mut tables, mut heads) = (Vec::new(), Vec::new());
        let bias = match (attends, steps.have_anchors()) {
            (false, _) => Bias::With(init),
            (true, false) => Bias::With(Init::Zeros),
            (true, true) => Bias::Without,
        };
        let mut prior = None;
        for head in &steps.heads {
            let name = format!("{}.{}", head.kind, head.options);
            let table = format!("embedding.{name}");
            tables.push(Embedding::new(
                &mut parameters,
                &table,
                [head.options, width],
                init,
            )?);
            let shape = [width, head.options];
            let name = format!("head.{name}");
            heads.push(Linear::new(&mut parameters, &name, shape, init, bias)?);
            if head.kind == OPERATION && !config.operation_bias.is_empty() {
                set_bias(&parameters, &name, &config.operation_bias)?;
            }
            if head.kind == OPERATION && !config.operation_prior.is_empty() {
                let prior_of = &config.operation_prior;
                check_length("operation_prior", prior_of, head.options)?;
                prior = Some(Tensor::new(prior_of.as_slice(), &Device::Cpu)?.unsqueeze(0)?);
            }
        }
        let anchors = if steps.have_anchors() || steps.attend() {
            let mut linear = |name: &str, outputs| {
                Linear::new(
                    &mut parameters,
                    &format!("anchor.{name}"),
                    [width, outputs],
                    init,
                    Bias::Without,
                )
            };
            Some(AnchorWeights {
                earlier: linear("earlier", width)?,
                current: linear("current", width)?,
                vector: linear("vector", 1)?,
            })
        } else {
            None
        };
        Ok(Self {
            decisions,
            steps,
            config,
            parameters,
            lstm,
            first_input,
            tables,
            heads,
            anchors,
            prior,
            mask: None,
        })
    }

    /// The same controller, which gives probability 0 to what the mask does not allow.
    #[must_use]
    pub fn with_mask(self, mask: Arc<dyn Mask>) -> Self {
        Self {
            mask: Some(mask),
            ..self
        }
    }

    /// What it is made of.
    pub fn config(&self) -> &ControllerConfig {
        &self.config
    }

    /// Its weights.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// An architecture of the full-grown space.
    ///
    /// # Errors
    /// [`RlError::NothingAllowed`] where the mask leaves nothing to choose.
    pub fn sample(&self, rng: &mut impl Rng) -> Result<Drawn, RlError> {
        self.sample_first(self.decisions.len(), rng)
    }

    /// The first choices of an architecture, as many as a level of a growing space has.
    ///
    /// # Errors
    /// [`RlError::Eval`] where no steps make just these; as [`Controller::sample`].
    pub fn sample_first(&self, choices: usize, rng: &mut impl Rng) -> Result<Drawn, RlError> {
        let mut walk = Walk::new(self, 1)?.towards(choices);
        for step in self.steps_of(choices)? {
            if let Some(distribution) = walk.enter(step)? {
                let drawn = walk.draw(step, &distribution, rng)?;
                let distribution = walk.given(step, distribution, &drawn)?;
                walk.choose(step, &distribution, &drawn)?;
            }
        }
        let architecture = Architecture::new(walk.chosen.swap_remove(0));
        let [log_prob, entropy] = [&walk.log_prob, &walk.entropy].map(|total| match total {
            Some(total) => total.to_vec1::<f64>().map(|values| values[0]),
            None => Ok(0.0),
        });
        Ok(Drawn {
            architecture,
            log_prob: log_prob?,
            entropy: entropy?,
        })
    }

    /// The log-probability of an architecture among those with as many choices; minus infinity for
    /// one that the mask does not allow.
    ///
    /// # Errors
    /// As [`Controller::scores`].
    pub fn log_prob(&self, architecture: &Architecture) -> Result<f64, RlError> {
        self.check(architecture)?;
        let choices = architecture.choices();
        let allowed = |(decision, &option): (usize, &usize)| {
            self.allows(choices.len(), decision, option, &choices[..decision])
        };
        // After what is not allowed there may be nothing to choose, and no distribution.
        if !choices.iter().enumerate().all(allowed) {
            return Ok(f64::NEG_INFINITY);
        }
        Ok(self.scores(&[architecture])?.log_prob.to_vec1::<f64>()?[0])
    }

    /// Log-probabilities and entropies of architectures, with the tape. An architecture that the
    /// mask does not allow has a log-probability below −10⁸. Architectures may have different
    /// numbers of choices.
    ///
    /// # Errors
    /// [`RlError::Eval`] for an architecture that is not of the space; [`RlError::NothingAllowed`]
    /// where the mask leaves nothing to choose.
    pub fn scores(&self, architectures: &[&Architecture]) -> Result<Scores, RlError> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, architecture) in architectures.iter().enumerate() {
            self.check(architecture)?;
            groups
                .entry(architecture.choices().len())
                .or_default()
                .push(place);
        }
        let (mut log_probs, mut entropies, mut divergences) = (Vec::new(), Vec::new(), Vec::new());
        let mut order = Vec::new();
        for (choices, places) in groups {
            let group: Vec<&[usize]> = places
                .iter()
                .map(|&place| architectures[place].choices())
                .collect();
            let scores = self.scores_of(choices, &group)?;
            log_probs.push(scores.log_prob);
            entropies.push(scores.entropy);
            divergences.push(scores.skip_divergence);
            order.extend(places);
        }
        let scores = Scores {
            log_prob: Tensor::cat(&log_probs, 0)?,
            entropy: Tensor::cat(&entropies, 0)?,
            skip_divergence: Tensor::cat(&divergences, 0)?,
        };
        if order.is_sorted() {
            return Ok(scores);
        }
        let mut back = vec![0_u32; order.len()];
        for (now, place) in order.into_iter().enumerate() {
            back[place] = now as u32;
        }
        let back = Tensor::new(back, &Device::Cpu)?;
        Ok(Scores {
            log_prob: scores.log_prob.index_select(&back, 0)?,
            entropy: scores.entropy.index_select(&back, 0)?,
            skip_divergence: scores.skip_divergence.index_select(&back, 0)?,
        })
    }

    /// The same for architectures of equally many choices.
    fn scores_of(&self, choices: usize, architectures: &[&[usize]]) -> Result<Scores, RlError> {
        let mut walk = Walk::new(self, architectures.len())?.towards(choices);
        for step in self.steps_of(choices)? {
            if let Some(distribution) = walk.enter(step)? {
                let picks: Vec<Vec<usize>> =
                    architectures.iter().map(|choices| step.picks(choices)).collect();
                let distribution = walk.given(step, distribution, &picks)?;
                walk.choose(step, &distribution, &picks)?;
            }
        }
        let zeros = || Tensor::zeros(architectures.len(), DType::F64, &Device::Cpu);
        let or_zeros = |total: Option<Tensor>| total.map_or_else(zeros, Ok);
        Ok(Scores {
            log_prob: or_zeros(walk.log_prob)?,
            entropy: or_zeros(walk.entropy)?,
            skip_divergence: match walk.skip_divergence {
                Some(sum) => (sum / (walk.anchors.len() - 1) as f64)?,
                None => zeros()?,
            },
        })
    }

    fn steps_of(&self, choices: usize) -> Result<&[Step], RlError> {
        self.steps
            .of(choices)
            .ok_or_else(|| RlError::config("number of choices", choices, "that of a level of the space"))
    }

    fn check(&self, architecture: &Architecture) -> Result<(), RlError> {
        for (decision, &choice) in self.decisions.iter().zip(architecture.choices()) {
            let options = decision.options.len();
            if choice >= options {
                let expected = format!("below {options} at decision '{}'", decision.name);
                return Err(RlError::config("choice", choice, expected));
            }
        }
        self.steps_of(architecture.choices().len()).map(|_| ())
    }
}

fn set_bias(parameters: &Parameters, head: &str, bias: &[f64]) -> Result<(), RlError> {
    if let Some(parameter) = parameters.get(&format!("{head}.bias")) {
        check_length("operation_bias", bias, parameter.var.elem_count())?;
        parameter.var.set(&Tensor::new(bias, &Device::Cpu)?)?;
    }
    Ok(())
}

fn check_length(name: &'static str, values: &[f64], options: usize) -> Result<(), RlError> {
    if values.len() == options {
        return Ok(());
    }
    let expected = format!("one for each of {options} operations");
    Err(RlError::config(name, format!("{values:?}"), expected))
}

#[cfg(test)]
mod tests;

//! The recurrent network that makes the decisions.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use nas_eval::Compute;
use nas_eval::nn::{Bias, Embedding, Init, Linear, Lstm, LstmSize, Parameters};
use nas_space::arch::{Architecture, Decision};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::Rng;

use super::distribution::{Blocked, Distribution};
use super::steps::{Step, Steps};
use super::{ControllerConfig, Form, Mask};
use crate::error::RlError;

/// Kind of the decisions that `operation_tanh_reduce` and `operation_bias` are for.
pub(super) const OPERATION: &str = "operation";

/// A policy over the architectures of a space; see the [module](super) for how. It lives on the CPU in double precision.
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
    /// How far their anchors are from the [`skip_target`](ControllerConfig::skip_target), in nats: the Kullback-Leibler
    /// divergence of each skip connection's distribution from that of the target, summed over a layer's and averaged over the
    /// layers that have any. 0 where there are no anchors.
    pub skip_divergence: Tensor,
}

impl Controller {
    /// A controller of the decisions of this space, freshly drawn.
    ///
    /// # Errors
    /// [`RlError::Config`] for a value out of its range, [`RlError::Decisions`] for decisions that it cannot make.
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
                        "level {level} ends among the skip connections of a layer"
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

    /// The first so many choices of an architecture: those of a level of a space that grows.
    ///
    /// # Errors
    /// [`RlError::Config`] where no steps make just these; as [`Controller::sample`].
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

    /// The log-probability of an architecture among those with as many choices; minus infinity for one that the mask does
    /// not allow.
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

    /// Log-probabilities and entropies of architectures, with the tape. An architecture that the mask does not allow has a
    /// log-probability below −10⁸. Architectures may have different numbers of choices.
    ///
    /// # Errors
    /// [`RlError::Config`] for an architecture that is not of the space; [`RlError::NothingAllowed`] where the mask leaves
    /// nothing to choose.
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
                return Err(RlError::Config {
                    name: "choice",
                    got: choice.to_string(),
                    expected: format!("below {options} at decision '{}'", decision.name),
                });
            }
        }
        self.steps_of(architecture.choices().len()).map(|_| ())
    }

    /// Whether the mask allows this option, on the way to so many choices.
    fn allows(&self, choices: usize, decision: usize, option: usize, chosen: &[usize]) -> bool {
        match &self.mask {
            Some(mask) if choices < self.decisions.len() => mask.allows_of(choices, decision, option, chosen),
            Some(mask) => mask.allows(decision, option, chosen),
            None => true,
        }
    }

    /// What is blocked of these decisions after these choices of each architecture, and these parts of the next one: by the
    /// mask, and of states those that no option names. Nothing where all is allowed, and at anchor points, of which
    /// [`Walk::given`] takes care.
    fn blocked(
        &self,
        step: &Step,
        choices: usize,
        chosen: &[Vec<usize>],
        parts: &[Vec<usize>],
    ) -> Result<Option<Blocked>, RlError> {
        if let Step::Attend {
            decision,
            part,
            options,
        } = step
        {
            let states = options.iter().flatten().max().map_or(0, |&most| most + 1);
            let mut blocked = Vec::new();
            for (chosen, parts) in chosen.iter().zip(parts) {
                let start = blocked.len();
                blocked.resize(start + states, true);
                let begun = |named: &&Vec<usize>| named[..*part] == parts[..];
                let open = |&(option, _): &(usize, _)| self.allows(choices, *decision, option, chosen);
                for (_, named) in options.iter().enumerate().filter(open) {
                    if begun(&named) {
                        blocked[start + named[*part]] = false;
                    }
                }
                // What begins as nothing that is allowed is not drawn, but may be scored: its first part has no probability.
                if *part > 0 && blocked[start..].iter().all(|&blocked| blocked) {
                    for named in options.iter().filter(begun) {
                        blocked[start + named[*part]] = false;
                    }
                }
                self.check_any(*decision, &blocked[start..], chosen)?;
            }
            return Ok(blocked.contains(&true).then_some(blocked));
        }
        let mut blocked = Vec::new();
        if let Step::Choice { decision, .. } = step
            && self.mask.is_some()
        {
            for chosen in chosen {
                blocked.extend(self.blocked_of(*decision, choices, chosen)?);
            }
        }
        Ok(blocked.contains(&true).then_some(blocked))
    }

    /// For each option of a decision whether it is blocked after these choices, on the way to so many.
    fn blocked_of(&self, decision: usize, choices: usize, chosen: &[usize]) -> Result<Vec<bool>, RlError> {
        let options = 0..self.decisions[decision].options.len();
        let blocked: Vec<bool> = options
            .map(|option| !self.allows(choices, decision, option, chosen))
            .collect();
        self.check_any(decision, &blocked, chosen)?;
        Ok(blocked)
    }

    fn check_any(&self, decision: usize, blocked: &[bool], chosen: &[usize]) -> Result<(), RlError> {
        if blocked.iter().any(|&blocked| !blocked) {
            return Ok(());
        }
        Err(RlError::NothingAllowed {
            decision: self.decisions[decision].name.clone(),
            chosen: chosen.to_vec(),
        })
    }

    /// Scores as they enter the softmax.
    fn tempered(&self, scores: Tensor, kind: Option<&str>) -> TensorResult<Tensor> {
        let ControllerConfig {
            temperature,
            tanh_constant,
            operation_tanh_reduce,
            ..
        } = self.config;
        let scores = if temperature == 1.0 {
            scores
        } else {
            (scores / temperature)?
        };
        if tanh_constant == 0.0 {
            return Ok(scores);
        }
        let reduce = if kind == Some(OPERATION) {
            operation_tanh_reduce
        } else {
            1.0
        };
        scores.tanh()? * (tanh_constant / reduce)
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

/// A batch of architectures on their way through the steps.
struct Walk<'a> {
    controller: &'a Controller,
    batch: usize,
    /// Number of choices of the architectures when they are complete.
    choices: usize,
    state: nas_eval::nn::LstmState,
    input: Tensor,
    /// The choices made so far, of each architecture.
    chosen: Vec<Vec<usize>>,
    /// The states of the next decision's option that are chosen so far, of each architecture.
    parts: Vec<Vec<usize>>,
    /// What stands for each anchor point of the chain, or each state of the cell, so far, \[batch, hidden\], and W_prev times
    /// the state there.
    anchors: Vec<(Tensor, Tensor)>,
    log_prob: Option<Tensor>,
    entropy: Option<Tensor>,
    /// Summed over the anchors that look back.
    skip_divergence: Option<Tensor>,
    /// What the skip divergence is of, where that is not what skip connections are drawn from.
    penalized: Option<Distribution>,
}

impl<'a> Walk<'a> {
    fn new(controller: &'a Controller, batch: usize) -> TensorResult<Self> {
        Ok(Self {
            controller,
            batch,
            choices: controller.decisions.len(),
            state: controller.lstm.start(batch)?,
            input: first_input(controller, batch)?,
            chosen: vec![Vec::new(); batch],
            parts: vec![Vec::new(); batch],
            anchors: Vec::new(),
            log_prob: None,
            entropy: None,
            skip_divergence: None,
            penalized: None,
        })
    }

    /// The same for architectures with this number of choices.
    fn towards(self, choices: usize) -> Self {
        Self { choices, ..self }
    }

    /// Advances the recurrent network, and gives the distribution of the step's decisions, if it makes any.
    fn enter(&mut self, step: &Step) -> Result<Option<Distribution>, RlError> {
        let controller = self.controller;
        self.state = controller.lstm.step(&self.input, &self.state)?;
        let h = self.state.output();
        let scores = match step {
            Step::Choice { head, prior, .. } => {
                let scores = controller.heads[*head].forward(h)?;
                let kind = controller.steps.heads[*head].kind.as_str();
                let scores = controller.tempered(scores, Some(kind))?;
                let scores = match controller.prior.as_ref().filter(|_| *prior) {
                    Some(prior) => scores.broadcast_add(prior)?,
                    None => scores,
                };
                scores.unsqueeze(1)?
            }
            Step::Input { first } => {
                if let Some(weights) = &controller.anchors {
                    if *first {
                        self.anchors.clear();
                    }
                    self.anchors.push((h.zeros_like()?, weights.earlier.forward(h)?));
                }
                self.input = first_input(controller, self.batch)?;
                return Ok(None);
            }
            Step::NodeEnd => {
                if let Some(weights) = &controller.anchors {
                    self.anchors.push((h.clone(), weights.earlier.forward(h)?));
                }
                self.input = first_input(controller, self.batch)?;
                return Ok(None);
            }
            Step::Attend { .. } => {
                let Some(weights) = &controller.anchors else {
                    return Ok(None);
                };
                self.attention(weights, h)?.unsqueeze(1)?
            }
            Step::Anchor { .. } => {
                let Some(weights) = &controller.anchors else {
                    return Ok(None);
                };
                let scores = if self.anchors.is_empty() {
                    None
                } else {
                    Some(self.skip_scores(weights, h)?)
                };
                let earlier = weights.earlier.forward(h)?;
                self.anchors.push((h.clone(), earlier));
                match scores {
                    Some(scores) => scores,
                    None => {
                        self.input = first_input(controller, self.batch)?;
                        return Ok(None);
                    }
                }
            }
        };
        let blocked = controller.blocked(step, self.choices, &self.chosen, &self.parts)?;
        if controller.config.form == Form::Attention && matches!(step, Step::Anchor { .. }) {
            // The authors' penalty is on σ(q), although they draw with σ(2q).
            let half = (&scores * 0.5)?;
            self.penalized = Some(Distribution::new(&half, blocked.clone())?);
        }
        Ok(Some(Distribution::new(&scores, blocked)?))
    }

    /// Draws the options of the step's decisions. At an anchor point with a mask they are drawn one after the other, since what
    /// is allowed depends on those before.
    fn draw(
        &self,
        step: &Step,
        distribution: &Distribution,
        rng: &mut impl Rng,
    ) -> Result<Vec<Vec<usize>>, RlError> {
        if !self.is_masked_anchor(step) {
            return Ok(distribution.draw(rng)?);
        }
        let mut drawn = vec![Vec::new(); self.batch];
        for place in 0..step.decisions().len() {
            let blocked = self.blocked_at_anchor(step, &drawn)?;
            let next = distribution.without(blocked)?.draw_one(place, rng)?;
            for (drawn, option) in drawn.iter_mut().zip(next) {
                drawn.push(option);
            }
        }
        Ok(drawn)
    }

    /// The distribution that these options were drawn from: at an anchor point with a mask, of each decision what is allowed
    /// after those before.
    fn given(
        &mut self,
        step: &Step,
        distribution: Distribution,
        chosen: &[Vec<usize>],
    ) -> Result<Distribution, RlError> {
        if !self.is_masked_anchor(step) {
            return Ok(distribution);
        }
        let blocked = self.blocked_at_anchor(step, chosen)?;
        if let Some(penalized) = self.penalized.take() {
            self.penalized = Some(penalized.without(blocked.clone())?);
        }
        Ok(distribution.without(blocked)?)
    }

    fn is_masked_anchor(&self, step: &Step) -> bool {
        matches!(step, Step::Anchor { .. }) && self.controller.mask.is_some()
    }

    /// What the mask blocks of the decisions of an anchor point, of which these options are known; of the decisions after the
    /// first unknown one nothing.
    fn blocked_at_anchor(&self, step: &Step, known: &[Vec<usize>]) -> Result<Option<Blocked>, RlError> {
        let mut blocked = Vec::new();
        for (before, known) in self.chosen.iter().zip(known) {
            let mut chosen = before.clone();
            for (place, decision) in step.decisions().enumerate() {
                if place <= known.len() {
                    blocked.extend(self.controller.blocked_of(decision, self.choices, &chosen)?);
                } else {
                    let options = self.controller.decisions[decision].options.len();
                    blocked.extend(std::iter::repeat_n(false, options));
                }
                chosen.extend(known.get(place));
            }
        }
        Ok(blocked.contains(&true).then_some(blocked))
    }

    /// The bounded scores of the states so far, \[batch, states\].
    fn attention(&self, weights: &AnchorWeights, h: &Tensor) -> TensorResult<Tensor> {
        let earlier: Vec<&Tensor> = self.anchors.iter().map(|(_, earlier)| earlier).collect();
        let count = earlier.len();
        let earlier = Tensor::stack(&earlier, 1)?;
        let current = weights.current.forward(h)?.unsqueeze(1)?;
        let both = earlier.broadcast_add(&current)?.tanh()?;
        let flat = weights.vector.forward(&both.flatten_to(1)?)?;
        self.controller.tempered(flat.reshape((self.batch, count))?, None)
    }

    /// The scores of reading each of the earlier layers or not, \[batch, layers, 2\]: of a softmax over (0, x), whose second
    /// probability is σ(x), or over (−q, q), whose second is σ(2q).
    fn skip_scores(&self, weights: &AnchorWeights, h: &Tensor) -> TensorResult<Tensor> {
        let yes = self.attention(weights, h)?.unsqueeze(2)?;
        let no = match self.controller.config.form {
            Form::Heads => yes.zeros_like()?,
            Form::Attention => yes.neg()?,
        };
        Tensor::cat(&[&no, &yes], 2)
    }

    /// Adds up what these picks of the step's distribution are worth, and makes them the next step's input.
    fn choose(
        &mut self,
        step: &Step,
        distribution: &Distribution,
        chosen: &[Vec<usize>],
    ) -> Result<(), RlError> {
        add(&mut self.log_prob, distribution.log_prob(chosen)?)?;
        add(&mut self.entropy, distribution.entropy()?)?;
        self.input = match step {
            Step::Choice { head, .. } => {
                let options: Vec<u32> = chosen.iter().map(|chosen| chosen[0] as u32).collect();
                let options = Tensor::new(options, &Device::Cpu)?;
                self.controller.tables[*head].forward(&options)?
            }
            Step::Anchor { decisions } => {
                let target = self.controller.config.skip_target;
                let penalized = self.penalized.take();
                let penalized = penalized.as_ref().unwrap_or(distribution);
                let divergence = penalized.divergence(&[1.0 - target, target])?;
                add(&mut self.skip_divergence, divergence)?;
                self.mean_of_read(decisions.len(), chosen)?
            }
            Step::Attend {
                decision: _,
                part,
                options,
            } => {
                let input = self.picked_anchors(chosen)?;
                for ((all, parts), pick) in self.chosen.iter_mut().zip(&mut self.parts).zip(chosen) {
                    parts.extend(pick);
                    if part + 1 == options[0].len() {
                        all.extend(options.iter().position(|named| named == parts));
                        parts.clear();
                    }
                }
                self.input = input;
                return Ok(());
            }
            // These have no distribution.
            Step::Input { .. } | Step::NodeEnd => return Ok(()),
        };
        for (all, new) in self.chosen.iter_mut().zip(chosen) {
            all.extend_from_slice(new);
        }
        Ok(())
    }

    /// The sum of the states of those of the first `count` anchors that are read, over one more than their number.
    fn mean_of_read(&self, count: usize, chosen: &[Vec<usize>]) -> TensorResult<Tensor> {
        let mut shares = Vec::with_capacity(self.batch * count);
        for chosen in chosen {
            let read: usize = chosen.iter().sum();
            shares.extend(chosen.iter().map(|&read_it| read_it as f64 / (1 + read) as f64));
        }
        let shares = Tensor::from_vec(shares, (self.batch, count, 1), &Device::Cpu)?;
        let states: Vec<&Tensor> = self.anchors[..count].iter().map(|(h, _)| h).collect();
        Tensor::stack(&states, 1)?.broadcast_mul(&shares)?.sum(1)
    }

    /// What stands for the state that each architecture picked, \[batch, hidden\].
    fn picked_anchors(&self, picks: &[Vec<usize>]) -> TensorResult<Tensor> {
        let mut rows = Vec::with_capacity(self.batch);
        for (row, pick) in picks.iter().enumerate() {
            rows.push(self.anchors[pick[0]].0.narrow(0, row, 1)?);
        }
        Tensor::cat(&rows, 0)
    }
}

/// The vector that the recurrent network starts with, once for each architecture of a batch.
fn first_input(controller: &Controller, batch: usize) -> TensorResult<Tensor> {
    let first = Tensor::zeros(batch, DType::U32, &Device::Cpu)?;
    controller.first_input.forward(&first)
}

fn add(total: &mut Option<Tensor>, part: Tensor) -> TensorResult<()> {
    *total = Some(match total.take() {
        Some(total) => (total + part)?,
        None => part,
    });
    Ok(())
}

#[cfg(test)]
mod tests;

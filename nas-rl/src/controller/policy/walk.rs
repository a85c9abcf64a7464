//! Architectures on their way through the steps of a controller.

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use nas_eval::nn::LstmState;
use rand::Rng;

use super::{AnchorWeights, Controller, OPERATION};
use crate::controller::distribution::{Blocked, Distribution};
use crate::controller::steps::Step;
use crate::controller::{ControllerConfig, Form};
use crate::error::RlError;

/// A batch of architectures on their way through the steps.
pub(super) struct Walk<'a> {
    controller: &'a Controller,
    batch: usize,
    /// Number of choices of the architectures when they are complete.
    choices: usize,
    state: LstmState,
    input: Tensor,
    /// The choices made so far, of each architecture.
    pub(super) chosen: Vec<Vec<usize>>,
    /// The states of the next decision's option that are chosen so far, of each architecture.
    parts: Vec<Vec<usize>>,
    /// What stands for each anchor point of the chain, or each state of the cell, so far, \[batch,
    /// hidden\], and W_prev times the state there.
    pub(super) anchors: Vec<(Tensor, Tensor)>,
    pub(super) log_prob: Option<Tensor>,
    pub(super) entropy: Option<Tensor>,
    /// Summed over the anchors that look back.
    pub(super) skip_divergence: Option<Tensor>,
    /// What the skip divergence is of, where that is not what skip connections are drawn from.
    penalized: Option<Distribution>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(controller: &'a Controller, batch: usize) -> TensorResult<Self> {
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
    pub(super) fn towards(self, choices: usize) -> Self {
        Self { choices, ..self }
    }

    /// Advances the recurrent network, and gives the distribution of the step's decisions, if it
    /// makes any.
    pub(super) fn enter(&mut self, step: &Step) -> Result<Option<Distribution>, RlError> {
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

    /// Draws the options of the step's decisions. At an anchor point with a mask they are drawn one
    /// after the other, since what is allowed depends on those before.
    pub(super) fn draw(
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

    /// The distribution that these options were drawn from: at an anchor point with a mask, of each
    /// decision what is allowed after those before.
    pub(super) fn given(
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

    /// What the mask blocks of the decisions of an anchor point, of which these options are known;
    /// of the decisions after the first unknown one nothing.
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

    /// The scores of reading each of the earlier layers or not, \[batch, layers, 2\]: of a softmax
    /// over (0, x), whose second probability is σ(x), or over (−q, q), whose second is σ(2q).
    fn skip_scores(&self, weights: &AnchorWeights, h: &Tensor) -> TensorResult<Tensor> {
        let yes = self.attention(weights, h)?.unsqueeze(2)?;
        let no = match self.controller.config.form {
            Form::Heads => yes.zeros_like()?,
            Form::Attention => yes.neg()?,
        };
        Tensor::cat(&[&no, &yes], 2)
    }

    /// Adds up what these picks of the step's distribution are worth, and makes them the next
    /// step's input.
    pub(super) fn choose(
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

    /// The sum of the states of those of the first `count` anchors that are read, over one more
    /// than their number.
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

impl Controller {
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

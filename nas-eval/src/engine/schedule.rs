//! The schedule of a pass: what it computes in each wave, and which places it takes and frees.
//! Passes follow it, and so does the estimate of their memory.

use super::lifetime::gradients_free_after;
use super::plan::{Op, Plan};
use crate::pass::Wanted;

/// Steps that are gone through at the same time, with the places they take before and free after.
#[derive(Debug)]
pub(super) struct Wave<'a> {
    /// All of them, needed or not.
    pub(super) steps: &'a [usize],
    /// What they fill.
    pub(super) fills: Filled,
    /// Those that take a place for what they fill, in this order.
    pub(super) takes: Vec<usize>,
    /// The steps whose gradients are free afterwards; before the maps.
    pub(super) frees_gradients: Vec<usize>,
    /// The steps whose maps are free afterwards.
    pub(super) frees_maps: &'a [usize],
}

/// What the steps of a wave fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// Their maps, on the way forward.
    Maps,
    /// The gradients of what is read of their maps, on the way back.
    Gradients,
}

/// Where the gradient of what is read of a map is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// The loss does not depend on the map.
    Nowhere,
    /// In a place of its own.
    Own,
    /// In that of a sum which reads the map, here among its terms.
    Sum { step: usize, position: usize },
}

impl Source {
    /// In whose place the gradient of the step `index` lies, whose source this is.
    fn holder(self, index: usize) -> Option<usize> {
        match self {
            Self::Nowhere => None,
            Self::Own => Some(index),
            Self::Sum { step, .. } => Some(step),
        }
    }
}

impl Plan {
    /// The steps that the scores depend on, in training those of the auxiliary head, too. `counts`
    /// says of a place at which a step reads whether it does: it does not in a sum that gives it no
    /// weight.
    pub(super) fn needed(&self, trains: bool, counts: impl Fn(usize, usize) -> bool) -> Vec<bool> {
        let mut needed = vec![false; self.steps.len()];
        needed[self.logits] = true;
        if let (Some(index), true) = (self.auxiliary, trains) {
            needed[index] = true;
        }
        for (index, step) in self.steps.iter().enumerate().rev() {
            if needed[index] {
                for (position, read) in step.reads.iter().enumerate() {
                    needed[read.step] |= counts(index, position);
                }
            }
        }
        needed
    }

    /// The steps that depend on something whose gradient is wanted: of weights, of a mixture, of
    /// the images.
    pub(super) fn useful(&self, wanted: Option<Wanted>) -> Vec<bool> {
        let [wants_weights, wants_mixture, wants_images] =
            [Wanted::weights, Wanted::mixture, Wanted::images].map(|wants| wanted.is_some_and(wants));
        let mut useful = vec![false; self.steps.len()];
        for (index, step) in self.steps.iter().enumerate() {
            let own = match &step.op {
                Op::Convolution(_) | Op::Separable(_) => wants_weights,
                Op::Sum(Some(_)) => wants_mixture,
                Op::Image => wants_images,
                _ => false,
            };
            let norm = wants_weights && step.norm.as_ref().is_some_and(|norm| norm.affine);
            useful[index] = own || norm || step.reads.iter().any(|read| useful[read.step]);
        }
        useful
    }

    /// Where the gradients of all steps will be, those of the `outputs` being given.
    pub(super) fn sources(
        &self,
        needed: &[bool],
        outputs: &[usize],
        counts: impl Fn(usize, usize) -> bool,
    ) -> Vec<Source> {
        let mut sources = vec![Source::Nowhere; self.steps.len()];
        for (index, step) in self.steps.iter().enumerate().rev() {
            let hands_down = |at: &(usize, usize)| self.hands_down(&sources, *at, &counts);
            let mut readers = step.readers.iter().copied().filter(hands_down);
            sources[index] = match (readers.next(), readers.next()) {
                _ if !needed[index] => Source::Nowhere,
                _ if outputs.contains(&index) => Source::Own,
                (None, _) => Source::Nowhere,
                (Some((reader, position)), None)
                    if matches!(self.steps[reader].op, Op::Sum(_))
                        && self.steps[reader].norm.is_none()
                        && sources[reader] == Source::Own
                        && !self.steps[reader].reads[position].rectified =>
                {
                    Source::Sum {
                        step: reader,
                        position,
                    }
                }
                _ => Source::Own,
            };
        }
        sources
    }

    /// Whether a step that reads a map hands a gradient down.
    pub(super) fn hands_down(
        &self,
        sources: &[Source],
        (step, position): (usize, usize),
        counts: impl Fn(usize, usize) -> bool,
    ) -> bool {
        sources[step] != Source::Nowhere && counts(step, position) && !matches!(self.steps[step].op, Op::Zero)
    }

    /// The way forward through the steps that are needed. Maps are kept where the pass `goes_back`.
    pub(super) fn way_forward(&self, needed: &[bool], goes_back: bool) -> Vec<Wave<'_>> {
        let takes = |&index: &usize| needed[index] && !matches!(self.steps[index].op, Op::Zero);
        let waves = self.waves.iter().zip(&self.lifetimes.forward);
        waves
            .map(|(wave, free)| Wave {
                steps: wave,
                fills: Filled::Maps,
                takes: wave.iter().copied().filter(takes).collect(),
                frees_gradients: Vec::new(),
                frees_maps: if goes_back { &[] } else { free },
            })
            .collect()
    }

    /// What takes the gradients that the loss gives, before the way back.
    pub(super) fn given(outputs: &[usize]) -> Wave<'_> {
        Wave {
            steps: outputs,
            fills: Filled::Gradients,
            takes: outputs.to_vec(),
            frees_gradients: Vec::new(),
            frees_maps: &[],
        }
    }

    /// The way back, with gradients where `sources` say, to the steps that are useful. Those of the
    /// `outputs` have their places.
    pub(super) fn way_back(&self, sources: &[Source], useful: &[bool], outputs: &[usize]) -> Vec<Wave<'_>> {
        let takes = |&index: &usize| {
            sources[index] == Source::Own
                && useful[index]
                && !matches!(self.steps[index].op, Op::Zero)
                && !outputs.contains(&index)
        };
        let gradients = gradients_free_after(self, |index| sources[index].holder(index));
        let waves = self.waves.iter().zip(&self.lifetimes.back).zip(gradients);
        waves
            .rev()
            .map(|((wave, free), gradients)| Wave {
                steps: wave,
                fills: Filled::Gradients,
                takes: wave.iter().copied().filter(takes).collect(),
                frees_gradients: gradients,
                frees_maps: free,
            })
            .collect()
    }
}

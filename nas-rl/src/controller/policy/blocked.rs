//! The options that a controller may not choose, because of its mask or the space.

use super::Controller;
use crate::controller::distribution::Blocked;
use crate::controller::steps::Step;
use crate::error::RlError;

impl Controller {
    /// Whether the mask allows this option in an architecture of this number of choices.
    pub(super) fn allows(&self, choices: usize, decision: usize, option: usize, chosen: &[usize]) -> bool {
        match &self.mask {
            Some(mask) if choices < self.decisions.len() => mask.allows_of(choices, decision, option, chosen),
            Some(mask) => mask.allows(decision, option, chosen),
            None => true,
        }
    }

    /// What is blocked of these decisions after these choices of each architecture, and these parts
    /// of the next one: by the mask, and of states those that no option names. Nothing where all is
    /// allowed, and at anchor points, of which [`Walk::given`](super::walk::Walk::given) takes
    /// care.
    pub(super) fn blocked(
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
                // What begins as nothing that is allowed is not drawn, but may be scored: its first
                // part has no probability.
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

    /// For each option of a decision, whether it is blocked after these choices, in an architecture
    /// of this number of choices.
    pub(super) fn blocked_of(
        &self,
        decision: usize,
        choices: usize,
        chosen: &[usize],
    ) -> Result<Vec<bool>, RlError> {
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
}

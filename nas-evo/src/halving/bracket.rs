//! A bracket of successive halving: a number of configurations that shrinks from rung to rung.

use std::collections::VecDeque;

use super::rung::Rung;

/// The progress of a bracket.
#[derive(Debug, Default)]
pub(super) struct Bracket {
    /// How many configurations were drawn for it.
    drawn: usize,
    /// The rung that is evaluated, from 0, the bottom one of this bracket.
    rung: usize,
    /// What is still to be trained in this rung, where it is not the bottom one.
    queue: VecDeque<usize>,
    /// What was evaluated in this rung.
    evaluated: Rung,
    /// How many are being evaluated.
    under_way: usize,
}

/// What a bracket needs next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Another configuration, if there is one, in the bottom rung.
    Configuration,
    /// This configuration, trained for this rung of the bracket.
    Promotion { configuration: usize, rung: usize },
    /// The outcomes that are missing.
    Outcomes,
    /// Nothing: it is over.
    Nothing,
}

impl Bracket {
    /// The next step in a bracket of `size` configurations with this number of `rungs`.
    pub(super) fn next(&mut self, size: usize, rungs: usize, eta: u32) -> Need {
        if self.rung == 0 && self.drawn < size {
            return Need::Configuration;
        }
        if self.queue.is_empty() {
            if self.under_way > 0 {
                return Need::Outcomes;
            }
            self.rung += 1;
            if self.rung < rungs {
                // ⌊n / η^rung⌋, of which the divisor is at most the largest number of epochs.
                let count = self.drawn / (eta as usize).pow(self.rung as u32);
                self.queue = std::mem::take(&mut self.evaluated).best(count).collect();
            }
        }
        match self.queue.pop_front() {
            Some(configuration) => {
                self.under_way += 1;
                let rung = self.rung;
                Need::Promotion { configuration, rung }
            }
            None => Need::Nothing,
        }
    }

    /// A configuration was drawn and is being evaluated in the bottom rung.
    pub(super) fn draw(&mut self) {
        self.drawn += 1;
        self.under_way += 1;
    }

    /// A configuration was evaluated in the rung.
    pub(super) fn add(&mut self, configuration: usize, accuracy: Option<f64>) {
        self.under_way -= 1;
        self.evaluated.add(configuration, accuracy);
    }
}

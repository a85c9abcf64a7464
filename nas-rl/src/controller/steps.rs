//! Which steps of the recurrent network make which decisions.

use std::ops::Range;
use std::sync::Arc;

use nas_space::arch::Decision;
use nas_space::spaces::{CellSpace, Space};

use super::Skips;
use super::policy::OPERATION;

/// Kind of the decisions that are made at anchor points.
const SKIP: &str = "skip";

/// One step of the recurrent network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A softmax over the options of one decision.
    Choice {
        /// The decision.
        decision: usize,
        /// Which head gives the scores.
        head: usize,
        /// Whether the prior of operations is added to them.
        prior: bool,
    },
    /// Independent skip connections of a layer, one decision for each earlier anchor; none at the
    /// first.
    Anchor {
        /// The decisions.
        decisions: Range<usize>,
    },
    /// Attention over the states before a node, for one of the states that a decision on its inputs
    /// names.
    Attend {
        /// The decision.
        decision: usize,
        /// Which of the states that an option names: they are chosen in increasing order.
        part: usize,
        /// The states of each option.
        options: Arc<Vec<Vec<usize>>>,
    },
    /// An input of a cell, which makes no decision.
    Input {
        /// Whether it is the cell's first.
        first: bool,
    },
    /// The end of a node, which makes no decision.
    NodeEnd,
}

impl Step {
    /// The decisions that it makes.
    pub(super) fn decisions(&self) -> Range<usize> {
        match self {
            Self::Choice { decision, .. } => *decision..decision + 1,
            Self::Anchor { decisions } => decisions.clone(),
            Self::Attend {
                decision,
                part,
                options,
            } => *decision..decision + usize::from(part + 1 == options[0].len()),
            Self::Input { .. } | Self::NodeEnd => 0..0,
        }
    }

    /// What is drawn at this step where these are an architecture's choices.
    pub(super) fn picks(&self, choices: &[usize]) -> Vec<usize> {
        match self {
            Self::Attend {
                decision,
                part,
                options,
            } => vec![options[choices[*decision]][*part]],
            _ => choices[self.decisions()].to_vec(),
        }
    }
}

/// What decisions of one kind with equally many options share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: String,
    pub(super) options: usize,
}

/// All steps of a space.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    pub(super) heads: Vec<Head>,
    steps: Vec<Step>,
}

impl Steps {
    /// The steps that make these decisions, in their order.
    ///
    /// # Errors
    /// Says what does not fit: a decision without options, or skip connections that are not one for
    /// each earlier layer.
    pub(super) fn new(decisions: &[Decision], skips: Skips) -> Result<Self, String> {
        let mut all = Self {
            heads: Vec::new(),
            steps: Vec::new(),
        };
        let anchored = |decision: &Decision| skips == Skips::Anchors && decision.kind == SKIP;
        let mut anchors = 0;
        // The first layer has no earlier one to read: where its anchor is, the order of the others
        // says.
        let first_anchor = match decisions.iter().position(anchored) {
            Some(first) if decisions.last().is_some_and(anchored) => Some(first / 2),
            Some(_) => Some(0),
            None => None,
        };
        let mut next = 0;
        while let Some(decision) = decisions.get(next) {
            if first_anchor == Some(next) && anchors == 0 {
                all.steps.push(Step::Anchor { decisions: 0..0 });
                anchors = 1;
            }
            if decision.options.is_empty() {
                return Err(format!("decision '{}' has no options", decision.name));
            }
            if anchored(decision) {
                let run = decisions[next..]
                    .iter()
                    .take_while(|other| anchored(other))
                    .count();
                let of_two = decisions[next..next + run]
                    .iter()
                    .all(|skip| skip.options.len() == 2);
                if run != anchors || !of_two {
                    return Err(format!(
                        "decision '{}' begins {run} skip connections, expected {anchors} of two options each, one for each \
                         earlier layer",
                        decision.name
                    ));
                }
                let decisions = next..next + run;
                next = decisions.end;
                all.steps.push(Step::Anchor { decisions });
                anchors += 1;
            } else {
                let head = all.head(decision);
                all.steps.push(Step::Choice {
                    decision: next,
                    head,
                    prior: false,
                });
                next += 1;
            }
        }
        Ok(all)
    }

    /// The steps that go through cells as the authors of ENAS do: one for each input of a cell;
    /// then for each node those that attend to its inputs, those that choose its operations, and
    /// one at its end.
    pub(super) fn attending(space: &CellSpace) -> Result<Self, String> {
        let decisions = space.decisions();
        let mut all = Self {
            heads: Vec::new(),
            steps: Vec::new(),
        };
        let mut next = 0;
        for cell in 0..space.cell_count() {
            let start = next;
            all.steps
                .extend((0..space.cell_inputs()).map(|input| Step::Input { first: input == 0 }));
            for node in 0..space.cell_nodes() {
                for options in space.input_options(node) {
                    let parts = options.first().map_or(0, Vec::len);
                    let options = Arc::new(options);
                    all.steps.extend((0..parts).map(|part| Step::Attend {
                        decision: next,
                        part,
                        options: Arc::clone(&options),
                    }));
                    next += 1;
                }
                let end = start + space.decisions_of(node + 1);
                for (decision, what) in decisions.iter().enumerate().take(end).skip(next) {
                    let head = all.head(what);
                    let prior = cell == 0 && what.kind == OPERATION;
                    all.steps.push(Step::Choice {
                        decision,
                        head,
                        prior,
                    });
                }
                next = end;
                all.steps.push(Step::NodeEnd);
            }
        }
        if next != decisions.len() {
            return Err(format!(
                "its cells have {next} decisions, expected {}",
                decisions.len()
            ));
        }
        Ok(all)
    }

    fn head(&mut self, decision: &Decision) -> usize {
        let head = Head {
            kind: decision.kind.clone(),
            options: decision.options.len(),
        };
        match self.heads.iter().position(|known| *known == head) {
            Some(known) => known,
            None => {
                self.heads.push(head);
                self.heads.len() - 1
            }
        }
    }

    /// The steps that make the first `choices` decisions, if some make just these.
    pub(super) fn of(&self, choices: usize) -> Option<&[Step]> {
        let mut made = 0;
        for (number, step) in self.steps.iter().enumerate() {
            if made == choices {
                return Some(&self.steps[..number]);
            }
            made += step.decisions().len();
        }
        (made == choices).then_some(&self.steps)
    }

    /// Whether there are anchor points.
    pub(super) fn have_anchors(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Anchor { .. }))
    }

    /// Whether inputs are chosen by attention.
    pub(super) fn attend(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Attend { .. }))
    }
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::{ChainConfig, ChainSpace, Space, nb201};

    use super::*;

    #[test]
    fn decisions_of_one_kind_share_a_head() {
        let steps = Steps::new(nb201().decisions(), Skips::Anchors).unwrap();
        assert_eq!(steps.heads.len(), 1);
        assert_eq!(steps.heads[0].options, 5);
        let nasnet = nas_space::spaces::by_name("nasnet").unwrap();
        let steps = Steps::new(nasnet.decisions(), Skips::Anchors).unwrap();
        // Inputs among 2, 3, 4, 5, 6 states, operations, combinations.
        assert_eq!(steps.heads.len(), 7);
        assert_eq!(steps.of(50).unwrap().len(), 50);
    }

    #[test]
    fn each_layer_of_a_chain_has_an_anchor() {
        let config = ChainConfig {
            layers: 3,
            ..ChainConfig::default()
        };
        let space = ChainSpace::new(config).unwrap();
        let steps = Steps::new(space.decisions(), Skips::Anchors).unwrap();
        let anchors: Vec<Range<usize>> = steps
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Anchor { decisions } => Some(decisions.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(anchors, [0..0, 3..4, 7..9]);
        assert_eq!(steps.of(3).unwrap().len(), 4);
        assert_eq!(steps.of(7).unwrap().len(), 8);
        assert_eq!(steps.of(12).unwrap().len(), 12);
        assert!(steps.of(8).is_none(), "within an anchor point");
        assert!(steps.of(13).is_none());
        let plain = Steps::new(space.decisions(), Skips::Decisions).unwrap();
        assert!(!plain.have_anchors());
        assert_eq!(plain.of(8).unwrap().len(), 8);
    }

    #[test]
    fn skips_that_are_not_one_for_each_earlier_layer_are_refused() {
        let skip = |name: &str| Decision::new(name, "skip", ["no", "yes"]);
        let width = Decision::new("width", "width", ["1", "2"]);
        let decisions = [width.clone(), skip("a"), skip("b"), width.clone()];
        let refused = Steps::new(&decisions, Skips::Anchors).unwrap_err();
        assert!(
            refused.contains("'a' begins 2 skip connections, expected 1"),
            "{refused}"
        );
        Steps::new(&decisions, Skips::Decisions).unwrap();
        let three = [width, Decision::new("c", "skip", ["no", "yes", "perhaps"])];
        assert!(Steps::new(&three, Skips::Anchors).is_err());
        let none: [&str; 0] = [];
        assert!(Steps::new(&[Decision::new("d", "k", none)], Skips::Anchors).is_err());
    }
}

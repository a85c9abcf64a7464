//! The mask that keeps a controller in a part of a space.

use std::sync::Arc;

use nas_space::spaces::{Part, Space};

use crate::controller::Mask;

/// Allows what leads to an architecture of a space that is a part of another.
#[derive(Debug)]
pub(crate) struct Within(Arc<dyn Space>);

impl Within {
    /// The mask of this space, if it is a part of another.
    pub(crate) fn of(space: &Arc<dyn Space>) -> Option<Arc<dyn Mask>> {
        space.part()?;
        Some(Arc::new(Self(Arc::clone(space))))
    }

    fn part(&self) -> Option<&dyn Part> {
        self.0.part()
    }
}

impl Mask for Within {
    fn allows(&self, decision: usize, option: usize, chosen: &[usize]) -> bool {
        self.allows_of(self.0.decisions().len(), decision, option, chosen)
    }

    fn allows_of(&self, choices: usize, _decision: usize, option: usize, chosen: &[usize]) -> bool {
        let beginning = [chosen, &[option]].concat();
        self.part().is_none_or(|part| part.can_begin(&beginning, choices))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nas_space::arch::{Architecture, Decision};
    use nas_space::error::SpaceError;
    use nas_space::genotype::Genotype;
    use nas_space::op::Operations;
    use nas_space::search::{Ask, Strategy};
    use nas_space::seed::Seed;

    use super::*;
    use crate::config::RlConfig;
    use crate::controller::{Controller, ControllerConfig};
    use crate::search::ControllerSearch;
    use crate::tiny_space::{TinySpace, all, outcome, tiny_chain};

    /// Some architectures of another space.
    #[derive(Debug)]
    struct Few {
        whole: Arc<dyn Space>,
        known: Vec<Architecture>,
    }

    impl Space for Few {
        fn name(&self) -> &str {
            "some"
        }

        fn decisions(&self) -> &[Decision] {
            self.whole.decisions()
        }

        fn operations(&self) -> &Operations {
            self.whole.operations()
        }

        fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
            self.whole.genotype(architecture)
        }

        fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
            self.whole.architecture(genotype)
        }

        fn part(&self) -> Option<&dyn Part> {
            Some(self)
        }
    }

    impl Part for Few {
        fn can_begin(&self, beginning: &[usize], choices: usize) -> bool {
            let of = |a: &&Architecture| a.choices().len() == choices;
            self.known
                .iter()
                .filter(of)
                .any(|a| a.choices().starts_with(beginning))
        }

        fn members(&self) -> Option<Vec<Architecture>> {
            Some(self.known.clone())
        }
    }

    fn config() -> RlConfig {
        RlConfig {
            controller: ControllerConfig {
                hidden: 8,
                init_bound: 1.0,
                ..ControllerConfig::default()
            },
            batch: 4,
            ..RlConfig::small_budget()
        }
    }

    /// Eight of 256.
    fn eight() -> Arc<dyn Space> {
        let whole: Arc<dyn Space> = Arc::new(TinySpace::new(&[("a", 2); 8]));
        let known = all(&*whole, 8)
            .into_iter()
            .step_by(37)
            .chain([Architecture::new([1; 8])]);
        Arc::new(Few {
            known: known.collect(),
            whole,
        })
    }

    #[test]
    fn everything_proposed_is_of_the_part_before_and_after_it_has_learned() {
        let space = eight();
        let known = space.part().unwrap().members().unwrap();
        assert_eq!(known.len(), 8);
        let mut search = ControllerSearch::new(Arc::clone(&space), config(), Seed::new(1)).unwrap();
        let mut seen = BTreeMap::new();
        for id in 0..60 {
            let Ask::Evaluate(proposal) = search.ask().unwrap() else {
                panic!("a controller neither waits nor ends");
            };
            let place = known
                .iter()
                .position(|known| *known == proposal.architecture)
                .unwrap();
            *seen.entry(place).or_insert(0) += 1;
            let told = outcome(id, proposal.architecture, Some(place as f64 / 8.0));
            search.tell(&told).unwrap();
        }
        assert_eq!(search.updates().len(), 15);
        assert!(search.updates().iter().all(|update| update.failed == 0));
        assert!(seen.len() > 4, "{seen:?}");
    }

    /// Of skip connections at an anchor point, too, of which one depends on the other.
    #[test]
    fn probabilities_over_the_part_sum_to_one_and_are_those_of_the_draws() {
        let chain: Arc<dyn Space> = Arc::new(tiny_chain(3));
        let few = all(&*chain, 6)
            .into_iter()
            .filter(|a| a.choices()[3] + a.choices()[4] == 1);
        let few: Vec<Architecture> = few.step_by(3).collect();
        let chain: Arc<dyn Space> = Arc::new(Few {
            whole: chain,
            known: few,
        });
        for space in [eight(), chain] {
            let known = space.part().unwrap().members().unwrap();
            let choices = space.decisions().len();
            let controller = Controller::new(&*space, config().controller, Seed::new(3)).unwrap();
            let controller = controller.with_mask(Within::of(&space).unwrap());
            let mut total = 0.0;
            let mut expected = BTreeMap::new();
            for architecture in all(&*space, choices) {
                let log_prob = controller.log_prob(&architecture).unwrap();
                assert_eq!(
                    log_prob > f64::NEG_INFINITY,
                    known.contains(&architecture),
                    "{architecture}"
                );
                total += log_prob.exp();
                expected.insert(architecture, log_prob.exp());
            }
            assert!((total - 1.0).abs() < 1e-12, "{total}");
            let mut rng = Seed::new(4).rng();
            let mut counts: BTreeMap<Architecture, u32> = BTreeMap::new();
            for _ in 0..2000 {
                let drawn = controller.sample(&mut rng).unwrap();
                assert!((drawn.log_prob - expected[&drawn.architecture].ln()).abs() < 1e-9);
                *counts.entry(drawn.architecture).or_default() += 1;
            }
            for architecture in &known {
                let p = expected[architecture];
                let got = f64::from(counts.get(architecture).copied().unwrap_or(0));
                let deviation = (2000.0 * p * (1.0 - p)).sqrt();
                assert!(
                    (got - 2000.0 * p).abs() < 5.0 * deviation + 1.0,
                    "{architecture}: {got}, {p}"
                );
            }
        }
    }

    #[test]
    fn a_whole_space_has_no_mask() {
        let whole: Arc<dyn Space> = Arc::new(tiny_chain(2));
        assert!(Within::of(&whole).is_none());
    }
}

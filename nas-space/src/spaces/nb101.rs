//! The space of NAS-Bench-101.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Space, SpaceError};
use crate::arch::{Architecture, Decision};
use crate::genotype::Genotype;
use crate::nb101::{MAX_VERTICES, Module, NB101_OPERATIONS};
use crate::op::Operations;

/// Inner vertices.
const INNER: usize = MAX_VERTICES - 2;
/// Pairs of vertices.
const PAIRS: usize = MAX_VERTICES * (MAX_VERTICES - 1) / 2;
/// Draws before any architecture will do. About one in five draws is a module as it stands.
const DRAWS: usize = 10_000;

/// The space of NAS-Bench-101 (Ying et al. 2019, arXiv 1902.09635): a module of up to seven
/// vertices and nine edges.
///
/// Its decisions are whether each of the 21 edges of seven vertices is there and the operations of
/// the five inner ones, as in the paper: 2²¹ 3⁵ = 509,607,936 combinations, which stand for 423,624
/// different modules. Vertices that no path from the input to the output goes through do not count,
/// so that there are small modules too. A combination that is no module for the paper stands for
/// one as well: where no path leads from the input to the output, it is the module of one edge;
/// where more than nine edges are on such paths, the last of them, in the order of the decisions,
/// that is not the only way is taken out until there are at most nine.
///
/// [`Space::sample`], [`Space::mutate`] and [`Space::neighbours`] give none of those. A sample is
/// drawn uniformly from all others. A mutant, as in the paper, has each edge changed with a
/// probability of 1/7 and each operation with one of 1/5, and is drawn again until it is a module
/// and differs in some decision.
pub fn nb101() -> Nb101Space {
    let pairs = (0..MAX_VERTICES).flat_map(|from| (from + 1..MAX_VERTICES).map(move |to| (from, to)));
    let edges =
        pairs.map(|(from, to)| Decision::new(format!("edge_{from}_{to}"), "edge", ["absent", "present"]));
    let operations = (1..=INNER).map(|v| Decision::new(format!("vertex_{v}"), "operation", NB101_OPERATIONS));
    Nb101Space {
        decisions: edges.chain(operations).collect(),
        operations: Operations::standard(),
    }
}

/// See [`nb101`].
#[derive(Debug, Clone)]
pub struct Nb101Space {
    decisions: Vec<Decision>,
    operations: Operations,
}

impl Nb101Space {
    /// The module that an architecture stands for.
    ///
    /// # Errors
    /// As [`Space::validate`].
    pub fn module(&self, architecture: &Architecture) -> Result<Module, SpaceError> {
        self.validate(architecture)?;
        Module::from_any_choices(architecture.choices()).ok_or_else(|| SpaceError::NotInSpace {
            space: self.name().to_owned(),
            reason: format!("{architecture} are no choices of its decisions"),
        })
    }

    /// Whether choices that are in range are a module as they stand.
    fn is_module(choices: &[usize]) -> bool {
        Module::from_choices(choices).is_some()
    }

    /// What the paper's mutation makes of these choices, module or not.
    fn mutant(choices: &[usize], rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut mutant = choices.to_vec();
        let (edges, operations) = mutant.split_at_mut(PAIRS);
        for edge in edges {
            if rng.random_range(0..MAX_VERTICES) == 0 {
                *edge = 1 - *edge;
            }
        }
        for operation in operations {
            if rng.random_range(0..INNER) == 0 {
                *operation =
                    (*operation + rng.random_range(1..NB101_OPERATIONS.len())) % NB101_OPERATIONS.len();
            }
        }
        mutant
    }
}

impl Space for Nb101Space {
    fn name(&self) -> &str {
        "nb101"
    }

    fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        Ok(Genotype::Nb101(self.module(architecture)?))
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        match genotype {
            Genotype::Nb101(module) => Ok(Architecture::new(module.choices())),
            _ => Err(SpaceError::NotInSpace {
                space: self.name().to_owned(),
                reason: "expected a module of NAS-Bench-101".to_owned(),
            }),
        }
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Architecture {
        let mut choices = Vec::new();
        for _ in 0..DRAWS {
            choices = self
                .decisions
                .iter()
                .map(|decision| rng.random_range(0..decision.options.len()))
                .collect();
            if Self::is_module(&choices) {
                break;
            }
        }
        Architecture::new(choices)
    }

    fn mutate(&self, architecture: &Architecture, rng: &mut ChaCha8Rng) -> Result<Architecture, SpaceError> {
        self.validate(architecture)?;
        let choices = architecture.choices();
        let mut mutant = Self::mutant(choices, rng);
        for _ in 0..DRAWS {
            if mutant != choices && Self::is_module(&mutant) {
                break;
            }
            mutant = Self::mutant(choices, rng);
        }
        Ok(Architecture::new(mutant))
    }

    fn neighbours(&self, architecture: &Architecture) -> Result<Vec<Architecture>, SpaceError> {
        self.validate(architecture)?;
        let mut neighbours = Vec::new();
        for (position, decision) in self.decisions.iter().enumerate() {
            for option in 0..decision.options.len() {
                let neighbour = architecture.with_choice(position, option);
                if neighbour != *architecture && Self::is_module(neighbour.choices()) {
                    neighbours.push(neighbour);
                }
            }
        }
        Ok(neighbours)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::seed::Seed;

    #[test]
    fn whatever_is_chosen_is_a_module_and_what_is_drawn_is_one_as_it_stands() {
        let space = nb101();
        assert_eq!(space.size(), 509_607_936_u32.into());
        let mut rng = Seed::new(5).rng();
        for bit in [0, 1] {
            let mut choices = vec![bit; PAIRS];
            choices.extend([2; INNER]);
            assert!(!Nb101Space::is_module(&choices));
            let module = space.module(&Architecture::new(choices)).unwrap();
            assert!((1..=9).contains(&module.edge_count()));
        }
        let mut vertices = BTreeSet::new();
        for _ in 0..500 {
            let architecture = space.sample(&mut rng);
            assert!(Nb101Space::is_module(architecture.choices()));
            let module = space.module(&architecture).unwrap();
            vertices.insert(module.vertices());
            let genotype = space.genotype(&architecture).unwrap();
            let written = space.architecture(&genotype).unwrap();
            assert_eq!(space.genotype(&written).unwrap(), genotype);
            assert_eq!(genotype.to_string().parse::<Genotype>().unwrap(), genotype);
        }
        assert!(vertices.contains(&7) && vertices.contains(&4), "{vertices:?}");
    }

    #[test]
    fn mutants_are_modules_that_differ_by_as_much_as_in_the_paper() {
        let space = nb101();
        let mut rng = Seed::new(6).rng();
        let parent = space.sample(&mut rng);
        let (mut edges, mut operations) = (0, 0);
        for _ in 0..2000 {
            let mutant = space.mutate(&parent, &mut rng).unwrap();
            assert!(mutant != parent && Nb101Space::is_module(mutant.choices()));
            let differs = |place: &usize| mutant.choices()[*place] != parent.choices()[*place];
            edges += (0..PAIRS).filter(differs).count();
            operations += (PAIRS..PAIRS + INNER).filter(differs).count();
        }
        // Three edges and one operation would be expected if none were drawn again for having too
        // many edges.
        let mean = |sum: usize| sum as f64 / 2000.0;
        assert!((1.5..3.5).contains(&mean(edges)), "{}", mean(edges));
        assert!((0.9..1.1).contains(&mean(operations)), "{}", mean(operations));
    }

    #[test]
    fn neighbours_differ_in_one_decision_and_are_modules() {
        let space = nb101();
        let mut rng = Seed::new(7).rng();
        let architecture = space.sample(&mut rng);
        let neighbours = space.neighbours(&architecture).unwrap();
        assert!(neighbours.len() > 10);
        for neighbour in neighbours {
            let pairs = neighbour.choices().iter().zip(architecture.choices());
            assert_eq!(pairs.filter(|(one, other)| one != other).count(), 1);
            assert!(Nb101Space::is_module(neighbour.choices()));
        }
    }
}

//! The space itself.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{HierarchicalConfig, LevelConfig};
use crate::arch::{Architecture, Decision};
use crate::error::SpaceError;
use crate::genotype::Genotype;
use crate::hierarchy::{Hierarchy, Motif, NONE, motif_name};
use crate::op::{Operations, Role};
use crate::spaces::Space;

/// The space of motifs over motifs (Liu et al. 2018); see the [module](super) for how.
///
/// Decisions are named `level2.motif0.edge_0_1`, level by level, motif by motif, in the order of
/// the nodes that edges lead to; option 0 is `none`. Those of level 2 are of kind `operation`,
/// those of level ℓ above of kind `motif_of_level` ℓ − 1.
#[derive(Debug, Clone)]
pub struct HierarchicalSpace {
    config: HierarchicalConfig,
    decisions: Vec<Decision>,
    operations: Operations,
}

impl HierarchicalSpace {
    /// The space of this size, with its primitives taken from this vocabulary.
    ///
    /// # Errors
    /// [`SpaceError::Config`] names the field that is out of range.
    pub fn new(config: HierarchicalConfig, operations: Operations) -> Result<Self, SpaceError> {
        config.validate(&operations)?;
        let mut decisions = Vec::new();
        for (i, level) in config.levels.iter().enumerate() {
            let options = options(&config, i);
            let kind = match i {
                0 => "operation".to_owned(),
                _ => format!("motif_of_level{}", i + 1),
            };
            for motif in 0..level.motifs {
                for (from, to) in edges(*level) {
                    let name = format!("level{}.motif{motif}.edge_{from}_{to}", i + 2);
                    decisions.push(Decision::new(name, kind.clone(), options.iter().cloned()));
                }
            }
        }
        Ok(Self {
            config,
            decisions,
            operations,
        })
    }

    /// Its size.
    pub fn config(&self) -> &HierarchicalConfig {
        &self.config
    }

    /// The architecture that computes nothing: every motif is a chain, of identities at level 2 and
    /// of motif 0 of the level below above. Without an identity among the primitives it is a chain
    /// of the first of them.
    pub fn trivial(&self) -> Architecture {
        let identity = |name: &String| self.operations.role(name) == Role::Identity;
        let identity = self
            .config
            .primitives
            .iter()
            .position(identity)
            .unwrap_or_default();
        let mut choices = Vec::with_capacity(self.decisions.len());
        for (i, level) in self.config.levels.iter().enumerate() {
            let passes = if i == 0 { identity + 1 } else { 1 };
            for _ in 0..level.motifs {
                choices.extend(edges(*level).map(|(from, to)| if from + 1 == to { passes } else { 0 }));
            }
        }
        Architecture::new(choices)
    }

    /// Changes one edge.
    fn mutate_once(&self, choices: &mut [usize], rng: &mut ChaCha8Rng) {
        let levels = &self.config.levels;
        let level = rng.random_range(0..levels.len());
        let motif = rng.random_range(0..levels[level].motifs);
        let to = rng.random_range(1..levels[level].nodes);
        let from = rng.random_range(0..to);
        let below: usize = levels[..level]
            .iter()
            .map(|level| level.motifs * level.edges())
            .sum();
        let place = below + motif * levels[level].edges() + to * (to - 1) / 2 + from;
        // Of the others: those from the present one on move up by one.
        let other = rng.random_range(0..self.decisions[place].options.len() - 1);
        choices[place] = other + usize::from(other >= choices[place]);
    }

    fn not_in_space(&self, reason: impl Into<String>) -> SpaceError {
        SpaceError::NotInSpace {
            space: self.name().to_owned(),
            reason: reason.into(),
        }
    }
}

/// The options of the decisions of level `index` + 2.
fn options(config: &HierarchicalConfig, index: usize) -> Vec<String> {
    let mut options = vec![NONE.to_owned()];
    match index.checked_sub(1) {
        None => options.extend(config.primitives.iter().cloned()),
        Some(below) => options.extend((0..config.levels[below].motifs).map(motif_name)),
    }
    options
}

/// The edges of a motif, in the order of its decisions.
fn edges(level: LevelConfig) -> impl Iterator<Item = (usize, usize)> {
    (1..level.nodes).flat_map(|to| (0..to).map(move |from| (from, to)))
}

impl Space for HierarchicalSpace {
    fn name(&self) -> &'static str {
        "hierarchical"
    }

    fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        self.validate(architecture)?;
        let mut chosen = self.decisions.iter().zip(architecture.choices());
        let mut levels = Vec::with_capacity(self.config.levels.len());
        for level in &self.config.levels {
            let mut motifs = Vec::with_capacity(level.motifs);
            for _ in 0..level.motifs {
                let into = |node: usize| {
                    let names = chosen.by_ref().take(node);
                    names
                        .map(|(decision, &choice)| decision.options[choice].clone())
                        .collect()
                };
                motifs.push(Motif::new((1..level.nodes).map(into).collect())?);
            }
            levels.push(motifs);
        }
        Ok(Genotype::Hierarchical(Hierarchy::new(levels)?))
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        let Genotype::Hierarchical(hierarchy) = genotype else {
            return Err(self.not_in_space("expected motifs over motifs"));
        };
        let levels = hierarchy.levels();
        if levels.len() != self.config.levels.len() {
            let (got, expected) = (levels.len(), self.config.levels.len());
            return Err(self.not_in_space(format!("it has {got} levels of motifs, expected {expected}")));
        }
        let mut decisions = self.decisions.iter();
        let mut choices = Vec::with_capacity(self.decisions.len());
        for (i, (motifs, level)) in levels.iter().zip(&self.config.levels).enumerate() {
            if motifs.len() != level.motifs {
                let (got, expected) = (motifs.len(), level.motifs);
                return Err(
                    self.not_in_space(format!("level {} has {got} motifs, expected {expected}", i + 2))
                );
            }
            for (m, motif) in motifs.iter().enumerate() {
                if motif.nodes() != level.nodes {
                    let (got, expected) = (motif.nodes(), level.nodes);
                    return Err(self.not_in_space(format!(
                        "motif {m} of level {} has {got} nodes, expected {expected}",
                        i + 2
                    )));
                }
                for (name, decision) in motif.operations().iter().flatten().zip(decisions.by_ref()) {
                    let choice = decision.options.iter().position(|option| option == name);
                    choices.push(choice.ok_or_else(|| {
                        let options = decision.options.join(", ");
                        self.not_in_space(format!(
                            "{} is '{name}', expected one of {options}",
                            decision.name
                        ))
                    })?);
                }
            }
        }
        let architecture = Architecture::new(choices);
        self.validate(&architecture)?;
        Ok(architecture)
    }

    /// The trivial architecture after [`HierarchicalConfig::initial_mutations`] mutations.
    fn sample(&self, rng: &mut ChaCha8Rng) -> Architecture {
        let mut choices = self.trivial().choices().to_vec();
        for _ in 0..self.config.initial_mutations {
            self.mutate_once(&mut choices, rng);
        }
        Architecture::new(choices)
    }

    /// The architecture with exactly one edge of one motif changed: level, motif, target node,
    /// source node and other option are drawn uniformly, in this order.
    fn mutate(&self, architecture: &Architecture, rng: &mut ChaCha8Rng) -> Result<Architecture, SpaceError> {
        self.validate(architecture)?;
        let mut choices = architecture.choices().to_vec();
        self.mutate_once(&mut choices, rng);
        Ok(Architecture::new(choices))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::canonical::canonical_id;
    use crate::genotype::Nb201Genotype;
    use crate::network::NetworkConfig;
    use crate::seed::Seed;

    fn space(primitives: &[&str], levels: &[(usize, usize)]) -> HierarchicalSpace {
        let levels = levels
            .iter()
            .map(|&(motifs, nodes)| LevelConfig { motifs, nodes });
        let config = HierarchicalConfig {
            primitives: primitives.iter().map(|&name| name.to_owned()).collect(),
            levels: levels.collect(),
            ..HierarchicalConfig::default()
        };
        HierarchicalSpace::new(config, Operations::standard()).unwrap()
    }

    fn hierarchy(space: &HierarchicalSpace, architecture: &Architecture) -> Hierarchy {
        match space.genotype(architecture).unwrap() {
            Genotype::Hierarchical(hierarchy) => hierarchy,
            other => panic!("{other} is no hierarchy"),
        }
    }

    #[test]
    fn there_is_one_decision_an_edge() {
        let space = space(&["skip_connect", "max_pool_3x3"], &[(2, 3), (1, 3)]);
        let text = |i: usize| {
            let decision = &space.decisions()[i];
            format!(
                "{} {} {}",
                decision.name,
                decision.kind,
                decision.options.join(",")
            )
        };
        assert_eq!(space.decisions().len(), 9);
        assert_eq!(
            text(0),
            "level2.motif0.edge_0_1 operation none,skip_connect,max_pool_3x3"
        );
        assert_eq!(
            text(5),
            "level2.motif1.edge_1_2 operation none,skip_connect,max_pool_3x3"
        );
        assert_eq!(
            text(6),
            "level3.motif0.edge_0_1 motif_of_level2 none,motif0,motif1"
        );
        let architecture = Architecture::new([1, 0, 2, 2, 1, 0, 2, 0, 1]);
        assert_eq!(
            space.genotype(&architecture).unwrap().to_string(),
            "{\"kind\":\"hierarchical\",\"levels\":[[\"|skip_connect~0|+|none~0|max_pool_3x3~1|\",\
             \"|max_pool_3x3~0|+|skip_connect~0|none~1|\"],[\"|motif1~0|+|none~0|motif0~1|\"]]}"
        );
    }

    #[test]
    fn the_trivial_architecture_is_the_identity() {
        for config in [
            HierarchicalConfig::default(),
            HierarchicalConfig::small(),
            HierarchicalConfig::flat(),
        ] {
            let space = HierarchicalSpace::new(config, Operations::standard()).unwrap();
            let network = space
                .network(&space.trivial(), &NetworkConfig::default())
                .unwrap();
            let plain = "|skip_connect~0|".parse::<Genotype>().unwrap();
            let plain = plain
                .network(space.operations(), &NetworkConfig::default())
                .unwrap();
            assert_eq!(network.layers(), plain.layers());
        }
    }

    #[test]
    fn a_sample_without_mutations_is_trivial_and_one_with_them_is_not() {
        let mut config = HierarchicalConfig::small();
        let sample = |config: &HierarchicalConfig| {
            let space = HierarchicalSpace::new(config.clone(), Operations::standard()).unwrap();
            (space.sample(&mut Seed::new(1).rng()), space.trivial())
        };
        let (sampled, trivial) = sample(&config);
        assert_ne!(sampled, trivial);
        config.initial_mutations = 0;
        let (sampled, trivial) = sample(&config);
        assert_eq!(sampled, trivial);
    }

    /// Steps of single mutations lead from the trivial architecture to all 3^3 · 2^3 there are.
    #[test]
    fn mutation_reaches_every_architecture_and_changes_exactly_one_edge() {
        let space = space(&["skip_connect", "max_pool_3x3"], &[(1, 3), (1, 3)]);
        let mut rng = Seed::new(3).rng();
        let mut here = space.trivial();
        let mut seen = BTreeSet::from([here.clone()]);
        for _ in 0..10_000 {
            let next = space.mutate(&here, &mut rng).unwrap();
            let pairs = here.choices().iter().zip(next.choices());
            assert_eq!(pairs.filter(|(a, b)| a != b).count(), 1);
            seen.insert(next.clone());
            here = next;
        }
        assert_eq!(seen.len(), 27 * 8);
        assert_eq!(space.size(), 216_u32.into());
    }

    /// Level, motif, target, source and option are each uniform given those before. Standard
    /// deviations of the counts are at most 100.
    #[test]
    fn mutation_draws_level_motif_edge_and_operation_as_stated() {
        const DRAWS: u32 = 54_000;
        let space = space(
            &["skip_connect", "max_pool_3x3", "dw_conv_3x3"],
            &[(2, 3), (1, 4)],
        );
        let parent = Architecture::new([1, 0, 3, 2, 0, 0, 2, 1, 0, 0, 0, 1]);
        let mut rng = Seed::new(11).rng();
        let mut counts: BTreeMap<(usize, usize), u32> = BTreeMap::new();
        for _ in 0..DRAWS {
            let child = space.mutate(&parent, &mut rng).unwrap();
            let place = (0..12)
                .find(|&i| child.choices()[i] != parent.choices()[i])
                .unwrap();
            *counts.entry((place, child.choices()[place])).or_default() += 1;
        }
        let mut expected = BTreeMap::new();
        for (place, &present) in parent.choices().iter().enumerate() {
            // Half the draws for a level; of level 2 each motif half; of its nodes each half, of
            // those of level 3 a third.
            let (share, options) = match place {
                0 | 3 => (8, 4),
                1 | 2 | 4 | 5 => (16, 4),
                6 => (6, 3),
                7 | 8 => (12, 3),
                _ => (18, 3),
            };
            for option in (0..options).filter(|&option| option != present) {
                expected.insert((place, option), DRAWS / share / (options as u32 - 1));
            }
        }
        assert_eq!(counts.len(), expected.len());
        for (change, count) in counts {
            assert!(
                count.abs_diff(expected[&change]) < 300,
                "{change:?}: {count}, expected {}",
                expected[&change]
            );
        }
    }

    #[test]
    fn a_cell_that_nothing_gets_through_is_a_zero_cell() {
        let space = space(&["skip_connect"], &[(1, 3), (1, 3)]);
        let none = Architecture::new([0; 6]);
        let network = space.network(&none, &NetworkConfig::default()).unwrap();
        let nb201: Genotype = "|none~0|".parse().unwrap();
        assert_eq!(
            network.layers(),
            nb201
                .network(space.operations(), &NetworkConfig::default())
                .unwrap()
                .layers()
        );
        assert_eq!(space.architecture(&space.genotype(&none).unwrap()), Ok(none));
    }

    /// The order of motifs of a level, and of nodes that do not depend on each other, is a way of
    /// writing.
    #[test]
    fn canonical_ids_do_not_depend_on_the_numbers_of_motifs_or_nodes() {
        let id = |levels: [&[&str]; 2]| {
            let level = |motifs: &[&str]| motifs.iter().map(|text| text.parse().unwrap()).collect();
            let hierarchy = Hierarchy::new(levels.map(level).to_vec()).unwrap();
            canonical_id(&Genotype::Hierarchical(hierarchy), &Operations::standard())
        };
        let (a, b) = (
            "|max_pool_3x3~0|+|dw_conv_3x3~0|none~1|+|none~0|skip_connect~1|nor_conv_1x1~2|",
            "|nor_conv_1x1~0|",
        );
        let turned = "|dw_conv_3x3~0|+|max_pool_3x3~0|none~1|+|none~0|nor_conv_1x1~1|skip_connect~2|";
        let one = id([&[a, b], &["|motif0~0|+|motif1~0|motif0~1|"]]);
        assert_eq!(one, id([&[b, turned], &["|motif1~0|+|motif0~0|motif1~1|"]]));
        assert_ne!(one, id([&[a, b], &["|motif1~0|+|motif0~0|motif0~1|"]]));
    }

    #[test]
    fn a_hierarchy_and_its_flattened_cell_have_the_same_id() {
        let space = HierarchicalSpace::new(HierarchicalConfig::default(), Operations::standard()).unwrap();
        for seed in 0..20 {
            let hierarchy = hierarchy(&space, &space.sample(&mut Seed::new(seed).rng()));
            let cell = hierarchy.cell().clone();
            let flat = Genotype::Nb201(Nb201Genotype { cell });
            let id = |genotype| canonical_id(&genotype, &Operations::standard());
            assert_eq!(id(Genotype::Hierarchical(hierarchy)), id(flat));
        }
    }

    #[test]
    fn what_is_of_another_size_is_refused_with_the_place() {
        let small = space(&["skip_connect"], &[(1, 3), (1, 3)]);
        let refusal = |other: &HierarchicalSpace| {
            let genotype = other.genotype(&other.trivial()).unwrap();
            small.architecture(&genotype).unwrap_err().to_string()
        };
        let cases = [
            (
                space(&["skip_connect"], &[(1, 3)]),
                "it has 1 levels of motifs, expected 2",
            ),
            (
                space(&["skip_connect"], &[(2, 3), (1, 3)]),
                "level 2 has 2 motifs, expected 1",
            ),
            (
                space(&["skip_connect"], &[(1, 3), (1, 2)]),
                "motif 0 of level 3 has 2 nodes, expected 3",
            ),
            (
                space(&["max_pool_3x3"], &[(1, 3), (1, 3)]),
                "level2.motif0.edge_0_1 is 'max_pool_3x3', expected one of none, skip_connect",
            ),
        ];
        for (other, expected) in &cases {
            let error = refusal(other);
            assert_eq!(
                error,
                format!("the architecture is not of space 'hierarchical': {expected}")
            );
        }
        let nb201: Genotype = "|skip_connect~0|".parse().unwrap();
        assert!(small.architecture(&nb201).is_err());
    }

    /// A change of these numbers changes every study that was ever recorded.
    #[test]
    fn value_stability() {
        let space = HierarchicalSpace::new(HierarchicalConfig::small(), Operations::standard()).unwrap();
        let sampled = space.sample(&mut Seed::new(42).rng());
        assert_eq!(sampled.to_string(), "4.2.5.4.3.6.5.3.4.3.3.0.0.0.2");
        let mutant = space.mutate(&sampled, &mut Seed::new(43).rng()).unwrap();
        assert_eq!(mutant.to_string(), "5.2.5.4.3.6.5.3.4.3.3.0.0.0.2");
    }
}

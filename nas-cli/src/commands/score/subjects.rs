//! The architectures that are scored.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nas_runner::plan::RunConfig;
use nas_runner::size::{self, Skeleton};
use nas_runner::{Typed, Usage, plan};
use nas_space::arch::Architecture;
use nas_space::genotype::Genotype;
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::spaces::{Space, SpaceConfig};

use super::against::Against;
use crate::architecture::{self, Found};
use crate::args::ScoreArgs;

/// The most architectures that are all scored.
const MOST: u64 = 1_000_000;

/// Architectures in the order in which they are scored.
pub(super) struct Subjects {
    which: Which,
    operations: Operations,
}

enum Which {
    /// Those that are typed.
    Typed(Vec<Found>),
    /// Some of a space.
    OfSpace {
        config: SpaceConfig,
        space: Arc<dyn Space>,
        architectures: Vec<Architecture>,
    },
}

impl Subjects {
    /// Those that are meant: with nothing else, the trials of the run that scores are compared with.
    pub(super) fn of(args: &ScoreArgs, seed: Seed, against: Option<&Against>) -> Result<Self> {
        let given = !args.archs.is_empty() || args.space.sample.is_some() || args.space.every;
        if !given {
            let Some((config, space, trials)) = against.and_then(Against::trials) else {
                let why = "expected architectures: ARCH…, --space NAME with --sample N or --every, or --scores FILE";
                return Err(Usage::new(why).into());
            };
            if args.space.space.is_some() {
                let why = "--space has no meaning for the trials of a run; add --sample N or --every, or leave it out";
                return Err(Usage::new(why).into());
            }
            return Self::of_run(config, space, trials);
        }
        let config = args.space.space.as_deref().map(plan::space).transpose()?;
        let space = config
            .as_ref()
            .map(SpaceConfig::build)
            .transpose()
            .typed("--space")?;
        let which = match (config, &space) {
            (Some(config), Some(space)) if args.archs.is_empty() => {
                let architectures = match args.space.sample {
                    Some(count) => sample(&**space, count, seed).typed("--sample")?,
                    None => every(&**space).typed("--every")?,
                };
                Which::OfSpace {
                    config,
                    space: Arc::clone(space),
                    architectures,
                }
            }
            _ => {
                let mut found = Vec::with_capacity(args.archs.len());
                for text in &args.archs {
                    let one = architecture::resolve(text)?;
                    if let Some(space) = &space {
                        let of_space = space.architecture(&one.genotype);
                        of_space
                            .with_context(|| format!("{text} is not of --space"))
                            .typed("ARCH")?;
                    }
                    found.push(one);
                }
                Which::Typed(found)
            }
        };
        let operations = space.map_or_else(Operations::standard, |space| space.operations().clone());
        Ok(Self { which, operations })
    }

    /// The trials of a run.
    fn of_run<'a>(
        config: &RunConfig,
        space: &dyn Space,
        trials: impl Iterator<Item = &'a Architecture>,
    ) -> Result<Self> {
        let mut found = Vec::new();
        for architecture in trials {
            found.push(Found {
                genotype: space.genotype(architecture)?,
                // All are of the same search.
                search: found.is_empty().then(|| config.clone()),
            });
        }
        Ok(Self {
            which: Which::Typed(found),
            operations: space.operations().clone(),
        })
    }

    pub(super) fn len(&self) -> usize {
        match &self.which {
            Which::Typed(found) => found.len(),
            Which::OfSpace { architectures, .. } => architectures.len(),
        }
    }

    /// Their genotypes.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<Genotype>> + '_ {
        (0..self.len()).map(|number| match &self.which {
            Which::Typed(found) => Ok(found[number].genotype.clone()),
            Which::OfSpace {
                space, architectures, ..
            } => Ok(space.genotype(&architectures[number])?),
        })
    }

    /// The vocabulary they are built from.
    pub(super) fn operations(&self) -> &Operations {
        &self.operations
    }

    /// The searches that typed ones were found by.
    pub(super) fn searches(&self) -> Vec<&RunConfig> {
        match &self.which {
            Which::Typed(found) => found.iter().filter_map(|found| found.search.as_ref()).collect(),
            Which::OfSpace { .. } => Vec::new(),
        }
    }

    /// The skeleton that they stand in.
    pub(super) fn skeleton(&self) -> Skeleton {
        match &self.which {
            Which::Typed(found) => found
                .first()
                .map_or(Skeleton::Darts, |found| Skeleton::of(&found.genotype)),
            Which::OfSpace { config, .. } => size::skeleton(config),
        }
    }
}

/// So many different architectures, drawn by this seed.
fn sample(space: &dyn Space, count: usize, seed: Seed) -> Result<Vec<Architecture>> {
    let size = space.size();
    if size < count.into() {
        bail!("the space has {size} architectures; expected at most as many");
    }
    let mut rng = seed.derive("sample", 0).rng();
    let mut known = HashSet::with_capacity(count);
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count {
        let architecture = space.sample(&mut rng);
        if known.insert(architecture.clone()) {
            drawn.push(architecture);
        }
    }
    Ok(drawn)
}

/// All of them, the last choice changing fastest.
fn every(space: &dyn Space) -> Result<Vec<Architecture>> {
    let size = space.size();
    if size > MOST.into() {
        bail!("the space has {size} architectures, more than {MOST}; expected --sample");
    }
    let options: Vec<usize> = space.decisions().iter().map(|one| one.options.len()).collect();
    let count = options.iter().product();
    Ok((0..count)
        .map(|mut number: usize| {
            let mut choices = vec![0; options.len()];
            for (choice, options) in choices.iter_mut().zip(&options).rev() {
                (*choice, number) = (number % options, number / options);
            }
            Architecture::new(choices)
        })
        .filter(|architecture| space.validate(architecture).is_ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::nb201;

    use super::*;

    #[test]
    fn a_sample_has_different_architectures_and_every_has_all() {
        let space = nb201();
        let drawn = sample(&space, 1000, Seed::new(1)).unwrap();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 1000);
        assert_eq!(drawn[..10], sample(&space, 10, Seed::new(1)).unwrap());
        assert_ne!(drawn[..10], sample(&space, 10, Seed::new(2)).unwrap());
        assert!(sample(&space, 20_000, Seed::new(1)).is_err());
        let all = every(&space).unwrap();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 15_625);
        assert_eq!(all[1].choices(), [0, 0, 0, 0, 0, 1]);
    }
}

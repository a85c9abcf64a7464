//! The model: a tree-structured Parzen estimator on the rung with enough observations.

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::spaces::Space;
use rand_chacha::ChaCha8Rng;

use super::BohbConfig;
use super::density::Density;

/// How often a draw that is not in the space is drawn again before the space changes one itself.
const REDRAWS: usize = 10;

/// What was observed in each rung, and the densities of the highest one with enough of it.
#[derive(Debug)]
pub(super) struct Tpe {
    config: BohbConfig,
    /// The number of options of each decision.
    options: Vec<usize>,
    /// N_min.
    min_points: usize,
    /// The observations of each rung, from the best to the worst.
    rungs: Vec<Vec<Observation>>,
    model: Option<Model>,
}

#[derive(Debug)]
struct Observation {
    architecture: Architecture,
    /// Validation accuracy; of a failure, nothing.
    accuracy: Option<f64>,
}

/// Densities of the good and of the bad observations of a rung.
#[derive(Debug)]
struct Model {
    rung: usize,
    good: Density,
    bad: Density,
}

impl Tpe {
    pub(super) fn new(config: BohbConfig, options: Vec<usize>, rungs: usize) -> Self {
        Self {
            config,
            min_points: config.min_points(options.len()),
            options,
            rungs: (0..rungs).map(|_| Vec::new()).collect(),
            model: None,
        }
    }

    /// Learns from an evaluation in a rung.
    pub(super) fn observe(&mut self, rung: usize, architecture: &Architecture, accuracy: Option<f64>) {
        let observations = &mut self.rungs[rung];
        // Of equals, the earlier one comes first; failures come last.
        let place = observations.partition_point(|other| match (other.accuracy, accuracy) {
            (Some(other), Some(new)) => other.total_cmp(&new).is_ge(),
            (None, Some(_)) => false,
            (_, None) => true,
        });
        observations.insert(
            place,
            Observation {
                architecture: architecture.clone(),
                accuracy,
            },
        );
        let enough = observations.len() >= self.min_points + 2;
        if enough && self.rung().is_none_or(|modelled| modelled <= rung) {
            self.fit(rung);
        }
    }

    /// The rung that is modelled.
    pub(super) fn rung(&self) -> Option<usize> {
        self.model.as_ref().map(|model| model.rung)
    }

    fn fit(&mut self, rung: usize) {
        let observations = &self.rungs[rung];
        let share = self.config.top_n_percent / 100.0 * observations.len() as f64;
        let good = self.min_points.max(share as usize);
        let bad = self.min_points.max(observations.len() - good);
        let density = |observations: &[Observation]| {
            let architectures = observations.iter().map(|one| one.architecture.clone());
            Density::new(&self.options, architectures.collect(), self.config.min_bandwidth)
        };
        self.model = Some(Model {
            rung,
            good: density(&observations[..good]),
            bad: density(&observations[observations.len() - bad..]),
        });
    }

    /// The best of some draws, of those that are new; none without a model, or where none is new.
    pub(super) fn propose(
        &self,
        space: &dyn Space,
        is_new: impl Fn(&Architecture) -> bool,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Architecture>, SpaceError> {
        let Some(model) = &self.model else {
            return Ok(None);
        };
        let mut best: Option<(f64, Architecture)> = None;
        for _ in 0..self.config.num_samples {
            let drawn = self.draw(model, space, rng)?;
            if !is_new(&drawn) {
                continue;
            }
            let gain = model.good.ln(&drawn) - model.bad.ln(&drawn);
            if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                best = Some((gain, drawn));
            }
        }
        Ok(best.map(|(_, architecture)| architecture))
    }

    /// A draw from the good density, widened, that is in the space.
    fn draw(
        &self,
        model: &Model,
        space: &dyn Space,
        rng: &mut ChaCha8Rng,
    ) -> Result<Architecture, SpaceError> {
        let factor = self.config.bandwidth_factor;
        let mut last = model.good.draw(factor, rng);
        if space.part().is_some() {
            for _ in 0..REDRAWS {
                if space.validate(&last.0).is_ok() {
                    return Ok(last.0);
                }
                last = model.good.draw(factor, rng);
            }
            return crate::mutation::mutant(space, last.1, rng);
        }
        Ok(last.0)
    }
}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;
    use nas_space::testing::TinySpace;

    use super::*;

    fn tpe(options: &[usize], rungs: usize, config: BohbConfig) -> Tpe {
        Tpe::new(config, options.to_vec(), rungs)
    }

    /// Two decisions: N_min is 3, so a model needs 5.
    #[test]
    fn the_highest_rung_with_enough_observations_is_modelled() {
        let mut tpe = tpe(&[4, 4], 3, BohbConfig::default());
        let one = |i: usize| Architecture::new([i % 4, i / 4 % 4]);
        for i in 0..5 {
            assert_eq!(tpe.rung(), None);
            tpe.observe(0, &one(i), Some(i as f64 / 10.0));
        }
        assert_eq!(tpe.rung(), Some(0));
        for i in 0..5 {
            assert_eq!(tpe.rung(), Some(0));
            tpe.observe(2, &one(i), Some(0.5));
        }
        assert_eq!(tpe.rung(), Some(2));
        for i in 0..9 {
            tpe.observe(1, &one(i), None);
        }
        assert_eq!(tpe.rung(), Some(2), "a lower one does not replace it");
    }

    /// Equation 3 of the paper: N_l = max(N_min, q N), N_g = max(N_min, N − N_l).
    #[test]
    fn good_and_bad_observations_overlap_only_where_there_are_few() {
        let config = BohbConfig {
            min_points_in_model: Some(4),
            top_n_percent: 25.0,
            ..BohbConfig::default()
        };
        let mut tpe = tpe(&[100], 1, config);
        let sizes = |tpe: &Tpe| {
            let model = tpe.model.as_ref().unwrap();
            (model.good.len(), model.bad.len())
        };
        let mut seen = Vec::new();
        for i in 0..40 {
            let accuracy = (i % 7 != 0).then_some(i as f64 / 100.0);
            tpe.observe(0, &Architecture::new([i]), accuracy);
            if i >= 5 {
                seen.push(sizes(&tpe));
            }
        }
        assert_eq!(seen[0], (4, 4), "6 observations");
        assert_eq!(seen[4], (4, 6), "10 observations");
        assert_eq!(seen[34], (10, 30), "40 observations");
        // The best were the last; the failures are the worst.
        let order: Vec<usize> = tpe.rungs[0]
            .iter()
            .map(|one| one.architecture.choices()[0])
            .collect();
        assert_eq!(order[..3], [39, 38, 37]);
        assert_eq!(order[34..], [0, 7, 14, 21, 28, 35]);
    }

    /// The first decision determines the accuracy, so nearly every proposal has its best option,
    /// which a uniform draw has once in five times.
    #[test]
    fn proposals_have_what_good_observations_have_in_common() {
        let options = [5, 5, 5];
        let space = TinySpace::new(&options);
        let mut tpe = tpe(&options, 1, BohbConfig::default());
        let mut rng = Seed::new(2).rng();
        for _ in 0..60 {
            let one = space.sample(&mut rng);
            let accuracy = one.choices()[0] as f64 / 5.0;
            tpe.observe(0, &one, Some(accuracy));
        }
        let mut hits = 0;
        for _ in 0..100 {
            let proposed = tpe.propose(&space, |_| true, &mut rng).unwrap().unwrap();
            hits += usize::from(proposed.choices()[0] == 4);
        }
        assert!(hits > 90, "{hits}");
        assert_eq!(tpe.propose(&space, |_| false, &mut rng).unwrap(), None);
    }
}

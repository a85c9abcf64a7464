//! Several models, each trained without a part of the samples.

use std::fmt;

use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::{LevelData, Prediction, Sample, Surrogate};
use crate::error::PnasError;

/// A model of an ensemble.
pub(super) trait Member: fmt::Debug + Send + Sync {
    /// Learns from these. They are those of the call before, and others among and after them.
    fn fit(&mut self, samples: &[&Sample]) -> Result<(), PnasError>;

    /// The expected accuracies.
    fn predict(&self, architectures: &[Architecture]) -> Result<Vec<f64>, PnasError>;
}

/// An ensemble of M members: the samples of each level are dealt into M parts at random, and member
/// i learns from all but part i. The mean of the members is the prediction, their standard
/// deviation the spread.
///
/// A sample stays in its part for good, so what a member says of that part it never learned,
/// however long it is trained on. One member alone learns from everything.
#[derive(Debug)]
pub(super) struct Ensemble<M> {
    name: &'static str,
    seed: Seed,
    members: Vec<M>,
    /// Which member has not seen each of the samples.
    parts: Vec<usize>,
    /// How many of the first samples each member has seen all the same, for want of others.
    exposed: Vec<usize>,
    /// Which levels members learn from.
    data: LevelData,
    /// Whether nothing is kept from any member.
    everything: bool,
}

impl<M: Member> Ensemble<M> {
    pub(super) fn new(
        name: &'static str,
        members: usize,
        seed: Seed,
        mut make: impl FnMut(Seed) -> Result<M, PnasError>,
    ) -> Result<Self, PnasError> {
        let members: Result<Vec<M>, PnasError> = (0..members as u64)
            .map(|member| make(seed.derive("member", member)))
            .collect();
        let members = members?;
        Ok(Self {
            name,
            seed,
            exposed: vec![0; members.len()],
            members,
            parts: Vec::new(),
            data: LevelData::All,
            everything: false,
        })
    }

    /// The same ensemble, whose members learn from these levels.
    pub(super) fn with_data(self, data: LevelData) -> Self {
        Self { data, ..self }
    }

    /// The same ensemble, whose members learn from all samples and differ by their seeds alone.
    pub(super) fn on_everything(self) -> Self {
        Self {
            everything: true,
            ..self
        }
    }

    /// Deals the samples that are new.
    fn deal(&mut self, samples: &[Sample]) {
        let new = samples.get(self.parts.len()..).unwrap_or_default();
        for level in new.chunk_by(|a, b| a.level == b.level) {
            let mut parts: Vec<usize> = (0..level.len()).map(|i| i % self.members.len()).collect();
            let round = self.parts.len() as u64;
            parts.shuffle(&mut self.seed.derive("parts", round).rng());
            self.parts.extend(parts);
        }
    }

    /// What a member learns from: all but its part, of the levels that are to be learned from; all
    /// of those where that would leave nothing.
    fn lesson<'a>(&mut self, member: usize, samples: &'a [Sample]) -> Vec<&'a Sample> {
        let newest = samples.last().map(|sample| sample.level);
        let first = match self.data {
            LevelData::All => 0,
            LevelData::New => samples.partition_point(|sample| Some(sample.level) < newest),
        };
        let taught = &samples[first..];
        let seen = taught
            .iter()
            .zip(&self.parts[first..])
            .filter(|(_, part)| !self.everything && **part != member);
        let seen: Vec<&Sample> = seen.map(|(sample, _)| sample).collect();
        if seen.is_empty() {
            self.exposed[member] = samples.len();
            return taught.iter().collect();
        }
        seen
    }
}

impl<M: Member> Surrogate for Ensemble<M> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fit(&mut self, samples: &[Sample]) -> Result<Vec<Option<f64>>, PnasError> {
        if samples.is_empty() {
            return Err(PnasError::Unfitted { surrogate: self.name });
        }
        self.deal(samples);
        let lessons: Vec<Vec<&Sample>> = (0..self.members.len())
            .map(|member| self.lesson(member, samples))
            .collect();
        let pairs = self.members.par_iter_mut().zip(&lessons);
        let fitted: Vec<Result<(), PnasError>> = pairs.map(|(member, lesson)| member.fit(lesson)).collect();
        fitted.into_iter().collect::<Result<(), PnasError>>()?;
        let mut held_out = vec![None; samples.len()];
        for (member, &exposed) in self.exposed.iter().enumerate() {
            let places: Vec<usize> = (exposed..samples.len())
                .filter(|&place| self.parts[place] == member)
                .collect();
            let unseen: Vec<Architecture> = places
                .iter()
                .map(|&place| samples[place].architecture.clone())
                .collect();
            for (place, prediction) in places.into_iter().zip(self.members[member].predict(&unseen)?) {
                held_out[place] = Some(prediction);
            }
        }
        Ok(held_out)
    }

    fn predict(&self, architectures: &[Architecture]) -> Result<Vec<Prediction>, PnasError> {
        if self.parts.is_empty() {
            return Err(PnasError::Unfitted { surrogate: self.name });
        }
        let each: Vec<Result<Vec<f64>, PnasError>> = self
            .members
            .par_iter()
            .map(|member| member.predict(architectures))
            .collect();
        let each: Vec<Vec<f64>> = each.into_iter().collect::<Result<_, PnasError>>()?;
        let n = each.len() as f64;
        let of = |i: usize| {
            let mean = each.iter().map(|member| member[i]).sum::<f64>() / n;
            let squares: f64 = each.iter().map(|member| (member[i] - mean).powi(2)).sum();
            let spread = if each.len() > 1 {
                (squares / (n - 1.0)).sqrt()
            } else {
                0.0
            };
            Prediction { mean, spread }
        };
        Ok((0..architectures.len()).map(of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows the accuracies it was taught, and the number it has as a seed.
    #[derive(Debug)]
    struct Memory {
        number: f64,
        taught: Vec<Vec<Sample>>,
    }

    impl Member for Memory {
        fn fit(&mut self, samples: &[&Sample]) -> Result<(), PnasError> {
            self.taught
                .push(samples.iter().map(|&sample| sample.clone()).collect());
            Ok(())
        }

        fn predict(&self, architectures: &[Architecture]) -> Result<Vec<f64>, PnasError> {
            Ok(vec![self.number; architectures.len()])
        }
    }

    fn samples(levels: &[usize]) -> Vec<Sample> {
        let mut samples = Vec::new();
        for (level, &count) in levels.iter().enumerate() {
            samples.extend((0..count).map(|i| Sample {
                architecture: Architecture::new([level, i]),
                accuracy: 0.5,
                level: level + 1,
            }));
        }
        samples
    }

    fn ensemble(members: usize) -> Ensemble<Memory> {
        let mut numbers = [1.0, 2.0, 3.0, 4.0, 10.0].into_iter();
        let make = |_| {
            let number = numbers.next().unwrap();
            Ok(Memory {
                number,
                taught: vec![],
            })
        };
        Ensemble::new("memory", members, Seed::new(1), make).unwrap()
    }

    #[test]
    fn every_sample_of_every_level_is_kept_from_one_member_for_good() {
        let mut ensemble = ensemble(5);
        let all = samples(&[10, 20]);
        ensemble.fit(&all[..10]).unwrap();
        let held_out = ensemble.fit(&all).unwrap();
        for (i, sample) in all.iter().enumerate() {
            let unaware: Vec<usize> = (0..5)
                .filter(|&m| {
                    ensemble.members[m]
                        .taught
                        .iter()
                        .all(|lesson| !lesson.contains(sample))
                })
                .collect();
            assert_eq!(unaware.len(), 1, "{}", sample.architecture);
            assert_eq!(held_out[i], Some(ensemble.members[unaware[0]].number));
        }
        for member in &ensemble.members {
            assert_eq!(member.taught[0].len(), 8, "4/5 of the first level");
            assert_eq!(member.taught[1].len(), 24, "and of the second");
        }
    }

    #[test]
    fn of_new_data_alone_members_learn_the_last_level_without_their_part() {
        let mut ensemble = ensemble(5).with_data(LevelData::New);
        let both = samples(&[10, 20]);
        ensemble.fit(&both[..10]).unwrap();
        let held_out = ensemble.fit(&both).unwrap();
        assert_eq!(held_out.iter().flatten().count(), 30);
        for (place, member) in ensemble.members.iter().enumerate() {
            assert_eq!(member.taught[0].len(), 8, "4/5 of the first level");
            assert_eq!(
                member.taught[1].len(),
                16,
                "4/5 of the second, and nothing of the first"
            );
            let newest: Vec<&Architecture> = both[10..]
                .iter()
                .zip(&ensemble.parts[10..])
                .filter(|(_, part)| **part != place)
                .map(|(sample, _)| &sample.architecture)
                .collect();
            assert!(
                member.taught[1]
                    .iter()
                    .map(|sample| &sample.architecture)
                    .eq(newest)
            );
        }
    }

    #[test]
    fn mean_and_spread_are_those_of_the_members() {
        let mut ensemble = ensemble(5);
        assert!(matches!(ensemble.predict(&[]), Err(PnasError::Unfitted { .. })));
        assert!(matches!(ensemble.fit(&[]), Err(PnasError::Unfitted { .. })));
        ensemble.fit(&samples(&[5])).unwrap();
        let prediction = ensemble.predict(&[Architecture::new([0, 0])]).unwrap()[0];
        assert_eq!(prediction.mean, 4.0);
        assert_eq!(prediction.spread, 12.5_f64.sqrt());
    }

    #[test]
    fn one_member_or_one_sample_leaves_nothing_out() {
        for (members, count) in [(1, 4), (5, 1)] {
            let mut ensemble = ensemble(members);
            let held_out = ensemble.fit(&samples(&[count])).unwrap();
            assert!(ensemble.members.iter().all(|member| !member.taught[0].is_empty()));
            assert_eq!(held_out.iter().flatten().count(), 0);
        }
    }
}

//! The strategy.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::canonical::CanonicalId;
use nas_space::search::{Ask, Outcome, Proposal, Strategy, StrategyError, TrialId};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::blocks::growth;
use crate::config::{Exploration, FirstLevel, Parents, ProgressiveConfig};
use crate::error::PnasError;
use crate::expansion::{Candidate, Expansion};
use crate::report::{LevelReport, ModelReport, RankQuality, SearchReport};
use crate::selection::Selection;
use crate::surrogate::{Prediction, Sample, Surrogate};

/// Children that are predicted at a time.
const BATCH: usize = 8_192;

/// Progressive search; see the [crate] for how.
#[derive(Debug)]
pub struct ProgressiveSearch {
    space: Arc<dyn Space>,
    config: ProgressiveConfig,
    seed: Seed,
    surrogate: Box<dyn Surrogate>,
    asked: TrialId,
    told: TrialId,
    /// From level 1 to the one that is under way.
    levels: Vec<Level>,
    /// What the level under way is still to propose.
    queue: VecDeque<Chosen>,
    /// Everything that was ever chosen.
    known: HashSet<CanonicalId>,
    /// Everything that was trained, level by level.
    samples: Vec<Sample>,
    finished: bool,
}

/// A child that is to be trained.
#[derive(Debug)]
struct Chosen {
    candidate: Candidate,
    predicted: Option<Prediction>,
}

#[derive(Debug)]
struct Level {
    parents: usize,
    written: u64,
    distinct: u64,
    /// In the order of the trials.
    models: Vec<Model>,
}

#[derive(Debug)]
struct Model {
    trial: TrialId,
    architecture: Architecture,
    predicted: Option<Prediction>,
    held_out: Option<f64>,
    result: Told,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    Waiting,
    Failed,
    Accuracy(f64),
}

impl Model {
    fn accuracy(&self) -> Option<f64> {
        match self.result {
            Told::Accuracy(accuracy) => Some(accuracy),
            Told::Waiting | Told::Failed => None,
        }
    }
}

impl ProgressiveSearch {
    /// A search of `space` whose proposals are a function of `config`, `seed` and the outcomes.
    ///
    /// # Errors
    /// [`PnasError::DoesNotGrow`] for a space without levels, [`PnasError::Config`] for a value out
    /// of its range.
    pub fn new(space: Arc<dyn Space>, config: ProgressiveConfig, seed: Seed) -> Result<Self, PnasError> {
        let surrogate = config.surrogate.build(&space, seed.derive("surrogate", 0))?;
        Self::with_surrogate(space, config, surrogate, seed)
    }

    /// The same with a surrogate of your own; that of the configuration has no meaning then.
    ///
    /// # Errors
    /// As [`ProgressiveSearch::new`].
    pub fn with_surrogate(
        space: Arc<dyn Space>,
        config: ProgressiveConfig,
        surrogate: Box<dyn Surrogate>,
        seed: Seed,
    ) -> Result<Self, PnasError> {
        config.validate()?;
        check_space(space.as_ref())?;
        Ok(Self {
            space,
            config,
            seed,
            surrogate,
            asked: 0,
            told: 0,
            levels: Vec::new(),
            queue: VecDeque::new(),
            known: HashSet::new(),
            samples: Vec::new(),
            finished: false,
        })
    }

    /// The levels so far; the last one may be incomplete.
    pub fn levels(&self) -> Vec<LevelReport> {
        let growth = self.space.growth();
        let report = |(place, level): (usize, &Level)| {
            let models = level.models.iter();
            let pairs = |predicted: fn(&Model) -> Option<f64>| {
                let pairs = level
                    .models
                    .iter()
                    .filter_map(|model| Some((predicted(model)?, model.accuracy()?)));
                RankQuality::of(&pairs.collect::<Vec<_>>())
            };
            let accuracies = level.models.iter().filter_map(Model::accuracy);
            LevelReport {
                level: place + 1,
                parents: level.parents,
                written: level.written,
                distinct: level.distinct,
                size: growth.map_or(0.0, |growth| size(&growth.size_at(place + 1).to_string())),
                failed: level
                    .models
                    .iter()
                    .filter(|model| model.result == Told::Failed)
                    .count(),
                best_accuracy: accuracies.reduce(f64::max),
                extrapolated: pairs(|model| model.predicted.map(|prediction| prediction.mean)),
                held_out: pairs(|model| model.held_out),
                models: models
                    .map(|model| ModelReport {
                        trial: model.trial,
                        architecture: model.architecture.to_string(),
                        predicted: model.predicted,
                        held_out: model.held_out,
                        accuracy: model.accuracy(),
                    })
                    .collect(),
            }
        };
        self.levels.iter().enumerate().map(report).collect()
    }

    /// The surrogate, as the levels that are complete have taught it.
    pub fn surrogate(&self) -> &dyn Surrogate {
        self.surrogate.as_ref()
    }

    /// Learns from the level that is complete and chooses the next one. `false` where the search is
    /// finished.
    fn next_level(&mut self) -> Result<bool, PnasError> {
        let levels = growth(self.space.as_ref())?.levels();
        if self.levels.is_empty() {
            let level = self.choose_first()?;
            self.levels.push(level);
            return Ok(true);
        }
        self.learn()?;
        let parents = self.parents();
        if self.levels.len() == levels || parents.is_empty() {
            return Ok(false);
        }
        let level = self.choose(parents)?;
        self.levels.push(level);
        Ok(!self.queue.is_empty())
    }

    /// Teaches the surrogate what the last level has shown.
    fn learn(&mut self) -> Result<(), PnasError> {
        let number = self.levels.len();
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        let before = self.samples.len();
        let mut trained: Vec<&mut Model> = level
            .models
            .iter_mut()
            .filter(|model| model.accuracy().is_some())
            .collect();
        let new = trained.iter().filter_map(|model| {
            Some(Sample {
                architecture: model.architecture.clone(),
                accuracy: model.accuracy()?,
                level: number,
            })
        });
        self.samples.extend(new);
        if trained.is_empty() {
            return Ok(());
        }
        let held_out = self.surrogate.fit(&self.samples)?;
        check_count(self.surrogate.as_ref(), held_out.len(), self.samples.len())?;
        for (model, held_out) in trained.iter_mut().zip(&held_out[before..]) {
            model.held_out = *held_out;
        }
        Ok(())
    }

    /// What the last level hands on, in the order of its trials.
    fn parents(&self) -> Vec<Architecture> {
        let Some(level) = self.levels.last() else {
            return Vec::new();
        };
        let trained: Vec<(f64, &Model)> = level
            .models
            .iter()
            .filter_map(|model| Some((model.accuracy()?, model)))
            .collect();
        let mut chosen: Vec<usize> = (0..trained.len()).collect();
        if let Parents::Best(count) = self.config.parents {
            // The sort is stable.
            chosen.sort_by(|&a, &b| trained[b].0.total_cmp(&trained[a].0));
            chosen.truncate(count);
            chosen.sort_unstable();
        }
        chosen
            .into_iter()
            .map(|place| trained[place].1.architecture.clone())
            .collect()
    }

    /// Level 1: all of it or some, in the order of the space or as drawn.
    fn choose_first(&mut self) -> Result<Level, PnasError> {
        let mut expansion = Expansion::first_level(Arc::clone(&self.space))?;
        let mut rng = self.seed.derive("first level", 0).rng();
        let size = match self.config.first_level {
            FirstLevel::All => usize::MAX,
            FirstLevel::AtMost(count) => count,
        };
        let mut selection = Selection::new(size);
        while let Some(batch) = expansion.next_batch(BATCH)? {
            for candidate in batch {
                let score = match self.config.first_level {
                    FirstLevel::All => 0.0,
                    FirstLevel::AtMost(_) => rng.random(),
                };
                selection.offer(
                    score,
                    Chosen {
                        candidate,
                        predicted: None,
                    },
                );
            }
        }
        Ok(self.take(selection, 0, &expansion))
    }

    /// The most promising children.
    fn choose(&mut self, parents: Vec<Architecture>) -> Result<Level, PnasError> {
        let level = self.levels.len() + 1;
        let count = parents.len();
        let mut expansion = Expansion::of(Arc::clone(&self.space), parents, self.known.clone());
        let mut rng = self.seed.derive("thompson", level as u64).rng();
        let mut selection = Selection::new(self.config.beam_at(level));
        while let Some(batch) = expansion.next_batch(BATCH)? {
            let (architectures, ids): (Vec<Architecture>, Vec<CanonicalId>) = batch
                .into_iter()
                .map(|candidate| (candidate.architecture, candidate.id))
                .unzip();
            let predictions = self.surrogate.predict(&architectures)?;
            check_count(self.surrogate.as_ref(), predictions.len(), architectures.len())?;
            let children = architectures.into_iter().zip(ids).zip(predictions);
            for ((architecture, id), prediction) in children {
                let score = score(self.config.exploration, prediction, &mut rng);
                if !score.is_finite() {
                    return Err(PnasError::NonFinite {
                        surrogate: self.surrogate.name(),
                        got: score,
                        architecture: architecture.to_string(),
                    });
                }
                let candidate = Candidate { architecture, id };
                let predicted = Some(prediction);
                selection.offer(score, Chosen { candidate, predicted });
            }
        }
        Ok(self.take(selection, count, &expansion))
    }

    /// Queues the selected architectures.
    fn take(&mut self, selection: Selection<Chosen>, parents: usize, expansion: &Expansion) -> Level {
        self.queue = selection.into_best_first().into();
        self.known
            .extend(self.queue.iter().map(|chosen| chosen.candidate.id));
        Level {
            parents,
            written: expansion.written(),
            distinct: expansion.distinct(),
            models: Vec::with_capacity(self.queue.len()),
        }
    }
}

/// Checks that a space can be searched: it grows, and each decision has something to choose from.
///
/// # Errors
/// [`PnasError::DoesNotGrow`] or [`PnasError::Config`] otherwise.
pub fn check_space(space: &dyn Space) -> Result<(), PnasError> {
    growth(space)?;
    check_options(space)
}

/// Checks that each decision has something to choose from.
pub(crate) fn check_options(space: &dyn Space) -> Result<(), PnasError> {
    match space
        .decisions()
        .iter()
        .find(|decision| decision.options.is_empty())
    {
        None => Ok(()),
        Some(decision) => {
            let name = format!("{}, of no options", decision.name);
            Err(PnasError::config("decision", name, "at least one option"))
        }
    }
}

/// A number of any length, rounded.
fn size(digits: &str) -> f64 {
    digits.parse().unwrap_or(f64::INFINITY)
}

/// What a candidate is ranked by.
pub(crate) fn score(exploration: Exploration, prediction: Prediction, rng: &mut ChaCha8Rng) -> f64 {
    match exploration {
        Exploration::Top => prediction.mean,
        Exploration::Ucb(weight) => prediction.mean + weight * prediction.spread,
        Exploration::Thompson => {
            let drawn: f64 = StandardNormal.sample(rng);
            prediction.mean + prediction.spread * drawn
        }
    }
}

/// Checks that a surrogate gave a value for each architecture.
pub(crate) fn check_count(surrogate: &dyn Surrogate, got: usize, expected: usize) -> Result<(), PnasError> {
    if got != expected {
        let surrogate = surrogate.name();
        return Err(PnasError::Count {
            surrogate,
            got,
            expected,
        });
    }
    Ok(())
}

impl Strategy for ProgressiveSearch {
    fn name(&self) -> &str {
        "pnas"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        if self.queue.is_empty() {
            if self.told < self.asked {
                return Ok(Ask::Wait);
            }
            if self.finished || !self.next_level()? {
                self.finished = true;
                return Ok(Ask::Finished);
            }
        }
        let (Some(chosen), Some(level)) = (self.queue.pop_front(), self.levels.last_mut()) else {
            return Ok(Ask::Finished);
        };
        let architecture = chosen.candidate.architecture;
        level.models.push(Model {
            trial: self.asked,
            architecture: architecture.clone(),
            predicted: chosen.predicted,
            held_out: None,
            result: Told::Waiting,
        });
        self.asked += 1;
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        let got = outcome.trial.id;
        // All models of earlier levels were told.
        let models = match self.levels.last_mut() {
            Some(level) => level.models.as_mut_slice(),
            None => &mut [],
        };
        let waits = |model: &Model| model.result == Told::Waiting;
        match models.iter().position(|model| model.trial == got && waits(model)) {
            Some(place) => {
                self.told += 1;
                models[place].result = outcome.valid_accuracy().map_or(Told::Failed, Told::Accuracy);
                Ok(())
            }
            None => {
                let lowest = models.iter().find(|model| waits(model));
                let expected = lowest.map_or(self.asked, |model| model.trial);
                Err(StrategyError::Unexpected { expected, got })
            }
        }
    }

    fn any_order(&self) -> bool {
        true
    }

    /// A [`SearchReport`](crate::report::SearchReport).
    fn report(&self) -> Option<serde_json::Value> {
        let report = SearchReport {
            surrogate: self.surrogate().name().to_owned(),
            levels: self.levels(),
        };
        serde_json::to_value(report).ok()
    }
}

//! A study that is ready to run.

use std::thread;

use nas_space::search::{Budget, Evaluator, Strategy};
use nas_space::spaces::Space;
use serde_json::Value;

use super::RunOptions;
use super::completions::Completions;
use super::journal::Journal;
use super::search::Search;
use crate::config::{StudyConfig, TellOrder};
use crate::error::{Difference, StudyError};
use crate::event::{Event, Observer};
use crate::executor::{Crew, Inline, Threads};
use crate::store::{Change, Store, StoreError, Summary, TrialRecord};

/// What a study brings together.
pub struct Parts<'a> {
    /// What is searched.
    pub space: &'a dyn Space,
    /// How. Fresh: not yet asked anything.
    pub strategy: &'a mut dyn Strategy,
    /// How good an architecture is.
    pub evaluator: &'a dyn Evaluator,
}

/// A study that is ready to run: new, or with the records of an earlier run.
pub struct PreparedStudy<'a> {
    store: &'a mut Store,
    config: StudyConfig,
    parts: Parts<'a>,
    recorded: Vec<TrialRecord>,
    completions: Option<Completions>,
    resumed: bool,
}

impl<'a> PreparedStudy<'a> {
    /// A new study, written down in an empty store.
    ///
    /// # Errors
    /// [`StudyError::Config`] and [`StudyError::Mismatch`] for a configuration that is out of range
    /// or of other parts, [`StudyError::TrialOrder`] for a strategy that cannot be told outcomes in
    /// the order of completion, [`StudyError::AlreadyBegun`] for a store that is not empty,
    /// [`StudyError::Store`].
    pub fn create(store: &'a mut Store, config: StudyConfig, parts: Parts<'a>) -> Result<Self, StudyError> {
        check(&config, &parts)?;
        if let Some(study) = store.records().study()? {
            let method = study.config.method;
            return Err(StudyError::AlreadyBegun { method });
        }
        let completions = match config.tell {
            TellOrder::Trial => None,
            TellOrder::Completion => Some(Completions::default()),
        };
        store.begin(&config, &decisions(parts.space), &parts.evaluator.metric())?;
        Ok(Self {
            store,
            config,
            parts,
            recorded: Vec::new(),
            completions,
            resumed: false,
        })
    }

    /// The recorded study, ready to continue. If the store is empty because the process was killed
    /// before its first write, the study starts from the beginning. A larger budget is set by
    /// [`Store::extend_budget`] before.
    ///
    /// # Errors
    /// As [`PreparedStudy::create`]; [`StudyError::Differs`] where the study on record is another
    /// one.
    pub fn resume(store: &'a mut Store, config: StudyConfig, parts: Parts<'a>) -> Result<Self, StudyError> {
        let Some(study) = store.records().study()? else {
            return Self::create(store, config, parts);
        };
        let mut differences = differences(&study.config, &config);
        // The names come first: of another space, the decisions differ anyway.
        if differences.is_empty() {
            check(&config, &parts)?;
            let given = decisions(parts.space);
            if given != study.decisions {
                differences.push(Difference {
                    field: "decisions".to_owned(),
                    recorded: study.decisions,
                    given,
                });
            }
        }
        if !differences.is_empty() {
            return Err(StudyError::Differs { differences });
        }
        let recorded = store.records().trials()?;
        let completions = Completions::of(config.tell, &recorded)
            .map_err(|reason| StoreError::damaged(store.records().path(), reason))?;
        Ok(Self {
            store,
            config,
            parts,
            recorded,
            completions,
            resumed: true,
        })
    }

    /// What it is.
    pub fn config(&self) -> &StudyConfig {
        &self.config
    }

    /// Runs the study to its end.
    ///
    /// A study in which every trial failed is no error here; see [`Summary::require_best`].
    ///
    /// # Errors
    /// [`StudyError::Strategy`] or [`StudyError::Stalled`] if the strategy cannot continue,
    /// [`StudyError::ReplayDiverged`] if it does not repeat the recorded proposals,
    /// [`StudyError::Store`] where nothing can be written, [`StudyError::Spawn`] where there are no
    /// threads. What was recorded stays.
    pub fn run(self, options: &RunOptions, observer: &mut dyn Observer) -> Result<Summary, StudyError> {
        let Self {
            store,
            config,
            parts,
            recorded,
            completions,
            resumed,
        } = self;
        let mut journal = Journal::new(store, observer, options.commit);
        let budget = config.budget;
        if resumed {
            journal.write(Change::Ended(None));
            journal.announce(Event::Resumed {
                recorded: recorded.len() as u64,
                finished: recorded.iter().filter(|r| r.conclusion.is_some()).count() as u64,
                budget,
            });
        } else {
            journal.announce(Event::Started { budget });
        }
        let evaluator = parts.evaluator;
        let mut search = Search::new(
            &config,
            parts.space,
            parts.strategy,
            recorded,
            completions,
            journal,
        );
        let workers = options.workers.get().min(config.batch as usize);
        if workers == 1 {
            let mut crew = Inline::new(evaluator, &options.stop);
            return finish(search, &mut crew, options);
        }
        thread::scope(|scope| {
            let mut crew = Threads::spawn(scope, evaluator, &options.stop, workers)?;
            let result = search.run(&mut crew, &options.stop);
            drop(crew);
            search.close(result)
        })
    }
}

fn finish(mut search: Search<'_>, crew: &mut dyn Crew, options: &RunOptions) -> Result<Summary, StudyError> {
    let result = search.run(crew, &options.stop);
    search.close(result)
}

impl Store {
    /// Raises the budget of the recorded study. Resumed with this budget, it makes the same
    /// proposals as if it had been started with it. Returns the configuration for resuming.
    ///
    /// # Errors
    /// As [`Store::extended_config`]; then nothing has changed.
    pub fn extend_budget(&mut self, budget: Budget) -> Result<StudyConfig, StudyError> {
        let config = self.extended_config(budget)?;
        self.reconfigure(&config)?;
        Ok(config)
    }

    /// The configuration that [`Store::extend_budget`] would record. Changes nothing.
    ///
    /// # Errors
    /// [`StudyError::BudgetShrinks`] where a limit is lower than recorded, or is set where there
    /// was none; [`StudyError::Config`] for a budget that cannot be; [`StudyError::Store`].
    pub fn extended_config(&self, budget: Budget) -> Result<StudyConfig, StudyError> {
        let Some(study) = self.records().study()? else {
            let path = self.records().path().to_owned();
            return Err(crate::StoreError::Empty { path }.into());
        };
        let recorded = study.config.budget;
        let config = StudyConfig {
            budget,
            ..study.config
        };
        config.validate()?;
        shrinks("trials", recorded.trials, budget.trials)?;
        shrinks("epochs", recorded.epochs, budget.epochs)?;
        shrinks("seconds", recorded.seconds, budget.seconds)?;
        Ok(config)
    }
}

/// No limit is more than any.
fn shrinks<T: PartialOrd + ToString>(
    limit: &'static str,
    recorded: Option<T>,
    given: Option<T>,
) -> Result<(), StudyError> {
    let shrinks = match (&recorded, &given) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(recorded), Some(given)) => given < recorded,
    };
    if !shrinks {
        return Ok(());
    }
    let text = |limit: Option<T>| limit.map_or("none".to_owned(), |limit| limit.to_string());
    Err(StudyError::BudgetShrinks {
        limit,
        recorded: text(recorded),
        given: text(given),
    })
}

/// Checks the configuration, and that these are the parts it names.
fn check(config: &StudyConfig, parts: &Parts<'_>) -> Result<(), StudyError> {
    config.validate()?;
    let description = parts.evaluator.description();
    let named = [
        ("method", &config.method, parts.strategy.name()),
        ("space", &config.space, parts.space.name()),
        ("evaluator", &config.evaluator, description.as_str()),
    ];
    for (what, config, got) in named {
        if config != got {
            return Err(StudyError::Mismatch {
                what,
                config: config.clone(),
                got: got.to_owned(),
            });
        }
    }
    if config.tell == TellOrder::Completion && !parts.strategy.any_order() {
        return Err(StudyError::TrialOrder {
            method: config.method.clone(),
        });
    }
    Ok(())
}

/// The fields in which two configurations differ.
fn differences(recorded: &StudyConfig, given: &StudyConfig) -> Vec<Difference> {
    let mut differences = Vec::new();
    if recorded != given {
        // Configurations are made of strings, numbers and options, which always serialise.
        let value = |config| serde_json::to_value(config).unwrap_or_default();
        compare("", &value(recorded), &value(given), &mut differences);
    }
    differences
}

fn compare<'a>(path: &str, recorded: &'a Value, given: &'a Value, differences: &mut Vec<Difference>) {
    if let (Value::Object(recorded), Value::Object(given)) = (recorded, given) {
        // A field that has its default may be left out.
        let added = given.keys().filter(|key| !recorded.contains_key(*key));
        for key in recorded.keys().chain(added) {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            let value = |of: &'a serde_json::Map<String, Value>| of.get(key).unwrap_or(&Value::Null);
            compare(&path, value(recorded), value(given), differences);
        }
    } else if recorded != given {
        let text = |value: &Value| match value {
            Value::Null => "none".to_owned(),
            Value::String(text) => format!("'{text}'"),
            other => other.to_string(),
        };
        differences.push(Difference {
            field: path.to_owned(),
            recorded: text(recorded),
            given: text(given),
        });
    }
}

/// The space's decisions as they are recorded.
fn decisions(space: &dyn Space) -> String {
    // Decisions are made of strings alone, which always serialise.
    serde_json::to_string(space.decisions()).unwrap_or_default()
}

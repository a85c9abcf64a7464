//! Some of the trials, for readers who look at a page of them at a time.

use nas_space::search::{Continued, Evaluation, TrialId};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params_from_iter};

use super::records::{TRIALS, select};
use super::{Best, Records, StoreError, TrialRecord};
use crate::config::TellOrder;

/// What trials can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TrialOrder {
    /// Their numbers.
    #[default]
    Number,
    /// Their scores on validation.
    Score,
    /// The epochs that they are trained for.
    Epochs,
    /// Parameters on record.
    Params,
    /// Multiply-accumulates on record.
    Macs,
    /// What they cost.
    Seconds,
    /// Whether they are under way, evaluated or failed.
    State,
}

impl TrialOrder {
    fn column(self) -> &'static str {
        match self {
            Self::Number => "id",
            Self::Score => "valid_accuracy",
            Self::Epochs => "fidelity_epochs",
            Self::Params => "params",
            Self::Macs => "macs",
            Self::Seconds => "cost_seconds",
            Self::State => "state",
        }
    }
}

/// How a trial stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialState {
    /// It has no outcome yet.
    UnderWay,
    /// It has an evaluation.
    Evaluated,
    /// It has failed.
    Failed,
}

impl TrialState {
    fn word(self) -> &'static str {
        match self {
            Self::UnderWay => "asked",
            Self::Evaluated => "done",
            Self::Failed => "failed",
        }
    }
}

/// The bounds of a figure, both inclusive. With a bound, a trial without the figure is left out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Within {
    /// The least value.
    pub least: Option<f64>,
    /// The greatest value.
    pub most: Option<f64>,
}

/// Which trials are asked for, and in which order. The default is the first 100 by their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// What they are sorted by; of equals, by number. Those without the figure come last.
    pub order: TrialOrder,
    /// From high to low.
    pub descending: bool,
    /// Only those that stand so.
    pub state: Option<TrialState>,
    /// Bounds of the score.
    pub score: Within,
    /// Bounds of the parameters.
    pub params: Within,
    /// Bounds of the seconds.
    pub seconds: Within,
    /// The lowest number.
    pub from: TrialId,
    /// How many of them are skipped.
    pub offset: u64,
    /// How many are given at most.
    pub limit: u64,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            order: TrialOrder::default(),
            descending: false,
            state: None,
            score: Within::default(),
            params: Within::default(),
            seconds: Within::default(),
            from: 0,
            offset: 0,
            limit: 100,
        }
    }
}

impl Selection {
    /// The condition in SQL, with the values of its parameters.
    fn condition(&self) -> (String, Vec<Value>) {
        let mut terms = vec!["id >= ?"];
        let mut values = vec![Value::Integer(i64::try_from(self.from).unwrap_or(i64::MAX))];
        if let Some(state) = self.state {
            terms.push("state = ?");
            values.push(Value::Text(state.word().to_owned()));
        }
        for (bounds, [least, most]) in [
            (self.score, ["valid_accuracy >= ?", "valid_accuracy <= ?"]),
            (self.params, ["params >= ?", "params <= ?"]),
            (self.seconds, ["cost_seconds >= ?", "cost_seconds <= ?"]),
        ] {
            for (bound, term) in [(bounds.least, least), (bounds.most, most)] {
                if let Some(bound) = bound {
                    terms.push(term);
                    values.push(Value::Real(bound));
                }
            }
        }
        (terms.join(" AND "), values)
    }
}

/// Some of the trials.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// How many trials meet the conditions, without `offset` and `limit`.
    pub matching: u64,
    /// Those that were asked for, in their order.
    pub trials: Vec<TrialRecord>,
}

/// A trial that was better than all before it, by the rule of [`Best`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incumbent {
    /// Its number.
    pub trial: TrialId,
    /// How many trials had been told by then, this one included.
    pub trials: u64,
    /// The epochs it is trained for.
    pub epochs: u32,
    /// Its score on validation.
    pub score: f64,
}

impl Records {
    /// The trials of a selection. Memory is needed for these alone.
    ///
    /// # Errors
    /// As [`Records::trials`].
    pub fn select(&self, selection: &Selection) -> Result<Selected, StoreError> {
        let sqlite = |e| StoreError::sqlite(&self.path, e);
        // What is read within a transaction is of one moment.
        let _snapshot = self.connection.unchecked_transaction().map_err(sqlite)?;
        let (condition, values) = selection.condition();
        let matching: i64 = self
            .connection
            .prepare_cached(&format!("SELECT count(*) FROM trials WHERE {condition}"))
            .and_then(|mut statement| statement.query_row(params_from_iter(&values), |row| row.get(0)))
            .map_err(sqlite)?;
        let direction = if selection.descending { "DESC" } else { "ASC" };
        let order = match selection.order {
            TrialOrder::Number => format!("id {direction}"),
            other => format!("{0} IS NULL, {0} {direction}, id", other.column()),
        };
        // Numbers alone are sorted: whole rows of many trials would take memory.
        let sql = format!("SELECT id FROM trials WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?");
        let mut values = values;
        for bound in [selection.limit, selection.offset] {
            values.push(Value::Integer(i64::try_from(bound).unwrap_or(i64::MAX)));
        }
        let mut statement = self.connection.prepare_cached(&sql).map_err(sqlite)?;
        let numbers = statement
            .query_map(params_from_iter(&values), |row| row.get::<_, i64>(0))
            .and_then(Iterator::collect::<rusqlite::Result<Vec<i64>>>)
            .map_err(sqlite)?;
        let trials = numbers.into_iter().filter_map(|number| {
            let number = u64::try_from(number).ok()?;
            self.trial_of(number).transpose()
        });
        Ok(Selected {
            matching: u64::try_from(matching).unwrap_or_default(),
            trials: trials.collect::<Result<_, _>>()?,
        })
    }

    /// The trial of this number, if there is one.
    ///
    /// # Errors
    /// As [`Records::study`].
    pub fn trial_of(&self, id: TrialId) -> Result<Option<TrialRecord>, StoreError> {
        let sqlite = |e| StoreError::sqlite(&self.path, e);
        let Ok(number) = i64::try_from(id) else {
            return Ok(None);
        };
        let metric = self.metric()?;
        let found = self
            .connection
            .prepare_cached(&(select("trials", &TRIALS) + " WHERE id = ?"))
            .and_then(|mut statement| {
                let read = |row: &rusqlite::Row<'_>| {
                    let continues: Option<i64> = row.get("continues")?;
                    Ok((self.trial(row, &metric), continues))
                };
                statement.query_row([number], read).optional()
            })
            .map_err(sqlite)?;
        let Some((record, continues)) = found else {
            return Ok(None);
        };
        let mut record = record?;
        if let Some(earlier) = continues {
            let epochs = self
                .connection
                .prepare_cached("SELECT fidelity_epochs FROM trials WHERE id = ? AND id < ?")
                .and_then(|mut statement| {
                    statement
                        .query_row([earlier, number], |row| row.get(0))
                        .optional()
                })
                .map_err(sqlite)?;
            let (Some(epochs), Ok(trial)) = (epochs, u64::try_from(earlier)) else {
                let reason = format!("trial {id} continues trial {earlier}, expected an earlier one");
                return Err(StoreError::damaged(&self.path, reason));
            };
            record.trial.continues = Some(Continued { trial, epochs });
        }
        Ok(Some(record))
    }

    /// The trials each of which was the best when it was told, in the order in which they were.
    ///
    /// # Errors
    /// As [`Records::study`].
    pub fn incumbents(&self) -> Result<Vec<Incumbent>, StoreError> {
        let sqlite = |e| StoreError::sqlite(&self.path, e);
        let _snapshot = self.connection.unchecked_transaction().map_err(sqlite)?;
        let config = self.study()?.map(|study| study.config);
        // In the order of their numbers, nothing has to be sorted.
        let order = match config.as_ref().map(|config| config.tell) {
            Some(TellOrder::Completion) => "completion",
            Some(TellOrder::Trial) | None => "id",
        };
        let ranked_by = config.and_then(|config| config.ranked_by);
        let mut statement = self
            .connection
            .prepare_cached(&format!(
                "SELECT id, fidelity_epochs, valid_accuracy, CASE WHEN ? THEN figures END, {order} + 1
                 FROM trials WHERE state = 'done' ORDER BY {order}"
            ))
            .map_err(sqlite)?;
        let mut rows = statement.query([ranked_by.is_some()]).map_err(sqlite)?;
        // What the best has, and its number: of equals, the lowest number is the best.
        let mut highest: Option<((u32, f64), TrialId)> = None;
        let mut incumbents = Vec::new();
        while let Some(row) = rows.next().map_err(sqlite)? {
            let trial = self.unsigned(row, 0)?;
            let epochs: u32 = self.get(row, 1)?;
            let score: f64 = self.get(row, 2)?;
            let rank = match &ranked_by {
                None => score,
                Some(name) => {
                    let mut evaluation = Evaluation::new(score, epochs);
                    if let Some(figures) = self.get::<Option<String>>(row, 3)? {
                        evaluation.figures = serde_json::from_str(&figures)
                            .map_err(|e| StoreError::damaged(&self.path, format!("trial {trial}: {e}")))?;
                    }
                    Best::rank(&evaluation, Some(name))
                }
            };
            let rank = (epochs, rank);
            if highest.is_none_or(|(highest, best)| rank > highest || rank == highest && trial < best) {
                highest = Some((rank, trial));
                incumbents.push(Incumbent {
                    trial,
                    trials: self.unsigned(row, 4)?,
                    epochs,
                    score,
                });
            }
        }
        Ok(incumbents)
    }
}

#[cfg(test)]
mod tests {
    use nas_space::arch::Architecture;
    use nas_space::search::{Budget, Evaluation, Failure, FailureKind, Trial};

    use super::*;
    use crate::Silent;
    use crate::store::Store;
    use crate::testing::{Evaluate, config, options, run};

    /// Of the trials 0 to 29, every tenth fails; the others have the score `number % 7 / 10`,
    /// parameters and seconds.
    fn store() -> Store {
        let mut store = Store::in_memory().unwrap();
        let evaluate = |trial: &Trial| {
            if trial.id % 10 == 9 {
                return Err(Failure::new(FailureKind::NonFinite, "no <number>"));
            }
            let mut evaluation = Evaluation::new((trial.id % 7) as f64 / 10.0, trial.fidelity.epochs);
            evaluation.params = trial.id.is_multiple_of(2).then_some(1_000 - trial.id);
            evaluation.cost_seconds = trial.id as f64;
            Ok(evaluation)
        };
        let config = config(Budget::trials(30), 1);
        run(&mut store, &config, &Evaluate(evaluate), &options(1), &mut Silent).unwrap();
        store
    }

    fn numbers(store: &Store, selection: &Selection) -> (u64, Vec<u64>) {
        let Selected { matching, trials } = store.records().select(selection).unwrap();
        (matching, trials.iter().map(|record| record.trial.id).collect())
    }

    #[test]
    fn trials_are_sorted_bounded_and_given_page_by_page() {
        let store = store();
        let all = Selection::default();
        assert_eq!(numbers(&store, &all), (30, (0..30).collect()));
        let page = Selection {
            descending: true,
            offset: 2,
            limit: 3,
            ..all.clone()
        };
        assert_eq!(numbers(&store, &page), (30, vec![27, 26, 25]));
        let best = Selection {
            order: TrialOrder::Score,
            descending: true,
            limit: 5,
            ..all.clone()
        };
        assert_eq!(numbers(&store, &best), (30, vec![6, 13, 20, 27, 5]));
        // Those without the figure come last, in either direction.
        for descending in [false, true] {
            let last = Selection {
                order: TrialOrder::Score,
                descending,
                offset: 27,
                ..all.clone()
            };
            assert_eq!(numbers(&store, &last), (30, vec![9, 19, 29]));
        }
        let bounded = Selection {
            state: Some(TrialState::Evaluated),
            score: Within {
                least: Some(0.5),
                most: None,
            },
            params: Within {
                least: None,
                most: Some(990.0),
            },
            seconds: Within {
                least: None,
                most: Some(26.0),
            },
            ..all.clone()
        };
        assert_eq!(numbers(&store, &bounded), (3, vec![12, 20, 26]));
        let failed = Selection {
            state: Some(TrialState::Failed),
            from: 10,
            ..all
        };
        assert_eq!(numbers(&store, &failed), (2, vec![19, 29]));
    }

    #[test]
    fn one_trial_and_the_best_ones_are_those_of_all_trials() {
        let store = store();
        let trials = store.records().trials().unwrap();
        for record in &trials {
            assert_eq!(
                store.records().trial_of(record.trial.id).unwrap().as_ref(),
                Some(record)
            );
        }
        assert_eq!(store.records().trial_of(30).unwrap(), None);
        assert_eq!(store.records().trial_of(u64::MAX).unwrap(), None);
        let incumbents = store.records().incumbents().unwrap();
        let numbers: Vec<u64> = incumbents.iter().map(|one| one.trial).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
        let best = store.records().standing().unwrap().best.unwrap();
        assert_eq!(
            incumbents.last().map(|one| (one.trial, one.score)),
            Some((best.trial, best.valid_accuracy))
        );
        assert!(
            trials
                .iter()
                .all(|record| record.trial.architecture != Architecture::new([]))
        );
    }
}

//! Performance estimation from a table.

use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::search::{Evaluation, Evaluator, Failure, FailureKind, Metric, TestReport, Trial};
use nas_space::seed::Seed;
use nas_space::sizes::{Figures, Sizes};

use super::fidelities::Repeats;
use super::header::Encoding;
use super::{DatasetHeader, Extra, Figure, Table, TableError, TabularSizes};

/// The number that all of 1, …, n divide, for n from 0 on: a row may have any number of the
/// repeats.
const DIVISORS: [u64; 7] = [1, 1, 2, 6, 12, 60, 60];

/// Looks architectures up in a table: a trial's evaluation is the validation accuracy after its
/// epochs, the report the test accuracy after the epochs that the table reports.
///
/// Where the table has no validation accuracies after a trial's epochs, what becomes of it depends
/// on how many numbers of epochs there are: the only one answers for all (as in NAS-Bench-201's
/// file of accuracies, whose 12 epochs are the benchmark's cheap setting), else the trial fails.
///
/// Where it has repeats, a trial sees one of them, drawn by the trial's seed, as a training would
/// have given it; a report is the mean of all.
///
/// An evaluation has the size and the other figures that [`TabularSizes`] knows.
///
/// **Simulated clock.** A trial costs the seconds that its training took, where the table has them,
/// and nothing else; one that continues another, the seconds it adds.
///
/// **Several fidelities.** Trials are of the epochs that the table calls those of a search, unless
/// [`TabularEvaluator::with_epochs`] says otherwise. With several numbers, the rungs of a halving,
/// a trial that continues another one sees the repeat that the first of them drew. Seconds are
/// those of the table where it has them after each of these numbers, and 0 otherwise: what a
/// promotion adds could not be told.
#[derive(Debug, Clone)]
pub struct TabularEvaluator {
    table: Arc<Table>,
    dataset: usize,
    sizes: Arc<TabularSizes>,
    /// The epochs that trials have, increasing; never empty.
    epochs: Vec<u32>,
}

impl TabularEvaluator {
    /// An evaluator on this data set of the table.
    ///
    /// # Errors
    /// [`TableError::Dataset`] with the data sets there are.
    pub fn new(table: Arc<Table>, dataset: &str) -> Result<Self, TableError> {
        let dataset = table.dataset(dataset)?;
        Ok(Self {
            dataset,
            sizes: Arc::new(TabularSizes::new(Arc::clone(&table), dataset)),
            epochs: vec![table.header().datasets[dataset].search_epochs],
            table,
        })
    }

    /// The same for trials of these epochs: of one number, or of the rungs of a halving.
    ///
    /// # Errors
    /// [`TableError::Epochs`] for a number after which there are no validation accuracies;
    /// [`TableError::NoEpochs`] for none.
    pub fn with_epochs(self, epochs: &[u32]) -> Result<Self, TableError> {
        epochs.iter().try_for_each(|&epochs| self.check_epochs(epochs))?;
        if epochs.is_empty() {
            return Err(TableError::NoEpochs);
        }
        let mut epochs = epochs.to_vec();
        epochs.sort_unstable();
        epochs.dedup();
        Ok(Self { epochs, ..self })
    }

    /// The epochs that trials have, increasing: one number, or several with
    /// [`TabularEvaluator::with_epochs`].
    pub fn epochs(&self) -> &[u32] {
        &self.epochs
    }

    /// What is looked up in.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// How large its architectures are.
    pub fn sizes(&self) -> &Arc<TabularSizes> {
        &self.sizes
    }

    /// The data set.
    pub fn dataset(&self) -> &DatasetHeader {
        &self.table.header().datasets[self.dataset]
    }

    /// What its validation and test figures are.
    pub fn metric(&self) -> &Metric {
        &self.dataset().metric
    }

    /// The extra figures that the table has on this data set.
    pub fn extras(&self) -> impl Iterator<Item = &Extra> {
        let has = |extra: &&Extra| self.table.extra_column(&extra.name, self.dataset).is_some();
        self.table.extras().iter().filter(has)
    }

    /// The extra figure of this name of an architecture; none where the table has no such figure or
    /// no such row, or the figure is missing there.
    pub fn extra(&self, name: &str, architecture: &Architecture) -> Option<f64> {
        let column = self.table.extra_column(name, self.dataset)?;
        self.table.figure(column, self.table.row(architecture)?)
    }

    /// The extra figure of this name of each row; none where the table has no such figure.
    pub fn extra_figures(&self, name: &str) -> Option<Vec<Option<f64>>> {
        let column = self.table.extra_column(name, self.dataset)?;
        let rows = 0..self.table.header().row_count;
        Some(rows.map(|row| self.table.figure(column, row)).collect())
    }

    /// Whether the table knows what trainings cost, of some number of epochs.
    pub fn has_seconds(&self) -> bool {
        self.table
            .fidelities(self.dataset)
            .is_some_and(|known| !known.seconds.is_empty())
    }

    /// Whether the table knows what each trial costs, in seconds: those of one number of epochs, or
    /// of every rung.
    pub fn has_trial_seconds(&self) -> bool {
        let known = self.table.fidelities(self.dataset);
        known.is_some_and(|known| {
            self.epochs
                .iter()
                .all(|epochs| known.seconds.contains_key(epochs))
        })
    }

    /// Checks that there are validation accuracies after exactly this number of epochs.
    ///
    /// # Errors
    /// [`TableError::Epochs`] with the numbers there are.
    pub fn check_epochs(&self, epochs: u32) -> Result<(), TableError> {
        let known = self.table.epochs(self.dataset);
        if known.contains(&epochs) {
            return Ok(());
        }
        Err(TableError::Epochs {
            table: self.table.header().name.clone(),
            epochs: listed(&[epochs]),
            dataset: self.dataset().name.clone(),
            known: listed(&known),
        })
    }

    /// The score of the validation figure after the (most) epochs of a trial, the mean over repeats;
    /// none for an architecture without a row, or without such a figure in it.
    pub fn valid_accuracy(&self, architecture: &Architecture) -> Option<f64> {
        let row = self.table.row(architecture)?;
        let value = self.mean(self.searched()?, row)?;
        self.metric().allows(value).then(|| self.metric().score(value))
    }

    /// The score of the test figure after the full training, which is the test accuracy, if that is
    /// the metric: for the architecture that validation chose, once.
    ///
    /// # Errors
    /// [`TableError`] for an architecture that has no row, or no such figure in it.
    pub fn test_report(&self, architecture: &Architecture) -> Result<TestReport, TableError> {
        let row = self.row(architecture)?;
        let epochs = self.dataset().report_epochs;
        let test_accuracy = self
            .test_accuracy(row)
            .ok_or_else(|| self.lacking("test", architecture, epochs))?;
        Ok(TestReport {
            test_accuracy,
            ..TestReport::default()
        })
    }

    /// The best test score (the highest accuracy, if that is the metric), from which regret is
    /// measured.
    pub fn best_test(&self) -> Option<f64> {
        self.test_accuracies().into_iter().max_by(f64::total_cmp)
    }

    /// The number of which every test figure is a whole part, where these are shares of test
    /// images: the images, or for means over trainings a multiple of them. None where they are not
    /// such shares, or not known to be.
    pub fn test_images(&self) -> Option<u64> {
        let known = self.table.fidelities(self.dataset)?;
        let repeats = known.test.get(&self.dataset().report_epochs)?;
        let images = |column: usize| match self.table.header().columns.get(column)?.encoding {
            Encoding::Hits(images) => Some(u64::from(images)),
            _ => None,
        };
        if let Some(mean) = repeats.mean {
            return images(mean);
        }
        let of_single: Option<Vec<u64>> = repeats.single.iter().map(|&(_, column)| images(column)).collect();
        let of_single = of_single?;
        let first = *of_single.first()?;
        let divisors = DIVISORS.get(of_single.len())?;
        of_single
            .iter()
            .all(|images| *images == first)
            .then(|| first * divisors)
    }

    /// The scores of the test figures that are reported, row by row where there are any. Not for a
    /// strategy's eyes.
    pub fn test_accuracies(&self) -> Vec<f64> {
        let rows = 0..self.table.header().row_count;
        rows.filter_map(|row| self.test_accuracy(row)).collect()
    }

    /// The scores of the validation figures after the (most) epochs of a trial, means over repeats,
    /// row by row where there are any.
    pub fn valid_accuracies(&self) -> Vec<f64> {
        let rows = 0..self.table.header().row_count;
        let repeats = self.searched();
        rows.filter_map(|row| Some(self.metric().score(self.mean(repeats?, row)?)))
            .collect()
    }

    /// The scores of all validation figures that a search can see, after whichever epochs and of
    /// whichever repeat.
    pub fn searched_scores(&self) -> impl Iterator<Item = f64> {
        let known = self.table.fidelities(self.dataset);
        let repeats = known.into_iter().flat_map(|known| known.valid.values());
        let columns = repeats.flat_map(|repeats| {
            let single = repeats.single.iter().map(|&(_, column)| column);
            repeats.mean.into_iter().chain(single)
        });
        columns.flat_map(move |column| {
            let rows = 0..self.table.header().row_count;
            rows.filter_map(move |row| Some(self.metric().score(self.table.figure(column, row)?)))
        })
    }

    /// How many trainings of each architecture there are after the (most) epochs of a trial; 0
    /// where there is only their mean.
    pub fn repeats(&self) -> usize {
        self.searched().map_or(0, |repeats| repeats.single.len())
    }

    /// The parameters or the multiply-accumulates that the table gives, row by row where it gives
    /// any; none of other figures. They need not be the sizes of its architectures: see
    /// [`Self::sizes`].
    pub fn published(&self, figure: Figure) -> Vec<u64> {
        let column = match figure {
            Figure::Params | Figure::Macs => self.table.size_column(figure, self.dataset),
            _ => None,
        };
        let rows = 0..self.table.header().row_count;
        rows.filter_map(|row| self.table.count(column?, row)).collect()
    }

    fn searched(&self) -> Option<&Repeats> {
        let known = self.table.fidelities(self.dataset)?;
        known.valid.get(self.epochs.last()?)
    }

    fn test_accuracy(&self, row: u32) -> Option<f64> {
        let known = self.table.fidelities(self.dataset)?;
        let value = self.mean(known.test.get(&self.dataset().report_epochs)?, row)?;
        self.metric().allows(value).then(|| self.metric().score(value))
    }

    fn row(&self, architecture: &Architecture) -> Result<u32, TableError> {
        self.table.row(architecture).ok_or_else(|| TableError::Unknown {
            table: self.table.header().name.clone(),
            choices: architecture.to_string(),
            rows: self.table.len(),
            space: self.table.space().name().to_owned(),
        })
    }

    fn lacking(&self, images: &str, architecture: &Architecture, epochs: u32) -> TableError {
        TableError::Lacking {
            table: self.table.header().name.clone(),
            figure: format!("{images} {}", self.metric()),
            choices: architecture.to_string(),
            epochs,
        }
    }

    /// The mean over repeats: as the table gives it, or that of those there are.
    fn mean(&self, repeats: &Repeats, row: u32) -> Option<f64> {
        if let Some(mean) = repeats.mean.and_then(|column| self.table.figure(column, row)) {
            return Some(mean);
        }
        let singles = repeats
            .single
            .iter()
            .filter_map(|&(_, column)| self.table.figure(column, row));
        let (sum, count) = singles.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// One repeat, drawn from those there are by the seed, and which it is; the mean where there
    /// are none.
    fn drawn(&self, repeats: &Repeats, row: u32, seed: Seed) -> Option<(Option<u64>, f64)> {
        let there = || {
            let figures = repeats.single.iter();
            figures.filter_map(|&(repeat, column)| Some((Some(repeat), self.table.figure(column, row)?)))
        };
        match there().count() as u64 {
            0 => Some((None, self.mean(repeats, row)?)),
            1 => there().next(),
            count => there().nth((seed.derive("repeat", 0).value() % count) as usize),
        }
    }

    /// What a trial sees: of several rungs, the result of the repeat that was drawn at the bottom
    /// one.
    fn seen(&self, epochs: u32, repeats: &Repeats, row: u32, seed: Seed) -> Option<(Option<u64>, f64)> {
        let bottom = self.epochs.first().filter(|&&bottom| bottom != epochs);
        let known = self.table.fidelities(self.dataset)?;
        let Some(bottom) = bottom.and_then(|bottom| known.valid.get(bottom)) else {
            return self.drawn(repeats, row, seed);
        };
        match self.drawn(bottom, row, seed) {
            Some((Some(repeat), _)) if !repeats.single.is_empty() => {
                let &(_, column) = repeats.single.iter().find(|&&(one, _)| one == repeat)?;
                Some((Some(repeat), self.table.figure(column, row)?))
            }
            _ => self.drawn(repeats, row, seed),
        }
    }

    /// The seconds of a training: of this repeat, or of the mean.
    fn seconds(&self, epochs: u32, repeat: Option<u64>, row: u32) -> f64 {
        if self.epochs.len() > 1 && !self.has_trial_seconds() {
            return 0.0;
        }
        let repeats = self
            .table
            .fidelities(self.dataset)
            .and_then(|known| known.seconds.get(&epochs));
        let Some(repeats) = repeats else {
            return 0.0;
        };
        let single = repeats.single.iter().find(|&&(seed, _)| Some(seed) == repeat);
        single
            .and_then(|&(_, column)| self.table.figure(column, row))
            .or_else(|| self.mean(repeats, row))
            .unwrap_or(0.0)
    }

    /// The epochs whose columns answer for this number of epochs, and these columns.
    fn answering(&self, epochs: u32) -> Result<(u32, &Repeats), TableError> {
        let valid = self.table.fidelities(self.dataset).map(|known| &known.valid);
        let mut all = valid.into_iter().flatten();
        let found = match (
            valid.and_then(|valid| valid.get_key_value(&epochs)),
            all.next(),
            all.next(),
        ) {
            (Some(found), _, _) | (None, Some(found), None) => Some(found),
            _ => None,
        };
        match found {
            Some((&epochs, repeats)) => Ok((epochs, repeats)),
            None => Err(self
                .check_epochs(epochs)
                .err()
                .unwrap_or_else(|| TableError::Dataset {
                    name: self.dataset().name.clone(),
                    known: String::new(),
                })),
        }
    }
}

impl Evaluator for TabularEvaluator {
    fn description(&self) -> String {
        let DatasetHeader {
            name,
            valid_is_test,
            metric,
            ..
        } = self.dataset();
        let (table, identity) = (&self.table.header().name, self.table.identity());
        let on = if *valid_is_test { " on test images" } else { "" };
        let metric = if metric.is_accuracy() {
            String::new()
        } else {
            format!(" {metric}")
        };
        let epochs = listed(&self.epochs);
        format!("{table} table {identity}, {name}, validation{metric}{on} after {epochs}")
    }

    fn metric(&self) -> Metric {
        self.dataset().metric.clone()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let invalid = |e: TableError| Failure::new(FailureKind::Invalid, e.to_string());
        let row = self.row(&trial.architecture).map_err(invalid)?;
        let (epochs, repeats) = self.answering(trial.fidelity.epochs).map_err(invalid)?;
        let seen = self.seen(epochs, repeats, row, trial.seed);
        let (repeat, valid) = seen.ok_or_else(|| {
            let lacking = self.lacking("validation", &trial.architecture, epochs);
            Failure::new(FailureKind::Other, lacking.to_string())
        })?;
        let before = trial
            .continues
            .map_or(0.0, |continued| self.seconds(continued.epochs, repeat, row));
        let Figures { params, macs, named } = self
            .sizes
            .of(&trial.architecture)
            .map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
        Evaluation {
            valid_accuracy: self.metric().score(valid),
            valid_loss: None,
            train_accuracy: None,
            train_loss: None,
            params,
            macs,
            figures: named,
            epochs,
            cost_seconds: (self.seconds(epochs, repeat, row) - before).max(0.0),
            device: "table".to_owned(),
            attempts: Vec::new(),
        }
        .checked_as(self.metric())
    }
}

/// `1 epoch`, `1, 2, 4 epochs`.
fn listed(epochs: &[u32]) -> String {
    let numbers: Vec<String> = epochs.iter().map(u32::to_string).collect();
    let ending = if epochs == [1] { "" } else { "s" };
    format!("{} epoch{ending}", numbers.join(", "))
}

#[cfg(test)]
mod tests;

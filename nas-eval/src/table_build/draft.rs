//! From the trainings to the table.

use nas_space::arch::Architecture;
use nas_space::search::Metric;
use nas_tables::{Column, ColumnData, DatasetHeader, Draft, Encoding, Figure, RowKeys, Table, TableError};

use super::journal::{Figures, Journal};
use super::training::held_out;
use super::{BuildError, TableBuild};

impl TableBuild {
    /// The table of the trainings in the journal: validation accuracies and seconds after these
    /// epochs, test accuracies after the last.
    ///
    /// # Errors
    /// [`BuildError::Incomplete`] where a training is not done; [`BuildError::Config`] for epochs
    /// that are not among those trained; [`BuildError::Table`] where the figures make no table.
    pub fn table(
        &self,
        journal: &Journal,
        name: &str,
        origin: &str,
        fidelities: &[u32],
    ) -> Result<Table, BuildError> {
        let most = self.recipe.train.epochs;
        let trained = |epochs: &u32| (1..=most).contains(epochs);
        if fidelities.last() != Some(&most) || !fidelities.iter().all(trained) {
            return Err(BuildError::Config {
                name: "the epochs of the table",
                got: format!("{fidelities:?}"),
                expected: format!("numbers from 1 to {most}, which comes last"),
            });
        }
        let mut runs: Vec<Vec<Option<&Figures>>> = Vec::new();
        let mut done = 0;
        for seed in 0..self.seeds {
            let of_seed = self.forms.representatives.iter().map(|architecture| {
                let result = journal.get(architecture, seed);
                done += usize::from(result.is_some());
                result.and_then(|result| result.as_ref().ok())
            });
            runs.push(of_seed.collect());
        }
        if done < self.needed() {
            let needed = self.needed();
            return Err(BuildError::Incomplete { done, needed });
        }
        let draft = Draft {
            name: name.to_owned(),
            origin: origin.to_owned(),
            space: self.recipe.space.clone(),
            keys: self.keys(),
            datasets: vec![DatasetHeader {
                name: self.recipe.data.clone(),
                network: Some(self.recipe.network),
                search_epochs: most,
                report_epochs: most,
                train_images: Some(held_out(self)?.train().len() as u64),
                valid_is_test: false,
                test_is_valid: false,
                metric: Metric::default(),
            }],
            extras: Vec::new(),
            columns: self.columns(&runs, fidelities)?,
        };
        Ok(draft.table()?)
    }

    /// Architectures of one form share a row.
    fn keys(&self) -> RowKeys {
        if self.forms() == self.architectures() {
            RowKeys::Architectures(self.forms.representatives.clone())
        } else {
            RowKeys::Shared {
                row_of: self.forms.form_of.clone(),
                rows: self.forms(),
            }
        }
    }

    fn columns(
        &self,
        runs: &[Vec<Option<&Figures>>],
        fidelities: &[u32],
    ) -> Result<Vec<ColumnData>, BuildError> {
        let hits = |images: usize| match u16::try_from(images) {
            Ok(images) if images < u16::MAX => Encoding::Hits(images),
            _ => Encoding::F64,
        };
        let valid = hits(held_out(self)?.valid().len());
        let test = hits(self.dataset.test.len());
        let mut columns = Vec::new();
        let mut column = |figure, epochs, seed, encoding, values: Vec<Option<f64>>| {
            columns.push(ColumnData {
                column: Column {
                    figure,
                    dataset: Some(0),
                    epochs,
                    seed,
                    extra: None,
                    encoding,
                },
                values,
            });
        };
        for (seed, run) in (0..).zip(runs) {
            let of_epoch = |series: fn(&Figures) -> &[f64], epochs: u32| -> Vec<Option<f64>> {
                let value = |figures: &&Figures| series(figures).get(epochs as usize - 1).copied();
                run.iter()
                    .map(|figures| figures.as_ref().and_then(value))
                    .collect()
            };
            for &epochs in fidelities {
                let (at, repeat) = (Some(epochs), Some(seed));
                column(Figure::Valid, at, repeat, valid, of_epoch(|f| &f.valid, epochs));
                column(
                    Figure::Seconds,
                    at,
                    repeat,
                    Encoding::F32,
                    of_epoch(|f| &f.seconds, epochs),
                );
            }
            let tests = run
                .iter()
                .map(|figures| figures.map(|figures| figures.test))
                .collect();
            column(Figure::Test, fidelities.last().copied(), Some(seed), test, tests);
        }
        // The network is the same in every repeat; one that failed to train has its size too.
        let sizes = self
            .forms
            .representatives
            .iter()
            .map(|architecture: &Architecture| {
                let network = self.space.network(architecture, &self.recipe.network)?;
                Ok(network.cost())
            });
        let sizes: Vec<nas_space::cost::Cost> = sizes.collect::<Result<_, BuildError>>()?;
        for (figure, count) in [
            (
                Figure::Params,
                (|cost| cost.params) as fn(&nas_space::cost::Cost) -> u64,
            ),
            (Figure::Macs, |cost| cost.macs),
        ] {
            let values: Vec<Option<f64>> = sizes.iter().map(|cost| Some(count(cost) as f64)).collect();
            let small = sizes.iter().all(|cost| count(cost) < u32::MAX.into());
            let encoding = if small { Encoding::U32 } else { Encoding::U64 };
            column(figure, None, None, encoding, values);
        }
        Ok(columns)
    }
}

impl From<TableError> for BuildError {
    fn from(error: TableError) -> Self {
        Self::Table(Box::new(error))
    }
}

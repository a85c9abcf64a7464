//! Which columns of a table answer what.

use std::collections::BTreeMap;

use super::header::{Figure, Header};

/// The columns of one data set.
#[derive(Debug, Clone, Default)]
pub(super) struct Fidelities {
    /// Validation accuracies, by epochs.
    pub(super) valid: BTreeMap<u32, Repeats>,
    /// Test accuracies, by epochs.
    pub(super) test: BTreeMap<u32, Repeats>,
    /// Seconds, by epochs.
    pub(super) seconds: BTreeMap<u32, Repeats>,
}

/// The columns of one figure after this number of epochs.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    /// The mean over repeats.
    pub(super) mean: Option<usize>,
    /// The seeds of single trainings and their columns.
    pub(super) single: Vec<(u64, usize)>,
}

impl Fidelities {
    pub(super) fn of(header: &Header, dataset: usize) -> Self {
        let mut known = Self::default();
        for (index, column) in header.columns.iter().enumerate() {
            let by_epochs = match column.figure {
                Figure::Valid => &mut known.valid,
                Figure::Test => &mut known.test,
                Figure::Seconds => &mut known.seconds,
                Figure::Params | Figure::Macs | Figure::Extra => continue,
            };
            let (Some(epochs), true) = (column.epochs, column.dataset == Some(dataset)) else {
                continue;
            };
            let repeats: &mut Repeats = by_epochs.entry(epochs).or_default();
            match column.seed {
                None => repeats.mean = Some(index),
                Some(seed) => repeats.single.push((seed, index)),
            }
        }
        // One figure may stand for both.
        if let Some(dataset) = header.datasets.get(dataset) {
            if dataset.valid_is_test && known.valid.is_empty() {
                known.valid = known.test.clone();
            }
            if dataset.test_is_valid && known.test.is_empty() {
                known.test = known.valid.clone();
            }
        }
        known
    }
}

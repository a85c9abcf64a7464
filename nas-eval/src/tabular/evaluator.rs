//! Performance estimation from a table.

use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::search::{Evaluation, Evaluator, Failure, FailureKind, TestReport, Trial};
use nas_space::spaces::{CellSpace, Space, nb201};

use super::{Nb201Dataset, Nb201Table, TableError};

/// Epochs of the training whose validation accuracy a search sees (Dong & Yang 2020, arXiv 2001.00326).
pub const SEARCH_EPOCHS: u32 = 12;
/// Epochs of the training whose test accuracy is reported.
pub const TEST_EPOCHS: u32 = 200;

/// Looks the architectures of the space `nb201` up: the reward is the validation accuracy after the benchmark's
/// training of [`SEARCH_EPOCHS`], the report the test accuracy after its training of [`TEST_EPOCHS`] (Dong & Yang 2020,
/// arXiv 2001.00326).
///
/// A trial's fidelity and seed are not used: the table holds one figure for each architecture. It knows no seconds,
/// so a trial costs none.
#[derive(Debug, Clone)]
pub struct TabularEvaluator {
    table: Arc<Nb201Table>,
    dataset: Nb201Dataset,
    space: Arc<CellSpace>,
}

impl TabularEvaluator {
    /// An evaluator on this data set of the table.
    pub fn new(table: Arc<Nb201Table>, dataset: Nb201Dataset) -> Self {
        Self {
            table,
            dataset,
            space: Arc::new(nb201()),
        }
    }

    /// The test accuracy after the full training: for the architecture that validation chose, once.
    ///
    /// # Errors
    /// [`TableError`] for choices that are no cell of the table.
    pub fn test_report(&self, architecture: &Architecture) -> Result<TestReport, TableError> {
        let test_accuracy = self.table.test_accuracy(self.cell(architecture)?, self.dataset)?;
        Ok(TestReport {
            test_accuracy,
            test_loss: None,
            images: None,
        })
    }

    /// The table's key: option `i` of a decision is the operation with digit `i`. A partly grown architecture is the
    /// cell it stands for.
    fn cell(&self, architecture: &Architecture) -> Result<[u8; 6], TableError> {
        let not_a_cell = || TableError::Choices {
            choices: architecture.to_string(),
        };
        let digits = |architecture: &Architecture| -> Option<[u8; 6]> {
            let digits: Option<Vec<u8>> = architecture
                .choices()
                .iter()
                .map(|&c| u8::try_from(c).ok())
                .collect();
            digits?.try_into().ok()
        };
        if let Some(cell) = digits(architecture) {
            return Ok(cell);
        }
        let genotype = self.space.genotype(architecture).map_err(|_| not_a_cell())?;
        let grown = self.space.architecture(&genotype).map_err(|_| not_a_cell())?;
        digits(&grown).ok_or_else(not_a_cell)
    }
}

impl Evaluator for TabularEvaluator {
    fn description(&self) -> String {
        format!(
            "NAS-Bench-201 table {}, {}, validation after {SEARCH_EPOCHS} epochs",
            self.table.fingerprint(),
            self.dataset
        )
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let invalid = |e: TableError| Failure::new(FailureKind::Invalid, e.to_string());
        let cell = self.cell(&trial.architecture).map_err(invalid)?;
        let valid_accuracy = self.table.search_accuracy(cell, self.dataset).map_err(invalid)?;
        let params = self.table.params_millions(cell).map_err(invalid)?;
        Evaluation {
            valid_accuracy,
            valid_loss: None,
            train_accuracy: None,
            train_loss: None,
            // The table gives millions with six digits: whole parameters.
            params: Some((params * 1e6).round() as u64),
            macs: None,
            epochs: SEARCH_EPOCHS,
            cost_seconds: 0.0,
            device: "table".to_owned(),
        }
        .checked()
    }
}

#[cfg(test)]
mod tests {
    use nas_space::search::Fidelity;
    use nas_space::seed::Seed;

    use super::*;

    /// The evaluator of a complete table in which every cell has this validation accuracy, in percent.
    fn evaluator(accuracy: u32) -> TabularEvaluator {
        let mut text =
            "ops6,c10_valid12,c10_test200,c100_valid12,c100_test200,in16_valid12,in16_test200,params_c10_M\n"
                .to_owned();
        for cell in Nb201Table::cells() {
            let ops: String = cell.iter().map(u8::to_string).collect();
            text += &format!("{ops},{accuracy},2,3,4,5,6,0.25\n");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.csv");
        std::fs::write(&path, text).unwrap();
        TabularEvaluator::new(Arc::new(Nb201Table::open(&path).unwrap()), Nb201Dataset::Cifar10)
    }

    #[test]
    fn the_description_identifies_the_table() {
        let description = evaluator(50).description();
        assert_eq!(description, evaluator(50).description());
        assert_ne!(description, evaluator(51).description());
        assert!(
            description.contains("cifar10") && !description.contains('\n'),
            "{description}"
        );
    }

    #[test]
    fn an_evaluation_is_that_after_the_epochs_of_a_search() {
        let trial = Trial {
            id: 0,
            architecture: Architecture::new([0; 6]),
            fidelity: Fidelity { epochs: 99 },
            seed: Seed::new(1),
            continues: None,
        };
        let evaluation = evaluator(50).evaluate(&trial).unwrap();
        assert_eq!(
            (evaluation.epochs, evaluation.valid_accuracy),
            (SEARCH_EPOCHS, 0.5)
        );
        assert_eq!(evaluation.params, Some(250_000));
    }
}

//! NAS-Bench-201's accuracies as comma-separated text: the file that [`Nb201Table`] reads, with
//! those columns that a search does not need taken over as well.

use std::path::Path;

use nas_space::spaces::SpaceConfig;

use super::{ArchitectureColumns, DatasetColumns, FigureColumn, Form, Mapping, Unit, csv};
use crate::tabular::header::Figure;
use crate::tabular::nb201::NAME;
use crate::tabular::{Nb201Dataset, Nb201Table, SEARCH_EPOCHS, TEST_EPOCHS, Table, TableError};

/// Reads the file and makes a table of it.
///
/// # Errors
/// As [`Nb201Table::open`] and [`csv::import`].
pub fn import(path: &Path) -> Result<Table, TableError> {
    // It has to be all of the table.
    let fingerprint = Nb201Table::open(path)?.fingerprint().to_owned();
    csv::import(path, mapping(&fingerprint))
}

fn mapping(fingerprint: &str) -> Mapping {
    let column = |name: &str, figure, epochs, unit| FigureColumn {
        column: name.to_owned(),
        figure,
        epochs,
        seed: None,
        repeats: None,
        unit,
    };
    let accuracy = |name: &str, figure, epochs| column(name, figure, Some(epochs), Unit::Percent);
    let datasets = Nb201Dataset::ALL.map(|dataset| {
        let short = match dataset {
            Nb201Dataset::Cifar10 => "c10",
            Nb201Dataset::Cifar100 => "c100",
            Nb201Dataset::ImageNet16 => "in16",
        };
        let mut columns = vec![
            accuracy(&format!("{short}_valid12"), Figure::Valid, SEARCH_EPOCHS),
            accuracy(&format!("{short}_test12"), Figure::Test, SEARCH_EPOCHS),
            accuracy(&format!("{short}_test200"), Figure::Test, TEST_EPOCHS),
        ];
        if dataset == Nb201Dataset::Cifar10 {
            columns.push(accuracy("c10_valid200", Figure::Valid, TEST_EPOCHS));
            columns.push(FigureColumn {
                repeats: Some("/".to_owned()),
                ..accuracy("c10_test200_seeds", Figure::Test, TEST_EPOCHS)
            });
        }
        DatasetColumns {
            name: dataset.name().to_owned(),
            search_epochs: SEARCH_EPOCHS,
            report_epochs: TEST_EPOCHS,
            network: Some(dataset.network()),
            valid_is_test: false,
            columns,
        }
    });
    Mapping {
        name: NAME.to_owned(),
        origin: format!(
            "CSV of NAS-Bench-201's accuracies (Dong & Yang 2020, arXiv 2001.00326), fingerprint {fingerprint}; parameters are \
             those of the CIFAR-10 networks"
        ),
        space: SpaceConfig::Nb201 {},
        architecture: ArchitectureColumns {
            column: Some("ops6".to_owned()),
            form: Form::Digits,
            columns: None,
        },
        datasets: datasets.into(),
        columns: vec![column("params_c10_M", Figure::Params, None, Unit::Millions)],
    }
}

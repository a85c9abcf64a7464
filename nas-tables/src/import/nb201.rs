//! NAS-Bench-201's accuracies as comma-separated text: the file that [`Nb201Table`] reads, together
//! with the columns that a search does not need.

use std::path::Path;

use nas_space::search::Metric;
use nas_space::spaces::SpaceConfig;

use super::{ArchitectureColumns, DatasetColumns, FigureColumn, Filter, Form, Mapping, Unit, csv};
use crate::header::Figure;
use crate::nb201::{NAME, PUBLISHED_PARAMS};
use crate::{Nb201Dataset, Nb201Table, SEARCH_EPOCHS, TEST_EPOCHS, Table, TableError};

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
    let accuracy = |name: &str, figure, epochs| FigureColumn {
        epochs: Some(epochs),
        unit: Unit::Percent,
        ..FigureColumn::new(name, figure)
    };
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
            columns.push(FigureColumn {
                unit: Unit::Millions,
                name: Some(PUBLISHED_PARAMS.to_owned()),
                ..FigureColumn::new("params_c10_M", Figure::Extra)
            });
        }
        DatasetColumns {
            name: dataset.name().to_owned(),
            search_epochs: SEARCH_EPOCHS,
            report_epochs: TEST_EPOCHS,
            network: Some(dataset.network()),
            filter: Filter::new(),
            train_images: Some(dataset.train_images()),
            metric: Metric::default(),
            valid_is_test: false,
            test_is_valid: false,
            columns,
        }
    });
    Mapping {
        name: NAME.to_owned(),
        origin: format!(
            "CSV of NAS-Bench-201's accuracies (Dong & Yang 2020, arXiv 2001.00326), fingerprint {fingerprint}"
        ),
        delimiter: ',',
        filter: Filter::new(),
        missing: Vec::new(),
        space: SpaceConfig::Nb201 {},
        architecture: ArchitectureColumns {
            column: Some("ops6".to_owned()),
            form: Some(Form::Digits),
            ..ArchitectureColumns::default()
        },
        datasets: datasets.into(),
        columns: Vec::new(),
    }
}

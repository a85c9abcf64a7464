//! Benchmark tables, and the journal of one in the making.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result};
use nas_eval::table_build::{Journal, Recipe};
use nas_eval::train::TrainConfig;
use nas_space::network::NetworkConfig;
use nas_space::search::{Evaluator, Fidelity, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::SpaceConfig;
use nas_tables::import::nats;
use nas_tables::{Header, Table, TabularEvaluator};

use super::MIB;
use super::genotypes::small;
use super::images::put;
use super::spaces::draw;
use crate::envelope::Envelope;
use crate::target::{Due, Target, Use};

const WORDS: &[&str] = &[
    "\x7fnastab\n",
    "name",
    "origin",
    "space",
    "rows",
    "row_count",
    "datasets",
    "columns",
    "every",
    "shared",
    "listed",
    "listed_nb101",
    "network",
    "search_epochs",
    "report_epochs",
    "valid_is_test",
    "test_is_valid",
    "metric",
    "direction",
    "lower",
    "scale",
    "plain",
    "extras",
    "extra",
    "unit",
    "figure",
    "dataset",
    "epochs",
    "seed",
    "encoding",
    "valid",
    "test",
    "seconds",
    "params",
    "macs",
    "f64",
    "f32",
    "u64",
    "u32",
    "{\"hits\":360}",
    "kind",
    "nb201",
    "darts",
    "pnas",
    "nasnet",
    "chain",
    "hierarchical",
    "custom",
    "product",
    "decisions",
    "options",
    "image",
    "classes",
    "channels",
    "cells",
    "blocks",
    "levels",
    "motifs",
    "nodes",
    "inputs",
    "skips",
    "layers",
    "initial_mutations",
];

/// Memory for a table with its space, whose decisions may be many whatever the length of its description.
const TABLE: Due = Due {
    base: 32 * MIB,
    per_byte: 256,
};

/// The table's own format.
pub(super) fn table() -> Result<Target> {
    let mut made = Vec::new();
    for (name, text) in [
        (
            "tss",
            NATS_LINE.replace("ARCH", "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
        ),
        ("sss", NATS_LINE.replace("ARCH", "8:8:8:8:8")),
    ] {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join(name), folder.path().join("table"));
        fs::write(&from, text)?;
        nats::import(&from)?.save(&to)?;
        made.push(fs::read(&to)?);
    }
    Ok(Target {
        envelope: Envelope::Table,
        read: TABLE,
        using: TABLE,
        made,
        ..Target::new("table", WORDS, |input, _| {
            let table = Table::from_bytes(input.to_vec(), "the input").map_err(|error| error.to_string())?;
            Ok(Box::new(move || check(&Arc::new(table))) as Use<'_>)
        })
    })
}

/// A record of NATS-Bench of one architecture.
const NATS_LINE: &str = concat!(
    "{\"arch_str\": \"ARCH\", \"dataset\": \"cifar10-valid\", \"hp\": \"12\", \"seed\": 777, \"train-all-time\": 9.5, ",
    "\"valid-per-time\": 2.5, \"valid-accuracy\": 70, \"test-accuracy\": 12, \"params\": 0.25, \"flops\": 40.5}\n",
    "{\"arch_str\": \"ARCH\", \"dataset\": \"cifar10\", \"hp\": 200, \"seed\": 888, \"test-accuracy\": 81}\n",
);

/// Rows lead to architectures and back, and every question is answered.
pub(super) fn check(table: &Arc<Table>) -> Result<(), String> {
    let header = serde_json::to_string(table.header()).map_err(|error| error.to_string())?;
    if serde_json::from_str::<Header>(&header).ok().as_ref() != Some(table.header()) {
        return Err(format!("the header comes back changed: {header}"));
    }
    table.is_complete();
    let space = table.known_space();
    let mut rng = Seed::new(1).rng();
    let rows = table.len() as u32;
    for row in [0, rows / 2, rows.saturating_sub(1), rows] {
        let architecture = table.architecture(row);
        if let Some(architecture) = &architecture
            && table.row(architecture) != Some(row)
        {
            return Err(format!(
                "row {row} leads to {architecture}, and that to {:?}",
                table.row(architecture)
            ));
        }
    }
    table.row(&space.sample(&mut rng));
    for dataset in &table.header().datasets {
        let evaluator =
            TabularEvaluator::new(Arc::clone(table), &dataset.name).map_err(|error| error.to_string())?;
        let architecture = space.sample(&mut rng);
        // Whether there are such figures is the table's business; that they are asked for does no harm.
        let trial = Trial {
            id: 0,
            architecture: architecture.clone(),
            fidelity: Fidelity {
                epochs: dataset.search_epochs,
            },
            seed: Seed::new(3),
            continues: None,
        };
        let _ = evaluator.evaluate(&trial);
        let _ = evaluator.test_report(&architecture);
        evaluator.best_test();
        evaluator.repeats();
        for extra in evaluator.extras() {
            evaluator.extra(&extra.name, &architecture);
            evaluator.extra_figures(&extra.name);
        }
    }
    draw(table.space())
}

/// What the journal is of.
fn recipe() -> Recipe {
    Recipe {
        space: SpaceConfig::Nb201 {},
        data: "digits".to_owned(),
        limit: Some(100),
        images: "0123".to_owned(),
        network: NetworkConfig { ..small() },
        train: TrainConfig::default(),
        valid_fraction: 0.2,
    }
}

/// The journal of a table in the making.
pub(super) fn journal() -> Result<Target> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("journal");
    drop(Journal::open(&path, &recipe())?);
    let mut whole = fs::read_to_string(&path).context("the journal just made")?;
    let empty = whole.clone().into_bytes();
    whole += concat!(
        "{\"architecture\":[0,1,2,3,4,0],\"seed\":0,\"result\":{\"Ok\":{\"valid\":[0.5],\"seconds\":[1.5],\"test\":0.5,",
        "\"params\":100,\"macs\":200}}}\n{\"architecture\":[0,1,2,3,4,1],\"seed\":1,\"result\":{\"Err\":\"nothing\"}}\n"
    );
    let words = &[
        "architecture",
        "seed",
        "result",
        "Ok",
        "Err",
        "valid",
        "seconds",
        "test",
        "params",
        "macs",
        "recipe",
    ];
    Ok(Target {
        made: vec![whole.into_bytes(), empty],
        ..Target::new("table-journal", words, |input, scratch| {
            let path = scratch.join("journal");
            put(&path, input)?;
            let journal = Journal::open(&path, &recipe()).map_err(|error| error.to_string())?;
            Ok(Box::new(move || {
                let known = journal.len();
                drop(journal);
                let again =
                    Journal::open(&path, &recipe()).map_err(|error| format!("read again: {error}"))?;
                let same = again.len() == known;
                same.then_some(())
                    .ok_or_else(|| "read again it has other trainings".to_owned())
            }) as Use<'_>)
        })
    })
}

//! `nas list`: what there is to choose from.

use anyhow::Result;
use nas_eval::data::DATASETS;
use nas_runner::methods::Method;
use nas_space::named;
use nas_space::spaces;
use nas_tables::BUILT_IN;
use serde::Serialize;

use crate::output::Output;

/// The JSON of `nas list`.
#[derive(Debug, Serialize)]
struct Listing {
    spaces: Vec<SpaceRow>,
    methods: Vec<Row>,
    data: Vec<DataRow>,
    benchmarks: Vec<Row>,
    architectures: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct SpaceRow {
    name: String,
    decisions: usize,
    size: String,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    description: String,
}

#[derive(Debug, Serialize)]
struct DataRow {
    name: String,
    description: String,
    image: String,
    classes: usize,
    built_in: bool,
}

/// Prints all names with a word on each.
pub(crate) fn run(output: Output) -> Result<()> {
    let spaces: Result<Vec<SpaceRow>> = spaces::names()
        .iter()
        .map(|&name| {
            let space = spaces::by_name(name)?;
            let (decisions, size) = (space.decisions().len(), space.size().to_string());
            Ok(SpaceRow {
                name: name.to_owned(),
                decisions,
                size,
            })
        })
        .collect();
    let methods = Method::ALL.map(|m| Row {
        name: m.name().to_owned(),
        description: m.description().to_owned(),
    });
    let data = DATASETS.iter().map(|info| DataRow {
        name: info.name.to_owned(),
        description: info.description.to_owned(),
        image: info.shape.to_string(),
        classes: info.classes,
        built_in: info.layouts.is_empty(),
    });
    let architectures = named::all().iter().map(|named| Row {
        name: named.name.clone(),
        description: named.source.clone(),
    });
    let benchmarks = BUILT_IN.iter().map(|table| Row {
        name: table.name.to_owned(),
        description: format!("{}; built in", table.description),
    });
    let listing = Listing {
        spaces: spaces?,
        methods: methods.into(),
        data: data.collect(),
        benchmarks: benchmarks.collect(),
        architectures: architectures.collect(),
    };
    output.result(&listing, || text(&listing))
}

fn text(listing: &Listing) -> String {
    let mut lines = vec!["spaces (or a TOML file)".to_owned()];
    for space in &listing.spaces {
        lines.push(format!(
            "  {:<16} {} architectures, {} decisions",
            space.name, space.size, space.decisions
        ));
    }
    lines.push("methods".to_owned());
    for row in &listing.methods {
        lines.push(format!("  {:<16} {}", row.name, row.description));
    }
    lines.push("data sets".to_owned());
    for row in &listing.data {
        let place = if row.built_in {
            "built in"
        } else {
            "needs --data-dir"
        };
        lines.push(format!(
            "  {:<16} {}; {}, {} classes; {place}",
            row.name, row.description, row.image, row.classes
        ));
    }
    lines.push(format!(
        "  {:<16} a folder with a folder of images for each class, a list of files, or arrays; see nas data check",
        "PATH"
    ));
    lines.push("benchmarks (or a table's file)".to_owned());
    for row in &listing.benchmarks {
        lines.push(format!("  {:<16} {}", row.name, row.description));
    }
    lines.push("architectures".to_owned());
    for row in &listing.architectures {
        lines.push(format!("  {:<16} {}", row.name, row.description));
    }
    lines.join("\n")
}

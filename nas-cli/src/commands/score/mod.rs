//! `nas score`: zero-cost proxies.

mod against;
mod csv;
mod ranked;
mod subjects;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nas_eval::clock::Stopwatch;
use nas_eval::proxy::{Proxies, ProxyConfig, ProxyKind};
use nas_eval::{Compute, Dataset};
use nas_report::number::{counted, seconds};
use nas_report::page::proxies::{self, ProxiesData};
use nas_runner::data::{self, Looked, Source};
use nas_runner::plan::{self, RunConfig};
use nas_runner::screening::ScoreTable;
use nas_runner::size::{self, Size};
use nas_runner::{Typed, data_dir, device};
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::search::Stop;
use nas_space::seed::Seed;
use serde::Serialize;
use serde_json::{Map, Value};

use self::against::Against;
use self::csv::ScoreFile;
use self::ranked::{Column, Ranked, Rankings};
use self::subjects::Subjects;
use super::{page_file, typed};
use crate::args::ScoreArgs;
use crate::output::Output;
use crate::progress::{Bars, ScoreBar, only_notes};
use crate::signals;

/// Architectures that the seconds of each proxy are measured on.
const TIMED: usize = 10;

/// The JSON of `nas score`.
#[derive(Debug, Serialize)]
struct Scored {
    #[serde(flatten)]
    settings: Option<Settings>,
    /// The file that scores were read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores_file: Option<PathBuf>,
    scores: Vec<Scores>,
    #[serde(flatten)]
    compared: Option<Compared>,
}

/// How scores were computed.
#[derive(Debug, Serialize)]
struct Settings {
    data: String,
    channels: usize,
    cells: usize,
    stem_halvings: usize,
    batch_size: usize,
    proxy_seeds: u32,
    seed: u64,
    device: String,
}

/// How well scores rank the architectures.
#[derive(Debug, Serialize)]
struct Compared {
    /// What they are compared with: `cifar10 of the benchmark nb201`.
    against: String,
    rankings: Vec<Ranked>,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<PathBuf>,
}

/// The scores of one architecture, under the names that were typed; null for −∞.
#[derive(Debug, Serialize)]
struct Scores {
    arch: String,
    #[serde(flatten)]
    of: Map<String, Value>,
}

/// A proxy with the name that was typed.
struct Wanted {
    name: String,
    kind: ProxyKind,
}

/// An architecture and its scores, one for each proxy.
struct Row {
    genotype: Genotype,
    /// The same as text.
    arch: String,
    scores: Vec<f64>,
}

/// Scores the architectures, or reads their scores, and compares them with accuracies.
pub(crate) fn run(args: &ScoreArgs, output: Output) -> Result<()> {
    let images = args.data.data.as_deref().map(Path::new);
    let page = page_file::place(args.page.as_deref(), images)?;
    let against = Against::of(&args.against)?;
    match &args.against.scores {
        Some(path) => read(args, path, against.as_ref(), page.as_deref(), output),
        None => score(args, against.as_ref(), page.as_deref(), output),
    }
}

/// Computes scores, and writes them as they are found.
fn score(args: &ScoreArgs, against: Option<&Against>, page: Option<&Path>, output: Output) -> Result<()> {
    let device = args.device.device.as_deref().unwrap_or("cpu");
    device::check_one(device).typed("--device")?;
    let tf32 = args.device.tf32.unwrap_or(false);
    device::check_tf32(device, tf32).typed("--tf32")?;
    let wanted = wanted(&args.proxy)?;
    let seed = Seed::new(args.seed);
    let subjects = Subjects::of(args, seed, against)?;
    let searches: Vec<&RunConfig> = subjects.searches();
    let (data, dataset) = images(args, &searches)?;
    let network = network(args, &subjects, &dataset);
    let compute = Compute::on(device::open(device, tf32)?);
    let config = ProxyConfig {
        network,
        proxies: wanted.iter().map(|wanted| wanted.kind).collect(),
        seeds: args.proxy_seeds,
        batch_size: args.batch_size,
    };
    let proxies = Proxies::new(&dataset, config.clone(), seed, &compute)?;
    let rows = score_all(args, &subjects, &proxies, &wanted, &signals::stop()?)?;
    let settings = Settings {
        batch_size: config.batch_size.min(dataset.train.len()),
        data,
        channels: network.channels,
        cells: network.cells,
        stem_halvings: network.stem_halvings,
        proxy_seeds: args.proxy_seeds,
        seed: args.seed,
        device: nas_eval::device_name(&compute.device),
    };
    let names: Vec<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
    let head = format!(
        "{}, {}, {} of {}, {}",
        counted(rows.len(), "architecture"),
        size::in_words(&network),
        counted(settings.batch_size, "image"),
        settings.data,
        counted(settings.proxy_seeds as usize, "initialisation"),
    );
    let rankings = match against {
        None => None,
        Some(against) => {
            let mut columns = Vec::with_capacity(wanted.len());
            for wanted in &wanted {
                let config = ProxyConfig {
                    proxies: vec![wanted.kind],
                    ..config.clone()
                };
                let alone = Proxies::new(&dataset, config, seed, &compute)?;
                columns.push(Column {
                    name: wanted.name.clone(),
                    measures: Some(wanted.kind.doc()),
                    seconds: Some(seconds_of(&alone, &rows, subjects.operations())?),
                });
            }
            let mut rankings = Rankings::of(&columns, &rows, against)?;
            rankings
                .warnings
                .extend(against.differs(&settings.data, &network));
            Some((against, rankings))
        }
    };
    let conditions = || {
        let fact = |name: &str, value: String| (name.to_owned(), value);
        vec![
            fact("Architectures", rows.len().to_string()),
            fact("Networks", size::in_words(&network)),
            fact(
                "Images",
                format!("{} of {}", counted(settings.batch_size, "image"), settings.data),
            ),
            fact("Initialisations", settings.proxy_seeds.to_string()),
            fact("Seed", settings.seed.to_string()),
            fact("Device", settings.device.clone()),
            fact(
                "Time per architecture",
                format!(
                    "mean over {}, each proxy computed alone",
                    counted(rows.len().min(TIMED), "architecture")
                ),
            ),
        ]
    };
    let compared = compare(rankings.as_ref(), conditions, page)?;
    let text = text(head, &names, &rows, rankings.as_ref(), page, args.out.as_deref());
    let scored = Scored {
        settings: Some(settings),
        scores_file: None,
        scores: for_programs(&names, &rows),
        compared,
    };
    output.result(&scored, || text)
}

/// Reads scores from a file.
fn read(
    args: &ScoreArgs,
    path: &Path,
    against: Option<&Against>,
    page: Option<&Path>,
    output: Output,
) -> Result<()> {
    let against = against.context("--scores: there are no accuracies")?;
    let columns: &[String] = match &args.proxy[..] {
        [all] if all == "all" => &[],
        named => named,
    };
    let table = ScoreTable::read(path, columns).typed("--scores")?;
    let known = table
        .rows
        .iter()
        .map(|row| row.seconds)
        .collect::<Option<Vec<f64>>>();
    let mean = known.map(|known| known.iter().sum::<f64>() / known.len() as f64);
    let columns: Vec<Column> = table
        .columns
        .iter()
        .map(|name| Column {
            measures: name.parse::<ProxyKind>().ok().map(ProxyKind::doc),
            // Seconds of a row are those of all its scores.
            seconds: mean.filter(|_| table.columns.len() == 1),
            name: name.clone(),
        })
        .collect();
    let rows = table.rows.into_iter().map(|row| Row {
        arch: row.genotype.to_string(),
        genotype: row.genotype,
        scores: row.scores,
    });
    let rows: Vec<Row> = rows.collect();
    let rankings = Some((against, Rankings::of(&columns, &rows, against)?));
    let conditions = || {
        let fact = |name: &str, value: String| (name.to_owned(), value);
        let mut facts = vec![
            fact("Architectures", rows.len().to_string()),
            fact(
                "Scores",
                format!("from {}, {}", path.display(), table.fingerprint),
            ),
        ];
        facts.extend(mean.map(|mean| {
            fact(
                "Time per architecture",
                format!("{}, all scores of the file together", seconds(mean)),
            )
        }));
        facts
    };
    let compared = compare(rankings.as_ref(), conditions, page)?;
    let names: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let head = format!("{} of {}", counted(rows.len(), "architecture"), path.display());
    let text = text(head, &names, &rows, rankings.as_ref(), page, None);
    let scored = Scored {
        settings: None,
        scores_file: Some(path.to_owned()),
        scores: for_programs(&names, &rows),
        compared,
    };
    output.result(&scored, || text)
}

/// The comparison for programs; writes the page.
fn compare(
    rankings: Option<&(&Against, Rankings)>,
    conditions: impl FnOnce() -> Vec<(String, String)>,
    page: Option<&Path>,
) -> Result<Option<Compared>> {
    let Some((against, rankings)) = rankings else {
        return Ok(None);
    };
    if let Some(page) = page {
        let figures: Vec<&str> = rankings
            .figures
            .iter()
            .map(|figure| figure.name.as_str())
            .collect();
        let proxies = rankings.figures.iter().take(1).flat_map(|figure| &figure.proxies);
        let names: Vec<&str> = proxies.map(|proxy| proxy.name.as_str()).collect();
        let data = ProxiesData {
            title: "Scores of untrained networks".to_owned(),
            lead: format!(
                "How well {} rank architectures by their {}: {}.",
                names.join(", "),
                figures.join(" and "),
                against.source
            ),
            verdict: rankings.verdict(),
            warnings: rankings.warnings.clone(),
            conditions: conditions(),
            figures: rankings.figures.clone(),
            command: typed::command(),
        };
        page_file::write(page, &proxies::page(&data))?;
    }
    Ok(Some(Compared {
        against: against.source.clone(),
        rankings: rankings.for_programs(),
        warnings: rankings.warnings.clone(),
        page: page.map(Path::to_owned),
    }))
}

/// Scores by the names of the proxies.
fn for_programs(names: &[&str], rows: &[Row]) -> Vec<Scores> {
    rows.iter()
        .map(|row| Scores {
            arch: row.arch.clone(),
            of: names
                .iter()
                .map(|&name| name.to_owned())
                .zip(row.scores.iter().map(|&score| Value::from(score)))
                .collect(),
        })
        .collect()
}

/// Mean seconds that one architecture takes, over a few.
fn seconds_of(proxies: &Proxies, rows: &[Row], operations: &Operations) -> Result<f64> {
    let stride = rows.len().div_ceil(TIMED).max(1);
    let networks: Vec<Arc<_>> = rows
        .iter()
        .step_by(stride)
        .map(|row| {
            Ok(Arc::new(
                row.genotype.network(operations, &proxies.config().network)?,
            ))
        })
        .collect::<Result<_>>()?;
    let stopwatch = Stopwatch::start();
    for network in &networks {
        proxies.scores(network)?;
    }
    Ok(stopwatch.seconds() / networks.len().max(1) as f64)
}

fn score_all(
    args: &ScoreArgs,
    subjects: &Subjects,
    proxies: &Proxies,
    wanted: &[Wanted],
    stop: &Stop,
) -> Result<Vec<Row>> {
    let names: Vec<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
    let mut file = args
        .out
        .as_deref()
        .map(|out| ScoreFile::open(out, &names))
        .transpose()?;
    if file.is_some() {
        signals::set_resume_hint("the same command".to_owned());
    }
    let score = |genotype: &Genotype| -> Result<Vec<f64>> {
        let network = genotype.network(subjects.operations(), &proxies.config().network)?;
        let scores = proxies.scores(&Arc::new(network));
        scores.with_context(|| format!("{genotype} has no score"))
    };
    let mut rows = Vec::new();
    let bar = ScoreBar::new(subjects.len());
    for genotype in subjects.iter() {
        if stop.is_requested() {
            bail!("interrupted after {}", counted(rows.len(), "architecture"));
        }
        let (genotype, number) = (genotype?, rows.len());
        let arch = genotype.to_string();
        let scores = match file
            .as_mut()
            .map(|file| file.recorded(number, &arch))
            .transpose()?
            .flatten()
        {
            // The first row says whether the file is of the same settings.
            Some(recorded) if number > 0 => recorded,
            recorded => {
                let scores = score(&genotype)?;
                if let Some(file) = &mut file {
                    file.put(&arch, &scores, recorded.as_deref())?;
                }
                scores
            }
        };
        rows.push(Row {
            genotype,
            arch,
            scores,
        });
        bar.show(rows.len());
    }
    bar.finish();
    if let Some(file) = &file {
        file.check_end(rows.len())?;
    }
    Ok(rows)
}

/// The name of the proxy where none is typed.
const PROXY: ProxyKind = ProxyKind::Naswot;

/// The proxies that the names mean, each once.
fn wanted(names: &[String]) -> Result<Vec<Wanted>> {
    let mut wanted: Vec<Wanted> = Vec::new();
    if names.is_empty() {
        wanted.push(Wanted {
            name: PROXY.name().to_owned(),
            kind: PROXY,
        });
    }
    for name in names {
        let meant = match name.as_str() {
            "all" => ProxyKind::ALL.map(|kind| (kind.name().to_owned(), kind)).to_vec(),
            _ => vec![(name.clone(), name.parse().typed("--proxy")?)],
        };
        for (name, kind) in meant {
            if wanted.iter().all(|wanted| wanted.kind != kind) {
                wanted.push(Wanted { name, kind });
            }
        }
    }
    Ok(wanted)
}

/// The images that are typed, else those of the run that the first architecture is of.
fn images(args: &ScoreArgs, searches: &[&RunConfig]) -> Result<(String, Dataset)> {
    let of_run = searches.iter().find_map(|search| search.images());
    let typed = args.data.data.as_deref();
    let data = typed.or(of_run.map(|images| images.data)).unwrap_or(plan::DATA);
    let recorded = of_run.filter(|images| images.data == data);
    let bars = Bars::default();
    let own = recorded.and_then(|images| images.own);
    let looked = Looked::at(data, own, (&args.data.read, false), &bars).typed("--data")?;
    bars.finish();
    let data = looked.data.as_str();
    if args.data.data_dir.is_some() {
        data_dir::check_used(data)?;
    }
    let recorded = of_run.and_then(|images| images.data_dir);
    let data_dir = data_dir::choose(args.data.data_dir.as_deref(), recorded)?;
    let source = Source {
        data,
        data_dir: data_dir.as_deref(),
        own: looked.own.as_ref(),
    };
    Ok((data.to_owned(), data::load(source, &only_notes)?))
}

/// The size of the networks: what is typed, over that of the run, over the published one.
fn network(args: &ScoreArgs, subjects: &Subjects, dataset: &Dataset) -> NetworkConfig {
    let image = dataset.train.shape();
    let of_images = NetworkConfig::of_images(image, dataset.train.classes());
    let trained = subjects.searches().into_iter().find_map(RunConfig::training);
    let mut network = match trained.map(|plan| &plan.evaluator.network) {
        Some(trained) => NetworkConfig {
            channels: trained.channels,
            cells: trained.cells,
            ..of_images
        },
        None => Size::published(subjects.skeleton()).put_on(of_images),
    };
    args.size.overlay(&mut network);
    network
}

fn text(
    head: String,
    names: &[&str],
    rows: &[Row],
    rankings: Option<&(&Against, Rankings)>,
    page: Option<&Path>,
    out: Option<&Path>,
) -> String {
    let mut lines = vec![head];
    lines.extend(out.map(|out| format!("saved to {}", out.display())));
    match rankings {
        Some((against, rankings)) => {
            lines.push(format!("compared with {}", against.source));
            lines.extend(rankings.text());
            lines.push("95 % intervals in brackets; scores have no unit and are no accuracies".to_owned());
            lines.extend(rankings.warnings.iter().map(|warning| format!("note: {warning}")));
            lines.extend(page.map(|page| format!("page: {}", page.display())));
        }
        None if out.is_none() => {
            let widths: Vec<usize> = names.iter().map(|name| name.len().max(12)).collect();
            let row = |cells: Vec<String>, last: &str| {
                let cells = cells.iter().zip(&widths);
                let cells: String = cells.map(|(cell, width)| format!("{cell:>width$}  ")).collect();
                format!("{cells}{last}")
            };
            let names = names.iter().map(|&name| name.to_owned()).collect();
            lines.push(row(names, "architecture"));
            for one in rows {
                let scores = one.scores.iter().map(|&score| figure(score)).collect();
                lines.push(row(scores, &one.arch));
            }
            lines.push("scores have no unit; higher is better; they are no accuracies".to_owned());
        }
        None => {}
    }
    lines.join("\n")
}

/// A score in at most 12 characters.
fn figure(score: f64) -> String {
    let magnitude = score.abs();
    if score == f64::NEG_INFINITY {
        "-inf".to_owned()
    } else if score.fract() == 0.0 && magnitude < 1e11 {
        format!("{score:.0}")
    } else if (1e-3..1e7).contains(&magnitude) {
        format!("{score:.3}")
    } else {
        format!("{score:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_and_names_mean_each_proxy_once_under_the_name_that_is_typed() {
        let typed = |names: &str| {
            let names: Vec<String> = names.split(',').map(str::to_owned).collect();
            let wanted = wanted(&names).unwrap();
            wanted.into_iter().map(|wanted| wanted.name).collect::<Vec<_>>()
        };
        assert_eq!(typed("nwot,synflow,naswot"), ["nwot", "synflow"]);
        let all = typed("snip,all");
        assert_eq!((all.len(), all[0].as_str()), (ProxyKind::ALL.len(), "snip"));
        assert!(wanted(&["naswut".to_owned()]).is_err());
    }

    #[test]
    fn scores_of_any_size_are_short() {
        for (score, shown) in [
            (733.2345, "733.235"),
            (1_531_546.0, "1531546"),
            (-6.3e6 - 0.25, "-6300000.250"),
            (1.25e-9, "1.250e-9"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(figure(score), shown);
        }
    }
}

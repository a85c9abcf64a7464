//! `nas score`: zero-cost proxies.

mod csv;
mod subjects;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nas_eval::proxy::{Proxies, ProxyConfig, ProxyKind};
use nas_eval::{Compute, Dataset};
use nas_report::number::counted;
use nas_runner::data::{self, Looked, Source};
use nas_runner::plan::{self, RunConfig};
use nas_runner::size::{self, Size};
use nas_runner::{Typed, data_dir, device};
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::search::Stop;
use nas_space::seed::Seed;
use serde::Serialize;
use serde_json::{Map, Value};

use self::csv::ScoreFile;
use self::subjects::Subjects;
use crate::args::ScoreArgs;
use crate::output::Output;
use crate::progress::{Bars, ScoreBar, only_notes};
use crate::signals;

/// The JSON of `nas score`.
#[derive(Debug, Serialize)]
struct Scored {
    data: String,
    channels: usize,
    cells: usize,
    stem_halvings: usize,
    batch_size: usize,
    proxy_seeds: u32,
    seed: u64,
    device: String,
    scores: Vec<Scores>,
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

/// Scores the architectures, and writes them as they are found.
pub(crate) fn run(args: &ScoreArgs, output: Output) -> Result<()> {
    let device = args.device.device.as_deref().unwrap_or("cpu");
    device::check_one(device).typed("--device")?;
    let tf32 = args.device.tf32.unwrap_or(false);
    device::check_tf32(device, tf32).typed("--tf32")?;
    let wanted = wanted(&args.proxy)?;
    let seed = Seed::new(args.seed);
    let subjects = Subjects::of(args, seed)?;
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
    let batch_size = config.batch_size.min(dataset.train.len());
    let proxies = Proxies::new(&dataset, config, seed, &compute)?;
    let rows = score_all(args, &subjects, &proxies, &wanted, &signals::stop()?)?;
    let scored = Scored {
        data,
        channels: network.channels,
        cells: network.cells,
        stem_halvings: network.stem_halvings,
        batch_size,
        proxy_seeds: args.proxy_seeds,
        seed: args.seed,
        device: nas_eval::device_name(&compute.device),
        scores: rows
            .iter()
            .map(|(arch, scores)| Scores {
                arch: arch.clone(),
                of: wanted
                    .iter()
                    .map(|wanted| wanted.name.clone())
                    .zip(scores.iter().map(|&score| Value::from(score)))
                    .collect(),
            })
            .collect(),
    };
    output.result(&scored, || {
        text(&scored, &network, &wanted, &rows, args.out.as_deref())
    })
}

/// The rows of the scores: architectures with a score for each proxy.
type Rows = Vec<(String, Vec<f64>)>;

fn score_all(
    args: &ScoreArgs,
    subjects: &Subjects,
    proxies: &Proxies,
    wanted: &[Wanted],
    stop: &Stop,
) -> Result<Rows> {
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
    let mut rows = Rows::new();
    let bar = ScoreBar::new(subjects.len());
    for genotype in subjects.iter() {
        if stop.is_requested() {
            bail!("interrupted after {}", counted(rows.len(), "architecture"));
        }
        let (genotype, arch) = (genotype?, rows.len());
        let text = genotype.to_string();
        let scores = match file
            .as_mut()
            .map(|file| file.recorded(arch, &text))
            .transpose()?
            .flatten()
        {
            // The first row says whether the file is of the same settings.
            Some(recorded) if arch > 0 => recorded,
            recorded => {
                let scores = score(&genotype)?;
                if let Some(file) = &mut file {
                    file.put(&text, &scores, recorded.as_deref())?;
                }
                scores
            }
        };
        rows.push((text, scores));
        bar.show(rows.len());
    }
    bar.finish();
    if let Some(file) = &file {
        file.check_end(rows.len())?;
    }
    Ok(rows)
}

/// The proxies that the names mean, each once.
fn wanted(names: &[String]) -> Result<Vec<Wanted>> {
    let mut wanted: Vec<Wanted> = Vec::new();
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
    scored: &Scored,
    network: &NetworkConfig,
    wanted: &[Wanted],
    rows: &Rows,
    out: Option<&Path>,
) -> String {
    let mut lines = vec![format!(
        "{}, {}, {} of {}, {}",
        counted(rows.len(), "architecture"),
        size::in_words(network),
        counted(scored.batch_size, "image"),
        scored.data,
        counted(scored.proxy_seeds as usize, "initialisation"),
    )];
    if let Some(out) = out {
        lines.push(format!("saved to {}", out.display()));
        return lines.join("\n");
    }
    let widths = wanted.iter().map(|wanted| wanted.name.len().max(12));
    let widths: Vec<usize> = widths.collect();
    let row = |cells: Vec<String>, last: &str| {
        let cells = cells.iter().zip(&widths);
        let cells: String = cells.map(|(cell, width)| format!("{cell:>width$}  ")).collect();
        format!("{cells}{last}")
    };
    let names = wanted.iter().map(|wanted| wanted.name.clone()).collect();
    lines.push(row(names, "architecture"));
    for (arch, scores) in rows {
        lines.push(row(scores.iter().map(|&score| figure(score)).collect(), arch));
    }
    lines.push("scores have no unit; higher is better; they are no accuracies".to_owned());
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

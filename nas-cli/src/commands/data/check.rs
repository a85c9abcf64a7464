//! `nas data check`: what images of one's own are, before anything is trained on them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use nas_data::{Duplicates, Findings, Listed, Named, OddOnes, Origin, OwnData, ReadOptions};
use nas_report::number::{counted, grouped, mebibytes};
use nas_runner::args::ReadArgs;
use nas_runner::plan::Forecast;
use nas_runner::shell::quoted;
use nas_runner::{RunEvent, Typed, Unwatched, Usage, Watcher, data};
use serde::Serialize;

use crate::args::CheckArgs;
use crate::commands::page_file;
use crate::output::Output;
use crate::progress::Bars;

/// The most classes that are written out.
const MOST_CLASSES: usize = 40;
/// The most odd images that are written out.
const MOST_ODD: usize = 5;

/// The JSON of `nas data check`.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    pub(super) data: String,
    pub(super) name: String,
    pub(super) fingerprint: String,
    /// Channels, height and width that every image is given.
    pub(super) shape: String,
    pub(super) classes: usize,
    pub(super) train: usize,
    /// Those that the source gives; else a share of the training images is drawn in each search.
    pub(super) valid: Option<usize>,
    pub(super) test: usize,
    /// Bytes of all pixels.
    pub(super) bytes: usize,
    pub(super) findings: Findings,
    /// Of each class that has some, the images that look least like the others of it: hints where
    /// to look.
    pub(super) odd: Vec<OddOnes>,
    /// What a search takes here; none where none can begin.
    pub(super) search: Option<Forecast>,
    /// Why none can begin.
    pub(super) no_search: Option<String>,
    /// The page that was written.
    page: Option<PathBuf>,
}

/// Reads images of one's own and says what was found.
pub(super) fn run(args: &CheckArgs, output: Output) -> Result<()> {
    let path = data::normalized(&args.path).typed("PATH")?;
    if data::is_named(&path) {
        let why = format!("PATH: {path} is the name of a data set; `nas data list` describes it");
        return Err(Usage::new(why).into());
    }
    let mut read = ReadOptions::default();
    args.read.overlay(&mut read);
    let page = page_file::place(args.page.as_deref(), Some(Path::new(&path)))?;
    let bars = Arc::new(Bars::default());
    let found = nas_data::read(Path::new(&path), &read, &|progress| {
        bars.watch(RunEvent::Reading(progress))
    })?;
    bars.finish();
    let forecast = Forecast::new(&path, &args.read, args.time, &Unwatched);
    let mut checked = checked(path, &found, forecast);
    if let Some(page) = page {
        let text = super::page::page(&checked, &found, &read, &next(&checked.data, &args.read));
        page_file::write(&page, &text)?;
        checked.page = Some(page);
    }
    output.result(&checked, || text(&checked, &args.read))
}

fn checked(data: String, found: &OwnData, forecast: Result<Forecast>) -> Checked {
    let valid = found.valid.as_ref();
    let pixels = [Some(&found.train), valid, Some(&found.test)];
    let odd = nas_data::odd_ones(found);
    let (search, no_search) = match forecast {
        Ok(forecast) => (Some(forecast), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    Checked {
        data,
        shape: found.shape.to_string(),
        classes: found.classes.len(),
        train: found.train.len(),
        valid: valid.map(nas_data::Part::len),
        test: found.test.len(),
        bytes: pixels.into_iter().flatten().map(|part| part.pixels.len()).sum(),
        name: found.name.clone(),
        fingerprint: found.fingerprint.clone(),
        findings: found.findings.clone(),
        odd: odd.into_iter().filter(|class| !class.images.is_empty()).collect(),
        search,
        no_search,
        page: None,
    }
}

/// The command that searches on these images.
fn next(data: &str, read: &ReadArgs) -> String {
    let mut next = format!("nas search --data {}", quoted(Path::new(data)));
    for option in read.words().chunks(2) {
        if let [name, value] = option {
            next += &format!(" {name} {}", quoted(Path::new(value)));
        }
    }
    next
}

fn text(checked: &Checked, read: &ReadArgs) -> String {
    let found = &checked.findings;
    let mut lines = vec![
        line(
            "images",
            &format!(
                "{} in {}, every one as {} ({} of pixels)",
                grouped(found.images as u64),
                counted(checked.classes, "class").replace("classs", "classes"),
                checked.shape,
                mebibytes(checked.bytes as u64)
            ),
        ),
        line(
            "as they are",
            &format!(
                "{} to {} wide (median {}), {} to {} high (median {}); {} grey, {} coloured",
                found.width.min,
                found.width.max,
                found.width.median,
                found.height.min,
                found.height.max,
                found.height.median,
                grouped(found.grey as u64),
                grouped(found.coloured as u64)
            ),
        ),
        line("split", &split(checked)),
    ];
    for (number, class) in found.classes.iter().take(MOST_CLASSES).enumerate() {
        let valid = match checked.valid {
            Some(_) => format!(", {} to validate on", class.valid),
            None => String::new(),
        };
        let counts = format!(
            "{}: {} to train on{valid}, {} to test on",
            class.class, class.train, class.test
        );
        lines.push(line(if number == 0 { "classes" } else { "" }, &counts));
    }
    if found.classes.len() > MOST_CLASSES {
        lines.push(line(
            "",
            &format!("and {} more", found.classes.len() - MOST_CLASSES),
        ));
    }
    for skipped in &found.skipped {
        let what = format!("{}: {}", skipped.reason, examples(&skipped.files));
        lines.push(line(if skipped.bad { "unreadable" } else { "left out" }, &what));
    }
    let sets = [
        ("the same", &found.duplicates),
        ("contradictory", &found.contradictions),
        ("in two splits", &found.leaks),
    ];
    lines.extend(
        sets.into_iter()
            .filter(|(_, sets)| sets.images > 0)
            .map(|(name, sets)| line(name, &same(sets))),
    );
    if !checked.odd.is_empty() {
        lines.push(line("odd", &odd(&checked.odd)));
    }
    lines.extend(found.warnings.iter().map(|warning| line("warning", warning)));
    lines.push(line("fingerprint", &checked.fingerprint));
    lines.extend(search(checked).iter().map(|(name, what)| line(name, what)));
    if let Some(page) = &checked.page {
        lines.push(line("page", &page.display().to_string()));
    }
    lines.push(line("next", &next(&checked.data, read)));
    lines.join("\n")
}

/// The oddest images of all classes, in words.
fn odd(classes: &[OddOnes]) -> String {
    let mut all: Vec<_> = classes.iter().flat_map(|class| &class.images).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let named = all
        .iter()
        .take(MOST_ODD)
        .map(|odd| format!("{} ({})", odd.name, odd.why));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match all.len() {
        count if count > MOST_ODD => format!(" and {} more", count - MOST_ODD),
        _ => String::new(),
    };
    format!("{named}{more}: hints where to look, no verdicts")
}

/// What a search takes here, by name.
pub(super) fn search(checked: &Checked) -> Vec<(&'static str, String)> {
    let Some(search) = &checked.search else {
        let why = checked.no_search.as_deref().unwrap_or_default();
        return vec![("search", format!("cannot begin: {why}"))];
    };
    let mut facts = vec![(
        "search",
        format!(
            "{} in the space {} for {} minutes, compared by {}, on {} with {}",
            search.method,
            search.space,
            search.minutes,
            search.metric,
            search.device,
            counted(search.threads, "thread")
        ),
    )];
    if let Some(bytes) = search.memory_bytes {
        let of = match search.installed_bytes {
            Some(installed) => format!(" of {} here", mebibytes(installed)),
            None => String::new(),
        };
        let batch = search.batch_size;
        facts.push((
            "memory",
            format!("about {}{of}, in batches of {batch}", mebibytes(bytes)),
        ));
    }
    match (search.images_per_second, &search.timing, &search.refused) {
        (Some(rate), Some(timing), _) => facts.push((
            "time",
            format!(
                "about {} training images a second: {} of {} in {} s, then the best for {}",
                grouped(rate as u64),
                counted(timing.trials as usize, "trial"),
                counted(timing.epochs as usize, "epoch"),
                timing.search_seconds,
                counted(timing.final_epochs as usize, "epoch"),
            ),
        )),
        (_, _, Some(refused)) => facts.push(("time", refused.clone())),
        _ => facts.push(("time", "not measured; --time does, in some seconds".to_owned())),
    }
    facts
}

pub(super) fn split(checked: &Checked) -> String {
    let valid = match checked.valid {
        Some(valid) => format!("{} to validate on", grouped(valid as u64)),
        None => "of which each search holds some out to validate on".to_owned(),
    };
    let origin = match checked.findings.test {
        Origin::Given => "given",
        Origin::Drawn => "drawn, always the same",
    };
    format!(
        "{} to train on, {valid}; {} to test on, {origin}",
        grouped(checked.train as u64),
        grouped(checked.test as u64)
    )
}

fn examples(files: &Listed<String>) -> String {
    let named = files
        .first
        .iter()
        .take(5)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match files.count {
        count if count > 5 => format!("{named} and {} more", count - 5),
        _ => named,
    }
}

fn same(sets: &Duplicates) -> String {
    let named = |image: &Named| format!("{} ({})", image.name, image.class);
    let first = sets
        .sets
        .first
        .first()
        .map(|set| set.iter().map(named).collect::<Vec<_>>().join(" = "));
    let dropped = match sets.dropped {
        0 => String::new(),
        dropped => format!(", {dropped} of them dropped"),
    };
    format!(
        "{} in {}{dropped}, such as {}",
        counted(sets.images, "image"),
        counted(sets.sets.count, "set"),
        first.unwrap_or_default()
    )
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<14} {value}")
}

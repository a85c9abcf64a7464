//! `nas data check`: what images of one's own are, before anything is trained on them.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use nas_data::{Duplicates, Findings, Listed, Named, Origin, OwnData, ReadOptions};
use nas_report::number::{counted, grouped, mebibytes};
use nas_runner::args::ReadArgs;
use nas_runner::shell::quoted;
use nas_runner::{RunEvent, Typed, Usage, Watcher, data};
use serde::Serialize;

use crate::args::CheckArgs;
use crate::output::Output;
use crate::progress::Bars;

/// The most classes that are written out.
const MOST_CLASSES: usize = 40;

/// The JSON of `nas data check`.
#[derive(Debug, Serialize)]
struct Checked {
    data: String,
    name: String,
    fingerprint: String,
    /// Channels, height and width that every image is given.
    shape: String,
    classes: usize,
    train: usize,
    /// Those that the source gives; else a share of the training images is drawn in each search.
    valid: Option<usize>,
    test: usize,
    /// Bytes of all pixels.
    bytes: usize,
    findings: Findings,
}

/// Reads images of one's own and says what was found.
pub(super) fn run(args: &CheckArgs, output: Output) -> Result<()> {
    let path = data::normalized(&args.path).typed("PATH")?;
    if data::is_named(&path) {
        let why =
            format!("PATH: {path} is a data set with a name; `nas list` and `nas doctor` tell of these");
        return Err(Usage::new(why).into());
    }
    let mut read = ReadOptions::default();
    args.read.overlay(&mut read);
    let bars = Arc::new(Bars::default());
    let found = nas_data::read(Path::new(&path), &read, &|progress| {
        bars.watch(RunEvent::Reading(progress))
    })?;
    bars.finish();
    let checked = checked(path, found);
    output.result(&checked, || text(&checked, &args.read))
}

fn checked(data: String, found: OwnData) -> Checked {
    let valid = found.valid.as_ref();
    let pixels = [Some(&found.train), valid, Some(&found.test)];
    Checked {
        data,
        shape: found.shape.to_string(),
        classes: found.classes.len(),
        train: found.train.len(),
        valid: valid.map(nas_data::Part::len),
        test: found.test.len(),
        bytes: pixels.into_iter().flatten().map(|part| part.pixels.len()).sum(),
        name: found.name,
        fingerprint: found.fingerprint,
        findings: found.findings,
    }
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
    lines.extend(found.warnings.iter().map(|warning| line("warning", warning)));
    lines.push(line("fingerprint", &checked.fingerprint));
    let mut next = format!("nas search --data {}", quoted(Path::new(&checked.data)));
    for option in read.words().chunks(2) {
        if let [name, value] = option {
            next += &format!(" {name} {}", quoted(Path::new(value)));
        }
    }
    lines.push(line("next", &next));
    lines.join("\n")
}

fn split(checked: &Checked) -> String {
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

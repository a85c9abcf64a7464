//! Fuzzes the configuration of a run. Users write that of a search in a file, and the commands that
//! continue a run read its configuration back.
//!
//! Memory is not counted here: the program has an allocator of its own.

use nas_fuzz::{Campaign, Effort, Target};
use nas_space::seed::Seed;

use super::RunConfig;
use super::tests::resolved;

const WORDS: &[&str] = &[
    "method",
    "seed",
    "batch",
    "budget",
    "trials",
    "epochs",
    "seconds",
    "space",
    "kind",
    "estimation",
    "training",
    "table",
    "benchmark",
    "data",
    "supernet",
    "evolution",
    "nsga2",
    "rl",
    "limits",
    "soft_limits",
    "targets",
    "costs",
    "files",
    "latency",
    "halving",
    "screening",
    "scores",
    "draws",
    "mutants",
    "proxy",
    "\"naswot\"",
    "file",
    "path",
    "column",
    "pnas",
    "random",
    "\"darts\"",
    "\"enas\"",
    "nb201",
    "network",
    "train",
    "image",
    "channels",
    "cells",
    "learning_rate",
    "schedule",
    "optimizer",
    "device",
    "nan",
    "inf",
    "tournament",
    "population",
    "surrogate",
    "beam",
    "max_params",
    "[space]",
    "[limits]",
    "[budget]",
    "\n",
    "true",
];

/// It comes back as it was, and whether it makes sense is said without harm.
fn target() -> Target {
    let made = [
        "random --epochs 3 --limit 200",
        "evolution --space darts --channels 4",
        "nsga2 --benchmark digits",
        "rl --space chain",
        "pnas --space pnas",
        "darts --search-channels 12",
        "enas",
        "random --benchmark digits",
        "random --halving sync",
    ];
    let made = made.map(|words| {
        toml::to_string(&resolved("", words).unwrap())
            .unwrap()
            .into_bytes()
    });
    Target {
        made: made.to_vec(),
        ..Target::new("run-config", WORDS, |input, _| {
            let text = std::str::from_utf8(input).map_err(|_| "not a text".to_owned())?;
            let config: RunConfig = toml::from_str(text).map_err(|error| error.message().to_owned())?;
            Ok(Box::new(move || {
                if config.validate().is_err() {
                    return Ok(());
                }
                let written =
                    toml::to_string(&config).map_err(|error| format!("it cannot be written: {error}"))?;
                let same = toml::from_str::<RunConfig>(&written).ok().as_ref() == Some(&config);
                same.then_some(())
                    .ok_or_else(|| format!("it comes back changed: {written}"))
            }))
        })
    }
}

#[test]
fn configurations_of_runs_stand_anything() {
    let effort = Effort::asked(200);
    let report = Campaign::new(&target(), Seed::new(1)).unwrap().run(effort);
    println!("run-config: {:?}", report.unwrap());
}

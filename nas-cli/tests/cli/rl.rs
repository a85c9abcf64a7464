//! `nas search rl`, as a user meets it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::report::page_of;
use crate::{borrowed, json, refused};

/// A search of networks that train for an epoch each.
fn search(run: &Path, extra: &str) -> Vec<String> {
    let words = "search rl --json --limit 100 --channels 4 --epochs 1 --final-epochs 1 --seed 5 --run";
    let mut args: Vec<String> = words.split(' ').map(str::to_owned).collect();
    args.push(run.to_str().unwrap().to_owned());
    args.extend(extra.split_whitespace().map(str::to_owned));
    args
}

fn updates(run: &Path) -> Vec<Value> {
    serde_json::from_str(&fs::read_to_string(run.join("updates.json")).unwrap()).unwrap()
}

#[test]
fn a_controller_searches_learns_and_leaves_its_picture() {
    let dir = tempfile::tempdir().unwrap();
    let (cells, chain) = (dir.path().join("cells"), dir.path().join("chain"));
    let result = json(&borrowed(&search(
        &cells,
        "--trials 6 --cells 1 --update-every 2",
    )));
    assert_eq!(
        (result["method"].as_str(), result["trials"].as_u64()),
        (Some("rl"), Some(6))
    );
    let picture = fs::read_to_string(result["reward_picture"].as_str().unwrap()).unwrap();
    assert!(
        picture.starts_with("<svg") && picture.contains("first 6 proposals"),
        "{picture}"
    );
    let learned = updates(&cells);
    assert_eq!(learned.len(), 3);
    assert_eq!(learned[2]["trials"], 6);
    assert_eq!(learned[2]["best"], result["best"]["valid_accuracy"]);
    let page = page_of(&cells);
    assert!(page.contains("first 6 proposals") && page.contains("Entropy of the controller"));
    let config = fs::read_to_string(cells.join("config.toml")).unwrap();
    assert!(
        config.contains("[method.controller]") && config.contains("batch = 2"),
        "{config}"
    );
    // More trials are added to it by replay.
    let run = cells.to_str().unwrap();
    let more = json(&["resume", run, "--trials", "8", "--json"]);
    assert_eq!(more["trials"], 8);
    assert_eq!(updates(&cells)[..3], learned[..]);
    let toml = dir.path().join("chain.toml");
    fs::write(&toml, "[space]\nkind = \"chain\"\nlayers = 2\nfilters = [4, 6]\n").unwrap();
    let extra = format!("--trials 2 --preset zoph-le --config {}", toml.to_str().unwrap());
    let result = json(&borrowed(&search(&chain, &extra)));
    assert_eq!(result["space"], "chain");
}

#[test]
fn a_table_gives_the_picture_its_uniform_draws() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let words = "search rl --benchmark nb201 --trials 60 --json";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend(["--run", run.to_str().unwrap()]);
    let result = json(&args);
    assert_eq!(result["failed"], 0);
    let picture = fs::read_to_string(run.join("reward.svg")).unwrap();
    assert!(picture.contains("mean of 3,000 uniform draws"), "{picture}");
    assert!(picture.contains("best of the same number of uniform draws"));
    let page = page_of(&run);
    assert!(page.contains("mean of 3,000 uniform draws") && page.contains("looked up once"));
    assert!(page.contains("there is no curve over seconds") && !page.contains("It needs"));
}

#[test]
fn options_of_a_controller_are_for_method_rl() {
    for (words, named) in [
        ("search random --algorithm ppo", "--algorithm"),
        ("search --entropy 0.1", "--entropy"),
        ("search rl --order 2", "--order"),
        ("search rl --preset magic", "nasnet"),
        ("search rl --entropy=-1", "at least 0"),
    ] {
        let message = refused(2, &words.split(' ').collect::<Vec<_>>());
        assert!(message.contains(named), "{words}: {message}");
    }
}

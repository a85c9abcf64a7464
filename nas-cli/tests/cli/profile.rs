//! `nas train --profile`.

use crate::{json, nas, refused, text};

const TINY: [&str; 11] = [
    "train",
    "NB201_RESNET",
    "--epochs=1",
    "--limit=120",
    "--channels=4",
    "--cells=1",
    "--batch-size=40",
    "--valid-fraction=0",
    "--seed=3",
    "--threads=2",
    "--json",
];

/// The columns behind the name of a layer.
struct Row {
    name: String,
    milliseconds: f64,
    share: f64,
}

fn rows(table: &str) -> Vec<Row> {
    let lines = table
        .lines()
        .filter(|line| line.contains(" % ") || line.ends_with(" %"));
    lines
        .map(|line| {
            let (left, _) = line.split_once(" %").unwrap();
            let words: Vec<&str> = left.split_whitespace().collect();
            let share = words[words.len() - 1].parse().unwrap();
            let name = left.split("  ").next().unwrap().to_owned();
            // Of the rest, forward and backward are one number.
            let numbers = if name.starts_with("loss") { 1 } else { 2 };
            let milliseconds = words[words.len() - 1 - numbers..words.len() - 1]
                .iter()
                .map(|word| word.parse::<f64>().unwrap())
                .sum();
            Row {
                name,
                milliseconds,
                share,
            }
        })
        .collect()
}

#[test]
fn a_profile_names_the_layers_and_its_shares_add_up_and_the_training_is_the_same() {
    let args: Vec<&str> = TINY.into_iter().chain(["--profile"]).collect();
    let output = nas(&args);
    let table = text(&output.stderr);
    assert!(output.status.success(), "{table}");
    assert!(
        table.contains("one training step of 40 images takes") && table.contains("on 2 threads"),
        "{table}"
    );
    let rows = rows(&table);
    for kind in [
        "conv 1x8x8 -> 4x8x8 3x3",
        "conv 4x8x8 -> 4x8x8 3x3",
        "conv 16x2x2 -> 16x2x2 3x3",
        "loss, memory, waiting",
    ] {
        assert!(
            rows.iter().any(|row| row.name.starts_with(kind)),
            "{kind}: {table}"
        );
    }
    let shares: f64 = rows.iter().map(|row| row.share).sum();
    assert!(
        (shares - 100.0).abs() <= 0.05 * rows.len() as f64 + 1e-9,
        "{shares}: {table}"
    );
    let all: f64 = rows.iter().map(|row| row.milliseconds).sum();
    for row in &rows {
        let share = 100.0 * row.milliseconds / all;
        assert!((share - row.share).abs() < 0.5, "{}: {share}: {table}", row.name);
    }
    let sorted = rows[..rows.len() - 1].iter().take(19);
    assert!(sorted.is_sorted_by(|a, b| a.share >= b.share), "{table}");

    let mut profiled: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut plain = json(&TINY);
    for result in [&mut profiled, &mut plain] {
        let loss = &result["curve"][0]["train_loss"];
        assert!(loss.as_f64().is_some_and(|loss| loss > 0.0), "{result}");
        for measured in ["seconds", "peak_memory_bytes"] {
            result[measured] = 0.into();
        }
        result["curve"][0]["seconds"] = 0.into();
    }
    assert_eq!(profiled, plain);
}

#[test]
fn a_profile_is_of_the_cpu_alone() {
    let message = refused(2, &["train", "NB201_RESNET", "--profile", "--device", "cuda"]);
    assert!(
        message.contains("--profile") && message.contains("--device cpu"),
        "{message}"
    );
}

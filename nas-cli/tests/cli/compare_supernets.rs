//! `nas compare` with methods that train a supernet.

use super::*;

/// A comparison in this directory.
fn compare(run: &Path, words: &[&str]) -> Value {
    let run = run.display().to_string();
    let mut args = vec!["compare", "--json", "--run", &run];
    args.extend(words);
    json(&args)
}

/// The only run of a method.
fn only<'a>(result: &'a Value, method: &str) -> &'a Value {
    let runs = result["methods"][method]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{method}");
    &runs[0]
}

/// Supernets on 200 images beside the table of digits, whose trials have 4 epochs.
fn beside_a_table(run: &Path) -> Value {
    let settings = run.with_extension("toml");
    fs::write(
        &settings,
        "[method]\nname = \"spos\"\n[method.search]\ncandidates = 10\n",
    )
    .unwrap();
    let few = format!("few={}", settings.display());
    let methods = format!("random,darts,gdas,{few}");
    compare(
        run,
        &[
            &methods,
            "--benchmark",
            "digits",
            "--data",
            "digits",
            "--limit",
            "200",
            "--budget-epochs",
            "8",
            "--seeds",
            "1",
        ],
    )
}

#[test]
fn beside_a_table_supernets_get_the_image_passes_of_the_trials() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let result = beside_a_table(&run);
    // The table does not say how many images it was trained on: all 200 count.
    let work = &result["equal_work"];
    assert_eq!(
        (&work["image_passes"], &work["epoch_images"], &work["assumed"]),
        (&1600.into(), &200.into(), &true.into())
    );
    // Of the 8 epochs, 4 are for the trial that judges. DARTS passes both halves; SPOS trains on a part of the images.
    let spos = result["supernet_epochs"]["few"].as_u64().unwrap();
    assert_eq!(result["supernet_epochs"]["darts"], 4);
    assert_eq!(result["supernet_epochs"]["gdas"], 4);
    assert!(spos >= 4, "{spos}");
    assert_eq!(only(&result, "random")["image_passes"], 1600);
    assert_eq!(only(&result, "darts")["image_passes"], 1600);
    let of_spos = only(&result, "few")["image_passes"].as_u64().unwrap();
    assert!((1400..=1600).contains(&of_spos), "{of_spos}");
    for method in ["darts", "gdas", "few"] {
        let run = only(&result, method);
        assert_eq!(run["trials"], 1, "{method}");
        let last = run["incumbents"].as_array().unwrap().last().unwrap();
        assert_eq!(last["test_accuracy"], run["test_accuracy"], "{method}");
        assert_eq!(last["image_passes"], run["image_passes"], "{method}");
    }
    // What DARTS would have found after each epoch, and what it found.
    let incumbents = only(&result, "darts")["incumbents"].as_array().unwrap().clone();
    let passes: Vec<u64> = incumbents
        .iter()
        .map(|one| one["image_passes"].as_u64().unwrap())
        .collect();
    assert_eq!(passes, [200, 400, 600, 800, 1600]);
    assert_eq!(incumbents[3]["architecture"], incumbents[4]["architecture"]);
    assert!(incumbents.iter().all(|one| one["test_accuracy"].is_f64()));
    let curves = result["methods"]["darts"]["test_curves"].as_array().unwrap();
    let along: Vec<&str> = curves
        .iter()
        .map(|curve| curve["along"].as_str().unwrap())
        .collect();
    assert!(
        along.contains(&"image_passes") && !along.contains(&"trials"),
        "{along:?}"
    );
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Test accuracy over image passes"));
    assert!(page.contains("does not say how many images"));
    let csv = fs::read_to_string(run.join("runs.csv")).unwrap();
    assert!(csv.contains("digits,darts,0,1,0,4,1600,"), "{csv}");
    // The search alone, with as many epochs, finds the same.
    let alone = json(&[
        "search",
        "darts",
        "--benchmark",
        "digits",
        "--data",
        "digits",
        "--limit",
        "200",
        "--search-epochs",
        "4",
        "--json",
        "--run",
        &dir.path().join("alone").display().to_string(),
    ]);
    let operations = ["none", "skip_connect", "nor_conv_3x3", "avg_pool_3x3"];
    let edges = alone["best"]["arch"].as_str().unwrap().split(['|', '+']);
    let chosen: Vec<usize> = edges
        .filter_map(|edge| {
            let name = edge.split('~').next()?;
            operations.iter().position(|operation| *operation == name)
        })
        .collect();
    assert_eq!(serde_json::json!(chosen), incumbents[4]["architecture"]);
    // Again, from what is there: nothing is trained.
    let again = beside_a_table(&run);
    assert_eq!(again["methods"], result["methods"]);
}

#[test]
fn where_everything_is_trained_what_a_supernet_finds_is_trained_and_charged() {
    let dir = tempfile::tempdir().unwrap();
    let result = compare(
        &dir.path().join("run"),
        &[
            "random,darts-pt",
            "--data",
            "digits",
            "--space",
            "nb201",
            "--limit",
            "160",
            "--trials",
            "6",
            "--epochs",
            "1",
            "--final-epochs",
            "1",
            "--channels",
            "2",
            "--cells",
            "1",
            "--seeds",
            "1",
        ],
    );
    let work = &result["equal_work"];
    let of_epoch = work["epoch_images"].as_u64().unwrap();
    assert!((100..=130).contains(&of_epoch), "0.7 of 160: {of_epoch}");
    assert_eq!(
        (&work["assumed"], work["image_passes"].as_u64()),
        (&false.into(), Some(6 * of_epoch))
    );
    assert_eq!(only(&result, "random")["image_passes"], 6 * of_epoch);
    let run = only(&result, "darts-pt");
    // Of 560 passes that are left, an epoch takes 160, and the selection five times 80.
    assert_eq!(result["supernet_epochs"]["darts-pt"], 1);
    assert_eq!(run["image_passes"], 160 + 5 * 80 + of_epoch);
    assert_eq!((&run["trials"], &run["epochs"]), (&1.into(), &1.into()));
    assert!(run["test_accuracy"].as_f64().unwrap() > 0.0);
    assert!(run["final_seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_supernets_lack_is_said_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run").display().to_string();
    for (words, expected) in [
        ("darts", "add --data NAME"),
        ("random --data digits --benchmark digits", "--data has no meaning"),
        ("random --limit 100", "--limit has no meaning"),
        (
            "darts --benchmark digits --data digits --limit 200 --budget-epochs 4",
            "expected --budget-epochs 5 or more",
        ),
        (
            "darts --benchmark digits --data digits --budget-seconds 5",
            "--budget-seconds alone",
        ),
        ("pc-dart", "pc-darts"),
        ("darts --data digits --space chain", "has no cells"),
        ("gdas --data digits --space nb201 --halving asha", "halving"),
    ] {
        let mut args = vec!["compare", "--run", &run];
        args.extend(words.split_whitespace());
        let output = nas(&args);
        let message = text(&output.stderr);
        assert!(!output.status.success(), "{words}");
        assert!(message.contains(expected), "{words}: {message}");
        assert!(!Path::new(&run).exists(), "{words}");
    }
}

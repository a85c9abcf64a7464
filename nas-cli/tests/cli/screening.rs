//! Searches whose candidates are screened by a score.

use super::*;

/// Mutants and draws are screened by the parameters of the networks.
fn screened(run: &Path, extra: &str) -> Vec<String> {
    let words = "search evolution --population 3 --proxy naswot --proxy-draws 4 --proxy-mutants 3 --data digits --limit 200 \
                 --channels 2 --cells 1 --trials 7 --epochs 1 --final-epochs 1 --seed 5 --json";
    let words = words.split_whitespace().chain(extra.split_whitespace());
    let mut args: Vec<String> = words.map(str::to_owned).collect();
    args.extend(["--run".to_owned(), run.display().to_string()]);
    args
}

fn chosen(run: &Path) -> Vec<String> {
    let records = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    let told = records.iter().map(|record| record.trial.architecture.to_string());
    told.collect()
}

fn scores(run: &Path) -> Vec<(String, f64)> {
    let text = fs::read_to_string(run.join("scores.csv")).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let (choices, score) = line.split_once(',').unwrap();
        (choices.to_owned(), score.parse().unwrap())
    });
    rows.collect()
}

#[test]
fn the_best_candidates_are_trained_and_a_killed_search_chooses_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let result = json(&borrowed(&screened(&whole, "")));
    assert_eq!(result["method"], "evolution+naswot");
    let scored = scores(&whole);
    // 3 draws of 4, 4 mutants of 3 and the one by which the proxy was tried; some come twice.
    assert!((8..=25).contains(&scored.len()), "{scored:?}");
    let mut choices: Vec<&String> = scored.iter().map(|(choices, _)| choices).collect();
    choices.sort();
    choices.dedup();
    assert_eq!(choices.len(), scored.len(), "each is scored once");
    // The first draw is the best of four, of which the second to fifth score are, after the one that tried the proxy.
    let four = &scored[1..5];
    let best = four
        .iter()
        .fold(&four[0], |best, one| if one.1 > best.1 { one } else { best });
    let plain: Vec<String> = chosen(&whole);
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    assert_eq!(digits(&plain[0]), digits(&best.0), "{four:?}, {plain:?}");

    let run = dir.path().join("killed");
    let mut child = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args(screened(&run, ""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(Duration::from_secs(60), || {
        let records = Records::open(run.join("study.db")).and_then(|records| records.trials());
        records.is_ok_and(|records| records.len() >= 4)
    });
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it had ended by itself");
    let resumed = json(&["resume", run.to_str().unwrap(), "--json"]);
    assert_eq!(chosen(&run), plain);
    assert_eq!(scores(&run), scored);
    for key in ["method", "trials", "best", "test_accuracy"] {
        assert_eq!(resumed[key], result[key], "{key}");
    }
    // Workers train what this process has chosen.
    let workers = dir.path().join("workers");
    json(&borrowed(&screened(&workers, "--workers 2")));
    assert_eq!(chosen(&workers), plain);
    let status = text(
        &nas(&[
            "search",
            "--config",
            whole.join("config.toml").to_str().unwrap(),
            "--run",
            dir.path().join("again").to_str().unwrap(),
        ])
        .stdout,
    );
    assert!(
        status.contains("by naswot: each draw the best of 4, each mutant the best of 3; "),
        "{status}"
    );
}

#[test]
fn on_a_table_scores_come_from_a_file_and_their_seconds_count() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scores.csv");
    let file = file.to_str().unwrap();
    json(&[
        "score",
        "--space",
        "nb201",
        "--every",
        "--proxy",
        "parameters",
        "--channels",
        "16",
        "--cells",
        "5",
        "--out",
        file,
        "--json",
    ]);
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text.lines().count(), 15_626);
    let search = |extra: &[&str]| {
        let run = dir.path().join(format!("run{}", extra.len()));
        let run = run.to_str().unwrap().to_owned();
        let words = "search random --benchmark nb201 --trials 20 --proxy parameters --json --scores";
        let words: Vec<&str> = words
            .split(' ')
            .chain([file])
            .chain(extra.iter().copied())
            .collect();
        json(&[&words[..], &["--run", &run]].concat())
    };
    let result = search(&["--proxy-draws", "100"]);
    assert_eq!(result["method"], "random+parameters");
    // The median of all networks has 0.4 M parameters; the best of a hundred draws has at least 0.8 M.
    assert!(result["best"]["params"].as_f64().unwrap() > 700_000.0, "{result}");
    // With a column of seconds, of 2 for each architecture, the draws are paid for.
    let lines = text.lines().enumerate().map(|(number, line)| match number {
        0 => format!("{line},seconds\n"),
        _ => format!("{line},2\n"),
    });
    fs::write(file, lines.collect::<String>()).unwrap();
    let paid = search(&["--seed", "0", "--proxy-draws", "50"]);
    // 20 draws of 50, some of which are made again where all of it was trained before.
    let scored = scores(&dir.path().join("run4")).len();
    assert!(scored > 900, "{scored}");
    assert_eq!(paid["seconds"].as_f64(), Some(2.0 * scored as f64));

    let report = dir.path().join("comparison");
    let words = "compare random,random+parameters --benchmark nb201 --seeds 6 --trials 10 --json --scores";
    let words: Vec<&str> = words.split(' ').chain([file]).collect();
    let compared = json(&[&words[..], &["--run", report.to_str().unwrap()]].concat());
    let text = compared.to_string();
    assert!(text.contains("\"random+parameters\""), "{text}");
}

#[test]
fn what_cannot_be_screened_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scores.csv");
    fs::write(
        &file,
        "arch,naswot\n|none~0|+|none~0|none~1|+|none~0|none~1|none~2|,1\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let of_file = format!("search random --benchmark nb201 --proxy synflow --scores {file}");
    let seeds = format!("search random --benchmark nb201 --proxy naswot --proxy-seeds 2 --scores {file}");
    for (words, named) in [
        (
            "search darts --proxy naswot",
            "method darts, which trains all architectures at once",
        ),
        (
            "search rl --proxy naswot",
            "method rl, whose controller learns from every proposal",
        ),
        (
            "search pnas --proxy naswot",
            "method pnas, whose surrogate screens them",
        ),
        (
            "search random --proxy-draws 3",
            "--proxy-draws has no meaning without --proxy NAME",
        ),
        ("search random --proxy magic", "magic"),
        ("search random --proxy naswot --proxy-draws 0", "--proxy-draws"),
        (
            "search random --benchmark nb201 --proxy naswot",
            "expected scores from a file",
        ),
        (&of_file, "has no column synflow; its scores are naswot"),
        (&seeds, "--proxy-seeds has no meaning with scores from a file"),
        (
            "compare random+ --benchmark nb201",
            "expected the name of a proxy",
        ),
        (
            "compare magic+naswot --benchmark nb201",
            "there is no method 'magic'",
        ),
    ] {
        let output = nas(&words
            .split(' ')
            .chain(["--run", dir.path().join("none").to_str().unwrap()])
            .collect::<Vec<_>>());
        let message = text(&output.stderr);
        assert!(
            !output.status.success() && message.contains(named),
            "{words}: {message}"
        );
        assert!(!dir.path().join("none").exists(), "{words}");
    }
}

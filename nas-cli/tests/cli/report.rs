//! Pages of runs, as files and in a browser.

use nas_study::Store;

use super::*;

/// Writes the page of this run, checks that it stands alone, and gives it.
pub(super) fn page_of(run: &Path) -> String {
    let path = run.to_str().unwrap();
    let written = json(&["report", path, "--json"]);
    let file = run.join("report.html");
    assert_eq!(written["report"], file.to_str().unwrap());
    let page = fs::read_to_string(file).unwrap();
    stands_alone(&page);
    page
}

fn stands_alone(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    // The name of SVG is written as an address, and is none.
    let page = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for word in [
        "http://",
        "https://",
        "<script",
        "<img",
        "<link rel=\"stylesheet",
        "url(",
        "@import",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    for element in ["figure", "table", "section", "details", "svg", "main"] {
        let opened =
            page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
        assert_eq!(
            opened,
            page.matches(&format!("</{element}>")).count(),
            "{element}"
        );
    }
    assert_eq!(
        page.matches("<svg ").count(),
        page.matches("role=\"img\"").count()
    );
}

/// An accuracy as the page has it.
fn percent(accuracy: &Value) -> String {
    format!("{:.2} %", 100.0 * accuracy.as_f64().unwrap())
}

#[test]
fn a_report_has_the_numbers_of_its_search_and_is_always_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("a run");
    let found = json(&borrowed(&tiny_search(&run)));
    let page = page_of(&run);
    for (what, accuracy) in [
        ("Validation accuracy", &found["best"]["valid_accuracy"]),
        ("Test accuracy", &found["test_accuracy"]),
    ] {
        let figure = format!("<dt>{what}</dt><dd>{}</dd>", percent(accuracy));
        assert!(page.contains(&figure), "{figure}");
    }
    for part in [
        "measured once, after the search",
        "Best validation accuracy over trials",
        "Best validation accuracy over seconds",
        "Validation accuracy and parameters",
        "All trials: 6",
        "CPU kernels for",
        "config.toml: every setting",
        "batch_size = ",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let command = format!(
        "nas search --config &#39;{}&#39;",
        run.join("config.toml").display()
    );
    assert!(page.contains(&command), "a path with a space is quoted");
    assert!(page.contains(found["best"]["arch"].as_str().unwrap()));
    assert!(!page.contains("class=\"note\""), "it has ended");
    let other = dir.path().join("page.html");
    let printed = nas(&["report", run.to_str().unwrap(), "--out", other.to_str().unwrap()]);
    assert_eq!(text(&printed.stdout).trim(), other.to_str().unwrap());
    assert_eq!(fs::read_to_string(&other).unwrap(), page);
}

#[test]
fn a_run_that_has_not_ended_is_reported_while_it_is_locked() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    json(&borrowed(&tiny_search(&run)));
    fs::remove_file(run.join("final.json")).unwrap();
    // As a search holds it.
    let store = Store::open(run.join("study.db")).unwrap();
    let page = page_of(&run);
    assert!(
        page.contains("the test of its best have not") && page.contains("not measured yet"),
        "{page}"
    );
    drop(store);
    let begun = dir.path().join("begun");
    fs::create_dir(&begun).unwrap();
    fs::copy(run.join("config.toml"), begun.join("config.toml")).unwrap();
    let page = page_of(&begun);
    assert!(page.contains("Nothing is on record yet") && page.contains("What was searched"));
}

#[test]
fn a_search_that_failed_is_reported_with_its_reasons() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let mut args = tiny_search(&run);
    args.push("--learning-rate=1e30".to_owned());
    refused(1, &borrowed(&args));
    let page = page_of(&run);
    assert!(
        page.contains("This search found nothing: all 6 trials failed"),
        "{page}"
    );
    assert!(page.contains("6 trials of 6 failed") && page.contains("was no number"));
}

#[test]
fn what_cannot_be_reported_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let message = refused(1, &["report", dir.path().to_str().unwrap()]);
    assert!(
        message.contains("config.toml") || message.contains("is no run"),
        "{message}"
    );
    assert!(refused(1, &["report", "no-such-run"]).contains("no-such-run"));
    let run = dir.path().join("run");
    json(&borrowed(&tiny_search(&run)));
    let run_path = run.to_str().unwrap();
    let message = refused(1, &["report", run_path, "--out", run_path]);
    assert!(
        message.contains("--out") && message.contains("directory"),
        "{message}"
    );
    let nowhere = dir.path().join("no-such-directory/page.html");
    let message = refused(1, &["report", run_path, "--out", nowhere.to_str().unwrap()]);
    assert!(message.contains("no-such-directory"), "{message}");
    fs::write(run.join("final.json"), "{").unwrap();
    assert!(refused(1, &["report", run_path]).contains("final.json"));
    fs::remove_file(run.join("final.json")).unwrap();
    fs::write(
        run.join("study.db"),
        "this is no database, and longer than the header of one".repeat(9),
    )
    .unwrap();
    assert!(refused(1, &["report", run_path]).contains("study.db"));
}

#[test]
fn halved_trials_and_fronts_of_three_objectives_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let report = |name: &str, words: &str| {
        let run = dir.path().join(name);
        let words = format!("search {words} --limit 200 --channels 2 --final-epochs 1 --seed 3 --json --run");
        let mut args: Vec<&str> = words.split(' ').collect();
        args.push(run.to_str().unwrap());
        json(&args);
        page_of(&run)
    };
    let halved = report("halved", "random --halving asha --epochs 4 --eta 2 --trials 9");
    assert!(halved.contains("The rungs of the halving") && halved.contains("rungs of 1, 2, 4 epochs"));
    assert!(halved.contains("continues trial"));
    let front = report("nsga2", "nsga2 --population 3 --trials 6 --epochs 1");
    assert!(
        front.contains("that none dominates in accuracy, params"),
        "{front}"
    );
}

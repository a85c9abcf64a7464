//! Pages for people who see little, or use keys or screen readers: axe-core, in a browser, finds no serious fault.

use super::*;
use crate::serve::{Served, looked_up};

/// The script of axe-core: where `NAS_AXE` says, or of the Python package that has it.
fn axe(python: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NAS_AXE") {
        return Some(PathBuf::from(path));
    }
    let found = Command::new(python)
        .args(["-c", "import axe_playwright_python as a; print(a.__path__[0])"])
        .output()
        .ok()?;
    let folder = PathBuf::from(text(&found.stdout).trim());
    found.status.success().then(|| folder.join("axe.min.js"))
}

#[test]
fn axe_finds_no_serious_fault_in_any_page() {
    let (browser, python) = match crate::serve_browser::playwright() {
        Ok(found) => found,
        Err(missing) => {
            eprintln!("skipped: {missing}");
            return;
        }
    };
    let Some(axe) = axe(&python).filter(|axe| axe.is_file()) else {
        eprintln!("skipped: there is no axe-core (pip install axe-playwright-python) to look at pages");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("runs");
    looked_up(&runs.join("one"), "random", "60");
    looked_up(&runs.join("two"), "evolution", "20");
    let words = "search random --data digits --limit 200 --channels 2 --trials 6 --epochs 1 --final-epochs 3 --seed 3 --json --run";
    let trained = runs.join("trained");
    let mut searched: Vec<&str> = words.split(' ').collect();
    searched.push(trained.to_str().unwrap());
    json(&searched);
    let words = "compare random,evolution --benchmark digits --trials 10 --seeds 2 --json --run";
    let mut compared: Vec<&str> = words.split(' ').collect();
    let versus = runs.join("versus");
    compared.push(versus.to_str().unwrap());
    json(&compared);
    let files = ["one", "trained", "versus"].map(|run| runs.join(run).join("report.html"));
    for run in ["one", "trained"] {
        nas(&["report", runs.join(run).to_str().unwrap()]);
    }
    let page = fs::read_to_string(&files[1]).unwrap();
    assert!(
        page.contains("<title>Training loss of the final training</title>")
            && page.contains("<title>3 epochs\n")
    );
    let served = Served::of(&runs);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", served.port);
    let [one, two, trained, comparison] = ["one", "two", "trained", "versus"].map(|name| served.run(name));
    let overlay = format!("/overlay?run={}&run={}", &one[6..], &two[6..]);
    let trial = format!("{one}/trials/3");
    // A trial is clicked: it is shown over the page.
    let dialog = format!("{one} #trials tbody a");
    let pages = [
        "/",
        &one,
        &trained,
        &trial,
        &dialog,
        &overlay,
        &comparison,
        "/nothing",
    ]
    .map(url);
    let output = Command::new(&python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/axe.py"))
        .arg(browser)
        .arg(axe)
        .args(pages)
        .args(files.map(|file| format!("file://{}", file.display())))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    println!("{}", text(&output.stdout));
}

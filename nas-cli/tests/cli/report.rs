//! Pages of runs, as files and in a browser.

use std::fs::File;
use std::io::Read;

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

pub(super) fn stands_alone(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    // The name of SVG is written as an address, and is none.
    let page = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for word in ["http://", "https://", "<link rel=\"stylesheet", "url(", "@import"] {
        assert!(!page.contains(word), "{word}");
    }
    // The one script is our own, and the page allows no other.
    let script = nas_report::page::SCRIPT;
    assert!(page.contains(&format!("<script>{script}</script>")) && page.matches("<script").count() == 1);
    assert!(page.contains(&format!("script-src {};", nas_report::page::digest(script))));
    assert_eq!(
        page.matches("<img ").count(),
        page.matches(" src=\"data:image/png;base64,").count()
    );
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
        page.contains("the test of its best architecture are running") && page.contains("not measured yet"),
        "{page}"
    );
    drop(store);
    let page = page_of(&run);
    assert!(page.contains("the test of its best architecture have not") && page.contains("nas resume"));
    let begun = dir.path().join("begun");
    fs::create_dir(&begun).unwrap();
    fs::copy(run.join("config.toml"), begun.join("config.toml")).unwrap();
    let page = page_of(&begun);
    assert!(page.contains("Nothing is recorded: the process") && page.contains("What was searched"));
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
    assert!(page.contains("6 trials of 6 failed") && page.contains("was not a number"));
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

#[test]
fn a_report_says_which_decisions_mattered_or_why_it_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let report = |trials: &str| {
        let run = dir.path().join(trials);
        let words = format!("search random --benchmark nb201 --trials {trials} --seed 1 --json --run");
        let mut args: Vec<&str> = words.split(' ').collect();
        args.push(run.to_str().unwrap());
        json(&args);
        let page = page_of(&run);
        assert_eq!(page, page_of(&run), "the same bits");
        page
    };
    let lines = |page: &str| page.matches("<polyline ").count();
    let many = report("400");
    for part in [
        "<title>Importance of decisions</title>",
        "random forests of 100 trees on 300 of 400 distinct architectures",
        "<title>cell.edge_0_3: ",
        "120 of 400 architectures, evenly",
        "The most important decision first.",
    ] {
        assert!(many.contains(part), "{part}");
    }
    assert_eq!(lines(&many), 120);
    let few = report("20");
    let reason = "The importance of decisions is not shown: there are 20 distinct architectures, and fewer than 30 say too little.";
    assert!(few.contains(reason), "{few}");
    assert_eq!(lines(&few), 20);
    let none = report("5");
    assert!(!none.contains("mportance of decisions") && lines(&none) == 0);
}

/// A program of the test's own stands in for the desktop's: no browser is opened.
#[cfg(target_os = "linux")]
#[test]
fn open_hands_the_page_to_the_desktop_and_goes_on_without_one() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    json(&borrowed(&tiny_search(&run)));
    let opener = dir.path().join("xdg-open");
    let told = dir.path().join("told");
    fs::write(
        &opener,
        format!(
            "#!/bin/sh\necho \"$1\" > '{}.part'\n/bin/mv '{0}.part' '{0}'\n",
            told.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let report = |path: &Path, extra: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_nas"))
            .args(["report", run.to_str().unwrap(), "--open"])
            .args(extra)
            .env("PATH", path)
            .output()
            .unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let page = run.join("report.html");
    let (code, out, err) = report(dir.path(), &[]);
    assert_eq!(
        (code, out.trim(), err.as_str()),
        (Some(0), page.to_str().unwrap(), "")
    );
    wait_for(Duration::from_secs(20), || told.is_file());
    let page = page.canonicalize().unwrap();
    assert_eq!(fs::read_to_string(&told).unwrap().trim(), page.to_str().unwrap());
    let (code, _, err) = report(&run, &[]);
    assert!(
        code == Some(0) && err.contains("no browser can be opened by xdg-open"),
        "{err}"
    );
    let (code, _, err) = report(&run, &["--out", "-"]);
    assert!(code == Some(2) && err.contains("--open shows a file"), "{err}");
}

/// A browser of this machine.
pub(super) fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    names
        .into_iter()
        .find(|name| folders.iter().any(|folder| folder.join(name).is_file()))
}

/// What a browser printed that was started with these arguments: on stdout and on stderr. It is killed where it takes too long.
pub(super) fn browse(browser: &str, dir: &Path, page: &Path, extra: &[&str]) -> (String, String) {
    let scratch = tempfile::tempdir_in(dir).unwrap();
    let files = ["out", "err"].map(|name| scratch.path().join(name));
    let mut child = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
        ])
        .args([
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--enable-logging=stderr",
            "--v=0",
        ])
        .arg(format!(
            "--user-data-dir={}",
            scratch.path().join("profile").display()
        ))
        .args(extra)
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stdout(File::create(&files[0]).unwrap())
        .stderr(File::create(&files[1]).unwrap())
        .spawn()
        .unwrap();
    let child = std::cell::RefCell::new(&mut child);
    wait_for(Duration::from_secs(120), || {
        child.borrow_mut().try_wait().unwrap().is_some()
    });
    let child = child.into_inner();
    let ended = child.try_wait().unwrap();
    if ended.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let [out, err] = files.map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned());
    assert!(
        ended.is_some_and(|status| status.success()),
        "{browser} {extra:?}: {ended:?}\n{err}"
    );
    (out, err)
}

/// What the console of the page said.
pub(super) fn console(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.contains("CONSOLE")).collect()
}

/// The bytes of a PNG's lines.
fn pixels(png: &[u8]) -> Vec<u8> {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"), "no PNG");
    let (mut packed, mut rest) = (Vec::new(), &png[8..]);
    while rest.len() >= 12 {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        if &rest[4..8] == b"IDAT" {
            packed.extend_from_slice(&rest[8..8 + length]);
        }
        rest = &rest[12 + length..];
    }
    let mut pixels = Vec::new();
    flate2::read::ZlibDecoder::new(packed.as_slice())
        .read_to_end(&mut pixels)
        .unwrap();
    pixels
}

#[test]
fn a_browser_shows_the_page_and_has_nothing_to_complain_of() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no chromium, chromium-browser or google-chrome to show a page");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let found = json(&borrowed(&tiny_search(&run)));
    page_of(&run);
    let page = run.join("report.html");
    let (dom, stderr) = browse(browser, dir.path(), &page, &["--dump-dom"]);
    assert_eq!(console(&stderr), Vec::<&str>::new());
    assert!(
        dom.contains("<h1>random in the space nb201, on digits</h1>"),
        "{dom}"
    );
    assert!(dom.contains(&format!("<dd>{}</dd>", percent(&found["best"]["valid_accuracy"]))));
    // The cell, the classes, the confidence, two curves, the front, the costs; six trials are too few for boxes.
    assert_eq!(dom.matches("<svg ").count(), 7);
    for title in [
        "Confusion of classes",
        "Best validation accuracy over trials",
        "Validation accuracy and parameters",
        "Seconds",
    ] {
        assert!(dom.contains(&format!("<title>{title}</title>")), "{title}");
    }
    let picture = dir.path().join("page.png");
    let shoot = format!("--screenshot={}", picture.display());
    let (_, stderr) = browse(
        browser,
        dir.path(),
        &page,
        &[&shoot, "--window-size=1000,1600", "--hide-scrollbars"],
    );
    assert_eq!(console(&stderr), Vec::<&str>::new());
    let pixels = pixels(&fs::read(&picture).unwrap());
    let mut counts = [0_usize; 256];
    for byte in &pixels {
        counts[usize::from(*byte)] += 1;
    }
    let kinds = counts.iter().filter(|count| **count > 0).count();
    let most = counts.iter().max().unwrap();
    assert!(
        kinds > 50 && most * 1000 < pixels.len() * 997,
        "a blank picture: {kinds} kinds of bytes"
    );
    // The console is really looked at: a page that complains is found out.
    let bad = dir.path().join("bad.html");
    fs::write(
        &bad,
        "<!DOCTYPE html><title>bad</title><script>console.error('complaint')</script>",
    )
    .unwrap();
    let (_, stderr) = browse(browser, dir.path(), &bad, &["--dump-dom"]);
    assert_eq!(console(&stderr).len(), 1, "{stderr}");
}

/// A page of 151 MB shows no more than one of two.
#[test]
fn the_page_of_many_trials_is_small() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let trials = "150000";
    json(&[
        "search",
        "evolution",
        "--benchmark",
        "digits",
        "--trials",
        trials,
        "--json",
        "--run",
        run.to_str().unwrap(),
    ]);
    let page = page_of(&run);
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    assert!(page.contains("All trials: 150,000") && page.contains("These are the first 400"));
}

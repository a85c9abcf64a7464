//! Commands about the program itself: completions, manual pages, lists, the doctor.

use super::*;

const COMMANDS: [&str; 18] = [
    "search",
    "resume",
    "status",
    "report",
    "train",
    "test",
    "predict",
    "export",
    "show",
    "compare",
    "data",
    "table",
    "new",
    "list",
    "schema",
    "doctor",
    "completions",
    "man",
];

/// Whether a program can be started here; says so where it cannot.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("skipped: there is no {program}");
    }
    found
}

/// What a program writes about this file, and whether it succeeded.
fn run(program: &str, args: &[&str]) -> (bool, String, String) {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn every_shell_gets_a_script_with_all_commands_and_none_that_nobody_types() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&nas(&["completions", shell]).stdout);
        for name in COMMANDS.iter().chain(&["--json", "--budget-seconds"]) {
            let name = name.trim_start_matches("--");
            assert!(script.contains(name), "{shell}: {name}");
        }
        assert!(
            !script.contains("evaluate\n") && !script.contains("guard"),
            "{shell}"
        );
        let printed = json(&["completions", shell, "--json"]);
        assert_eq!(printed["shell"], shell);
        assert_eq!(printed["script"].as_str().unwrap().trim_end(), script.trim_end());
    }
    let message = refused(2, &["completions", "tcsh"]);
    assert!(
        message.contains("bash, elvish, fish, powershell, zsh"),
        "{message}"
    );
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_options_and_values() {
    if !has("bash") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("nas.bash");
    fs::write(&script, nas(&["completions", "bash"]).stdout).unwrap();
    let script = script.to_str().unwrap();
    let (good, _, said) = run("bash", &["-n", script]);
    assert!(good, "{said}");
    let complete = |words: &[&str]| {
        let (last, before) = words.split_last().unwrap();
        let line = format!(
            "source {script}; COMP_WORDS=({}); COMP_CWORD={}; _nas nas '{last}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1,
            before.last().unwrap_or(&"nas"),
        );
        let (good, said, error) = run("bash", &["--norc", "-c", &line]);
        assert!(good, "{words:?}: {error}");
        let mut found: Vec<String> = said.lines().map(str::to_owned).collect();
        found.sort();
        found
    };
    assert_eq!(complete(&["nas", "do"]), ["doctor"]);
    assert_eq!(complete(&["nas", "search", "ev"]), ["evolution"]);
    assert_eq!(complete(&["nas", "search", "--final"]), ["--final-epochs"]);
    assert_eq!(complete(&["nas", "data", "ch"]), ["check"]);
    assert_eq!(complete(&["nas", "export", "--format", "o"]), ["onnx"]);
}

#[test]
fn manual_pages_are_written_read_and_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man1");
    let typed = pages.to_str().unwrap();
    let written = json(&["man", typed, "--json"]);
    let names: Vec<&str> = written["pages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    for command in COMMANDS {
        assert!(names.contains(&format!("nas-{command}.1").as_str()), "{command}");
    }
    assert!(
        names.contains(&"nas.1") && names.contains(&"nas-data-check.1"),
        "{names:?}"
    );
    assert_eq!(fs::read_dir(&pages).unwrap().count(), names.len());

    // Other files stay; pages are replaced.
    fs::write(pages.join("nas.1"), "old").unwrap();
    fs::write(pages.join("other.1"), "mine").unwrap();
    let said = text(&nas(&["man", typed]).stdout);
    assert!(said.contains("nas.1"), "{said}");
    assert_ne!(fs::read_to_string(pages.join("nas.1")).unwrap(), "old");
    assert_eq!(fs::read_to_string(pages.join("other.1")).unwrap(), "mine");
    fs::remove_file(pages.join("other.1")).unwrap();

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let message = refused(2, &["man", file.to_str().unwrap()]);
    assert!(message.contains("is a file; expected a folder"), "{message}");

    if has("groff") {
        for name in names {
            let page = pages.join(name);
            let (good, shown, said) = run("groff", &["-man", "-ww", "-Tutf8", "-z", page.to_str().unwrap()]);
            assert!(good && said.is_empty(), "{name}: {shown}{said}");
        }
        let search = pages.join("nas-search.1");
        let (_, shown, _) = run("groff", &["-man", "-Tutf8", "-P-cbou", search.to_str().unwrap()]);
        for part in [
            "NAME",
            "SYNOPSIS",
            "BUDGET",
            "--final-epochs",
            "EXAMPLES",
            "nas search --data photos/",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}

#[test]
fn a_list_is_of_all_topics_or_of_one() {
    let all = text(&nas(&["list"]).stdout);
    for line in [
        "  nb201                15,625          6",
        "  nb101           509,607,936         26",
        "  darts            1.1 × 10¹⁸         24",
    ] {
        assert!(all.contains(line), "{line}: {all}");
    }
    let topics = ["spaces", "methods", "data", "benchmarks", "architectures"];
    for topic in topics {
        let listed = json(&["list", topic, "--json"]);
        let keys: Vec<&String> = listed.as_object().unwrap().keys().collect();
        assert_eq!(keys, [topic]);
        assert_eq!(listed[topic], json(&["list", "--json"])[topic]);
        let one = text(&nas(&["list", topic]).stdout);
        assert!(all.contains(one.trim_end()), "{topic}: {one}");
    }
    let spaces = json(&["list", "spaces", "--json"]);
    assert_eq!(spaces["spaces"][0]["size"], "1076746950455072400");
    let methods = json(&["list", "methods", "--json"]);
    for row in methods["methods"].as_array().unwrap() {
        assert!(!row["good_for"].as_str().unwrap().is_empty(), "{row}");
    }
    assert!(refused(2, &["list", "colours"]).contains("spaces, methods"));
}

#[test]
fn the_doctor_says_what_works_what_is_missing_and_how_to_get_it() {
    let output = nas(&["doctor"]);
    assert!(output.status.success());
    let said = text(&output.stdout);
    let (table, hints) = said.split_once("\n\n").unwrap();
    for line in table.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        let state = line[19..].split_whitespace().next().unwrap();
        assert!(["works", "missing", "low", "unknown"].contains(&state), "{line}");
    }
    for name in [
        "program",
        "CPU",
        "threads",
        "memory",
        "disk, here",
        "disk, cache",
        "device cpu",
        "data digits",
        "Parquet",
    ] {
        assert!(
            table.lines().any(|line| line.starts_with(name)),
            "{name}: {table}"
        );
    }
    let mnist = table.lines().find(|line| line.starts_with("data mnist")).unwrap();
    let number = &mnist[mnist.rfind('[').unwrap()..];
    let hint = hints.lines().find(|line| line.starts_with(number)).unwrap();
    assert!(hint.contains("nas data list"), "{hint}");

    let found = json(&["doctor", "--json"]);
    for key in [
        "version", "features", "system", "kernels", "threads", "cores", "devices", "data", "parquet", "disks",
    ] {
        assert!(!found[key].is_null(), "{key}: {found}");
    }
    assert_eq!(found["data"][0]["name"], "digits");
    assert_eq!(found["data"][0]["found"], true);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let looked = text(&nas(&["doctor", "--data-dir", folder]).stdout);
    assert!(looked.contains("data mnist         missing  not in "), "{looked}");
}

#[test]
fn progress_off_a_terminal_is_a_line_each_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let told = |options: &[&str]| {
        let run = dir.path().join(options.concat());
        let words = tiny_search(&run);
        let output = nas(&[&borrowed(&words), options].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = text(&output.stderr);
        let of = |what: &str| lines.lines().filter(|line| line.starts_with(what)).count();
        (of("search: "), of("train: "), lines.clone())
    };
    let (trials, epochs, lines) = told(&["-v"]);
    assert_eq!((trials, epochs), (6, 1), "{lines}");
    let last = lines.lines().rfind(|line| line.starts_with("search: ")).unwrap();
    assert!(last.starts_with("search: 6 of 6 trials, "), "{last}");
    assert!(
        last.contains(" a trial, ") && last.contains(" left, last "),
        "{last}"
    );
    assert!(
        lines.contains("train: 1 of 1 epochs, 0s left, loss ") && lines.contains(" images/s"),
        "{lines}"
    );
    for options in [&["-q"][..], &[]] {
        let (trials, epochs, lines) = told(options);
        assert_eq!((trials, epochs), (0, 0), "{lines}");
    }
    let message = refused(2, &["search", "-q", "-v"]);
    assert!(message.contains("--verbose"), "{message}");
}

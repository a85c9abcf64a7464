//! Files to start from: each is searched with as it is.

use super::*;

#[test]
fn a_space_to_start_from_is_searched_and_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    for like in ["small", "darts", "nb201", "growing"] {
        let file = folder.path().join(format!("{like}-space.toml"));
        let file = file.to_str().unwrap();
        let written = json(&["new", "space", file, "--like", like, "--json"]);
        assert_eq!(written["file"], file);
        let next = written["next"][0].as_str().unwrap();
        assert!(
            next.starts_with(&format!("nas search random --space {file} --limit 200 ")),
            "{next}"
        );
        let run = folder.path().join(like);
        let mut args: Vec<&str> = next.split(' ').skip(1).collect();
        args.extend([
            "--channels",
            "2",
            "--cells",
            "2",
            "--json",
            "--run",
            run.to_str().unwrap(),
        ]);
        let found = json(&args);
        assert_eq!(
            (&found["space"], &found["trials"], &found["failed"]),
            (&format!("{like}-space").into(), &2.into(), &0.into()),
            "{found}"
        );
        let before = fs::read(file).unwrap();
        let message = refused(2, &["new", "space", file]);
        assert!(message.contains("exists and is not replaced"), "{message}");
        assert_eq!(fs::read(file).unwrap(), before);
    }
    let message = refused(2, &["new", "space", "mine.txt"]);
    assert!(message.contains("does not end in .toml"), "{message}");
    let message = refused(
        1,
        &[
            "new",
            "space",
            folder.path().join("no/such/mine.toml").to_str().unwrap(),
        ],
    );
    assert!(message.contains("cannot write"), "{message}");
}

#[cfg(unix)]
#[test]
fn an_evaluator_to_start_from_evaluates_a_search() {
    let folder = tempfile::tempdir().unwrap();
    for (name, program, space) in [
        ("mine.py", "python3", "nb201"),
        ("my own.sh", "sh", "nb201"),
        ("other.sh", "sh", "darts"),
    ] {
        let file = folder.path().join(name);
        let written = json(&["new", "evaluator", file.to_str().unwrap(), "--json"]);
        let next = written["next"][0].as_str().unwrap();
        assert!(
            next.starts_with("nas search random --space nb201 --evaluator '"),
            "{next}"
        );
        if Command::new(program).arg("-c").arg("").output().is_err() {
            println!("skipped: there is no {program}");
            continue;
        }
        let run = folder.path().join(format!("run-{name}"));
        let command = format!("{program} '{}'", file.display());
        let words = [
            "search",
            "random",
            "--space",
            space,
            "--evaluator",
            &command,
            "--trials",
            "4",
            "--json",
        ];
        let found = json(&[&words[..], &["--run", run.to_str().unwrap()]].concat());
        assert_eq!(
            (&found["trials"], &found["failed"]),
            (&4.into(), &0.into()),
            "{name}: {found}"
        );
        let accuracy = found["best"]["valid_accuracy"].as_f64().unwrap();
        assert!(
            (0.0..=1.0).contains(&accuracy) && accuracy > 0.0,
            "{name}: {found}"
        );
        refused(2, &["new", "evaluator", file.to_str().unwrap()]);
    }
    let rust = folder.path().join("mine.rs");
    let said = text(&nas(&["new", "evaluator", rust.to_str().unwrap()]).stdout);
    assert!(said.contains("cargo add --git https://"), "{said}");
    assert!(fs::read_to_string(rust).unwrap().contains("impl Evaluator for"));
    let message = refused(2, &["new", "evaluator", "mine.jl"]);
    assert!(message.contains(".py or .sh or .rs"), "{message}");
}

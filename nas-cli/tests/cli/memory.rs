//! What a training takes is known before it.

use super::*;

#[test]
fn the_estimate_of_memory_is_close_to_what_a_training_has_held() {
    if !cfg!(target_os = "linux") {
        println!("skipped: the memory of a process is not known here");
        return;
    }
    let dense =
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|";
    let pools = "|avg_pool_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|avg_pool_3x3~2|";
    for (arch, words) in [
        (dense, "--channels 16 --cells 2"),
        (dense, "--channels 64 --cells 1 --batch-size 32"),
        (pools, "--channels 32 --cells 3"),
        ("DARTS_V2", "--channels 16 --cells 5"),
        ("DARTS_V2", "--channels 24 --cells 8 --batch-size 200"),
        ("DARTS_V2", "--channels 16 --cells 3 --batch-size 16"),
        (dense, "--channels 4 --cells 1"),
    ] {
        let mut args = vec!["train", arch, "--limit", "600", "--epochs", "1", "--json"];
        args.extend(words.split(' '));
        let trained = json(&args);
        let bytes = |key: &str| trained[key].as_f64().unwrap();
        let (estimate, peak) = (bytes("memory_estimate_bytes"), bytes("peak_memory_bytes"));
        println!(
            "{arch} {words}: {:.0} MB expected, {:.0} MB held",
            estimate / 1e6,
            peak / 1e6
        );
        let ratio = estimate / peak;
        assert!(
            (0.9..1.6).contains(&ratio),
            "{arch} {words}: {estimate} expected, {peak} held"
        );
    }
}

#[test]
fn a_network_that_would_take_more_than_there_is_is_refused_before_it_is_begun() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let words = "search random --data digits --limit 200 --channels 4096 --cells 20 --trials 2 --batch 2 --workers 2 \
                 --trial-memory 2GiB --run";
    let mut args: Vec<&str> = words.split_whitespace().collect();
    args.push(run.to_str().unwrap());
    let message = refused(1, &args);
    assert!(
        message.contains("all 2 trials failed") && message.contains("it was not trained"),
        "{message}"
    );
    let records = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    for record in records {
        let failure = record.outcome().unwrap().result.unwrap_err();
        assert_eq!(failure.kind, nas_space::search::FailureKind::OverLimit);
    }
}

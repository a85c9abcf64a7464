//! A training in parts is the training in one.

use std::fs;
use std::path::PathBuf;

use nas_space::search::{Continued, Evaluator, Fidelity, Trial};

use super::tests::{evaluator, trial};
use super::*;

const SPAN: u32 = 5;

fn spanning() -> TrainingEvaluator {
    evaluator(|config| config.span = Span::Epochs(SPAN)).unwrap()
}

/// A trial of this number of epochs that continues one of fewer.
fn going_on(from: u32, to: u32) -> Trial {
    Trial {
        id: u64::from(to),
        fidelity: Fidelity { epochs: to },
        continues: Some(Continued {
            trial: u64::from(from),
            epochs: from,
        }),
        ..trial(0, to)
    }
}

/// An evaluation without what the clock decides, with the bits of its figures.
fn figures(evaluator: &TrainingEvaluator, trial: &Trial) -> [u64; 5] {
    let evaluation = evaluator.evaluate(trial).unwrap();
    assert!(evaluation.cost_seconds > 0.0);
    [
        evaluation.valid_accuracy.to_bits(),
        evaluation.valid_loss.unwrap().to_bits(),
        evaluation.train_accuracy.unwrap().to_bits(),
        evaluation.train_loss.unwrap().to_bits(),
        evaluation.epochs.into(),
    ]
}

/// The files of weights and optimizer below the folder, by name without the generation, and the
/// epochs that are done.
fn state(folder: &Path) -> (Vec<Vec<u8>>, u64) {
    let trainings: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(trainings.len(), 1, "one training, one folder");
    let files = |start: &str| {
        let mut paths = fs::read_dir(&trainings[0]).unwrap().map(|e| e.unwrap().path());
        let named = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(start);
        fs::read(paths.find(named).unwrap()).unwrap()
    };
    let position: serde_json::Value = serde_json::from_slice(&files("position")).unwrap();
    (
        vec![files("weights"), files("optimizer")],
        position["epochs_done"].as_u64().unwrap(),
    )
}

#[test]
fn trained_from_rung_to_rung_it_is_bit_for_bit_what_it_is_trained_through() {
    let straight = tempfile::tempdir().unwrap();
    let through = spanning().with_checkpoints(straight.path());
    let parts = tempfile::tempdir().unwrap();
    let rungs = spanning().with_checkpoints(parts.path());
    let expected = figures(&through, &trial(0, SPAN));
    figures(&rungs, &trial(0, 1));
    assert_eq!(state(parts.path()).1, 1);
    let middle = figures(&rungs, &going_on(1, 3));
    assert_eq!(state(parts.path()).1, 3);
    assert_eq!(figures(&rungs, &going_on(3, SPAN)), expected);
    assert_eq!(
        state(parts.path()),
        state(straight.path()),
        "weights and optimizer too"
    );
    // Where no checkpoints are kept, or an earlier rung is asked for once more.
    assert_eq!(figures(&spanning(), &going_on(3, SPAN)), expected);
    assert_eq!(figures(&spanning(), &trial(0, 3)), middle);
    assert_eq!(figures(&rungs, &going_on(1, 3)), middle);
    assert_eq!(state(parts.path()).1, u64::from(SPAN), "and it loses nothing");
}

#[test]
fn a_checkpoint_that_is_missing_torn_or_of_another_training_costs_time_alone() {
    let expected = figures(&spanning(), &trial(0, 2));
    type Spoil = fn(&Path);
    let spoil: [(&str, Spoil); 4] = [
        ("missing", |folder| fs::remove_dir_all(folder).unwrap()),
        ("torn", |folder| {
            for file in fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                let content = fs::read(&path).unwrap();
                fs::write(&path, &content[..content.len() / 2]).unwrap();
            }
        }),
        ("of nothing", |folder| {
            fs::write(folder.join("position.json"), "{}").unwrap();
        }),
        ("not to be written", |folder| {
            fs::remove_dir_all(folder).unwrap();
            fs::write(folder, "a file").unwrap();
        }),
    ];
    for (what, spoil) in spoil {
        let folder = tempfile::tempdir().unwrap();
        let evaluator = spanning().with_checkpoints(folder.path());
        figures(&evaluator, &trial(0, 1));
        spoil(&evaluator.checkpoint(&trial(0, 1)).unwrap());
        assert_eq!(figures(&evaluator, &going_on(1, 2)), expected, "{what}");
    }
    // One of the same seed and another architecture.
    let folder = tempfile::tempdir().unwrap();
    let evaluator = spanning().with_checkpoints(folder.path());
    figures(&evaluator, &trial(1, 2));
    assert_eq!(figures(&evaluator, &trial(0, 2)), expected, "foreign");
}

#[test]
fn an_evaluation_cut_off_after_it_was_saved_costs_what_it_cost() {
    let folder = tempfile::tempdir().unwrap();
    let evaluator = spanning().with_checkpoints(folder.path());
    evaluator.evaluate(&trial(0, 4)).unwrap();
    for (again, own) in [(trial(0, 4), 0), (going_on(3, 4), 3)] {
        let network = evaluator
            .space
            .network(&again.architecture, &evaluator.config.network);
        let mut trainer = evaluator.trainer(&again, Arc::new(network.unwrap())).unwrap();
        let checkpoint = evaluator.checkpoint(&again).unwrap();
        let restored = TrainingEvaluator::restore(&mut trainer, &checkpoint, &again).unwrap();
        assert_eq!(trainer.epochs_done(), 4);
        let seconds: f64 = trainer.history()[own..]
            .iter()
            .map(|metrics| metrics.seconds)
            .sum();
        assert_eq!(restored, seconds);
        assert!(evaluator.evaluate(&again).unwrap().cost_seconds > seconds);
    }
}

#[test]
fn the_span_and_not_the_trial_decides_the_schedule() {
    assert_ne!(
        figures(&spanning(), &trial(0, 2)),
        figures(&evaluator(|_| {}).unwrap(), &trial(0, 2))
    );
    assert_eq!(
        figures(&spanning(), &trial(0, SPAN)),
        figures(&evaluator(|_| {}).unwrap(), &trial(0, SPAN))
    );
    let failure = spanning().evaluate(&trial(0, SPAN + 1)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(failure.message.contains("epochs of a trial"), "{failure}");
}

/// A stop that is requested after this number of milliseconds.
fn stop_after(milliseconds: u64) -> Stop {
    let stop = Stop::new();
    let requested = stop.clone();
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        requested.request();
    });
    stop
}

#[test]
fn a_trial_that_is_stopped_again_and_again_is_the_trial_that_was_not() {
    let plain = evaluator(|_| {}).unwrap();
    let expected = figures(&plain, &trial(0, 3));
    let dir = tempfile::tempdir().unwrap();
    let (mut within_epochs, mut milliseconds) = (0, 2);
    let evaluation = loop {
        let stopping = plain
            .clone()
            .resuming_from(dir.path())
            .with_stop(stop_after(milliseconds));
        // More each time, or it would never come further than the first step.
        milliseconds += 4;
        match stopping.evaluate(&trial(0, 3)) {
            Ok(evaluation) => break evaluation,
            Err(failure) => assert_eq!(failure.kind, FailureKind::Interrupted, "{failure}"),
        }
        let left = fs::read_dir(dir.path()).unwrap().next();
        if let Some(Ok(left)) = left {
            let position = fs::read_to_string(left.path().join("position.json")).unwrap();
            within_epochs += u32::from(position.contains("progress"));
        }
    };
    assert!(within_epochs > 0, "it was never stopped within an epoch");
    assert_eq!(
        [evaluation.valid_accuracy, evaluation.train_loss.unwrap()].map(f64::to_bits),
        [expected[0], expected[3]]
    );
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "taken away once it has ended"
    );
}

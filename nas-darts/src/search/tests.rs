//! Whole searches, small ones, on real images.

use std::fs;
use std::path::Path;

use nas_eval::Compute;
use nas_eval::data::Augmentation;
use nas_eval::error::EvalError;
use nas_eval::nn::SgdConfig;
use nas_space::network::NetworkConfig;
use nas_space::spaces::{Space, darts, nb201};

use super::*;
use crate::config::{Order, RelaxationConfig};
use crate::expected_cost::{CostFigure, CostTerm};
use crate::stop::{DartsPlusRule, RobustRule, StopRule};

mod selection;
mod steps;

fn digits(images: usize) -> Dataset {
    let digits = Dataset::load("digits", None).unwrap();
    digits.with_training_images(images, Seed::new(0)).unwrap()
}

fn config(dataset: &Dataset) -> DartsConfig {
    DartsConfig {
        network: NetworkConfig {
            image: dataset.train.shape(),
            channels: 4,
            cells: 1,
            ..NetworkConfig::default()
        },
        epochs: 3,
        batch_size: 16,
        augmentation: Augmentation {
            crop_padding: 1,
            ..Augmentation::NONE
        },
        alpha_learning_rate: 0.05,
        ..DartsConfig::default()
    }
}

fn search(space: &CellSpace, config: &DartsConfig, seed: u64) -> Search {
    let dataset = digits(80);
    Search::new(space, &dataset, config.clone(), Seed::new(seed), &Compute::cpu()).unwrap()
}

/// The epochs without the time they took.
fn timeless(history: &[EpochReport]) -> Vec<EpochReport> {
    let without = |report: &EpochReport| EpochReport {
        seconds: 0.0,
        ..report.clone()
    };
    history.iter().map(without).collect()
}

#[test]
fn a_search_learns_and_gives_an_architecture_of_the_space() {
    let config = config(&digits(80));
    for space in [nb201(), darts()] {
        let cells = if space.name() == "darts" { 2 } else { 1 };
        let network = NetworkConfig {
            cells,
            ..config.network
        };
        let mut search = search(
            &space,
            &DartsConfig {
                network,
                ..config.clone()
            },
            1,
        );
        let before = search.alphas().unwrap();
        let mut seen = Vec::new();
        let report = search
            .run(None, |event| {
                if let Event::Epoch { report, history } = event {
                    assert_eq!(history.last(), Some(*report));
                    seen.push(report.epoch);
                }
            })
            .unwrap();
        assert_eq!(seen, [0, 1, 2]);
        space.architecture(&report.genotype).unwrap();
        assert_eq!(report.genotype.to_string(), report.history[2].genotype);
        assert_ne!(search.alphas().unwrap(), before);
        let (first, last) = (&report.history[0], &report.history[2]);
        assert!(
            last.train_loss < first.train_loss,
            "{} {}",
            first.train_loss,
            last.train_loss
        );
        let strengths = &last.cells[0].strengths;
        assert!(
            strengths
                .iter()
                .all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9)
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_search_and_another_one_another() {
    let config = config(&digits(80));
    let run = |seed| {
        let mut search = search(&nb201(), &config, seed);
        let report = search.run(None, |_| {}).unwrap();
        (timeless(&report.history), search.alphas().unwrap())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).1, run(2).1);
}

/// With every relaxation, and at the second order.
#[test]
fn a_large_weight_of_the_expected_cost_gives_smaller_networks() {
    let dataset = digits(160);
    let gdas = RelaxationConfig::Gdas {
        first_temperature: 10.0,
        last_temperature: 0.1,
    };
    for (relaxation, order) in [
        (RelaxationConfig::Darts {}, Order::First),
        (RelaxationConfig::Darts {}, Order::Second),
        (RelaxationConfig::PcDarts { parts: 2 }, Order::First),
        (gdas, Order::First),
        (RelaxationConfig::Drnas { kl_weight: 0.0 }, Order::First),
    ] {
        let found = |weight: f64| {
            let config = DartsConfig {
                relaxation,
                order,
                expected_cost: Some(CostTerm {
                    figure: CostFigure::Params,
                    weight,
                }),
                ..config(&dataset)
            };
            let space = nb201();
            let mut search =
                Search::new(&space, &dataset, config.clone(), Seed::new(2), &Compute::cpu()).unwrap();
            let report = search.run(None, |_| {}).unwrap();
            let expected = report.history.iter().map(|epoch| epoch.expected_cost.unwrap());
            let architecture = space.architecture(&report.genotype).unwrap();
            let params = space
                .network(&architecture, &config.network)
                .unwrap()
                .cost()
                .params;
            (params, expected.collect::<Vec<f64>>())
        };
        let (plain, (small, expected)) = (found(0.0), found(100.0));
        assert!(
            small < plain.0,
            "{relaxation:?} {order:?}: {small}, without {}",
            plain.0
        );
        assert!(
            expected.is_sorted_by(|a, b| a > b),
            "{relaxation:?} {order:?}: {expected:?}"
        );
        assert!(expected.last() < plain.1.last(), "{relaxation:?} {order:?}");
    }
}

/// Interrupted after each epoch, of first and second order, by every relaxation.
#[test]
fn a_search_goes_on_from_any_epoch_bit_for_bit() {
    let base = config(&digits(80));
    for (order, relaxation, space) in [
        (Order::First, RelaxationConfig::Darts {}, nb201()),
        (Order::Second, RelaxationConfig::Darts {}, nb201()),
        (Order::First, RelaxationConfig::PcDarts { parts: 2 }, darts()),
        (
            Order::First,
            RelaxationConfig::Gdas {
                first_temperature: 10.0,
                last_temperature: 0.1,
            },
            nb201(),
        ),
        (Order::First, RelaxationConfig::Drnas { kl_weight: 1e-3 }, nb201()),
        (Order::Second, RelaxationConfig::Drnas { kl_weight: 0.0 }, nb201()),
    ] {
        let config = DartsConfig {
            order,
            relaxation,
            ..base.clone()
        };
        let dir = tempfile::tempdir().unwrap();
        let at = |epoch: u32| dir.path().join(format!("after-{epoch}"));
        let straight = dir.path().join("straight");
        let mut whole = search(&space, &config, 3);
        let expected = whole
            .run(Some(&straight), |event| {
                if let Event::Epoch { report, .. } = event {
                    copy(&straight, &at(report.epoch));
                }
            })
            .unwrap();
        for epoch in 0..config.epochs {
            let mut again = search(&space, &config, 3);
            let mut resumed = None;
            let report = again
                .run(Some(&at(epoch)), |event| {
                    if let Event::Resumed { history } = event {
                        resumed = Some(history.len());
                    }
                })
                .unwrap();
            assert_eq!(resumed, Some(epoch as usize + 1));
            assert_eq!(report.genotype, expected.genotype);
            assert_eq!(
                timeless(&report.history),
                timeless(&expected.history),
                "{order:?} {epoch}"
            );
            let bits = |search: &Search| -> Vec<u64> {
                let alphas = search.alphas().unwrap();
                alphas.iter().map(|value| value.to_bits()).collect()
            };
            assert_eq!(bits(&again), bits(&whole));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_checkpoint_of_another_search_is_refused_and_changes_nothing() {
    let config = DartsConfig {
        epochs: 1,
        ..config(&digits(80))
    };
    let dir = tempfile::tempdir().unwrap();
    search(&nb201(), &config, 1)
        .run(Some(dir.path()), |_| {})
        .unwrap();
    let other = DartsConfig {
        alpha_deviation: 0.0,
        ..config.clone()
    };
    for (mut wrong, what) in [
        (search(&nb201(), &config, 2), "seed"),
        (search(&nb201(), &other, 1), "configuration"),
        (
            search(
                &darts(),
                &DartsConfig {
                    network: NetworkConfig {
                        cells: 2,
                        ..config.network
                    },
                    ..config.clone()
                },
                1,
            ),
            "configuration",
        ),
    ] {
        let before = wrong.alphas().unwrap();
        let error = wrong.run(Some(dir.path()), |_| {}).unwrap_err().to_string();
        assert!(
            error.contains(what) && error.contains("another search"),
            "{error}"
        );
        assert_eq!(wrong.alphas().unwrap(), before);
    }
    let path = dir.path().join("search.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = search(&nb201(), &config, 1)
        .run(Some(dir.path()), |_| {})
        .unwrap_err();
    assert!(error.to_string().contains("torn"), "{error}");
}

#[test]
fn the_architecture_stays_as_it_is_while_it_is_frozen() {
    let config = DartsConfig {
        frozen_epochs: 2,
        ..config(&digits(80))
    };
    let mut search = search(&nb201(), &config, 1);
    let start = search
        .oneshot
        .method
        .relaxation
        .strengths(&search.alphas().unwrap());
    let report = search.run(None, |_| {}).unwrap();
    let table = |epoch: usize| report.history[epoch].cells[0].strengths.concat();
    assert_eq!(table(0), start[0].iter().copied().collect::<Vec<_>>());
    assert_eq!(table(1), table(0));
    assert_ne!(table(2), table(1));
}

#[test]
fn a_stop_rule_ends_the_search_and_gives_back_the_epoch_it_names() {
    // Each rule at its most nervous: one skip connection, any eigenvalue after a positive one.
    let rules = [
        StopRule::DartsPlus(DartsPlusRule {
            skip_connections: 1,
            unchanged_epochs: 1_000,
        }),
        StopRule::Robust(RobustRule {
            window: 1,
            distance: 1,
            ratio: 1e-9,
            first_epoch: 0,
        }),
    ];
    for stop in rules {
        let config = DartsConfig {
            stop,
            hessian_every: 1,
            epochs: 8,
            ..config(&digits(80))
        };
        let mut search = search(&nb201(), &config, 1);
        let report = search.run(None, |_| {}).unwrap();
        let stopped = report.stopped.unwrap();
        assert!(report.history.len() < 8, "{stopped:?}");
        assert_eq!(stopped.epoch as usize + 1, report.history.len());
        let named = &report.history[stopped.architecture_of as usize];
        assert_eq!(report.genotype.to_string(), named.genotype);
        assert!(
            report
                .history
                .iter()
                .all(|epoch| epoch.eigenvalue.is_some_and(f64::is_finite))
        );
    }
}

#[test]
fn weights_that_run_away_are_an_error_that_says_so() {
    let config = DartsConfig {
        learning_rate: 1e30,
        clip_norm: 0.0,
        ..config(&digits(80))
    };
    let error = search(&nb201(), &config, 1)
        .run(None, |_| {})
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("epoch 0") && error.contains("learning rate"),
        "{error}"
    );
}

#[test]
fn images_of_another_shape_or_a_space_without_supernet_are_refused() {
    let dataset = digits(80);
    let mut wrong = config(&dataset);
    wrong.network.classes = 7;
    let refused = Search::new(&nb201(), &dataset, wrong, Seed::new(0), &Compute::cpu());
    assert!(refused.unwrap_err().to_string().contains("10 classes"));
    let pnas = nas_space::spaces::pnas(&Default::default()).unwrap();
    let refused = Search::new(&pnas, &dataset, config(&dataset), Seed::new(0), &Compute::cpu());
    assert!(refused.unwrap_err().to_string().contains("pnas"));
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
fn a_search_that_is_stopped_again_and_again_ends_as_if_it_had_not_been() {
    let dir = tempfile::tempdir().unwrap();
    let config = DartsConfig {
        selection: Selection::Perturbation { tuning_epochs: 1 },
        ..config(&digits(80))
    };
    let straight = search(&nb201(), &config, 8).run(None, |_| {}).unwrap();
    let (mut between_steps, mut milliseconds) = (0, 1);
    let report = loop {
        let mut search = search(&nb201(), &config, 8).with_stop(stop_after(milliseconds));
        // More each time, or it would never come further than the first step.
        milliseconds += 2;
        match search.run(Some(dir.path()), |_| {}) {
            Ok(report) => break report,
            Err(DartsError::Eval(EvalError::Interrupted)) => {
                between_steps += u32::from(search.oneshot.training.progress().is_some())
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert!(between_steps > 0, "it was never stopped within an epoch");
    assert_eq!(timeless(&report.history), timeless(&straight.history));
    assert_eq!(report.perturbations, straight.perturbations);
    assert_eq!(report.genotype, straight.genotype);
}

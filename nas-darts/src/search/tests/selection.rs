//! Architectures read off by perturbation.

use nas_eval::Compute;

use super::*;
use crate::report::Decided;

#[test]
fn perturbation_decides_every_edge_and_goes_on_where_it_stopped() {
    let config = DartsConfig {
        epochs: 1,
        selection: Selection::Perturbation { tuning_epochs: 1 },
        ..config(&digits(80))
    };
    let dir = tempfile::tempdir().unwrap();
    let (straight, third) = (dir.path().join("straight"), dir.path().join("third"));
    let mut whole = search(&nb201(), &config, 1);
    let expected = whole
        .run(Some(&straight), |event| {
            if let Event::Own(Selecting::Perturbed { done: 3, of, .. }) = event {
                assert_eq!(*of, 6);
                copy(&straight, &third);
            }
        })
        .unwrap();
    assert_eq!(expected.perturbations.len(), 6);
    for edge in &expected.perturbations {
        let Decided::Operation { column, .. } = edge.decision else {
            panic!("all edges are kept in this space");
        };
        let least = edge
            .accuracy_without
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min);
        assert_eq!(edge.accuracy_without[column], least);
    }
    let report = search(&nb201(), &config, 1).run(Some(&third), |_| {}).unwrap();
    assert_eq!(report.genotype, expected.genotype);
    assert_eq!(report.perturbations, expected.perturbations);
}

/// Rounds of the DARTS space, as in the authors' code: 14 edges and 3 nodes of both cells side by
/// side, 5 epochs between two rounds, at a tenth of the first rate; their 81st epoch comes after
/// the last round.
#[test]
fn perturbation_tunes_for_80_epochs_at_a_tenth_of_the_rate_in_the_published_setting() {
    let config = DartsConfig {
        network: NetworkConfig {
            channels: 2,
            cells: 2,
            ..config(&digits(40)).network
        },
        epochs: 1,
        batch_size: 20,
        selection: Selection::Perturbation { tuning_epochs: 5 },
        ..config(&digits(40))
    };
    assert_eq!(config.learning_rate, 0.025);
    let dataset = digits(40);
    let new = || {
        let seed = Seed::new(2);
        Search::new(&darts(), &dataset, config.clone(), seed, &Compute::cpu()).unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    let (straight, late) = (dir.path().join("straight"), dir.path().join("late"));
    let (mut rates, mut decided, mut since) = (Vec::new(), Vec::new(), 0);
    let expected = new()
        .run(Some(&straight), |event| match event {
            Event::Own(Selecting::Tuned { learning_rate }) => {
                rates.push(*learning_rate);
                since += 1;
            }
            Event::Own(Selecting::Perturbed { done, of, edge }) => {
                assert_eq!((*of, *done), (34, decided.len() + 1));
                decided.push((since, edge.cell.clone()));
                if *done == 30 {
                    copy(&straight, &late);
                }
            }
            _ => {}
        })
        .unwrap();
    assert_eq!(rates.len(), 80);
    assert!(rates.iter().all(|rate| (rate - 0.0025).abs() < 1e-15));
    // The decisions of a round are reported after the tuning that follows it; none follows the
    // last.
    let cells = ["normal".to_owned(), "reduction".to_owned()];
    for (index, (tuned, cell)) in decided.iter().enumerate() {
        assert_eq!(*cell, cells[index % 2]);
        assert_eq!(*tuned, (5 * (index / 2 + 1)).min(80));
    }
    let mut again = 0;
    let resumed = new()
        .run(Some(&late), |event| {
            again += u32::from(matches!(event, Event::Own(Selecting::Tuned { .. })));
        })
        .unwrap();
    assert_eq!(again, 5, "of 17 rounds 15 were done and tuned after");
    assert_eq!(resumed.perturbations, expected.perturbations);
    assert_eq!(resumed.genotype, expected.genotype);
    assert_eq!(resumed.warnings, expected.warnings);
}

#[test]
fn judging_a_perturbed_supernet_takes_the_batchs_statistics_and_leaves_everything_as_it_was() {
    let search = search(&nb201(), &config(&digits(80)), 1);
    let weights = || {
        search
            .oneshot
            .method
            .relaxation
            .expected(&search.alphas().unwrap())
            .weights
    };
    let state = || {
        let snapshot = search.supernet().parameters().snapshot().unwrap();
        let tensors = snapshot.iter();
        tensors
            .map(|(name, tensor)| {
                (
                    name.to_owned(),
                    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let before = state();
    let images = search.judge();
    let by_batch = search.accuracy(&images, weights()).unwrap();
    assert_eq!(state(), before);
    // Running statistics that mean nothing change nothing.
    for (_, buffer) in search.supernet().parameters().buffers() {
        let ruined = buffer.get().unwrap().affine(0.0, 1e6).unwrap();
        buffer.set(&ruined).unwrap();
    }
    assert_eq!(search.accuracy(&images, weights()).unwrap(), by_batch);
    let mut sorted = images.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, search.oneshot.training.data().valid());
    assert_ne!(images, search.oneshot.training.data().valid());
}

#[test]
fn an_untrained_supernet_is_decided_by_the_strengths_and_said_to_be_no_better_than_chance() {
    let config = DartsConfig {
        epochs: 1,
        learning_rate: 1e-12,
        alpha_learning_rate: 1e-12,
        selection: Selection::Perturbation { tuning_epochs: 0 },
        ..config(&digits(80))
    };
    let mut search = search(&nb201(), &config, 1);
    let report = search.run(None, |_| {}).unwrap();
    assert!(
        search
            .oneshot
            .training
            .optimizer_state()
            .unwrap()
            .tensors()
            .is_empty(),
        "SGD starts anew, and was not used since"
    );
    let strengths = search
        .oneshot
        .method
        .relaxation
        .strengths(&search.alphas().unwrap());
    let mut tied = 0;
    for edge in report.perturbations.iter().filter(|edge| edge.tied) {
        let Decided::Operation { row, column } = edge.decision else {
            panic!("all edges are kept in this space");
        };
        let least = edge.accuracy_without[column];
        for (other, &accuracy) in edge.accuracy_without.iter().enumerate() {
            let weaker = strengths[0][[row, other]] <= strengths[0][[row, column]];
            assert!(accuracy > least || accuracy == least && weaker, "{edge:?}");
        }
        tied += 1;
    }
    assert!(tied > 0, "{:?}", report.perturbations);
    let warnings = report.warnings.join("\n");
    assert!(warnings.contains("no better than chance"), "{warnings}");
    assert!(warnings.contains(&format!("{tied} of 6 decisions")), "{warnings}");
}

#[test]
fn a_cell_of_none_alone_is_warned_of() {
    let config = config(&digits(80));
    let mut search = search(&nb201(), &config, 1);
    search.run(None, |_| {}).unwrap();
    let last = search.oneshot.history.last_mut().unwrap();
    last.cells[0].chosen = (0..6).map(|row| (row, 0)).collect();
    let report = search.run(None, |_| {}).unwrap();
    assert!(
        report
            .genotype
            .to_string()
            .starts_with("|none~0|+|none~0|none~1|")
    );
    assert!(
        report.warnings[0].contains("has no output"),
        "{:?}",
        report.warnings
    );
}

#[test]
fn decisions_in_another_order_are_not_gone_on_with() {
    let config = DartsConfig {
        epochs: 1,
        selection: Selection::Perturbation { tuning_epochs: 0 },
        ..config(&digits(80))
    };
    let mut search = search(&nb201(), &config, 1);
    let decided = serde_json::json!({"decided": [
        {
            "cell": "cell",
            "decision": {"operation": {"row": 0, "column": 1}},
            "accuracy_without": [0.5],
            "tied": false,
        }
    ]});
    search.oneshot.method.projection = Some(serde_json::from_value(decided).unwrap());
    let error = search.run(None, |_| {}).unwrap_err().to_string();
    assert!(
        error.contains("1 of 6") && error.contains("start the search again"),
        "{error}"
    );
}

//! Whole searches, small ones, on real images.

use std::collections::HashSet;

use candle_core::Tensor;
use nas_eval::DType;
use nas_eval::clock::ThreadStopwatch;
use nas_eval::data::Augmentation;
use nas_eval::error::EvalError;
use nas_eval::model::{Logits, Pass};
use nas_eval::nn::{OptimizerConfig, SgdConfig, Snapshot};
use nas_eval::ops::cross_entropy;
use nas_eval::supernet::{Examples, TrainingPass, Wanted};
use nas_space::limits::{LimitedSpace, Limits};
use nas_space::network::NetworkConfig;
use nas_space::sizes::{Counted, Sizes};
use nas_space::spaces::{EnasMacroConfig, EnasMacroSpace, by_name, darts, nb201};

use super::*;
use crate::config::{PathEvolution, PathSampling};

fn digits(images: usize) -> Dataset {
    let digits = Dataset::load("digits", None).unwrap();
    digits.with_training_images(images, Seed::new(0)).unwrap()
}

fn config() -> SposConfig {
    SposConfig {
        network: NetworkConfig {
            image: digits(80).train.shape(),
            channels: 4,
            cells: 1,
            ..NetworkConfig::default()
        },
        epochs: 3,
        batch_size: 16,
        valid_fraction: 0.4,
        augmentation: Augmentation::NONE,
        path_search: PathSearch::Evolution(PathEvolution::of(4)),
        candidates: 14,
        ..SposConfig::default()
    }
}

fn fair() -> SposConfig {
    SposConfig {
        sampling: PathSampling::Fair,
        ..config()
    }
}

fn search_on(images: usize, space: Arc<dyn Space>, config: &SposConfig, seed: u64) -> Spos {
    let compute = Compute::cpu();
    Spos::new(space, &digits(images), config.clone(), Seed::new(seed), &compute).unwrap()
}

fn search(config: &SposConfig, seed: u64) -> Spos {
    search_on(80, Arc::new(nb201()), config, seed)
}

/// What a search found, without the time that it took.
fn timeless(report: &SposReport) -> (Vec<EpochReport>, Vec<Candidate>, Architecture) {
    let without = |report: &EpochReport| EpochReport {
        seconds: 0.0,
        ..report.clone()
    };
    (
        report.history.iter().map(without).collect(),
        report.candidates.clone(),
        report.architecture.clone(),
    )
}

fn weights(snapshot: &Snapshot) -> Vec<(String, Vec<f64>)> {
    let flat = |(name, tensor): (&String, &Tensor)| {
        let flat = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
        (name.clone(), flat.to_vec1::<f64>().unwrap())
    };
    snapshot.tensors().iter().map(flat).collect()
}

#[test]
fn a_search_gives_the_best_of_its_candidates() {
    let random = SposConfig {
        path_search: PathSearch::Random {},
        ..config()
    };
    let small = |space: Arc<dyn Space>| (space, 80);
    for (config, (space, images)) in [
        (config(), small(Arc::new(nb201()))),
        (fair(), small(Arc::new(darts()))),
        (random, small(Arc::new(nb201()))),
        (
            fair(),
            small(Arc::new(
                EnasMacroSpace::new(EnasMacroConfig { layers: 4 }).unwrap(),
            )),
        ),
    ] {
        let network = NetworkConfig {
            cells: if space.name() == "darts" { 2 } else { 1 },
            ..config.network
        };
        let config = SposConfig { network, ..config };
        let mut search = search_on(images, space.clone(), &config, 1);
        let (mut epochs, mut judged) = (Vec::new(), Vec::new());
        let report = search
            .run(None, |event| match event {
                Event::Epoch { report, history } => {
                    assert_eq!(history.last(), Some(*report));
                    epochs.push(report.epoch);
                }
                Event::Own(Judged { done, of, candidate }) => {
                    judged.push((*candidate).clone());
                    assert_eq!((*done, *of), (judged.len(), 14));
                }
                Event::Resumed { .. } => panic!("there is nothing to resume"),
            })
            .unwrap();
        assert_eq!(epochs, [0, 1, 2]);
        assert_eq!(report.candidates, judged);
        let different: HashSet<&Architecture> = judged.iter().map(|one| &one.architecture).collect();
        assert_eq!(different.len(), 14, "none is judged twice");
        assert_eq!(space.genotype(&report.architecture).unwrap(), report.genotype);
        let best = judged.iter().map(|c| c.valid_accuracy).fold(0.0, f64::max);
        let again = search.evaluate(&report.architecture).unwrap().accuracy;
        assert_eq!(again, best, "nothing is trained while candidates are judged");
        let passes = report.history[0].image_passes;
        let paths = search.oneshot.method.paths(0, 0).len() as u64;
        let images = search.oneshot.training.data().train().len() as u64;
        assert_eq!(passes, paths * images);
        let counted = search
            .oneshot
            .method
            .config
            .image_passes(space.as_ref(), 3, images);
        assert_eq!(counted, 3 * passes);
    }
}

#[test]
fn shared_weights_learn() {
    for sampling in [PathSampling::Uniform, PathSampling::Fair] {
        let config = SposConfig {
            network: NetworkConfig {
                channels: 8,
                ..config().network
            },
            learning_rate: 0.05,
            epochs: if sampling == PathSampling::Fair { 3 } else { 10 },
            sampling,
            ..config()
        };
        let report = search_on(500, Arc::new(nb201()), &config, 2)
            .run(None, |_| {})
            .unwrap();
        let losses: Vec<f64> = report.history.iter().map(|epoch| epoch.train_loss).collect();
        let best = report
            .candidates
            .iter()
            .map(|c| c.valid_accuracy)
            .fold(0.0, f64::max);
        assert!(
            losses.last().unwrap() < &(0.9 * losses[0]),
            "{sampling:?} {losses:?}"
        );
        assert!(best > 0.3, "{sampling:?}: {best}");
    }
}

/// Counted over the steps of two epochs, and by the weights that a step moves.
#[test]
fn a_fair_step_trains_every_operation_exactly_once_and_a_uniform_one_those_of_one_path() {
    let options = 5;
    let method = search(&fair(), 3).oneshot.method;
    for (epoch, step) in (0..2).flat_map(|epoch| (0..40).map(move |step| (epoch, step))) {
        let paths = method.paths(epoch, step);
        for edge in 0..6 {
            let mut trained: Vec<usize> = paths.iter().map(|path| path.choices()[edge]).collect();
            trained.sort_unstable();
            assert_eq!(trained, (0..options).collect::<Vec<_>>());
        }
    }
    let moved = |config: &SposConfig| {
        let mut search = search(
            &SposConfig {
                // One step an epoch.
                batch_size: 48,
                ..config.clone()
            },
            3,
        );
        let before = weights(&search.supernet().parameters().snapshot().unwrap());
        let OneShotSearch { training, method, .. } = &mut search.oneshot;
        training.pass(TrainingPass::of_epoch(0), method).unwrap();
        let after = weights(&training.supernet().parameters().snapshot().unwrap());
        let changed = before
            .into_iter()
            .zip(after)
            .filter(|(before, after)| before != after);
        let names: Vec<String> = changed.map(|((name, _), _)| name).collect();
        let convolutions = |kind: &str| {
            let of = names
                .iter()
                .filter(|name| name.contains(kind) && name.ends_with("weight"));
            of.count()
        };
        let path = &method.paths(0, 0)[0];
        let chosen = |option: usize| path.choices().iter().filter(|&&choice| choice == option).count();
        let (one, three) = (convolutions("nor_conv_1x1"), convolutions("nor_conv_3x3"));
        ((one, three), (chosen(2), chosen(3)))
    };
    // 3 cells of 6 edges. What leads to no output gets a gradient of zero, and does not decay either.
    let (of_fair, _) = moved(&fair());
    assert!(
        of_fair.0 > 9 && of_fair.1 > 9 && of_fair.0 <= 18 && of_fair.1 <= 18,
        "{of_fair:?}"
    );
    let (of_uniform, (ones, threes)) = moved(&config());
    assert!(
        of_uniform.0 <= 3 * ones && of_uniform.1 <= 3 * threes,
        "{of_uniform:?}"
    );
    assert!(of_uniform.0 + of_uniform.1 > 0);
}

/// Without momentum, decay and clipping, a step is the rate times the sum of the gradients that
/// the paths have one by one.
#[test]
fn a_fair_step_adds_up_the_gradients_of_its_paths() {
    let config = SposConfig {
        batch_size: 48,
        weights: SgdConfig {
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            ..SgdConfig::default()
        },
        clip_norm: 0.0,
        ..fair()
    };
    let compute = Compute::cpu().with_dtype(DType::F64);
    let mut search = Spos::new(Arc::new(nb201()), &digits(80), config, Seed::new(5), &compute).unwrap();
    let OneShotSearch { training, method, .. } = &mut search.oneshot;
    let batches = training.train_batches().unwrap();
    let batch = batches.epoch(0, 0).unwrap().next().unwrap().unwrap();
    let examples = Examples::new(&batch, DType::F64).unwrap();
    let before = weights(&training.supernet().parameters().snapshot().unwrap());
    let mut expected = before.clone();
    let rate = 0.125;
    for path in method.paths(0, 0) {
        let mixture = method.shared.mixture(&path).unwrap();
        let pass = Pass::Train {
            seed: Seed::new(0),
            drop_path: 0.0,
        };
        let loss = |logits: &Logits| cross_entropy(&logits.main, &examples.labels, 0.0);
        let wanted = Wanted::Weights;
        let done = training
            .supernet()
            .differentiate(&examples.images, &pass, &mixture, wanted, loss)
            .unwrap();
        for (name, values) in &mut expected {
            if let Some(gradient) = done.gradients.get(name) {
                let gradient = gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap();
                for (value, gradient) in values.iter_mut().zip(gradient) {
                    *value -= rate * gradient;
                }
            }
        }
    }
    let pass = TrainingPass {
        learning_rate: Some(rate),
        ..TrainingPass::of_epoch(0)
    };
    training.pass(pass, method).unwrap();
    let after = weights(&training.supernet().parameters().snapshot().unwrap());
    let (mut moved, mut compared) = (0.0, 0);
    for (((name, before), (_, expected)), (_, after)) in before.iter().zip(&expected).zip(&after) {
        // Running statistics follow every pass.
        if name.contains("running") {
            continue;
        }
        for ((before, expected), after) in before.iter().zip(expected).zip(after) {
            assert!(
                (expected - after).abs() < 1e-10,
                "{name}: {after}, expected {expected}"
            );
            moved += (before - after).abs();
            compared += 1;
        }
    }
    assert!(moved > 0.1 && compared > 1000, "{moved} over {compared} values");
}

#[test]
fn a_search_that_stops_after_any_epoch_ends_as_if_it_had_not() {
    let dir = tempfile::tempdir().unwrap();
    let config = fair();
    let straight = search(&config, 4).run(None, |_| {}).unwrap();
    for stop in 1..config.epochs {
        let path = dir.path().join(stop.to_string());
        let mut first = search(&config, 4);
        for _ in 0..stop {
            first.oneshot.epoch(None).unwrap();
            first.oneshot.save(&path).unwrap();
        }
        let report = search(&config, 4).run(Some(&path), |_| {}).unwrap();
        assert_eq!(timeless(&report), timeless(&straight));
    }
    // A finished search is read, not run again.
    let path = dir.path().join("1");
    let mut judged = 0;
    let again = |event: &Event<'_>| judged += u32::from(matches!(event, Event::Own(_)));
    let report = search(&config, 4).run(Some(&path), again).unwrap();
    assert_eq!(timeless(&report), timeless(&straight));
    assert_eq!(judged, 0);
    let error = search(&config, 5)
        .run(Some(&path), |_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("its seed is 4, expected 5"), "{error}");
}

/// In each generation, at its first candidate, within it and at its last one.
#[test]
fn a_search_that_stops_at_any_candidate_ends_as_if_it_had_not() {
    let random = SposConfig {
        path_search: PathSearch::Random {},
        ..config()
    };
    for config in [config(), random] {
        let straight = search(&config, 6).run(None, |_| {}).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut judged = Vec::new();
        let mut stops = 0;
        let report = loop {
            let stop = Stop::new();
            let mut search = search(&config, 6).with_stop(stop.clone());
            let mut turn = 0;
            let result = search.run(Some(dir.path()), |event| {
                if let Event::Own(Judged { candidate, .. }) = event {
                    judged.push((*candidate).clone());
                    turn += 1;
                    if turn == 3 {
                        stop.request();
                    }
                }
            });
            match result {
                Ok(report) => break report,
                Err(SposError::Eval(EvalError::Interrupted)) => stops += 1,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(stops, 4, "after 3, 6, 9 and 12 of 14 candidates");
        assert_eq!(judged, straight.candidates, "each was judged once");
        assert_eq!(timeless(&report), timeless(&straight));
    }
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
    for config in [config(), fair()] {
        let dir = tempfile::tempdir().unwrap();
        let straight = search(&config, 8).run(None, |_| {}).unwrap();
        let (mut within, mut milliseconds) = (0, 1);
        let report = loop {
            let mut search = search(&config, 8).with_stop(stop_after(milliseconds));
            // More each time, or it would never come further than the first step.
            milliseconds += 1;
            match search.run(Some(dir.path()), |_| {}) {
                Ok(report) => break report,
                Err(SposError::Eval(EvalError::Interrupted)) => {
                    within += u32::from(search.oneshot.training.progress().is_some());
                }
                Err(error) => panic!("{error}"),
            }
        };
        assert!(within > 0, "it was never stopped within an epoch");
        assert_eq!(timeless(&report), timeless(&straight));
    }
}

#[test]
fn threads_change_no_bit() {
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let mut search = search(&fair(), 9);
            let report = search.run(None, |_| {}).unwrap();
            let values = weights(&search.supernet().parameters().snapshot().unwrap());
            let bits = values
                .into_iter()
                .flat_map(|(_, values)| values)
                .map(f64::to_bits);
            (timeless(&report), bits.collect::<Vec<u64>>())
        })
    };
    assert!(of(1) == of(2));
}

/// The training samples the whole space, the search stays within the limits.
#[test]
fn candidates_are_within_limits() {
    let whole: Arc<dyn Space> = Arc::new(nb201());
    let sizes: Arc<dyn Sizes> = Arc::new(Counted::new(whole.clone(), config().network).unwrap());
    let params = |architecture: &Architecture| sizes.of(architecture).unwrap().params.unwrap();
    let mut rng = Seed::new(0).rng();
    let mut drawn: Vec<u64> = (0..99).map(|_| params(&whole.sample(&mut rng))).collect();
    drawn.sort_unstable();
    let limits = Limits {
        max_params: Some(drawn[10]),
        ..Limits::default()
    };
    let limited: Arc<dyn Space> = Arc::new(LimitedSpace::new(whole.clone(), sizes.clone(), limits).unwrap());
    for path_search in [config().path_search, PathSearch::Random {}] {
        let config = SposConfig {
            path_search,
            candidates: 30,
            ..config()
        };
        let mut search = search_on(80, limited.clone(), &config, 10);
        let trained = (0..20).map(|step| params(&search.oneshot.method.paths(0, step)[0]));
        assert!(trained.max().unwrap() > drawn[10]);
        let report = search.run(None, |_| {}).unwrap();
        assert_eq!(report.candidates.len(), 30);
        let largest = report
            .candidates
            .iter()
            .map(|one| params(&one.architecture))
            .max();
        assert!(largest.unwrap() <= drawn[10]);
        // The same supernet serves other limits: what they do not propose is forgotten.
        let dir = tempfile::tempdir().unwrap();
        search.oneshot.save(dir.path()).unwrap();
        let mut free = search_on(80, whole.clone(), &config, 10);
        let epochs = report.history.clone();
        let report = free.run(Some(dir.path()), |_| {}).unwrap();
        assert_eq!(report.history, epochs);
        let straight = search_on(80, whole.clone(), &config, 10)
            .run(None, |_| {})
            .unwrap();
        assert_eq!(report.candidates, straight.candidates);
    }
}

#[test]
fn a_part_of_the_validation_images_judges_where_so_many_are_asked_for() {
    let few = SposConfig {
        candidate_images: Some(7),
        ..config()
    };
    let mut search = search(&few, 11);
    let valid = search.oneshot.training.data().valid().to_vec();
    assert_eq!(search.judges.len(), 7);
    assert!(search.judges.iter().all(|image| valid.contains(image)));
    let report = search.run(None, |_| {}).unwrap();
    for candidate in report.candidates {
        let hits = candidate.valid_accuracy * 7.0;
        assert!((hits - hits.round()).abs() < 1e-9, "{hits} of 7");
    }
    let all = SposConfig {
        candidate_images: Some(1000),
        ..config()
    };
    assert_eq!(super::judges(&valid, all.candidate_images, Seed::new(0)), valid);
}

#[test]
fn what_has_no_supernet_or_does_not_fit_is_refused() {
    let dataset = digits(80);
    let new = |space: Arc<dyn Space>, config: SposConfig| {
        Spos::new(space, &dataset, config, Seed::new(0), &Compute::cpu()).map(|_| ())
    };
    let nasnet: Arc<dyn Space> = by_name("nasnet").unwrap();
    let refused = new(nasnet, config()).unwrap_err().to_string();
    assert!(refused.contains("read one state twice"), "{refused}");
    let refused = new(Arc::new(nb201()), SposConfig::default())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("expected the data's: images of"), "{refused}");
    let chain = by_name("chain").unwrap();
    let error = Spos::network(chain.as_ref(), &config()).unwrap_err().to_string();
    assert!(error.contains("others have no supernet"), "{error}");
}

/// Seconds of a step by single paths, as a share of the mean step of the same paths as networks of
/// their own. On one thread, by the time that it computes: a busy machine disturbs it little.
///
/// `cargo test --workspace --lib the_cost_of_a_step -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn the_cost_of_a_step() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let shares: Vec<f64> = (0..3)
        .map(|turn| pool.install(|| share_of_a_step(turn)))
        .collect();
    println!("times the mean step alone: {shares:.3?}");
    assert!(shares.iter().all(|share| *share <= 1.1), "{shares:?}");
}

/// Of eight other paths each turn.
fn share_of_a_step(turn: u64) -> f64 {
    let space = nb201();
    let size = NetworkConfig {
        channels: 16,
        cells: 5,
        ..NetworkConfig::default()
    };
    let compute = Compute::cpu();
    let shared = SharedSpace::new(&space).unwrap();
    let network = Arc::new(shared.network(&size, 0.0).unwrap());
    let supernet = Supernet::new(network, Seed::new(1), &compute).unwrap();
    let values: Vec<f32> = (0..64 * 3 * 32 * 32_u32)
        .map(|i| (i as f32 * 0.7).sin())
        .collect();
    let images = Tensor::from_vec(values, (64, 3, 32, 32), &compute.device).unwrap();
    let labels = Tensor::from_iter((0..64_u32).map(|i| i % 10), &compute.device).unwrap();
    let pass = Pass::Train {
        seed: Seed::new(0),
        drop_path: 0.0,
    };
    let loss = |logits: &Logits| cross_entropy(&logits.main, &labels, 0.0);
    let optimizer = || {
        OptimizerConfig::Sgd(SposConfig::default().weights)
            .build()
            .unwrap()
    };
    let mut of_supernet = optimizer();
    let mut rng = Seed::new(2).derive("turn", turn).rng();
    let (mut single, mut alone) = (0.0, 0.0);
    for _ in 0..8 {
        let path = space.sample(&mut rng);
        let mixture = shared.mixture(&path).unwrap();
        let network = Arc::new(space.network(&path, &size).unwrap());
        let model = nas_eval::Model::new(network, Seed::new(3), &compute).unwrap();
        let mut of_model = optimizer();
        let mut best = [f64::INFINITY; 2];
        for round in 0..3 {
            let watch = ThreadStopwatch::start();
            let step = supernet.differentiate(&images, &pass, &mixture, Wanted::Weights, loss);
            let gradients = step.unwrap().gradients;
            of_supernet.step(supernet.parameters(), &gradients, 1e-6).unwrap();
            let of_path = watch.seconds();
            let watch = ThreadStopwatch::start();
            let (_, _, gradients) = model.differentiate(&images, &pass, loss).unwrap();
            of_model.step(model.parameters(), &gradients, 1e-6).unwrap();
            // The first one makes buffers.
            if round > 0 {
                best = [best[0].min(of_path), best[1].min(watch.seconds())];
            }
        }
        println!("{path}: {:.4} s as a path, {:.4} s alone", best[0], best[1]);
        single += best[0];
        alone += best[1];
    }
    single / alone
}

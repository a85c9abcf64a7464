//! Whole searches, small ones, on real images.

use candle_core::Tensor;
use nas_eval::data::Augmentation;
use nas_eval::error::EvalError;
use nas_eval::supernet::TrainingPass;
use nas_eval::{Compute, DType, Device};
use nas_space::network::NetworkConfig;
use nas_space::spaces::{EnasMacroConfig, EnasMacroSpace, by_name, darts, nb201};

use super::*;
use crate::config::RlConfig;

fn digits(images: usize) -> Dataset {
    let digits = Dataset::load("digits", None).unwrap();
    digits.with_training_images(images, Seed::new(0)).unwrap()
}

fn config() -> EnasConfig {
    EnasConfig {
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
        rl: RlConfig {
            batch: 3,
            learning_rate: 0.02,
            ..RlConfig::enas_micro()
        },
        controller_updates: 4,
        candidates: 8,
        ..EnasConfig::default()
    }
}

fn search(space: &dyn Space, config: &EnasConfig, seed: u64) -> Enas {
    search_on(80, space, config, seed)
}

fn search_on(images: usize, space: &dyn Space, config: &EnasConfig, seed: u64) -> Enas {
    let (dataset, seed) = (digits(images), Seed::new(seed));
    Enas::new(space, &dataset, config.clone(), seed, &Compute::cpu()).unwrap()
}

/// The epochs without the time they took.
fn timeless(history: &[EpochReport]) -> Vec<EpochReport> {
    let without = |report: &EpochReport| EpochReport {
        seconds: 0.0,
        ..report.clone()
    };
    history.iter().map(without).collect()
}

fn weights(parameters: &nas_eval::nn::Parameters) -> Vec<f64> {
    let flat = |(_, p): (&str, &nas_eval::nn::Parameter)| {
        let flat = p.var.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
        flat.to_vec1::<f64>().unwrap()
    };
    parameters.iter().flat_map(flat).collect()
}

#[test]
fn a_search_gives_the_best_of_its_candidates() {
    for space in [nb201(), darts()] {
        let network = NetworkConfig {
            cells: if space.name() == "darts" { 2 } else { 1 },
            ..config().network
        };
        let config = EnasConfig { network, ..config() };
        let mut search = search(&space, &config, 1);
        let before = weights(search.controller().parameters());
        let (mut epochs, mut ranked) = (Vec::new(), Vec::new());
        let report = search
            .run(None, |event| match event {
                Event::Epoch { report, history } => {
                    assert_eq!(history.last(), Some(*report));
                    epochs.push(report.epoch);
                }
                Event::Own(Ranked { done, of, candidate }) => {
                    assert!(done <= of);
                    ranked.push((*candidate).clone());
                }
                Event::Resumed { .. } => panic!("there is nothing to resume"),
            })
            .unwrap();
        assert_eq!(epochs, [0, 1, 2]);
        assert_ne!(weights(search.controller().parameters()), before);
        space.validate(&report.architecture).unwrap();
        assert_eq!(space.genotype(&report.architecture).unwrap(), report.genotype);
        assert_eq!(ranked.len(), report.candidates.len());
        let best = ranked.iter().map(|c| c.valid_accuracy).fold(0.0, f64::max);
        assert_eq!(report.candidates[0].valid_accuracy, best);
        assert_eq!(report.candidates[0].architecture, report.architecture);
        let again = search.evaluate(&report.architecture).unwrap().accuracy;
        assert_eq!(again, best, "nothing is trained while candidates are judged");
        assert!(
            report
                .history
                .iter()
                .all(|r| (0.0..=1.0).contains(&r.reward) && r.entropy > 0.0)
        );
    }
}

#[test]
fn shared_weights_learn() {
    let config = EnasConfig {
        epochs: 10,
        network: NetworkConfig {
            channels: 8,
            ..config().network
        },
        ..config()
    };
    let history = search_on(500, &nb201(), &config, 2)
        .run(None, |_| {})
        .unwrap()
        .history;
    let (first, last) = (&history[0], &history[9]);
    assert!(last.train_loss < 0.8 * first.train_loss, "{history:?}");
    assert!(last.reward > 1.5 * first.reward, "{history:?}");
}

#[test]
fn only_the_weights_of_the_drawn_architectures_are_trained() {
    let config = EnasConfig {
        rl: RlConfig {
            controller: crate::ControllerConfig::default(),
            ..config().rl
        },
        ..config()
    };
    let mut search = search(&nb201(), &config, 3);
    // A controller that always takes option 2, nor_conv_1x1.
    let controller = search.controller().parameters();
    let bias = controller.get("head.operation.5.bias").unwrap().var.clone();
    bias.set(&Tensor::new(&[0.0, 0.0, 1e6, 0.0, 0.0], &Device::Cpu).unwrap())
        .unwrap();
    let before = search.supernet().parameters().snapshot().unwrap();
    let OneShotSearch { training, method, .. } = &mut search.oneshot;
    training.pass(TrainingPass::of_epoch(0), method).unwrap();
    let after = search.supernet().parameters().snapshot().unwrap();
    let value = |snapshot: &nas_eval::nn::Snapshot, name: &str| {
        let flat = snapshot.tensors()[name].flatten_all().unwrap();
        flat.to_vec1::<f32>().unwrap()
    };
    let moved = |what: &str| {
        let names = search.supernet().parameters().iter().map(|(name, _)| name);
        let of = names.filter(|name| name.contains(what));
        of.filter(|name| value(&before, name) != value(&after, name))
            .count()
    };
    assert_eq!(moved("nor_conv_3x3"), 0);
    assert!(moved("nor_conv_1x1") > 0);
}

#[test]
fn a_search_that_stops_after_any_epoch_ends_as_if_it_had_not() {
    let dir = tempfile::tempdir().unwrap();
    let (space, config) = (nb201(), config());
    let straight = search(&space, &config, 4).run(None, |_| {}).unwrap();
    for stop in 1..config.epochs {
        let path = dir.path().join(stop.to_string());
        let mut first = search(&space, &config, 4);
        for _ in 0..stop {
            first.oneshot.epoch(None).unwrap();
            first.oneshot.save(&path).unwrap();
        }
        let mut second = search(&space, &config, 4);
        let mut resumed = 0;
        let report = second
            .run(Some(&path), |event| {
                if let Event::Resumed { history } = event {
                    resumed = history.len();
                }
            })
            .unwrap();
        assert_eq!(resumed, stop as usize);
        assert_eq!(timeless(&report.history), timeless(&straight.history));
        assert_eq!(report.candidates, straight.candidates);
    }
    // A finished search is read, not run again.
    let path = dir.path().join("1");
    let mut again = search(&space, &config, 4);
    let report = again.run(Some(&path), |_| {}).unwrap();
    assert_eq!(report.candidates, straight.candidates);
    let mut other = search(&space, &config, 5);
    let error = other.run(Some(&path), |_| {}).unwrap_err().to_string();
    assert!(error.contains("its seed is 4, expected 5"), "{error}");
}

#[test]
fn what_has_no_supernet_or_does_not_fit_is_refused() {
    let dataset = digits(80);
    let nasnet = by_name("nasnet").unwrap();
    let new = |space: &dyn Space, config: EnasConfig| {
        Enas::new(space, &dataset, config, Seed::new(0), &Compute::cpu()).map(|_| ())
    };
    let refused = new(nasnet.as_ref(), config()).unwrap_err();
    assert!(refused.to_string().contains("read one state twice"), "{refused}");
    let refused = new(&nb201(), EnasConfig::default()).unwrap_err();
    assert!(
        refused.to_string().contains("expected the data's: images of"),
        "{refused}"
    );
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
    let (space, config) = (nb201(), config());
    let straight = search(&space, &config, 8).run(None, |_| {}).unwrap();
    let (mut between_steps, mut between_updates, mut milliseconds) = (0, 0, 1);
    let report = loop {
        let mut search = search(&space, &config, 8).with_stop(stop_after(milliseconds));
        // More each time, or it would never come further than the first step.
        milliseconds += 1;
        match search.run(Some(dir.path()), |_| {}) {
            Ok(report) => break report,
            Err(RlError::Eval(EvalError::Interrupted)) => {
                let within = search.oneshot.training.progress().is_some();
                let updates = search.oneshot.method.phase.updates;
                between_steps += u32::from(within && updates == 0);
                between_updates += u32::from(within && updates > 0);
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert!(
        between_steps + between_updates > 0,
        "it was never stopped within an epoch"
    );
    assert_eq!(timeless(&report.history), timeless(&straight.history));
    assert_eq!(report.candidates, straight.candidates);
}

/// The authors' search at the size of the others here.
fn authors(space: &dyn Space) -> EnasConfig {
    let (small, authors) = (config(), EnasConfig::authors(space).unwrap());
    EnasConfig {
        network: NetworkConfig {
            auxiliary: authors.network.auxiliary,
            cells: if space.name() == "darts" { 2 } else { 1 },
            ..small.network
        },
        epochs: 2,
        batch_size: small.batch_size,
        learning_rate: 0.02,
        valid_fraction: small.valid_fraction,
        augmentation: small.augmentation,
        controller_updates: small.controller_updates,
        candidates: small.candidates,
        rl: RlConfig {
            batch: small.rl.batch,
            ..authors.rl.clone()
        },
        ..authors
    }
}

/// With an auxiliary classifier, where the skeleton has one, dropout, and the authors' controller.
#[test]
fn the_authors_search_goes_on_bit_for_bit_where_it_was_stopped() {
    let whole = EnasMacroSpace::new(EnasMacroConfig { layers: 4 }).unwrap();
    for space in [&darts() as &dyn Space, &nb201(), &whole] {
        let config = authors(space);
        let dir = tempfile::tempdir().unwrap();
        let mut straight = search(space, &config, 8);
        let layers = straight.supernet().network().layers();
        let has = |what: &str| layers.iter().any(|layer| layer.name.contains(what));
        assert!(has("dropout"));
        assert_eq!(has("auxiliary"), space.name() == "darts");
        let straight = straight.run(None, |_| {}).unwrap();
        let mut milliseconds = 5;
        let report = loop {
            let mut search = search(space, &config, 8).with_stop(stop_after(milliseconds));
            milliseconds += 20;
            match search.run(Some(dir.path()), |_| {}) {
                Ok(report) => break report,
                Err(RlError::Eval(EvalError::Interrupted)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(
            timeless(&report.history),
            timeless(&straight.history),
            "{}",
            space.name()
        );
        assert_eq!(report.candidates, straight.candidates, "{}", space.name());
    }
}

#[test]
fn the_authors_prior_is_for_separable_convolutions_alone() {
    let rl = authors(&darts()).rl;
    let favoured = rl
        .controller
        .operation_prior
        .iter()
        .filter(|&&prior| prior == 0.25);
    assert_eq!(favoured.count(), 2);
    assert_eq!(rl.controller.operation_bias.iter().sum::<f64>(), 20.0);
    assert!(authors(&nb201()).rl.controller.operation_prior.is_empty());
}

#[test]
fn whole_networks_share_weights_and_chains_have_no_supernet() {
    let whole = EnasMacroSpace::new(EnasMacroConfig { layers: 4 }).unwrap();
    let mut search = search(&whole, &config(), 3);
    let report = search.run(None, |_| {}).unwrap();
    whole.validate(&report.architecture).unwrap();
    assert_eq!(whole.genotype(&report.architecture).unwrap(), report.genotype);
    let chain = by_name("chain").unwrap();
    let error = Enas::network(chain.as_ref(), &config()).unwrap_err().to_string();
    assert!(error.contains("others have no supernet"), "{error}");
}

//! A method that draws architectures uniformly and learns a number, stopped and resumed.

use std::collections::BTreeMap;
use std::fs;

use candle_core::Tensor;
use nas_space::network::NetworkConfig;
use nas_space::seed::Seed;
use nas_space::spaces::nb201;
use serde::Deserialize;

use super::*;
use crate::DType;
use crate::compute::Compute;
use crate::data::{Augmentation, Dataset};
use crate::nn::{AdamConfig, Gradients, Init, Optimizer, OptimizerConfig, Parameters};
use crate::supernet::{Mixture, SharedSpace, Step, Steps, SupernetData, TrainingPass};
use crate::train::TrainConfig;

/// The number follows the epochs; a stop is requested in the step of this number, counted over all.
struct Uniform {
    shared: SharedSpace,
    number: Parameters,
    optimizer: Box<dyn Optimizer>,
    steps: u64,
    stop_at: Option<(u64, Stop)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Report {
    train_loss: f64,
    seconds: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    steps: u64,
}

impl Uniform {
    fn new(stop_at: Option<(u64, Stop)>) -> Self {
        let mut number = Parameters::new(Seed::new(0), &Compute::cpu().with_dtype(DType::F64));
        number.create("number", &[1], Init::Zeros, true).unwrap();
        Self {
            shared: SharedSpace::new(&nb201()).unwrap(),
            number,
            optimizer: OptimizerConfig::Adam(AdamConfig::default()).build().unwrap(),
            steps: 0,
            stop_at,
        }
    }
}

impl Steps for Uniform {
    type Error = EvalError;

    fn mixture(&mut self, training: &SupernetTraining, step: &Step<'_>) -> Result<Mixture, EvalError> {
        let epoch = training.seed().derive("draw", step.pass.stream.into());
        let mut rng = epoch.derive("step", step.number as u64).rng();
        Ok(self
            .shared
            .mixture(&self.shared.space().sample(&mut rng))
            .unwrap())
    }

    fn after(&mut self, _: &SupernetTraining, _: &Step<'_>) -> Result<(), EvalError> {
        let number = &self.number.get("number").unwrap().var;
        let loss = number.affine(2.0, 1.0)?.sqr()?.sum_all()?;
        let gradients = Gradients::of(&loss, &self.number)?;
        self.optimizer.step(&self.number, &gradients, 0.1)?;
        self.steps += 1;
        if let Some((_, stop)) = self.stop_at.as_ref().filter(|(at, _)| *at == self.steps) {
            stop.request();
        }
        Ok(())
    }
}

impl OneShot for Uniform {
    type Config = ();
    type Report = Report;
    type State = Remembered;
    type Error = EvalError;
    const CHECKPOINT: CheckpointForm = CheckpointForm {
        format: "uniform",
        version: 1,
        file: "uniform.safetensors",
    };

    fn config(&self) -> &() {
        &()
    }

    fn space(&self) -> String {
        self.shared.identity()
    }

    fn epoch(&mut self, training: &mut SupernetTraining, epoch: u32) -> Result<Report, EvalError> {
        let trained = training.pass(TrainingPass::of_epoch(epoch), self)?;
        Ok(Report {
            train_loss: trained.scores.loss,
            seconds: 0.0,
        })
    }

    fn timed(report: Report, seconds: f64) -> Report {
        Report { seconds, ..report }
    }

    fn is_interruption(error: &EvalError) -> bool {
        matches!(error, EvalError::Interrupted)
    }

    fn learned(&mut self) -> Option<Learned<'_>> {
        Some(Learned {
            name: "number",
            parameters: &self.number,
            optimizer: self.optimizer.as_mut(),
        })
    }

    fn state(&self) -> Remembered {
        Remembered { steps: self.steps }
    }

    fn restore(&mut self, state: Remembered) {
        self.steps = state.steps;
    }
}

fn search(seed: u64, stop_at: Option<u64>) -> OneShotSearch<Uniform> {
    let digits = Dataset::load("digits", None).unwrap();
    let dataset = digits.with_training_images(80, Seed::new(0)).unwrap();
    let size = NetworkConfig {
        image: dataset.train.shape(),
        channels: 4,
        cells: 1,
        ..NetworkConfig::default()
    };
    let config = TrainConfig {
        batch_size: 16,
        augmentation: Augmentation::NONE,
        ..TrainConfig::darts().with_epochs(2)
    };
    let data = SupernetData {
        dataset: &dataset,
        valid_fraction: 0.4,
        compute: &Compute::cpu(),
    };
    let stop = Stop::new();
    let method = Uniform::new(stop_at.map(|at| (at, stop.clone())));
    let network = method.shared.network(&size, 0.0).unwrap();
    let training = SupernetTraining::new(network, &size, data, config, Seed::new(seed)).unwrap();
    OneShotSearch::new(training, method).with_stop(stop)
}

fn run(search: &mut OneShotSearch<Uniform>, directory: Option<&Path>) -> Result<(), EvalError> {
    search.run(directory, &mut |_: &Event<'_, Report, ()>| {})
}

/// All that is learned by its name, bit for bit, and the losses.
fn outcome(search: &mut OneShotSearch<Uniform>) -> (BTreeMap<String, Vec<u64>>, Vec<u64>) {
    let bits = |tensor: &Tensor| {
        let flat = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
        let values = flat.to_vec1::<f64>().unwrap();
        values.into_iter().map(f64::to_bits).collect()
    };
    let mut values = BTreeMap::new();
    for learned in [search.training.learned(), search.method.learned().unwrap()] {
        let (snapshot, state) = (
            learned.parameters.snapshot().unwrap(),
            learned.optimizer.state().unwrap(),
        );
        for (name, tensor) in snapshot.tensors().iter().chain(state.tensors()) {
            values.insert(format!("{}/{name}", learned.name), bits(tensor));
        }
    }
    let losses = search.history.iter().map(|report| report.train_loss.to_bits());
    (values, losses.collect())
}

/// 48 training images make 3 steps an epoch.
#[test]
fn a_search_that_is_stopped_after_any_step_ends_as_if_it_had_not_been() {
    let mut straight = search(1, None);
    run(&mut straight, None).unwrap();
    assert_eq!(straight.method.steps, 6);
    let expected = outcome(&mut straight);
    for at in 1..6 {
        let dir = tempfile::tempdir().unwrap();
        let mut first = search(1, Some(at));
        let error = run(&mut first, Some(dir.path())).unwrap_err();
        assert!(matches!(error, EvalError::Interrupted));
        let left = first.training.progress().map(|progress| progress.steps);
        assert_eq!(left, [None, Some(1), Some(2)][at as usize % 3]);
        let mut second = search(1, None);
        run(&mut second, Some(dir.path())).unwrap();
        assert_eq!(second.method.steps, 6, "stopped after step {at}");
        assert!(outcome(&mut second) == expected, "stopped after step {at}");
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run(&mut search(1, Some(2)), Some(dir.path())).unwrap_err();
    let path = Uniform::CHECKPOINT.path(dir.path());
    let mut other = search(2, None);
    let before = outcome(&mut other);
    let error = other.load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("its seed is 1, expected 2"), "{error}");
    // The weights fit, what the method has learned does not.
    let mut grown = search(1, None);
    grown
        .method
        .number
        .create("another", &[1], Init::Zeros, true)
        .unwrap();
    let before_grown = outcome(&mut grown);
    assert!(matches!(
        grown.load(dir.path()).unwrap_err(),
        EvalError::TensorMismatch { .. }
    ));
    assert!(outcome(&mut grown) == before_grown);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = other.load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("torn"), "{error}");
    assert!(outcome(&mut other) == before);
}

/// Another method of the same format.
#[test]
fn tensors_that_belong_nowhere_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut saved = search(1, None);
    saved.save(dir.path()).unwrap();
    let identity = saved.identity.clone();
    let mut learned = [saved.training.learned()];
    let read =
        Checkpoint::<Report, Remembered>::read(&Uniform::CHECKPOINT, dir.path(), &identity, &mut learned);
    let error = read.unwrap_err().to_string();
    assert!(
        error.contains("'number/number', which belongs nowhere"),
        "{error}"
    );
}

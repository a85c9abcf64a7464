//! Performance estimation by training.

use std::sync::Arc;

use candle_core::{DType, Device};
use nas_space::network::NetworkConfig;
use nas_space::search::{Evaluation, Evaluator, Failure, FailureKind, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use serde::{Deserialize, Serialize};

use crate::clock::Stopwatch;
use crate::data::Dataset;
use crate::device::device_name;
use crate::error::EvalError;
use crate::final_training::{Validation, check_fit};
use crate::model::Model;
use crate::train::{TrainConfig, Trainer, TrainingData};

/// Settings of a [`TrainingEvaluator`].
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `network` | see [`NetworkConfig`] | size of the networks; image and classes must be those of the data | |
/// | `train` | see [`TrainConfig`] | how they are trained; a trial's fidelity replaces `epochs` | |
/// | `valid_fraction` | 0.5 | share of the training images that architectures are judged by (Liu et al. 2019, section 3.1: half) | (0, 1) |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingEvaluatorConfig {
    /// Size of the networks.
    pub network: NetworkConfig,
    /// How they are trained.
    pub train: TrainConfig,
    /// Share of the training images kept for validation.
    pub valid_fraction: f64,
}

impl Default for TrainingEvaluatorConfig {
    fn default() -> Self {
        Self {
            network: NetworkConfig::default(),
            train: TrainConfig::default(),
            valid_fraction: 0.5,
        }
    }
}

/// Evaluates a trial by building its network and training it for the trial's epochs, over which the learning-rate
/// schedule spans, on the training split; the accuracy is that on the validation split after the last epoch.
///
/// All trials of a study share one split. It holds the data set's training images only, so no strategy can see a test
/// image; for the test, see [`FinalTraining`](crate::final_training::FinalTraining).
#[derive(Debug)]
pub struct TrainingEvaluator {
    space: Arc<dyn Space>,
    data: TrainingData,
    config: TrainingEvaluatorConfig,
    device: Device,
    dtype: DType,
    description: String,
}

/// What [`Evaluator::description`] says, as JSON.
#[derive(Serialize)]
struct Description<'a> {
    evaluator: &'static str,
    space: &'a str,
    dataset: &'a str,
    images: usize,
    /// Fingerprint of their pixels and labels: a data set of the same name and size may be another one.
    fingerprint: String,
    valid_fraction: f64,
    split_seed: u64,
    network: &'a NetworkConfig,
    train: serde_json::Value,
    device: &'a str,
    dtype: &'a str,
}

impl TrainingEvaluator {
    /// An evaluator for architectures of `space` on `dataset`; the split into training and validation images is drawn
    /// from the seed of the study.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value outside its range or a network that does not fit the data,
    /// [`EvalError::Data`] for a fraction that leaves a side empty.
    pub fn new(
        space: Arc<dyn Space>,
        dataset: &Dataset,
        config: TrainingEvaluatorConfig,
        study: Seed,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, EvalError> {
        check_fit(&config.network, &config.train, dataset)?;
        let data = Validation::HoldOut {
            fraction: config.valid_fraction,
            study,
        }
        .divide(dataset)?;
        // Numbers, strings and maps always serialise.
        let mut train = serde_json::to_value(&config.train).unwrap_or_default();
        if let Some(fields) = train.as_object_mut() {
            // The trial's fidelity decides it.
            fields.remove("epochs");
        }
        let description = serde_json::to_string(&Description {
            evaluator: "training",
            space: space.name(),
            dataset: dataset.name,
            images: dataset.train.len(),
            fingerprint: dataset.train.fingerprint(),
            valid_fraction: config.valid_fraction,
            split_seed: study.value(),
            network: &config.network,
            train,
            device: &device_name(device),
            dtype: dtype.as_str(),
        });
        let description = description.unwrap_or_default();
        Ok(Self {
            space,
            data,
            config,
            device: device.clone(),
            dtype,
            description,
        })
    }

    fn train(&self, trial: &Trial) -> Result<Evaluation, EvalError> {
        let watch = Stopwatch::start();
        let network = Arc::new(self.space.network(&trial.architecture, &self.config.network)?);
        let cost = network.cost();
        let model = Model::new(network, trial.seed.derive("init", 0), &self.device, self.dtype)?;
        let params = model.parameters().count();
        if params != cost.params {
            return Err(EvalError::ParameterCount {
                expected: cost.params,
                got: params,
            });
        }
        let train = self.config.train.with_epochs(trial.fidelity.epochs);
        let mut trainer = Trainer::new(model, self.data.clone(), train, trial.seed.derive("train", 0))?;
        let last = trainer.run(|_| {})?.last();
        Ok(Evaluation {
            valid_accuracy: last
                .and_then(|metrics| metrics.valid_accuracy)
                .unwrap_or(f64::NAN),
            valid_loss: last.and_then(|metrics| metrics.valid_loss),
            train_accuracy: last.map(|metrics| metrics.train_accuracy),
            train_loss: last.map(|metrics| metrics.train_loss),
            params: Some(params),
            macs: Some(cost.macs),
            epochs: trial.fidelity.epochs,
            cost_seconds: watch.seconds(),
            device: device_name(&self.device),
        })
    }
}

impl Evaluator for TrainingEvaluator {
    fn description(&self) -> String {
        self.description.clone()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        self.train(trial).map_err(|e| failure(&e))?.checked()
    }
}

/// The class of failure that an error is, with its message.
fn failure(error: &EvalError) -> Failure {
    let message = error.to_string();
    let lower = message.to_lowercase();
    // Candle has no variant for it: the drivers' texts are all there is.
    let out_of_memory = ["out of memory", "out_of_memory"]
        .iter()
        .any(|text| lower.contains(text));
    let kind = match error {
        EvalError::NonFinite { .. } => FailureKind::NonFinite,
        EvalError::Tensor(_) if out_of_memory => FailureKind::OutOfMemory,
        EvalError::Space(_) | EvalError::UnsupportedLayer { .. } | EvalError::Config { .. } => {
            FailureKind::Invalid
        }
        _ => FailureKind::Other,
    };
    Failure::new(kind, message)
}

#[cfg(test)]
mod tests {
    use nas_space::arch::{Architecture, Decision};
    use nas_space::cell::{Cell, Node};
    use nas_space::error::SpaceError;
    use nas_space::genotype::{Genotype, Nb201Genotype};
    use nas_space::op::Operations;
    use nas_space::search::Fidelity;

    use super::*;
    use crate::data::Images;
    use crate::nn::Schedule;

    const OPTIONS: [&str; 3] = ["nor_conv_3x3", "skip_connect", "none"];

    /// NAS-Bench-201 cells of one edge.
    #[derive(Debug)]
    struct OneEdge {
        decisions: Vec<Decision>,
        operations: Operations,
    }

    impl Space for OneEdge {
        fn name(&self) -> &str {
            "one-edge"
        }

        fn decisions(&self) -> &[Decision] {
            &self.decisions
        }

        fn operations(&self) -> &Operations {
            &self.operations
        }

        fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
            self.validate(architecture)?;
            let operation = OPTIONS[architecture.choices()[0]];
            let cell = Cell::new(1, vec![Node::add([(operation, 0)])], vec![1])?;
            Ok(Genotype::Nb201(Nb201Genotype { cell }))
        }

        fn architecture(&self, _: &Genotype) -> Result<Architecture, SpaceError> {
            Err(SpaceError::cell("not needed here"))
        }
    }

    fn digits() -> Dataset {
        Dataset::load("digits", None).unwrap()
    }

    fn evaluator(change: impl FnOnce(&mut TrainingEvaluatorConfig)) -> Result<TrainingEvaluator, EvalError> {
        evaluator_on(&digits(), change)
    }

    fn evaluator_on(
        dataset: &Dataset,
        change: impl FnOnce(&mut TrainingEvaluatorConfig),
    ) -> Result<TrainingEvaluator, EvalError> {
        let decisions = vec![Decision {
            name: "edge".to_owned(),
            kind: "operation".to_owned(),
            options: OPTIONS.map(str::to_owned).to_vec(),
        }];
        let space = Arc::new(OneEdge {
            decisions,
            operations: Operations::standard(),
        });
        let mut config = TrainingEvaluatorConfig {
            network: NetworkConfig {
                image: dataset.train.shape(),
                classes: 10,
                channels: 4,
                cells: 1,
                ..NetworkConfig::default()
            },
            train: TrainConfig::quick("digits").unwrap(),
            ..TrainingEvaluatorConfig::default()
        };
        change(&mut config);
        TrainingEvaluator::new(space, dataset, config, Seed::new(7), &Device::Cpu, DType::F32)
    }

    fn trial(choice: usize, epochs: u32) -> Trial {
        Trial {
            id: 0,
            architecture: Architecture::new([choice]),
            fidelity: Fidelity { epochs },
            seed: Seed::new(11),
        }
    }

    #[test]
    fn a_trial_is_trained_for_its_epochs_and_its_network_is_counted() {
        let evaluator = evaluator(|_| {}).unwrap();
        let evaluation = evaluator.evaluate(&trial(0, 2)).unwrap();
        let cost = evaluator
            .space
            .network(&Architecture::new([0]), &evaluator.config.network)
            .unwrap()
            .cost();
        assert_eq!(
            (evaluation.params, evaluation.macs),
            (Some(cost.params), Some(cost.macs))
        );
        assert_eq!((evaluation.epochs, evaluation.device.as_str()), (2, "cpu"));
        assert!(evaluation.valid_accuracy > 0.3, "{evaluation:?}");
        let again = evaluator.evaluate(&trial(0, 2)).unwrap();
        assert_eq!(
            again.valid_loss, evaluation.valid_loss,
            "the same trial is evaluated alike"
        );
        assert_ne!(
            evaluator.evaluate(&trial(0, 1)).unwrap().valid_loss,
            evaluation.valid_loss
        );
    }

    #[test]
    fn failures_have_their_kind() {
        let exploding = evaluator(|config| {
            config.train.learning_rate = 1e30;
            config.train.clip_norm = 0.0;
            config.train.schedule = Schedule::default();
        });
        assert_eq!(
            exploding.unwrap().evaluate(&trial(0, 1)).unwrap_err().kind,
            FailureKind::NonFinite
        );
        let evaluator = evaluator(|_| {}).unwrap();
        assert_eq!(
            evaluator.evaluate(&trial(9, 1)).unwrap_err().kind,
            FailureKind::Invalid
        );
        assert_eq!(
            evaluator.evaluate(&trial(0, 0)).unwrap_err().kind,
            FailureKind::Invalid
        );
        let out = EvalError::Tensor(candle_core::Error::Msg("CUDA_ERROR_OUT_OF_MEMORY".to_owned()));
        assert_eq!(failure(&out).kind, FailureKind::OutOfMemory);
    }

    #[test]
    fn a_network_that_does_not_fit_the_data_is_refused_before_any_trial() {
        for (change, field) in [
            (
                (|c| c.network.classes = 3) as fn(&mut TrainingEvaluatorConfig),
                "network.classes",
            ),
            (|c| c.network.image.channels = 3, "network.image"),
            (|c| c.train.drop_path = 0.2, "drop_path"),
            (|c| c.train.batch_size = 0, "batch_size"),
            (|c| c.valid_fraction = 1.0, "fraction"),
        ] {
            let error = evaluator(change).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn the_description_says_what_decides_an_evaluation_and_leaves_the_epochs_to_the_trial() {
        let describe = |change: fn(&mut TrainingEvaluatorConfig)| evaluator(change).unwrap().description();
        let description = describe(|_| {});
        assert!(
            !description.contains('\n') && description.contains("one-edge") && description.contains("digits")
        );
        assert_eq!(description, describe(|c| c.train.epochs = 3));
        assert_ne!(description, describe(|c| c.train.learning_rate = 0.05));
        assert_ne!(description, describe(|c| c.network.channels = 5));
        assert_ne!(description, describe(|c| c.valid_fraction = 0.25));
    }

    #[test]
    fn the_description_tells_images_of_the_same_name_and_number_apart() {
        let dataset = digits();
        let describe = |dataset: &Dataset| evaluator_on(dataset, |_| {}).unwrap().description();
        let mut pixels = dataset.train.pixels().to_vec();
        pixels[0] ^= 1;
        let (shape, labels) = (dataset.train.shape(), dataset.train.labels().to_vec());
        let mut other = dataset.clone();
        other.train = Arc::new(Images::new(shape, 10, pixels, labels).unwrap());
        assert!(describe(&dataset).contains(&dataset.train.fingerprint()));
        assert_ne!(describe(&dataset), describe(&other));
    }
}

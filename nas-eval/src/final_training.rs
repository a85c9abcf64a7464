//! The final training of a chosen architecture, and its test.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use nas_files::FolderLock;
use nas_space::cost::Cost;
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::search::{Stop, TestReport};
use nas_space::seed::Seed;

use crate::clock::Stopwatch;
use crate::compute::Compute;
use crate::data::Dataset;
use crate::error::EvalError;
use crate::model::Model;
use crate::profile::Profile;
use crate::train::JudgedBy;
use crate::train::{EpochMetrics, TrainConfig, Trainer, TrainingData, profile_training};
use crate::trained::{MADE_BY, TrainedNetwork};

/// Trains one architecture in full and tests it. This happens once, after a search, for the
/// architecture that validation chose. It is the only way in this crate from an architecture to a
/// test accuracy.
#[derive(Debug, Clone)]
pub struct FinalTraining<'a> {
    /// The architecture.
    pub genotype: &'a Genotype,
    /// The vocabulary it is built from.
    pub operations: &'a Operations,
    /// What it is trained, validated and tested on.
    pub dataset: &'a Dataset,
    /// The size it is built at; image and classes must be those of the data.
    pub network: NetworkConfig,
    /// How it is trained.
    pub train: TrainConfig,
    /// What it was chosen by, for the record.
    pub judged_by: JudgedBy,
    /// What is kept for validation.
    pub validation: Validation,
    /// Where all randomness of the training comes from.
    pub seed: Seed,
    /// What it runs on, and in which element type.
    pub compute: &'a Compute,
    /// The directory of checkpoints. One is written after each epoch, and an interrupted training
    /// continues from it.
    pub checkpoint: Option<&'a Path>,
    /// By which it can be asked to stop. It then leaves a checkpoint, if there is a directory for
    /// it, and fails with [`EvalError::Interrupted`].
    pub stop: Stop,
}

/// Which training images a final training is validated on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Validation {
    /// None: all of them are trained on.
    None,
    /// The share of each class that a search with this fraction and study seed held out.
    HoldOut {
        /// Share of the training images, in (0, 1).
        fraction: f64,
        /// The seed of the study.
        study: Seed,
    },
}

/// What became of a final training.
#[derive(Debug)]
pub struct FinalReport {
    /// Figures on the test split, which was used once.
    pub test: TestReport,
    /// Validation accuracy after the last epoch, where images were held out.
    pub valid_accuracy: Option<f64>,
    /// The epochs, in order.
    pub history: Vec<EpochMetrics>,
    /// Parameters and multiply-accumulates.
    pub cost: Cost,
    /// Wall-clock seconds of this process; those before an interruption are not counted.
    pub seconds: f64,
    /// The network, ready to be saved.
    pub network: TrainedNetwork,
}

impl Validation {
    /// The division of a data set's training images. The same fraction and study seed give the same
    /// one everywhere.
    ///
    /// # Errors
    /// [`EvalError::Data`] for a fraction that is not strictly between 0 and 1, or too few images.
    pub fn divide(self, dataset: &Dataset) -> Result<TrainingData, EvalError> {
        Ok(match self {
            Self::None => TrainingData::all(dataset)?,
            Self::HoldOut { fraction, study } => {
                TrainingData::hold_out(dataset, fraction, study.derive("validation", 0))?
            }
        })
    }
}

impl FinalTraining<'_> {
    /// What each layer takes in `passes` training passes of its first batch. The training is not
    /// affected.
    ///
    /// # Errors
    /// As [`FinalTraining::run`]; [`EvalError::Tensor`] where it does not run on the CPU.
    pub fn profile(&self, passes: u32) -> Result<Profile, EvalError> {
        check_fit(&self.network, &self.train, self.dataset)?;
        let data = self.validation.divide(self.dataset)?;
        let network = Arc::new(self.genotype.network(self.operations, &self.network)?);
        let model = Model::new(network, self.seed.derive("init", 0), self.compute)?;
        profile_training(&model, &data, &self.train, self.seed.derive("train", 0), passes)
    }

    /// Trains all epochs, shows each to `observer`, and tests.
    ///
    /// # Errors
    /// Any [`EvalError`]: a size that cannot be built or does not fit the data, a loss that is not
    /// a number, a checkpoint of another training.
    pub fn run(self, observer: impl Fn(&EpochMetrics)) -> Result<FinalReport, EvalError> {
        let watch = Stopwatch::start();
        // Two trainings with the same checkpoint directory would continue from each other's
        // checkpoints.
        let _lock = self.checkpoint.map(take).transpose()?;
        check_fit(&self.network, &self.train, self.dataset)?;
        let data = self.validation.divide(self.dataset)?;
        let normalization = Arc::clone(data.normalization());
        let network = Arc::new(self.genotype.network(self.operations, &self.network)?);
        let cost = network.cost();
        let model = Model::new(network, self.seed.derive("init", 0), self.compute)?;
        let mut trainer =
            Trainer::new(model, data, self.train.clone(), self.seed.derive("train", 0))?.with_stop(self.stop);
        if let Some(directory) = self
            .checkpoint
            .filter(|directory| Trainer::has_checkpoint(directory))
        {
            trainer.load(directory)?;
            trainer.history().iter().for_each(&observer);
        }
        while !trainer.is_finished() {
            let interrupted = match trainer.epoch() {
                Ok(metrics) => {
                    observer(metrics);
                    None
                }
                Err(EvalError::Interrupted) => Some(EvalError::Interrupted),
                Err(error) => return Err(error),
            };
            let moved = interrupted.is_none() || trainer.progress().is_some();
            if let Some(directory) = self.checkpoint.filter(|_| moved) {
                trainer.save(directory)?;
            }
            if let Some(error) = interrupted {
                return Err(error);
            }
        }
        let history = trainer.history().to_vec();
        let network = TrainedNetwork {
            genotype: self.genotype.clone(),
            network: self.network,
            dataset: self.dataset.name.clone(),
            classes: self.dataset.classes.clone(),
            resize: self.dataset.resize,
            fingerprint: self.dataset.fingerprint.clone(),
            judged_by: self.judged_by,
            made_by: MADE_BY.to_owned(),
            normalization,
            train: self.train,
            model: trainer.into_model(),
        };
        let test = network.test(self.dataset)?;
        let valid_accuracy = history.last().and_then(|metrics| metrics.valid_accuracy);
        Ok(FinalReport {
            test,
            valid_accuracy,
            history,
            cost,
            seconds: watch.seconds(),
            network,
        })
    }
}

/// Makes a directory of checkpoints this process's own, for as long as it trains.
fn take(directory: &Path) -> Result<FolderLock, EvalError> {
    let io = |error| EvalError::io(directory, error);
    fs::create_dir_all(directory).map_err(io)?;
    nas_files::lock_folder(directory).map_err(io)
}

/// Checks that a network of this size takes the images of the data set, and has the layers its
/// training speaks of.
pub(crate) fn check_fit(
    network: &NetworkConfig,
    train: &TrainConfig,
    dataset: &Dataset,
) -> Result<(), EvalError> {
    network.validate()?;
    train.validate()?;
    let (shape, classes) = (dataset.train.shape(), dataset.train.classes());
    if network.image != shape {
        return Err(EvalError::config(
            "network.image",
            network.image,
            "the shape of the data set's images",
        ));
    }
    if network.classes != classes {
        return Err(EvalError::config(
            "network.classes",
            network.classes,
            "the data set's number of classes",
        ));
    }
    if train.drop_path > 0.0 && !network.drop_path {
        let expected = "0, or a network with drop-path layers (network.drop_path = true)";
        return Err(EvalError::config("train.drop_path", train.drop_path, expected));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell as Counter;

    use nas_data::Resize;
    use nas_space::cell::{Cell, Node};
    use nas_space::genotype::Nb201Genotype;

    use super::*;
    use crate::Device;
    use crate::nn::{Snapshot, tensor_file};

    fn genotype() -> Genotype {
        let cell = Cell::new(
            1,
            vec![Node::add([("nor_conv_3x3", 0), ("skip_connect", 0)])],
            vec![1],
        )
        .unwrap();
        Genotype::Nb201(Nb201Genotype { cell })
    }

    /// Runs a short training on digits; `observer` sees the numbers of the epochs.
    fn train(checkpoint: Option<&Path>, validation: Validation, observer: impl Fn(u32)) -> FinalReport {
        let dataset = Dataset::load("digits", None).unwrap();
        let image = dataset.train.shape();
        FinalTraining {
            genotype: &genotype(),
            operations: &Operations::standard(),
            dataset: &dataset,
            network: NetworkConfig {
                image,
                classes: 10,
                channels: 4,
                cells: 1,
                ..NetworkConfig::default()
            },
            train: TrainConfig::quick("digits").unwrap().with_epochs(3),
            judged_by: JudgedBy::Accuracy,
            validation,
            seed: Seed::new(1),
            compute: &Compute::cpu(),
            checkpoint,
            stop: Stop::new(),
        }
        .run(|metrics| observer(metrics.epoch))
        .unwrap()
    }

    const HOLD_OUT: Validation = Validation::HoldOut {
        fraction: 0.2,
        study: Seed::new(5),
    };

    #[test]
    fn a_saved_network_tests_exactly_as_the_trained_one_and_only_on_its_own_data() {
        let mut report = train(None, HOLD_OUT, |_| {});
        assert!(report.test.test_accuracy > 0.5, "{:?}", report.test);
        assert!(report.valid_accuracy.unwrap() > 0.5);
        assert_eq!(report.cost.params, report.network.model.parameters().count());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("network.safetensors");
        report.network.save(&path).unwrap();
        let loaded = TrainedNetwork::load(&path, &Operations::standard(), &Device::Cpu).unwrap();
        let mut dataset = Dataset::load("digits", None).unwrap();
        assert_eq!(loaded.test(&dataset).unwrap(), report.test);
        assert_eq!(report.test.images, Some(dataset.test.len()));
        assert_eq!(
            (&loaded.genotype, &loaded.normalization),
            (&genotype(), &report.network.normalization)
        );
        let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
        assert_eq!((&loaded.classes, loaded.resize), (&digits, Resize::Pad));
        assert!(loaded.made_by.starts_with("nas "), "{}", loaded.made_by);
        // A file of the first version has no names of classes, nor how images are made to fit.
        let format = "nas-network";
        let (mut content, tensors): (serde_json::Value, _) =
            tensor_file::load(&path, format, 2..=2, &Device::Cpu).unwrap();
        for key in ["classes", "resize", "fingerprint", "judged_by", "made_by"] {
            content.as_object_mut().unwrap().remove(key).unwrap();
        }
        tensor_file::save(&path, format, 1, &content, &tensors).unwrap();
        let first = TrainedNetwork::load(&path, &Operations::standard(), &Device::Cpu).unwrap();
        assert_eq!((&first.classes, first.resize), (&digits, Resize::Pad));
        assert_eq!(first.test(&dataset).unwrap(), report.test);
        report.network.classes.pop();
        report.network.save(&path).unwrap();
        let unnamed = TrainedNetwork::load(&path, &Operations::standard(), &Device::Cpu).unwrap_err();
        assert!(unnamed.to_string().contains("it names 9 classes"), "{unnamed}");
        report.network.classes = digits;
        report.network.save(&path).unwrap();
        dataset.name = "mnist".to_owned();
        assert!(
            loaded
                .test(&dataset)
                .unwrap_err()
                .to_string()
                .contains("trained on 'digits', got 'mnist'")
        );
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let torn = TrainedNetwork::load(&path, &Operations::standard(), &Device::Cpu).unwrap_err();
        assert!(torn.to_string().contains("network.safetensors"), "{torn}");
        // A few digits more, and the network would have thousands of cells, or take some hundred
        // gigabytes.
        report.network.network.cells = 1000;
        report.network.save(&path).unwrap();
        let long = TrainedNetwork::load(&path, &Operations::standard(), &Device::Cpu).unwrap_err();
        assert!(
            long.to_string().contains("operations, expected at most"),
            "{long}"
        );
        report.network.network.cells = 1;
        report.network.network.channels = 65_536;
        report.network.save(&path).unwrap();
        let huge = TrainedNetwork::load(&path, &Operations::standard(), &Device::Cpu).unwrap_err();
        assert!(huge.to_string().contains("numbers"), "{huge}");
        // Images that no digit has: compared with the data set before anything of their size is
        // made.
        report.network.network.channels = 4;
        report.network.network.image.height = 65_536;
        report.network.network.image.width = 65_536;
        report.network.save(&path).unwrap();
        let large = TrainedNetwork::load(&path, &Operations::standard(), &Device::Cpu).unwrap_err();
        assert!(
            large.to_string().contains("1x8x8 and 10 classes, as digits has"),
            "{large}"
        );
    }

    #[test]
    fn weights_that_are_no_numbers_are_named_as_the_reason() {
        let report = train(None, Validation::None, |_| {});
        let network = report.network;
        let parameters = network.model.parameters();
        let spoiled = parameters.snapshot().unwrap();
        let spoiled = spoiled
            .iter()
            .map(|(name, tensor)| (name.to_owned(), (tensor * f64::NAN).unwrap()));
        parameters
            .restore(&Snapshot::from_tensors(spoiled.collect()))
            .unwrap();
        let refused = network.test(&Dataset::load("digits", None).unwrap()).unwrap_err();
        assert!(matches!(refused, EvalError::NonFiniteScores { .. }), "{refused}");
        assert!(refused.to_string().contains("weights"), "{refused}");
    }

    #[test]
    fn a_second_training_with_the_same_checkpoints_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let _lock = take(directory.path()).unwrap();
        let refused = take(directory.path()).unwrap_err().to_string();
        assert!(refused.contains("another process is working in it"), "{refused}");
    }

    #[test]
    fn an_interrupted_training_goes_on_from_its_checkpoint() {
        let directory = tempfile::tempdir().unwrap();
        let straight = train(None, Validation::None, |_| {});
        assert_eq!(straight.valid_accuracy, None);
        let killed = std::panic::catch_unwind(|| {
            train(Some(directory.path()), Validation::None, |epoch| {
                assert!(epoch < 2, "killed")
            });
        });
        assert!(killed.is_err());
        let seen = Counter::new(0);
        let resumed = train(Some(directory.path()), Validation::None, |_| {
            seen.set(seen.get() + 1)
        });
        assert_eq!(seen.get(), 3, "epochs done before are shown again");
        assert_eq!(resumed.test, straight.test);
    }
}

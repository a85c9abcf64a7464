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

pub(super) fn evaluator(
    change: impl FnOnce(&mut TrainingEvaluatorConfig),
) -> Result<TrainingEvaluator, EvalError> {
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
    TrainingEvaluator::new(space, dataset, config, Seed::new(7), &Compute::cpu())
}

pub(super) fn trial(choice: usize, epochs: u32) -> Trial {
    Trial::new(0, Architecture::new([choice]), Fidelity { epochs }, Seed::new(11))
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
        (|c| c.span = Span::Epochs(0), "span"),
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
    assert_ne!(description, describe(|c| c.span = Span::Epochs(9)));
    for (setting, at_its_default) in [("span", r#""span":"trial""#), ("tf32", r#""tf32":false"#)] {
        assert!(
            description.contains(at_its_default),
            "{setting} is told at its default, too: {description}"
        );
    }
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

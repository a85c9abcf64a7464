//! How a network is trained, as Python.

use nas_eval::data::{Augmentation, Fill};
use nas_eval::nn::{Curve, OptimizerConfig, Schedule, Tick};
use nas_eval::train::{ClassWeights, TrainConfig};

use crate::error::ExportError;

const TRAIN: &str = include_str!("train.py");

/// `train.py` for this recipe.
pub(super) fn train(config: &TrainConfig) -> Result<String, ExportError> {
    let truth = |value: bool| if value { "True" } else { "False" }.to_owned();
    let Augmentation {
        policy,
        crop_padding,
        crop_fill,
        horizontal_flip,
        cutout,
    } = config.augmentation;
    let left_out = match policy {
        None => "nothing",
        Some(_) => "the random operations of TrivialAugment, which come before all else",
    };
    let fill = match crop_fill {
        Fill::Black => "\"constant\"",
        Fill::Edge => "\"replicate\"",
    };
    let (optimizer, weight_decay, spare) = optimizer(&config.optimizer)?;
    let Schedule { curve, warm_up, per } = config.schedule;
    let (ticks_per_epoch, tick) = match per {
        Tick::Epoch => ("1", "epoch"),
        Tick::Step => ("steps_per_epoch", "epoch * steps_per_epoch + step"),
    };
    let values = [
        ("LEFT_OUT", left_out.to_owned()),
        ("EPOCHS", config.epochs.to_string()),
        ("BATCH_SIZE", config.batch_size.to_string()),
        ("LEARNING_RATE", format!("{:?}", config.learning_rate)),
        ("WARM_UP", format!("{warm_up:?}")),
        ("LABEL_SMOOTHING", format!("{:?}", config.label_smoothing)),
        (
            "BALANCED_CLASSES",
            truth(config.class_weights == ClassWeights::Balanced),
        ),
        ("AUXILIARY_WEIGHT", format!("{:?}", config.auxiliary_weight)),
        ("DROP_PATH", format!("{:?}", config.drop_path)),
        ("CLIP_NORM", format!("{:?}", config.clip_norm)),
        ("WEIGHT_DECAY", format!("{weight_decay:?}")),
        ("SPARE_NORM_AND_BIAS", truth(spare)),
        ("CROP_PADDING", crop_padding.to_string()),
        ("CROP_FILL", fill.to_owned()),
        ("FLIP", truth(horizontal_flip)),
        ("CUTOUT", cutout.unwrap_or(0).to_string()),
        ("TICKS_PER_EPOCH", ticks_per_epoch.to_owned()),
        ("TICK", tick.to_owned()),
        ("CURVE", self::curve(&curve)?),
        ("OPTIMIZER", optimizer),
    ];
    let fill = |text: String, (name, value): &(&str, String)| text.replace(&format!("__{name}__"), value);
    Ok(values.iter().fold(TRAIN.to_owned(), fill))
}

/// What makes the optimizer of `groups`, its weight decay, and whether that spares parameters of
/// one dimension.
fn optimizer(config: &OptimizerConfig) -> Result<(String, f64, bool), ExportError> {
    match config {
        OptimizerConfig::Sgd(sgd) => {
            let nesterov = if sgd.nesterov { ", nesterov=True" } else { "" };
            let made = format!(
                "torch.optim.SGD(groups, lr=rate, momentum={:?}{nesterov})",
                sgd.momentum
            );
            Ok((made, sgd.weight_decay, sgd.spare_norm_and_bias))
        }
        OptimizerConfig::Adam(adam) => {
            let name = if adam.decoupled { "AdamW" } else { "Adam" };
            let made = format!(
                "torch.optim.{name}(groups, lr=rate, betas=({:?}, {:?}), eps={:?})",
                adam.beta1, adam.beta2, adam.epsilon
            );
            Ok((made, adam.weight_decay, adam.spare_norm_and_bias))
        }
        other => Err(unknown("the optimizer", format!("{other:?}"))),
    }
}

/// The lines that return the rate at `tick` of `total` after the warm-up.
fn curve(curve: &Curve) -> Result<String, ExportError> {
    let half_cosine = |floor: f64, share: &str| {
        format!("    return {floor:?} + (base - {floor:?}) * 0.5 * (1 + math.cos(math.pi * {share}))")
    };
    Ok(match *curve {
        Curve::Constant {} => "    return base".to_owned(),
        Curve::Cosine { floor } => half_cosine(floor, "min(tick / total, 1)"),
        Curve::Restarts {
            floor,
            epochs,
            factor,
        } => {
            let length = format!("    length = {epochs} * ticks_per_epoch\n");
            let again = format!(
                "    while tick >= length:\n        tick, length = tick - length, length * {factor}\n"
            );
            length + &again + &half_cosine(floor, "tick / length")
        }
        Curve::Step { epochs, factor } => {
            format!("    return base * {factor:?} ** (tick // (ticks_per_epoch * {epochs}))")
        }
        Curve::Exponential { factor } => format!("    return base * {factor:?} ** (tick // ticks_per_epoch)"),
        ref other => return Err(unknown("the curve of the learning rate", format!("{other:?}"))),
    })
}

fn unknown(what: &'static str, got: String) -> ExportError {
    ExportError::Mismatch {
        what,
        got,
        expected: "one that this exporter knows in PyTorch".to_owned(),
    }
}

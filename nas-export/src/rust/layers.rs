//! From the layers of a network to the lines of a function.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::DType;
use nas_eval::Model;
use nas_eval::model::BATCH_NORM_EPSILON;
use nas_space::network::{Layer, LayerKind, PoolKind};

use super::is_keyword;
use crate::error::ExportError;
use crate::parameter::parameter;

/// The lines of a network's function, and the weights that they read.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// A line for each layer.
    pub(super) lines: Vec<String>,
    pub(super) weights: Vec<f32>,
    /// The variable that holds the scores.
    pub(super) logits: String,
}

/// Writes the layers that the class scores depend on.
pub(super) fn lines(model: &Model) -> Result<Lines, ExportError> {
    let network = model.network();
    let layers = network.layers();
    let mut last_use = BTreeMap::from([(network.logits().index(), layers.len())]);
    for (index, layer) in layers.iter().enumerate().rev() {
        if last_use.contains_key(&index) {
            for input in &layer.inputs {
                last_use.entry(input.index()).or_insert(index);
            }
        }
    }
    let mut written = Lines::default();
    let mut names = BTreeMap::from([(0, "image".to_owned())]);
    let mut taken = BTreeSet::from(["image", "pixels", "w", "expected", "scores"].map(str::to_owned));
    for (&index, _) in last_use.range(1..) {
        let layer = &layers[index];
        let name = variable(&layer.name, &mut taken);
        let inputs: Vec<usize> = layer.inputs.iter().map(|id| id.index()).collect();
        let mut values = Values {
            owned: Vec::new(),
            seen: Vec::new(),
        };
        for (place, input) in inputs.iter().enumerate() {
            let is_last = last_use[input] == index && !inputs[place + 1..].contains(input);
            let name = &names[input];
            values.owned.push(if is_last {
                name.clone()
            } else {
                format!("{name}.clone()")
            });
            values
                .seen
                .push(if is_last { name.clone() } else { format!("&{name}") });
        }
        let value = value(model, layer, &values, &mut written.weights)?;
        written.lines.push(format!("    let {name} = {value};"));
        names.insert(index, name);
    }
    written.logits = names[&network.logits().index()].clone();
    Ok(written)
}

/// What a layer reads, as arguments: given away where it is not needed any more.
struct Values {
    /// For what takes a map.
    owned: Vec<String>,
    /// For what looks at one.
    seen: Vec<String>,
}

fn value(
    model: &Model,
    layer: &Layer,
    inputs: &Values,
    weights: &mut Vec<f32>,
) -> Result<String, ExportError> {
    let owned = inputs.owned.join(", ");
    let seen = inputs.seen.join(", ");
    let shape = layer.shape;
    let mut add = |values: Vec<f32>| {
        let start = weights.len();
        weights.extend(values);
        format!("&w[{start}..{}]", weights.len())
    };
    Ok(match &layer.kind {
        LayerKind::Relu => format!("ops::relu({owned})"),
        LayerKind::Conv2d(conv) => {
            let weight = add(numbers(model, layer, "weight")?);
            let bias = match conv.bias {
                true => numbers(model, layer, "bias")?,
                false => vec![0.0; conv.channels],
            };
            let windows = windows(conv.kernel, conv.stride, conv.padding, conv.dilation);
            format!(
                "ops::conv2d({seen}, {weight}, {}, {}, {windows})",
                add(bias),
                conv.groups
            )
        }
        LayerKind::Linear { .. } => {
            let weight = add(numbers(model, layer, "weight")?);
            format!(
                "ops::linear({seen}, {weight}, {})",
                add(numbers(model, layer, "bias")?)
            )
        }
        LayerKind::BatchNorm { affine } => {
            let channels = shape.channels;
            let (scale, shift) = match affine {
                true => (numbers(model, layer, "weight")?, numbers(model, layer, "bias")?),
                false => (vec![1.0; channels], vec![0.0; channels]),
            };
            let deviations = numbers(model, layer, "running_var")?;
            let deviations = deviations
                .iter()
                .map(|&variance| (f64::from(variance) + BATCH_NORM_EPSILON).sqrt());
            let scale: Vec<f64> = scale
                .iter()
                .zip(deviations)
                .map(|(&scale, deviation)| f64::from(scale) / deviation)
                .collect();
            let means = numbers(model, layer, "running_mean")?;
            let shift = shift
                .iter()
                .zip(means.iter().zip(&scale))
                .map(|(&shift, (&mean, scale))| (f64::from(shift) - f64::from(mean) * scale) as f32);
            let shift: Vec<f32> = shift.collect();
            let scale = add(scale.iter().map(|&scale| scale as f32).collect());
            format!("ops::scale_shift({owned}, {scale}, {})", add(shift))
        }
        LayerKind::Pool2d(pool) => {
            let windows = windows(pool.kernel, pool.stride, pool.padding, [1, 1]);
            match pool.kind {
                PoolKind::Max => format!("ops::max_pool2d({seen}, {windows})"),
                PoolKind::Average => format!("ops::avg_pool2d({seen}, {windows})"),
            }
        }
        LayerKind::GlobalAvgPool => format!("ops::global_avg_pool({seen})"),
        LayerKind::Zero { stride } => format!("ops::zero({seen}, {stride})"),
        LayerKind::Shift => format!("ops::shift({seen})"),
        LayerKind::Pad { height, width } => format!("ops::pad({seen}, {height}, {width})"),
        LayerKind::Add => format!("ops::add(vec![{owned}])"),
        LayerKind::Concat => format!("ops::concat(vec![{owned}])"),
        LayerKind::Channels { start, count } => format!("ops::channels({seen}, {start}, {count})"),
        LayerKind::Shuffle { groups } => format!("ops::shuffle({seen}, {groups})"),
        // They do something in training alone.
        LayerKind::DropPath | LayerKind::Dropout { .. } => owned,
        other => {
            return Err(ExportError::Layer {
                layer: layer.name.clone(),
                kind: other.label(),
                format: "Rust",
            });
        }
    })
}

/// Windows as they are written: what is as for single points is left out.
fn windows(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2], dilation: [usize; 2]) -> String {
    let fields = [
        ("kernel", kernel, [1, 1]),
        ("stride", stride, [1, 1]),
        ("padding", padding, [0, 0]),
        ("dilation", dilation, [1, 1]),
    ];
    let others = fields.iter().filter(|(_, value, usual)| value != usual);
    let others: String = others
        .map(|(name, value, _)| format!("{name}: {value:?}, "))
        .collect();
    match others.is_empty() {
        true => "ops::POINTS".to_owned(),
        false => format!("ops::Windows {{ {others}..ops::POINTS }}"),
    }
}

/// A parameter or running statistic of a layer.
fn numbers(model: &Model, layer: &Layer, suffix: &str) -> Result<Vec<f32>, ExportError> {
    let tensor = parameter(model, layer, suffix)?;
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// The name of a layer as one of a variable that no other has.
fn variable(layer: &str, taken: &mut BTreeSet<String>) -> String {
    let letters = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let mut name: String = layer.chars().map(letters).collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || is_keyword(&name) {
        name.insert_str(0, "x_");
    }
    let mut unused = name.clone();
    let mut number = 2;
    while !taken.insert(unused.clone()) {
        unused = format!("{name}_{number}");
        number += 1;
    }
    unused
}

//! From the layers of a network to the classes of `model.py`.

use std::collections::{HashMap, HashSet};

use nas_space::network::{Layer, LayerKind, Network, PoolKind};

use super::class::{Argument, Classes, Made, Shape};
use super::scope::{Node, Scope, is_keyword, is_module, is_number, is_plain, quoted};
use crate::error::ExportError;

/// Names of `model.py` that no class of a network may take.
const CLASSES: [&str; 3] = ["Network", "BatchNorm", "DropPath"];
/// Names that no variable may take.
const VARIABLES: [&str; 4] = ["self", "torch", "nn", "F"];

/// The classes of a network's parts, the one of all last.
pub(super) fn classes(network: &Network) -> Result<Classes, ExportError> {
    let root = Scope::of(network)?;
    let mut readers = vec![Vec::new(); network.layers().len()];
    for (index, layer) in network.layers().iter().enumerate() {
        for input in &layer.inputs {
            readers[input.index()].push(index);
        }
    }
    let mut modules = Modules {
        network,
        readers,
        behind_logits: network.behind_logits(),
        classes: Classes::default(),
    };
    modules.root(&root)?;
    Ok(modules.classes)
}

struct Modules<'a> {
    network: &'a Network,
    /// Which layers read each.
    readers: Vec<Vec<usize>>,
    behind_logits: Vec<bool>,
    classes: Classes,
}

/// Something that a `forward` calls or computes: a line of it.
struct Step<'a> {
    /// Its name below that of the class.
    path: Vec<&'a str>,
    /// How it is reached, where it is a module.
    access: String,
    /// The layers that it reads.
    inputs: Vec<usize>,
    /// The layer whose value it gives.
    output: usize,
    /// Whether it is one layer rather than a module of several.
    is_layer: bool,
}

impl<'a> Modules<'a> {
    fn layer(&self, index: usize) -> &'a Layer {
        &self.network.layers()[index]
    }

    /// The outputs of the network: the class scores, and those of the auxiliary head.
    fn outputs(&self) -> Vec<usize> {
        let outputs = std::iter::once(self.network.logits()).chain(self.network.auxiliary());
        outputs.map(|id| id.index()).collect()
    }

    /// Whether the value of a layer is N×classes already.
    fn is_flat(&self, index: usize) -> bool {
        let is_linear = matches!(self.layer(index).kind, LayerKind::Linear { .. });
        is_linear && self.readers[index].is_empty()
    }

    /// The layers outside of a part that it reads, and those in it that are read outside.
    fn ends(&self, layers: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let outputs = self.outputs();
        let inside: HashSet<usize> = layers.iter().copied().collect();
        let is_read = |index: &usize| {
            outputs.contains(index) || self.readers[*index].iter().any(|reader| !inside.contains(reader))
        };
        let mut inputs = Vec::new();
        for &index in layers {
            for input in self.layer(index).inputs.iter().map(|id| id.index()) {
                if !inside.contains(&input) && !inputs.contains(&input) {
                    inputs.push(input);
                }
            }
        }
        (inputs, layers.iter().copied().filter(is_read).collect())
    }

    /// Whether a scope becomes a class with a `forward` of its own, rather than a list or
    /// dictionary of modules: it is computed in one go and gives one value.
    fn is_class(&self, scope: &Scope) -> bool {
        let layers = scope.layers();
        let first = layers.iter().min().copied().unwrap_or_default();
        let last = layers.iter().max().copied().unwrap_or_default();
        let mut names = scope.children.iter().filter(|(_, node)| self.has_module(node));
        scope.children.len() > 1
            && last - first + 1 == layers.len()
            && layers.iter().any(|&index| is_module(&self.layer(index).kind))
            && names.all(|(name, _)| is_plain(name))
            && self.ends(&layers).1.len() == 1
    }

    fn has_module(&self, node: &Node) -> bool {
        match node {
            Node::Layer(index) => is_module(&self.layer(*index).kind),
            Node::Scope(scope) => scope.children.iter().any(|(_, node)| self.has_module(node)),
        }
    }

    /// Whether the modules in a scope make a list, rather than a dictionary.
    fn is_list(&self, scope: &Scope) -> bool {
        let mut names = scope
            .children
            .iter()
            .filter(|(_, node)| self.has_module(node))
            .zip(0..);
        names.all(|((name, _), place): (_, usize)| *name == place.to_string())
    }

    /// What makes the modules in a scope.
    fn attributes(&mut self, scope: &Scope, path: &str) -> Result<Vec<(String, Made)>, ExportError> {
        let mut attributes = Vec::new();
        for (name, node) in &scope.children {
            if !self.has_module(node) {
                continue;
            }
            let path = match path {
                "" => name.clone(),
                _ => format!("{path}.{name}"),
            };
            let made = match node {
                Node::Layer(index) => self.made(*index),
                Node::Scope(scope) if self.is_class(scope) => self.class(scope, &path)?,
                Node::Scope(scope) => {
                    let parts = self.attributes(scope, &path)?;
                    match self.is_list(scope) {
                        true => Made::List(parts),
                        false => Made::Dict(parts),
                    }
                }
            };
            attributes.push((name.clone(), made));
        }
        Ok(attributes)
    }

    /// What makes a layer.
    fn made(&self, index: usize) -> Made {
        let layer = self.layer(index);
        let input = layer
            .inputs
            .first()
            .map_or(layer.shape, |&id| self.network.layer(id).shape);
        let plain = |name, value: String| Argument {
            name,
            default: None,
            value,
        };
        let named = |name, default, value| Argument {
            name,
            default: Some(default),
            value,
        };
        let truth = |value| if value { "True" } else { "False" }.to_owned();
        match &layer.kind {
            LayerKind::Conv2d(conv) => Made::Layer(
                "nn.Conv2d",
                vec![
                    plain("in_channels", input.channels.to_string()),
                    plain("channels", conv.channels.to_string()),
                    plain("kernel", pair(conv.kernel)),
                    named("stride", "1", pair(conv.stride)),
                    named("padding", "0", pair(conv.padding)),
                    named("dilation", "1", pair(conv.dilation)),
                    named("groups", "1", conv.groups.to_string()),
                    named("bias", "True", truth(conv.bias)),
                ],
            ),
            LayerKind::BatchNorm { affine } => Made::Layer(
                "BatchNorm",
                vec![
                    plain("channels", layer.shape.channels.to_string()),
                    named("affine", "True", truth(*affine)),
                ],
            ),
            LayerKind::Linear { features } => Made::Layer(
                "nn.Linear",
                vec![
                    plain("in_features", input.numel().to_string()),
                    plain("features", features.to_string()),
                ],
            ),
            LayerKind::Dropout { rate } => {
                Made::Layer("nn.Dropout", vec![plain("rate", format!("{rate:?}"))])
            }
            _ => Made::Layer("DropPath", Vec::new()),
        }
    }

    /// An instance of the class that a scope becomes.
    fn class(&mut self, scope: &Scope, path: &str) -> Result<Made, ExportError> {
        let attributes = self.attributes(scope, path)?;
        let (inputs, outputs) = self.ends(&scope.layers());
        let names: Vec<String> = match inputs.len() {
            1 => vec!["x".to_owned()],
            inputs => (0..inputs).map(|place| format!("x{place}")).collect(),
        };
        let mut steps = Vec::new();
        self.steps(scope, "self", &[], &mut steps);
        steps.sort_by_key(|step| step.output);
        let mut body = Body::new(self, inputs.into_iter().zip(names.clone()));
        let result = outputs.first().copied().unwrap_or_default();
        let mut forward = body.lines(&steps, &[result])?;
        returning(&mut forward, &body.names[&result], "");
        let shape = Shape {
            name: class_name(path),
            setup: Vec::new(),
            inputs: names,
            forward,
        };
        Ok(self.classes.add(shape, path, attributes))
    }

    /// The class of the whole network.
    fn root(&mut self, scope: &Scope) -> Result<(), ExportError> {
        let attributes = self.attributes(scope, "")?;
        let mut steps = Vec::new();
        self.steps(scope, "self", &[], &mut steps);
        // The auxiliary head comes last: it is for training.
        steps.sort_by_key(|step| (!self.behind_logits[step.output], step.output));
        let behind = steps.partition_point(|step| self.behind_logits[step.output]);
        let outputs = self.outputs();
        let mut body = Body::new(self, [(0, "x".to_owned())]);
        let mut lines = body.lines(&steps, &outputs)?;
        let flat = |output: &usize| if self.is_flat(*output) { "" } else { ".flatten(1)" };
        let results: Vec<String> = outputs
            .iter()
            .map(|output| format!("{}{}", body.names[output], flat(output)))
            .collect();
        if let [logits, auxiliary] = results.as_slice() {
            let only = ["if not self.training:".to_owned(), format!("    return {logits}")];
            lines.splice(behind..behind, only);
            lines.push(format!("return {logits}, {auxiliary}"));
        } else {
            returning(&mut lines, &body.names[&outputs[0]], flat(&outputs[0]));
        }
        let mut forward =
            vec!["x = (x.to(self.pixel_mean.dtype) - self.pixel_mean) / self.pixel_std".to_owned()];
        forward.extend(lines);
        let shape = Shape {
            name: "Network".to_owned(),
            setup: ["mean", "std"].map(buffer).to_vec(),
            inputs: vec!["x".to_owned()],
            forward,
        };
        self.classes.add(shape, "", attributes);
        Ok(())
    }

    /// The steps of a scope, down to classes and layers.
    fn steps<'b>(&self, scope: &'b Scope, access: &str, path: &[&'b str], steps: &mut Vec<Step<'b>>) {
        let in_list = access != "self" && self.is_list(scope);
        for (name, node) in &scope.children {
            let access = match name {
                name if in_list => format!("{access}[{name}]"),
                name if is_plain(name) => format!("{access}.{name}"),
                name => format!("{access}[{}]", quoted(name)),
            };
            let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            match node {
                Node::Layer(index) => steps.push(Step {
                    path,
                    access,
                    inputs: self.layer(*index).inputs.iter().map(|id| id.index()).collect(),
                    output: *index,
                    is_layer: true,
                }),
                Node::Scope(scope) if self.is_class(scope) => {
                    let (inputs, outputs) = self.ends(&scope.layers());
                    steps.push(Step {
                        path,
                        access,
                        inputs,
                        output: outputs.first().copied().unwrap_or_default(),
                        is_layer: false,
                    });
                }
                Node::Scope(scope) => self.steps(scope, &access, &path, steps),
            }
        }
    }

    /// What a step computes of values with these names.
    fn expression(&self, step: &Step<'_>, inputs: &[&str]) -> Result<String, ExportError> {
        let access = &step.access;
        let x = inputs.first().copied().unwrap_or_default();
        if !step.is_layer {
            return Ok(format!("{access}({})", inputs.join(", ")));
        }
        let layer = self.layer(step.output);
        Ok(match &layer.kind {
            LayerKind::Linear { .. } => {
                let points = if self.is_flat(step.output) {
                    ""
                } else {
                    "[:, :, None, None]"
                };
                format!("{access}({x}.flatten(1)){points}")
            }
            kind if is_module(kind) => format!("{access}({x})"),
            LayerKind::Relu => format!("F.relu({x})"),
            LayerKind::Pool2d(pool) => {
                let (kernel, stride, padding) = (pair(pool.kernel), pair(pool.stride), pair(pool.padding));
                let window = format!("{x}, {kernel}, stride={stride}, padding={padding}");
                match pool.kind {
                    PoolKind::Max => format!("F.max_pool2d({window})"),
                    // What is padding counts in no mean.
                    PoolKind::Average => format!("F.avg_pool2d({window}, count_include_pad=False)"),
                }
            }
            LayerKind::GlobalAvgPool => format!("{x}.mean((2, 3), keepdim=True)"),
            LayerKind::Zero { stride } => format!("torch.zeros_like({x}[:, :, ::{stride}, ::{stride}])"),
            LayerKind::Shift => format!("{x}[:, :, 1:, 1:]"),
            LayerKind::Pad { height, width } => {
                let before = layer
                    .inputs
                    .first()
                    .map_or(layer.shape, |&id| self.network.layer(id).shape);
                let (rows, columns) = (height - before.height, width - before.width);
                let (top, left) = (rows / 2, columns / 2);
                format!("F.pad({x}, ({left}, {}, {top}, {}))", columns - left, rows - top)
            }
            LayerKind::Add => inputs.join(" + "),
            LayerKind::Concat => format!("torch.cat([{}], 1)", inputs.join(", ")),
            LayerKind::Channels { start, count } => format!("{x}[:, {start}:{}]", start + count),
            LayerKind::Shuffle { groups } => {
                format!("{x}.unflatten(1, ({groups}, -1)).transpose(1, 2).flatten(1, 2)")
            }
            other => {
                return Err(ExportError::Layer {
                    layer: layer.name.clone(),
                    kind: other.label(),
                    format: "PyTorch",
                });
            }
        })
    }
}

/// The lines of a `forward`.
struct Body<'a> {
    modules: &'a Modules<'a>,
    /// The variable that holds the value of each layer.
    names: HashMap<usize, String>,
    /// Where a variable's name comes from: the path before its last part.
    scopes: HashMap<usize, Vec<String>>,
}

impl<'a> Body<'a> {
    fn new(modules: &'a Modules<'_>, inputs: impl IntoIterator<Item = (usize, String)>) -> Self {
        let names: HashMap<usize, String> = inputs.into_iter().collect();
        let scopes = names.keys().map(|&index| (index, Vec::new())).collect();
        Self {
            modules,
            names,
            scopes,
        }
    }

    /// A line for each step; the values of `results` are needed after the last.
    fn lines(&mut self, steps: &[Step<'_>], results: &[usize]) -> Result<Vec<String>, ExportError> {
        let mut last_use: HashMap<usize, usize> = HashMap::new();
        for (place, step) in steps.iter().enumerate() {
            last_use.extend(step.inputs.iter().map(|&input| (input, place)));
        }
        last_use.extend(results.iter().map(|&result| (result, steps.len())));
        let mut lines = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            let inputs: Vec<&str> = step
                .inputs
                .iter()
                .map(|input| self.names[input].as_str())
                .collect();
            let value = self.modules.expression(step, &inputs)?;
            let is_over = |index: &usize| last_use.get(index).is_none_or(|&last| last <= place);
            let (own, scope) = step
                .path
                .split_last()
                .map_or(("", &[][..]), |(own, scope)| (*own, scope));
            let scope: Vec<String> = scope.iter().map(|&part| part.to_owned()).collect();
            let whole = step.path.join("_");
            let from_scope = match scope.is_empty() || is_number(own) {
                true => whole.clone(),
                false => scope.join("_"),
            };
            // A value that is changed step by step keeps its name.
            let kept = match step.inputs.as_slice() {
                [input] if step.is_layer && is_over(input) && self.scopes[input] == scope => {
                    Some(self.names[input].clone())
                }
                _ => None,
            };
            let numbered = (2..).map(|number| format!("{whole}_{number}"));
            let is_free = |name: &String| {
                let mut holders = self.names.iter().filter(|(_, held)| *held == name);
                holders.all(|(index, _)| is_over(index))
            };
            let name = kept
                .into_iter()
                .chain([from_scope, whole.clone()])
                .chain(numbered)
                .map(|name| variable(&name))
                .find(is_free)
                .unwrap_or_default();
            lines.push(format!("{name} = {value}"));
            self.names.insert(step.output, name);
            self.scopes.insert(step.output, scope);
        }
        Ok(lines)
    }
}

/// Has the lines of a `forward` end with the return of a variable, and of what is done to it.
fn returning(lines: &mut Vec<String>, variable: &str, then: &str) {
    let assigned = lines
        .last()
        .and_then(|line| line.strip_prefix(variable)?.strip_prefix(" = "));
    match assigned
        .filter(|_| then.is_empty())
        .map(|value| format!("return {value}"))
    {
        Some(line) => {
            lines.pop();
            lines.push(line);
        }
        None => lines.push(format!("return {variable}{then}")),
    }
}

/// What makes a constant of the normalisation, which is no part of the weights.
fn buffer(name: &str) -> String {
    let values = format!("torch.tensor({}).view(1, -1, 1, 1)", name.to_uppercase());
    format!("self.register_buffer(\"pixel_{name}\", {values}, persistent=False)")
}

/// A name as one of Python's variables.
fn variable(name: &str) -> String {
    let letters = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(letters).collect();
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true if !is_keyword(&name) && !VARIABLES.contains(&name.as_str()) => name,
        _ => format!("x_{name}"),
    }
}

/// The name of the class of what is at this path: `Cell` of `cells.3`, `SepConv3x3` of
/// `node2.0.sep_conv_3x3`.
fn class_name(path: &str) -> String {
    let numbered = path.rsplit('.').next().is_some_and(is_number);
    let word = path.rsplit('.').find(|part| !is_number(part)).unwrap_or_default();
    let word = match word.trim_end_matches(|c: char| c.is_ascii_digit()) {
        letters if letters.contains(|c: char| c.is_ascii_digit()) => word,
        letters => letters,
    };
    let word = if numbered {
        word.strip_suffix('s').unwrap_or(word)
    } else {
        word
    };
    let mut name = String::new();
    for part in word
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
    {
        let is_digit = |c: char| c.is_ascii_digit();
        if name.is_empty() && part.starts_with(is_digit) {
            name += "Block";
        }
        if name.ends_with(is_digit) && part.starts_with(is_digit) {
            name.push('_');
        }
        let (first, rest) = part.split_at(1);
        name += &first.to_ascii_uppercase();
        name += rest;
    }
    match CLASSES.contains(&name.as_str()) || name.is_empty() || is_keyword(&name) {
        true => name + "Block",
        false => name,
    }
}

/// A pair as PyTorch takes it.
fn pair([rows, columns]: [usize; 2]) -> String {
    match rows == columns {
        true => rows.to_string(),
        false => format!("({rows}, {columns})"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use nas_eval::{Compute, Model};
    use nas_space::{NetworkConfig, Seed, spaces};

    use super::*;

    #[test]
    fn modules_have_the_names_of_the_parameters() {
        for &name in spaces::names() {
            for seed in 0..5 {
                let space = spaces::by_name(name).unwrap();
                let config = NetworkConfig {
                    channels: 4,
                    cells: 3,
                    auxiliary: name == "darts",
                    drop_path: name == "darts",
                    ..NetworkConfig::default()
                };
                let architecture = space.sample(&mut Seed::new(seed).rng());
                let network = Arc::new(space.network(&architecture, &config).unwrap());
                let model = Model::new(Arc::clone(&network), Seed::new(0), &Compute::cpu()).unwrap();
                let (parameters, buffers) = (model.parameters().iter(), model.parameters().buffers());
                let names = parameters
                    .map(|(name, _)| name)
                    .chain(buffers.map(|(name, _)| name));
                let expected: BTreeSet<String> = names.map(str::to_owned).collect();
                let got: BTreeSet<String> = classes(&network)
                    .unwrap()
                    .parameters_of_last()
                    .into_iter()
                    .collect();
                assert_eq!(got, expected, "{name} {seed}");
            }
        }
    }

    #[test]
    fn classes_are_named_after_what_they_are_made_of() {
        for (path, name) in [
            ("cells.3", "Cell"),
            ("cells.3.node2.0.sep_conv_3x3", "SepConv3x3"),
            ("cells.0.pre1", "Pre"),
            ("cells.0.node2.1.conv_7x1_1x7", "Conv7x1_1x7"),
            ("stack0.1.vertex2.conv1x1-bn-relu", "Conv1x1BnRelu"),
            ("drop_path", "DropPathBlock"),
            ("0.1x1", "Block1x1"),
        ] {
            assert_eq!(class_name(path), name);
        }
    }
}

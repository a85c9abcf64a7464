//! From a graph of 32-bit numbers to one of 8-bit integers.
//!
//! The form is QDQ: each value passes through `QuantizeLinear` and `DequantizeLinear`, and runtimes
//! use integers for the operations between two such pairs. Values have unsigned integers and a zero
//! point each; weights have signed integers, symmetric, with a scale for each output channel (Jacob
//! et al. 2018, arXiv 1712.05877, section 2; Krishnamoorthi 2018, arXiv 1806.08342, section 3.1).

use std::collections::{HashMap, HashSet};

use super::graph::{Builder, INPUT, LOGITS, PROBABILITIES};
use super::proto::{Attribute, Graph, INT8, INT32, Node, Tensor, UINT8};

/// The largest integer of a weight. One bit is left free: processors without a dot product of bytes
/// add two products of bytes in 16 bits, and 2 · 255 · 63 fits.
const LARGEST_WEIGHT: f32 = 63.0;
/// The largest integer of a value.
const LARGEST_VALUE: f32 = 255.0;

/// The smallest and the largest number of each value, by its name.
pub(super) type Ranges = HashMap<String, [f32; 2]>;

/// What is computed in integers, or handed on in them.
const IN_INTEGERS: [&str; 7] = [
    "Conv",
    "Gemm",
    "Add",
    "Concat",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
];

/// The values whose ranges are needed.
pub(super) fn values(graph: &Graph) -> Vec<String> {
    let outputs = graph.node.iter().flat_map(|node| &node.output);
    let own = |name: &&String| ![LOGITS, PROBABILITIES, INPUT].contains(&name.as_str());
    outputs.filter(own).cloned().collect()
}

/// The same graph in integers.
pub(super) fn quantized(graph: Graph, ranges: &Ranges) -> Graph {
    let producers: HashMap<String, usize> = graph
        .node
        .iter()
        .enumerate()
        .flat_map(|(index, node)| node.output.iter().map(move |name| (name.clone(), index)))
        .collect();
    let mut quantizer = Quantizer {
        old: &graph,
        producers,
        ranges,
        constants: graph
            .initializer
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor))
            .collect(),
        builder: Builder::default(),
        done: HashMap::new(),
        scales: HashMap::new(),
    };
    for node in &graph.node {
        quantizer.node(node);
    }
    let Builder { nodes, initializers } = quantizer.builder;
    let mut quantized = Graph {
        node: nodes,
        initializer: initializers,
        ..graph
    };
    remove_unread(&mut quantized);
    shorten(&mut quantized);
    quantized
}

/// Gives all values short names, nodes none, and leaves out attributes that say what holds without
/// them: in a small network, these are most of the file.
fn shorten(graph: &mut Graph) {
    let mut short: HashMap<String, String> = [INPUT, LOGITS, PROBABILITIES]
        .map(|name| (name.to_owned(), name.to_owned()))
        .into();
    let mut rename = |name: &mut String| {
        let next = short.len();
        short
            .entry(name.clone())
            .or_insert_with(|| base_26(next))
            .clone_into(name);
    };
    for node in &mut graph.node {
        node.name.clear();
        if node.op_type == "Conv" {
            node.attribute.retain(|attribute| !attribute.is_default());
        }
        node.input
            .iter_mut()
            .chain(&mut node.output)
            .for_each(&mut rename);
    }
    graph
        .initializer
        .iter_mut()
        .for_each(|tensor| rename(&mut tensor.name));
}

/// A number in letters.
fn base_26(mut number: usize) -> String {
    let mut letters = String::new();
    loop {
        letters.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 {
            return letters;
        }
    }
}

/// Removes nodes and constants that nothing reads.
fn remove_unread(graph: &mut Graph) {
    let mut read: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let mut kept = Vec::new();
    while let Some(node) = graph.node.pop() {
        if node.output.iter().any(|output| read.contains(output)) {
            read.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|tensor| read.contains(&tensor.name));
}

struct Quantizer<'a> {
    old: &'a Graph,
    producers: HashMap<String, usize>,
    ranges: &'a Ranges,
    constants: HashMap<&'a str, &'a Tensor>,
    builder: Builder,
    /// Values that have gone through integers, by their old names.
    done: HashMap<String, String>,
    /// How each of these is scaled, by its new name.
    scales: HashMap<String, Scale>,
}

/// How numbers become integers.
#[derive(Debug, Clone)]
struct Scale {
    /// The names of two constants: what an integer is worth, and the integer of 0.
    worth: String,
    zero: String,
    /// What an integer is worth.
    value: f32,
}

impl<'a> Quantizer<'a> {
    fn node(&mut self, node: &Node) {
        let mut node = node.clone();
        if IN_INTEGERS.contains(&node.op_type.as_str()) {
            let weighs = matches!(node.op_type.as_str(), "Conv" | "Gemm");
            let values = if weighs { 1 } else { node.input.len() };
            for input in &mut node.input[..values] {
                *input = self.value(input);
            }
            if weighs {
                self.weights(&mut node);
            }
        } else {
            for input in &mut node.input {
                if let Some(&constant) = self.constants.get(input.as_str()) {
                    self.builder.initializers.push(constant.clone());
                } else if self.is_of_integers(input) {
                    *input = self.value(input);
                }
            }
        }
        self.builder.nodes.push(node);
    }

    /// Whether a value comes from what is computed in integers, so that all its readers should read
    /// it from there.
    fn is_of_integers(&self, name: &str) -> bool {
        let producer = self.producers.get(name).map(|&index| &self.old.node[index]);
        let read_by_softmax = name == LOGITS;
        !read_by_softmax
            && producer
                .is_some_and(|node| IN_INTEGERS.contains(&node.op_type.as_str()) && node.op_type != "Gemm")
    }

    /// The value of this name after it has gone through integers.
    fn value(&mut self, name: &str) -> String {
        if let Some(done) = self.done.get(name) {
            return done.clone();
        }
        let Some(&[low, high]) = self.ranges.get(name) else {
            return name.to_owned();
        };
        // Negative numbers become 0 where 0 is the smallest integer: that is what ReLU does.
        let old = self.old;
        let rectified = self
            .producers
            .get(name)
            .map(|&index| &old.node[index])
            .filter(|node| node.op_type == "Relu");
        let from = match rectified {
            Some(relu) if self.is_of_integers(&relu.input[0]) && self.is_read_once(&relu.input[0]) => {
                relu.input[0].clone()
            }
            Some(relu) => self.value_before(&relu.input[0]),
            None => name.to_owned(),
        };
        let low = if rectified.is_some() { 0.0 } else { low.min(0.0) };
        let scale = match self.of_pooled(name) {
            Some(scale) => scale,
            None => self.scale(low, high.max(0.0)),
        };
        let id = self.done.len();
        let Scale { worth, zero, .. } = &scale;
        let quantize = [from.as_str(), worth, zero];
        let quantized = self
            .builder
            .node("QuantizeLinear", &format!("q{id}"), &quantize, Vec::new());
        let back = [quantized.as_str(), worth, zero];
        let back = self
            .builder
            .node("DequantizeLinear", &format!("d{id}"), &back, Vec::new());
        self.done.insert(name.to_owned(), back.clone());
        self.scales.insert(back.clone(), scale);
        back
    }

    /// The scale of what is pooled, for its largest values: they stay the integers that they are.
    fn of_pooled(&self, name: &str) -> Option<Scale> {
        let producer = &self.old.node[*self.producers.get(name)?];
        let pooled = producer.op_type == "MaxPool";
        let read = pooled.then(|| self.done.get(&producer.input[0])).flatten()?;
        self.scales.get(read).cloned()
    }

    /// The scale of numbers from `low`, at most 0, to `high`, at least 0.
    fn scale(&mut self, low: f32, high: f32) -> Scale {
        let value = if high > low {
            (high - low) / LARGEST_VALUE
        } else {
            1.0
        };
        let zero = (-low / value).round_ties_even().clamp(0.0, LARGEST_VALUE) as u8;
        let name = format!("z{zero}");
        if !self.builder.initializers.iter().any(|tensor| tensor.name == name) {
            self.builder.bytes(&name, UINT8, &[], vec![zero]);
        }
        Scale {
            worth: self
                .builder
                .floats(&format!("s{}", self.done.len()), &[], &[value]),
            zero: name,
            value,
        }
    }

    /// What a ReLU reads.
    fn value_before(&mut self, name: &str) -> String {
        if self.is_of_integers(name) {
            self.value(name)
        } else {
            name.to_owned()
        }
    }

    fn is_read_once(&self, name: &str) -> bool {
        let inputs = self.old.node.iter().flat_map(|node| &node.input);
        inputs.filter(|input| *input == name).count() == 1
    }

    /// The weight and the bias of a node in integers.
    fn weights(&mut self, node: &mut Node) {
        let constant = |name: &String| self.constants.get(name.as_str()).copied();
        let (Some(weight), bias) = (
            node.input.get(1).and_then(constant),
            node.input.get(2).and_then(constant),
        ) else {
            return;
        };
        let Some(input) = self.scales.get(&node.input[0]).cloned() else {
            self.builder
                .initializers
                .extend([weight].into_iter().chain(bias).cloned());
            return;
        };
        let values = floats(weight);
        let channels = weight.dims.first().map_or(1, |&dim| dim.max(1) as usize);
        let of_each = (values.len() / channels).max(1);
        let scales: Vec<f32> = values
            .chunks(of_each)
            .map(|channel| channel.iter().fold(0.0_f32, |most, value| most.max(value.abs())))
            .map(|most| if most > 0.0 { most / LARGEST_WEIGHT } else { 1.0 })
            .collect();
        let integers = values.iter().enumerate().map(|(place, value)| {
            let whole = (value / scales[place / of_each]).round_ties_even();
            whole.clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT) as i8 as u8
        });
        let dims: Vec<usize> = weight.dims.iter().map(|&dim| dim as usize).collect();
        let name = |what: &str| format!("{}.{what}", node.name);
        let integers = self
            .builder
            .bytes(&name("weights"), INT8, &dims, integers.collect());
        let worth = self.builder.floats(&name("worth"), &[scales.len()], &scales);
        let weight = self.dequantized(&name("weight"), &integers, &worth);
        if let Some(bias) = bias {
            let integers = floats(bias).into_iter().zip(&scales).flat_map(|(value, scale)| {
                ((value / (scale * input.value)).round_ties_even() as i32).to_le_bytes()
            });
            let integers = self
                .builder
                .bytes(&name("biases"), INT32, &[channels], integers.collect());
            // Runtimes compute it when they load the network.
            let product = [input.worth.as_str(), &worth];
            let worth = self
                .builder
                .node("Mul", &name("bias_worth"), &product, Vec::new());
            node.input[2] = self.dequantized(&name("bias"), &integers, &worth);
        }
        node.input[1] = weight;
    }

    /// Integers with a scale for each channel, and 0 where they are 0.
    fn dequantized(&mut self, name: &str, integers: &str, worth: &str) -> String {
        let axis = vec![Attribute::int("axis", 0)];
        self.builder
            .node("DequantizeLinear", name, &[integers, worth], axis)
    }
}

/// The numbers of a constant.
fn floats(tensor: &Tensor) -> Vec<f32> {
    let (numbers, _) = tensor.raw_data.as_chunks::<4>();
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

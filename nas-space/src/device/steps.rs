//! From layers to steps: what is computed into a buffer, and what is read through.

use crate::network::{LayerId, LayerKind, Network};

/// Most bytes that one buffer counts as: 256 TiB. Sums of any network's buffers then fit a `u64`.
const MOST_BYTES: u64 = 1 << 48;

/// The steps of a network, each of which writes one buffer of the same number, in the order of the
/// layers. Step 0 is the image, which is there at the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Steps {
    /// The layer that each step computes.
    pub(super) layers: Vec<LayerId>,
    pub(super) problem: Problem,
}

/// Steps without their layers: what the search for an order needs to know.
///
/// **Invariant:** a step reads steps of lower numbers, each once, in increasing order. Step 0 reads
/// none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Problem {
    /// Bytes of each step's buffer.
    pub(super) bytes: Vec<u64>,
    /// The buffers that each step reads.
    pub(super) reads: Vec<Vec<usize>>,
    /// Those of them that its result may replace, if nothing else reads them afterwards.
    pub(super) in_place: Vec<Vec<usize>>,
    /// The buffers that are there in the end.
    pub(super) kept: Vec<bool>,
}

/// What a layer's output is read from.
#[derive(Debug, Clone, Default)]
struct Source {
    buffers: Vec<usize>,
    /// Whether value i of the one buffer gives value i of the output, and no other.
    in_order: bool,
}

impl Steps {
    /// The steps that the class scores depend on. Each element of a buffer has `element` bytes, and
    /// buffers are multiples of `alignment` bytes.
    pub(super) fn of(network: &Network, element: u64, alignment: u64) -> Self {
        let behind = network.behind_logits();
        let mut sources: Vec<Source> = Vec::with_capacity(network.layers().len());
        let mut steps = Self {
            layers: Vec::new(),
            problem: Problem {
                bytes: Vec::new(),
                reads: Vec::new(),
                in_place: Vec::new(),
                kept: Vec::new(),
            },
        };
        for (index, layer) in network.layers().iter().enumerate() {
            if !behind[index] {
                sources.push(Source::default());
                continue;
            }
            let inputs = || layer.inputs.iter().map(|&input| &sources[input.index()]);
            // What adds zeros to a single map reads that map; a sum of zeros is zeros.
            let mut terms = inputs().filter(|source| !source.buffers.is_empty());
            let only_term = match (terms.next(), terms.next()) {
                (only, None) => Some(only.cloned().unwrap_or_default()),
                _ => None,
            };
            let source = match &layer.kind {
                LayerKind::Zero { .. } => Source::default(),
                LayerKind::Relu
                | LayerKind::BatchNorm { .. }
                | LayerKind::DropPath
                | LayerKind::Dropout { .. } => inputs().next().cloned().unwrap_or_default(),
                LayerKind::Add | LayerKind::WeightedSum { .. } if only_term.is_some() => {
                    only_term.unwrap_or_default()
                }
                LayerKind::Concat if layer.inputs.len() == 1 => only_term.unwrap_or_default(),
                LayerKind::Shift
                | LayerKind::Pad { .. }
                | LayerKind::Channels { .. }
                | LayerKind::Shuffle { .. }
                | LayerKind::Concat => Source {
                    buffers: merged(inputs()),
                    in_order: false,
                },
                LayerKind::Input
                | LayerKind::Conv2d(_)
                | LayerKind::Pool2d(_)
                | LayerKind::GlobalAvgPool
                | LayerKind::Linear { .. }
                | LayerKind::Add
                | LayerKind::WeightedSum { .. } => {
                    let adds = matches!(layer.kind, LayerKind::Add | LayerKind::WeightedSum { .. });
                    let in_place = if adds { replaceable(inputs()) } else { Vec::new() };
                    let values = layer.shape.numel() as u64;
                    let bytes = values.saturating_mul(element).min(MOST_BYTES);
                    let reads = merged(inputs());
                    steps.push(
                        LayerId::of(index),
                        bytes.next_multiple_of(alignment),
                        reads,
                        in_place,
                    )
                }
            };
            sources.push(source);
        }
        for &buffer in &sources[network.logits().index()].buffers {
            steps.problem.kept[buffer] = true;
        }
        steps.only_needed()
    }

    fn push(&mut self, layer: LayerId, bytes: u64, reads: Vec<usize>, in_place: Vec<usize>) -> Source {
        let buffer = self.layers.len();
        self.layers.push(layer);
        self.problem.bytes.push(bytes);
        self.problem.reads.push(reads);
        self.problem.in_place.push(in_place);
        self.problem.kept.push(false);
        Source {
            buffers: vec![buffer],
            in_order: true,
        }
    }

    /// The image and the steps whose result is read on the way to the class scores: not those that
    /// only zeros are made of.
    fn only_needed(self) -> Self {
        let Self { layers, problem } = self;
        let mut needed = problem.kept.clone();
        needed[0] = true;
        for step in (0..needed.len()).rev() {
            if needed[step] {
                problem.reads[step].iter().for_each(|&read| needed[read] = true);
            }
        }
        if needed.iter().all(|&needed| needed) {
            return Self { layers, problem };
        }
        let steps: Vec<usize> = (0..needed.len()).filter(|&step| needed[step]).collect();
        Self {
            layers: steps.iter().map(|&step| layers[step]).collect(),
            problem: problem.part(&steps, |step| problem.kept[step]),
        }
    }
}

impl Problem {
    /// The number of steps.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Some of the steps, in increasing order, which read no others but for the first, of which
    /// what it reads is left out.
    pub(super) fn part(&self, steps: &[usize], kept: impl Fn(usize) -> bool) -> Self {
        let number = |step: &usize| steps.binary_search(step).ok();
        let numbers = |of: &Vec<usize>| of.iter().filter_map(number).collect();
        Self {
            bytes: steps.iter().map(|&step| self.bytes[step]).collect(),
            reads: steps.iter().map(|&step| numbers(&self.reads[step])).collect(),
            in_place: steps.iter().map(|&step| numbers(&self.in_place[step])).collect(),
            kept: steps.iter().map(|&step| kept(step)).collect(),
        }
    }

    /// Which steps read each buffer.
    pub(super) fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.len()];
        for (step, reads) in self.reads.iter().enumerate() {
            reads.iter().for_each(|&read| readers[read].push(step));
        }
        readers
    }
}

/// All buffers, each once.
fn merged<'a>(sources: impl Iterator<Item = &'a Source>) -> Vec<usize> {
    let mut all: Vec<usize> = sources
        .flat_map(|source| source.buffers.iter().copied())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The buffers that a sum of these terms may be written over: those that each term reads in order,
/// or not at all.
fn replaceable<'a>(terms: impl Iterator<Item = &'a Source> + Clone) -> Vec<usize> {
    let mut all = merged(terms.clone().filter(|term| term.in_order));
    for moved in terms.filter(|term| !term.in_order) {
        all.retain(|buffer| !moved.buffers.contains(buffer));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Conv2d, NetworkBuilder, Pool2d, PoolKind};
    use crate::shape::Shape;

    fn builder() -> NetworkBuilder {
        NetworkBuilder::new(Shape::new(2, 4, 4)).unwrap()
    }

    fn labels(network: &Network, steps: &Steps) -> Vec<&'static str> {
        let label = |&layer: &LayerId| network.layer(layer).kind.label();
        steps.layers.iter().map(label).collect()
    }

    #[test]
    fn norms_activations_paddings_and_concatenations_have_no_buffer() {
        let mut b = builder();
        let x = b.conv_bn_relu(b.image(), Conv2d::same(3, [3, 3]), true).unwrap();
        let padded = b.push(LayerKind::Pad { height: 6, width: 6 }, &[x]).unwrap();
        let shifted = b.push(LayerKind::Shift, &[padded]).unwrap();
        let left = b.conv(shifted, Conv2d::pointwise(4).with_stride(2)).unwrap();
        let right = b.conv(padded, Conv2d::pointwise(4).with_stride(2)).unwrap();
        let zero = b.push(LayerKind::Zero { stride: 1 }, &[right]).unwrap();
        let joined = b.concat(&[left, right, zero]).unwrap();
        let shuffled = b.push(LayerKind::Shuffle { groups: 2 }, &[joined]).unwrap();
        let logits = b.linear(shuffled, 5).unwrap();
        let network = b.finish(logits, None);
        let steps = Steps::of(&network, 2, 4);
        let expected = ["input", "conv", "conv", "conv", "linear"];
        assert_eq!(labels(&network, &steps), expected);
        assert_eq!(steps.problem.bytes, [64, 96, 72, 72, 12]);
        assert_eq!(
            steps.problem.reads,
            [vec![], vec![0], vec![1], vec![1], vec![2, 3]]
        );
        assert_eq!(steps.problem.kept, [false, false, false, false, true]);
    }

    #[test]
    fn sums_may_replace_what_all_their_terms_read_in_order() {
        let mut b = builder();
        let x = b.conv(b.image(), Conv2d::same(2, [3, 3])).unwrap();
        let y = b.conv(b.image(), Conv2d::same(2, [3, 3])).unwrap();
        let relu = b.relu(x).unwrap();
        let normed = b.batch_norm(y, true).unwrap();
        let shuffled = b.push(LayerKind::Shuffle { groups: 2 }, &[y]).unwrap();
        let both = b.add(&[x, relu, normed]).unwrap();
        let one = b.add(&[x, shuffled, normed]).unwrap();
        let zero = b.push(LayerKind::Zero { stride: 1 }, &[x]).unwrap();
        let alone = b.add(&[zero, both]).unwrap();
        let sum = b.add(&[alone, one]).unwrap();
        let logits = b.linear(sum, 2).unwrap();
        let network = b.finish(logits, None);
        let steps = Steps::of(&network, 1, 1);
        assert_eq!(
            labels(&network, &steps),
            ["input", "conv", "conv", "add", "add", "add", "linear"]
        );
        let in_place = &steps.problem.in_place;
        assert_eq!(in_place[3..6], [vec![1, 2], vec![1], vec![3, 4]]);
    }

    #[test]
    fn what_only_becomes_zeros_is_not_computed() {
        let mut b = builder();
        let x = b.conv(b.image(), Conv2d::same(2, [3, 3])).unwrap();
        let zero = b.push(LayerKind::Zero { stride: 2 }, &[x]).unwrap();
        let y = b.conv(zero, Conv2d::same(4, [3, 3])).unwrap();
        let pool = Pool2d {
            kind: PoolKind::Max,
            kernel: [2, 2],
            stride: [2, 2],
            padding: [0, 0],
        };
        let y = b.pool(y, pool).unwrap();
        let logits = b.linear(y, 2).unwrap();
        let network = b.finish(logits, None);
        let steps = Steps::of(&network, 1, 1);
        assert_eq!(labels(&network, &steps), ["input", "conv", "pool", "linear"]);
        assert_eq!(steps.problem.reads, [vec![], vec![], vec![1], vec![2]]);
    }

    #[test]
    fn a_sum_of_zeros_has_no_buffer() {
        let mut b = builder();
        let x = b.conv(b.image(), Conv2d::same(2, [3, 3])).unwrap();
        let zero = b.push(LayerKind::Zero { stride: 1 }, &[x]).unwrap();
        let zeros = b.add(&[zero, zero]).unwrap();
        let normed = b.batch_norm(zeros, true).unwrap();
        let sum = b.add(&[normed, x, zeros]).unwrap();
        let logits = b.linear(sum, 2).unwrap();
        let network = b.finish(logits, None);
        let steps = Steps::of(&network, 1, 1);
        assert_eq!(labels(&network, &steps), ["input", "conv", "linear"]);
        assert_eq!(steps.problem.reads, [vec![], vec![0], vec![1]]);
    }

    #[test]
    fn the_auxiliary_classifier_is_left_out() {
        let mut b = builder();
        let x = b.conv(b.image(), Conv2d::same(2, [3, 3])).unwrap();
        let auxiliary = b.linear(x, 7).unwrap();
        let logits = b.linear(x, 2).unwrap();
        let network = b.finish(logits, Some(auxiliary));
        assert_eq!(Steps::of(&network, 1, 1).problem.bytes, [32, 32, 2]);
    }
}

//! The order of the work: a network as steps, each of which fills one map.
//!
//! A step is more than a layer. Layers through which a map is only read (batch norm, ReLU,
//! drop-path) are not steps: the norm belongs to the step before it, which computes the statistics
//! of its output, and all three are applied whenever the map is read ([`Read`]). A depthwise
//! convolution and the pointwise one after it are one step. A cell therefore writes each map once.

use std::collections::HashMap;

use nas_space::network::{LayerId, LayerKind, Network, PoolKind, Term};
use nas_space::shape::Shape;

use super::forward::images_per_chunk;
use super::geometry::{Convolution, Pooling};
use super::lifetime::MapLifetimes;
use crate::error::EvalError;
use crate::kernels::{Frame, padded_channels};

/// Products of each weight that a part of a batch should have, to be worth sums of its own for the
/// gradient of the weight.
const PRODUCTS_PER_PART: usize = 256;
/// The fewest parts that a batch is cut into for that, so that threads have something to do.
const FEWEST_PARTS: usize = 4;

/// The steps of a network.
#[derive(Debug)]
pub(super) struct Plan {
    /// Each after those it reads; the first one is the image.
    pub(super) steps: Vec<Step>,
    /// The steps by how far they are from the image: those of a wave read earlier waves alone.
    pub(super) waves: Vec<Vec<usize>>,
    pub(super) lifetimes: MapLifetimes,
    /// The step of the class scores.
    pub(super) logits: usize,
    /// That of the auxiliary head's.
    pub(super) auxiliary: Option<usize>,
}

/// Whether two convolutions can be one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fusion {
    /// A depthwise convolution and the pointwise one after it are one.
    On,
    /// The output of every convolution is a map.
    Off,
}

/// What fills one map.
#[derive(Debug)]
pub(super) struct Step {
    /// The layer that the operation comes from.
    pub(super) layer: usize,
    pub(super) op: Op,
    pub(super) reads: Vec<Read>,
    /// The batch norm that the map is read through.
    pub(super) norm: Option<Norm>,
    pub(super) shape: Shape,
    /// The steps that read the map, with the position among what they read, in order.
    pub(super) readers: Vec<(usize, usize)>,
    /// How many ReLU layers read the map, whoever reads what they give.
    pub(super) relus: usize,
}

/// A map as it is read: normalised if its step says so, then rectified, then scaled for each
/// sample.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Read {
    pub(super) step: usize,
    pub(super) rectified: bool,
    /// The drop-path layer in between.
    pub(super) drop: Option<usize>,
}

/// A batch norm.
#[derive(Debug)]
pub(super) struct Norm {
    /// The name its parameters and statistics are under.
    pub(super) name: String,
    pub(super) affine: bool,
}

/// The computation of a step on its inputs.
#[derive(Debug)]
pub(super) enum Op {
    Image,
    /// A convolution, or a linear layer, which is one as large as its input.
    Convolution(Box<Convolution>),
    /// A depthwise convolution, then a pointwise one.
    Separable(Box<[Convolution; 2]>),
    Pooling(Pooling),
    GlobalAverage,
    Zero,
    /// The inner part of a frame.
    Crop(Frame),
    /// The inner part of a frame of zeros.
    Pad(Frame),
    /// A sum, weighted where there are terms.
    Sum(Option<Vec<Term>>),
    Concat,
    Channels {
        start: usize,
    },
    Shuffle {
        groups: usize,
    },
    /// The layer names the stream it draws from.
    Dropout {
        layer: usize,
    },
    /// What it reads, in a map of its own.
    Copy,
}

impl Step {
    /// Its convolutions, in order.
    pub(super) fn convolutions(&self) -> &[Convolution] {
        match &self.op {
            Op::Convolution(conv) => std::slice::from_ref(&**conv),
            Op::Separable(convs) => &convs[..],
            _ => &[],
        }
    }

    /// Rows and columns.
    pub(super) fn size(&self) -> [usize; 2] {
        [self.shape.height, self.shape.width]
    }

    pub(super) fn pixels(&self) -> usize {
        self.shape.height * self.shape.width
    }

    /// Elements of a pixel of the map.
    pub(super) fn pixel(&self) -> usize {
        padded_channels(self.shape.channels)
    }

    /// Elements of the map of one image.
    pub(super) fn len(&self) -> usize {
        self.pixels() * self.pixel()
    }

    /// How many images are computed together, beside each other where they are not.
    pub(super) fn images_together(&self) -> usize {
        self.convolutions()
            .iter()
            .map(Convolution::images_together)
            .max()
            .unwrap_or(1)
    }

    /// Appends the channels of a map one after the other, without padding.
    pub(super) fn extend_by_planes<T: Copy>(&self, map: &[T], out: &mut Vec<T>) {
        for channel in 0..self.shape.channels {
            out.extend(map.iter().skip(channel).step_by(self.pixel()));
        }
    }

    /// The convolution that reads its map from a frame.
    pub(super) fn framed(&self) -> Option<&Convolution> {
        let conv = match &self.op {
            Op::Convolution(conv) => Some(&**conv),
            Op::Separable(convs) => Some(&convs[0]),
            _ => None,
        };
        conv.filter(|conv| !conv.in_place)
    }

    /// About how many multiply-adds, or elements moved, an image takes.
    pub(super) fn work(&self) -> usize {
        let own = match &self.op {
            Op::Convolution(conv) => conv.work(),
            Op::Separable(convs) => convs.iter().map(Convolution::work).sum(),
            Op::Sum(_) | Op::Concat => self.len() * self.reads.len(),
            Op::Pooling(pool) => self.len() * pool.taps.len(),
            _ => 0,
        };
        own / 8 + self.len()
    }
}

impl Plan {
    /// How many images of a batch a thread makes the gradient of a step's map for, and adds up
    /// those of its readers' weights, at a time.
    ///
    /// Each such part has sums of its own for all these weights, to be zeroed, and added to those
    /// of the others: of small maps it takes several images, so that this does not take as long as
    /// the products. It depends on nothing but sizes.
    pub(super) fn images_per_part(&self, index: usize, batch: usize) -> usize {
        let step = &self.steps[index];
        let readers = || step.readers.iter().map(|&(reader, _)| &self.steps[reader]);
        // About how many multiply-adds, or elements moved, an image takes.
        let work = 3 * readers().map(Step::work).sum::<usize>() + step.len();
        let convs = readers().flat_map(Step::convolutions);
        let fewest = convs.map(Convolution::products_per_weight).min();
        let enough = fewest.map_or(1, |products| PRODUCTS_PER_PART.div_ceil(products));
        images_per_chunk(batch, work).max(enough.min(batch.div_ceil(FEWEST_PARTS)))
    }

    pub(super) fn new(network: &Network) -> Result<Self, EvalError> {
        Self::with(network, Fusion::On)
    }

    pub(super) fn with(network: &Network, fusion: Fusion) -> Result<Self, EvalError> {
        let layers = network.layers();
        let mut readers = vec![0usize; layers.len()];
        for layer in layers {
            for input in &layer.inputs {
                readers[input.index()] += 1;
            }
        }
        for output in std::iter::once(network.logits()).chain(network.auxiliary()) {
            readers[output.index()] += 1;
        }
        let mut planner = Planner {
            network,
            fusion,
            readers,
            steps: Vec::new(),
            values: Vec::with_capacity(layers.len()),
        };
        for index in 0..layers.len() {
            let value = planner.value(index)?;
            planner.values.push(value);
        }
        let logits = planner.output(network.logits());
        let auxiliary = network.auxiliary().map(|id| planner.output(id));
        let mut steps: Vec<Step> = planner.steps.into_iter().map(|(step, _)| step).collect();
        for index in 0..steps.len() {
            for position in 0..steps[index].reads.len() {
                let read = steps[index].reads[position].step;
                steps[read].readers.push((index, position));
            }
        }
        share_frames(&mut steps);
        let waves = waves(&steps);
        let outputs: Vec<usize> = std::iter::once(logits).chain(auxiliary).collect();
        let lifetimes = MapLifetimes::new(&steps, &waves, &outputs);
        Ok(Self {
            steps,
            waves,
            lifetimes,
            logits,
            auxiliary,
        })
    }
}

/// Gives convolutions that read the same map in the same way frames of one size, so that it is put
/// there once.
fn share_frames(steps: &mut [Step]) {
    /// The larger ones of rows and columns.
    fn larger(a: [usize; 2], b: [usize; 2]) -> [usize; 2] {
        [a[0].max(b[0]), a[1].max(b[1])]
    }
    // The widest padding, and the size of the frame with it.
    let mut widest: HashMap<Read, [[usize; 2]; 2]> = HashMap::new();
    for step in steps.iter() {
        if let Some(conv) = step.framed() {
            let [padding, _] = widest.entry(step.reads[0].clone()).or_default();
            *padding = larger(*padding, conv.padding);
        }
    }
    for step in steps.iter() {
        if let Some(conv) = step.framed() {
            let [padding, size] = widest.entry(step.reads[0].clone()).or_default();
            *size = larger(*size, conv.frame_with(*padding));
        }
    }
    for step in steps {
        let frame = widest
            .get(&step.reads.first().cloned().unwrap_or_default())
            .copied();
        match (&mut step.op, frame) {
            (Op::Convolution(conv), Some([padding, size])) => conv.widen(padding, size),
            (Op::Separable(convs), Some([padding, size])) => convs[0].widen(padding, size),
            _ => {}
        }
    }
}

fn waves(steps: &[Step]) -> Vec<Vec<usize>> {
    let mut number = vec![0; steps.len()];
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let after = step.reads.iter().map(|read| number[read.step] + 1);
        number[index] = after.max().unwrap_or(0);
        waves.resize_with(waves.len().max(number[index] + 1), Vec::new);
        waves[number[index]].push(index);
    }
    waves
}

struct Planner<'a> {
    network: &'a Network,
    fusion: Fusion,
    /// How often each layer is read, outputs of the network included.
    readers: Vec<usize>,
    /// The steps, each with the last layer that it computes.
    steps: Vec<(Step, usize)>,
    /// How the value of each layer is read.
    values: Vec<Read>,
}

impl Planner<'_> {
    fn push(&mut self, layer: usize, op: Op, reads: Vec<Read>, shape: Shape) -> Read {
        self.steps.push((
            Step {
                layer,
                op,
                reads,
                norm: None,
                shape,
                readers: Vec::new(),
                relus: 0,
            },
            layer,
        ));
        Read {
            step: self.steps.len() - 1,
            rectified: false,
            drop: None,
        }
    }

    /// Whether `read` is the bare map of a step that nothing else but one layer reads.
    fn is_private(&self, read: &Read) -> bool {
        let (step, last) = &self.steps[read.step];
        let bare = !read.rectified && read.drop.is_none() && step.norm.is_none();
        // Zeros have no map, and the gradients of a mixture are made of that of the bare sum.
        let bare = bare && !matches!(step.op, Op::Zero | Op::Sum(Some(_)));
        bare && self.readers[*last] == 1
    }

    /// The step that an output of the network is the bare map of.
    fn output(&mut self, id: LayerId) -> usize {
        let read = self.values[id.index()].clone();
        let (step, _) = &self.steps[read.step];
        if !read.rectified && read.drop.is_none() && step.norm.is_none() {
            return read.step;
        }
        let shape = step.shape;
        self.push(id.index(), Op::Copy, vec![read], shape).step
    }

    /// How the value of this layer is read.
    fn value(&mut self, index: usize) -> Result<Read, EvalError> {
        let layer = &self.network.layers()[index];
        let reads: Vec<Read> = layer
            .inputs
            .iter()
            .map(|id| self.values[id.index()].clone())
            .collect();
        let Some(first) = reads.first().cloned() else {
            return Ok(self.push(index, Op::Image, reads, layer.shape));
        };
        let input = self.steps[first.step].0.shape;
        let size = [input.height, input.width];
        let output = [layer.shape.height, layer.shape.width];
        let op = match &layer.kind {
            LayerKind::Relu => {
                self.steps[first.step].0.relus += 1;
                return Ok(Read {
                    rectified: true,
                    ..first
                });
            }
            LayerKind::DropPath if first.drop.is_none() => {
                return Ok(Read {
                    drop: Some(index),
                    ..first
                });
            }
            LayerKind::BatchNorm { affine } => {
                let norm = Norm {
                    name: layer.name.clone(),
                    affine: *affine,
                };
                let read = if self.is_private(&first) {
                    first
                } else {
                    self.push(index, Op::Copy, reads, layer.shape)
                };
                let (step, last) = &mut self.steps[read.step];
                step.norm = Some(norm);
                *last = index;
                return Ok(read);
            }
            LayerKind::Conv2d(conv) => {
                let conv = Convolution::new(&layer.name, conv, input);
                let fits = self.fusion == Fusion::On && conv.in_place && self.is_private(&first);
                let (step, last) = &mut self.steps[first.step];
                match &step.op {
                    Op::Convolution(before) if fits && before.depthwise && !before.bias => {
                        step.op = Op::Separable(Box::new([(**before).clone(), conv]));
                        step.shape = layer.shape;
                        *last = index;
                        return Ok(first);
                    }
                    _ => Op::Convolution(Box::new(conv)),
                }
            }
            LayerKind::Linear { features } => {
                Op::Convolution(Box::new(Convolution::linear(&layer.name, *features, input)))
            }
            LayerKind::Pool2d(pool) => Op::Pooling(Pooling::new(
                pool,
                pool.kind == PoolKind::Max,
                size,
                output,
                input.channels,
            )),
            LayerKind::GlobalAvgPool => Op::GlobalAverage,
            LayerKind::Zero { .. } => Op::Zero,
            LayerKind::Shift => {
                let pixel = padded_channels(input.channels);
                Op::Crop(Frame::new(size, pixel, output, [1, 1], [1, 1]))
            }
            LayerKind::Pad { .. } => {
                let at = [(output[0] - size[0]) / 2, (output[1] - size[1]) / 2];
                Op::Pad(Frame::new(
                    output,
                    padded_channels(input.channels),
                    size,
                    at,
                    [1, 1],
                ))
            }
            LayerKind::Add => Op::Sum(None),
            LayerKind::WeightedSum { terms } => Op::Sum(Some(terms.clone())),
            LayerKind::Concat => Op::Concat,
            LayerKind::Channels { start, .. } => Op::Channels { start: *start },
            LayerKind::Shuffle { groups } => Op::Shuffle { groups: *groups },
            LayerKind::Dropout { .. } => Op::Dropout { layer: index },
            // A second one on one way, which needs a map in between.
            LayerKind::DropPath => Op::Copy,
            other => {
                return Err(EvalError::UnsupportedLayer {
                    layer: layer.name.clone(),
                    kind: other.label(),
                });
            }
        };
        let read = self.push(index, op, reads, layer.shape);
        if matches!(layer.kind, LayerKind::DropPath) {
            return Ok(Read {
                drop: Some(index),
                ..read
            });
        }
        Ok(read)
    }
}

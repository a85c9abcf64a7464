//! The elementary layers that everything comes down to.

use crate::shape::Shape;

/// Position of a layer in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerId(pub(super) usize);

impl LayerId {
    /// The layer with this index.
    pub(crate) const fn of(index: usize) -> Self {
        Self(index)
    }

    /// Index into [`Network::layers`](super::Network::layers).
    pub const fn index(self) -> usize {
        self.0
    }
}

/// A layer: what it computes, from what, under which name.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Unique path, such as `cells.3.node2.0.sep_conv_3x3.depthwise`; the layer's parameters are
    /// named below it.
    pub name: String,
    /// What it computes.
    pub kind: LayerKind,
    /// The layers it reads, all of which come before it.
    pub inputs: Vec<LayerId>,
    /// Shape of its output.
    pub shape: Shape,
}

/// What a layer computes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LayerKind {
    /// The image. Has no input.
    Input,
    /// max(0, x).
    Relu,
    /// Convolution.
    Conv2d(Conv2d),
    /// Batch normalisation over batch and space, ε = 1e-5, momentum 0.1.
    BatchNorm {
        /// Whether it has a learned scale and shift per channel.
        affine: bool,
    },
    /// Pooling over windows.
    Pool2d(Pool2d),
    /// Mean over space; the output is C×1×1.
    GlobalAvgPool,
    /// Fully connected layer with bias on the flattened input; the output is `features`×1×1.
    Linear {
        /// Number of outputs.
        features: usize,
    },
    /// Zeros of the shape that striding by `stride` gives.
    Zero {
        /// Rows and columns skipped, at least 1.
        stride: usize,
    },
    /// Everything but the first row and the first column.
    Shift,
    /// Zeros around a smaller map, up to `height` × `width`; where the difference is odd, the extra
    /// row or column is at the end.
    Pad {
        /// Rows of the output.
        height: usize,
        /// Columns of the output.
        width: usize,
    },
    /// Sum of its inputs, one or more, all of one shape.
    Add,
    /// Sum of its inputs, one or more, all of one shape, each times a weight that is given with
    /// every pass: the node of a supernet.
    WeightedSum {
        /// Which weight belongs to each input, in their order.
        terms: Vec<Term>,
    },
    /// Its inputs one after the other in depth, one or more, all of one height and width.
    Concat,
    /// Some of its channels.
    Channels {
        /// The first one.
        start: usize,
        /// How many, at least 1.
        count: usize,
    },
    /// Its channels in another order: those of `groups` equal parts in turn (Zhang et al. 2018,
    /// arXiv 1707.01083, section 3.1).
    Shuffle {
        /// Number of parts, a divisor of the channels.
        groups: usize,
    },
    /// In training, zeroes whole samples at the pass's drop-path rate and scales the rest up; else
    /// the identity.
    DropPath,
    /// In training, zeroes single values at `rate` and scales the rest up; else the identity.
    Dropout {
        /// Probability of a value to be zeroed, in [0, 1).
        rate: f64,
    },
}

/// A weight of a [`LayerKind::WeightedSum`]: an entry of one of the tables that come with each
/// pass, one table for each cell of a supernet, with a row for each edge and a column for each
/// candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Term {
    /// The table.
    pub table: usize,
    /// The edge, in the order of the cell's edges.
    pub row: usize,
    /// The candidate.
    pub column: usize,
}

/// Parameters of a convolution. Pairs are (rows, columns).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Output channels.
    pub channels: usize,
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Step between windows, at least 1.
    pub stride: [usize; 2],
    /// Zeros added at each side.
    pub padding: [usize; 2],
    /// Distance between the taps of the kernel, at least 1.
    pub dilation: [usize; 2],
    /// Groups that input and output channels are divided into.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Conv2d {
    /// A dense convolution without bias whose output is as large as its input, at stride 1. Odd
    /// kernels only.
    pub const fn same(channels: usize, kernel: [usize; 2]) -> Self {
        Self {
            channels,
            kernel,
            stride: [1, 1],
            padding: [kernel[0] / 2, kernel[1] / 2],
            dilation: [1, 1],
            groups: 1,
            bias: false,
        }
    }

    /// A 1×1 convolution without bias.
    pub const fn pointwise(channels: usize) -> Self {
        Self::same(channels, [1, 1])
    }

    /// A depthwise k×k convolution without bias, padded so that stride 1 keeps the size.
    pub const fn depthwise(channels: usize, kernel: usize, dilation: usize) -> Self {
        // What is too large for a number fits no feature map either, which the builder says.
        let padding = dilation.saturating_mul(kernel / 2);
        Self {
            channels,
            kernel: [kernel, kernel],
            stride: [1, 1],
            padding: [padding, padding],
            dilation: [dilation, dilation],
            groups: channels,
            bias: false,
        }
    }

    /// The same at this stride in both directions.
    #[must_use]
    pub const fn with_stride(self, stride: usize) -> Self {
        Self {
            stride: [stride, stride],
            ..self
        }
    }
}

/// Parameters of a pooling layer. Pairs are (rows, columns).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// What is taken of a window.
    pub kind: PoolKind,
    /// Size of the window.
    pub kernel: [usize; 2],
    /// Step between windows, at least 1.
    pub stride: [usize; 2],
    /// Cells added at each side; they never count. At most half the kernel.
    pub padding: [usize; 2],
}

/// What pooling takes of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// The largest value.
    Max,
    /// The mean of the values, the padding not counted.
    Average,
}

impl LayerKind {
    /// Short name of the kind, used in default layer names and in tables.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Relu => "relu",
            Self::Conv2d(_) => "conv",
            Self::BatchNorm { .. } => "bn",
            Self::Pool2d(_) => "pool",
            Self::GlobalAvgPool => "gap",
            Self::Linear { .. } => "linear",
            Self::Zero { .. } => "zero",
            Self::Shift => "shift",
            Self::Pad { .. } => "pad",
            Self::Add => "add",
            Self::WeightedSum { .. } => "mixed",
            Self::Concat => "concat",
            Self::Channels { .. } => "channels",
            Self::Shuffle { .. } => "shuffle",
            Self::DropPath => "drop_path",
            Self::Dropout { .. } => "dropout",
        }
    }

    /// Shape of the output for inputs of these shapes, or what does not fit.
    pub(super) fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let arity_fits = match self {
            Self::Input => inputs.is_empty(),
            Self::Add | Self::Concat => !inputs.is_empty(),
            Self::WeightedSum { terms } => !inputs.is_empty() && terms.len() == inputs.len(),
            _ => inputs.len() == 1,
        };
        if !arity_fits {
            return Err(format!("{} cannot have {} inputs", self.label(), inputs.len()));
        }
        let first = inputs.first().copied().unwrap_or(Shape::new(0, 0, 0));
        match *self {
            Self::Input => Err("the image is given, not computed".to_owned()),
            Self::Relu | Self::BatchNorm { .. } | Self::DropPath => Ok(first),
            Self::Dropout { rate } => {
                if (0.0..1.0).contains(&rate) {
                    Ok(first)
                } else {
                    Err(format!(
                        "the dropout rate is {rate}; expected a number from 0 to below 1"
                    ))
                }
            }
            Self::Conv2d(conv) => conv.output_shape(first),
            Self::Pool2d(pool) => pool.output_shape(first),
            Self::GlobalAvgPool => Ok(Shape::new(first.channels, 1, 1)),
            Self::Linear { features: 0 } => Err("a linear layer needs at least one output".to_owned()),
            Self::Linear { features } => Ok(Shape::new(features, 1, 1)),
            Self::Zero { stride: 0 } => Err("the stride is 0; expected at least 1".to_owned()),
            Self::Zero { stride } => Ok(Shape {
                height: first.height.div_ceil(stride),
                width: first.width.div_ceil(stride),
                ..first
            }),
            Self::Shift if first.height < 2 || first.width < 2 => {
                Err("shifting needs at least two rows and two columns".to_owned())
            }
            Self::Shift => Ok(Shape {
                height: first.height - 1,
                width: first.width - 1,
                ..first
            }),
            Self::Pad { height, width } if height < first.height || width < first.width => {
                Err(format!("cannot pad to {height}x{width}, which is smaller"))
            }
            Self::Pad { height, width } => Ok(Shape {
                height,
                width,
                ..first
            }),
            Self::Channels { start, count } => match start.checked_add(count) {
                Some(end) if count > 0 && end <= first.channels => Ok(first.with_channels(count)),
                _ => Err(format!(
                    "it has no {count} channels from channel {start} on; expected at least one, all of them there"
                )),
            },
            Self::Shuffle { groups } if groups == 0 || !first.channels.is_multiple_of(groups) => {
                Err(format!("its channels do not divide into {groups} groups"))
            }
            Self::Shuffle { .. } => Ok(first),
            Self::Add | Self::WeightedSum { .. } => match inputs.iter().find(|&&shape| shape != first) {
                Some(other) => Err(format!("cannot add a feature map of {other} to it")),
                None => Ok(first),
            },
            Self::Concat => {
                let odd = inputs
                    .iter()
                    .find(|s| (s.height, s.width) != (first.height, first.width));
                match odd {
                    Some(other) => Err(format!("cannot concatenate a feature map of {other} with it")),
                    None => inputs
                        .iter()
                        .try_fold(0_usize, |sum, shape| sum.checked_add(shape.channels))
                        .map(|channels| first.with_channels(channels))
                        .ok_or_else(|| "the channels are more than can be counted".to_owned()),
                }
            }
        }
    }
}

impl Conv2d {
    fn output_shape(&self, input: Shape) -> Result<Shape, String> {
        if self.channels == 0 || self.groups == 0 {
            return Err("a convolution needs at least one output channel and one group".to_owned());
        }
        if !input.channels.is_multiple_of(self.groups) || !self.channels.is_multiple_of(self.groups) {
            return Err(format!(
                "{} input and {} output channels do not divide into {} groups",
                input.channels, self.channels, self.groups
            ));
        }
        let rows = windows(
            input.height,
            self.kernel[0],
            self.stride[0],
            self.padding[0],
            self.dilation[0],
        )?;
        let columns = windows(
            input.width,
            self.kernel[1],
            self.stride[1],
            self.padding[1],
            self.dilation[1],
        )?;
        Ok(Shape::new(self.channels, rows, columns))
    }
}

impl Pool2d {
    fn output_shape(&self, input: Shape) -> Result<Shape, String> {
        if (0..2).any(|axis| self.padding[axis] > self.kernel[axis] / 2) {
            let [[ph, pw], [kh, kw]] = [self.padding, self.kernel];
            return Err(format!(
                "a padding of {ph}x{pw} is more than half the {kh}x{kw} window"
            ));
        }
        let rows = windows(input.height, self.kernel[0], self.stride[0], self.padding[0], 1)?;
        let columns = windows(input.width, self.kernel[1], self.stride[1], self.padding[1], 1)?;
        Ok(Shape {
            height: rows,
            width: columns,
            ..input
        })
    }
}

/// Number of windows along an axis of `size`.
fn windows(
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Result<usize, String> {
    if kernel == 0 || stride == 0 || dilation == 0 {
        return Err(format!(
            "kernel {kernel}, stride {stride} and dilation {dilation} must all be at least 1"
        ));
    }
    let too_large = || {
        format!(
            "kernel {kernel}, dilation {dilation} and padding {padding} at size {size} are too large to compute"
        )
    };
    let span = dilation
        .checked_mul(kernel - 1)
        .and_then(|reach| reach.checked_add(1));
    let span = span.ok_or_else(too_large)?;
    let padded = padding.checked_mul(2).and_then(|zeros| zeros.checked_add(size));
    let padded = padded.ok_or_else(too_large)?;
    if padded < span {
        return Err(format!(
            "a window of {span} does not fit into {size} with a padding of {padding}"
        ));
    }
    Ok((padded - span) / stride + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_too_large_to_compute_are_refused_and_not_wrapped_around() {
        let half = usize::MAX / 2 + 1;
        let shape = Shape::new(half, 8, 8);
        assert!(LayerKind::Concat.output_shape(&[shape, shape]).is_err());
        let conv = Conv2d::same(4, [3, 3]);
        for conv in [
            Conv2d {
                padding: [half, 0],
                ..conv
            },
            Conv2d {
                dilation: [1, half],
                ..conv
            },
            Conv2d {
                dilation: [1, usize::MAX],
                kernel: [3, 2],
                ..conv
            },
            Conv2d {
                kernel: [usize::MAX, 1],
                ..conv
            },
            Conv2d::depthwise(half, usize::MAX, usize::MAX),
        ] {
            assert!(
                LayerKind::Conv2d(conv).output_shape(&[shape]).is_err(),
                "{conv:?}"
            );
        }
        let pool = Pool2d {
            kind: PoolKind::Max,
            kernel: [3, 3],
            stride: [1, 1],
            padding: [half, 1],
        };
        assert!(LayerKind::Pool2d(pool).output_shape(&[shape]).is_err());
    }
}

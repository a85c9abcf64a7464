//! The geometry of a convolution: stride, padding, dilation, groups, and the resulting shapes.

use candle_core::{Result, Tensor, bail};

/// The parameters of a two-dimensional convolution; pairs are (rows, columns).
///
/// | field | default | range | meaning |
/// |---|---|---|---|
/// | `stride` | 1, 1 | ≥ 1 | step between output positions, in input pixels |
/// | `padding` | 0, 0 | ≥ 0 | zeros added at both ends of each axis |
/// | `dilation` | 1, 1 | ≥ 1 | distance between the taps of the kernel, in input pixels |
/// | `groups` | 1 | ≥ 1 | into how many independent convolutions the channels are split |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvSpec {
    /// Step between output positions, in input pixels.
    pub stride: [usize; 2],
    /// Zeros added at both ends of each axis.
    pub padding: [usize; 2],
    /// Distance between the taps of the kernel, in input pixels.
    pub dilation: [usize; 2],
    /// Into how many independent convolutions the channels are split.
    pub groups: usize,
}

impl Default for ConvSpec {
    /// Stride 1, no padding, no dilation, one group.
    fn default() -> Self {
        Self {
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        }
    }
}

/// A convolution whose shapes have been checked: all sizes, and the output's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) batch: usize,
    /// Input channels, all groups.
    pub(crate) channels: usize,
    /// Input rows and columns.
    pub(crate) input: [usize; 2],
    /// Output channels, all groups.
    pub(crate) filters: usize,
    /// Kernel rows and columns.
    pub(crate) kernel: [usize; 2],
    /// Output rows and columns.
    pub(crate) output: [usize; 2],
    pub(crate) spec: ConvSpec,
}

impl Geometry {
    /// Checks the shapes of `x` and `weight` against each other and against `spec`.
    pub(crate) fn new(x: &Tensor, weight: &Tensor, spec: &ConvSpec) -> Result<Self> {
        let &[batch, channels, h, w] = x.dims() else {
            bail!(
                "conv2d: the input must have 4 axes [batch, channels, rows, columns], got {:?}",
                x.dims()
            )
        };
        let &[filters, per_group, kh, kw] = weight.dims() else {
            bail!(
                "conv2d: the weight must have 4 axes [filters, channels / groups, rows, columns], got {:?}",
                weight.dims()
            )
        };
        if x.dtype() != weight.dtype() {
            bail!(
                "conv2d: input and weight must have one element type, got {:?} and {:?}",
                x.dtype(),
                weight.dtype()
            )
        }
        if !x.device().same_device(weight.device()) {
            bail!(
                "conv2d: input and weight must be on one device, got {:?} and {:?}",
                x.device().location(),
                weight.device().location()
            )
        }
        let groups = spec.groups;
        if groups == 0 {
            bail!("conv2d: groups must be at least 1, got 0")
        }
        if !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            bail!(
                "conv2d: {groups} groups must divide the {channels} input channels and the {filters} filters"
            )
        }
        if per_group != channels / groups {
            bail!(
                "conv2d: with {channels} input channels in {groups} groups the weight must have {} channels per filter, \
                 got {per_group}",
                channels / groups
            )
        }
        if channels == 0 || filters == 0 {
            bail!(
                "conv2d: input and weight must have at least one channel, got {:?} and {:?}",
                x.dims(),
                weight.dims()
            )
        }
        if spec.stride.contains(&0) || spec.dilation.contains(&0) {
            bail!(
                "conv2d: stride and dilation must be at least 1, got stride {:?} and dilation {:?}",
                spec.stride,
                spec.dilation
            )
        }
        let mut output = [0; 2];
        for (axis, (size, kernel)) in [(h, kh), (w, kw)].into_iter().enumerate() {
            output[axis] = output_size(axis, size, kernel, spec)?;
        }
        Ok(Self {
            batch,
            channels,
            input: [h, w],
            filters,
            kernel: [kh, kw],
            output,
            spec: *spec,
        })
    }

    /// Channels of one group of the input.
    pub(crate) fn group_channels(&self) -> usize {
        self.channels / self.spec.groups
    }

    /// Filters of one group.
    pub(crate) fn group_filters(&self) -> usize {
        self.filters / self.spec.groups
    }

    /// The shape of the output.
    pub(crate) fn output_dims(&self) -> [usize; 4] {
        [self.batch, self.filters, self.output[0], self.output[1]]
    }
}

fn output_size(axis: usize, size: usize, kernel: usize, spec: &ConvSpec) -> Result<usize> {
    let name = ["rows", "columns"][axis];
    if kernel == 0 {
        bail!("conv2d: the kernel must have at least one tap on each axis, got 0 {name}")
    }
    let span = (kernel - 1) * spec.dilation[axis] + 1;
    let padded = size + 2 * spec.padding[axis];
    if span > padded {
        bail!(
            "conv2d: a kernel of {kernel} {name} with dilation {} spans {span} {name}, more than the {padded} of the \
             input ({size} and {} of padding at each end): pad more, or use a smaller kernel or a larger image",
            spec.dilation[axis],
            spec.padding[axis]
        )
    }
    Ok((padded - span) / spec.stride[axis] + 1)
}

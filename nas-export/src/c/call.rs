//! What a function of the C code is called for: some channels of a map.

use nas_space::network::{Conv2d, PoolKind};
use nas_space::shape::Shape;

use super::function::Function;
use super::view::{Part, View};

/// A loop over all places of a map.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) kind: CallKind,
    /// The terms of a sum, or the one view that something else reads.
    pub(super) inputs: Vec<Vec<Part>>,
    /// The first channel that is written.
    pub(super) start: usize,
    /// How many are written.
    pub(super) channels: usize,
    /// What is done to values before they are written.
    pub(super) function: Function,
}

/// What is computed.
#[derive(Debug, Clone)]
pub(super) enum CallKind {
    /// The weights are \[row\]\[column\]\[in\]\[out\].
    Conv {
        windows: Windows,
        weight: Vec<f32>,
        bias: Vec<f32>,
    },
    /// The weights are \[row\]\[column\]\[channel\].
    Depthwise {
        windows: Windows,
        weight: Vec<f32>,
        bias: Vec<f32>,
    },
    Pool {
        kind: PoolKind,
        windows: Windows,
    },
    /// Of all places.
    Mean,
    Add,
}

/// Where windows lie. Pairs are (rows, columns).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) padding: [usize; 2],
    pub(super) dilation: [usize; 2],
}

impl Windows {
    /// Where a tap of a window lies in an axis of this size, if it does.
    fn place(&self, axis: usize, window: usize, tap: usize, size: usize) -> Option<usize> {
        let place = window * self.stride[axis] + tap * self.dilation[axis];
        place
            .checked_sub(self.padding[axis])
            .filter(|&place| place < size)
    }

    /// What this tap of the window of this place sees in a map of this size, if it lies there.
    pub(super) fn tap(&self, window: [usize; 2], tap: usize, size: [usize; 2]) -> Option<[usize; 2]> {
        let (down, across) = (tap / self.kernel[1], tap % self.kernel[1]);
        let row = self.place(0, window[0], down, size[0])?;
        Some([row, self.place(1, window[1], across, size[1])?])
    }

    /// The number of taps.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

impl Call {
    /// The only view that is read.
    pub(super) fn parts(&self) -> &[Part] {
        self.inputs.first().map_or(&[], Vec::as_slice)
    }

    /// The number of weights of each output channel.
    pub(super) fn reads(&self) -> usize {
        self.parts().iter().map(|part| part.channels).sum()
    }

    /// Whether it is a dense convolution with a single window, which is all of a map of this size. If
    /// so, it becomes one of a single tap.
    pub(super) fn sees_all(&mut self, size: [usize; 2]) -> bool {
        match &mut self.kind {
            CallKind::Conv { windows, .. } if windows.kernel == size && windows.padding == [0, 0] => {
                windows.kernel = [1, 1];
                true
            }
            _ => false,
        }
    }

    /// Pooling of this kind, part by part.
    pub(super) fn pools(view: &View, kind: &CallKind, function: &Function) -> Vec<Self> {
        let mut start = 0;
        let calls = view.parts.iter().map(|part| {
            let call = Self {
                kind: kind.clone(),
                inputs: vec![vec![part.clone()]],
                start,
                channels: part.channels,
                function: function.part(start, part.channels),
            };
            start += part.channels;
            call
        });
        calls.collect()
    }

    /// The sum of views, in ranges of channels that each term has in one part.
    pub(super) fn sums(terms: &[View], shape: Shape, function: &Function) -> Vec<Self> {
        let mut bounds: Vec<usize> = vec![0, shape.channels];
        for view in terms {
            let mut at = 0;
            for part in &view.parts {
                at += part.channels;
                bounds.push(at);
            }
        }
        bounds.sort_unstable();
        bounds.dedup();
        let ranges = bounds.windows(2).map(|bounds| (bounds[0], bounds[1] - bounds[0]));
        let calls = ranges.map(|(start, channels)| Self {
            kind: CallKind::Add,
            inputs: terms.iter().map(|view| view.channels(start, channels)).collect(),
            start,
            channels,
            function: function.part(start, channels),
        });
        calls.collect()
    }

    /// A convolution with the weights \[out\]\[in\]\[row\]\[column\], group by group.
    pub(super) fn convolutions(
        conv: Conv2d,
        view: &View,
        weight: &[f32],
        bias: &[f32],
        function: &Function,
    ) -> Vec<Self> {
        let windows = Windows {
            kernel: conv.kernel,
            stride: conv.stride,
            padding: conv.padding,
            dilation: conv.dilation,
        };
        let taps = windows.taps();
        let (inputs, outputs) = (view.shape.channels / conv.groups, conv.channels / conv.groups);
        if inputs == 1 && outputs == 1 && conv.groups > 1 {
            let depthwise = |start: usize, count: usize| {
                let channels = start..start + count;
                let turned = (0..taps).flat_map(|tap| channels.clone().map(move |c| weight[c * taps + tap]));
                CallKind::Depthwise {
                    windows,
                    weight: turned.collect(),
                    bias: bias[start..][..count].to_vec(),
                }
            };
            let whole = CallKind::Mean;
            let mut calls = Self::pools(view, &whole, function);
            for call in &mut calls {
                call.kind = depthwise(call.start, call.channels);
            }
            return calls;
        }
        let group = |group: usize| {
            let start = group * outputs;
            let mut turned = Vec::with_capacity(weight.len() / conv.groups);
            for tap in 0..taps {
                for input in 0..inputs {
                    let out = start..start + outputs;
                    turned.extend(out.map(|output| weight[(output * inputs + input) * taps + tap]));
                }
            }
            Self {
                kind: CallKind::Conv {
                    windows,
                    weight: turned,
                    bias: bias[start..][..outputs].to_vec(),
                },
                inputs: vec![view.channels(group * inputs, inputs)],
                start,
                channels: outputs,
                function: function.part(start, outputs),
            }
        };
        (0..conv.groups).map(group).collect()
    }
}

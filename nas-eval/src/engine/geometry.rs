//! Memory layouts, computed once for each convolution and pooling layer.

use nas_space::network::{Conv2d, Pool2d};
use nas_space::shape::Shape;

use crate::kernels::{Dense, Frame, Grid, Tile, Winograd, padded_channels, plain_weight};

/// Channels from which on a convolution with fewer products is faster, transforms included: as
/// measured.
const TILES_CHANNELS: usize = 8;
/// Pixels of the output from which on small and large tiles are, if they save products.
const TILES_PIXELS: [(Tile, usize); 2] = [(Tile::Two, 4), (Tile::Four, 36)];
/// Taps of a convolution that is computed in tiles.
const TAPS: usize = 9;
/// Tiles that make up for reading the weights: a small map has fewer, so that several images are
/// computed together.
const TILES_TOGETHER: usize = 32;

/// A convolution of one image, forward and backward.
#[derive(Debug, Clone)]
pub(super) struct Convolution {
    /// The names of its parameters.
    pub(super) weight: String,
    pub(super) bias_name: String,
    pub(super) bias: bool,
    kernel: [usize; 2],
    pub(super) groups: usize,
    /// Input and output channels.
    pub(super) channels: usize,
    pub(super) filters: usize,
    /// Whether every channel has one filter, its own.
    pub(super) depthwise: bool,
    /// Whether it is pointwise, of stride 1 and without padding, so that a map can be read where it
    /// is.
    pub(super) in_place: bool,
    /// The tiles of [`winograd`](crate::kernels::winograd), where it is computed in them, in all
    /// directions.
    pub(super) tile: Option<Tile>,
    stride: [usize; 2],
    dilation: [usize; 2],
    pub(super) padding: [usize; 2],
    /// Rows and columns of the output.
    pub(super) output: [usize; 2],
    /// The input with its padding, or more of it.
    pub(super) frame: Frame,
    pub(super) taps: Vec<usize>,
    pub(super) windows: Grid,
    /// The gradient of the output, as far apart as the windows are, with what padding its own
    /// convolution with the reversed kernel needs to give the gradient of the input.
    pub(super) back: Frame,
    pub(super) back_taps: Vec<usize>,
    pub(super) back_windows: Grid,
}

impl Convolution {
    pub(super) fn new(name: &str, conv: &Conv2d, input: Shape) -> Self {
        let size = [input.height, input.width];
        let along = |f: &dyn Fn(usize) -> usize| [f(0), f(1)];
        // How far the last tap is from the first.
        let reach = along(&|i| conv.dilation[i] * (conv.kernel[i] - 1));
        let output = along(&|i| (size[i] + 2 * conv.padding[i] - reach[i] - 1) / conv.stride[i] + 1);
        let three_by_three = conv.kernel == [3, 3]
            && conv.stride == [1, 1]
            && conv.dilation == [1, 1]
            && conv.groups == 1
            && input.channels.min(conv.channels) >= TILES_CHANNELS;
        let tile = if three_by_three { tile_for(output) } else { None };
        // Tiles may reach further than the map and its padding.
        let filled = |output: [usize; 2]| tile.map_or(output, |tile| tile.filled(output));
        let pixel = padded_channels(input.channels);
        let frame = Frame::new(
            along(&|i| (size[i] + 2 * conv.padding[i]).max(filled(output)[i] + reach[i])),
            pixel,
            size,
            conv.padding,
            [1, 1],
        );
        let at = along(&|i| reach[i].saturating_sub(conv.padding[i]));
        let skipped = along(&|i| conv.padding[i].saturating_sub(reach[i]));
        let back_pixel = padded_channels(conv.channels);
        let back = Frame::new(
            along(&|i| {
                let read = skipped[i] + filled(size)[i] + reach[i];
                read.max(at[i] + conv.stride[i] * (filled(output)[i] - 1) + 1)
            }),
            back_pixel,
            output,
            at,
            conv.stride,
        );
        let start = skipped[0] * back.size[1] * back_pixel + skipped[1] * back_pixel;
        let in_place = conv.kernel == [1, 1] && conv.stride == [1, 1] && conv.padding == [0, 0];
        let mut windows = frame.windows(output, conv.stride);
        let mut back_windows = back.windows(size, [1, 1]).moved(start);
        if in_place {
            (windows, back_windows) = (windows.flat(), back_windows.flat());
        }
        Self {
            weight: format!("{name}.weight"),
            bias_name: format!("{name}.bias"),
            bias: conv.bias,
            kernel: conv.kernel,
            stride: conv.stride,
            dilation: conv.dilation,
            padding: conv.padding,
            groups: conv.groups,
            channels: input.channels,
            filters: conv.channels,
            depthwise: conv.groups == input.channels && conv.channels == input.channels,
            in_place,
            tile,
            output,
            taps: frame.taps(conv.kernel, conv.dilation),
            windows,
            frame,
            back_taps: back.taps(conv.kernel, conv.dilation),
            back_windows,
            back,
        }
    }

    /// Kernel, stride, dilation and groups, for people: `3x3`, `3x3 stride 2 groups 16`.
    pub(super) fn window(&self) -> String {
        let side = |[rows, columns]: [usize; 2]| match rows == columns {
            true => rows.to_string(),
            false => format!("{rows}x{columns}"),
        };
        let [rows, columns] = self.kernel;
        let mut text = format!("{rows}x{columns}");
        for (what, value) in [("stride", self.stride), ("dilation", self.dilation)] {
            if value != [1, 1] {
                text += &format!(" {what} {}", side(value));
            }
        }
        if self.groups > 1 {
            text += &format!(" groups {}", self.groups);
        }
        text
    }

    /// Rows and columns of a frame that has this padding, which is at least its own, and all that
    /// it reads.
    pub(super) fn frame_with(&self, padding: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|i| {
            let more = padding[i] - self.padding[i];
            (self.frame.inner.size[i] + 2 * padding[i]).max(self.frame.size[i] + more)
        })
    }

    /// Lets the input lie in a frame with this padding and of this size, which are at least its
    /// own.
    pub(super) fn widen(&mut self, padding: [usize; 2], size: [usize; 2]) {
        if self.in_place {
            return;
        }
        let inner = self.frame.inner.size;
        self.frame = Frame::new(size, self.frame.pixel, inner, padding, [1, 1]);
        let skipped = [padding[0] - self.padding[0], padding[1] - self.padding[1]];
        let start = (skipped[0] * size[1] + skipped[1]) * self.frame.pixel;
        self.windows = self.frame.windows(self.output, self.stride).moved(start);
        self.taps = self.frame.taps(self.kernel, self.dilation);
    }

    /// A linear layer on a map of this shape.
    pub(super) fn linear(name: &str, features: usize, input: Shape) -> Self {
        let conv = Conv2d {
            channels: features,
            kernel: [input.height, input.width],
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
            bias: true,
        };
        Self::new(name, &conv, input)
    }

    /// Itself, as the kernels of a dense convolution want to know it.
    pub(super) fn dense(&self) -> Dense<'_> {
        Dense {
            windows: self.windows,
            taps: &self.taps,
            channels: self.channels,
            filters: self.back.pixel,
        }
    }

    /// The convolution that gives the gradient of what it reads.
    pub(super) fn dense_back(&self) -> Dense<'_> {
        Dense {
            windows: self.back_windows,
            taps: &self.back_taps,
            channels: self.filters,
            filters: self.frame.pixel,
        }
    }

    /// [`Self::dense`] for this number of images in tiles of this size, with outputs `next_output`
    /// elements apart.
    pub(super) fn tiled(&self, tile: Tile, images: usize, next_output: usize) -> Winograd {
        Winograd {
            tile,
            images,
            next_image: [self.frame.len(), next_output],
            windows: self.windows,
            channels: self.channels,
            filters: self.back.pixel,
        }
    }

    /// [`Self::dense_back`] for this number of images in tiles of this size.
    pub(super) fn tiled_back(&self, tile: Tile, images: usize) -> Winograd {
        let [rows, columns] = self.frame.inner.size;
        Winograd {
            tile,
            images,
            next_image: [self.back.len(), rows * columns * self.frame.pixel],
            windows: self.back_windows,
            channels: self.filters,
            filters: self.frame.pixel,
        }
    }

    /// Images that are computed together.
    pub(super) fn images_together(&self) -> usize {
        self.tile.map_or(1, |tile| {
            let [rows, columns] = self.output.map(|side| side.div_ceil(tile.outputs()));
            TILES_TOGETHER.div_ceil(rows * columns)
        })
    }

    /// Output pixels as one row where input pixels are, too.
    pub(super) fn output_grid(&self, grid: Grid) -> Grid {
        if self.in_place { grid.flat() } else { grid }
    }

    /// Multiply-adds for one image.
    pub(super) fn work(&self) -> usize {
        self.output[0] * self.output[1] * self.taps.len() * self.channels / self.groups * self.filters
    }

    /// Elements of the weight and the bias.
    pub(super) fn parameters(&self) -> usize {
        let bias = if self.bias { self.filters } else { 0 };
        self.taps.len() * self.channels / self.groups * self.filters + bias
    }

    /// How many products there are for each weight of a tap and one image: one for each output
    /// pixel, or fewer where tiles save some.
    pub(super) fn products_per_weight(&self) -> usize {
        self.tile.map_or(self.output[0] * self.output[1], |tile| {
            tile.products(self.output) / TAPS
        })
    }

    /// Elements of the weight as the kernels take it.
    pub(super) fn packed_len(&self) -> usize {
        if self.depthwise {
            self.taps.len() * padded_channels(self.channels)
        } else {
            self.matrices() * self.rows(self.channels) * padded_channels(self.filters)
        }
    }

    /// How many matrices of input and output channels a dense weight is.
    fn matrices(&self) -> usize {
        self.tile.map_or(self.taps.len(), Tile::positions)
    }

    /// The number of rows of a dense weight's matrix with this number of input channels.
    fn rows(&self, channels: usize) -> usize {
        if self.tile.is_some() {
            padded_channels(channels)
        } else {
            channels
        }
    }

    /// Where the taps begin in a weight as the kernels take it, before that is transformed.
    pub(super) fn taps_at(&self, packed: usize) -> usize {
        self.tile.map_or(0, |tile| plain_weight(tile, packed))
    }

    /// Where each element of the weight, \[filters, channels / groups, kernel rows, kernel
    /// columns\], is among the taps: \[taps, channels\] of a depthwise convolution, else \[taps,
    /// input channels, output channels\], the last one padded; the one before too where products
    /// are saved. A grouped one has zeros for what its groups do not see.
    pub(super) fn each_weight(&self, mut f: impl FnMut(usize, usize)) {
        let taps = self.taps.len();
        let per_group = self.channels / self.groups;
        for filter in 0..self.filters {
            let first = filter / (self.filters / self.groups) * per_group;
            for channel in 0..per_group {
                for tap in 0..taps {
                    let from = (filter * per_group + channel) * taps + tap;
                    f(
                        from,
                        if self.depthwise {
                            tap * padded_channels(self.channels) + filter
                        } else {
                            (tap * self.rows(self.channels) + first + channel) * padded_channels(self.filters)
                                + filter
                        },
                    );
                }
            }
        }
    }

    /// The same for the way back: the taps reversed, input and output channels exchanged.
    pub(super) fn each_back_weight(&self, mut f: impl FnMut(usize, usize)) {
        let taps = self.taps.len();
        let per_group = self.channels / self.groups;
        for filter in 0..self.filters {
            let first = filter / (self.filters / self.groups) * per_group;
            for channel in 0..per_group {
                for tap in 0..taps {
                    let from = (filter * per_group + channel) * taps + tap;
                    let tap = taps - 1 - tap;
                    f(
                        from,
                        if self.depthwise {
                            tap * padded_channels(self.channels) + filter
                        } else {
                            (tap * self.rows(self.filters) + filter) * padded_channels(self.channels)
                                + first
                                + channel
                        },
                    );
                }
            }
        }
    }

    /// Elements of the weight for the way back.
    pub(super) fn packed_back_len(&self) -> usize {
        if self.depthwise {
            self.taps.len() * padded_channels(self.channels)
        } else {
            self.matrices() * self.rows(self.filters) * padded_channels(self.channels)
        }
    }
}

/// The tiles for an output of this size, if any are worth it.
fn tile_for(output: [usize; 2]) -> Option<Tile> {
    let pixels = output[0] * output[1];
    let large_enough = TILES_PIXELS.into_iter().filter(|&(_, least)| pixels >= least);
    large_enough
        .map(|(tile, _)| tile)
        .filter(|tile| tile.products(output) < TAPS * pixels)
        .min_by_key(|tile| tile.products(output))
}

/// A pooling layer.
#[derive(Debug, Clone)]
pub(super) struct Pooling {
    pub(super) max: bool,
    pub(super) frame: Frame,
    pub(super) taps: Vec<usize>,
    pub(super) windows: Grid,
    /// One over the number of values of the map in each window.
    pub(super) share: Vec<f64>,
}

impl Pooling {
    pub(super) fn new(
        pool: &Pool2d,
        max: bool,
        size: [usize; 2],
        output: [usize; 2],
        channels: usize,
    ) -> Self {
        let frame = Frame::new(
            [size[0] + 2 * pool.padding[0], size[1] + 2 * pool.padding[1]],
            padded_channels(channels),
            size,
            pool.padding,
            [1, 1],
        );
        let inside = |axis: usize, at: usize| {
            let first = at * pool.stride[axis];
            let last = (first + pool.kernel[axis]).min(size[axis] + pool.padding[axis]);
            last - first.max(pool.padding[axis])
        };
        let share = (0..output[0] * output[1])
            .map(|pixel| 1.0 / (inside(0, pixel / output[1]) * inside(1, pixel % output[1])) as f64)
            .collect();
        Self {
            max,
            taps: frame.taps(pool.kernel, [1, 1]),
            windows: frame.windows(output, pool.stride),
            frame,
            share,
        }
    }
}

//! What the layers compute, on one image at a time.
#![allow(dead_code)] // A network uses a part of it.

use std::borrow::Borrow;

/// Outputs that are summed up together, next to each other in a row of memory.
const LANES: usize = 8;
/// Output channels that are summed up together.
const ROWS: usize = 4;

/// A feature map: of each channel its rows, from the top.
#[derive(Clone)]
pub(crate) struct Map {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) values: Vec<f32>,
}

/// Where the windows of a convolution or a pooling lie. Pairs are (rows, columns).
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) dilation: [usize; 2],
}

/// Single values, one after the other.
pub(crate) const POINTS: Windows = Windows {
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
};

impl Map {
    fn new(channels: usize, height: usize, width: usize) -> Self {
        let values = vec![0.0; channels * height * width];
        Self {
            channels,
            height,
            width,
            values,
        }
    }

    fn area(&self) -> usize {
        self.height * self.width
    }

    fn plane(&self, channel: usize) -> &[f32] {
        &self.values[channel * self.area()..][..self.area()]
    }
}

impl Windows {
    /// Number of windows along an axis of this size: 0 for rows, 1 for columns.
    fn count(&self, axis: usize, size: usize) -> usize {
        let reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
        (size + 2 * self.padding[axis] - reach) / self.stride[axis] + 1
    }

    /// Where a tap of a window lies in an axis of this size, if it does.
    fn place(&self, axis: usize, window: usize, tap: usize, size: usize) -> Option<usize> {
        let place = window * self.stride[axis] + tap * self.dilation[axis];
        place
            .checked_sub(self.padding[axis])
            .filter(|&place| place < size)
    }

    /// Joins what one tap of a row of windows sees of a row of the map to a value for each window.
    fn join(&self, values: &mut [f32], row: &[f32], tap: usize, join: impl Fn(f32, f32) -> f32) {
        let (stride, offset, padding) = (self.stride[1], tap * self.dilation[1], self.padding[1]);
        let end = (padding + row.len())
            .saturating_sub(offset)
            .div_ceil(stride)
            .min(values.len());
        let first = padding.saturating_sub(offset).div_ceil(stride).min(end);
        let seen = &row[(first * stride + offset).saturating_sub(padding).min(row.len())..];
        let values = values[first..end].iter_mut();
        if stride == 1 {
            values
                .zip(seen)
                .for_each(|(value, &seen)| *value = join(*value, seen));
        } else {
            let seen = seen.iter().step_by(stride);
            values
                .zip(seen)
                .for_each(|(value, &seen)| *value = join(*value, seen));
        }
    }
}

/// (pixel - mean) / std of each channel.
pub(crate) fn normalize(pixels: &[u8], shape: [usize; 3], mean: &[f32], std: &[f32]) -> Map {
    let [channels, height, width] = shape;
    let mut y = Map::new(channels, height, width);
    let planes = y
        .values
        .chunks_mut(height * width)
        .zip(pixels.chunks(height * width));
    for ((y, pixels), (mean, std)) in planes.zip(mean.iter().zip(std)) {
        for (y, &pixel) in y.iter_mut().zip(pixels) {
            *y = (f32::from(pixel) - mean) / std;
        }
    }
    y
}

/// A convolution with `bias.len()` output channels. The weights are those of one output channel
/// after the other.
pub(crate) fn conv2d(
    x: impl Borrow<Map>,
    weight: &[f32],
    bias: &[f32],
    groups: usize,
    windows: Windows,
) -> Map {
    convolve(x.borrow(), weight, bias, groups, &windows)
}

fn convolve(x: &Map, weight: &[f32], bias: &[f32], groups: usize, windows: &Windows) -> Map {
    let (inputs, outputs) = (x.channels / groups, bias.len() / groups);
    let (height, width) = (windows.count(0, x.height), windows.count(1, x.width));
    let (area, taps) = (height * width, weight.len() / bias.len());
    if inputs == 1 && outputs == 1 {
        let weighed = |tap: usize| {
            let weight = weight[tap];
            move |sum: f32, seen: f32| sum + weight * seen
        };
        return sweep(x, windows, |channel| bias[channel], weighed);
    }
    let mut y = Map::new(bias.len(), height, width);
    // Rows of columns end with zeros, so that nothing is left over when they are summed up.
    let padded = area.div_ceil(LANES) * LANES;
    let are_points = windows.kernel == [1, 1] && windows.stride == [1, 1] && windows.padding == [0, 0];
    let is_given = are_points && area == padded;
    let mut gathered = vec![0.0; if is_given { 0 } else { taps * padded }];
    for group in 0..groups {
        let columns = if is_given {
            &x.values[group * inputs * area..][..inputs * area]
        } else {
            for (number, row) in gathered.chunks_mut(padded).enumerate() {
                gather(x, group * inputs, windows, number, &mut row[..area], width);
            }
            &gathered
        };
        let weight = &weight[group * outputs * taps..][..outputs * taps];
        let y = &mut y.values[group * outputs * area..][..outputs * area];
        for (weight, y) in weight.chunks(ROWS * taps).zip(y.chunks_mut(ROWS * area)) {
            if y.len() == ROWS * area {
                product::<ROWS>(weight, columns, taps, y);
            } else {
                for (weight, y) in weight.chunks(taps).zip(y.chunks_mut(area)) {
                    product::<1>(weight, columns, taps, y);
                }
            }
        }
    }
    for (y, bias) in y.values.chunks_mut(area).zip(bias) {
        y.iter_mut().for_each(|y| *y += bias);
    }
    y
}

/// What a tap of the kernel sees, window by window. Taps are numbered from channel `first` on.
fn gather(x: &Map, first: usize, windows: &Windows, tap: usize, row: &mut [f32], width: usize) {
    let taps = windows.kernel[0] * windows.kernel[1];
    let plane = x.plane(first + tap / taps);
    let (down, across) = (tap % taps / windows.kernel[1], tap % windows.kernel[1]);
    for (y, line) in row.chunks_mut(width).enumerate() {
        line.fill(0.0);
        if let Some(place) = windows.place(0, y, down, x.height) {
            windows.join(line, &plane[place * x.width..][..x.width], across, |_, seen| seen);
        }
    }
}

/// y = weight · columns, for R rows of weights.
fn product<const R: usize>(weight: &[f32], columns: &[f32], taps: usize, y: &mut [f32]) {
    let (area, padded) = (y.len() / R, columns.len() / taps);
    for start in (0..area).step_by(LANES) {
        let mut sums = [[0.0; LANES]; R];
        for (tap, column) in columns.chunks_exact(padded).enumerate() {
            let lanes = &column[start..][..LANES];
            for (row, sums) in sums.iter_mut().enumerate() {
                let weight = weight[row * taps + tap];
                for (sum, lane) in sums.iter_mut().zip(lanes) {
                    *sum += weight * lane;
                }
            }
        }
        let count = LANES.min(area - start);
        for (row, sums) in sums.iter().enumerate() {
            y[row * area + start..][..count].copy_from_slice(&sums[..count]);
        }
    }
}

/// A fully connected layer with `bias.len()` outputs on all values.
pub(crate) fn linear(x: impl Borrow<Map>, weight: &[f32], bias: &[f32]) -> Map {
    let x = &x.borrow().values;
    let mut y = Map::new(bias.len(), 1, 1);
    for ((y, weight), bias) in y.values.iter_mut().zip(weight.chunks(x.len())).zip(bias) {
        let mut sums = [0.0; LANES];
        for (x, weight) in x.chunks(LANES).zip(weight.chunks(LANES)) {
            for ((sum, x), weight) in sums.iter_mut().zip(x).zip(weight) {
                *sum += x * weight;
            }
        }
        *y = bias + sums.iter().sum::<f32>();
    }
    y
}

/// max(0, x).
pub(crate) fn relu(mut x: Map) -> Map {
    // A value that is not a number stays one.
    x.values
        .iter_mut()
        .for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x });
    x
}

/// scale x + shift of each channel: what is left of a batch norm.
pub(crate) fn scale_shift(mut x: Map, scale: &[f32], shift: &[f32]) -> Map {
    let area = x.area();
    for (x, (scale, shift)) in x.values.chunks_mut(area).zip(scale.iter().zip(shift)) {
        x.iter_mut().for_each(|x| *x = *x * scale + shift);
    }
    x
}

/// The largest value of each window.
pub(crate) fn max_pool2d(x: impl Borrow<Map>, windows: Windows) -> Map {
    sweep(x.borrow(), &windows, |_| f32::NEG_INFINITY, |_| f32::max)
}

/// The mean of each window; what lies outside of the map counts in none.
pub(crate) fn avg_pool2d(x: impl Borrow<Map>, windows: Windows) -> Map {
    let x = x.borrow();
    let sum = |_| |sum: f32, seen: f32| sum + seen;
    let mut y = sweep(x, &windows, |_| 0.0, sum);
    let ones = Map {
        channels: 1,
        values: vec![1.0; x.area()],
        ..*x
    };
    let counts = sweep(&ones, &windows, |_| 0.0, sum);
    for y in y.values.chunks_mut(counts.area()) {
        y.iter_mut()
            .zip(&counts.values)
            .for_each(|(y, count)| *y /= count);
    }
    y
}

/// Goes through the windows of each channel: begins with the channel's `start`, and joins with that
/// what each tap sees. Taps are numbered through all channels.
fn sweep<J: Fn(f32, f32) -> f32>(
    x: &Map,
    windows: &Windows,
    start: impl Fn(usize) -> f32,
    join: impl Fn(usize) -> J,
) -> Map {
    let mut y = Map::new(x.channels, windows.count(0, x.height), windows.count(1, x.width));
    let (height, width) = (y.height, y.width);
    let [rows, columns] = windows.kernel;
    for (number, line) in y.values.chunks_mut(width).enumerate() {
        let channel = number / height;
        let plane = x.plane(channel);
        line.fill(start(channel));
        for down in 0..rows {
            let Some(place) = windows.place(0, number % height, down, x.height) else {
                continue;
            };
            let row = &plane[place * x.width..][..x.width];
            for across in 0..columns {
                windows.join(
                    line,
                    row,
                    across,
                    join((channel * rows + down) * columns + across),
                );
            }
        }
    }
    y
}

/// The mean of each channel.
pub(crate) fn global_avg_pool(x: impl Borrow<Map>) -> Map {
    let x = x.borrow();
    let mut y = Map::new(x.channels, 1, 1);
    for (channel, y) in y.values.iter_mut().enumerate() {
        *y = x.plane(channel).iter().sum::<f32>() / x.area() as f32;
    }
    y
}

/// Zeros, as many as each `stride`-th row and column has values.
pub(crate) fn zero(x: impl Borrow<Map>, stride: usize) -> Map {
    let x = x.borrow();
    Map::new(x.channels, x.height.div_ceil(stride), x.width.div_ceil(stride))
}

/// Everything but the first row and the first column.
pub(crate) fn shift(x: impl Borrow<Map>) -> Map {
    let x = x.borrow();
    let mut y = Map::new(x.channels, x.height - 1, x.width - 1);
    let planes = y.values.chunks_mut((x.height - 1) * (x.width - 1));
    for (y, plane) in planes.zip(x.values.chunks(x.area())) {
        let rows = plane.chunks(x.width).skip(1);
        y.chunks_mut(x.width - 1)
            .zip(rows)
            .for_each(|(y, row)| y.copy_from_slice(&row[1..]));
    }
    y
}

/// Zeros around a map; where their number is odd, there is one more at the end.
pub(crate) fn pad(x: impl Borrow<Map>, height: usize, width: usize) -> Map {
    let x = x.borrow();
    let (top, left) = ((height - x.height) / 2, (width - x.width) / 2);
    let mut y = Map::new(x.channels, height, width);
    for (y, plane) in y.values.chunks_mut(height * width).zip(x.values.chunks(x.area())) {
        for (y, row) in y.chunks_mut(width).skip(top).zip(plane.chunks(x.width)) {
            y[left..][..x.width].copy_from_slice(row);
        }
    }
    y
}

/// The sum of maps.
pub(crate) fn add(terms: Vec<Map>) -> Map {
    let mut terms = terms.into_iter();
    let mut sum = terms.next().unwrap_or_else(|| Map::new(0, 0, 0));
    for term in terms {
        for (sum, value) in sum.values.iter_mut().zip(&term.values) {
            *sum += value;
        }
    }
    sum
}

/// Maps one after the other in depth.
pub(crate) fn concat(parts: Vec<Map>) -> Map {
    let (height, width) = (parts[0].height, parts[0].width);
    let values = parts
        .into_iter()
        .map(|part| part.values)
        .collect::<Vec<_>>()
        .concat();
    Map {
        channels: values.len() / (height * width),
        height,
        width,
        values,
    }
}

/// Some of the channels.
pub(crate) fn channels(x: impl Borrow<Map>, start: usize, count: usize) -> Map {
    let x = x.borrow();
    let values = x.values[start * x.area()..][..count * x.area()].to_vec();
    Map {
        channels: count,
        values,
        ..*x
    }
}

/// The channels of `groups` equal parts, alternately one from each.
pub(crate) fn shuffle(x: impl Borrow<Map>, groups: usize) -> Map {
    let x = x.borrow();
    let part = x.channels / groups;
    let order = (0..part).flat_map(|place| (0..groups).map(move |group| group * part + place));
    let values = order.flat_map(|channel| x.plane(channel)).copied().collect();
    Map { values, ..*x }
}

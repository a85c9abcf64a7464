use super::super::testing::{assert_close, levels, numbers};
use super::super::{Frame, padded_channels};
use super::*;

/// A convolution of a map in a frame, outputs with something between the rows or all in one.
struct Case {
    size: [usize; 2],
    kernel: [usize; 2],
    channels: usize,
    filters: usize,
    flat: bool,
}

/// Against the definition, in double precision.
fn check<T: Float>(level: Level, case: &Case, tolerance: f64) {
    let Case {
        size,
        kernel,
        channels,
        filters,
        flat,
    } = *case;
    let what = format!("{size:?}, {kernel:?}, {channels} to {filters}, {level:?}");
    let (pixel, padded) = (padded_channels(channels), padded_channels(filters));
    let around = [size[0] + kernel[0] - 1, size[1] + kernel[1] - 1];
    let frame = Frame::new(around, pixel, size, [0, 0], [1, 1]);
    let taps = frame.taps(kernel, [1, 1]);
    let mut windows = frame.windows(size, [1, 1]);
    let mut grid = Grid {
        start: 8,
        size,
        row: (size[1] + usize::from(!flat)) * padded,
        pixel: padded,
    };
    if flat {
        (windows, grid) = (windows.flat(), grid.flat());
    }
    let conv = Dense {
        windows,
        taps: &taps,
        channels,
        filters: padded,
    };
    let x = numbers::<T>(frame.len(), 0);
    let weight = numbers::<T>(taps.len() * channels * padded, 9);
    let bias = numbers::<T>(padded, 5);
    let before = numbers::<T>(grid.end(padded), 2);
    let pixels = || (0..grid.size[0]).flat_map(|row| (0..grid.size[1]).map(move |column| (row, column)));
    for bias in [None, Some(&bias[..])] {
        let mut out = before.clone();
        dense(level, conv, &x, &weight, bias, &mut out, grid);
        // What lies between the pixels stays.
        let mut expected: Vec<f64> = before.iter().map(|value| value.to_f64()).collect();
        for (row, column) in pixels() {
            let (from, to) = (windows.at(row, column), grid.at(row, column));
            for filter in 0..padded {
                let mut sum = bias.map_or(0.0, |bias| bias[filter].to_f64());
                for (number, tap) in taps.iter().enumerate() {
                    for channel in 0..channels {
                        let weight = weight[(number * channels + channel) * padded + filter];
                        sum += x[from + tap + channel].to_f64() * weight.to_f64();
                    }
                }
                expected[to + filter] = sum;
            }
        }
        assert_close(&out, &expected, tolerance, &what);
    }
    let mut dw = weight.clone();
    dense_weight_gradient(level, conv, &x, &before, grid, &mut dw);
    let mut expected: Vec<f64> = weight.iter().map(|value| value.to_f64()).collect();
    for (row, column) in pixels() {
        let (from, to) = (windows.at(row, column), grid.at(row, column));
        for (number, tap) in taps.iter().enumerate() {
            for channel in 0..channels {
                let x = x[from + tap + channel].to_f64();
                let line = &mut expected[(number * channels + channel) * padded..][..padded];
                for (sum, dy) in line.iter_mut().zip(&before[to..]) {
                    *sum += x * dy.to_f64();
                }
            }
        }
    }
    assert_close(&dw, &expected, 9.0 * tolerance, &what);
}

#[test]
fn it_is_the_sum_over_taps_and_channels() {
    for level in levels() {
        // Every number of vectors that a tile takes, and what is left of rows and channels.
        for filters in [3, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 112, 128, 136, 144] {
            for (size, channels) in [([1, 1], 5), ([3, 7], 4), ([2, 16], 16), ([5, 20], 17)] {
                let case = Case {
                    size,
                    kernel: [1, 1],
                    channels,
                    filters,
                    flat: true,
                };
                check::<f64>(level, &case, 1e-13);
                check::<f32>(level, &case, 1e-5);
            }
        }
        for (size, filters, channels) in [
            ([1, 1], 8, 9),
            ([2, 2], 24, 3),
            ([3, 3], 40, 8),
            ([4, 6], 40, 33),
            ([5, 8], 64, 16),
            ([6, 13], 72, 18),
            ([4, 16], 72, 16),
            ([9, 19], 64, 20),
        ] {
            for kernel in [[3, 3], [1, 2]] {
                let case = Case {
                    size,
                    kernel,
                    channels,
                    filters,
                    flat: false,
                };
                check::<f64>(level, &case, 1e-12);
                check::<f32>(level, &case, 1e-4);
            }
        }
    }
}

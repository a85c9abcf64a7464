//! Against the convolution that goes through all nine taps.

use super::*;
use crate::kernels::testing::{assert_close, levels, numbers};
use crate::kernels::{Frame, dense, dense_weight_gradient, padded_channels};

/// A convolution: its tiles, images, rows and columns, input and output channels.
type Case = (Tile, usize, [usize; 2], usize, usize);

/// Forward, and twice the gradient of the weight.
fn check<T: Float>(level: Level, case: Case, tolerance: f64) {
    let (tile, images, size, channels, filters) = case;
    let what = format!("{images} images of {size:?} by {tile:?}, {channels} to {filters}, {level:?}");
    let pixel = padded_channels(channels);
    let padded = padded_channels(filters);
    let filled = tile.filled(size);
    let frame = Frame::new([filled[0] + 4, filled[1] + 3], pixel, size, [1, 1], [1, 1]);
    let windows = frame.windows(size, [1, 1]).moved(pixel);
    let taps = frame.taps([3, 3], [1, 1]);
    // Gradients with zeros around them.
    let back = Frame::new([filled[0] + 1, filled[1] + 1], padded, size, [1, 1], [1, 1]);
    // Output pixels with something between them.
    let grid = Grid {
        start: 8,
        size,
        row: 2 * size[1] * padded,
        pixel: padded,
    };
    // Images with something between them, too.
    let next_image = [frame.len() + 8, 2 * size[0] * size[1] * padded + 16];
    let x = numbers::<T>(images * next_image[0], 0);
    let mut dy = numbers::<T>(images * back.len(), 3);
    dy.chunks_exact_mut(back.len())
        .for_each(|dy| back.clear(dy, T::ZERO));
    let mut plain = numbers::<T>(taps.len() * channels * padded, 9);
    for weight in plain.chunks_exact_mut(padded) {
        weight[filters..].fill(T::ZERO);
    }
    let bias = numbers::<T>(padded, 5);
    let direct = Dense {
        windows,
        taps: &taps,
        channels,
        filters: padded,
    };
    let fast = Winograd {
        tile,
        images,
        next_image,
        windows,
        channels,
        filters: padded,
    };
    // The channels are padded, too.
    let pairs = pixel * padded;
    let mut weight = vec![T::ZERO; tile.positions() * pairs];
    let at = plain_weight(tile, weight.len());
    for (tap, plain) in plain.chunks_exact(channels * padded).enumerate() {
        weight[at + tap * pairs..][..plain.len()].copy_from_slice(plain);
    }
    transform_weights(level, tile, &mut weight);
    let mut room = Aligned::default();
    for bias in [None, Some(&bias[..])] {
        let [mut expected, mut got] = [0, 0].map(|_| vec![T::ONE; images * next_image[1]]);
        for (x, out) in x
            .chunks_exact(next_image[0])
            .zip(expected.chunks_exact_mut(next_image[1]))
        {
            dense(level, direct, x, &plain, bias, out, grid);
        }
        winograd(level, fast, &x, &weight, bias, &mut got, grid, &mut room);
        assert_close(&got, &expected, tolerance, &what);
    }
    let mut expected = vec![T::ZERO; plain.len()];
    let mut got = vec![T::ZERO; weight.len()];
    for _ in 0..2 {
        for (x, dy) in x.chunks_exact(next_image[0]).zip(dy.chunks_exact(back.len())) {
            dense_weight_gradient(level, direct, x, dy, back.inner, &mut expected);
        }
        let next_image = [next_image[0], back.len()];
        let fast = Winograd { next_image, ..fast };
        winograd_weight_gradient(level, fast, &x, &dy, back.inner, &mut got, &mut room);
    }
    gather_gradient(level, tile, &mut got);
    let many = (images * size[0] * size[1]) as f64;
    for (got, expected) in got
        .chunks_exact(pairs)
        .zip(expected.chunks_exact(channels * padded))
    {
        assert_close(&got[..expected.len()], expected, many * tolerance, &what);
    }
}

#[test]
fn it_is_the_convolution_tap_by_tap() {
    let sizes = [
        [1, 1],
        [2, 2],
        [2, 6],
        [4, 4],
        [5, 3],
        [7, 7],
        [4, 10],
        [8, 8],
        [4, 12],
        [6, 40],
        [14, 13],
        [32, 32],
    ];
    for level in levels() {
        for size in sizes {
            for tile in [Tile::Two, Tile::Four] {
                for images in if size[0] * size[1] > 64 { 1..=1 } else { 1..=5 } {
                    for (channels, filters) in [(1, 3), (8, 8), (5, 16), (20, 24), (16, 40), (36, 36)] {
                        let case = (tile, images, size, channels, filters);
                        check::<f64>(level, case, 1e-13 * channels as f64);
                        check::<f32>(level, case, 1e-5 * channels as f64);
                    }
                }
            }
        }
    }
}

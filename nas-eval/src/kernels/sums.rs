//! Sums over the pixels of a map, channel by channel, in a fixed order.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use candle_core::WithDType;

use super::Grid;
use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// Partial sums that are kept apart: it hides what an addition takes and makes rounding errors
/// smaller.
const APART: usize = 4;

/// About how many pixels the mean is guessed from, which deviations are then taken from.
const SAMPLE: usize = 64;

/// Mean and sum of squared deviations from it, of each channel: `out` \[2, channels\]. The map is
/// whole.
///
/// It is read once: deviations are taken from the mean of some of the pixels, which is so near that
/// of all that what is corrected afterwards is small beside the squares.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn moments<T: Float>(level: Level, channels: usize, x: &[T], pixels: usize, out: &mut [f64]) {
    check(channels, pixels, x.len(), out.len() / 2);
    let (mean, squares) = out.split_at_mut(channels);
    T::dispatch(
        level,
        Sums {
            channels,
            pixels,
            what: What::Moments { x, mean, squares },
        },
    );
}

/// `sums` \[channels\] += Σ g.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn add_sums<T: Float>(level: Level, channels: usize, g: &[T], pixels: usize, sums: &mut [f64]) {
    check(channels, pixels, g.len(), sums.len());
    T::dispatch(
        level,
        Sums {
            channels,
            pixels,
            what: What::Total { g, sums },
        },
    );
}

/// [`add_sums`] and [`add_products`] in one pass.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn add_sums_and_products<T: Float>(
    level: Level,
    channels: usize,
    g: &[T],
    (z, center): (&[T], &[T]),
    pixels: usize,
    [sums, products]: [&mut [f64]; 2],
) {
    let shortest = sums.len().min(products.len()).min(center.len());
    check(channels, pixels, g.len().min(z.len()), shortest);
    T::dispatch(
        level,
        Sums {
            channels,
            pixels,
            what: What::Both {
                g,
                z,
                center,
                sums,
                products,
            },
        },
    );
}

/// `sums` \[channels\] += Σ g · (z − center).
///
/// # Panics
/// If a slice is too short.
pub(crate) fn add_products<T: Float>(
    level: Level,
    channels: usize,
    g: &[T],
    (z, center): (&[T], &[T]),
    pixels: usize,
    sums: &mut [f64],
) {
    check(
        channels,
        pixels,
        g.len().min(z.len()),
        sums.len().min(center.len()),
    );
    T::dispatch(
        level,
        Sums {
            channels,
            pixels,
            what: What::Products { g, z, center, sums },
        },
    );
}

fn check(channels: usize, pixels: usize, map: usize, out: usize) {
    assert_eq!(channels % 8, 0, "padded channels");
    assert!(Grid::whole([1, pixels], channels).end(channels) <= map, "map");
    assert!(channels <= out, "sums");
}

enum What<'a, T> {
    Moments {
        x: &'a [T],
        mean: &'a mut [f64],
        squares: &'a mut [f64],
    },
    Total {
        g: &'a [T],
        sums: &'a mut [f64],
    },
    Products {
        g: &'a [T],
        z: &'a [T],
        center: &'a [T],
        sums: &'a mut [f64],
    },
    Both {
        g: &'a [T],
        z: &'a [T],
        center: &'a [T],
        sums: &'a mut [f64],
        products: &'a mut [f64],
    },
}

struct Sums<'a, T> {
    channels: usize,
    pixels: usize,
    what: What<'a, T>,
}

impl<T: Float> Task<T> for Sums<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        // SAFETY: the caller's; lengths have been checked.
        unsafe {
            let wide = self.channels / V::LANES * V::LANES;
            self.all::<V>(0, wide);
            if V::NARROWER {
                self.all::<V::Narrow>(wide, self.channels);
            }
        }
    }
}

impl<T: Float> Sums<'_, T> {
    #[inline(always)]
    unsafe fn all<V: Vector<Elem = T>>(&mut self, from: usize, to: usize) {
        let (channels, pixels) = (self.channels, self.pixels);
        for channel in (from..to).step_by(V::LANES) {
            // SAFETY: the caller's.
            unsafe {
                match &mut self.what {
                    What::Moments { x, mean, squares } => {
                        let x = x.as_ptr().wrapping_add(channel);
                        // An odd number, so that it is not always the same columns.
                        let apart = (pixels / SAMPLE) | 1;
                        let sample = pixels.div_ceil(apart);
                        let [sum] = over_pixels::<V, 1>(
                            sample,
                            #[inline(always)]
                            |pixel, [sum]| [sum.add(V::load(x.wrapping_add(pixel * apart * channels)))],
                        );
                        let mut center = [T::ZERO; 16];
                        for lane in 0..V::LANES {
                            center[lane] = T::from_f64(sum[lane] / sample as f64);
                        }
                        let near = V::load(center.as_ptr());
                        let [deviation, squared] = over_pixels::<V, 2>(
                            pixels,
                            #[inline(always)]
                            |pixel, [deviation, squared]| {
                                let d = V::load(x.wrapping_add(pixel * channels)).sub(near);
                                [deviation.add(d), d.mul_add(d, squared)]
                            },
                        );
                        for lane in 0..V::LANES {
                            let rest = deviation[lane] / pixels as f64;
                            mean[channel + lane] = center[lane].to_f64() + rest;
                            // Rounding must not make it negative if all pixels are equal.
                            squares[channel + lane] = (squared[lane] - rest * deviation[lane]).max(0.0);
                        }
                    }
                    What::Total { g, sums } => {
                        let g = g.as_ptr().wrapping_add(channel);
                        let [sum] = over_pixels::<V, 1>(
                            pixels,
                            #[inline(always)]
                            |pixel, [sum]| [sum.add(V::load(g.wrapping_add(pixel * channels)))],
                        );
                        for lane in 0..V::LANES {
                            sums[channel + lane] += sum[lane];
                        }
                    }
                    What::Products { g, z, center, sums } => {
                        let g = g.as_ptr().wrapping_add(channel);
                        let z = z.as_ptr().wrapping_add(channel);
                        let center = V::load(center.as_ptr().wrapping_add(channel));
                        let [sum] = over_pixels::<V, 1>(
                            pixels,
                            #[inline(always)]
                            |pixel, [sum]| {
                                let d = V::load(z.wrapping_add(pixel * channels)).sub(center);
                                [d.mul_add(V::load(g.wrapping_add(pixel * channels)), sum)]
                            },
                        );
                        for lane in 0..V::LANES {
                            sums[channel + lane] += sum[lane];
                        }
                    }
                    What::Both {
                        g,
                        z,
                        center,
                        sums,
                        products,
                    } => {
                        let g = g.as_ptr().wrapping_add(channel);
                        let z = z.as_ptr().wrapping_add(channel);
                        let center = V::load(center.as_ptr().wrapping_add(channel));
                        let [sum, product] = over_pixels::<V, 2>(
                            pixels,
                            #[inline(always)]
                            |pixel, [sum, product]| {
                                let g = V::load(g.wrapping_add(pixel * channels));
                                let d = V::load(z.wrapping_add(pixel * channels)).sub(center);
                                [sum.add(g), d.mul_add(g, product)]
                            },
                        );
                        for lane in 0..V::LANES {
                            sums[channel + lane] += sum[lane];
                            products[channel + lane] += product[lane];
                        }
                    }
                }
            }
        }
    }
}

/// Folds the pixels into a few times `K` sums that are kept apart, and adds those up in double
/// precision; by lane.
///
/// # Safety
/// That of [`Vector`].
#[inline(always)]
unsafe fn over_pixels<V: Vector, const K: usize>(
    pixels: usize,
    add: impl Fn(usize, [V; K]) -> [V; K],
) -> [[f64; 16]; K] {
    // SAFETY: the caller's; sixteen is the most lanes there are.
    unsafe {
        let mut sums = [[V::splat(V::Elem::ZERO); K]; APART];
        let whole = pixels / APART * APART;
        for pixel in (0..whole).step_by(APART) {
            for i in 0..APART {
                sums[i] = add(pixel + i, sums[i]);
            }
        }
        for pixel in whole..pixels {
            sums[pixel - whole] = add(pixel, sums[pixel - whole]);
        }
        let mut totals = [[0.0; 16]; K];
        let mut lanes = [V::Elem::ZERO; 16];
        for sums in sums {
            for k in 0..K {
                sums[k].store(lanes.as_mut_ptr());
                for lane in 0..V::LANES {
                    totals[k][lane] += lanes[lane].to_f64();
                }
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::levels;
    use super::*;

    /// Values of every magnitude around one that is far from 0.
    fn map(pixels: usize, channels: usize, around: f64) -> Vec<f32> {
        (0..pixels * channels)
            .map(|i| (around + ((i * 7919) % 1013) as f64 / 1013.0 - 0.5) as f32)
            .collect()
    }

    fn of_channel(map: &[f32], channels: usize, channel: usize) -> impl Iterator<Item = f64> + Clone {
        map.iter().skip(channel).step_by(channels).map(|&x| f64::from(x))
    }

    #[test]
    fn moments_are_those_of_the_definition() {
        for level in levels() {
            for (pixels, channels, around) in [
                (1024, 16, 0.0),
                (1024, 8, 100.0),
                (49, 40, -3.0),
                (1, 8, 5.0),
                (300, 72, 0.1),
            ] {
                let x = map(pixels, channels, around);
                let mut out = vec![f64::NAN; 2 * channels];
                moments(level, channels, &x, pixels, &mut out);
                for channel in 0..channels {
                    let values = of_channel(&x, channels, channel);
                    let mean = values.clone().sum::<f64>() / pixels as f64;
                    let squares: f64 = values.map(|x| (x - mean) * (x - mean)).sum();
                    assert!(
                        (out[channel] - mean).abs() <= 1e-7 * mean.abs().max(1.0),
                        "{level:?} {pixels}"
                    );
                    let found = out[channels + channel];
                    assert!(
                        (found - squares).abs() <= 1e-5 * squares.max(1e-6),
                        "{level:?} {pixels}: {found} {squares}"
                    );
                }
            }
        }
    }

    /// Where the pixels that the mean is guessed from are as far from the others as can be.
    #[test]
    fn moments_do_not_depend_on_a_good_guess() {
        let (pixels, channels) = (1024, 16);
        let apart = (pixels / SAMPLE) | 1;
        let x: Vec<f32> = (0..pixels * channels)
            .map(|i| {
                if i / channels % apart == 0 {
                    40.0
                } else {
                    (i % 7) as f32 * 0.1
                }
            })
            .collect();
        for level in levels() {
            let mut out = vec![0.0; 2 * channels];
            moments(level, channels, &x, pixels, &mut out);
            for channel in 0..channels {
                let values = of_channel(&x, channels, channel);
                let mean = values.clone().sum::<f64>() / pixels as f64;
                let squares: f64 = values.map(|x| (x - mean) * (x - mean)).sum();
                assert!((out[channel] - mean).abs() <= 1e-5, "{} {mean}", out[channel]);
                assert!((out[channels + channel] / squares - 1.0).abs() <= 1e-5);
            }
        }
    }

    #[test]
    fn equal_pixels_do_not_vary() {
        for level in levels() {
            let x = vec![0.1f32; 333 * 8];
            let mut out = vec![f64::NAN; 16];
            moments(level, 8, &x, 333, &mut out);
            assert!(
                out[8..].iter().all(|&squares| (0.0..1e-12).contains(&squares)),
                "{out:?}"
            );
        }
    }

    #[test]
    fn sums_and_products_are_those_of_the_definition() {
        for level in levels() {
            for (pixels, channels) in [(1024, 16), (49, 40), (1, 8), (6, 24)] {
                let (g, z) = (map(pixels, channels, 0.2), map(pixels, channels, 3.0));
                let center = map(1, channels, 3.0);
                let mut apart = [vec![1.0; channels], vec![2.0; channels]];
                let mut together = apart.clone();
                let [sums, products] = &mut apart;
                add_sums(level, channels, &g, pixels, sums);
                add_products(level, channels, &g, (&z, &center), pixels, products);
                let [sums, products] = &mut together;
                add_sums_and_products(level, channels, &g, (&z, &center), pixels, [sums, products]);
                assert_eq!(apart, together);
                for channel in 0..channels {
                    let pairs = of_channel(&g, channels, channel).zip(of_channel(&z, channels, channel));
                    let center = f64::from(center[channel]);
                    let sum: f64 = 1.0 + pairs.clone().map(|(g, _)| g).sum::<f64>();
                    let product: f64 = 2.0 + pairs.map(|(g, z)| g * (z - center)).sum::<f64>();
                    assert!((together[0][channel] - sum).abs() <= 1e-4, "{level:?} {pixels}");
                    assert!(
                        (together[1][channel] - product).abs() <= 1e-4,
                        "{level:?} {pixels}"
                    );
                }
            }
        }
    }
}

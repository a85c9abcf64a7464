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

/// Partial sums that are kept apart: it hides what an addition takes and makes rounding errors smaller.
const APART: usize = 4;

/// Mean and sum of squared deviations from it, of each channel: `out` \[2, channels\]. The map is whole.
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
            if self.channels.is_multiple_of(V::LANES) {
                self.all::<V>();
            } else {
                self.all::<V::Narrow>();
            }
        }
    }
}

impl<T: Float> Sums<'_, T> {
    #[inline(always)]
    unsafe fn all<V: Vector<Elem = T>>(&mut self) {
        let (channels, pixels) = (self.channels, self.pixels);
        for channel in (0..channels).step_by(V::LANES) {
            // SAFETY: the caller's.
            unsafe {
                match &mut self.what {
                    What::Moments { x, mean, squares } => {
                        let x = x.as_ptr().wrapping_add(channel);
                        let sum = over_pixels::<V>(
                            pixels,
                            #[inline(always)]
                            |pixel, sum| sum.add(V::load(x.wrapping_add(pixel * channels))),
                        );
                        let mut center = [T::ZERO; 16];
                        for lane in 0..V::LANES {
                            center[lane] = T::from_f64(sum[lane] / pixels as f64);
                        }
                        let minus = V::load(center.as_ptr()).mul(V::splat(-T::ONE));
                        let deviation = over_pixels::<V>(
                            pixels,
                            #[inline(always)]
                            |pixel, sum| sum.add(V::load(x.wrapping_add(pixel * channels)).add(minus)),
                        );
                        let squared = over_pixels::<V>(
                            pixels,
                            #[inline(always)]
                            |pixel, sum| {
                                let d = V::load(x.wrapping_add(pixel * channels)).add(minus);
                                d.mul_add(d, sum)
                            },
                        );
                        for lane in 0..V::LANES {
                            // The centre is rounded: what remains corrects both.
                            let rest = deviation[lane] / pixels as f64;
                            mean[channel + lane] = center[lane].to_f64() + rest;
                            squares[channel + lane] = squared[lane] - rest * deviation[lane];
                        }
                    }
                    What::Total { g, sums } => {
                        let g = g.as_ptr().wrapping_add(channel);
                        let sum = over_pixels::<V>(
                            pixels,
                            #[inline(always)]
                            |pixel, sum| sum.add(V::load(g.wrapping_add(pixel * channels))),
                        );
                        for lane in 0..V::LANES {
                            sums[channel + lane] += sum[lane];
                        }
                    }
                    What::Products { g, z, center, sums } => {
                        let g = g.as_ptr().wrapping_add(channel);
                        let z = z.as_ptr().wrapping_add(channel);
                        let minus = V::load(center.as_ptr().wrapping_add(channel)).mul(V::splat(-T::ONE));
                        let sum = over_pixels::<V>(
                            pixels,
                            #[inline(always)]
                            |pixel, sum| {
                                let d = V::load(z.wrapping_add(pixel * channels)).add(minus);
                                d.mul_add(V::load(g.wrapping_add(pixel * channels)), sum)
                            },
                        );
                        for lane in 0..V::LANES {
                            sums[channel + lane] += sum[lane];
                        }
                    }
                }
            }
        }
    }
}

/// Folds the pixels into a few sums that are kept apart, and adds those up in double precision; by lane.
///
/// # Safety
/// That of [`Vector`].
#[inline(always)]
unsafe fn over_pixels<V: Vector>(pixels: usize, add: impl Fn(usize, V) -> V) -> [f64; 16] {
    // SAFETY: the caller's; sixteen is the most lanes there are.
    unsafe {
        let mut sums = [V::splat(V::Elem::ZERO); APART];
        let whole = pixels / APART * APART;
        for pixel in (0..whole).step_by(APART) {
            for i in 0..APART {
                sums[i] = add(pixel + i, sums[i]);
            }
        }
        for pixel in whole..pixels {
            sums[pixel - whole] = add(pixel, sums[pixel - whole]);
        }
        let mut total = [0.0; 16];
        let mut lanes = [V::Elem::ZERO; 16];
        for sum in sums {
            sum.store(lanes.as_mut_ptr());
            for lane in 0..V::LANES {
                total[lane] += lanes[lane].to_f64();
            }
        }
        total
    }
}

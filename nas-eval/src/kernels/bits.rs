//! The signs of a map as bits, and how many bits of two such sets differ.

#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::float::Float;
use super::map::Affine;
use super::simd::Level;
use super::vector::{Task, Vector};

/// Values that become one byte: the padded channels of a pixel are a multiple of it.
const GROUP: usize = 8;
/// Values that become one word.
const WORD: usize = 64;

/// Words that the signs of this number of values take.
pub(crate) const fn words_of_signs(values: usize) -> usize {
    values.div_ceil(WORD)
}

/// Sets the bit of each value of `z`, read through `affine`, that is above 0, in the order of the
/// values. The last word ends with zeros.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn signs<T: Float>(
    level: Level,
    channels: usize,
    affine: Affine<'_, T>,
    z: &[T],
    out: &mut [u64],
) {
    affine.check(channels);
    assert!(
        channels.is_multiple_of(GROUP) && z.len().is_multiple_of(channels.max(1)),
        "padded channels"
    );
    assert_eq!(out.len(), words_of_signs(z.len()), "words");
    T::dispatch(
        level,
        SignBits {
            channels,
            affine,
            z,
            out,
        },
    );
}

struct SignBits<'a, T> {
    channels: usize,
    affine: Affine<'a, T>,
    z: &'a [T],
    out: &'a mut [u64],
}

impl<T: Float> Task<T> for SignBits<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        let mut channel = 0;
        for (values, word) in self.z.chunks(WORD).zip(self.out) {
            *word = 0;
            for (i, group) in values.chunks_exact(GROUP).enumerate() {
                let mut read = [T::ZERO; GROUP];
                for at in (0..GROUP).step_by(V::Narrow::LANES) {
                    // SAFETY: the lanes divide the group, and lines are as long as the channels.
                    unsafe {
                        let [scale, shift] = self.affine.line_at::<V::Narrow>(channel + at);
                        V::Narrow::load(group.as_ptr().wrapping_add(at))
                            .mul_add(scale, shift)
                            .store(read.as_mut_ptr().wrapping_add(at));
                    }
                }
                let mut byte = 0;
                for (bit, value) in read.iter().enumerate() {
                    byte |= u64::from(*value > T::ZERO) << bit;
                }
                *word |= byte << (GROUP * i);
                channel += GROUP;
                if channel == self.channels {
                    channel = 0;
                }
            }
        }
    }
}

/// How many bits differ between `a` and each of `others`, which lie one after the other: one number
/// for each is added to `counts`.
///
/// # Panics
/// If the lengths do not fit.
pub(crate) fn differing_bits(level: Level, a: &[u64], others: &[u64], counts: &mut [u64]) {
    assert_eq!(others.len(), a.len() * counts.len(), "bits");
    // The element type is only needed to choose the instructions.
    f32::dispatch(level, Differing { a, others, counts });
}

struct Differing<'a> {
    a: &'a [u64],
    others: &'a [u64],
    counts: &'a mut [u64],
}

impl Task<f32> for Differing<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(self) {
        if self.a.is_empty() {
            return;
        }
        for (other, count) in self.others.chunks_exact(self.a.len()).zip(self.counts) {
            let mut bits = 0;
            for (a, b) in self.a.iter().zip(other) {
                bits += u64::from((a ^ b).count_ones());
            }
            *count += bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::level;
    use super::*;

    fn levels() -> impl Iterator<Item = Level> {
        [Level::Plain, Level::Avx2, Level::Avx512]
            .into_iter()
            .filter(|&l| l <= level())
    }

    fn assert_signs<T: Float>(channels: usize, pixels: usize) {
        let z: Vec<T> = (0..channels * pixels)
            .map(|i| T::from_f64(((i * 37) % 19) as f64 - 9.0))
            .collect();
        let scale: Vec<T> = (0..channels).map(|c| T::from_f64(1.0 - (c % 3) as f64)).collect();
        let shift: Vec<T> = (0..channels).map(|c| T::from_f64((c % 5) as f64 - 2.0)).collect();
        for line in [None, Some([&scale[..], &shift[..]])] {
            let affine = Affine {
                line,
                rectified: true,
                factor: T::ONE,
            };
            for level in levels() {
                let mut bits = vec![u64::MAX; words_of_signs(z.len())];
                signs(level, channels, affine, &z, &mut bits);
                for i in 0..bits.len() * WORD {
                    let expected = z.get(i).is_some_and(|z| match line {
                        Some([scale, shift]) => {
                            z.to_f64() * scale[i % channels].to_f64() + shift[i % channels].to_f64() > 0.0
                        }
                        None => z.to_f64() > 0.0,
                    });
                    assert_eq!(bits[i / WORD] >> (i % WORD) & 1 == 1, expected, "{level:?}, {i}");
                }
            }
        }
    }

    #[test]
    fn a_bit_is_set_exactly_where_what_is_read_is_above_zero() {
        for (channels, pixels) in [(8, 1), (8, 9), (16, 16), (24, 7), (40, 3)] {
            assert_signs::<f32>(channels, pixels);
            assert_signs::<f64>(channels, pixels);
        }
    }

    #[test]
    fn differing_bits_are_counted_for_each_pair_and_added() {
        let a = [0b1011, u64::MAX];
        let others = [0b1011, u64::MAX, 0b0001, 0, 0, u64::MAX];
        for level in levels() {
            let mut counts = [1, 0, 0];
            differing_bits(level, &a, &others, &mut counts);
            assert_eq!(counts, [1, 66, 3], "{level:?}");
        }
        differing_bits(Level::Plain, &[], &[], &mut [0; 3]);
    }
}

//! Images of one size out of images of many.
//!
//! # How it works
//! The filter is a triangle, as in Pillow's `resize(size, BILINEAR)`. Where an image becomes smaller, the triangle is
//! as wide as two pixels of the result, so that every pixel of the image counts. Pixel `i` of the result lies at
//! `(i + 0.5) * scale` in the image, where `scale = old / new`. Pixel `j` of the image has the weight
//! `1 - |j + 0.5 - (i + 0.5) * scale| / max(scale, 1)` in it. The weights of one pixel are divided by their sum.
//!
//! Rows are filtered first, then columns. In between and at the end, values are rounded to 8 bits. Weights are
//! integers with 22 bits after the point. All of this is as in Pillow 12, and the results are the same, bit for bit.
//! (Pillow 13 filters columns first where that is cheaper, which changes single values by one level.)

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::decode::Decoded;

/// What happens to an image whose sides are not in the proportion of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// The whole image is kept, in its proportions and in the middle. The rest has the mean colour
    /// of the image's outermost pixels.
    ///
    /// As by Pillow's `ImageOps.pad`.
    Pad,
    /// The whole image is kept, but not its proportions.
    Stretch,
    /// The image keeps its proportions and fills the result. What is too long is cut off, the same
    /// amount at both ends.
    ///
    /// As by Pillow's `ImageOps.fit`.
    Crop,
}

/// An image of `width` × `height` pixels, both at least 1.
///
/// # Shapes
/// `height` × `width` × `image.channels`: rows from the top, channels interleaved.
///
/// An image that already has this size is copied. All values are zero if `image.pixels` are not as many as the size
/// of the image says.
pub fn resize(image: &Decoded, width: u32, height: u32, how: Resize) -> Vec<u8> {
    let source = Source {
        pixels: &image.pixels,
        width: image.width as usize,
        height: image.height as usize,
        channels: usize::from(image.channels),
    };
    let (old_width, old_height) = (source.width, source.height);
    let (width, height) = (width as usize, height as usize);
    let len = width * height * source.channels;
    if len == 0 || source.pixels.is_empty() || source.pixels.len() != source.len() {
        return vec![0; len];
    }
    if (old_width, old_height) == (width, height) {
        return image.pixels.clone();
    }
    match how {
        Resize::Stretch => source.scaled(&Axis::whole(old_width, width), &Axis::whole(old_height, height)),
        Resize::Crop => source.scaled(
            &Axis::middle(old_width, old_height, width, height),
            &Axis::middle(old_height, old_width, height, width),
        ),
        Resize::Pad => {
            let new_width = fitting(old_width, old_height, width, height);
            let new_height = fitting(old_height, old_width, height, width);
            let inner = source.scaled(
                &Axis::whole(old_width, new_width),
                &Axis::whole(old_height, new_height),
            );
            let mut padded = source.mean_of_border().repeat(width * height);
            let left = half(width - new_width);
            let top = half(height - new_height);
            for (row, pixels) in inner.chunks_exact(new_width * source.channels).enumerate() {
                let start = ((top + row) * width + left) * source.channels;
                padded[start..][..pixels.len()].copy_from_slice(pixels);
            }
            padded
        }
    }
}

/// Length of a side that is scaled so that both sides fit, at least 1.
fn fitting(old: usize, old_other: usize, new: usize, new_other: usize) -> usize {
    if old * new_other >= new * old_other {
        return new;
    }
    let scaled = old as f64 / old_other as f64 * new_other as f64;
    (scaled.round_ties_even() as usize).clamp(1, new)
}

/// Half of a number, rounded as Python does.
fn half(number: usize) -> usize {
    (number as f64 / 2.0).round_ties_even() as usize
}

/// Bits after the point in weights.
const PRECISION: u32 = 32 - 8 - 2;
/// One half in this precision, to round.
const HALF: i32 = 1 << (PRECISION - 1);

/// A sum of weighted values as a value.
fn rounded(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Which pixels of a row or column make up each pixel of the result, and with which weights.
struct Axis {
    /// First pixel for each pixel of the result.
    starts: Vec<usize>,
    /// Weights for each pixel of the result, `stride` apart; those that are not needed are missing at the end.
    weights: Vec<i32>,
    /// Number of weights for each pixel of the result.
    counts: Vec<usize>,
    stride: usize,
    /// Whether each pixel of the result is the same pixel of the image.
    is_identity: bool,
}

impl Axis {
    /// From a whole side of `old` pixels to one of `new`.
    fn whole(old: usize, new: usize) -> Self {
        Self::new(old, 0.0, old as f32, new)
    }

    /// From the middle of a side to one of `new` pixels, so that both sides have the same scale and
    /// none is too short.
    fn middle(old: usize, old_other: usize, new: usize, new_other: usize) -> Self {
        if old * new_other <= new * old_other {
            return Self::whole(old, new);
        }
        let kept = new as f64 / new_other as f64 * old_other as f64;
        let start = (old as f64 - kept) * 0.5;
        Self::new(old, start as f32, (start + kept) as f32, new)
    }

    /// From `first` to `last` on a side of `old` pixels to one of `new`. Pillow has `f32` here.
    fn new(old: usize, first: f32, last: f32, new: usize) -> Self {
        let scale = f64::from(last - first) / new as f64;
        let support = scale.max(1.0);
        let stride = support.ceil() as usize * 2 + 1;
        let mut axis = Self {
            starts: Vec::with_capacity(new),
            weights: vec![0; new * stride],
            counts: Vec::with_capacity(new),
            stride,
            is_identity: old == new && first == 0.0 && last == old as f32,
        };
        let mut exact = vec![0.0; stride];
        for (i, weights) in axis.weights.chunks_exact_mut(stride).enumerate() {
            let center = f64::from(first) + (i as f64 + 0.5) * scale;
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(old);
            let count = end.saturating_sub(start).min(stride);
            let mut sum = 0.0;
            for (j, exact) in exact[..count].iter_mut().enumerate() {
                // The order of operations is Pillow's, for the last bit.
                let distance = ((j + start) as f64 - center + 0.5) * (1.0 / support);
                *exact = (1.0 - distance.abs()).max(0.0);
                sum += *exact;
            }
            for (weight, exact) in weights.iter_mut().zip(&exact[..count]) {
                let share = if sum == 0.0 { *exact } else { exact / sum };
                *weight = (0.5 + share * f64::from(1 << PRECISION)) as i32;
            }
            axis.starts.push(start);
            axis.counts.push(count);
        }
        axis
    }

    /// For each pixel of the result: its first pixel, and the weights from there on.
    fn pixels(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let weights = self.weights.chunks_exact(self.stride);
        let pixels = self.starts.iter().zip(&self.counts).zip(weights);
        pixels.map(|((&start, &count), weights)| (start, &weights[..count]))
    }

    /// The first pixel that any pixel of the result needs, and the one after the last.
    fn range(&self) -> (usize, usize) {
        let first = self.starts.first().copied().unwrap_or(0);
        let last = self.pixels().map(|(start, weights)| start + weights.len()).max();
        (first, last.unwrap_or(first))
    }
}

/// An image that is scaled.
#[derive(Clone, Copy)]
struct Source<'a> {
    pixels: &'a [u8],
    width: usize,
    height: usize,
    channels: usize,
}

impl Source<'_> {
    fn len(self) -> usize {
        self.width
            .saturating_mul(self.height)
            .saturating_mul(self.channels)
    }

    /// The image with other columns and rows.
    fn scaled(self, columns: &Axis, rows: &Axis) -> Vec<u8> {
        let (first, last) = rows.range();
        let row_len = self.width * self.channels;
        let needed = &self.pixels[first * row_len..last * row_len];
        let narrow = if columns.is_identity {
            Cow::Borrowed(needed)
        } else if self.channels == 1 {
            Cow::Owned(filter_rows::<1>(needed, row_len, columns))
        } else {
            Cow::Owned(filter_rows::<3>(needed, row_len, columns))
        };
        if rows.is_identity {
            return narrow.into_owned();
        }
        filter_columns(&narrow, columns.starts.len() * self.channels, rows, first)
    }

    /// The mean of the outermost pixels, each counted once; one value for each channel.
    fn mean_of_border(self) -> Vec<u8> {
        let mut sums = vec![0_u64; self.channels];
        let mut count = 0_u64;
        for (y, row) in self.pixels.chunks_exact(self.width * self.channels).enumerate() {
            let is_edge = y == 0 || y + 1 == self.height;
            let step = if is_edge { 1 } else { (self.width - 1).max(1) };
            for pixel in row.chunks_exact(self.channels).step_by(step) {
                count += 1;
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += u64::from(value);
                }
            }
        }
        let mean = |sum: u64| ((sum + count / 2) / count.max(1)) as u8;
        sums.into_iter().map(mean).collect()
    }
}

/// Rows of `row_len` values, each with as many pixels as the axis has.
fn filter_rows<const CHANNELS: usize>(pixels: &[u8], row_len: usize, axis: &Axis) -> Vec<u8> {
    let mut filtered = Vec::with_capacity(pixels.len() / row_len * axis.starts.len() * CHANNELS);
    for row in pixels.chunks_exact(row_len) {
        let (row, _) = row.as_chunks::<CHANNELS>();
        for (start, weights) in axis.pixels() {
            let mut sums = [HALF; CHANNELS];
            for (pixel, weight) in row[start..].iter().zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            filtered.extend(sums.map(rounded));
        }
    }
    filtered
}

/// As many rows as the axis has, out of rows of `row_len` values that begin with number `first`.
fn filter_columns(pixels: &[u8], row_len: usize, axis: &Axis, first: usize) -> Vec<u8> {
    let mut filtered = Vec::with_capacity(axis.starts.len() * row_len);
    let mut sums = vec![HALF; row_len];
    for (start, weights) in axis.pixels() {
        sums.fill(HALF);
        let rows = pixels[(start - first) * row_len..].chunks_exact(row_len);
        for (row, weight) in rows.zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        filtered.extend(sums.iter().map(|&sum| rounded(sum)));
    }
    filtered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: u32, height: u32, channels: u8, pixels: &[u8]) -> Decoded {
        Decoded {
            width,
            height,
            channels,
            pixels: pixels.to_vec(),
        }
    }

    const ALL: [Resize; 3] = [Resize::Pad, Resize::Stretch, Resize::Crop];

    #[test]
    fn an_image_of_the_right_size_is_unchanged() {
        let same = image(2, 2, 1, &[1, 2, 3, 4]);
        for how in ALL {
            assert_eq!(resize(&same, 2, 2, how), same.pixels);
        }
    }

    #[test]
    fn one_colour_stays_that_colour_in_every_size() {
        for (old_width, old_height) in [(1, 1), (1, 9), (300, 2), (31, 17)] {
            let len = (old_width * old_height) as usize;
            let plain = image(old_width, old_height, 3, &[9, 200, 255].repeat(len));
            for (width, height) in [(1, 1), (5, 3), (64, 64), (1, 50)] {
                for how in ALL {
                    let expected = [9, 200, 255].repeat((width * height) as usize);
                    assert_eq!(resize(&plain, width, height, how), expected, "{how:?}");
                }
            }
        }
    }

    #[test]
    fn padding_has_the_mean_of_the_border() {
        // The middle of the upper row is of the border too; all six are.
        let wide = image(3, 2, 1, &[10, 20, 30, 40, 50, 60]);
        let padded = resize(&wide, 3, 6, Resize::Pad);
        let mut expected = vec![35; 6];
        expected.extend(&wide.pixels);
        expected.extend([35; 6]);
        assert_eq!(padded, expected);
        let framed = image(3, 3, 1, &[8, 8, 8, 8, 255, 8, 8, 8, 8]);
        assert_eq!(&resize(&framed, 5, 3, Resize::Pad)[..2], &[8, 8]);
    }

    #[test]
    fn cropping_takes_the_middle() {
        let wide = image(4, 2, 1, &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(resize(&wide, 2, 2, Resize::Crop), [2, 3, 6, 7]);
    }

    #[test]
    fn pixels_that_do_not_fit_the_size_give_zeros() {
        let short = image(4, 4, 1, &[1, 2, 3]);
        assert_eq!(resize(&short, 2, 2, Resize::Crop), [0; 4]);
        assert_eq!(resize(&image(0, 0, 1, &[]), 2, 1, Resize::Pad), [0; 2]);
    }

    #[test]
    fn names_in_configurations_are_lower_case() {
        assert_eq!(
            serde_json::to_string(&ALL).unwrap(),
            r#"["pad","stretch","crop"]"#
        );
    }
}

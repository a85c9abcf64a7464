//! Images that look least like the others of their class.
//!
//! # How it works
//! Each image is reduced to the means of at most 16 × 16 blocks of each channel, and three things
//! are measured:
//!
//! - its brightness: the mean of the blocks, from 0 to 255;
//! - its contrast: their standard deviation, in the same levels;
//! - its likeness: blocks less their mean, at length 1, make its pattern. From patterns the mean of
//!   all images' is taken away, so that what is common to all classes does not count. The likeness
//!   is the cosine between its pattern and the mean of the other images of its class, less the same
//!   of another class, of the one where it is largest. An image in one shade has none.
//!
//! Each is compared with the median of the class, in units of the class's spread: 1.4826 times the
//! median distance from the median, which is the standard deviation of a normal distribution. The
//! score is the largest of: how far the likeness is below, half of how far the brightness is away,
//! half of how far the contrast is below. Within a class, images with the largest scores are the
//! odd ones.
//!
//! This finds images that are all black, and about half of those that lie in the wrong class of
//! photographs that differ little (of ten images of sign language digits, each put into another of
//! 10 classes of 206, five are among the six odd ones, in the mean of ten draws). It is a hint and
//! no verdict: rare images are odd, too.
//!
//! # Complexity
//! Pixels are read twice, as they lie in the cache, and nothing of them is kept. Beyond 100 classes
//! there are 8 × 8 blocks, and beyond 1,000 classes the likeness is that to the own class alone, so
//! that 100,000 images of 64×64×3 take seconds.

use std::fmt;
use std::ops::Range;

use nas_space::shape::Shape;
use rayon::prelude::*;
use serde::{Serialize, Serializer};

use crate::data::{OwnData, Part};

/// The most images of a class that are named.
pub const MOST_ODD: usize = 6;

/// One image in this number may be named, in a class.
const IMAGES_FOR_EACH: usize = 10;
/// Classes of fewer images have no odd ones.
const FEWEST: usize = 4;
/// The least score that is named.
const LEAST_SCORE: f64 = 2.0;
/// The weight of the distances of brightness and contrast relative to that of patterns, which are
/// more informative.
const OF_LEVELS: f64 = 0.5;
/// Spreads count as at least this much: in levels of brightness and contrast, and of likeness.
const LEAST_SPREAD: (f64, f64) = (4.0, 0.02);
/// Turns the median distance from a median into a standard deviation, where numbers are normal.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// Below this contrast, in levels, there is no pattern.
const FLAT: f32 = 0.5;
/// Blocks of a channel, squared; and where there are many classes.
const BLOCKS: (usize, usize) = (16, 8);
/// Classes up to which there are as many blocks as that.
const FEW_CLASSES: usize = 100;
/// Classes up to which each image is compared with all of them.
const COMPARED_CLASSES: usize = 1000;
/// Sums that are made at once.
const LANES: usize = 16;

/// The odd images of a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OddOnes {
    /// The name of the class.
    pub class: String,
    /// The images, the oddest first: at most [`MOST_ODD`] and a tenth of the class.
    pub images: Vec<Odd>,
}

/// An image that is unlike the others of its class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Odd {
    /// Its path in the source.
    pub name: String,
    /// The split that it is in: `train`, `valid` or `test`.
    pub split: &'static str,
    /// Its place in that split.
    #[serde(skip)]
    pub index: usize,
    /// Its distance from the median of its class, in standard deviations: at least 2.
    pub score: f64,
    /// In which way.
    pub why: Why,
}

/// In which way an image is unlike the others of its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is darker.
    Darker,
    /// It is brighter.
    Brighter,
    /// It has less contrast.
    Flatter,
    /// Its pattern is another one.
    Unlike,
    /// Its pattern is more like that of this class.
    MoreLike(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Darker => f.write_str("darker than its class"),
            Self::Brighter => f.write_str("brighter than its class"),
            Self::Flatter => f.write_str("less contrast than its class"),
            Self::Unlike => f.write_str("unlike its class"),
            Self::MoreLike(class) => write!(f, "more like {class}"),
        }
    }
}

/// As it is displayed.
impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is measured of an image.
#[derive(Debug, Clone, Copy)]
struct Measured {
    brightness: f64,
    contrast: f64,
    /// None where there is no pattern.
    likeness: Option<f64>,
    /// The class that it is more like than its own.
    other: Option<usize>,
}

/// The odd ones of every class, over all splits, in the order of the classes. The same images give
/// the same answer, whatever the number of threads. See [the module](self) for what they are.
pub fn odd_ones(data: &OwnData) -> Vec<OddOnes> {
    let parts: Vec<(&'static str, &Part)> = [
        Some(("train", &data.train)),
        data.valid.as_ref().map(|valid| ("valid", valid)),
        Some(("test", &data.test)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let classes = data.classes.len();
    let mut members: Vec<Vec<(usize, usize)>> = vec![Vec::new(); classes];
    for (part, (_, images)) in parts.iter().enumerate() {
        for (index, &label) in images.labels.iter().enumerate() {
            members[label as usize].push((part, index));
        }
    }
    let blocks = Blocks::new(data.shape, classes);
    let pattern = |(part, index): (usize, usize)| {
        let (_, images) = parts[part];
        let numel = data.shape.numel();
        blocks.pattern(
            images
                .pixels
                .get(index * numel..(index + 1) * numel)
                .unwrap_or_default(),
        )
    };
    // A class is summed by one thread, in the order of its images.
    let sums: Vec<Vec<f32>> = members
        .par_iter()
        .map(|images| {
            let mut sum = vec![0.0; blocks.len()];
            for &image in images {
                let pattern = pattern(image);
                sum.iter_mut()
                    .zip(&pattern.values)
                    .for_each(|(sum, value)| *sum += f64::from(*value));
            }
            sum.into_iter().map(|sum| sum as f32).collect()
        })
        .collect();
    let common = common(&sums, members.iter().map(Vec::len).sum());
    let units: Vec<Vec<f32>> = sums
        .par_iter()
        .zip(&members)
        .map(|(sum, images)| unit(&less(sum, &common, images.len() as f32)))
        .collect();
    let compared = if classes <= COMPARED_CLASSES { classes } else { 0 };
    let found = members
        .par_iter()
        .zip(&sums)
        .enumerate()
        .map(|(class, (images, sum))| {
            let measured: Vec<Measured> = images
                .par_iter()
                .map(|&image| {
                    let pattern = pattern(image);
                    let rest = less(
                        &less(sum, &pattern.values, 1.0),
                        &common,
                        images.len() as f32 - 1.0,
                    );
                    let own_pattern = unit(&less(&pattern.values, &common, 1.0));
                    let own = dot(&own_pattern, &unit(&rest));
                    let others = units[..compared]
                        .iter()
                        .enumerate()
                        .filter(|(other, _)| *other != class);
                    let best = others
                        .map(|(other, unit)| (other, dot(&own_pattern, unit)))
                        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
                    Measured {
                        brightness: f64::from(pattern.mean),
                        contrast: f64::from(pattern.deviation),
                        likeness: (pattern.deviation >= FLAT)
                            .then(|| f64::from(own - best.map_or(0.0, |(_, likeness)| likeness))),
                        other: best
                            .filter(|(_, likeness)| *likeness > own)
                            .map(|(other, _)| other),
                    }
                })
                .collect();
            OddOnes {
                class: data.classes[class].clone(),
                images: oddest(&measured)
                    .into_iter()
                    .map(|(place, score, why)| {
                        let (part, index) = images[place];
                        let (split, images) = parts[part];
                        Odd {
                            name: images.names[index].clone(),
                            split,
                            index,
                            score,
                            why: why.named(measured[place].other.map(|other| &data.classes[other])),
                        }
                    })
                    .collect(),
            }
        });
    found.collect()
}

impl Why {
    /// The same, with the class that a pattern is more like.
    fn named(self, other: Option<&String>) -> Self {
        match (self, other) {
            (Self::Unlike, Some(other)) => Self::MoreLike(other.clone()),
            (why, _) => why,
        }
    }
}

/// The places of the oddest images of a class, with their scores and in which way they are odd.
fn oddest(measured: &[Measured]) -> Vec<(usize, f64, Why)> {
    if measured.len() < FEWEST {
        return Vec::new();
    }
    let (levels, likeness) = LEAST_SPREAD;
    let usual = [
        Usual::of(measured.iter().map(|image| image.brightness), levels),
        Usual::of(measured.iter().map(|image| image.contrast), levels),
        Usual::of(measured.iter().filter_map(|image| image.likeness), likeness),
    ];
    let mut scored: Vec<(usize, f64, Why)> = measured
        .iter()
        .enumerate()
        .map(|(place, image)| {
            let brightness = OF_LEVELS * usual[0].deviation(image.brightness);
            let contrast = OF_LEVELS * usual[1].deviation(image.contrast);
            let ways = [
                (-brightness, Why::Darker),
                (brightness, Why::Brighter),
                (-contrast, Why::Flatter),
                (
                    image
                        .likeness
                        .map_or(0.0, |likeness| -usual[2].deviation(likeness)),
                    Why::Unlike,
                ),
            ];
            let way = ways.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
            let (score, why) = way.unwrap_or((0.0, Why::Unlike));
            (place, (100.0 * score).round() / 100.0, why)
        })
        .filter(|(_, score, _)| *score >= LEAST_SCORE)
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.truncate(MOST_ODD.min(measured.len().div_ceil(IMAGES_FOR_EACH)));
    scored
}

/// What is usual in a class.
struct Usual {
    median: f64,
    spread: f64,
}

impl Usual {
    fn of(values: impl Iterator<Item = f64>, least_spread: f64) -> Self {
        let mut values: Vec<f64> = values.collect();
        let median = median(&mut values);
        let mut distances: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
        Self {
            spread: (MAD_TO_DEVIATION * self::median(&mut distances)).max(least_spread),
            median,
        }
    }

    fn deviation(&self, value: f64) -> f64 {
        (value - self.median) / self.spread
    }
}

/// The lower one of two in the middle; 0 of none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or_default()
}

/// How images are reduced.
struct Blocks {
    channels: usize,
    /// Columns of an image.
    width: usize,
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
}

/// What is left of an image.
struct Pattern {
    mean: f32,
    deviation: f32,
    /// Blocks less their mean, at length 1; zeros where there is no contrast.
    values: Vec<f32>,
}

impl Blocks {
    fn new(shape: Shape, classes: usize) -> Self {
        let side = if classes <= FEW_CLASSES {
            BLOCKS.0
        } else {
            BLOCKS.1
        };
        let rows = shape.height.min(side);
        let columns = shape.width.min(side * side / rows.max(1));
        Self {
            channels: shape.channels,
            width: shape.width,
            rows: cut(shape.height, rows),
            columns: cut(shape.width, columns),
        }
    }

    /// Values of an image.
    fn len(&self) -> usize {
        self.channels * self.rows.len() * self.columns.len()
    }

    /// The pattern of an image, whose pixels are rows of channels.
    fn pattern(&self, pixels: &[u8]) -> Pattern {
        let mut values = Vec::with_capacity(self.len());
        let height = self.rows.last().map_or(0, |rows| rows.end);
        for channel in pixels.chunks_exact((height * self.width).max(1)) {
            for rows in &self.rows {
                let mut sums = vec![0_u32; self.columns.len()];
                for row in rows.clone() {
                    let row = &channel[row * self.width..(row + 1) * self.width];
                    for (sum, columns) in sums.iter_mut().zip(&self.columns) {
                        *sum += row[columns.clone()]
                            .iter()
                            .map(|&pixel| u32::from(pixel))
                            .sum::<u32>();
                    }
                }
                let sizes = self.columns.iter().map(|columns| columns.len() * rows.len());
                values.extend(
                    sums.iter()
                        .zip(sizes)
                        .map(|(&sum, size)| sum as f32 / size as f32),
                );
            }
        }
        values.resize(self.len(), 0.0);
        let count = values.len().max(1) as f32;
        let mean = values.iter().sum::<f32>() / count;
        values.iter_mut().for_each(|value| *value -= mean);
        let deviation = (dot(&values, &values) / count).sqrt();
        let scale = if deviation < FLAT {
            0.0
        } else {
            1.0 / (deviation * count.sqrt())
        };
        values.iter_mut().for_each(|value| *value *= scale);
        Pattern {
            mean,
            deviation,
            values,
        }
    }
}

/// The mean pattern of all images, by the sums of their classes; zeros where there is one class.
fn common(sums: &[Vec<f32>], images: usize) -> Vec<f32> {
    let len = sums.first().map_or(0, Vec::len);
    let share = if sums.len() > 1 {
        1.0 / images.max(1) as f64
    } else {
        0.0
    };
    let sum = |place: usize| sums.iter().map(|sum| f64::from(sum[place])).sum::<f64>();
    (0..len).map(|place| (share * sum(place)) as f32).collect()
}

/// Values less `times` the others.
fn less(values: &[f32], others: &[f32], times: f32) -> Vec<f32> {
    values
        .iter()
        .zip(others)
        .map(|(value, other)| value - times * other)
        .collect()
}

/// The ranges of a side of `pixels` pixels that is cut into `pieces` pieces.
fn cut(pixels: usize, pieces: usize) -> Vec<Range<usize>> {
    let edge = |piece: usize| piece * pixels / pieces.max(1);
    (0..pieces).map(|piece| edge(piece)..edge(piece + 1)).collect()
}

/// The same direction at length 1; zeros where there is none.
fn unit(values: &[f32]) -> Vec<f32> {
    let length = dot(values, values).sqrt();
    let scale = if length > 1e-6 { 1.0 / length } else { 0.0 };
    values.iter().map(|value| value * scale).collect()
}

/// The sum of products, in an order that is always the same.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = left
        .remainder()
        .iter()
        .zip(right.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_cut_without_a_gap_and_without_an_empty_piece() {
        for (pixels, pieces) in [(64, 16), (8, 8), (100, 16), (17, 16), (1, 1)] {
            let ranges = cut(pixels, pieces);
            assert_eq!(ranges.len(), pieces);
            assert!(ranges.iter().all(|range| !range.is_empty()), "{ranges:?}");
            assert_eq!((ranges[0].start, ranges[pieces - 1].end), (0, pixels));
            assert!(ranges.windows(2).all(|two| two[0].end == two[1].start));
        }
    }

    #[test]
    fn a_pattern_does_not_depend_on_brightness_and_contrast() {
        let blocks = Blocks::new(Shape::new(1, 8, 8), 2);
        let ramp: Vec<u8> = (0..64).collect();
        let other: Vec<u8> = ramp.iter().map(|pixel| 2 * pixel + 70).collect();
        let (a, b) = (blocks.pattern(&ramp), blocks.pattern(&other));
        assert!((dot(&a.values, &b.values) - 1.0).abs() < 1e-5);
        assert!((a.mean - 31.5).abs() < 1e-4 && (b.deviation / a.deviation - 2.0).abs() < 1e-4);
        let flat = blocks.pattern(&[9; 64]);
        assert_eq!((flat.mean, flat.deviation), (9.0, 0.0));
        assert!(flat.values.iter().all(|&value| value == 0.0));
    }

    #[test]
    fn a_signal_of_one_row_keeps_more_columns() {
        let blocks = Blocks::new(Shape::new(1, 1, 1000), 2);
        assert_eq!(blocks.len(), 256);
        let pixels: Vec<u8> = (0..1000).map(|place| (place / 4 % 256) as u8).collect();
        assert_eq!(blocks.pattern(&pixels).values.len(), 256);
    }

    #[test]
    fn medians_and_spreads_ignore_a_wild_value() {
        let usual = Usual::of([1.0, 2.0, 3.0, 4.0, 1000.0].into_iter(), 0.1);
        assert_eq!(usual.median, 3.0);
        assert!((usual.spread - 1.4826).abs() < 1e-9);
        assert_eq!(median(&mut []), 0.0);
    }
}

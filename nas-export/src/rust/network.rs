//! A trained network: `logits` and `probabilities` of an image.
//!
//! It needs no other crate. `ABOUT` says what it was trained on and how.
#![forbid(unsafe_code)]

mod ops;

use std::sync::OnceLock;

/// Channels, rows and columns of an image.
pub const SHAPE: [usize; 3] = __SHAPE__;
__FACTS__
/// Mean and standard deviation of each channel, in values of pixels.
const MEAN: [f32; __CHANNELS__] = __MEAN__;
const STD: [f32; __CHANNELS__] = __STD__;

/// The probability of each class.
///
/// `pixels` are the bytes of an image of `SHAPE`: of each channel its rows, from the top.
///
/// # Panics
/// Where there are more or fewer pixels than `SHAPE` says.
pub fn probabilities(pixels: &[u8]) -> [f32; __CLASS_COUNT__] {
    let mut values = logits(pixels);
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter_mut().for_each(|value| *value = (*value - largest).exp());
    let sum: f32 = values.iter().sum();
    values.map(|value| value / sum)
}

/// All weights, in the order of the layers.
fn weights() -> &'static [f32] {
    static WEIGHTS: OnceLock<Vec<f32>> = OnceLock::new();
    let bytes = include_bytes!("../weights.bin");
    let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    WEIGHTS.get_or_init(|| bytes.chunks_exact(4).map(number).collect())
}

/// The score of each class, before the softmax.
///
/// `pixels` are the bytes of an image of `SHAPE`: of each channel its rows, from the top.
///
/// # Panics
/// Where there are more or fewer pixels than `SHAPE` says.
#[rustfmt::skip]
pub fn logits(pixels: &[u8]) -> [f32; __CLASS_COUNT__] {
    let expected = SHAPE.iter().product::<usize>();
    assert_eq!(pixels.len(), expected, "an image of {SHAPE:?} has {expected} pixel values");
    let w = weights();
    let image = ops::normalize(pixels, SHAPE, &MEAN, &STD);
__LAYERS__
    let mut scores = [0.0; __CLASS_COUNT__];
    scores.copy_from_slice(&__LOGITS__.values);
    scores
}

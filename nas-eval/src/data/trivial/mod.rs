//! TrivialAugment: one random operation of a random strength on each image.
//!
//! In each epoch, an image gets one of fourteen [`Operation`]s and one of 31 strengths, both
//! uniform, and nothing is tuned. The ranges are those of the Wide space:
//!
//! | operation | strength m of 0 to 30 |
//! |---|---|
//! | identity, auto contrast, equalize | none |
//! | rotate | ±⌊135 m / 30⌋ degrees |
//! | shear x, shear y | ±0.99 m / 30 pixels a pixel |
//! | translate x, translate y | ±⌊32 m / 30⌋ pixels |
//! | solarize | what is at least 256 − ⌊256 m / 30⌋ is inverted |
//! | posterize | 8 − ⌊6 m / 30⌋ bits |
//! | colour, contrast, brightness, sharpness | a factor of 0.01 + 1.99 m / 30 |
//!
//! As in the authors' code, which calls Pillow, geometry takes the nearest pixel and fills with
//! black. Pixels are the same as Pillow's, which the tests compare.
//!
//! # Deviations
//! Translations of images with a side below 32 pixels go up to that side: beyond it, nothing of the
//! image is left. Colour leaves images alone that have not three channels, as Pillow leaves grey
//! ones alone; for contrast, their brightness is the mean of their channels.
//!
//! # References
//! Samuel G. Müller, Frank Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data
//! Augmentation", ICCV 2021, arXiv:2103.10158, algorithm 1 and the Wide space of table 7;
//! <https://github.com/automl/trivialaugment>, `aug_lib.py`.

mod pixels;
#[cfg(test)]
mod tests;

use nas_space::seed::Seed;
use nas_space::shape::Shape;
use rand::RngExt;

/// Number of operations.
const OPERATIONS: u32 = 14;
/// The largest strength; the least is 0.
const MOST: u32 = 30;
/// Pixels of the farthest translation.
const FARTHEST: usize = 32;

/// What is done to one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operation {
    Identity,
    /// Each channel's values are spread from 0 to 255.
    AutoContrast,
    /// Each channel's values are made equally frequent.
    Equalize,
    /// By degrees, counterclockwise.
    Rotate(i32),
    /// Values of at least this are inverted.
    Solarize(u32),
    /// Towards grey below 1, away from it above.
    Color(f32),
    /// So many bits of each value are kept.
    Posterize(u32),
    /// Towards the mean brightness below 1, away from it above.
    Contrast(f32),
    /// Towards black below 1, away from it above.
    Brightness(f32),
    /// Towards a smoothed image below 1, away from it above.
    Sharpness(f32),
    /// Pixels to the left for each row down.
    ShearX(f64),
    /// Pixels up for each column to the right.
    ShearY(f64),
    /// Pixels to the left.
    TranslateX(i32),
    /// Pixels up.
    TranslateY(i32),
}

impl Operation {
    /// That of image `index` in the epoch that `epoch_seed` stands for.
    pub(super) fn draw(shape: Shape, epoch_seed: Seed, index: u32) -> Self {
        let mut rng = epoch_seed.derive("trivial", index.into()).rng();
        let mut below = |n: u32| rng.random_range(0..n);
        let (operation, strength, negative) = (below(OPERATIONS), below(MOST + 1), below(2) == 1);
        Self::new(operation, strength, negative, shape)
    }

    /// Number `operation` of the table, below 14, of a strength up to 30. Geometry has a direction.
    fn new(operation: u32, strength: u32, negative: bool, shape: Shape) -> Self {
        let most = f64::from(MOST);
        let share = |range: f64| f64::from(strength) * range / most;
        let sign = if negative { -1 } else { 1 };
        let whole = |range: u32| sign * (strength * range / MOST) as i32;
        let pixels = |side: usize| whole(side.min(FARTHEST) as u32);
        let factor = (share(2.0 - 0.01) + 0.01) as f32;
        let shear = f64::from(sign) * share(0.99);
        match operation {
            0 => Self::Identity,
            1 => Self::AutoContrast,
            2 => Self::Equalize,
            3 => Self::Rotate(whole(135)),
            4 => Self::Solarize(256 - strength * 256 / MOST),
            5 => Self::Color(factor),
            6 => Self::Posterize(8 - strength * 6 / MOST),
            7 => Self::Contrast(factor),
            8 => Self::Brightness(factor),
            9 => Self::Sharpness(factor),
            10 => Self::ShearX(shear),
            11 => Self::ShearY(shear),
            12 => Self::TranslateX(pixels(shape.width)),
            _ => Self::TranslateY(pixels(shape.height)),
        }
    }

    /// Writes the changed image to `out`, replacing its content. `image` has the shape's values,
    /// channel by channel.
    pub(super) fn apply(self, shape: Shape, image: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(image);
        if out.is_empty() {
            return;
        }
        let plane = shape.height * shape.width;
        match self {
            Self::Identity => {}
            Self::AutoContrast => out.chunks_exact_mut(plane).for_each(pixels::auto_contrast),
            Self::Equalize => out.chunks_exact_mut(plane).for_each(pixels::equalize),
            Self::Solarize(threshold) => {
                for value in out.iter_mut().filter(|value| u32::from(**value) >= threshold) {
                    *value = 255 - *value;
                }
            }
            Self::Posterize(bits) => {
                let mask = (0xff00_u32 >> bits) as u8;
                out.iter_mut().for_each(|value| *value &= mask);
            }
            Self::Color(factor) => {
                if shape.channels == 3 {
                    pixels::color(image, out, plane, factor);
                }
            }
            Self::Contrast(factor) => {
                let mean = pixels::mean_brightness(image, shape.channels, plane);
                out.iter_mut()
                    .for_each(|value| *value = pixels::blend(mean, *value, factor));
            }
            Self::Brightness(factor) => out
                .iter_mut()
                .for_each(|value| *value = pixels::blend(0, *value, factor)),
            Self::Sharpness(factor) => {
                for (from, to) in image.chunks_exact(plane).zip(out.chunks_exact_mut(plane)) {
                    pixels::sharpen(from, to, shape.width, factor);
                }
            }
            Self::Rotate(degrees) => {
                pixels::affine(image, out, shape, &pixels::rotation(degrees, shape));
            }
            Self::ShearX(shear) => pixels::affine(image, out, shape, &[1.0, shear, 0.0, 0.0, 1.0, 0.0]),
            Self::ShearY(shear) => pixels::affine(image, out, shape, &[1.0, 0.0, 0.0, shear, 1.0, 0.0]),
            Self::TranslateX(x) => {
                pixels::affine(image, out, shape, &[1.0, 0.0, f64::from(x), 0.0, 1.0, 0.0]);
            }
            Self::TranslateY(y) => {
                pixels::affine(image, out, shape, &[1.0, 0.0, 0.0, 0.0, 1.0, f64::from(y)]);
            }
        }
    }
}

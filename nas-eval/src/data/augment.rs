//! Random changes to training images that keep their class.

use nas_space::seed::Seed;
use nas_space::shape::Shape;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::facts::DataFacts;
use super::trivial::Operation;

/// How training images are varied. None by default.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `policy` | none | changes the image in another way first: see [`Policy`] | |
/// | `crop_padding` | 0 | shifts the image by up to this many pixels each way | below the smaller side of the image |
/// | `crop_fill` | black | what moves in from outside | `black`, `edge` |
/// | `horizontal_flip` | false | mirrors half of the images left to right | |
/// | `cutout` | none | blanks a square of this side | 1 to the larger side of the image |
///
/// They are applied in this order. The crop is that of torchvision's `RandomCrop(size, padding)`
/// before normalisation: what moves in from outside is black, that is pixel 0, or with
/// [`Fill::Edge`] the pixels at the border again (`padding_mode="edge"`). Cutout comes after
/// normalisation: the square is filled with 0, the mean. Its centre is uniform over the pixels and
/// what hangs over the border is cut off; the square covers `side / 2` pixels before the centre and
/// the rest from it on.
///
/// The random numbers of an image follow from the seed, the epoch and the image's index alone, so
/// neither the size nor the order of batches changes its augmentation.
///
/// # References
/// Terrance DeVries, Graham W. Taylor, "Improved Regularization of Convolutional Neural Networks
/// with Cutout", 2017, arXiv:1708.04552.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Policy that changes each image before crop, flip and cutout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Pixels of padding around the image, from which a part of the image's size is cut; 0 for
    /// none. 4 is usual for 32×32.
    pub crop_padding: usize,
    /// What the padding shows.
    pub crop_fill: Fill,
    /// Whether each image is mirrored left to right with probability one half.
    pub horizontal_flip: bool,
    /// Side of a square that is blanked, in pixels: 1 to the larger side of the image.
    ///
    /// DeVries and Taylor use 16 for CIFAR-10, 8 for CIFAR-100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub cutout: Option<usize>,
}

/// What a crop shows where it reaches beyond the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// Pixel 0, as is usual for CIFAR.
    #[default]
    Black,
    /// The nearest pixel of the image. Where images fill their frame, bars of black look like
    /// something in them.
    ///
    /// On CUDA, batches are then made on the host.
    Edge,
}

/// How images are changed beside crop, flip and cutout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// TrivialAugment with its Wide space: each image gets one of fourteen operations (rotation,
    /// shear, translation, colour, contrast and others) at one of 31 strengths, both drawn
    /// uniformly in each epoch.
    ///
    /// One-channel images have no colour to change; a translation goes up to 32 pixels, or the
    /// image's side where that is less. On CUDA, batches are then made on the host.
    ///
    /// Samuel G. Müller, Frank Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data
    /// Augmentation", ICCV 2021, arXiv:2103.10158.
    TrivialWide,
}

/// How much images are varied, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AugmentationLevel {
    /// No augmentation, except mirroring if the user's images allow it.
    None,
    /// As [`AugmentationLevel::Standard`], with half of the crop, rounded up.
    Light,
    /// What is usual for the data: [`Augmentation::standard`].
    Standard,
    /// [`Policy::TrivialWide`], and then as [`AugmentationLevel::Standard`].
    Trivial,
}

/// What becomes of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// The output's row 0 is this row of the padded image.
    top: usize,
    /// The output's column 0 is this column of the padded image, before mirroring.
    left: usize,
    flip: bool,
    /// Row and column of the centre of the square.
    centre: Option<(usize, usize)>,
}

#[cfg(any(feature = "cuda", test))]
impl Change {
    /// Row and column of the crop, whether it is mirrored, row and column of the square's centre.
    pub(super) fn numbers(self) -> [u32; 5] {
        let (row, column) = self.centre.unwrap_or_default();
        // They were drawn as numbers of 32 bits.
        [self.top, self.left, self.flip.into(), row, column].map(|number| number as u32)
    }
}

impl Augmentation {
    /// Images as they are.
    pub const NONE: Self = Self {
        policy: None,
        crop_padding: 0,
        crop_fill: Fill::Black,
        horizontal_flip: false,
        cutout: None,
    };

    /// What the level means for these data.
    pub fn of_level(level: AugmentationLevel, data: &DataFacts) -> Self {
        let standard = Self::standard(data);
        match level {
            AugmentationLevel::None => Self {
                horizontal_flip: data.may_be_mirrored,
                ..Self::NONE
            },
            AugmentationLevel::Light => Self {
                crop_padding: standard.crop_padding.div_ceil(2),
                ..standard
            },
            AugmentationLevel::Standard => standard,
            AugmentationLevel::Trivial => Self {
                policy: Some(Policy::TrivialWide),
                ..standard
            },
        }
    }

    /// What is usual for the data set: crop 4 and flip for CIFAR, crop 2 and flip for
    /// Fashion-MNIST, crop 1 for digits, which must not be mirrored. Cutout is left out, as in most
    /// searches.
    ///
    /// # Errors
    /// If there is no data set of this name.
    pub fn standard_for(dataset: &str) -> Result<Self, DataError> {
        Ok(Self::standard(&DataFacts::named(dataset)?))
    }

    /// The same for any data set. Of one without a name of this crate, crop an eighth of a side, with
    /// the border repeated, and flip where its images may be mirrored.
    pub fn standard(data: &DataFacts) -> Self {
        let eighth = data.shape.height.min(data.shape.width) / 8;
        let (crop_padding, crop_fill, horizontal_flip) = match data.name.as_str() {
            "cifar10" | "cifar100" => (4, Fill::Black, true),
            "fashion-mnist" => (2, Fill::Black, true),
            "mnist" | "digits" => (1, Fill::Black, false),
            _ => (eighth, Fill::Edge, data.may_be_mirrored),
        };
        Self {
            crop_padding,
            crop_fill,
            horizontal_flip,
            ..Self::NONE
        }
    }

    /// Refuses settings that would leave nothing of images of this shape, or that do nothing and
    /// look as if they did.
    pub(super) fn check(&self, shape: Shape) -> Result<(), DataError> {
        let refuse = |field, expected, got| {
            Err(DataError::Augmentation {
                field,
                expected,
                got,
                shape,
            })
        };
        let smaller = shape.height.min(shape.width);
        if self.crop_padding > 0 && self.crop_padding >= smaller {
            return refuse("crop_padding", format!("0 to {}", smaller - 1), self.crop_padding);
        }
        let larger = shape.height.max(shape.width);
        match self.cutout {
            Some(side) if !(1..=larger).contains(&side) => refuse("cutout", format!("1 to {larger}"), side),
            _ => Ok(()),
        }
    }

    /// Whether the kernels of a device can do all of it.
    #[cfg(any(feature = "cuda", test))]
    pub(super) fn runs_on_device(&self) -> bool {
        self.policy.is_none() && self.crop_fill == Fill::Black
    }

    /// The image `index` as the policy changes it in the epoch that `epoch_seed` stands for: in
    /// `scratch`, or as it is where there is none.
    pub(super) fn vary<'a>(
        &self,
        shape: Shape,
        epoch_seed: Seed,
        index: u32,
        image: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        match self.policy {
            None => image,
            Some(Policy::TrivialWide) => {
                Operation::draw(shape, epoch_seed, index).apply(shape, image, scratch);
                scratch
            }
        }
    }

    /// The crop, flip and cutout of image `index` in the epoch of `epoch_seed`.
    pub(super) fn draw(&self, shape: Shape, epoch_seed: Seed, index: u32) -> Change {
        if *self == Self::NONE {
            return Change {
                top: 0,
                left: 0,
                flip: false,
                centre: None,
            };
        }
        let mut rng = epoch_seed.derive("image", index.into()).rng();
        // 32-bit draws are the same on machines of any word size.
        let mut below = |n: usize| rng.random_range(0..n as u32) as usize;
        let (top, left) = match self.crop_padding {
            0 => (0, 0),
            padding => (below(2 * padding + 1), below(2 * padding + 1)),
        };
        let flip = self.horizontal_flip && below(2) == 1;
        let centre = self.cutout.map(|_| (below(shape.height), below(shape.width)));
        Change {
            top,
            left,
            flip,
            centre,
        }
    }

    /// Writes the changed and normalised image to `out`, which has the same number of values.
    /// `tables` say what each pixel value becomes, per channel.
    pub(super) fn apply(
        &self,
        change: Change,
        shape: Shape,
        image: &[u8],
        tables: &[[f32; 256]],
        out: &mut [f32],
    ) {
        let Shape { height, width, .. } = shape;
        let (padding, plane) = (self.crop_padding, height * width);
        // The output columns that lie on the image: column x shows column x + left - padding.
        let first = padding.saturating_sub(change.left).min(width);
        let last = (width + padding).saturating_sub(change.left).min(width);
        let source = (first + change.left).saturating_sub(padding);

        let planes = image
            .chunks_exact(plane)
            .zip(out.chunks_exact_mut(plane))
            .zip(tables);
        for ((pixels, out), table) in planes {
            for (y, row) in out.chunks_exact_mut(width).enumerate() {
                let padded_y = y + change.top;
                let is_outside = padded_y < padding || padded_y >= height + padding;
                if is_outside && self.crop_fill == Fill::Black {
                    row.fill(table[0]);
                    continue;
                }
                let nearest = padded_y.saturating_sub(padding).min(height - 1);
                let pixels = &pixels[nearest * width..][..width];
                let (before, behind) = match self.crop_fill {
                    Fill::Black => (0, 0),
                    Fill::Edge => (pixels[0], pixels[width - 1]),
                };
                row[..first].fill(table[usize::from(before)]);
                row[last..].fill(table[usize::from(behind)]);
                for (value, &pixel) in row[first..last].iter_mut().zip(&pixels[source..]) {
                    *value = table[usize::from(pixel)];
                }
                if change.flip {
                    row.reverse();
                }
            }
            if let (Some(side), Some((y, x))) = (self.cutout, change.centre) {
                let range = |centre: usize, length: usize| {
                    centre.saturating_sub(side / 2)..(centre + side - side / 2).min(length)
                };
                for y in range(y, height) {
                    out[y * width..][range(x, width)].fill(0.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

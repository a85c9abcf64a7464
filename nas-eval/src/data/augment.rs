//! Random changes to training images that keep their class.

use nas_space::seed::Seed;
use nas_space::shape::Shape;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::facts::DataFacts;

/// How training images are varied. None by default.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `crop_padding` | 0 | shifts the image by up to this many pixels each way | below the smaller side of the image |
/// | `horizontal_flip` | false | mirrors half of the images left to right | |
/// | `cutout` | none | blanks a square of this side | 1 to the larger side of the image |
///
/// They are applied in this order. The crop is that of torchvision's `RandomCrop(size, padding)`
/// before normalisation: what moves in from outside is black, that is pixel 0. Cutout comes after
/// normalisation: the square is filled with 0, the mean. Its centre is uniform over the pixels and
/// what hangs over the border is cut off; the square covers `side / 2` pixels before the centre and
/// the rest from it on.
///
/// The random numbers of an image follow from the seed, the epoch and the image's index alone, so
/// neither the size nor the order of batches changes what becomes of it.
///
/// # References
/// Terrance DeVries, Graham W. Taylor, "Improved Regularization of Convolutional Neural Networks
/// with Cutout", 2017, arXiv:1708.04552.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Pixels of black around the image from which a part of its size is cut; 0 for none. 4 is
    /// usual for 32×32.
    pub crop_padding: usize,
    /// Whether each image is mirrored with probability one half.
    pub horizontal_flip: bool,
    /// Side of the square that is blanked, in pixels. DeVries and Taylor use 16 for CIFAR-10, 8 for
    /// CIFAR-100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutout: Option<usize>,
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
        crop_padding: 0,
        horizontal_flip: false,
        cutout: None,
    };

    /// What is usual for the data set: crop 4 and flip for CIFAR, crop 2 and flip for
    /// Fashion-MNIST, crop 1 for digits, which must not be mirrored. Cutout is left out, as in most
    /// searches.
    ///
    /// # Errors
    /// If there is no data set of this name.
    pub fn standard_for(dataset: &str) -> Result<Self, DataError> {
        Ok(Self::standard(&DataFacts::named(dataset)?))
    }

    /// The same for any data set. Of one without a name of this crate, crop an eighth of a side, and flip
    /// where its images may be mirrored.
    pub fn standard(data: &DataFacts) -> Self {
        let eighth = data.shape.height.min(data.shape.width) / 8;
        let (crop_padding, horizontal_flip) = match data.name.as_str() {
            "cifar10" | "cifar100" => (4, true),
            "fashion-mnist" => (2, true),
            "mnist" | "digits" => (1, false),
            _ => (eighth, data.may_be_mirrored),
        };
        Self {
            crop_padding,
            horizontal_flip,
            cutout: None,
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

    /// What becomes of image `index` in the epoch that `epoch_seed` stands for.
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
                if padded_y < padding || padded_y >= height + padding {
                    row.fill(table[0]);
                    continue;
                }
                let from = (padded_y - padding) * width;
                let pixels = &pixels[from + source..from + source + (last - first)];
                row[..first].fill(table[0]);
                row[last..].fill(table[0]);
                for (value, &pixel) in row[first..last].iter_mut().zip(pixels) {
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
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::new(1, 3, 3);
    const IMAGE: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

    fn apply(augmentation: Augmentation, change: Change) -> [f32; 9] {
        // Black becomes -1, so that it differs from what is cut out.
        let table = std::array::from_fn(|pixel| if pixel == 0 { -1.0 } else { pixel as f32 });
        let mut out = [f32::NAN; 9];
        augmentation.apply(change, SHAPE, &IMAGE, &[table], &mut out);
        out
    }

    const STILL: Change = Change {
        top: 0,
        left: 0,
        flip: false,
        centre: None,
    };

    #[test]
    fn nothing_is_changed_by_default() {
        assert_eq!(Augmentation::default(), Augmentation::NONE);
        let change = Augmentation::NONE.draw(SHAPE, Seed::new(1), 5);
        assert_eq!(apply(Augmentation::NONE, change), IMAGE.map(f32::from));
    }

    /// Expected: `torch.nn.functional.pad(image, (p,) * 4, value=-1)[top:top + 3, left:left + 3]`.
    #[test]
    fn a_crop_shifts_the_image_and_fills_with_black() {
        let crop = Augmentation {
            crop_padding: 1,
            ..Augmentation::NONE
        };
        assert_eq!(
            apply(
                crop,
                Change {
                    top: 1,
                    left: 1,
                    ..STILL
                }
            ),
            IMAGE.map(f32::from)
        );
        assert_eq!(apply(crop, STILL), [-1., -1., -1., -1., 1., 2., -1., 4., 5.]);
        assert_eq!(
            apply(
                crop,
                Change {
                    top: 2,
                    left: 1,
                    ..STILL
                }
            ),
            [4., 5., 6., 7., 8., 9., -1., -1., -1.]
        );
        assert_eq!(
            apply(
                crop,
                Change {
                    top: 1,
                    left: 2,
                    ..STILL
                }
            ),
            [2., 3., -1., 5., 6., -1., 8., 9., -1.]
        );
        let wide = Augmentation {
            crop_padding: 2,
            ..Augmentation::NONE
        };
        assert_eq!(
            apply(
                wide,
                Change {
                    top: 4,
                    left: 4,
                    ..STILL
                }
            ),
            [9., -1., -1., -1., -1., -1., -1., -1., -1.]
        );
    }

    #[test]
    fn a_flip_comes_after_the_crop() {
        let both = Augmentation {
            crop_padding: 1,
            horizontal_flip: true,
            cutout: None,
        };
        let change = Change {
            top: 1,
            left: 2,
            flip: true,
            centre: None,
        };
        assert_eq!(apply(both, change), [-1., 3., 2., -1., 6., 5., -1., 9., 8.]);
    }

    #[test]
    fn cutout_is_a_square_clipped_at_the_border_and_filled_with_the_mean() {
        let cut = |side, y, x| {
            let augmentation = Augmentation {
                cutout: Some(side),
                ..Augmentation::NONE
            };
            let table = std::array::from_fn(|pixel| pixel as f32);
            let mut out = [f32::NAN; 9];
            augmentation.apply(
                Change {
                    centre: Some((y, x)),
                    ..STILL
                },
                SHAPE,
                &IMAGE,
                &[table],
                &mut out,
            );
            out
        };
        assert_eq!(cut(1, 1, 1), [1., 2., 3., 4., 0., 6., 7., 8., 9.]);
        assert_eq!(cut(2, 1, 1), [0., 0., 3., 0., 0., 6., 7., 8., 9.]);
        assert_eq!(cut(2, 0, 0), [0., 2., 3., 4., 5., 6., 7., 8., 9.]);
        assert_eq!(cut(3, 2, 2), [1., 2., 3., 4., 0., 0., 7., 0., 0.]);
    }

    /// A change of these numbers changes every study that was ever recorded.
    #[test]
    fn value_stability() {
        let all = Augmentation {
            crop_padding: 4,
            horizontal_flip: true,
            cutout: Some(16),
        };
        let shape = Shape::new(3, 32, 32);
        let drawn: Vec<_> = (0..3)
            .map(|index| all.draw(shape, Seed::new(42), index))
            .map(|change| (change.top, change.left, change.flip, change.centre))
            .collect();
        let expected = [
            (6, 6, true, Some((20, 10))),
            (3, 7, false, Some((24, 31))),
            (8, 4, true, Some((9, 25))),
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn draws_cover_their_ranges_evenly() {
        let all = Augmentation {
            crop_padding: 1,
            horizontal_flip: true,
            cutout: Some(1),
        };
        let (mut tops, mut flips, mut columns) = ([0; 3], 0, [0; 3]);
        for index in 0..3000 {
            let change = all.draw(SHAPE, Seed::new(7), index);
            tops[change.top] += 1;
            flips += i32::from(change.flip);
            columns[change.centre.unwrap().1] += 1;
        }
        // Five standard deviations: 5 · √(3000 · ⅓ · ⅔) = 129 and 5 · √(3000 / 4) = 137.
        assert!(
            tops.iter().chain(&columns).all(|&n: &i32| (n - 1000).abs() < 129),
            "{tops:?} {columns:?}"
        );
        assert!((flips - 1500).abs() < 137, "{flips}");
    }

    #[test]
    fn settings_that_do_not_fit_the_images_are_refused() {
        let check = |crop_padding, cutout| {
            Augmentation {
                crop_padding,
                horizontal_flip: false,
                cutout,
            }
            .check(Shape::new(1, 8, 6))
        };
        assert!(check(5, Some(8)).is_ok());
        assert!(check(6, None).is_err());
        assert!(check(0, Some(0)).is_err());
        assert!(check(0, Some(9)).is_err());
        assert!(serde_json::from_str::<Augmentation>("{\"crop\":4}").is_err());
        let some: Augmentation = serde_json::from_str("{\"cutout\":16}").unwrap();
        assert_eq!(
            some,
            Augmentation {
                cutout: Some(16),
                ..Augmentation::NONE
            }
        );
    }

    #[test]
    fn every_data_set_has_a_standard_that_fits_it_and_digits_are_not_mirrored() {
        for info in super::super::DATASETS {
            let standard = Augmentation::standard_for(info.name).unwrap();
            assert!(standard.check(info.shape).is_ok());
            assert_eq!(
                standard.horizontal_flip,
                !["digits", "mnist"].contains(&info.name),
                "{}",
                info.name
            );
        }
        assert!(Augmentation::standard_for("imagenet").is_err());
    }
}

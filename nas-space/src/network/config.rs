//! How large a network is made of an architecture.

use serde::{Deserialize, Serialize};

use crate::error::SpaceError;
use crate::shape::Shape;

/// The most halvings of a stem.
const MOST_HALVINGS: usize = 5;

/// What an architecture leaves open: the data's shape and the network's size.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `image` | 3×32×32 | shape of the images | 1 to 65,536 each |
/// | `classes` | 10 | number of classes | 2 to 1,000,000 |
/// | `channels` | 16 | channels of the first cells | 1 to 65,536 |
/// | `cells` | 8 | DARTS skeleton: cells in all; NAS-Bench-201 skeleton: cells per stage; NAS-Bench-101 skeleton: modules per stack | 1 to 1,000 |
/// | `auxiliary` | false | auxiliary classifier two thirds in (DARTS skeleton only) | |
/// | `drop_path` | false | whether operations other than the identity can be dropped in training | |
/// | `stem_halvings` | 0 | how often the stem halves height and width before the first cell | 0 to 5 |
///
/// A chain has its channels and layers written in the architecture: it does not use `cells`, and
/// `channels` only in a stem that halves. A network of ENAS' macro space has its layers written
/// there: it does not use `cells`. A network of blocks has all of its layers written there: it uses
/// neither `channels`, `cells` nor `stem_halvings`.
///
/// Where height or width are odd, halves are rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// Shape of the images: channels, height, width.
    pub image: Shape,
    /// Number of classes.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 1_000_000)))]
    pub classes: usize,
    /// Channels of the first cells.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 65_536)))]
    pub channels: usize,
    /// Cells of the network (DARTS skeleton), cells of a stage (NAS-Bench-201 skeleton), modules of
    /// a stack (NAS-Bench-101 skeleton).
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000)))]
    pub cells: usize,
    /// Whether there is an auxiliary classifier two thirds into the network (DARTS skeleton only).
    pub auxiliary: bool,
    /// Whether the operations of cells are followed by drop-path layers.
    pub drop_path: bool,
    /// How often the stem halves height and width, so that cells cost what they cost on small
    /// images.
    ///
    /// See [`NetworkConfig::halvings_for`].
    #[cfg_attr(feature = "schema", schemars(range(max = MOST_HALVINGS)))]
    pub stem_halvings: usize,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            image: Shape::new(3, 32, 32),
            classes: 10,
            channels: 16,
            cells: 8,
            auxiliary: false,
            drop_path: false,
            stem_halvings: 0,
        }
    }
}

impl NetworkConfig {
    /// The default for images of this shape, with a stem that suits them.
    pub fn of_images(image: Shape, classes: usize) -> Self {
        Self {
            image,
            classes,
            stem_halvings: Self::halvings_for(image),
            ..Self::default()
        }
    }

    /// The halvings of the stem that suit images of this shape: none up to 64×64 pixels, 2 up to
    /// 128×128, 3 above, by their number. With 3, images of 224×224 are 28×28 for the first cell, as
    /// in the ImageNet networks of NASNet and DARTS.
    pub fn halvings_for(image: Shape) -> usize {
        match image.height.saturating_mul(image.width) {
            0..=4_096 => 0,
            4_097..=16_384 => 2,
            _ => 3,
        }
    }

    /// Checks the ranges in the table above.
    ///
    /// # Errors
    /// [`SpaceError::Config`] names the field.
    pub fn validate(&self) -> Result<(), SpaceError> {
        let Shape {
            channels,
            height,
            width,
        } = self.image;
        if ![channels, height, width]
            .iter()
            .all(|size| (1..=65_536).contains(size))
        {
            let expected = "CxHxW with three numbers from 1 to 65,536";
            return Err(SpaceError::config("image", self.image, expected));
        }
        for (name, size, range, expected) in [
            ("classes", self.classes, 2..=1_000_000, "2 to 1,000,000"),
            ("channels", self.channels, 1..=65_536, "1 to 65,536"),
            ("cells", self.cells, 1..=1_000, "1 to 1,000"),
        ] {
            if !range.contains(&size) {
                return Err(SpaceError::config(name, size, expected));
            }
        }
        if self.stem_halvings > MOST_HALVINGS {
            return Err(SpaceError::config("stem_halvings", self.stem_halvings, "0 to 5"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named;
    use crate::op::Operations;

    #[test]
    fn the_ends_of_the_ranges_are_valid_and_what_lies_beyond_is_refused_by_name() {
        let default = NetworkConfig::default;
        let with = |image, classes, channels, cells| NetworkConfig {
            image,
            classes,
            channels,
            cells,
            ..default()
        };
        with(Shape::new(1, 1, 1), 2, 1, 1).validate().unwrap();
        let largest = with(Shape::new(65_536, 65_536, 65_536), 1_000_000, 65_536, 1_000);
        largest.validate().unwrap();
        let (image, huge) = (default().image, usize::MAX);
        for (config, expected) in [
            (with(Shape::new(0, 1, 1), 2, 1, 1), "image is 0x1x1"),
            (with(Shape::new(65_537, 1, 1), 2, 1, 1), "image is 65537x1x1"),
            (with(Shape::new(1, huge, 1), 2, 1, 1), "image is 1x"),
            (with(Shape::new(1, 1, huge), 2, 1, 1), "image is 1x1x"),
            (with(image, 1, 1, 1), "classes is 1; expected 2 to 1,000,000"),
            (with(image, 1_000_001, 1, 1), "classes is 1000001"),
            (with(image, 2, 0, 1), "channels is 0; expected 1 to 65,536"),
            (with(image, 2, huge, 1), "channels is 1844"),
            (with(image, 2, 1, 0), "cells is 0; expected 1 to 1,000"),
            (with(image, 2, 1, 1_001), "cells is 1001"),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn the_largest_size_is_counted_without_wrapping_around() {
        let config = NetworkConfig {
            image: Shape::new(65_536, 65_536, 65_536),
            classes: 1_000_000,
            channels: 65_536,
            cells: 20,
            auxiliary: true,
            drop_path: true,
            stem_halvings: 5,
        };
        let genotype = &named::by_name("darts_v2").unwrap().genotype;
        let cost = genotype.network(&Operations::standard(), &config).unwrap().cost();
        assert!(
            cost.params > u64::from(u32::MAX) && cost.macs > cost.params,
            "{cost:?}"
        );
    }
}

//! The shape of one feature map.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Channels, height and width of a feature map or an image, without the batch.
///
/// Written `CxHxW`, as in `3x32x32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[1-9][0-9]*x[1-9][0-9]*x[1-9][0-9]*$")))]
pub struct Shape {
    /// Number of feature maps.
    pub channels: usize,
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
}

impl Shape {
    /// A shape of `channels` maps of `height` × `width`.
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self {
            channels,
            height,
            width,
        }
    }

    /// The same maps, another number of them.
    #[must_use]
    pub const fn with_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }

    /// Number of values; `usize::MAX` where there are more.
    pub const fn numel(self) -> usize {
        self.channels
            .saturating_mul(self.height)
            .saturating_mul(self.width)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

impl From<Shape> for String {
    fn from(shape: Shape) -> Self {
        shape.to_string()
    }
}

/// A text that is not a shape.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("'{text}' is not a shape; expected CxHxW with three positive numbers, such as 3x32x32")]
pub struct ParseShapeError {
    text: String,
}

impl FromStr for Shape {
    type Err = ParseShapeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers: Option<Vec<usize>> = text
            .split('x')
            .map(|part| part.parse().ok().filter(|&n| n > 0))
            .collect();
        match numbers.as_deref() {
            Some(&[channels, height, width]) => Ok(Self {
                channels,
                height,
                width,
            }),
            _ => Err(ParseShapeError {
                text: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for Shape {
    type Error = ParseShapeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let shape = Shape::new(3, 32, 28);
        assert_eq!(shape.to_string().parse(), Ok(shape));
        assert_eq!(serde_json::to_string(&shape).unwrap(), "\"3x32x28\"");
    }

    #[test]
    fn more_values_than_can_be_counted_are_not_wrapped_around() {
        assert_eq!(Shape::new(3, 32, 28).numel(), 2688);
        assert_eq!(Shape::new(usize::MAX, 2, 1).numel(), usize::MAX);
        assert_eq!(Shape::new(usize::MAX, 2, 0).numel(), 0);
    }

    #[test]
    fn what_is_no_shape_is_refused() {
        for text in ["", "3x32", "3x32x32x1", "0x1x1", "3x-1x2", "axbxc", "3 x 2 x 1"] {
            assert!(text.parse::<Shape>().is_err(), "{text}");
        }
    }
}

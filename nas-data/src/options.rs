//! What can be chosen of how images are read.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::npz::Layout;
use crate::resize::Resize;

/// The largest side that images can be given, in pixels.
pub const LARGEST_SIDE: u32 = 1024;

/// How images are read.
///
/// | field | default | purpose | range |
/// |---|---|---|---|
/// | `image_size` | `auto` | the side of all images | `auto`, or 1 to 1024 pixels |
/// | `resize` | `pad` | what becomes of images that are not square | `pad`, `stretch`, `crop` |
/// | `max_bad` | 0.01 | the share of images that may be unreadable | 0 to 1 |
/// | `glob` | all | which files of a folder are images of the data set | a pattern |
/// | `columns` | found out | what the columns of a list are | `path`, `label`, `split`, `group`, `_` |
/// | `layout` | found out | where the channels of an array are | see [`Layout`] |
/// | `test_fraction` | 0.2 | the share of the test images where the source gives none | above 0, below 1 |
/// | `cache` | `$XDG_CACHE_HOME/nas`, else `~/.cache/nas` | where pixels are kept | a folder |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Side of the square that every image becomes, in pixels. `"auto"` is the median of the
    /// images' shorter sides, rounded down to a multiple of 4, at least 8 and at most 64.
    pub image_size: ImageSize,
    /// What happens to images that are not square.
    pub resize: Resize,
    /// Largest share of images that may be unreadable. They are left out and named; where there are
    /// more, reading fails.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub max_bad: f64,
    /// Pattern for the paths of a folder's files that are read: `*` and `**` match any text, `?` a
    /// character, `[ab]` one of them, `{a,b}` either. With `!` in front, files that do not match
    /// are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glob: Option<String>,
    /// Meaning of a list's columns, from the left: `path`, `label`, `split`, `group`, or `_` for
    /// one that is ignored. Without it the list's header says so. In Parquet files `path` is the
    /// column with the images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Order of the axes of an array of images, where the array's shape does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Share of images that become the test split where the source gives none.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1)))]
    pub test_fraction: f64,
    /// Folder in which pixels are kept. Without it, `$XDG_CACHE_HOME/nas`, and where that is not
    /// set `~/.cache/nas`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            image_size: ImageSize::Auto,
            resize: Resize::Pad,
            max_bad: 0.01,
            glob: None,
            columns: None,
            layout: None,
            test_fraction: 0.2,
            cache: None,
        }
    }
}

impl ReadOptions {
    /// Checks the ranges in the table above.
    ///
    /// # Errors
    /// [`DataError::Option`] names the option.
    pub fn validate(&self) -> Result<(), DataError> {
        let refuse = |option, got: String, expected: &str| {
            Err(DataError::Option {
                option,
                got,
                expected: expected.to_owned(),
            })
        };
        match self.image_size {
            ImageSize::Side(side) if !(1..=LARGEST_SIDE).contains(&side) => {
                let expected = format!("auto, or a side from 1 to {LARGEST_SIDE} pixels");
                refuse("the size of images", side.to_string(), &expected)
            }
            _ if !(0.0..=1.0).contains(&self.max_bad) => refuse(
                "the share of images that may be unreadable",
                self.max_bad.to_string(),
                "a number from 0 to 1",
            ),
            _ if !(self.test_fraction > 0.0 && self.test_fraction < 1.0) => refuse(
                "the share of the test split",
                self.test_fraction.to_string(),
                "a number above 0 and below 1",
            ),
            _ => Ok(()),
        }
    }
}

/// The side of the square that every image becomes. Written as a number, or `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "Written", into = "Written")]
pub enum ImageSize {
    /// The median of the images' shorter sides, rounded down to a multiple of 4: at least 8, at
    /// most 64 pixels.
    #[default]
    Auto,
    /// So many pixels, from 1 to [`LARGEST_SIDE`].
    Side(u32),
}

/// [`ImageSize`] in a file.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Written {
    Side(#[cfg_attr(feature = "schema", schemars(range(min = 1, max = LARGEST_SIDE)))] u32),
    Word(Word),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", schemars(inline))]
enum Word {
    Auto,
}

impl From<Written> for ImageSize {
    fn from(written: Written) -> Self {
        match written {
            Written::Side(side) => Self::Side(side),
            Written::Word(Word::Auto) => Self::Auto,
        }
    }
}

impl From<ImageSize> for Written {
    fn from(size: ImageSize) -> Self {
        match size {
            ImageSize::Auto => Self::Word(Word::Auto),
            ImageSize::Side(side) => Self::Side(side),
        }
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Side(side) => side.fmt(f),
        }
    }
}

impl FromStr for ImageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        match text.parse() {
            Ok(side) if (1..=LARGEST_SIDE).contains(&side) => Ok(Self::Side(side)),
            _ => Err(format!(
                "'{text}' is no size of images; expected auto, or a side from 1 to {LARGEST_SIDE} pixels"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_or_auto() {
        assert_eq!("auto".parse(), Ok(ImageSize::Auto));
        assert_eq!("32".parse(), Ok(ImageSize::Side(32)));
        for text in ["0", "1025", "-1", "32x32", ""] {
            assert!(text.parse::<ImageSize>().is_err(), "{text}");
        }
        for size in [ImageSize::Auto, ImageSize::Side(32)] {
            let text = serde_json::to_string(&size).unwrap();
            assert_eq!(serde_json::from_str::<ImageSize>(&text).unwrap(), size, "{text}");
        }
    }

    #[test]
    fn options_round_trip_and_what_is_not_written_is_the_default() {
        let options = ReadOptions {
            image_size: ImageSize::Side(16),
            glob: Some("*.png".to_owned()),
            ..ReadOptions::default()
        };
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<ReadOptions>(&text).unwrap(), options);
        assert_eq!(
            serde_json::from_str::<ReadOptions>("{}").unwrap(),
            ReadOptions::default()
        );
        assert!(serde_json::from_str::<ReadOptions>("{\"sise\":3}").is_err());
    }
}

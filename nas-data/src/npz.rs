//! Images and labels out of NumPy's `.npz` files.
//!
//! # Names
//! The arrays of the three parts are found by their names, in any case. Validation and test may be missing.
//!
//! | part | images and labels |
//! |---|---|
//! | training | `x_train`, `y_train`; `train_x`, `train_y`; `train_images`, `train_labels`; `x`, `y`; `images`, `labels` |
//! | validation | `x_valid`, `y_valid`; `x_val`, `y_val`; `valid_…` and `val_…` as for training |
//! | test | `x_test`, `y_test`; `test_…` as for training |
//!
//! # Shapes
//! Images are `N x H x W`, `N x H x W x C` or `N x C x H x W` with 1 or 3 channels, in C order, or signals `N x L`,
//! which become images of one row. Labels are `N` or `N x 1` whole numbers.
//!
//! # Values
//! Values of the type `u1` are pixels as they are. All others become pixels by a line, the same for all parts, which
//! the least and the greatest value of the training images decide:
//!
//! | training images lie in | becomes 0 | becomes 255 |
//! |---|---|---|
//! | 0 to 1 (truth values also) | 0 | 1 |
//! | 0 to 255, and some are 128 or more | 0 | 255 |
//! | anything else | the least value | the greatest value |
//!
//! In between they are rounded. What lies outside in other parts becomes 0 or 255.
//!
//! # Memory
//! Arrays are unpacked image by image, so a file costs as much memory as its pixels. A header that claims more values
//! than its array has, or an archive that claims more than it can hold, is refused before memory is taken.

mod archive;
mod error;
mod npy;

use std::fmt;
use std::path::Path;

use nas_space::shape::Shape;
use serde::{Deserialize, Serialize};

pub use error::{Fault, NpzError};

use archive::{Archive, Array};
use npy::Kind;

/// The order of the axes of an array of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Images, rows, columns: one channel. Also images and columns alone, for signals.
    Nhw,
    /// Images, rows, columns, channels.
    Nhwc,
    /// Images, channels, rows, columns.
    Nchw,
}

impl Layout {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nhw => "nhw",
            Self::Nhwc => "nhwc",
            Self::Nchw => "nchw",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Pixels and labels of one part: N × C × H × W values, plane by plane, and N class numbers as the file has them.
pub type Part = (Vec<u8>, Vec<i64>);

/// What an `.npz` file consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrays {
    /// Channels (1 or 3), height and width of every image.
    pub shape: Shape,
    /// The layout of the training images, as given or as found.
    pub layout: Layout,
    /// The values that became 0 and 255.
    pub range: (f64, f64),
    /// Training images, at least one.
    pub train: Part,
    /// Validation images, if the file has them.
    pub valid: Option<Part>,
    /// Test images, if the file has them.
    pub test: Option<Part>,
}

/// Names of images, and of the labels that belong to each.
type Names = &'static [(&'static str, &'static str)];

const TRAIN: Names = &[
    ("x_train", "y_train"),
    ("train_x", "train_y"),
    ("train_images", "train_labels"),
    ("x", "y"),
    ("images", "labels"),
];
const VALID: Names = &[
    ("x_valid", "y_valid"),
    ("x_val", "y_val"),
    ("valid_x", "valid_y"),
    ("val_x", "val_y"),
    ("valid_images", "valid_labels"),
    ("val_images", "val_labels"),
];
const TEST: Names = &[
    ("x_test", "y_test"),
    ("test_x", "test_y"),
    ("test_images", "test_labels"),
];

/// Reads images and labels, in the layout that is given, or else in the one that the shape shows.
///
/// # Errors
/// [`NpzError`] with the file, and with the array and its [`Fault`] where one is to blame.
pub fn read_npz(path: &Path, layout: Option<Layout>) -> Result<Arrays, NpzError> {
    let mut archive = Archive::open(path)?;
    let Some(train) = pair(&mut archive, TRAIN)? else {
        let all = TRAIN.iter().map(|(x, y)| format!("{x} and {y}"));
        let wanted = format!("arrays {}", all.collect::<Vec<_>>().join(", or "));
        return Err(missing(&archive, wanted));
    };
    let images = &train.0;
    let geometry = Geometry::of(images, layout).map_err(|fault| archive.error(images, fault))?;
    let range = range(&mut archive, images)?;
    let reader = Reader {
        geometry,
        range,
        kind: images.header.kind,
    };
    Ok(Arrays {
        shape: geometry.shape,
        layout: geometry.layout,
        range,
        valid: match pair(&mut archive, VALID)? {
            Some(valid) => Some(reader.part(&mut archive, &valid)?),
            None => None,
        },
        test: match pair(&mut archive, TEST)? {
            Some(test) => Some(reader.part(&mut archive, &test)?),
            None => None,
        },
        train: reader.part(&mut archive, &train)?,
    })
}

fn missing(archive: &Archive, wanted: String) -> NpzError {
    let names = archive.names().iter().filter(|name| !name.is_empty());
    NpzError::Missing {
        path: archive.path().to_owned(),
        wanted,
        found: names.take(10).cloned().collect(),
    }
}

/// Images with their labels, under the first of these names that exist.
fn pair(archive: &mut Archive, names: Names) -> Result<Option<(Array, Array)>, NpzError> {
    for (x, y) in names {
        match (archive.find(x), archive.find(y)) {
            (Some(x), Some(y)) => return Ok(Some((archive.array(x)?, archive.array(y)?))),
            (Some(_), None) => return Err(missing(archive, format!("labels {y} to its images {x}"))),
            (None, Some(_)) => return Err(missing(archive, format!("images {x} to its labels {y}"))),
            (None, None) => {}
        }
    }
    Ok(None)
}

/// How the values of one image lie in an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Geometry {
    layout: Layout,
    shape: Shape,
}

impl Geometry {
    fn of(array: &Array, layout: Option<Layout>) -> Result<Self, Fault> {
        let header = &array.header;
        let shape = header.shape_text();
        if header.count() == 0 {
            return Err(Fault::Empty(shape));
        }
        // The number of values is that of bytes in the file, so each axis is one that memory has addresses for.
        let axes: Vec<usize> = header.shape.iter().map(|&axis| axis as usize).collect();
        let wrong_axes = |expected: &str| {
            let expected = expected.to_owned();
            let shape = shape.clone();
            Err(Fault::Axes { shape, expected })
        };
        let (layout, shape) = match (axes.as_slice(), layout) {
            (&[_, length], None | Some(Layout::Nhw)) => (Layout::Nhw, Shape::new(1, 1, length)),
            (&[_, height, width], None | Some(Layout::Nhw)) => (Layout::Nhw, Shape::new(1, height, width)),
            (&[_, a, b, c], layout @ (None | Some(Layout::Nhwc | Layout::Nchw))) => {
                let layout = match (layout, is_channels(a), is_channels(c)) {
                    (Some(layout), ..) => layout,
                    (None, true, true) => return Err(Fault::Ambiguous(shape)),
                    (None, true, false) => Layout::Nchw,
                    // Where neither will do, the more usual of them is in the message.
                    (None, false, _) => Layout::Nhwc,
                };
                match layout {
                    Layout::Nchw => (layout, Shape::new(a, b, c)),
                    _ => (layout, Shape::new(c, a, b)),
                }
            }
            (_, None) => return wrong_axes("N x L, N x H x W, N x H x W x C or N x C x H x W"),
            (_, Some(Layout::Nhw)) => return wrong_axes("N x L or N x H x W, as --layout nhw says"),
            (_, Some(Layout::Nhwc)) => return wrong_axes("N x H x W x C, as --layout nhwc says"),
            (_, Some(Layout::Nchw)) => return wrong_axes("N x C x H x W, as --layout nchw says"),
        };
        if !is_channels(shape.channels) {
            return Err(Fault::Channels {
                shape: header.shape_text(),
                layout: layout.name(),
                got: shape.channels,
            });
        }
        Ok(Self { layout, shape })
    }
}

fn is_channels(axis: usize) -> bool {
    axis == 1 || axis == 3
}

/// The values that become 0 and 255, as the documentation of this module says.
fn range(archive: &mut Archive, images: &Array) -> Result<(f64, f64), NpzError> {
    if images.header.kind == Kind::U1 {
        return Ok((0.0, 255.0));
    }
    if images.header.kind == Kind::Bool {
        return Ok((0.0, 1.0));
    }
    let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut done = 0;
    archive.blocks(images, 1 << 13, |block| {
        let mut is_finite = true;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        npy::values(&images.header, block, |value| {
            is_finite &= value.is_finite();
            low = low.min(value);
            high = high.max(value);
        });
        if !is_finite {
            return Err(Fault::NotFinite(done + first_not_finite(images, block)));
        }
        (least, greatest) = (least.min(low), greatest.max(high));
        done += (block.len() / images.header.kind.size()) as u64;
        Ok(())
    })?;
    Ok(if least >= 0.0 && greatest <= 1.0 {
        (0.0, 1.0)
    } else if least >= 0.0 && (128.0..=255.0).contains(&greatest) {
        (0.0, 255.0)
    } else {
        (least, greatest)
    })
}

/// The number of the first value of a block that is infinite or not a number, from 0.
fn first_not_finite(array: &Array, block: &[u8]) -> u64 {
    let (mut number, mut first) = (0, None);
    npy::values(&array.header, block, |value| {
        if !value.is_finite() {
            first = first.or(Some(number));
        }
        number += 1;
    });
    first.unwrap_or(number)
}

/// Reads parts that fit the training images.
struct Reader {
    geometry: Geometry,
    range: (f64, f64),
    kind: Kind,
}

impl Reader {
    fn part(&self, archive: &mut Archive, (images, labels): &(Array, Array)) -> Result<Part, NpzError> {
        let fits = self.check(images).map_err(|fault| archive.error(images, fault))?;
        let count = images.header.shape.first().map_or(0, |&count| count as usize);
        let shape = &labels.header.shape;
        let is_one_each = matches!(shape.as_slice(), [n] | [n, 1] if *n == count as u64);
        if !is_one_each {
            let fault = Fault::Labels {
                shape: labels.header.shape_text(),
                images: count,
            };
            return Err(archive.error(labels, fault));
        }
        let labels = read_labels(archive, labels)?;
        Ok((self.pixels(archive, images, fits)?, labels))
    }

    /// The number of pixels of an array of images like those of the training part.
    fn check(&self, images: &Array) -> Result<usize, Fault> {
        let geometry = Geometry::of(images, Some(self.geometry.layout))?;
        if geometry.shape != self.geometry.shape {
            return Err(Fault::OtherShape {
                expected: self.geometry.shape.to_string(),
                got: geometry.shape.to_string(),
            });
        }
        if images.header.kind != self.kind {
            return Err(Fault::OtherType {
                expected: self.kind.to_string(),
                got: images.header.kind.to_string(),
            });
        }
        Ok(images.header.count() as usize)
    }

    /// All images, plane by plane.
    fn pixels(&self, archive: &mut Archive, images: &Array, count: usize) -> Result<Vec<u8>, NpzError> {
        let shape = self.geometry.shape;
        let mut pixels = Vec::with_capacity(count);
        let mut image = Vec::with_capacity(shape.numel());
        let (low, high) = self.range;
        // All values are `low` where there is no span.
        let span = if high > low { high - low } else { 1.0 };
        let mut done = 0;
        archive.blocks(images, shape.numel(), |block| {
            image.clear();
            if self.kind == Kind::U1 {
                image.extend_from_slice(block);
            } else {
                let mut is_finite = true;
                npy::values(&images.header, block, |value| {
                    is_finite &= value.is_finite();
                    image.push(((value - low) * 255.0 / span).round() as u8);
                });
                if !is_finite {
                    return Err(Fault::NotFinite(done + first_not_finite(images, block)));
                }
            }
            done += image.len() as u64;
            match self.geometry.layout {
                Layout::Nhwc if shape.channels > 1 => {
                    for channel in 0..shape.channels {
                        pixels.extend(image.iter().skip(channel).step_by(shape.channels));
                    }
                }
                _ => pixels.extend_from_slice(&image),
            }
            Ok(())
        })?;
        Ok(pixels)
    }
}

/// Whole numbers.
fn read_labels(archive: &mut Archive, labels: &Array) -> Result<Vec<i64>, NpzError> {
    /// Up to here, `f64` has every whole number.
    const EXACT: f64 = (1_u64 << 53) as f64;
    let mut classes = Vec::with_capacity(labels.header.count() as usize);
    archive.blocks(labels, 1 << 13, |block| {
        let mut wrong = None;
        npy::values(&labels.header, block, |value| {
            if value.fract() != 0.0 || value.abs() >= EXACT || value.is_nan() {
                wrong = wrong.or(Some(classes.len() as u64));
            }
            classes.push(value as i64);
        });
        wrong.map_or(Ok(()), |number| Err(Fault::NotWhole(number)))
    })?;
    Ok(classes)
}

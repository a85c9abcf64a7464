//! Images of one's own: their files, arrays of them, lists of them.

use std::fs;
#[cfg(feature = "parquet")]
use std::panic;
use std::path::{Path, PathBuf};

use nas_data::decode::decode;
use nas_data::npz::read_npz;
use nas_data::{ReadOptions, read};

use super::MIB;
use crate::target::{Due, Target, Use};

/// An image is decoded up to 64 MiB whatever its file says, and may then need a second copy in proportion to the file.
const PIXELS: Due = Due {
    base: 64 * MIB,
    per_byte: 6_000,
};

/// A file of an image, in any format.
pub(super) fn image() -> anyhow::Result<Target> {
    Ok(Target {
        read: PIXELS,
        using: PIXELS,
        ..Target::new(
            "image",
            &["IHDR", "IDAT", "Exif", "RIFF", "VP8L", "GIF89a", "P5\n"],
            |input, _| {
                let image = decode(input).map_err(|error| error.to_string())?;
                Ok(Box::new(move || {
                    let expected = image.width as usize * image.height as usize * usize::from(image.channels);
                    same(image.pixels.len(), expected)
                }) as Use<'_>)
            },
        )
    })
}

/// Arrays of images and of labels.
pub(super) fn npz() -> anyhow::Result<Target> {
    let due = Due {
        base: 16 * MIB,
        per_byte: 4_000,
    };
    Ok(Target {
        read: due,
        using: due,
        ..Target::new(
            "npz",
            &[
                "PK\x03\x04",
                "\u{93}NUMPY",
                "'descr'",
                "'shape': (",
                "fortran_order",
            ],
            |input, scratch| {
                let file = scratch.join("arrays.npz");
                fs::write(&file, input).map_err(|error| error.to_string())?;
                let arrays = read_npz(&file, None).map_err(|error| error.to_string())?;
                Ok(Box::new(move || {
                    let (pixels, labels) = &arrays.train;
                    same(pixels.len(), arrays.shape.numel() * labels.len())
                }) as Use<'_>)
            },
        )
    })
}

/// A list of images, beside six that are there.
pub(super) fn list() -> anyhow::Result<Target> {
    let due = Due {
        base: 32 * MIB,
        per_byte: 256,
    };
    Ok(Target {
        read: due,
        using: due,
        ..Target::new(
            "image-list",
            &[
                "path,label\n",
                "path\tlabel\n",
                "a.pgm",
                "b.pgm",
                "../",
                "\"",
                "test",
                "train",
            ],
            |input, scratch| {
                for (name, grey) in ('a'..='f').zip([3_u8, 9, 20, 40, 80, 160]) {
                    let picture = [&b"P5\n2 2\n255\n"[..], &[grey; 4]].concat();
                    fs::write(scratch.join(format!("{name}.pgm")), picture)
                        .map_err(|error| error.to_string())?;
                }
                read_own(&scratch.join("list.csv"), input)
            },
        )
    })
}

/// A Parquet file of images and labels.
#[cfg(feature = "parquet")]
pub(super) fn parquet() -> anyhow::Result<Target> {
    Ok(Target {
        read: PIXELS,
        using: PIXELS,
        ..Target::new(
            "parquet",
            &[
                "PAR1",
                "image",
                "bytes",
                "label",
                "huggingface",
                "\"names\":",
                "P5 2 2 255\n",
            ],
            |input, scratch| {
                // The reader of Parquet panics on some files, which nas-data makes an error of: a backtrace of each would take
                // more memory than the file.
                let hook = panic::take_hook();
                panic::set_hook(Box::new(|_| {}));
                let read = read_own(&scratch.join("images.parquet"), input);
                panic::set_hook(hook);
                read
            },
        )
    })
}

/// Reads images from a file of this content.
fn read_own(file: &Path, input: &[u8]) -> Result<Use<'static>, String> {
    fs::write(file, input).map_err(|error| error.to_string())?;
    let options = ReadOptions {
        cache: Some(cache()),
        max_bad: 1.0,
        ..ReadOptions::default()
    };
    let images = read(file, &options, &|_| {}).map_err(|error| error.to_string())?;
    Ok(Box::new(move || {
        same(images.train.labels.len(), images.train.groups.len())
    }))
}

/// Where the pixels are kept: beside no image.
fn cache() -> PathBuf {
    std::env::temp_dir().join(format!("nas-fuzz-images-{}", std::process::id()))
}

/// Refuses another number than this one.
fn same(got: usize, expected: usize) -> Result<(), String> {
    match got == expected {
        true => Ok(()),
        false => Err(format!("there are {got}, expected {expected}")),
    }
}

//! Files of images.

use std::fs;
use std::path::Path;

use anyhow::Result;
use nas_eval::data::{Dataset, Images};

use super::MIB;
use crate::envelope::Envelope;
use crate::target::{Due, Target, Use};

/// Memory for images, which are copied and whose vectors grow.
const IMAGES: Due = Due {
    base: 4 * MIB,
    per_byte: 8,
};

/// MNIST's two kinds of files; the input is tried as either, beside a good one of the other.
pub(super) fn idx() -> Result<Target> {
    Ok(Target {
        envelope: Envelope::Gzip,
        read: IMAGES,
        using: IMAGES,
        ..Target::new(
            "idx",
            &[
                "\0\0\x08\x03",
                "\0\0\x08\x01",
                "\0\0\0\x02",
                "\0\0\0\x1c\0\0\0\x1c",
            ],
            |input, scratch| {
                let folder = scratch.join("mnist");
                if !folder.is_dir() {
                    make(
                        &folder,
                        &[
                            ("t10k-images-idx3-ubyte", images()),
                            ("t10k-labels-idx1-ubyte", labels()),
                        ],
                    )?;
                }
                let files = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
                let good = [images(), labels()];
                let read = |place: usize| {
                    put(&folder.join(files[place]), input)?;
                    put(&folder.join(files[1 - place]), &good[1 - place])?;
                    load("mnist", scratch)
                };
                // The shorter magic number says which it is.
                let is_labels = input.get(..4) == Some(&[0, 0, 8, 1]);
                let read = read(usize::from(is_labels))?;
                Ok(Box::new(move || check(&read)) as Use<'_>)
            },
        )
    })
}

/// CIFAR's records, of one label or of two, and the names of its classes.
pub(super) fn cifar() -> Result<Target> {
    Ok(Target {
        envelope: Envelope::Gzip,
        read: IMAGES,
        using: IMAGES,
        ..Target::new("cifar", &["airplane\n", "\n"], |input, scratch| {
            let (one, two) = (scratch.join("cifar10"), scratch.join("cifar100"));
            if !one.is_dir() {
                make(&one, &[("test.bin", vec![1; 3073])])?;
                make(&two, &[("test.bin", vec![1; 3074])])?;
            }
            // Names are text, which no record is.
            let names = one.join("batches.meta.txt");
            let is_names = input.first().is_some_and(u8::is_ascii_graphic);
            if is_names {
                put(&names, input)?;
                put(&one.join("train.bin"), &[1; 3073])?;
                let read = load("cifar10", scratch);
                fs::remove_file(&names).map_err(|error| error.to_string())?;
                let read = read?;
                return Ok(Box::new(move || check(&read)) as Use<'_>);
            }
            put(&one.join("train.bin"), input)?;
            put(&two.join("train.bin"), input)?;
            let read = match load("cifar10", scratch) {
                Ok(read) => read,
                Err(_) => load("cifar100", scratch)?,
            };
            Ok(Box::new(move || check(&read)) as Use<'_>)
        })
    })
}

/// A file of two images.
fn images() -> Vec<u8> {
    let mut file = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28];
    file.extend([7; 2 * 784]);
    file
}

/// A file of two labels.
fn labels() -> Vec<u8> {
    vec![0, 0, 8, 1, 0, 0, 0, 2, 3, 9]
}

fn make(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    files
        .iter()
        .try_for_each(|(name, content)| put(&folder.join(name), content))
}

pub(super) fn put(path: &Path, content: &[u8]) -> Result<(), String> {
    fs::write(path, content).map_err(|error| error.to_string())
}

fn load(name: &str, folder: &Path) -> Result<Dataset, String> {
    Dataset::load(name, Some(folder)).map_err(|error| error.to_string())
}

/// Images and labels fit together.
fn check(read: &Dataset) -> Result<(), String> {
    let fit = |images: &Images| {
        images.labels().len() == images.len()
            && images.pixels().len() == images.len() * images.shape().numel()
            && images
                .labels()
                .iter()
                .all(|&label| (label as usize) < images.classes())
            && images.image(images.len()).is_none()
            && images.image(images.len() - 1).is_some()
    };
    let fits = fit(&read.train) && fit(&read.test) && read.classes.len() == read.train.classes();
    fits.then_some(())
        .ok_or_else(|| "images and labels do not fit".to_owned())
}

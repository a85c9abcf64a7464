//! The IDX files of MNIST and its kin: a magic number, the sizes as big-endian 32-bit numbers, then
//! the bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nas_data::Resize;
use nas_files::read_unpacked;

use super::dataset::{Dataset, HeldOut};
use super::error::DataError;
use super::images::Images;
use super::official::sha256;
use super::registry::DatasetInfo;

/// Unsigned bytes (0x08) in three dimensions: image, row, column.
const IMAGES_MAGIC: u32 = 0x0000_0803;
/// Unsigned bytes (0x08) in one dimension.
const LABELS_MAGIC: u32 = 0x0000_0801;

const FASHION_CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Reads a data set whose layout is images and labels, for training and for testing. Tells `note`
/// of files that are not the official ones.
pub(super) fn load(
    info: &DatasetInfo,
    train: &[PathBuf],
    test: &[PathBuf],
    note: &mut dyn FnMut(&Path),
) -> Result<Dataset, DataError> {
    let classes = if info.name == "fashion-mnist" {
        FASHION_CLASSES.map(str::to_owned).to_vec()
    } else {
        (0..info.classes).map(|digit| digit.to_string()).collect()
    };
    Ok(Dataset {
        name: info.name.to_owned(),
        title: info.name.to_owned(),
        resize: Resize::Pad,
        fingerprint: None,
        classes,
        train: Arc::new(read_pair(info, train, info.train_images, note)?),
        test: Arc::new(read_pair(info, test, info.test_images, note)?),
        test_names: Arc::default(),
        held_out: HeldOut::Drawn,
    })
}

/// The images of the first file with the labels of the second.
fn read_pair(
    info: &DatasetInfo,
    files: &[PathBuf],
    most: usize,
    note: &mut dyn FnMut(&Path),
) -> Result<Images, DataError> {
    let [images_path, labels_path] = files else {
        return Err(DataError::Empty {
            what: "the list of files",
        });
    };
    let size = [info.shape.height as u32, info.shape.width as u32];
    let limit = 16 + most as u64 * info.shape.numel() as u64;
    let pixels = parse(
        images_path,
        read_official(info, images_path, limit, note)?,
        IMAGES_MAGIC,
        &size,
    )?;
    let labels = parse(
        labels_path,
        read_official(info, labels_path, 8 + most as u64, note)?,
        LABELS_MAGIC,
        &[],
    )?;

    let images = pixels.len() / info.shape.numel();
    if images != labels.len() {
        return Err(DataError::Malformed {
            path: labels_path.clone(),
            what: "number of labels",
            expected: format!("{images}, one for each image of {}", images_path.display()),
            got: labels.len().to_string(),
        });
    }
    if let Some((index, &label)) = labels
        .iter()
        .enumerate()
        .find(|&(_, &label)| usize::from(label) >= info.classes)
    {
        return Err(DataError::LabelInFile {
            path: labels_path.clone(),
            index,
            label: label.into(),
            classes: info.classes,
        });
    }
    Images::new(
        info.shape,
        info.classes,
        pixels,
        labels.into_iter().map(u32::from).collect(),
    )
}

/// The content of a file, which is not that of another data set.
fn read_official(
    info: &DatasetInfo,
    path: &Path,
    limit: u64,
    note: &mut dyn FnMut(&Path),
) -> Result<Vec<u8>, DataError> {
    let content = read_unpacked(path, limit)?;
    match DatasetInfo::of_file(&sha256(&content)) {
        Some(other) if other.name != info.name => Err(DataError::Malformed {
            path: path.to_owned(),
            what: "data set",
            expected: format!("a file of {}", info.name),
            got: format!("the official one of {}", other.name),
        }),
        Some(_) => Ok(content),
        None => {
            note(path);
            Ok(content)
        }
    }
}

/// The bytes after the header, which must have this magic number, any number of items and this size
/// of each.
fn parse(path: &Path, mut content: Vec<u8>, magic: u32, size: &[u32]) -> Result<Vec<u8>, DataError> {
    let malformed = |what, expected: String, got: String| DataError::Malformed {
        path: path.to_owned(),
        what,
        expected,
        got,
    };
    let kind = if magic == IMAGES_MAGIC { "images" } else { "labels" };
    let header = 8 + 4 * size.len();
    let words: Vec<u32> = content
        .chunks_exact(4)
        .take(header / 4)
        .map(|bytes| bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte)))
        .collect();

    if let Some(&got) = words.first().filter(|&&word| word != magic) {
        let expected = format!("0x{magic:08x}, an IDX file of {kind}");
        return Err(malformed("magic number", expected, format!("0x{got:08x}")));
    }
    let [_, count, got_size @ ..] = words.as_slice() else {
        return Err(malformed(
            "length",
            format!("a header of {header} bytes"),
            format!("{} bytes", content.len()),
        ));
    };
    if content.len() < header {
        return Err(malformed(
            "length",
            format!("a header of {header} bytes"),
            format!("{} bytes", content.len()),
        ));
    }
    if got_size != size {
        return Err(malformed(
            "size of an image",
            format!("{size:?}"),
            format!("{got_size:?}"),
        ));
    }
    let item: u64 = size.iter().map(|&n| u64::from(n)).product();
    let expected = u64::from(*count)
        .saturating_mul(item)
        .saturating_add(header as u64);
    if content.len() as u64 != expected {
        let expected = format!("{expected} bytes for {count} {kind}");
        return Err(malformed("length", expected, format!("{} bytes", content.len())));
    }
    content.drain(..header);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::fs;
    use std::io::Write;

    fn idx(magic: u32, sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
        let mut file = magic.to_be_bytes().to_vec();
        file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        file.extend(bytes);
        file
    }

    fn images(n: u32) -> Vec<u8> {
        let pixels: Vec<u8> = (0..n * 784).map(|i| (i % 251) as u8).collect();
        idx(IMAGES_MAGIC, &[n, 28, 28], &pixels)
    }

    fn labels(labels: &[u8]) -> Vec<u8> {
        idx(LABELS_MAGIC, &[labels.len() as u32], labels)
    }

    /// Loads three training images from these files; the two test images are well-formed.
    fn load_mnist(train_images: &[u8], train_labels: &[u8]) -> Result<Dataset, DataError> {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| fs::write(dir.path().join(name), content).unwrap();
        write("train-images-idx3-ubyte", train_images);
        write("train-labels-idx1-ubyte", train_labels);
        write("t10k-images.idx3-ubyte.gz", &images(2));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&labels(&[9, 8])).unwrap();
        write("t10k-labels-idx1-ubyte", &encoder.finish().unwrap());
        Dataset::load("mnist", Some(dir.path()))
    }

    /// Below the folder of data beside the checkout, which is not there everywhere.
    #[test]
    fn the_files_of_one_data_set_do_not_pass_for_those_of_another() {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
        for (folder, own, other) in [
            ("mnist", "mnist", "fashion-mnist"),
            ("fashion_mnist", "fashion-mnist", "mnist"),
        ] {
            let folder = shared.join(folder);
            if !folder.exists() {
                println!("skipped: there is no {}", folder.display());
                continue;
            }
            let mut noted = 0;
            Dataset::load_noting(own, Some(&folder), &mut |_| noted += 1).unwrap();
            assert_eq!(noted, 0, "{own}");
            let refused = Dataset::load(other, Some(&folder)).unwrap_err().to_string();
            let expected = format!("expected a file of {other}, got the official one of {own}");
            assert!(refused.contains(&expected), "{refused}");
        }
    }

    #[test]
    fn files_that_are_not_the_official_ones_are_noted() {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("train-images-idx3-ubyte", images(3)),
            ("train-labels-idx1-ubyte", labels(&[1, 0, 9])),
            ("t10k-images-idx3-ubyte", images(2)),
            ("t10k-labels-idx1-ubyte", labels(&[9, 8])),
        ] {
            fs::write(dir.path().join(name), content).unwrap();
        }
        let mut noted = Vec::new();
        Dataset::load_noting("mnist", Some(dir.path()), &mut |path| noted.push(path.to_owned())).unwrap();
        assert_eq!(noted.len(), 4, "{noted:?}");
    }

    #[test]
    fn pixels_and_labels_come_out_in_order_whatever_the_container_and_the_name() {
        let mnist = load_mnist(&images(3), &labels(&[1, 0, 9])).unwrap();
        assert_eq!(mnist.train.labels(), [1, 0, 9]);
        assert_eq!(mnist.test.labels(), [9, 8]);
        assert_eq!(mnist.train.image(1).unwrap()[..3], [31, 32, 33]);
        assert_eq!(mnist.classes[9], "9");
    }

    #[test]
    fn torn_and_foreign_files_are_refused_with_the_reason() {
        let good = (images(3), labels(&[1, 0, 9]));
        let cases: [(Vec<u8>, Vec<u8>, &str); 10] = [
            (vec![], good.1.clone(), "header of 16 bytes, got 0 bytes"),
            (
                good.0[..15].to_vec(),
                good.1.clone(),
                "header of 16 bytes, got 15 bytes",
            ),
            (
                good.0[..good.0.len() - 1].to_vec(),
                good.1.clone(),
                "2368 bytes for 3 images, got 2367",
            ),
            ([good.0.as_slice(), &[0]].concat(), good.1.clone(), "got 2369"),
            (good.1.clone(), good.1.clone(), "expected 0x00000803"),
            (b"<html>not found".to_vec(), good.1.clone(), "got 0x3c68746d"),
            (
                idx(IMAGES_MAGIC, &[3, 8, 8], &[0; 192]),
                good.1.clone(),
                "expected [28, 28], got [8, 8]",
            ),
            (
                idx(IMAGES_MAGIC, &[u32::MAX, 28, 28], &[0; 9]),
                good.1.clone(),
                "for 4294967295 images, got 25",
            ),
            (good.0.clone(), labels(&[1, 0]), "number of labels: expected 3"),
            (
                good.0.clone(),
                labels(&[1, 10, 0]),
                "image 1 has label 10; the classes are 0 to 9",
            ),
        ];
        for (train_images, train_labels, reason) in cases {
            let message = load_mnist(&train_images, &train_labels).unwrap_err().to_string();
            assert!(
                message.contains(reason) && message.contains("idx"),
                "{reason} in {message}"
            );
        }
        let none = load_mnist(&images(0), &labels(&[]));
        assert!(matches!(none, Err(DataError::Empty { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn a_mutated_file_is_an_error_or_valid_and_never_a_panic(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
            header_only in any::<bool>(),
        ) {
            let mut file = images(3);
            for (at, byte) in edits {
                let at = at.index(if header_only { 16 } else { file.len() });
                file[at] = byte;
            }
            if let Some(cut) = cut {
                file.truncate(cut.index(file.len()));
            }
            if let Ok(pixels) = parse(Path::new("file"), file, IMAGES_MAGIC, &[28, 28]) {
                prop_assert_eq!(pixels.len(), 3 * 784);
            }
        }
    }

    #[test]
    fn fashion_mnist_is_read_as_published() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
        if !dir.join("fashion_mnist").is_dir() {
            println!("skipped: no fashion_mnist below {}", dir.display());
            return;
        }
        let fashion = Dataset::load("fashion-mnist", Some(&dir)).unwrap();
        assert_eq!((fashion.train.len(), fashion.test.len()), (60_000, 10_000));
        assert_eq!(fashion.train.labels()[..8], [9, 0, 0, 3, 0, 2, 7, 2]);
        assert_eq!(fashion.test.labels()[..8], [9, 2, 1, 1, 6, 1, 4, 6]);
        for class in 0..10 {
            assert_eq!(
                fashion
                    .train
                    .labels()
                    .iter()
                    .filter(|&&label| label == class)
                    .count(),
                6000
            );
        }
        // The published mean of the training pixels, 0.2860, on the scale 0 to 1.
        let sum: u64 = fashion.train.pixels().iter().map(|&pixel| u64::from(pixel)).sum();
        let mean = sum as f64 / fashion.train.pixels().len() as f64 / 255.0;
        assert!((mean - 0.2860).abs() < 5e-5, "{mean}");
    }
}

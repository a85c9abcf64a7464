//! The binary files of CIFAR-10 and CIFAR-100: records of one or two labels and three planes of
//! 32×32 bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nas_data::Resize;
use nas_files::read_unpacked;

use super::dataset::{Dataset, HeldOut};
use super::error::DataError;
use super::images::Images;
use super::registry::DatasetInfo;

/// The most bytes that a file of class names may hold.
const MAX_NAMES_BYTES: u64 = 1 << 16;

const CIFAR10_CLASSES: &str = "airplane automobile bird cat deer dog frog horse ship truck";

const CIFAR100_CLASSES: &str = "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge \
    bus butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup \
    dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion \
    lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear \
    pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew \
    skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger \
    tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm";

/// Reads either data set; of the two labels of CIFAR-100 (coarse, fine) the fine one is used.
///
/// A file may hold fewer records than the official one, so that a part of the data set can be used;
/// it must hold whole ones.
pub(super) fn load(
    info: &DatasetInfo,
    folder: &Path,
    train: &[PathBuf],
    test: &[PathBuf],
) -> Result<Dataset, DataError> {
    Ok(Dataset {
        name: info.name.to_owned(),
        title: info.name.to_owned(),
        resize: Resize::Pad,
        fingerprint: None,
        classes: class_names(info, folder)?,
        train: Arc::new(read_files(info, train, info.train_images)?),
        test: Arc::new(read_files(info, test, info.test_images)?),
        test_names: Arc::default(),
        held_out: HeldOut::Drawn,
    })
}

/// Number of labels before the pixels of a record; the last is the one that counts.
fn label_bytes(info: &DatasetInfo) -> usize {
    if info.name == "cifar100" { 2 } else { 1 }
}

/// The images of all files, one after the other; at most `most`.
fn read_files(info: &DatasetInfo, files: &[PathBuf], most: usize) -> Result<Images, DataError> {
    let record = label_bytes(info) + info.shape.numel();
    let per_file = most / files.len().max(1);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in files {
        let content = read_unpacked(path, (record * per_file) as u64)?;
        append(info, path, &content, &mut pixels, &mut labels)?;
    }
    Images::new(info.shape, info.classes, pixels, labels)
}

/// Appends the records of one file.
fn append(
    info: &DatasetInfo,
    path: &Path,
    content: &[u8],
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u32>,
) -> Result<(), DataError> {
    let label_bytes = label_bytes(info);
    let record = label_bytes + info.shape.numel();
    if content.is_empty() || !content.len().is_multiple_of(record) {
        return Err(DataError::Malformed {
            path: path.to_owned(),
            what: "length",
            expected: format!(
                "a positive multiple of {record} bytes, the length of a {} record",
                info.name
            ),
            got: format!("{} bytes", content.len()),
        });
    }
    pixels.reserve(content.len());
    for (index, record) in content.chunks_exact(record).enumerate() {
        let (head, image) = record.split_at(label_bytes);
        let label = head.last().copied().map_or(0, u32::from);
        if label as usize >= info.classes {
            return Err(DataError::LabelInFile {
                path: path.to_owned(),
                index,
                label,
                classes: info.classes,
            });
        }
        labels.push(label);
        pixels.extend_from_slice(image);
    }
    Ok(())
}

/// The class names in the file that comes with the data, if it is there, else the built-in ones.
fn class_names(info: &DatasetInfo, folder: &Path) -> Result<Vec<String>, DataError> {
    let (file, built_in) = match info.name {
        "cifar100" => ("fine_label_names.txt", CIFAR100_CLASSES),
        _ => ("batches.meta.txt", CIFAR10_CLASSES),
    };
    let path = folder.join(file);
    if !path.is_file() {
        return Ok(built_in.split_whitespace().map(str::to_owned).collect());
    }
    let malformed = |expected: String, got: String| DataError::Malformed {
        path: path.clone(),
        what: "class names",
        expected,
        got,
    };
    let text = String::from_utf8(read_unpacked(&path, MAX_NAMES_BYTES)?)
        .map_err(|error| malformed("text".to_owned(), error.utf8_error().to_string()))?;
    let names: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    if names.len() != info.classes {
        return Err(malformed(
            format!("{} lines", info.classes),
            names.len().to_string(),
        ));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::fs;
    use std::io::Write;

    /// One record per label, with pixels that count up from the label.
    fn records(heads: &[&[u8]]) -> Vec<u8> {
        let mut file = Vec::new();
        for head in heads {
            file.extend_from_slice(head);
            file.extend((0..3072_u32).map(|i| (i + u32::from(head[0])) as u8));
        }
        file
    }

    fn load_with(name: &str, files: &[(&str, &[u8])]) -> Result<Dataset, DataError> {
        let dir = tempfile::tempdir().unwrap();
        for (file, content) in files {
            fs::write(dir.path().join(file), content).unwrap();
        }
        Dataset::load(name, Some(dir.path()))
    }

    #[test]
    fn the_official_files_are_joined_in_order() {
        let files: Vec<(String, Vec<u8>)> = (1..=5)
            .map(|i| (format!("data_batch_{i}.bin"), records(&[&[i], &[9 - i]])))
            .chain([("test_batch.bin".to_owned(), records(&[&[0]]))])
            .collect();
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, file)| (name.as_str(), file.as_slice()))
            .collect();
        let cifar = load_with("cifar10", &files).unwrap();
        assert_eq!(cifar.train.labels(), [1, 8, 2, 7, 3, 6, 4, 5, 5, 4]);
        assert_eq!(cifar.train.image(2).unwrap()[..3], [2, 3, 4]);
        assert_eq!(cifar.test.len(), 1);
        assert_eq!(cifar.classes[..2], ["airplane", "automobile"]);
    }

    #[test]
    fn cifar100_uses_the_fine_label_and_gzip_is_unpacked() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&records(&[&[19, 99], &[255, 0]])).unwrap();
        let train = encoder.finish().unwrap();
        let test = records(&[&[1, 42]]);
        let cifar = load_with("cifar100", &[("train.bin", &train), ("test.bin", &test)]).unwrap();
        assert_eq!(cifar.train.labels(), [99, 0]);
        assert_eq!(cifar.train.image(0).unwrap()[..2], [19, 20]);
        assert_eq!((cifar.classes.len(), cifar.classes[99].as_str()), (100, "worm"));
        assert_eq!(cifar.classes[42], "leopard");
    }

    #[test]
    fn names_that_come_with_the_data_are_used_and_counted() {
        let one = records(&[&[0]]);
        let names = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n";
        let files = [
            ("train.bin", &one[..]),
            ("test.bin", &one),
            ("batches.meta.txt", names.as_bytes()),
        ];
        assert_eq!(load_with("cifar10", &files).unwrap().classes[9], "j");
        let files = [
            ("train.bin", &one[..]),
            ("test.bin", &one),
            ("batches.meta.txt", b"a\nb\n"),
        ];
        let message = load_with("cifar10", &files).unwrap_err().to_string();
        assert!(
            message.contains("batches.meta.txt: class names: expected 10 lines, got 2"),
            "{message}"
        );
        let files = [
            ("train.bin", &one[..]),
            ("test.bin", &one),
            ("batches.meta.txt", &[0xff][..]),
        ];
        assert!(load_with("cifar10", &files).is_err());
    }

    #[test]
    fn torn_and_foreign_files_are_refused_with_the_reason() {
        let good = records(&[&[1], &[2]]);
        let cases: [(Vec<u8>, &str); 5] = [
            (
                vec![],
                "multiple of 3073 bytes, the length of a cifar10 record, got 0 bytes",
            ),
            (good[..good.len() - 1].to_vec(), "got 6145 bytes"),
            (records(&[&[1, 1]]), "got 3074 bytes"),
            (
                records(&[&[1], &[10]]),
                "train.bin: image 1 has label 10; the classes are 0 to 9",
            ),
            (vec![0x1f, 0x8b, 8], "truncated or damaged"),
        ];
        for (train, reason) in cases {
            let message = load_with("cifar10", &[("train.bin", &train), ("test.bin", &good)])
                .unwrap_err()
                .to_string();
            assert!(
                message.contains(reason) && message.contains("train.bin"),
                "{reason} in {message}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn a_mutated_file_is_an_error_or_valid_and_never_a_panic(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in prop::option::of(any::<prop::sample::Index>()),
            fine in any::<bool>(),
        ) {
            let info = DatasetInfo::find(if fine { "cifar100" } else { "cifar10" }).unwrap();
            let mut file = if fine { records(&[&[1, 2], &[3, 4]]) } else { records(&[&[1], &[2]]) };
            let at = at.index(file.len());
            file[at] = byte;
            if let Some(cut) = cut {
                file.truncate(cut.index(file.len()));
            }
            let (mut pixels, mut labels) = (Vec::new(), Vec::new());
            if append(info, Path::new("file"), &file, &mut pixels, &mut labels).is_ok() {
                prop_assert_eq!(pixels.len(), labels.len() * 3072);
                prop_assert!(labels.iter().all(|&label| (label as usize) < info.classes));
            }
        }
    }

    #[test]
    fn cifar10_is_read_as_published() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
        let dirs = [dir.join("cifar10"), dir];
        let Some(dir) = dirs.iter().find(|dir| dir.join("cifar-10-batches-bin").is_dir()) else {
            println!("skipped: no cifar-10-batches-bin in {dirs:?}");
            return;
        };
        let cifar = Dataset::load("cifar10", Some(dir)).unwrap();
        assert_eq!((cifar.train.len(), cifar.test.len()), (50_000, 10_000));
        for class in 0..10 {
            assert_eq!(
                cifar
                    .train
                    .labels()
                    .iter()
                    .filter(|&&label| label == class)
                    .count(),
                5000
            );
        }
        // The published means of the training pixels on the scale 0 to 1.
        let normalization =
            super::super::Normalization::measure(&cifar.train, &cifar.train.indices()).unwrap();
        for (mean, published) in normalization.mean().iter().zip([0.4914, 0.4822, 0.4465]) {
            assert!((mean / 255.0 - published).abs() < 1e-4, "{mean}");
        }
    }
}

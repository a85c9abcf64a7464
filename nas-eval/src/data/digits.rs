//! The built-in digits: a gzipped table of numbers, one image a line.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use flate2::read::GzDecoder;
use nas_data::Resize;
use nas_space::seed::Seed;

use super::dataset::{Dataset, HeldOut};
use super::error::DataError;
use super::images::Images;
use super::registry::DatasetInfo;
use super::split::stratified_split;

/// UCI Optical Recognition of Handwritten Digits, test part (Alpaydin and Kaynak, CC BY 4.0); see
/// `assets/README.md`.
const TABLE: &[u8] = include_bytes!("../../assets/digits.csv.gz");

/// The table has no official division, so a fifth of each class is set aside for testing: the same
/// fifth always, whatever the seed of a study.
const TEST_FRACTION: f64 = 0.2;
const SPLIT_SEED: Seed = Seed::new(1797);

/// The darkest pixel.
const MAX_PIXEL: u32 = 16;

/// The digits, pixels 0 to 16, four fifths for training and a fixed stratified fifth for testing.
pub(super) fn load(info: &DatasetInfo) -> Result<Dataset, DataError> {
    let all = parse(info, TABLE)?;
    let split = stratified_split(all.labels(), TEST_FRACTION, SPLIT_SEED)?;
    Ok(Dataset {
        name: info.name.to_owned(),
        title: info.name.to_owned(),
        resize: Resize::Pad,
        fingerprint: None,
        classes: (0..info.classes).map(|digit| digit.to_string()).collect(),
        train: Arc::new(all.subset(&split.train)?),
        test: Arc::new(all.subset(&split.valid)?),
        test_names: Arc::default(),
        held_out: HeldOut::Drawn,
    })
}

fn parse(info: &DatasetInfo, table: &[u8]) -> Result<Images, DataError> {
    let malformed = |what: &'static str, expected: String, got: String| DataError::Malformed {
        path: PathBuf::from("digits.csv.gz (built in)"),
        what,
        expected,
        got,
    };
    let mut text = String::new();
    GzDecoder::new(table)
        .read_to_string(&mut text)
        .map_err(|error| malformed("table", "gzipped text".to_owned(), error.to_string()))?;

    let numel = info.shape.numel();
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let Some((label, values)) = fields.split_last().filter(|(_, values)| values.len() == numel) else {
            return Err(malformed(
                "line",
                format!("{} numbers", numel + 1),
                fields.len().to_string(),
            ));
        };
        for value in values {
            match value.parse::<u32>() {
                Ok(pixel) if pixel <= MAX_PIXEL => pixels.push(pixel as u8),
                _ => {
                    return Err(malformed(
                        "pixel",
                        format!("0 to {MAX_PIXEL}"),
                        (*value).to_owned(),
                    ));
                }
            }
        }
        let label = label
            .parse()
            .map_err(|_| malformed("label", "a number".to_owned(), (*label).to_owned()))?;
        labels.push(label);
    }
    Images::new(info.shape, info.classes, pixels, labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn counts(images: &Images) -> Vec<usize> {
        let mut counts = vec![0; images.classes()];
        for &label in images.labels() {
            counts[label as usize] += 1;
        }
        counts
    }

    #[test]
    fn the_table_holds_all_images_in_a_stratified_fifth_and_four_fifths() {
        let digits = Dataset::load("digits", None).unwrap();
        assert_eq!((digits.train.len(), digits.test.len()), (1438, 359));
        assert_eq!(digits.classes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        // The official counts by class: 178 182 177 183 181 182 181 179 174 180.
        assert_eq!(counts(&digits.test), [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]);
        assert_eq!(
            counts(&digits.train),
            [142, 146, 142, 146, 145, 146, 145, 143, 139, 144]
        );
        let max = digits.train.pixels().iter().chain(digits.test.pixels()).max();
        assert_eq!(max, Some(&16));
    }

    /// A change of these numbers makes test accuracies of different versions incomparable.
    #[test]
    fn value_stability() {
        let digits = Dataset::load("digits", None).unwrap();
        assert_eq!(
            digits.test.labels()[..16],
            [2, 3, 4, 5, 7, 0, 5, 9, 7, 1, 2, 7, 1, 6, 4, 9]
        );
        let sum = |images: &Images| {
            images
                .pixels()
                .iter()
                .enumerate()
                .map(|(i, &p)| (i as u64 + 1) * u64::from(p))
                .sum::<u64>()
        };
        assert_eq!(
            (sum(&digits.train), sum(&digits.test)),
            (20_650_922_784, 1_283_740_675)
        );
    }

    #[test]
    fn a_damaged_table_is_refused() {
        let info = DatasetInfo::find("digits").unwrap();
        assert!(parse(info, &TABLE[..TABLE.len() / 2]).is_err());
        let line = vec!["1"; 64].join(",");
        for bad in [
            String::new(),
            line.clone(),
            format!("{line},10\n"),
            format!("{line},x"),
            format!("17,{line}"),
        ] {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bad.as_bytes()).unwrap();
            assert!(parse(info, &encoder.finish().unwrap()).is_err(), "{bad}");
        }
    }
}

//! Arrays of images.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use nas_data::{ImageSize, OwnData, ReadOptions};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::images::{Folder, counts};

/// Writes arrays of bytes with these names and shapes. Values of images differ, labels go `0, 1, 2, 0, …`.
fn npz(folder: &Folder, arrays: &[(&str, &[usize])]) -> PathBuf {
    let path = folder.write("digits.npz", "");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (name, shape) in arrays {
        let axes: String = shape.iter().map(|axis| format!("{axis},")).collect();
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({axes}), }}\n");
        let values: usize = shape.iter().product();
        let value = |at: usize| match shape {
            [_] => (at % 3) as u8,
            // Different in the arrays, too.
            _ => (at * 7 + at / 50 + name.len() * 31) as u8,
        };
        zip.start_file(format!("{name}.npy"), SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
        zip.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
        zip.write_all(header.as_bytes()).unwrap();
        zip.write_all(&(0..values).map(value).collect::<Vec<_>>())
            .unwrap();
    }
    zip.finish().unwrap();
    path
}

fn read(folder: &Folder, arrays: &[(&str, &[usize])], size: ImageSize) -> OwnData {
    let options = ReadOptions {
        image_size: size,
        ..folder.options()
    };
    nas_data::read(&npz(folder, arrays), &options, &|_| {}).unwrap()
}

#[test]
fn the_test_images_of_arrays_are_kept() {
    let folder = Folder::new();
    let arrays: [(&str, &[usize]); 4] = [
        ("x_train", &[30, 12, 12, 3]),
        ("y_train", &[30]),
        ("x_test", &[6, 12, 12, 3]),
        ("y_test", &[6]),
    ];
    let data = read(&folder, &arrays, ImageSize::Auto);
    assert_eq!(data.shape.to_string(), "3x12x12");
    assert_eq!(
        counts(&data),
        [("0", [10, 0, 2]), ("1", [10, 0, 2]), ("2", [10, 0, 2])]
    );
    assert_eq!(
        (data.name.as_str(), data.train.names[7].as_str()),
        ("digits", "train/000000007")
    );
    // They are opened without being read the next time.
    let again = nas_data::read(
        &folder.path().join("digits.npz"),
        &folder.options(),
        &|progress| {
            assert_eq!(progress.stage, nas_data::Stage::Listing);
        },
    );
    assert_eq!(again.unwrap().fingerprint, data.fingerprint);
}

#[test]
fn where_arrays_have_no_test_images_some_are_drawn() {
    let data = read(
        &Folder::new(),
        &[("x", &[30, 12, 12]), ("y", &[30])],
        ImageSize::Auto,
    );
    assert_eq!(data.shape.to_string(), "1x12x12");
    assert_eq!(
        counts(&data),
        [("0", [8, 0, 2]), ("1", [8, 0, 2]), ("2", [8, 0, 2])]
    );
}

#[test]
fn signals_keep_their_one_row() {
    let arrays: [(&str, &[usize]); 2] = [("x", &[30, 187]), ("y", &[30])];
    assert_eq!(
        read(&Folder::new(), &arrays, ImageSize::Auto).shape.to_string(),
        "1x1x187"
    );
    assert_eq!(
        read(&Folder::new(), &arrays, ImageSize::Side(64))
            .shape
            .to_string(),
        "1x1x64"
    );
}

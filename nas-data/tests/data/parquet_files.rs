//! Parquet files, with the feature that reads them and without.

use crate::images::Folder;

/// Without the feature, what is said is which one to build with.
#[cfg(not(feature = "parquet"))]
#[test]
fn without_the_feature_the_refusal_names_it() {
    let folder = Folder::new();
    let file = folder.write("train-00000-of-00001.parquet", "PAR1");
    for path in [file.as_path(), folder.path()] {
        let refusal = nas_data::read(path, &folder.options(), &|_| {})
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("--features parquet"), "{refusal}");
    }
}

#[cfg(feature = "parquet")]
mod with_the_feature {
    use std::fs::File;
    use std::path::Path;
    use std::sync::Arc;

    use nas_data::OwnData;
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::data_type::{ByteArrayType, DoubleType, Int32Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::Folder;
    use crate::images::{contents, counts, png};
    use crate::parquet_writer::{Form, Row, write};

    /// Images from `first` on, with labels in turn.
    fn rows(first: u32, images: u32, classes: i64) -> Vec<Row> {
        let row = |image: u32| (Some(png(8, 8, 100 * image)), Some(i64::from(image) % classes));
        (first..first + images).map(row).collect()
    }

    fn read(folder: &Folder, path: &Path) -> OwnData {
        nas_data::read(path, &folder.options(), &|_| {}).unwrap()
    }

    fn refusal(folder: &Folder, name: &str) -> String {
        let read = nas_data::read(&folder.path().join(name), &folder.options(), &|_| {});
        read.unwrap_err().to_string()
    }

    #[test]
    fn images_have_the_pixels_and_labels_of_the_same_files_in_folders() {
        let folder = Folder::new();
        let names = ["zebra", "ant", "bee"];
        let rows = rows(0, 330, 3);
        let form = Form {
            names: Some(&names),
            ..Form::default()
        };
        write(&folder.path().join("animals.parquet"), &rows, &form);
        let data = read(&folder, &folder.path().join("animals.parquet"));
        assert_eq!(data.classes, names, "in their order");
        assert_eq!(data.name, "animals");
        assert_eq!(
            counts(&data),
            [("zebra", [88, 0, 22]), ("ant", [88, 0, 22]), ("bee", [88, 0, 22])]
        );
        let files = Folder::new();
        files.write("classes.txt", names.join("\n"));
        for (image, (bytes, label)) in rows.iter().enumerate() {
            let class = names[label.unwrap() as usize];
            files.write(format!("{class}/{image:09}.png"), bytes.as_ref().unwrap());
        }
        let expected = files.read().unwrap();
        let of = |data: &OwnData| {
            let mut images = Vec::new();
            for (place, part) in [&data.train, &data.test].into_iter().enumerate() {
                for (image, &label) in part.pixels.chunks(data.shape.numel()).zip(&part.labels) {
                    images.push((place, image.to_vec(), label));
                }
            }
            images.sort();
            images
        };
        assert_eq!(of(&data), of(&expected));
    }

    #[test]
    fn however_it_is_written_it_is_the_same() {
        let folder = Folder::new();
        let rows = rows(0, 40, 2);
        let mut fingerprints = Vec::new();
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::ZSTD(ZstdLevel::default()),
            Compression::GZIP(Default::default()),
        ] {
            for group in [1, 7, 100] {
                let path = folder.path().join("same.parquet");
                write(
                    &path,
                    &rows,
                    &Form {
                        compression,
                        group,
                        names: None,
                    },
                );
                let data = read(&folder, &path);
                assert_eq!(data.classes, ["0", "1"]);
                fingerprints.push(data.fingerprint);
            }
        }
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), 1);
    }

    #[test]
    fn names_of_files_give_splits_and_the_folder_is_left_as_it_is() {
        let folder = Folder::new();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        folder.write("README.md", "A data set.");
        for (name, first, images) in [
            ("train-00000-of-00002", 0, 30),
            ("train-00001-of-00002", 30, 30),
            ("validation-00000-of-00001", 60, 10),
            ("test-00000-of-00001", 70, 20),
        ] {
            let path = folder.path().join(format!("data/{name}.parquet"));
            write(&path, &rows(first, images, 2), &Form::default());
        }
        let before = contents(folder.path());
        let data = folder.read().unwrap();
        assert_eq!(counts(&data), [("0", [30, 5, 10]), ("1", [30, 5, 10])]);
        assert_eq!(data.train.names[30], "train-00001-of-00002/000000000");
        assert_eq!(contents(folder.path()), before);
        // Opened from the cache, too.
        assert_eq!(folder.read().unwrap().fingerprint, data.fingerprint);
        write(
            &folder.path().join("data/more.parquet"),
            &rows(90, 4, 2),
            &Form::default(),
        );
        let refusal = folder.refusal();
        assert!(
            refusal.contains("'more'") && refusal.contains("train, validation or test"),
            "{refusal}"
        );
    }

    #[test]
    fn rows_without_a_label_are_set_aside_and_rows_without_bytes_are_bad() {
        let folder = Folder::new();
        let mut rows = rows(0, 200, 2);
        rows[3].1 = None;
        rows[150].1 = Some(-1);
        rows[70].0 = None;
        let names = ["a", "b"];
        let path = folder.path().join("some.parquet");
        write(
            &path,
            &rows,
            &Form {
                names: Some(&names),
                ..Form::default()
            },
        );
        let data = read(&folder, &path);
        assert_eq!(data.findings.images, 197);
        let skipped: Vec<(&str, usize, &[String])> = data
            .findings
            .skipped
            .iter()
            .map(|skipped| {
                (
                    skipped.reason.as_str(),
                    skipped.files.count,
                    skipped.files.first.as_slice(),
                )
            })
            .collect();
        assert_eq!(skipped[0].0, "cannot be read");
        assert!(skipped[0].2[0].starts_with("some/000000070"), "{skipped:?}");
        assert_eq!((skipped[1].0, skipped[1].1), ("without a label", 2));
        for row in rows.iter_mut().take(10) {
            row.0 = Some(b"no image".to_vec());
        }
        write(&path, &rows, &Form::default());
        let refusal = refusal(&folder, "some.parquet");
        assert!(refusal.contains("10 of 199 images cannot be read"), "{refusal}");
    }

    /// A file of this schema: of each row bytes, and what else there is.
    fn other(path: &Path, schema: &str, rows: usize) {
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer =
            SerializedFileWriter::new(File::create(path).unwrap(), schema.clone(), properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        for field in schema.get_fields() {
            let mut column = group.next_column().unwrap().unwrap();
            let texts = ["cat", "dog"];
            match field.name() {
                "picture" => {
                    let values: Vec<_> = (0..rows).map(|row| png(8, 8, 100 * row as u32).into()).collect();
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&values, None, None)
                        .unwrap();
                }
                "amount" => {
                    column
                        .typed::<DoubleType>()
                        .write_batch(&vec![0.5; rows], None, None)
                        .unwrap();
                }
                "label" | "text" => {
                    let values: Vec<_> = (0..rows).map(|row| texts[row % 2].into()).collect();
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&values, None, None)
                        .unwrap();
                }
                _ => {
                    let values: Vec<i32> = (0..rows as i32).map(|row| row % 2 + 7).collect();
                    column
                        .typed::<Int32Type>()
                        .write_batch(&values, None, None)
                        .unwrap();
                }
            }
            column.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn plain_bytes_and_labels_as_texts_or_short_numbers_are_read() {
        let folder = Folder::new();
        let path = folder.path().join("plain.parquet");
        other(
            &path,
            "message m { required byte_array picture; required byte_array label (utf8); required double amount; }",
            40,
        );
        assert_eq!(read(&folder, &path).classes, ["cat", "dog"]);
        other(
            &path,
            "message m { required int32 class; required byte_array picture; }",
            40,
        );
        assert_eq!(
            counts(&read(&folder, &path)),
            [("7", [16, 0, 4]), ("8", [16, 0, 4])]
        );
    }

    #[test]
    fn columns_that_leave_a_doubt_are_listed_and_can_be_named() {
        let folder = Folder::new();
        let path = folder.path().join("doubt.parquet");
        other(
            &path,
            "message m { required byte_array picture; required int32 fine; required byte_array text (utf8); }",
            40,
        );
        let said = refusal(&folder, "doubt.parquet");
        assert!(
            said.contains("picture (bytes), fine (numbers), text (texts)") && said.contains("--columns"),
            "{said}"
        );
        let named = |columns: &str| {
            let options = nas_data::ReadOptions {
                columns: Some(columns.split(',').map(str::to_owned).collect()),
                ..folder.options()
            };
            nas_data::read(&path, &options, &|_| {})
        };
        assert_eq!(named("image,label").unwrap().classes, ["7", "8"]);
        assert_eq!(named("image,_,label").unwrap().classes, ["cat", "dog"]);
        for wrong in ["label,image", "image", "image,label,label", "image,_,_,label"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
        other(
            &path,
            "message m { required double amount; required int32 class; }",
            40,
        );
        let said = refusal(&folder, "doubt.parquet");
        assert!(
            said.contains("amount (something else), class (numbers)"),
            "{said}"
        );
    }
}

//! Parquet files that are cut off, damaged, or claim what they do not have: an error each, and little memory.
#![cfg(feature = "parquet")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml lets tests do so, but not the functions beside them"
)]

mod parquet_writer;

use std::fs;
use std::path::Path;

use nas_data::{DataError, OwnData, ReadOptions};
use parquet::basic::Compression;
use peak_alloc::PeakAlloc;

use crate::parquet_writer::{Form, write};

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// MiB that reading any of these files may take.
const MOST: f32 = 64.0;

/// The bytes of a file of 60 grey images of 2 classes, in groups of 25 rows.
fn whole(folder: &Path, compression: Compression) -> Vec<u8> {
    let rows: Vec<_> = (0..60_u8)
        .map(|image| {
            let pixels = [image, 255 - image, image / 2, 7];
            (
                Some([&b"P5 2 2 255\n"[..], &pixels].concat()),
                Some(i64::from(image % 2)),
            )
        })
        .collect();
    let path = folder.join("whole.parquet");
    let form = Form {
        compression,
        group: 25,
        names: Some(&["a", "b"]),
    };
    write(&path, &rows, &form);
    fs::read(path).unwrap()
}

fn read(folder: &Path, bytes: &[u8]) -> Result<OwnData, DataError> {
    let path = folder.join("damaged.parquet");
    fs::write(&path, bytes).unwrap();
    let options = ReadOptions {
        cache: Some(folder.join("cache")),
        max_bad: 0.5,
        ..ReadOptions::default()
    };
    nas_data::read(&path, &options, &|_| {})
}

/// One test, so that the memory is that of one reading at a time.
#[test]
fn whatever_is_damaged_is_an_error_or_some_images_and_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    // The reader of Parquet panics on some of them, which nas-data makes an error of; hundreds of
    // messages help nobody.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut refused, mut read_all, mut wrong) = (0, 0, Vec::new());
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let bytes = whole(folder.path(), compression);
        let found = read(folder.path(), &bytes).map(|data| data.findings.images);
        if !matches!(found, Ok(60)) {
            wrong.push(format!("the whole file: {found:?}"));
        }
        let mut damaged: Vec<Vec<u8>> = (0..60)
            .map(|part| bytes[..bytes.len() * part / 60].to_vec())
            .collect();
        let mut state = 12_345_u64;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for number in 0..600 {
            let mut copy = bytes.clone();
            for _ in 0..=number % 3 {
                let at = next(copy.len());
                copy[at] = [
                    255,
                    0,
                    127,
                    copy[at] ^ 1,
                    copy[at].wrapping_add(1),
                    copy[at] | 128,
                ][next(6)];
            }
            damaged.push(copy);
        }
        for (number, bytes) in damaged.iter().enumerate() {
            PEAK.reset_peak_usage();
            let before = PEAK.current_usage_as_mb();
            let result = read(folder.path(), bytes);
            let peak = PEAK.peak_usage_as_mb() - before;
            if peak > MOST {
                wrong.push(format!("{number} of {compression}: {peak} MiB"));
            }
            match result {
                Ok(data) if data.findings.images == 60 => read_all += 1,
                Ok(data) if data.findings.images > 60 => {
                    wrong.push(format!("{number}: {}", data.findings.images))
                }
                Ok(_) => {}
                Err(_) => refused += 1,
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 200 && read_all > 100, "{refused} {read_all}");
}

//! Arrays as NumPy writes them, in every layout and type, and such that are wrong or hostile.
#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml lets tests do so, but not the functions beside them"
)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use nas_data::npz::{Arrays, Fault, Layout, NpzError, read_npz};
use nas_space::shape::Shape;
use peak_alloc::PeakAlloc;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

fn reference(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    folder.join(name)
}

/// An `.npy` file of version 1.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    bytes
}

/// A folder with an archive of these members.
fn archive(members: &[(&str, Vec<u8>)], method: CompressionMethod) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.npz");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    (folder, path)
}

/// What is read from an archive of these members.
fn read(members: &[(&str, Vec<u8>)], layout: Option<Layout>) -> Result<Arrays, NpzError> {
    let (_folder, path) = archive(members, CompressionMethod::Stored);
    read_npz(&path, layout)
}

/// Images `x` with as many labels as there should be.
fn images(descr: &str, shape: &str, data: &[u8], layout: Option<Layout>) -> Result<Arrays, NpzError> {
    let count: u8 = shape[1..].split(',').next().unwrap().parse().unwrap();
    let labels = npy("|u1", &format!("({count},)"), &(0..count).collect::<Vec<_>>());
    read(&[("x", npy(descr, shape, data)), ("y", labels)], layout)
}

/// What is wrong with the array that is to blame.
fn fault(result: Result<Arrays, NpzError>) -> Fault {
    let fault = match result {
        Err(NpzError::Array { fault, .. }) => Some(fault),
        _ => None,
    };
    fault.unwrap()
}

#[test]
fn what_numpy_writes_is_read() {
    let medmnist = read_npz(&reference("medmnist.npz"), None).unwrap();
    assert_eq!(medmnist.shape, Shape::new(3, 4, 2));
    assert_eq!((medmnist.layout, medmnist.range), (Layout::Nhwc, (0.0, 255.0)));
    let (pixels, labels) = &medmnist.train;
    assert_eq!(labels, &[0, 1, 2, 1]);
    assert_eq!(pixels.len(), 96);
    // The red plane of the first image, then the beginning of the green one.
    assert_eq!(&pixels[..10], &[0, 3, 6, 9, 12, 15, 18, 21, 1, 4]);
    assert_eq!(&pixels[24..26], &[24, 27]);
    let (pixels, labels) = medmnist.valid.unwrap();
    assert_eq!((pixels.len(), pixels[1], labels), (48, 103, vec![2, 0]));
    let (pixels, labels) = medmnist.test.unwrap();
    assert_eq!((pixels.len(), pixels[1], labels), (24, 203, vec![1]));

    let big_endian = read_npz(&reference("big_endian.npz"), None).unwrap();
    assert_eq!(
        (big_endian.shape, big_endian.layout),
        (Shape::new(1, 3, 2), Layout::Nchw)
    );
    let expected = (0..12).map(|i| (f64::from(i) / 11.0 * 255.0).round() as u8);
    assert_eq!(big_endian.train, (expected.collect(), vec![7, -1]));
    assert_eq!((big_endian.valid, big_endian.test), (None, None));
}

#[test]
fn the_layout_is_found_out_or_given() {
    let twelve: Vec<u8> = (0..12).collect();
    let of = |shape: &str, layout| images("|u1", shape, &twelve, layout).unwrap();
    let found = |shape: &str| {
        let arrays = of(shape, None);
        (arrays.layout, arrays.shape)
    };
    assert_eq!(found("(2, 6)"), (Layout::Nhw, Shape::new(1, 1, 6)));
    assert_eq!(found("(2, 2, 3)"), (Layout::Nhw, Shape::new(1, 2, 3)));
    assert_eq!(found("(1, 4, 1, 3)"), (Layout::Nhwc, Shape::new(3, 4, 1)));
    assert_eq!(found("(1, 3, 2, 2)"), (Layout::Nchw, Shape::new(3, 2, 2)));
    assert_eq!(of("(1, 3, 2, 2)", None).train.0, twelve);
    assert_eq!(of("(2, 2, 3, 1)", None).train.0, twelve);
    let given = of("(1, 3, 4, 1)", Some(Layout::Nchw));
    assert_eq!((given.shape, given.layout), (Shape::new(3, 4, 1), Layout::Nchw));
    assert_eq!(of("(1, 3, 4, 1)", Some(Layout::Nhwc)).shape, Shape::new(1, 3, 4));
}

#[test]
fn shapes_that_are_not_images_are_refused() {
    let of = |shape: &str, data: usize, layout| fault(images("|u1", shape, &vec![0; data], layout));
    let ambiguous = of("(1, 3, 4, 1)", 12, None);
    assert_eq!(ambiguous, Fault::Ambiguous("(1, 3, 4, 1)".to_owned()));
    assert!(ambiguous.to_string().contains("--layout nchw"), "{ambiguous}");
    assert!(matches!(
        of("(1, 2, 2, 4)", 16, None),
        Fault::Channels { got: 4, .. }
    ));
    assert!(matches!(
        of("(1, 3, 2, 2)", 12, Some(Layout::Nhwc)),
        Fault::Channels { got: 2, .. }
    ));
    assert!(matches!(of("(3,)", 3, None), Fault::Axes { .. }));
    assert!(matches!(of("(1, 1, 1, 1, 3)", 3, None), Fault::Axes { .. }));
    assert!(matches!(
        of("(1, 3, 4)", 12, Some(Layout::Nchw)),
        Fault::Axes { .. }
    ));
    assert!(matches!(of("(0, 3, 4)", 0, None), Fault::Empty(_)));
    assert!(matches!(of("(3, 0)", 0, None), Fault::Empty(_)));
}

#[test]
fn values_of_every_type_become_pixels() {
    /// Bytes of numbers.
    macro_rules! bytes {
        ($to:ident, $($value:expr),*) => {
            [$($value.$to().to_vec()),*].concat()
        };
    }
    let of = |descr: &str, data: &[u8]| {
        let arrays = images(descr, "(1, 3)", data, None).unwrap();
        (arrays.train.0, arrays.range)
    };
    // As they are; from 0 to 1; from 0 to 255; from the least to the greatest.
    assert_eq!(of("|u1", &[0, 1, 7]), (vec![0, 1, 7], (0.0, 255.0)));
    assert_eq!(of("|b1", &[0, 1, 1]), (vec![0, 255, 255], (0.0, 1.0)));
    assert_eq!(
        of("<f4", &bytes!(to_le_bytes, 0_f32, 0.5_f32, 1_f32)),
        (vec![0, 128, 255], (0.0, 1.0))
    );
    assert_eq!(
        of(">f8", &bytes!(to_be_bytes, 0_f64, 0.1_f64, 0.2_f64)),
        (vec![0, 26, 51], (0.0, 1.0))
    );
    assert_eq!(
        of("<f8", &bytes!(to_le_bytes, 3_f64, 99.6_f64, 200_f64)),
        (vec![3, 100, 200], (0.0, 255.0))
    );
    assert_eq!(
        of("<i8", &bytes!(to_le_bytes, 0_i64, 4_i64, 16_i64)),
        (vec![0, 64, 255], (0.0, 16.0))
    );
    assert_eq!(
        of("|i1", &bytes!(to_le_bytes, -128_i8, -1_i8, 127_i8)),
        (vec![0, 127, 255], (-128.0, 127.0))
    );
    assert_eq!(
        of(">u2", &bytes!(to_be_bytes, 0_u16, 257_u16, 65535_u16)),
        (vec![0, 1, 255], (0.0, 65535.0))
    );
    assert_eq!(
        of("<i2", &bytes!(to_le_bytes, -1_i16, 0_i16, 1_i16)),
        (vec![0, 128, 255], (-1.0, 1.0))
    );
    assert_eq!(
        of(">i4", &bytes!(to_be_bytes, 1_i32, 2_i32, 3_i32)),
        (vec![0, 128, 255], (1.0, 3.0))
    );
    // All the same, and neither 0 to 1 nor 0 to 255.
    assert_eq!(
        of("<f4", &bytes!(to_le_bytes, 9_f32, 9_f32, 9_f32)),
        (vec![0; 3], (9.0, 9.0))
    );

    let nan = bytes!(to_le_bytes, 0_f32, 1_f32, f32::NAN);
    assert_eq!(fault(images("<f4", "(1, 3)", &nan, None)), Fault::NotFinite(2));
    for descr in ["<U3", "|O", "<c8", "<f2"] {
        assert!(
            matches!(fault(images(descr, "(1, 3)", &[0; 12], None)), Fault::Type(_)),
            "{descr}"
        );
    }
}

#[test]
fn the_training_part_decides_for_the_others() {
    let train = |descr: &str, data: &[u8]| npy(descr, "(1, 2)", data);
    let label = || npy("|u1", "(1,)", &[0]);
    let both = |test: Vec<u8>| {
        let members = [
            ("x_train", train("|i1", &[0, 100])),
            ("y_train", label()),
            ("X_test", test),
            ("Y_test", label()),
        ];
        read(&members, None)
    };
    // 50 lies in the middle; -1 and 101 lie outside.
    let arrays = both(npy("|i1", "(1, 2)", &[50, 101])).unwrap();
    assert_eq!(arrays.test, Some((vec![128, 255], vec![0])));
    assert!(matches!(
        fault(both(npy("|u1", "(1, 2)", &[0, 1]))),
        Fault::OtherType { .. }
    ));
    assert!(matches!(
        fault(both(npy("|i1", "(1, 3)", &[0, 1, 2]))),
        Fault::OtherShape { .. }
    ));
}

#[test]
fn labels_must_be_one_whole_number_for_each_image() {
    let of = |labels: Vec<u8>| {
        read(
            &[("images", npy("|u1", "(2, 2)", &[0; 4])), ("labels", labels)],
            None,
        )
    };
    let floats = [3_f64.to_le_bytes(), 5_f64.to_le_bytes()].concat();
    assert_eq!(of(npy("<f8", "(2,)", &floats)).unwrap().train.1, [3, 5]);
    assert_eq!(of(npy("|b1", "(2, 1)", &[1, 0])).unwrap().train.1, [1, 0]);
    assert!(matches!(
        fault(of(npy("|u1", "(3,)", &[0; 3]))),
        Fault::Labels { images: 2, .. }
    ));
    assert!(matches!(
        fault(of(npy("|u1", "(2, 2)", &[0; 4]))),
        Fault::Labels { .. }
    ));
    for wrong in [0.5, f64::NAN, f64::INFINITY, 1e300] {
        let floats = [3_f64.to_le_bytes(), wrong.to_le_bytes()].concat();
        assert_eq!(
            fault(of(npy("<f8", "(2,)", &floats))),
            Fault::NotWhole(1),
            "{wrong}"
        );
    }
}

#[test]
fn missing_arrays_are_named() {
    let x = || npy("|u1", "(1, 2)", &[0; 2]);
    let text = |members: &[(&str, Vec<u8>)]| read(members, None).unwrap_err().to_string();
    let nothing = text(&[("features", x()), ("targets", x())]);
    assert!(nothing.contains("x_train and y_train"), "{nothing}");
    assert!(nothing.ends_with("features, targets"), "{nothing}");
    assert!(text(&[]).ends_with("no arrays at all"));
    let half = text(&[("x_train", x())]);
    assert!(half.contains("labels y_train to its images x_train"), "{half}");
    let members = [("x", x()), ("y", npy("|u1", "(1,)", &[0])), ("y_test", x())];
    assert!(text(&members).contains("images x_test to its labels y_test"));
}

#[test]
fn headers_that_lie_are_refused_without_memory() {
    for shape in [
        "(9, 2)",
        "(1, 1)",
        "(1000000000, 1000000000)",
        "(18446744073709551615, 18446744073709551615)",
    ] {
        let members = [("x", npy("|u1", shape, &[0; 4])), ("y", npy("|u1", "(1,)", &[0]))];
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let (_folder, path) = archive(&members, method);
            let result = read_npz(&path, None);
            assert!(matches!(fault(result), Fault::Length { .. }), "{shape}");
        }
    }
    assert!(PEAK.peak_usage_as_mb() < 64.0, "{} MiB", PEAK.peak_usage_as_mb());
    let mut long = npy("|u1", "(1, 2)", &[0; 2]);
    long[6] = 3;
    long[8..12].fill(0xff);
    let members = [("x", long), ("y", npy("|u1", "(1,)", &[0]))];
    assert!(matches!(fault(read(&members, None)), Fault::Damaged(_)));
}

#[test]
fn an_archive_cut_off_or_damaged_is_refused() {
    let whole = fs::read(reference("medmnist.npz")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.npz");
    for tenth in 0..10 {
        fs::write(&path, &whole[..whole.len() * tenth / 10]).unwrap();
        assert!(read_npz(&path, None).is_err());
    }
    let right = read_npz(&reference("medmnist.npz"), None).unwrap();
    PEAK.reset_peak_usage();
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for round in 0..3000 {
        let mut broken = whole.clone();
        for _ in 0..=next(3) {
            let at = next(broken.len());
            broken[at] = [0, 0xff, broken[at] ^ (1 << next(8)), next(256) as u8][next(4)];
        }
        fs::write(&path, &broken).unwrap();
        // Names, dates and attributes may change what is found, but no value passes its checksum.
        if let Ok(arrays) = read_npz(&path, None) {
            assert_eq!(arrays.train, right.train, "round {round}");
        }
    }
    assert!(PEAK.peak_usage_as_mb() < 64.0, "{} MiB", PEAK.peak_usage_as_mb());
}

#[test]
fn what_is_no_archive_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("array.npz");
    fs::write(&path, npy("|u1", "(1, 2)", &[0; 2])).unwrap();
    assert!(matches!(read_npz(&path, None), Err(NpzError::Archive { .. })));
    assert!(matches!(
        read_npz(&folder.path().join("none"), None),
        Err(NpzError::Read { .. })
    ));
}

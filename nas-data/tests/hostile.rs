//! Images that are cut off, damaged, or claim to be larger than they are: an error each, and little memory.
#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml lets tests do so, but not the functions beside them"
)]

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nas_data::decode::{DecodeError, decode, dimensions};
use peak_alloc::PeakAlloc;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `work` gives, and the MiB that it allocated at most.
fn measured<T>(work: impl FnOnce() -> T) -> (T, f64) {
    PEAK.reset_peak_usage();
    let before = PEAK.current_usage_as_mb();
    let result = work();
    let after = PEAK.peak_usage_as_mb();
    (result, f64::from(after - before))
}

/// Every image of `images.txt` that can be decoded.
fn images() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let lines = fs::read_to_string(folder.join("images.txt")).unwrap();
    let names = lines.lines().filter(|line| line.contains(" pixels_"));
    names
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .map(|name| (name.clone(), fs::read(folder.join(name)).unwrap()))
        .collect()
}

fn image(wanted: &str) -> Vec<u8> {
    let found = images().into_iter().find(|(name, _)| name == wanted);
    found.unwrap().1
}

#[test]
fn an_image_cut_off_anywhere_is_refused() {
    let _alone = alone();
    let mut wrong = Vec::new();
    for (name, bytes) in images() {
        let whole = decode(&bytes);
        for tenth in 0..10 {
            let end = bytes.len() * tenth / 10;
            let result = decode(&bytes[..end]);
            let is_right = match &result {
                // The second image of an animation is cut off.
                Ok(_) => name.starts_with("animated") && result == whole,
                Err(error) => matches!(
                    error,
                    DecodeError::Empty | DecodeError::NotAnImage { .. } | DecodeError::Truncated { .. }
                ),
            };
            if !is_right {
                let result = result.map(|_| ());
                wrong.push(format!("{name}: {end} of {} bytes: {result:?}", bytes.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_large_photograph_is_decoded() {
    let _alone = alone();
    let photograph = image::RgbImage::from_fn(8000, 6000, |x, y| {
        image::Rgb([(x / 32) as u8, (y / 24) as u8, ((x * y) >> 12) as u8])
    });
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 75);
    photograph.write_with_encoder(encoder).unwrap();
    drop(photograph);
    let (decoded, used) = measured(|| decode(&bytes).unwrap());
    assert_eq!((decoded.width, decoded.height, decoded.channels), (8000, 6000, 3));
    // 144 MB of pixels, little else.
    assert!(used < 160.0, "{used} MiB");
}

/// `bytes` with others in one place.
fn with(mut bytes: Vec<u8>, at: usize, patch: &[u8]) -> Vec<u8> {
    bytes[at..][..patch.len()].copy_from_slice(patch);
    bytes
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    let mut windows = bytes.windows(wanted.len());
    windows.position(|window| window == wanted).unwrap()
}

/// A PNG with other sides, and the checksum of its header right again.
fn with_size_of_png(bytes: Vec<u8>, side: u32) -> Vec<u8> {
    let side = side.to_be_bytes();
    let bytes = with(with(bytes, 16, &side), 20, &side);
    let checksum = crc32fast::hash(&bytes[12..29]).to_be_bytes();
    with(bytes, 29, &checksum)
}

/// Small files that claim 65,535 × 65,535 pixels, or the most that their format can.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let most = [0xff; 4];
    let jpeg = |name: &str, mark: u8| {
        let bytes = image(name);
        let at = find(&bytes, &[0xff, mark]) + 5;
        with(bytes, at, &most)
    };
    let gif = image("plain.gif");
    let frame = find(&gif, &[0x2c, 0, 0, 0, 0]) + 5;
    let tiff = image("raw.tif");
    let (width, height) = (find(&tiff, &[0, 1, 4, 0, 1, 0]), find(&tiff, &[1, 1, 4, 0, 1, 0]));
    let alpha = image("lossy_alpha.webp");
    let lossless = image("lossless.webp");
    let lossy = image("lossy.webp");
    let start = find(&lossy, &[0x9d, 0x01, 0x2a]) + 3;
    vec![
        ("PNG", with_size_of_png(image("rgb.png"), 65535)),
        ("interlaced PNG", with_size_of_png(image("interlaced.png"), 65535)),
        (
            "PNG with the largest sides",
            with_size_of_png(image("rgba_16.png"), i32::MAX as u32),
        ),
        ("JPEG", jpeg("420.jpg", 0xc0)),
        ("progressive JPEG", jpeg("progressive.jpg", 0xc2)),
        (
            "extended WebP",
            with(
                alpha.clone(),
                find(&alpha, b"VP8X") + 12,
                &[0xfe, 0xff, 0, 0xfe, 0xff, 0],
            ),
        ),
        (
            "lossless WebP",
            with(
                lossless.clone(),
                find(&lossless, b"VP8L") + 9,
                &[0xfe, 0xbf, 0xff, 0x0f],
            ),
        ),
        ("lossy WebP", with(lossy, start, &[0xff, 0x3f, 0xff, 0x3f])),
        (
            "BMP",
            with(image("rgb.bmp"), 18, &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]),
        ),
        (
            "RLE BMP",
            with(image("rle.bmp"), 18, &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]),
        ),
        ("GIF", with(gif.clone(), 6, &most)),
        ("GIF with a large frame", with(gif, frame, &most)),
        (
            "TIFF",
            with(with(tiff, width + 6, &[0xff, 0xff]), height + 6, &[0xff, 0xff]),
        ),
        ("PGM", b"P5 65535 65535 255\n".to_vec()),
        ("plain PGM", b"P2 65535 65535 255\n1 2 3".to_vec()),
        ("PPM with larger sides", b"P6 1000000 1000000 65535\n".to_vec()),
        (
            "PAM",
            b"P7\nWIDTH 65535\nHEIGHT 65535\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n".to_vec(),
        ),
    ]
}

#[test]
fn a_bomb_is_refused_before_memory_is_taken() {
    let _alone = alone();
    let mut wrong = Vec::new();
    for (name, bytes) in bombs() {
        let (result, used) = measured(|| decode(&bytes).map(|_| ()));
        if !matches!(
            result,
            Err(DecodeError::TooLarge { .. } | DecodeError::Memory { .. })
        ) || used > 16.0
        {
            wrong.push(format!("{name}: {result:?}, {used} MiB"));
        }
        let _ = dimensions(&bytes);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_jpeg_that_cannot_be_decoded_is_refused_with_the_reason() {
    let _alone = alone();
    let jpeg = image("420.jpg");
    let frame = find(&jpeg, &[0xff, 0xc0]);
    let frame_end = frame + 2 + usize::from(jpeg[frame + 3]);
    let codes = find(&jpeg, &[0xff, 0xc4]);
    let scan = find(&jpeg, &[0xff, 0xda]);
    let repeated = |from: usize, to: usize, times: usize| {
        let mut bytes = jpeg[..to].to_vec();
        for _ in 0..times {
            bytes.extend_from_slice(&jpeg[from..to]);
        }
        bytes.extend_from_slice(&jpeg[to..]);
        bytes
    };
    for (bytes, expected) in [
        (with(jpeg.clone(), frame + 1, &[0xc9]), "arithmetic coding"),
        (with(jpeg.clone(), frame + 1, &[0xc3]), "lossless coding"),
        (with(jpeg.clone(), frame + 1, &[0xc6]), "hierarchical coding"),
        (with(jpeg.clone(), frame + 4, &[12]), "values of 12 bits"),
        (with(jpeg.clone(), frame + 9, &[2]), "2 values a pixel"),
        (with(jpeg.clone(), frame + 5, &[0, 0]), "it has no pixels"),
        (with(jpeg.clone(), frame + 2, &[0, 5]), "how large it is"),
        // What follows is said by libjpeg-turbo.
        (with(jpeg.clone(), codes + 5, &[0xff; 8]), "Huffman"),
        (repeated(frame, frame_end, 1), "SOF"),
        (repeated(scan, jpeg.len() - 2, 100), "100 scans"),
    ] {
        let error = decode(&bytes).unwrap_err();
        let is_right = match &error {
            DecodeError::Unsupported { what, .. } => what.contains(expected),
            DecodeError::Damaged { reason, .. } => reason.contains(expected),
            _ => false,
        };
        assert!(is_right, "{expected}: {error:?}");
    }
}

/// The next number of a sequence that is the same in every run (splitmix64).
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) as usize >> 1
}

/// Changes a few bytes, mostly near the beginning, where the headers are; or removes, repeats or moves some.
fn mutated(bytes: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=next(state) % 4 {
        let span = if next(state).is_multiple_of(2) {
            bytes.len()
        } else {
            bytes.len().min(64)
        };
        let at = next(state) % span;
        match next(state) % 8 {
            0 => bytes[at] = 0xff,
            1 => bytes[at] = 0,
            2 => bytes[at] ^= 1 << (next(state) % 8),
            3 => bytes[at] = bytes[at].wrapping_add(1),
            4 => bytes.truncate(at.max(1)),
            5 => {
                let end = (at + 1 + next(state) % 8).min(bytes.len());
                bytes.drain(at.min(end - 1).max(1)..end.max(1));
            }
            6 => {
                let end = (at + 1 + next(state) % 8).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => bytes[at] = next(state) as u8,
        }
    }
    bytes
}

#[test]
fn damage_anywhere_costs_an_error_at_most() {
    let _alone = alone();
    let rounds: u64 = std::env::var("ROUNDS").map_or(60, |rounds| rounds.parse().unwrap());
    let mut greatest = (0.0, String::new());
    for (name, bytes) in images() {
        for round in 0..rounds {
            let mut state = round;
            let broken = mutated(&bytes, &mut state);
            let (result, used) = measured(|| decode(&broken));
            if used > greatest.0 {
                greatest = (used, format!("{name}, round {round}"));
            }
            if let Ok(image) = result {
                let len = image.width as usize * image.height as usize * usize::from(image.channels);
                assert_eq!(image.pixels.len(), len, "{name}, round {round}");
                assert_eq!(
                    dimensions(&broken),
                    Ok((image.width, image.height)),
                    "{name}, round {round}"
                );
            }
        }
    }
    // An image within its bounds, its copy upright, and what a decoder needs beside them.
    assert!(greatest.0 < 256.0, "{greatest:?}");
}

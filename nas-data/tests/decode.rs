//! Images of every format that is built in, and in other sizes, against what Pillow makes of them.
#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml lets tests do so, but not the functions beside them"
)]

use std::fs;
use std::path::{Path, PathBuf};

use nas_data::decode::{Decoded, decode, dimensions};
use nas_data::resize::{Resize, resize};

/// One line of `images.txt`, as `reference.py` describes it.
struct Reference {
    name: String,
    bytes: Vec<u8>,
    expected: String,
    levels: u8,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

fn references() -> Vec<Reference> {
    let lines = fs::read_to_string(folder().join("images.txt")).unwrap();
    let lines = lines.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    lines
        .map(|line| Reference {
            name: line[0].to_owned(),
            bytes: fs::read(folder().join(line[0])).unwrap(),
            expected: line[1].to_owned(),
            levels: line[2].parse().unwrap(),
        })
        .collect()
}

/// Reads what `reference.py` writes: `P5 WIDTH HEIGHT 255`, a newline, pixels.
fn pixels(name: &str) -> Decoded {
    let bytes = fs::read(folder().join(name)).unwrap();
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
    let header = std::str::from_utf8(&bytes[..end]).unwrap();
    let words: Vec<&str> = header.split(' ').collect();
    Decoded {
        width: words[1].parse().unwrap(),
        height: words[2].parse().unwrap(),
        channels: if words[0] == "P5" { 1 } else { 3 },
        pixels: bytes[end + 1..].to_vec(),
    }
}

/// The greatest difference and the number of values that differ.
fn difference(one: &[u8], other: &[u8]) -> (u8, usize) {
    let differences = one.iter().zip(other).map(|(&a, &b)| a.abs_diff(b));
    (
        differences.clone().max().unwrap_or(0),
        differences.filter(|&d| d > 0).count(),
    )
}

#[test]
fn pixels_are_those_of_pillow() {
    let mut wrong = Vec::new();
    for Reference {
        name,
        bytes,
        expected,
        levels,
    } in references()
    {
        let decoded = decode(&bytes);
        if !expected.contains('.') {
            let error = decoded.map(|_| ()).unwrap_err();
            assert!(format!("{error:?}").starts_with(&expected), "{name}: {error:?}");
            continue;
        }
        let expected = pixels(&expected);
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let shape = |image: &Decoded| (image.width, image.height, image.channels, image.pixels.len());
        if shape(&decoded) != shape(&expected) {
            wrong.push(format!(
                "{name}: {:?} for {:?}",
                shape(&decoded),
                shape(&expected)
            ));
            continue;
        }
        let (most, count) = difference(&decoded.pixels, &expected.pixels);
        if most > levels {
            let len = expected.pixels.len();
            wrong.push(format!(
                "{name}: {count} of {len} values differ, by up to {most}, not {levels}"
            ));
        }
        assert_eq!(dimensions(&bytes), Ok((decoded.width, decoded.height)), "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The pixels of a rectangle.
fn cut(pixels: &[u8], row_len: usize, place: [usize; 4]) -> Vec<u8> {
    let [left, top, width, height] = place;
    let rows = pixels.chunks_exact(row_len).skip(top).take(height);
    rows.flat_map(|row| row[left..][..width].to_vec()).collect()
}

#[test]
fn other_sizes_are_those_of_pillow() {
    let lines = fs::read_to_string(folder().join("resized.txt")).unwrap();
    let mut wrong = Vec::new();
    for line in lines.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<usize>().unwrap();
        let image = pixels(words[0]);
        let how: Resize = serde_json::from_str(&format!("\"{}\"", words[3])).unwrap();
        let resized = resize(&image, number(1) as u32, number(2) as u32, how);
        let channels = usize::from(image.channels);
        assert_eq!(resized.len(), number(1) * number(2) * channels, "{line}");
        let compared = match how {
            Resize::Pad => {
                let place = [number(4) * channels, number(5), number(6) * channels, number(7)];
                cut(&resized, number(1) * channels, place)
            }
            _ => resized,
        };
        if crc32fast::hash(&compared) != words[8].parse::<u32>().unwrap() {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

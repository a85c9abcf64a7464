//! Says which class an image belongs to: `cargo run --release --example classify -- IMAGE.ppm`.
//!
//! The image is a PPM (P6) or PGM (P5) file of 8 bits, of the size and the channels of the network.

use std::process::ExitCode;

use __CRATE__::{probabilities, CLASSES, SHAPE};

/// The pixels of a file, plane by plane.
fn read(path: &str) -> Result<Vec<u8>, String> {
    let file = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut words = Vec::new();
    let mut place = 0;
    while words.len() < 4 {
        let rest = file
            .get(place..)
            .filter(|rest| !rest.is_empty())
            .ok_or("its header is not complete")?;
        if rest[0] == b'#' {
            place += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        } else if rest[0].is_ascii_whitespace() {
            place += 1;
        } else {
            let end = rest
                .iter()
                .position(u8::is_ascii_whitespace)
                .unwrap_or(rest.len());
            words.push(String::from_utf8_lossy(&rest[..end]).into_owned());
            place += end;
        }
    }
    let [channels, height, width] = SHAPE;
    let kind = if channels == 1 { "P5" } else { "P6" };
    let expected = [
        kind.to_string(),
        width.to_string(),
        height.to_string(),
        "255".to_string(),
    ];
    let pixels = file.get(place + 1..).unwrap_or_default();
    if words != expected || pixels.len() != channels * height * width {
        return Err(format!(
            "its header is {words:?} with {} pixel values; expected {expected:?}",
            pixels.len()
        ));
    }
    let planes = (0..channels).flat_map(|channel| pixels.iter().skip(channel).step_by(channels));
    Ok(planes.copied().collect())
}

fn main() -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for path in std::env::args().skip(1) {
        match read(&path) {
            Ok(pixels) => {
                let probabilities = probabilities(&pixels);
                let best = (0..CLASSES.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
                let best = best.unwrap_or_default();
                println!("{path}  {} {:.1}%", CLASSES[best], 100.0 * probabilities[best]);
            }
            Err(error) => {
                eprintln!("{path}: {error}");
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

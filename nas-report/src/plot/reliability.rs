//! How far the probabilities of a network can be believed.

use std::fmt::Write;

use nas_space::search::Calibration;

use super::document::Heading;
use super::panel::Panel;
use super::{Dimension, FAINT, INK, Scale};
use crate::number::{counted, grouped, percent};

const WIDTH: f64 = 480.0;
const LEFT: f64 = 22.0;
/// Room for the numbers at the axis, and its name.
const NUMBERS: f64 = 82.0;
/// Height and width of the square of confidence and accuracy.
const SIDE: f64 = 340.0;
/// Height of the bars of how many images there are.
const COUNTS: f64 = 64.0;
const FONT: f64 = 11.0;

/// A reliability diagram as an SVG document, which needs no other file: for each bin of confidence
/// a bar of the accuracy of its images beside the diagonal, on which confidence and accuracy are
/// the same, and below it their number.
pub fn reliability(calibration: &Calibration) -> String {
    let error = percent(calibration.expected_error);
    let name = format!("Confidence and accuracy: expected calibration error {error}");
    let heading = Heading::new(
        "Confidence and accuracy",
        &format!(
            "Test images by the probability of their assigned class. Bars below the line: the network is \
             overconfident; above it: underconfident. The expected calibration error is {error}."
        ),
        LEFT,
        WIDTH,
    );
    let shares = |name: &str| Dimension::percent(name, Scale::Linear);
    let percents = || [0.0, 100.0].into_iter();
    let panel = Panel {
        left: LEFT + NUMBERS,
        top: heading.height() + 18.0,
        width: SIDE,
        height: SIDE,
        x: shares("").until(percents()),
        y: shares("").over(percents()),
    };
    let most = calibration
        .bins
        .iter()
        .map(|bin| bin.images)
        .max()
        .unwrap_or_default();
    let below = Panel {
        top: panel.bottom() + 12.0,
        height: COUNTS,
        x: panel.x.clone(),
        y: Dimension::count("", Scale::Linear).over([0.0, most as f64].into_iter()),
        ..panel
    };
    let mut body = String::new();
    panel.rows(&mut body, FONT);
    let width = 100.0 / calibration.bins.len().max(1) as f64;
    for (place, bin) in calibration
        .bins
        .iter()
        .enumerate()
        .filter(|(_, bin)| bin.images > 0)
    {
        let from = width * place as f64;
        // Writing to a string cannot fail.
        let _ = writeln!(
            body,
            "<g><title>{} given a class with {from:.1} to {:.1} %: mean confidence {}, accuracy {}</title>",
            counted(bin.images as usize, "image"),
            from + width,
            percent(bin.confidence),
            percent(bin.accuracy)
        );
        for (panel, value, colour) in [
            (&panel, 100.0 * bin.accuracy, "#1d4ed8"),
            (&below, bin.images as f64, FAINT),
        ] {
            let (left, top) = (panel.across(from), panel.up(value));
            let _ = writeln!(
                body,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\" fill-opacity=\"0.75\" \
                 stroke=\"#ffffff\"/>",
                panel.across(from + width) - left,
                panel.bottom() - top
            );
        }
        body.push_str("</g>\n");
    }
    let _ = writeln!(
        body,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{INK}\" stroke-width=\"1.5\" stroke-dasharray=\"6 4\"/>",
        panel.left,
        panel.bottom(),
        panel.right(),
        panel.top
    );
    panel.outline(&mut body);
    panel.name_y(&mut body, FONT, NUMBERS - 14.0, "accuracy");
    below.outline(&mut body);
    let _ = writeln!(
        body,
        "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{FONT}\" text-anchor=\"end\" fill=\"{FAINT}\">{}</text>",
        below.left - 6.0,
        below.up(most as f64) + 0.35 * FONT,
        grouped(most)
    );
    below.name_y(&mut body, FONT, NUMBERS - 14.0, "images");
    below.ticks(&mut body, FONT);
    below.name_x(&mut body, FONT, 38.0, "probability of the assigned class");
    heading.document(&name, (WIDTH, below.bottom() + 50.0), &body)
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check_well_formed, check_within};
    use super::*;

    #[test]
    fn bars_have_the_accuracies_and_numbers_of_their_bins_and_lie_within_the_picture() {
        for images in [1, 40, 3_000_000] {
            let given = (0..images.min(400)).map(|image| (1.0 - f64::from(image % 10) / 20.0, image % 4 > 0));
            let mut calibration = Calibration::of(given);
            for bin in calibration.bins.iter_mut().filter(|bin| bin.images > 0) {
                bin.images *= 1 + u64::from(images as u32) / 400;
            }
            let svg = reliability(&calibration);
            check_well_formed(&svg);
            check_within(&svg);
            let bins = calibration.bins.iter().filter(|bin| bin.images > 0);
            assert_eq!(svg.matches("<g><title>").count(), bins.clone().count());
            for bin in bins {
                let said = format!(", accuracy {}</title>", percent(bin.accuracy));
                assert!(svg.contains(&said), "{said}");
            }
        }
        let none = reliability(&Calibration::of([]));
        check_within(&none);
        assert!(!none.contains("<g>") && none.contains("error 0.00 %"), "{none}");
    }
}

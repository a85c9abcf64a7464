//! How several lines, boxes or bars are distinguished.

use std::fmt::Write;

use super::{INK, escaped, letters};

/// Colours that people with any kind of colour vision tell apart (M. Okabe, K. Ito: Color universal design, 2008), the
/// yellow left out, which does not show on white.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#b0569a", "#e69f00", "#3a9fd8", "#3c4350",
];

/// Dashes, for print without colours and for more lines than there are colours.
const DASHES: [&str; 4] = ["", "8 3", "2.5 2.5", "9 3 2 3"];

/// Size of the names.
const SIZE: f64 = 12.0;
const LINE: f64 = 20.0;

/// The colour of number `place`.
pub(super) fn colour(place: usize) -> &'static str {
    COLOURS[place % COLOURS.len()]
}

/// The attribute that dashes line number `place`; together with its colour that is different for the first 28.
pub(super) fn dashes(place: usize) -> String {
    match DASHES[place % DASHES.len()] {
        "" => String::new(),
        dashes => format!(" stroke-dasharray=\"{dashes}\""),
    }
}

/// What stands before a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sample {
    /// A piece of the line.
    Line,
    /// A square of its colour.
    Square,
}

/// The names in lines of this width from the left upper corner (`left`, `top`) on, and the height of those. A name that is
/// longer than a line is cut.
pub(super) fn legend(names: &[&str], sample: Sample, (left, top): (f64, f64), room: f64) -> (String, f64) {
    let wide = match sample {
        Sample::Line => 26.0,
        Sample::Square => 12.0,
    };
    let mut text = String::new();
    let (mut x, mut y) = (0.0, 0.0);
    for (place, name) in names.iter().enumerate() {
        let shown = letters::fitted(name, SIZE, room - wide - 8.0);
        let needed = wide + 6.0 + letters::width(&shown, SIZE);
        if x > 0.0 && x + needed > room {
            (x, y) = (0.0, y + LINE);
        }
        let (at, middle) = (left + x, top + y + LINE / 2.0);
        // Writing to a string cannot fail.
        let _ = match sample {
            Sample::Line => writeln!(
                text,
                "<line x1=\"{at:.1}\" y1=\"{middle:.1}\" x2=\"{:.1}\" y2=\"{middle:.1}\" stroke=\"{}\" \
                 stroke-width=\"2.6\"{}/>",
                at + wide,
                colour(place),
                dashes(place)
            ),
            Sample::Square => writeln!(
                text,
                "<rect x=\"{at:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" fill=\"{}\"/>",
                middle - 6.0,
                colour(place)
            ),
        };
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{SIZE}\" fill=\"{INK}\">{}</text>",
            at + wide + 6.0,
            middle + 4.0,
            escaped(&shown)
        );
        x += needed + 14.0;
    }
    (text, if names.is_empty() { 0.0 } else { y + LINE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_28_lines_look_different() {
        let looks: std::collections::BTreeSet<(&str, String)> =
            (0..28).map(|place| (colour(place), dashes(place))).collect();
        assert_eq!(looks.len(), 28);
    }

    #[test]
    fn names_that_do_not_fit_stand_in_the_next_line() {
        let (one, height) = legend(&["a", "b"], Sample::Line, (0.0, 0.0), 400.0);
        assert_eq!((one.matches("<text").count(), height), (2, LINE));
        let long = "a name that is much longer than a line has room for";
        let (three, height) = legend(&["a", long, "b"], Sample::Square, (0.0, 0.0), 120.0);
        assert_eq!(height, 3.0 * LINE);
        assert!(three.contains('…'));
    }
}

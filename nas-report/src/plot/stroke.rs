//! How operations look.

use std::fmt::Write;

use super::{INK, escaped};

const LEGEND_LINE: f64 = 20.0;

/// How an operation's line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stroke {
    pub(super) colour: &'static str,
    dashed: bool,
}

/// Colours as in pictures of cells, of several shades where a family has several members; `place` chooses that of an
/// operation which is not one of the published ones.
pub(super) fn stroke(operation: &str, place: usize) -> Stroke {
    const OTHERS: [&str; 6] = ["#c2418c", "#8a6d3b", "#00897b", "#5d4037", "#ad1457", "#37474f"];
    let known = [
        ("skip_connect", "#3f9b52"),
        ("max_pool_3x3", "#dd6b20"),
        ("avg_pool_3x3", "#c79100"),
        ("sep_conv_3x3", "#3b7dd8"),
        ("sep_conv_5x5", "#12346b"),
        ("sep_conv_7x7", "#7fb2f5"),
        ("dil_conv_3x3", "#a27ee8"),
        ("dil_conv_5x5", "#53359a"),
        ("nor_conv_1x1", "#2bb3c0"),
        ("nor_conv_3x3", "#0d5f68"),
    ];
    if operation == "none" {
        return Stroke {
            colour: "#9aa3b2",
            dashed: true,
        };
    }
    let known = known.into_iter().find(|(name, _)| *name == operation);
    Stroke {
        colour: known.map_or(OTHERS[place % OTHERS.len()], |(_, colour)| colour),
        dashed: false,
    }
}

impl Stroke {
    pub(super) fn dashes(self) -> &'static str {
        if self.dashed {
            " stroke-dasharray=\"4 3\""
        } else {
            ""
        }
    }
}

/// A sample and the name of each operation, in lines of this width; and the height of those.
pub(super) fn legend(operations: &[(&str, Stroke)], width: f64) -> (String, f64) {
    const SAMPLE: f64 = 22.0;
    let mut text = String::new();
    let (mut x, mut y) = (0.0, 0.0);
    for (name, stroke) in operations {
        // Wider than any letter of that size.
        let needed = SAMPLE + 10.0 + 7.4 * name.chars().count() as f64 + 18.0;
        if x > 0.0 && x + needed > width {
            (x, y) = (0.0, y + LEGEND_LINE);
        }
        let _ = write!(
            text,
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{}\" stroke-width=\"3\"{}/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12\" fill=\"{INK}\">{}</text>\n",
            x + SAMPLE,
            stroke.colour,
            stroke.dashes(),
            x + SAMPLE + 6.0,
            y + 4.0,
            escaped(name)
        );
        x += needed;
    }
    (text, y + LEGEND_LINE)
}

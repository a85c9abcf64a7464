//! A block of memory over time: what lies where, and for how long.

use std::fmt::Write;

use super::axis::Axis;
use super::document::Heading;
use super::panel::Panel;
use super::{INK, escaped, letters, series};
use crate::number::grouped;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 340.0;
const MARGIN: f64 = 22.0;
/// Room for the numbers of bytes and the name of their axis.
const LEFT: f64 = 84.0;
const SIZE: f64 = 11.0;
/// Size of the names in rectangles.
const NAME: f64 = 10.0;
/// Colours that are used in turn.
const COLOURS: usize = 6;

/// A chart of memory: steps to the right, addresses upwards, a rectangle for each thing that is
/// stored.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryChart {
    /// What it shows.
    pub title: String,
    /// A further remark; may be empty.
    pub subtitle: String,
    /// What is stored, in the order in which it is written.
    pub stored: Vec<Stored>,
    /// Bytes of the block.
    pub bytes: u64,
    /// The step that needs most, to be marked.
    pub peak: Option<usize>,
}

/// Something in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What it is.
    pub name: String,
    /// The step that writes it, from 0 on.
    pub from: usize,
    /// The last step that needs it, at least `from`.
    pub to: usize,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The chart as an SVG document, which needs no other file. The same input always gives the same
/// text.
pub fn memory(chart: &MemoryChart) -> String {
    let heading = Heading::new(&chart.title, &chart.subtitle, MARGIN, WIDTH);
    let steps = chart.stored.iter().map(|stored| stored.to + 1).max().unwrap_or(1);
    let top = chart
        .stored
        .iter()
        .map(|stored| stored.offset.saturating_add(stored.bytes))
        .fold(chart.bytes, u64::max);
    let (unit, unit_name) = match top {
        small if small < 4 << 10 => (1.0, "B"),
        medium if medium < 4 << 20 => (1024.0, "KiB"),
        _ => (1024.0 * 1024.0, "MiB"),
    };
    let panel = Panel {
        left: LEFT,
        top: heading.height() + 14.0,
        width: WIDTH - LEFT - MARGIN,
        height: HEIGHT,
        x: Axis::until([0.0, steps as f64].into_iter(), 1.0),
        y: Axis::amounts(top as f64 / unit),
    };
    let mut body = String::new();
    panel.columns(&mut body, SIZE);
    panel.rows(&mut body, SIZE);
    panel.outline(&mut body);
    panel.name_x(&mut body, SIZE, 36.0, "steps, in the order of execution");
    panel.name_y(&mut body, SIZE, 58.0, unit_name);
    if let Some(peak) = chart.peak.filter(|&peak| peak < steps) {
        let (left, right) = (panel.across(peak as f64), panel.across(peak as f64 + 1.0));
        let _ = writeln!(
            body,
            "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#f1f3f7\"><title>step {peak}: most memory</title></rect>",
            panel.top,
            right - left,
            panel.height
        );
    }
    for (number, stored) in chart.stored.iter().enumerate() {
        let (left, right) = (
            panel.across(stored.from as f64),
            panel.across(stored.to as f64 + 1.0),
        );
        let end = stored.offset.saturating_add(stored.bytes);
        let (low, high) = (panel.up(stored.offset as f64 / unit), panel.up(end as f64 / unit));
        let name = escaped(&stored.name);
        let _ = writeln!(
            body,
            "<rect x=\"{left:.1}\" y=\"{high:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\" fill-opacity=\"0.75\" \
             stroke=\"#ffffff\" stroke-width=\"0.6\"><title>{name}: {} bytes at {}, steps {} to {}</title></rect>",
            (right - left).max(0.1),
            (low - high).max(0.1),
            series::colour(number % COLOURS),
            grouped(stored.bytes),
            grouped(stored.offset),
            stored.from,
            stored.to
        );
        let fits = letters::width(&stored.name, NAME) + 6.0 <= right - left && low - high >= NAME + 4.0;
        if fits {
            let _ = writeln!(
                body,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{NAME}\" text-anchor=\"middle\" fill=\"{INK}\">{name}</text>",
                f64::midpoint(left, right),
                f64::midpoint(low, high) + 0.35 * NAME
            );
        }
    }
    heading.document(&chart.title, (WIDTH, panel.bottom() + 48.0), &body)
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check_well_formed, check_within};
    use super::*;

    fn chart(count: usize, bytes: u64) -> MemoryChart {
        let stored = |number: usize| Stored {
            name: format!("<map> {number}"),
            from: number,
            to: number + 2,
            offset: bytes * (number as u64 % 3),
            bytes,
        };
        MemoryChart {
            title: "Memory".to_owned(),
            subtitle: "of one image".to_owned(),
            stored: (0..count).map(stored).collect(),
            bytes: 3 * bytes,
            peak: Some(2),
        }
    }

    #[test]
    fn everything_is_within_the_frame_and_the_text_is_always_the_same() {
        for count in [0, 1, 3, 12, 300] {
            for bytes in [0, 1, 5_000, 3 << 20, u64::MAX / 8] {
                let svg = memory(&chart(count, bytes));
                check_well_formed(&svg);
                check_within(&svg);
                assert_eq!(svg, memory(&chart(count, bytes)));
                assert_eq!(svg.matches("fill-opacity").count(), count);
            }
        }
    }

    #[test]
    fn names_stand_in_rectangles_that_have_room_for_them() {
        let svg = memory(&chart(4, 5_000));
        assert!(svg.contains(">&lt;map&gt; 2</text>"), "{svg}");
        let narrow = memory(&chart(200, 5_000));
        assert!(!narrow.contains(">&lt;map&gt; 20</text>"));
        assert!(narrow.contains("&lt;map&gt; 20: 5,000 bytes at 10,000, steps 20 to 22"));
    }
}

//! Stacked bars: costs, divided into parts.

use std::fmt::Write;

use super::axis::Axis;
use super::document::Heading;
use super::panel::Panel;
use super::series::{self, colour};
use super::{INK, escaped, letters};
use crate::number::seconds;

const WIDTH: f64 = 700.0;
const MARGIN: f64 = 22.0;
const ROW: f64 = 32.0;
const SIZE: f64 = 11.0;
/// Size of the names.
const NAME: f64 = 12.0;
/// Most of the width that names take.
const NAMES: f64 = 210.0;

/// A chart of seconds, one bar below the other.
#[derive(Debug, Clone, PartialEq)]
pub struct BarChart {
    /// What it shows.
    pub title: String,
    /// A further remark; may be empty.
    pub subtitle: String,
    /// What the parts of each bar are, from left to right.
    pub parts: Vec<String>,
    /// The bars, from above.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// Seconds of each part, in the order of [`BarChart::parts`]; what is negative or no number counts as 0.
    pub seconds: Vec<f64>,
}

/// The chart as an SVG document, which needs no other file. The same input always gives the same text.
pub fn bars(chart: &BarChart) -> String {
    let heading = Heading::new(&chart.title, &chart.subtitle, MARGIN, WIDTH);
    let parts: Vec<&str> = chart.parts.iter().map(String::as_str).collect();
    let top = heading.height() + 10.0;
    let place = (MARGIN, top);
    let (mut body, legend) = series::legend(&parts, series::Sample::Square, place, WIDTH - 2.0 * MARGIN);
    let amounts: Vec<Vec<f64>> = chart.bars.iter().map(amounts).collect();
    let totals: Vec<f64> = amounts.iter().map(|parts| parts.iter().sum()).collect();
    let names = chart.bars.iter().map(|bar| letters::width(&bar.name, NAME));
    let room = names.fold(20.0, f64::max).min(NAMES);
    let labels = totals.iter().map(|total| letters::width(&seconds(*total), SIZE));
    let left = MARGIN + room + 12.0;
    let longest = totals.iter().copied().fold(0.0, f64::max);
    // What the axis counts in, so that its numbers are short.
    let (unit, unit_name) = match longest {
        short if short <= 180.0 => (1.0, " s"),
        medium if medium <= 7200.0 => (60.0, " min"),
        _ => (3600.0, " h"),
    };
    // The total stands behind its bar, which may be as long as the axis.
    let right = WIDTH - MARGIN - labels.fold(40.0, f64::max) - 8.0;
    let panel = Panel {
        left,
        top: top + legend + 10.0,
        width: right - left,
        height: ROW * chart.bars.len().max(1) as f64,
        x: Axis::amounts(longest / unit).with_unit(unit_name),
        y: Axis::levels(1),
    };
    panel.columns(&mut body, SIZE);
    for (row, ((bar, amounts), total)) in chart.bars.iter().zip(&amounts).zip(&totals).enumerate() {
        let middle = panel.top + ROW * (row as f64 + 0.5);
        let _ = writeln!(
            body,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{NAME}\" text-anchor=\"end\" fill=\"{INK}\">{}<title>{}</title></text>",
            left - 10.0,
            middle + 4.0,
            escaped(&letters::fitted(&bar.name, NAME, room)),
            escaped(&bar.name)
        );
        let mut from = 0.0;
        for (part, amount) in amounts.iter().enumerate() {
            let (x, end) = (panel.across(from / unit), panel.across((from + amount) / unit));
            let what = chart.parts.get(part).map_or("", String::as_str);
            let _ = writeln!(
                body,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"18\" fill=\"{}\"><title>{}, {}: {}</title></rect>",
                middle - 9.0,
                end - x,
                colour(part),
                escaped(&bar.name),
                escaped(what),
                seconds(*amount)
            );
            from += amount;
        }
        let _ = writeln!(
            body,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{SIZE}\" fill=\"{INK}\">{}</text>",
            panel.across(*total / unit) + 6.0,
            middle + 4.0,
            seconds(*total)
        );
    }
    heading.document(&chart.title, (WIDTH, panel.bottom() + 32.0), &body)
}

fn amounts(bar: &Bar) -> Vec<f64> {
    let amount = |amount: &f64| if amount.is_finite() { amount.max(0.0) } else { 0.0 };
    bar.seconds.iter().map(amount).collect()
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check_well_formed, check_within};
    use super::*;

    fn chart(count: usize) -> BarChart {
        BarChart {
            title: "Seconds".to_owned(),
            subtitle: "Mean of a run".to_owned(),
            parts: vec!["evaluation".to_owned(), "the method itself".to_owned()],
            bars: (0..count)
                .map(|number| Bar {
                    name: format!("{} <{number}>", "a long name ".repeat(1 + number % 4)),
                    seconds: vec![400.0 * number as f64, 3.0],
                })
                .collect(),
        }
    }

    #[test]
    fn everything_is_within_the_frame_and_the_text_is_always_the_same() {
        for count in [0, 1, 12] {
            let svg = bars(&chart(count));
            check_well_formed(&svg);
            check_within(&svg);
            assert_eq!(svg, bars(&chart(count)));
            assert_eq!(svg.matches("height=\"18\"").count(), 2 * count);
        }
    }

    #[test]
    fn what_is_no_amount_is_nothing() {
        let mut chart = chart(1);
        chart.bars[0].seconds = vec![f64::NAN, -3.0];
        let svg = bars(&chart);
        check_within(&svg);
        assert!(!svg.contains("NaN") && svg.contains(">0 s<"), "{svg}");
    }
}

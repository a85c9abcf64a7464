//! How important decisions are: bars with the interval of repetitions.

use std::fmt::Write;

use super::axis::Axis;
use super::document::Heading;
use super::panel::Panel;
use super::series::colour;
use super::{INK, escaped, letters};

const WIDTH: f64 = 700.0;
const MARGIN: f64 = 22.0;
const ROW: f64 = 26.0;
/// Size of the names.
const NAME: f64 = 12.0;
/// Size of the numbers.
const SIZE: f64 = 11.0;
/// The most room for names.
const NAMES: f64 = 230.0;

/// A chart of importances.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportanceChart {
    /// What it shows.
    pub title: String,
    /// What bars and lines are; may be empty.
    pub subtitle: String,
    /// What the axis is.
    pub axis: String,
    /// The decisions, in the order of the rows.
    pub rows: Vec<ImportanceRow>,
}

/// A decision and its importance.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportanceRow {
    /// Its name.
    pub name: String,
    /// The mean, which the bar has.
    pub mean: f64,
    /// The lower end of the line.
    pub low: f64,
    /// The upper end of the line.
    pub high: f64,
}

/// The chart as an SVG document, which needs no other file. The same input always gives the same
/// text.
pub fn importance(chart: &ImportanceChart) -> String {
    let heading = Heading::new(&chart.title, &chart.subtitle, MARGIN, WIDTH);
    let names = chart.rows.iter().map(|row| letters::width(&row.name, NAME));
    let room = names.fold(20.0, f64::max).min(NAMES);
    let left = MARGIN + room + 12.0;
    let ends = chart.rows.iter().flat_map(|row| [row.low, row.mean, row.high]);
    let number = |row: &ImportanceRow| format!("{:.3}", row.mean);
    let numbers = chart.rows.iter().map(|row| letters::width(&number(row), SIZE));
    let right = WIDTH - MARGIN - numbers.fold(20.0, f64::max) - 12.0;
    let panel = Panel {
        left,
        top: heading.height() + 14.0,
        width: right - left,
        height: ROW * chart.rows.len().max(1) as f64,
        x: Axis::over(ends.chain([0.0]), f64::INFINITY),
        y: Axis::levels(1),
    };
    let mut body = String::new();
    panel.columns(&mut body, SIZE);
    let zero = panel.across(0.0);
    let _ = writeln!(
        body,
        "<line x1=\"{zero:.1}\" y1=\"{:.1}\" x2=\"{zero:.1}\" y2=\"{:.1}\" stroke=\"{INK}\"/>",
        panel.top,
        panel.bottom()
    );
    for (place, row) in chart.rows.iter().enumerate() {
        let middle = panel.top + ROW * (place as f64 + 0.5);
        let [low, mean, high] = [row.low, row.mean, row.high].map(|value| panel.across(value));
        let _ = write!(
            body,
            "<g><title>{name}: {:.3}, from {:.3} to {:.3}</title>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{NAME}\" text-anchor=\"end\" fill=\"{INK}\">{}</text>\n\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\" fill=\"{}\" fill-opacity=\"0.75\"/>\n\
             <path d=\"M{low:.1} {:.1}v8M{low:.1} {middle:.1}H{high:.1}M{high:.1} {:.1}v8\" fill=\"none\" stroke=\"{INK}\" \
             stroke-width=\"1.4\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{SIZE}\" text-anchor=\"end\" fill=\"{INK}\">{}</text></g>\n",
            row.mean,
            row.low,
            row.high,
            left - 10.0,
            middle + 4.0,
            escaped(&letters::fitted(&row.name, NAME, room)),
            zero.min(mean),
            middle - 7.0,
            (mean - zero).abs(),
            colour(0),
            middle - 4.0,
            middle - 4.0,
            WIDTH - MARGIN,
            middle + 4.0,
            number(row),
            name = escaped(&row.name),
        );
    }
    panel.name_x(
        &mut body,
        NAME,
        38.0,
        &letters::fitted(&chart.axis, NAME, panel.width),
    );
    heading.document(&chart.title, (WIDTH, panel.bottom() + 50.0), &body)
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check_well_formed, check_within};
    use super::*;

    #[test]
    fn everything_is_within_the_frame_and_the_text_is_always_the_same() {
        for count in [0, 1, 20] {
            let row = |place: usize| {
                let mean = 0.9 / (1.0 + place as f64) - 0.06;
                ImportanceRow {
                    name: format!("<a> {}", "name.of.a.decision ".repeat(1 + place % 3)),
                    mean,
                    low: mean - 0.02,
                    high: mean + 0.02,
                }
            };
            let chart = ImportanceChart {
                title: "Importance".to_owned(),
                subtitle: "What bars are. ".repeat(12),
                axis: "fall of R²".to_owned(),
                rows: (0..count).map(row).collect(),
            };
            let svg = importance(&chart);
            check_well_formed(&svg);
            check_within(&svg);
            assert_eq!(svg, importance(&chart));
            assert_eq!(svg.matches("height=\"14\"").count(), count);
        }
    }
}

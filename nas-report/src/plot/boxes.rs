//! Box plots: how the results of each of several methods are spread.

use std::fmt::Write;

use super::crowd;
use super::document::Heading;
use super::panel::Panel;
use super::quantile::{quantile, sorted};
use super::series::colour;
use super::{Dimension, FAINT, INK, escaped, letters};

const WIDTH: f64 = 700.0;
const MARGIN: f64 = 22.0;
const ROW: f64 = 40.0;
const SIZE: f64 = 11.0;
/// Size of the names.
const NAME: f64 = 12.0;
/// Most of the width that names take.
const NAMES: f64 = 210.0;

/// A chart of boxes, one below the other.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxChart {
    /// What it shows.
    pub title: String,
    /// What the numbers are; may be empty. What box and whiskers are is said by the chart itself.
    pub subtitle: String,
    /// What is to the right.
    pub x: Dimension,
    /// The samples, from above.
    pub samples: Vec<Sample>,
}

/// Numbers of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What they are of.
    pub name: String,
    /// In any order.
    pub values: Vec<f64>,
}

/// What a box plot shows of a sample (J. W. Tukey, Exploratory Data Analysis, 1977).
#[derive(Debug, Clone, PartialEq)]
struct Spread {
    quartiles: [f64; 3],
    /// The least and the largest value within one and a half times the box's length of it.
    whiskers: (f64, f64),
    outliers: Vec<f64>,
    mean: f64,
    count: usize,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let values = sorted(values.iter().copied());
        let quartiles = [
            quantile(&values, 0.25)?,
            quantile(&values, 0.5)?,
            quantile(&values, 0.75)?,
        ];
        let reach = 1.5 * (quartiles[2] - quartiles[0]);
        let near = |value: &f64| (quartiles[0] - reach..=quartiles[2] + reach).contains(value);
        let least = values.iter().copied().find(near).unwrap_or(quartiles[0]);
        let largest = values.iter().rev().copied().find(near).unwrap_or(quartiles[2]);
        Some(Self {
            quartiles,
            // An interpolated quartile may lie beyond the last value that is near.
            whiskers: (least.min(quartiles[0]), largest.max(quartiles[2])),
            outliers: values.iter().copied().filter(|value| !near(value)).collect(),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            count: values.len(),
        })
    }
}

/// The chart as an SVG document, which needs no other file. The same input always gives the same text.
pub fn boxes(chart: &BoxChart) -> String {
    let legend = "Box: the middle half, with its median; whiskers: to the last value within 1.5 boxes; \
                  circles: values beyond; diamond: the mean.";
    let subtitle = format!("{} {legend}", chart.subtitle);
    let heading = Heading::new(&chart.title, &subtitle, MARGIN, WIDTH);
    let names = chart
        .samples
        .iter()
        .map(|sample| letters::width(&sample.name, NAME));
    let room = names.fold(46.0, f64::max).min(NAMES);
    let all = chart.samples.iter().flat_map(|sample| &sample.values);
    let left = MARGIN + room + 12.0;
    let panel = Panel {
        left,
        top: heading.height() + 14.0,
        width: WIDTH - left - MARGIN - 18.0,
        height: ROW * chart.samples.len().max(1) as f64,
        x: chart.x.over(all.copied()),
        y: super::axis::Axis::levels(1),
    };
    let mut body = String::new();
    panel.columns(&mut body, SIZE);
    panel.outline(&mut body);
    for (place, sample) in chart.samples.iter().enumerate() {
        let middle = panel.top + ROW * (place as f64 + 0.5);
        name(&mut body, sample, left - 10.0, middle, room);
        match Spread::of(&sample.values) {
            Some(spread) => draw(&mut body, &panel, middle, colour(place), sample, &spread),
            None => {
                let _ = writeln!(
                    body,
                    "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{SIZE}\" fill=\"{FAINT}\">nothing</text>",
                    left + 8.0,
                    middle + 4.0
                );
            }
        }
    }
    panel.name_x(
        &mut body,
        12.0,
        38.0,
        &letters::fitted(&chart.x.name, 12.0, panel.width),
    );
    heading.document(&chart.title, (WIDTH, panel.bottom() + 50.0), &body)
}

fn name(text: &mut String, sample: &Sample, right: f64, middle: f64, room: f64) {
    let count = sample.values.iter().filter(|value| value.is_finite()).count();
    let _ = writeln!(
        text,
        "<text x=\"{right:.1}\" y=\"{:.1}\" font-size=\"{NAME}\" text-anchor=\"end\" fill=\"{INK}\">{}<title>{}</title></text>\n\
         <text x=\"{right:.1}\" y=\"{:.1}\" font-size=\"10\" text-anchor=\"end\" fill=\"{FAINT}\">n = {count}</text>",
        middle - 1.0,
        escaped(&letters::fitted(&sample.name, NAME, room)),
        escaped(&sample.name),
        middle + 12.0,
    );
}

fn draw(text: &mut String, panel: &Panel, middle: f64, colour: &str, sample: &Sample, spread: &Spread) {
    const HALF: f64 = 11.0;
    let [first, median, third] = spread.quartiles.map(|value| panel.across(value));
    let (least, largest) = (panel.across(spread.whiskers.0), panel.across(spread.whiskers.1));
    let mean = panel.across(spread.mean);
    let (top, bottom) = (middle - HALF, middle + HALF);
    let _ = writeln!(
        text,
        "<g><title>{}: median {:.4}, quartiles {:.4} and {:.4}, mean {:.4}, n = {}</title>\n\
         <path d=\"M{least:.1} {middle:.1}H{first:.1}M{third:.1} {middle:.1}H{largest:.1}M{least:.1} {:.1}v10M{largest:.1} {:.1}v10\" \
         fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n\
         <rect x=\"{first:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\" fill-opacity=\"0.16\" \
         stroke=\"{colour}\" stroke-width=\"1.5\"/>\n\
         <line x1=\"{median:.1}\" y1=\"{top:.1}\" x2=\"{median:.1}\" y2=\"{bottom:.1}\" stroke=\"{colour}\" stroke-width=\"3\"/>\n\
         <path d=\"M{:.1} {middle:.1}l4.5 -4.5l4.5 4.5l-4.5 4.5z\" fill=\"#ffffff\" stroke=\"{INK}\" stroke-width=\"1.3\"/>",
        escaped(&sample.name),
        spread.quartiles[1],
        spread.quartiles[0],
        spread.quartiles[2],
        spread.mean,
        spread.count,
        middle - 5.0,
        middle - 5.0,
        third - first,
        bottom - top,
        mean - 4.5,
    );
    let outliers = spread
        .outliers
        .iter()
        .map(|outlier| (panel.across(*outlier), middle));
    for mark in crowd::marks(outliers) {
        let _ = writeln!(
            text,
            "<circle cx=\"{:.1}\" cy=\"{middle:.1}\" r=\"2.6\" fill=\"none\" stroke=\"{colour}\"/>",
            mark.x
        );
    }
    text.push_str("</g>\n");
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::super::checks::{check_well_formed, check_within};
    use super::*;

    fn chart(count: usize) -> BoxChart {
        let sample = |number: usize| Sample {
            name: format!(
                "{} number {number}",
                "regularized evolution".repeat(1 + number % 3)
            ),
            values: (0..30)
                .map(|i| 90.0 + 0.1 * f64::from(i * i % 37) + number as f64 / 4.0)
                .chain([70.0])
                .collect(),
        };
        BoxChart {
            title: "Test accuracy".to_owned(),
            subtitle: "Of 31 runs.".to_owned(),
            x: Dimension::percent("test accuracy", Scale::Linear),
            samples: (0..count).map(sample).collect(),
        }
    }

    #[test]
    fn everything_is_within_the_frame_and_the_text_is_always_the_same() {
        for count in [0, 1, 4, 12] {
            let svg = boxes(&chart(count));
            check_well_formed(&svg);
            check_within(&svg);
            assert_eq!(svg, boxes(&chart(count)));
            assert_eq!(svg.matches("stroke-width=\"3\"").count(), count);
        }
    }

    #[test]
    fn the_numbers_are_tukeys() {
        let spread = Spread::of(&[1.0, 2.0, 3.0, 4.0, 100.0]).unwrap();
        assert_eq!(spread.quartiles, [2.0, 3.0, 4.0]);
        assert_eq!(spread.whiskers, (1.0, 4.0));
        assert_eq!((spread.outliers, spread.mean), (vec![100.0], 22.0));
        assert_eq!(Spread::of(&[5.0]).unwrap().whiskers, (5.0, 5.0));
        assert_eq!(Spread::of(&[f64::NAN]), None);
    }

    #[test]
    fn an_empty_sample_says_so() {
        let mut chart = chart(1);
        chart.samples[0].values.clear();
        let svg = boxes(&chart);
        check_within(&svg);
        assert!(svg.contains(">nothing<") && svg.contains("n = 0"));
    }
}

//! Parallel coordinates: a row for each decision, a line for each architecture through its options,
//! down to its figure.

use std::fmt::Write;

use super::document::Heading;
use super::quantile::{far_above, far_below, sorted};
use super::{Dimension, FAINT, INK, escaped, letters};
use crate::number::grouped;

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 22.0;
/// From one row to the next.
const ROW: f64 = 60.0;
/// Size of names of decisions and options.
const NAME: f64 = 12.0;
const OPTION: f64 = 10.5;
/// Size of the numbers.
const SIZE: f64 = 11.0;
/// The most room for names of decisions.
const NAMES: f64 = 205.0;
/// The share of an option's room that lines go through.
const FILLED: f64 = 0.86;

/// The most lines: more are not told apart.
pub const LINES: usize = 120;

/// Shades from the worst to the best, for equal numbers of lines: darker by steps, so that they are
/// told apart without colours, too.
const SHADES: [&str; 8] = [
    "#d9cfa8", "#bfc99b", "#98bf9a", "#6fb0a1", "#4a9aa6", "#2f7fa3", "#1f5d94", "#132f6b",
];

/// A chart of architectures.
#[derive(Debug, Clone, PartialEq)]
pub struct ParallelChart {
    /// What it shows.
    pub title: String,
    /// The decisions, in the order of the rows: their names and those of their options.
    pub decisions: Vec<(String, Vec<String>)>,
    /// The architectures that are drawn: of many, those that [`spread`] chooses.
    pub lines: Vec<ParallelLine>,
    /// How many there are.
    pub of: usize,
    /// What their figures are.
    pub figure: Dimension,
}

/// An architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct ParallelLine {
    /// Its name: `trial 17`.
    pub name: String,
    /// Which option each decision has, in the order of the rows; nothing for one that it has not
    /// reached.
    pub choices: Vec<Option<usize>>,
    /// Its figure.
    pub value: f64,
}

/// Which of these figures are drawn, by their places: all that are finite, or of more than
/// [`LINES`] so many, evenly from the lowest to the highest.
pub fn spread(figures: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..figures.len())
        .filter(|&place| figures[place].is_finite())
        .collect();
    if places.len() <= LINES {
        return places;
    }
    places.sort_by(|&a, &b| figures[a].total_cmp(&figures[b]));
    let last = places.len() - 1;
    (0..LINES).map(|line| places[line * last / (LINES - 1)]).collect()
}

/// The chart as an SVG document, which needs no other file. The same input always gives the same
/// text. It says how many architectures there are that are not drawn. What has no finite figure is
/// left out.
pub fn parallel(chart: &ParallelChart) -> String {
    let shown = ranked(chart);
    let of = match shown.len() >= chart.of {
        true => format!("{} architectures.", shown.len()),
        false => format!(
            "{} of {} architectures, evenly from the worst to the best.",
            shown.len(),
            grouped(chart.of as u64)
        ),
    };
    let subtitle = format!(
        "{of} The stronger a line, the higher its rank; within an option, those are further to the right."
    );
    let heading = Heading::new(&chart.title, &subtitle, MARGIN, WIDTH);
    let names = chart.decisions.iter().map(|(name, _)| letters::width(name, NAME));
    let names = names.chain([letters::width(&chart.figure.name, NAME)]);
    let room = names.fold(40.0, f64::max).min(NAMES);
    let left = MARGIN + room + 14.0;
    let plot = Plot {
        left,
        width: WIDTH - MARGIN - 16.0 - left,
        top: heading.height() + 34.0,
        room,
    };
    let mut body = String::new();
    plot.lines(&mut body, chart, &shown);
    for (row, (name, options)) in chart.decisions.iter().enumerate() {
        plot.decision(&mut body, row, name, options);
    }
    let bottom = plot.figure(&mut body, chart, &shown);
    heading.document(&chart.title, (WIDTH, bottom + 16.0), &body)
}

/// The architectures with a figure, the best last.
fn ranked(chart: &ParallelChart) -> Vec<&ParallelLine> {
    let mut lines: Vec<&ParallelLine> = chart.lines.iter().filter(|line| line.value.is_finite()).collect();
    lines.sort_by(|a, b| match chart.figure.falls {
        true => b.value.total_cmp(&a.value),
        false => a.value.total_cmp(&b.value),
    });
    lines
}

struct Plot {
    left: f64,
    width: f64,
    top: f64,
    /// For names of decisions.
    room: f64,
}

impl Plot {
    fn row(&self, row: usize) -> f64 {
        self.top + ROW * row as f64
    }

    /// The lines, the best on top.
    fn lines(&self, text: &mut String, chart: &ParallelChart, shown: &[&ParallelLine]) {
        let axis = axis(chart, shown);
        text.push_str("<g class=\"lines\" fill=\"none\" stroke-width=\"1.3\" stroke-opacity=\"0.8\">\n");
        for (place, line) in shown.iter().enumerate() {
            // By rank: figures are often close to each other but for a few.
            let rank = (place as f64 + 0.5) / shown.len() as f64;
            let shade = SHADES[((rank * SHADES.len() as f64) as usize).min(SHADES.len() - 1)];
            let mut points = String::new();
            for (row, (_, options)) in chart.decisions.iter().enumerate() {
                let choice = line.choices.get(row).copied().flatten();
                let Some(choice) = choice.filter(|choice| *choice < options.len()) else {
                    continue;
                };
                let slot = self.width / options.len() as f64;
                let x = self.left + slot * (choice as f64 + 0.5 + FILLED * (rank - 0.5));
                let _ = write!(points, "{x:.1},{:.1} ", self.row(row));
            }
            let _ = writeln!(
                text,
                "<polyline points=\"{points}{:.1},{:.1}\" stroke=\"{shade}\"><title>{}: {}</title></polyline>",
                self.left + self.width * axis.share(line.value),
                self.row(chart.decisions.len()),
                escaped(&line.name),
                chart.figure.shown(line.value)
            );
        }
        text.push_str("</g>\n");
    }

    /// A row with its name and options, over the lines.
    fn decision(&self, text: &mut String, row: usize, name: &str, options: &[String]) {
        let y = self.row(row);
        self.name(text, y, name);
        let slot = self.width / options.len().max(1) as f64;
        // Names that have no room are left out, evenly.
        let stride = (28.0 / slot).ceil().max(1.0) as usize;
        for (place, option) in options.iter().enumerate() {
            let from = self.left + slot * (place as f64 + 0.5 - FILLED / 2.0);
            let _ = writeln!(
                text,
                "<line x1=\"{from:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{FAINT}\" stroke-width=\"2\"/>",
                from + FILLED * slot
            );
            if place % stride == 0 {
                let room = slot * stride as f64 - 4.0;
                let lines = halves(option, room);
                for (line, part) in lines.iter().rev().enumerate() {
                    let _ = writeln!(
                        text,
                        "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{OPTION}\" text-anchor=\"middle\" fill=\"{INK}\" \
                         stroke=\"#ffffff\" stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\" \
                         pointer-events=\"none\">{}</text>",
                        self.left + slot * (place as f64 + 0.5),
                        y - 6.0 - 13.0 * line as f64,
                        escaped(part)
                    );
                }
            }
        }
    }

    fn name(&self, text: &mut String, y: f64, name: &str) {
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{NAME}\" text-anchor=\"end\" fill=\"{INK}\">{}<title>{}</title></text>",
            self.left - 14.0,
            y + 4.0,
            escaped(&letters::fitted(name, NAME, self.room)),
            escaped(name)
        );
    }

    /// The axis of the figures, in which the lines end; gives its lower end.
    fn figure(&self, text: &mut String, chart: &ParallelChart, shown: &[&ParallelLine]) -> f64 {
        let y = self.row(chart.decisions.len());
        self.name(text, y, &chart.figure.name);
        let _ = writeln!(
            text,
            "<line x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{FAINT}\" stroke-width=\"2\"/>",
            self.left,
            self.left + self.width
        );
        let axis = axis(chart, shown);
        for (value, mark) in axis.marks() {
            let x = self.left + self.width * axis.share(value);
            let _ = writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{FAINT}\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{SIZE}\" text-anchor=\"middle\" fill=\"{INK}\">{mark}</text>",
                y + 5.0,
                y + 18.0
            );
        }
        y + 20.0
    }
}

/// A name in a line, or in two where it is too long for one: the end of `sep_conv_5x5` tells it
/// from `sep_conv_3x3`.
fn halves(name: &str, room: f64) -> Vec<String> {
    let fitted = |part: &str| letters::fitted(part, OPTION, room);
    match name.rsplit_once(['_', ' ']) {
        Some((begin, end)) if letters::width(name, OPTION) > room => vec![fitted(begin), fitted(end)],
        _ => vec![fitted(name)],
    }
}

/// The worst and the best figure that have a place of their own: what is far worse than all others
/// is at the end.
fn bounds(chart: &ParallelChart, sorted: &[f64]) -> (f64, f64) {
    let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else {
        return (0.0, 1.0);
    };
    match chart.figure.falls {
        true => (least, most.min(far_above(sorted)).max(least)),
        false => (least.max(far_below(sorted)).min(most), most),
    }
}

fn axis(chart: &ParallelChart, shown: &[&ParallelLine]) -> super::axis::Axis {
    let values = sorted(shown.iter().map(|line| line.value));
    let (least, most) = bounds(chart, &values);
    chart
        .figure
        .over(values.into_iter().filter(|value| (least..=most).contains(value)))
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::super::checks::{check_well_formed, check_within};
    use super::*;

    fn chart(decisions: usize, options: usize, lines: usize) -> ParallelChart {
        ParallelChart {
            title: "Decisions".to_owned(),
            decisions: (0..decisions)
                .map(|place| {
                    let options = (0..options).map(|option| format!("sep_conv_{option}x{option} <a>"));
                    (
                        format!("normal.node{place}.operation{place}.of.some.length"),
                        options.collect(),
                    )
                })
                .collect(),
            lines: (0..lines)
                .map(|place| ParallelLine {
                    name: format!("trial {place}"),
                    choices: (0..decisions)
                        .map(|row| Some((place * 7 + row) % options.max(1)))
                        .collect(),
                    value: 80.0 + (place * 37 % 101) as f64 / 10.0,
                })
                .collect(),
            of: lines,
            figure: Dimension::percent("validation accuracy", Scale::Linear),
        }
    }

    fn names(svg: &str) -> Vec<&str> {
        let titles = svg.split("<title>trial ").skip(1);
        titles.map(|rest| rest.split(':').next().unwrap()).collect()
    }

    #[test]
    fn everything_is_within_the_frame_and_the_text_is_always_the_same() {
        for (decisions, options, lines) in [(0, 0, 0), (1, 1, 1), (6, 5, 50), (12, 8, 300), (3, 60, 40)] {
            let chart = chart(decisions, options, lines);
            let svg = parallel(&chart);
            check_well_formed(&svg);
            check_within(&svg);
            assert_eq!(svg, parallel(&chart));
            assert_eq!(names(&svg).len(), lines);
        }
    }

    #[test]
    fn of_many_architectures_the_worst_the_best_and_some_between_are_drawn() {
        let mut figures: Vec<f64> = (0..10_000)
            .map(|place| f64::from(place * 7919 % 10_007))
            .collect();
        figures[17] = f64::NAN;
        let places = spread(&figures);
        assert_eq!(places.len(), LINES);
        let drawn: Vec<f64> = places.iter().map(|&place| figures[place]).collect();
        let kept = figures.iter().copied().filter(|figure| figure.is_finite());
        let most = kept.fold(f64::NEG_INFINITY, f64::max);
        assert_eq!((drawn[0], drawn[LINES - 1]), (0.0, most));
        assert!(drawn.is_sorted());
        assert_eq!(spread(&figures[16..19]), [0, 2]);
        let mut chart = chart(3, 4, LINES);
        chart.of = 10_000;
        assert!(parallel(&chart).contains("120 of 10,000 architectures, evenly from the worst"));
    }

    #[test]
    fn the_best_is_the_darkest_and_drawn_last_whatever_the_direction() {
        let mut chart = chart(3, 4, 50);
        let best = |chart: &ParallelChart| {
            let svg = parallel(chart);
            let last = svg.rsplit("<polyline").next().unwrap().to_owned();
            assert!(last.contains(SHADES[7]), "{last}");
            let name = *names(&svg).last().unwrap();
            chart.lines[name.parse::<usize>().unwrap()].value
        };
        let values = sorted(chart.lines.iter().map(|line| line.value));
        assert_eq!(best(&chart), values[49]);
        chart.figure.falls = true;
        assert_eq!(best(&chart), values[0]);
    }

    #[test]
    fn a_decision_that_was_not_reached_is_passed_by() {
        let mut chart = chart(3, 4, 2);
        chart.lines[0].choices = vec![Some(1), None];
        chart.lines[1].value = f64::NAN;
        let svg = parallel(&chart);
        check_within(&svg);
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(points.split(' ').count(), 2, "an option and the figure: {points}");
        assert_eq!(names(&svg), ["0"]);
    }

    #[test]
    fn operations_of_a_family_are_told_apart_where_room_is_short() {
        assert_eq!(halves("sep_conv_5x5", 70.0), ["sep_conv", "5x5"]);
        assert_eq!(halves("sep_conv_5x5", 200.0), ["sep_conv_5x5"]);
        assert_eq!(halves("identity", 20.0).len(), 1);
        let mut chart = chart(3, 0, 0);
        let operations = [
            "sep_conv_3x3",
            "sep_conv_5x5",
            "max_pool_3x3",
            "avg_pool_3x3",
            "skip_connect",
            "none",
            "dil_conv_3x3",
        ];
        for (name, options) in &mut chart.decisions {
            *name = "reduction.node2.operation1".to_owned();
            *options = operations.map(str::to_owned).to_vec();
        }
        let svg = parallel(&chart);
        check_within(&svg);
        assert!(svg.contains(">reduction.node2.operation1<"), "{svg}");
        for part in [">sep_conv<", ">5x5<", ">max_pool<"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    /// Relative luminance by WCAG 2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            match value <= 0.04045 {
                true => value / 12.92,
                false => ((value + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn shades_are_told_apart_by_their_darkness_alone() {
        for pair in SHADES.windows(2) {
            let ratio = (luminance(pair[0]) + 0.05) / (luminance(pair[1]) + 0.05);
            assert!(ratio > 1.1, "{pair:?}: {ratio}");
        }
        assert!(
            1.05 / (luminance(SHADES[0]) + 0.05) > 1.5,
            "the palest is seen on white"
        );
    }
}

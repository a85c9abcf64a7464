//! Step curves with bands: the progress of one or several methods.

use std::fmt::Write;

use super::crowd;
use super::document::Heading;
use super::panel::Panel;
use super::quantile::{far_above, far_below, quantile, sorted};
use super::readout::{self, Strip};
use super::series::{self, colour, dashes};
use super::{Dimension, FAINT, Scale, escaped, letters};

const WIDTH: f64 = 700.0;
const MARGIN: f64 = 22.0;
const PLOT: f64 = 270.0;
/// Size of the numbers at the axes.
const SIZE: f64 = 11.0;
/// Height of the strip below a logarithmic axis in which what is 0 is drawn.
const ZERO: f64 = 34.0;
/// Differences smaller than this are those of rounding.
const NOTHING: f64 = 1e-9;

/// A chart of curves.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveChart {
    /// What it shows.
    pub title: String,
    /// What lines and bands are; may be empty.
    pub subtitle: String,
    /// What is to the right. On a logarithmic axis, what is not above 0 is drawn at its left end.
    pub x: Dimension,
    /// What is upwards. On a logarithmic axis, what is 0 (or negative, or below 1e-9, which is rounding) is drawn in a strip
    /// of its own below the axis, which is marked 0.
    pub y: Dimension,
    /// The curves, in the order of the legend. One curve has no legend.
    pub curves: Vec<Curve>,
    /// Single observations (x, y) behind the curves; may be empty. Those far below all others are drawn at the lower
    /// edge; where lower is better, those far above at the upper one.
    pub dots: Vec<(f64, f64)>,
}

/// A curve that keeps each value until the next: a search knows nothing between two trials.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// In the order of their `x`. The curve ends at the last one: if nothing has changed since,
    /// repeat it at the end.
    pub points: Vec<Point>,
}

/// A value that holds from `x` on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From where on.
    pub x: f64,
    /// What is drawn as the line.
    pub mean: f64,
    /// The lower end of the band; as `mean` where there is none.
    pub low: f64,
    /// The upper end of the band; as `mean` where there is none.
    pub high: f64,
}

impl Point {
    /// A value without a band.
    pub fn new(x: f64, value: f64) -> Self {
        Self {
            x,
            mean: value,
            low: value,
            high: value,
        }
    }

    fn is_finite(&self) -> bool {
        [self.x, self.mean, self.low, self.high]
            .iter()
            .all(|value| value.is_finite())
    }
}

/// The chart as an SVG document, which needs no other file. The same input always gives the same text. Points that are no
/// numbers are left out.
pub fn curves(chart: &CurveChart) -> String {
    draw(chart, false)
}

/// The same with straight lines from value to value: of trainings, whose figures change all the time and are measured after each
/// epoch.
pub fn learning(chart: &CurveChart) -> String {
    draw(chart, true)
}

fn draw(chart: &CurveChart, straight: bool) -> String {
    let heading = Heading::new(&chart.title, &chart.subtitle, MARGIN, WIDTH);
    let names: Vec<&str> = match chart.curves.len() {
        1 => Vec::new(),
        _ => chart.curves.iter().map(|curve| curve.name.as_str()).collect(),
    };
    let mut body = String::new();
    let top = heading.height() + 10.0;
    let (legend, legend_height) =
        series::legend(&names, series::Sample::Line, (MARGIN, top), WIDTH - 2.0 * MARGIN);
    body.push_str(&legend);
    let plot = Plot::new(chart, straight, top + legend_height + 12.0);
    plot.axes(&mut body, chart);
    plot.dots(&mut body, &chart.dots);
    let drawn = chart.curves.iter().map(finite);
    let drawn: Vec<Vec<Point>> = drawn.collect();
    for (place, points) in drawn.iter().enumerate() {
        plot.band(&mut body, place, points);
    }
    for (place, (curve, points)) in chart.curves.iter().zip(&drawn).enumerate() {
        plot.line(&mut body, place, curve, points, &chart.y.unit);
    }
    let strips = plot.strips(chart, &drawn);
    readout::draw(&mut body, (plot.panel.top, plot.foot() - plot.panel.top), &strips);
    let below = plot.foot() + 50.0;
    heading.document(&chart.title, (WIDTH, below), &body)
}

fn finite(curve: &Curve) -> Vec<Point> {
    curve.points.iter().copied().filter(Point::is_finite).collect()
}

/// The panel and, below a logarithmic axis, the strip of what is 0.
struct Plot {
    panel: Panel,
    /// Where 0 is drawn, if anything is.
    zero: Option<f64>,
    logarithmic: bool,
    /// Whether lines are straight from value to value.
    straight: bool,
}

impl Plot {
    fn new(chart: &CurveChart, straight: bool, top: f64) -> Self {
        let points: Vec<Point> = chart.curves.iter().flat_map(finite).collect();
        let ys = points
            .iter()
            .flat_map(|point| [point.mean, point.low, point.high]);
        let ys: Vec<f64> = ys.chain(chart.dots.iter().map(|dot| dot.1)).collect();
        let xs = points
            .iter()
            .map(|point| point.x)
            .chain(chart.dots.iter().map(|dot| dot.0));
        let logarithmic = chart.y.scale == Scale::Logarithmic;
        let zero = logarithmic && ys.iter().any(|value| *value < NOTHING);
        let (least, largest) = match logarithmic {
            true => (NOTHING, f64::INFINITY),
            false => shown(chart),
        };
        let y = chart
            .y
            .over(ys.into_iter().filter(|value| (least..=largest).contains(value)));
        let widest = y.marks().map(|(_, name)| letters::width(name, SIZE));
        let left = MARGIN + 20.0 + widest.fold(20.0, f64::max) + 6.0;
        let panel = Panel {
            left,
            top,
            // Half of the last number at the axis.
            width: WIDTH - left - MARGIN - 14.0,
            height: PLOT - if zero { ZERO } else { 0.0 },
            x: chart.x.until(xs),
            y,
        };
        Self {
            zero: zero.then(|| panel.bottom() + ZERO / 2.0),
            panel,
            logarithmic,
            straight,
        }
    }

    /// The lower end of it all.
    fn foot(&self) -> f64 {
        self.panel.bottom() + self.zero.map_or(0.0, |_| ZERO)
    }

    fn up(&self, value: f64) -> f64 {
        match self.zero {
            Some(zero) if self.logarithmic && value < NOTHING => zero,
            _ => self.panel.up(value),
        }
    }

    fn axes(&self, text: &mut String, chart: &CurveChart) {
        let panel = &self.panel;
        panel.rows(text, SIZE);
        let (left, right) = (panel.left, panel.right());
        if let Some(zero) = self.zero {
            let _ = writeln!(
                text,
                "<line x1=\"{left:.1}\" y1=\"{zero:.1}\" x2=\"{right:.1}\" y2=\"{zero:.1}\" stroke=\"#eceff4\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{SIZE}\" text-anchor=\"end\" fill=\"{FAINT}\">0{}</text>",
                left - 6.0,
                zero + 0.35 * SIZE,
                escaped(&chart.y.unit)
            );
        }
        let whole = Panel {
            height: self.foot() - panel.top,
            x: panel.x.clone(),
            y: panel.y.clone(),
            ..*panel
        };
        whole.columns(text, SIZE);
        whole.outline(text);
        if self.zero.is_some() {
            let _ = writeln!(
                text,
                "<line x1=\"{left:.1}\" y1=\"{0:.1}\" x2=\"{right:.1}\" y2=\"{0:.1}\" stroke=\"{FAINT}\" \
                 stroke-dasharray=\"2 4\"/>",
                panel.bottom()
            );
        }
        let room = |scale| match scale {
            Scale::Logarithmic => " (logarithmic)",
            Scale::Linear => "",
        };
        let x_name = format!("{}{}", chart.x.name, room(chart.x.scale));
        whole.name_x(text, 12.0, 38.0, &letters::fitted(&x_name, 12.0, panel.width));
        let y_name = format!("{}{}", chart.y.name, room(chart.y.scale));
        let y_name = letters::fitted(&y_name, 12.0, whole.height);
        whole.name_y(text, 12.0, panel.left - MARGIN - 10.0, &y_name);
    }

    /// The observations, those far away as triangles at the edge.
    fn dots(&self, text: &mut String, dots: &[(f64, f64)]) {
        let (lowest, highest) = match self.logarithmic {
            true => (f64::NEG_INFINITY, f64::INFINITY),
            false => (self.panel.y.low(), self.panel.y.high()),
        };
        let places = |from: f64, until: f64| {
            let dots = dots.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
            dots.filter(move |(_, y)| (from..=until).contains(y))
                .map(|&(x, y)| (self.panel.across(x), self.up(y)))
        };
        for mark in crowd::marks(places(lowest, highest)) {
            let _ = writeln!(
                text,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.4\" fill=\"{}\" fill-opacity=\"{}\"/>",
                mark.x,
                mark.y,
                colour(0),
                mark.opacity(0.3)
            );
        }
        let below = places(f64::NEG_INFINITY, lowest.next_down()).map(|(x, _)| (x, 0.0));
        let above = places(highest.next_up(), f64::INFINITY).map(|(x, _)| (x, 0.0));
        let edges = [
            (crowd::marks(below), self.panel.bottom() - 6.0, 5),
            (crowd::marks(above), self.panel.top + 6.0, -5),
        ];
        for (marks, y, height) in edges {
            for mark in marks {
                let _ = writeln!(
                    text,
                    "<path d=\"M{:.1} {y:.1}h7l-3.5 {height}z\" fill=\"{}\" fill-opacity=\"{}\"/>",
                    mark.x - 3.5,
                    colour(0),
                    mark.opacity(0.4)
                );
            }
        }
    }

    /// The steps of these values as commands of a path, from the first or on from where it is.
    fn steps(&self, points: &[Point], value: fn(&Point) -> f64) -> Vec<(f64, f64)> {
        let mut corners: Vec<(f64, f64)> = Vec::new();
        for point in points {
            let (x, y) = (self.panel.across(point.x), self.up(value(point)));
            if let Some(&(_, before)) = corners.last().filter(|_| !self.straight) {
                corners.push((x, before));
            }
            corners.push((x, y));
        }
        crowd::corners(corners)
    }

    /// The values of all curves along the x axis. With dots, a strip is around its place, as a dot is; without, from a place to
    /// the next, as long as nothing changes.
    fn strips(&self, chart: &CurveChart, drawn: &[Vec<Point>]) -> Vec<Strip> {
        let mut dots: Vec<(f64, f64)> = chart.dots.clone();
        dots.retain(|(x, y)| x.is_finite() && y.is_finite());
        dots.sort_by(|a, b| a.0.total_cmp(&b.0));
        let xs = drawn.iter().flatten().map(|point| point.x);
        let xs = sorted(xs.chain(dots.iter().map(|dot| dot.0)));
        let mut xs: Vec<f64> = xs;
        xs.dedup();
        let across: Vec<f64> = xs.iter().map(|&x| self.panel.across(x)).collect();
        let groups = readout::groups(&across, readout::most(drawn.len()));
        let middle = |place: usize| 0.5 * (across[place] + across[place + 1]);
        let around = self.straight || !dots.is_empty();
        groups
            .iter()
            .map(|&(first, last)| {
                let is_end = last + 1 == xs.len();
                let left = match first {
                    0 => self.panel.left,
                    first if around => middle(first - 1),
                    first => across[first],
                };
                let right = match is_end {
                    true => self.panel.right(),
                    false if around => middle(last),
                    false => across[last + 1],
                };
                // Of whole numbers without dots, the last one before the next change.
                let until = match !around && chart.x.whole && !is_end {
                    true => (xs[last + 1] - 1.0).max(xs[last]),
                    false => xs[last],
                };
                let until = match until > xs[first] {
                    true => format!(" to {}", chart.x.shown(until)),
                    false => String::new(),
                };
                let one = until.is_empty() && chart.x.whole && xs[first] == 1.0;
                let thing = chart.x.name.strip_suffix('s').filter(|_| one);
                let thing = thing.unwrap_or(&chart.x.name);
                let mut text = format!("{}{until} {thing}", chart.x.shown(xs[first]));
                for (curve, points) in chart.curves.iter().zip(drawn) {
                    let known = points.partition_point(|point| point.x <= xs[last]);
                    let Some(point) = known.checked_sub(1).map(|place| points[place]) else {
                        continue;
                    };
                    text += &format!("\n{}: {}", curve.name, chart.y.shown(point.mean));
                    if point.low < point.high {
                        let bounds = [point.low, point.high].map(|bound| chart.y.shown(bound));
                        text += &format!(" ({} to {})", bounds[0], bounds[1]);
                    }
                }
                let from = dots.partition_point(|dot| dot.0 < xs[first]);
                let here = &dots[from..dots.partition_point(|dot| dot.0 <= xs[last])];
                let values = sorted(here.iter().map(|dot| dot.1));
                text += &match values[..] {
                    [] => String::new(),
                    [one] => format!("\ndot: {}", chart.y.shown(one)),
                    [least, .., largest] => {
                        format!(
                            "\n{} dots: {} to {}",
                            values.len(),
                            chart.y.shown(least),
                            chart.y.shown(largest)
                        )
                    }
                };
                Strip { left, right, text }
            })
            .collect()
    }

    fn band(&self, text: &mut String, place: usize, points: &[Point]) {
        if points.iter().all(|point| point.low == point.high) {
            return;
        }
        let mut corners = self.steps(points, |point| point.high);
        let mut lower = self.steps(points, |point| point.low);
        lower.reverse();
        corners.append(&mut lower);
        let _ = writeln!(
            text,
            "<path d=\"{}z\" fill=\"{}\" fill-opacity=\"0.15\"/>",
            path(&corners),
            colour(place)
        );
    }

    fn line(&self, text: &mut String, place: usize, curve: &Curve, points: &[Point], unit: &str) {
        let Some(last) = points.last() else {
            return;
        };
        let corners = self.steps(points, |point| point.mean);
        let _ = writeln!(
            text,
            "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.2\" stroke-linejoin=\"round\"{}>\
             <title>{name}</title></path>\n\
             <circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"><title>{name}: {:.4}{} in the end</title></circle>",
            path(&corners),
            dashes(place),
            self.panel.across(last.x),
            self.up(last.mean),
            last.mean,
            escaped(unit),
            colour = colour(place),
            name = escaped(&curve.name),
        );
    }
}

/// What is drawn in its place on an even axis: all, or, where there are dots, what is not far worse than most of them. A curve is
/// in its place at its end.
fn shown(chart: &CurveChart) -> (f64, f64) {
    let dots = sorted(chart.dots.iter().map(|dot| dot.1));
    if quantile(&dots, 0.5).is_none() {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    let ends = chart.curves.iter().filter_map(|curve| curve.points.last());
    match chart.y.falls {
        true => {
            let largest = ends.map(|point| point.high).fold(far_above(&dots), f64::max);
            (f64::NEG_INFINITY, largest)
        }
        false => {
            let least = ends.map(|point| point.low).fold(far_below(&dots), f64::min);
            (least, f64::INFINITY)
        }
    }
}

fn path(corners: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (x, y) in corners {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{x:.1} {y:.1}");
    }
    path
}

#[cfg(test)]
mod tests;

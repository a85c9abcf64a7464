//! A chart of accuracy against cost: all trials of a run, with the front marked.

use std::fmt::Write;

use nas_evo::Objective;
use nas_space::search::{Direction, Metric};
use nas_space::sizes::Quantity;

use super::OnAxis;
use super::axis::Axis;
use super::panel::Panel;
use super::quantile::{far_below, sorted};
use super::{FAINT, INK, escaped};
use crate::number::{figure, grouped, size};
use crate::pareto::{Pareto, Point};
use crate::shown::Shown;

const SIZE: (f64, f64) = (720.0, 470.0);
/// Left, top, right and bottom of the axes' frame.
const FRAME: [f64; 4] = [70.0, 84.0, 696.0, 412.0];
const FRONT: &str = "#dd6b20";
const TRIAL: &str = "#3b7dd8";

/// More points than about this many are not drawn: the picture of a million would be too large for any program.
pub const POINTS: usize = 5_000;

/// Accuracy against the first cost that the points are compared by, as an SVG document, which needs no other file. The same
/// points always give the same text.
pub fn pareto(pareto: &Pareto) -> String {
    let mut costs = pareto.objectives.iter();
    let cost = costs.find_map(Objective::quantity).unwrap_or(Quantity::Params);
    let cost = &cost;
    let of = |point: &Point| point.figures.get(cost).unwrap_or(f64::NAN);
    let x = Axis::over(pareto.points.iter().map(of), f64::INFINITY);
    let least = least_shown(pareto);
    let metric = &pareto.metric;
    let shown = pareto.points.iter().map(|point| point.score);
    let shown = shown.filter(|score| *score >= least);
    let y = metric
        .dimension(String::new())
        .over(shown.map(|score| metric.on_axis(score)));
    let [left, top, right, bottom] = FRAME;
    let panel = Panel {
        left,
        top,
        width: right - left,
        height: bottom - top,
        x,
        y,
    };
    let place = |point: &Point| (panel.across(of(point)), panel.up(metric.on_axis(point.score)));
    let mut text = heading(pareto, cost, least);
    panel.rows(&mut text, 11.0);
    panel.columns(&mut text, 11.0);
    panel.outline(&mut text);
    panel.name_x(&mut text, 12.0, 42.0, long_name(cost));
    let mut on_front = vec![false; pareto.points.len()];
    for &number in &pareto.front {
        on_front[number] = true;
    }
    for (point, _) in pareto.points.iter().zip(&on_front).filter(|(_, on)| !**on) {
        if point.score < least {
            triangle(&mut text, place(point).0, point, metric);
        } else {
            circle(&mut text, place(point), 4.0, TRIAL, (0.55, point, metric));
        }
    }
    let front = pareto.front();
    // With a third objective the front is no line between the two that are drawn.
    if pareto.objectives.len() == 2 {
        let _ = writeln!(
            text,
            "<path d=\"{}\" fill=\"none\" stroke=\"{FRONT}\" stroke-width=\"1.6\"/>",
            staircase(front.iter().map(|point| place(point)))
        );
    }
    for point in front {
        circle(&mut text, place(point), 5.5, FRONT, (1.0, point, metric));
    }
    text.push_str("</svg>\n");
    text
}

/// The document's beginning, with its titles and legend.
fn heading(pareto: &Pareto, cost: &Quantity, least: f64) -> String {
    let metric = &pareto.metric;
    let title = format!("{} and {}", metric.on("Validation"), long_name(cost));
    let names: Vec<String> = pareto
        .objectives
        .iter()
        .map(|objective| match objective {
            Objective::Accuracy => metric.described(),
            cost => cost.name().to_owned(),
        })
        .collect();
    let below = pareto.points.iter().filter(|point| point.score < least).count();
    let below = match below {
        0 => String::new(),
        _ => match metric.direction() {
            Direction::Higher => format!("; ▾ {below} far below"),
            Direction::Lower => format!("; ▴ {below} far above"),
        },
    };
    let (width, height) = SIZE;
    let [left, _, right, _] = FRAME;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n\
         <title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{left}\" y=\"34\" font-size=\"18\" font-weight=\"bold\" fill=\"{INK}\">{}</text>\n\
         <text x=\"{left}\" y=\"54\" font-size=\"12\" fill=\"{FAINT}\">{} trials. The front: {} that none dominates in {}{below}</text>\n\
         <circle cx=\"{:.1}\" cy=\"30\" r=\"5.5\" fill=\"{FRONT}\"/>\n\
         <text x=\"{:.1}\" y=\"34\" font-size=\"12\" fill=\"{INK}\">front</text>\n\
         <circle cx=\"{:.1}\" cy=\"30\" r=\"4\" fill=\"{TRIAL}\" fill-opacity=\"0.55\"/>\n\
         <text x=\"{:.1}\" y=\"34\" font-size=\"12\" fill=\"{INK}\">other trials</text>\n",
        escaped(&title),
        escaped(&title),
        grouped(pareto.points.len() as u64),
        grouped(pareto.front.len() as u64),
        escaped(&names.join(", ")),
        right - 150.0,
        right - 141.0,
        right - 88.0,
        right - 79.0,
    );
    text
}

fn long_name(cost: &Quantity) -> &str {
    match cost {
        Quantity::Macs => "multiply-accumulates",
        Quantity::Params => "parameters",
        Quantity::Named(name) => name,
    }
}

/// The accuracy below which trials are not shown in their place: one network that learnt nothing would press all others together.
/// It is never above a point of the front.
fn least_shown(pareto: &Pareto) -> f64 {
    let accuracies = sorted(pareto.points.iter().map(|point| point.score));
    if accuracies.is_empty() {
        return 0.0;
    }
    let of_front = pareto
        .front()
        .iter()
        .map(|point| point.score)
        .fold(f64::INFINITY, f64::min);
    far_below(&accuracies).min(of_front)
}

/// A trial that lies below the frame, or above it where lower is better.
fn triangle(text: &mut String, x: f64, point: &Point, metric: &Metric) {
    let [_, top, _, bottom] = FRAME;
    let (y, height) = match metric.direction() {
        Direction::Higher => (bottom - 9.0, 7),
        Direction::Lower => (top + 9.0, -7),
    };
    let _ = writeln!(
        text,
        "<path d=\"M{:.1} {y:.1}h9l-4.5 {height}z\" fill=\"{TRIAL}\" fill-opacity=\"0.55\">{}</path>",
        x - 4.5,
        tooltip(point, metric)
    );
}

/// What is shown where one points at a trial.
fn tooltip(point: &Point, metric: &Metric) -> String {
    let mut text = size(point.figures.params, point.figures.macs);
    for (name, value) in &point.figures.named {
        text += &format!(", {name} {}", figure(*value));
    }
    format!(
        "<title>trial {}: {}, {}\n{}</title>",
        point.trial,
        metric.shown(point.score),
        escaped(&text),
        escaped(&point.arch)
    )
}

fn circle(
    text: &mut String,
    (x, y): (f64, f64),
    radius: f64,
    colour: &str,
    (opacity, point, metric): (f64, &Point, &Metric),
) {
    let _ = writeln!(
        text,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\" fill-opacity=\"{opacity}\">{}</circle>",
        tooltip(point, metric)
    );
}

/// The edge of what the front dominates: to the right, then up.
fn staircase(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        let _ = if path.is_empty() {
            write!(path, "M{x:.1} {y:.1}")
        } else {
            write!(path, "H{x:.1}V{y:.1}")
        };
    }
    path
}

#[cfg(test)]
mod tests {
    use nas_space::cost::Cost;

    use super::*;

    fn points(figures: &[(f64, u64)]) -> Pareto {
        let points = (0..).zip(figures);
        let points = points.map(|(trial, &(valid_accuracy, params))| Point {
            trial,
            arch: format!("<{trial}>"),
            score: valid_accuracy,
            valid_accuracy: Some(valid_accuracy),
            valid: None,
            figures: Cost {
                params,
                macs: 10 * params,
            }
            .into(),
        });
        Pareto::of(
            points.collect(),
            &[Objective::Accuracy, Objective::Params],
            Metric::default(),
        )
    }

    #[test]
    fn every_trial_is_a_circle_and_the_front_a_staircase() {
        let svg = pareto(&points(&[(0.9, 90_000), (0.5, 50_000), (0.6, 20_000)]));
        // Two circles stand in the legend.
        assert_eq!(svg.matches("<circle").count(), 2 + 3);
        assert_eq!(svg.matches(&format!("fill=\"{FRONT}\"")).count(), 1 + 2);
        let path = svg.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(path.matches(['M', 'H', 'V']).count(), 3, "{path}");
        assert!(
            svg.contains("&lt;2&gt;") && !svg.contains("<2>"),
            "names are escaped"
        );
        assert!(svg.contains("3 trials") && svg.contains("60.00 %, 20,000 parameters"));
        assert_eq!(svg.matches("<title>").count(), svg.matches("</title>").count());
    }

    #[test]
    fn a_front_of_three_objectives_has_no_staircase_and_the_first_cost_is_the_axis() {
        let two = points(&[(0.9, 90), (0.5, 50)]);
        let three = Pareto::of(
            two.points,
            &[Objective::Macs, Objective::Accuracy, Objective::Params],
            Metric::default(),
        );
        let svg = pareto(&three);
        assert!(!svg.contains("<path"), "neither staircase nor triangle");
        assert!(svg.contains("Validation accuracy and multiply-accumulates"));
    }

    #[test]
    fn a_network_that_learnt_nothing_is_at_the_bottom_unless_it_is_of_the_front() {
        let mut figures: Vec<(f64, u64)> = (0..20).map(|i| (0.9 + 0.002 * i as f64, 100 + i)).collect();
        figures.push((0.1, 100));
        let svg = pareto(&points(&figures));
        assert!(svg.contains("; ▾ 1 far below") && svg.contains(">90 %<"), "{svg}");
        assert!(!svg.contains(">20 %<"));
        assert_eq!(svg.matches("<title>trial").count(), 21);
        figures.push((0.1, 50));
        let svg = pareto(&points(&figures));
        assert!(!svg.contains("far below") && svg.contains(">20 %<"), "{svg}");
    }

    #[test]
    fn one_point_and_none_have_axes_too() {
        for figures in [
            &[(0.5, 100)][..],
            &[(0.5, 100), (0.5, 100)],
            &[(0.0, 0)],
            &[(1.0, 7)],
            &[],
        ] {
            let svg = pareto(&points(figures));
            assert!(
                svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"),
                "{svg}"
            );
        }
    }
}

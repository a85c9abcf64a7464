//! Charts of a progressive search: the quality of its predictions, and the results and costs of its
//! levels.
//!
//! The same levels always give the same text.

use std::fmt::Write;

use super::axis::{Axis, count};
use super::crowd;
use super::document::Heading;
use super::panel::Panel;
use super::{FAINT, INK, escaped};

const MARGIN: f64 = 28.0;
const TITLE: f64 = 56.0;
/// Side of a panel.
const SIDE: f64 = 230.0;
/// From one panel to the next: room for the numbers beside it.
const BETWEEN: f64 = 76.0;
/// Below a panel: room for numbers and the axis's name.
const BELOW: f64 = 48.0;
const BLUE: &str = "#3b7dd8";
const ORANGE: &str = "#dd6b20";
const GREY: &str = "#9aa3b2";

/// A level of a progressive search. Accuracies, predicted and measured, are in [0, 1].
///
/// `nas_pnas::report::LevelReport` has these numbers; the correlations are those of its `extrapolated`.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Its number, from 1.
    pub level: usize,
    /// The architectures that were chosen to be trained, in the order of their trials.
    pub models: Vec<Model>,
    /// How many different architectures they were chosen from.
    pub distinct: u64,
    /// How many architectures the level has in all.
    pub size: f64,
    /// The highest accuracy measured, if any.
    pub best: Option<f64>,
    /// Spearman's ρ of predictions and measurements, where it is known.
    pub spearman: Option<f64>,
    /// Kendall's τ of predictions and measurements, where it is known.
    pub kendall: Option<f64>,
}

/// An architecture of a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model {
    /// What was predicted before it was trained, if anything was.
    pub predicted: Option<f64>,
    /// What was measured; none before its trial has ended, or where it failed.
    pub measured: Option<f64>,
}

/// Predicted against measured accuracy, a panel for each level that was predicted. Dots on the diagonal were predicted exactly.
///
/// `learned` names what was predicted: `accuracy`, or another figure in [0, 1], such as `score`.
pub fn predicted(levels: &[Level], learned: &str) -> String {
    let panels: Vec<(&Level, Vec<(f64, f64)>)> = levels
        .iter()
        .filter(|level| level.models.iter().any(|model| model.predicted.is_some()))
        .map(|level| {
            let pairs = level
                .models
                .iter()
                .filter_map(|m| Some((100.0 * m.predicted?, 100.0 * m.measured?)));
            (level, pairs.collect())
        })
        .collect();
    let mut body = String::new();
    for (place, (level, pairs)) in panels.iter().enumerate() {
        let panel = Panel {
            left: MARGIN + BETWEEN / 2.0 + place as f64 * (SIDE + BETWEEN),
            top: MARGIN + TITLE + 22.0,
            width: SIDE,
            height: SIDE,
            x: Axis::of(pairs.iter().map(|pair| pair.0)),
            y: Axis::of(pairs.iter().map(|pair| pair.1)),
        };
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2}"));
        let subtitle = format!(
            "ρ {}, τ {}, {} models",
            number(level.spearman),
            number(level.kendall),
            pairs.len()
        );
        frame(&panel, &mut body, &format!("Level {}", level.level), &subtitle);
        grid(
            &panel,
            &mut body,
            &format!("predicted {learned}, %"),
            &format!("measured {learned}, %"),
        );
        diagonal(&panel, &mut body);
        let places = pairs.iter().map(|&(x, y)| (panel.across(x), panel.up(y)));
        dots(&mut body, places, BLUE);
    }
    let width = 2.0 * MARGIN + (panels.len().max(2) as f64) * (SIDE + BETWEEN);
    let height = MARGIN + TITLE + 22.0 + SIDE + BELOW + MARGIN;
    document(
        &format!("Predicted and measured {learned}"),
        "The surrogate's prediction for each architecture before it was trained. ρ, τ: rank correlations.",
        width,
        height,
        &body,
    )
}

/// The accuracies of each level, and how many architectures were trained, predicted, and there. `learned` is as for
/// [`predicted`].
pub fn levels(levels: &[Level], learned: &str) -> String {
    let mut body = String::new();
    let top = MARGIN + TITLE + 22.0;
    accuracies(&mut body, levels, (MARGIN + BETWEEN / 2.0, top), learned);
    costs(&mut body, levels, MARGIN + 1.5 * BETWEEN + SIDE, top);
    let width = 2.0 * MARGIN + 2.0 * (SIDE + BETWEEN);
    let height = top + SIDE + BELOW + 26.0 + MARGIN;
    let trained: usize = levels.iter().map(|level| level.models.len()).sum();
    document(
        "Levels of the search",
        &format!("{trained} architectures were chosen to be trained."),
        width,
        height,
        &body,
    )
}

/// A dot for each architecture, and a line through the best.
fn accuracies(body: &mut String, levels: &[Level], (left, top): (f64, f64), learned: &str) {
    let all = levels
        .iter()
        .flat_map(|level| &level.models)
        .filter_map(|model| model.measured);
    let panel = Panel {
        left,
        top,
        width: SIDE,
        height: SIDE,
        x: Axis::levels(levels.len()),
        y: Axis::of(all.map(|accuracy| 100.0 * accuracy)),
    };
    let title = match learned {
        "accuracy" => "Accuracy",
        _ => "Score",
    };
    frame(&panel, body, title, "blue: each model, orange: the best");
    grid(&panel, body, "level", &format!("measured {learned}, %"));
    let measured = levels.iter().flat_map(|level| {
        // Side by side in the order of the trials, so that dots do not hide each other.
        let last = level.models.len().saturating_sub(1).max(1) as f64;
        level.models.iter().enumerate().filter_map(move |(place, model)| {
            let x = level.level as f64 + 0.5 * (place as f64 / last - 0.5);
            Some((x, 100.0 * model.measured?))
        })
    });
    dots(body, measured.map(|(x, y)| (panel.across(x), panel.up(y))), BLUE);
    let best = levels
        .iter()
        .filter_map(|level| Some((level.level as f64, 100.0 * level.best?)));
    let points: Vec<String> = best
        .clone()
        .map(|(x, y)| format!("{:.1},{:.1}", panel.across(x), panel.up(y)))
        .collect();
    let _ = writeln!(
        body,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{ORANGE}\" stroke-width=\"2\"/>",
        points.join(" ")
    );
    dots(body, best.map(|(x, y)| (panel.across(x), panel.up(y))), ORANGE);
}

/// Three bars for each level, on a logarithmic scale.
fn costs(body: &mut String, levels: &[Level], left: f64, top: f64) {
    const BARS: [(&str, &str); 3] = [
        ("trained", ORANGE),
        ("different children", BLUE),
        ("all of the level", GREY),
    ];
    let largest = levels.iter().map(|level| level.size).fold(10.0, f64::max);
    let panel = Panel {
        left,
        top,
        width: SIDE,
        height: SIDE,
        x: Axis::levels(levels.len()),
        y: Axis::powers([1.0, largest].into_iter()),
    };
    frame(&panel, body, "Cost", "on a logarithmic scale");
    grid(&panel, body, "level", "architectures");
    let width = (0.26 * (panel.across(2.0) - panel.across(1.0))).min(26.0);
    for level in levels {
        let counts = [level.models.len() as f64, level.distinct as f64, level.size];
        for (bar, ((name, colour), value)) in BARS.iter().zip(counts).enumerate() {
            let y = panel.up(value.max(1.0));
            let x = panel.across(level.level as f64) + (bar as f64 - 1.5) * width;
            let _ = writeln!(
                body,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"><title>level {}, {name}: \
                 {}</title></rect>",
                width - 1.5,
                top + SIDE - y,
                level.level,
                count(value),
            );
        }
    }
    let mut x = left - 44.0;
    for (name, colour) in BARS {
        let y = top + SIDE + BELOW + 8.0;
        let _ = writeln!(
            body,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"11\" height=\"11\" fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"{INK}\">{name}</text>",
            y - 9.0,
            x + 16.0,
            y + 0.5
        );
        x += 28.0 + 5.8 * name.len() as f64;
    }
}

fn frame(panel: &Panel, text: &mut String, title: &str, subtitle: &str) {
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"13\" font-weight=\"bold\" fill=\"{INK}\">{} <tspan \
         font-size=\"11\" font-weight=\"normal\" fill=\"{FAINT}\">{}</tspan></text>",
        panel.left,
        panel.top - 8.0,
        escaped(title),
        escaped(subtitle)
    );
    panel.outline(text);
}

fn grid(panel: &Panel, text: &mut String, x_name: &str, y_name: &str) {
    panel.rows(text, 10.0);
    panel.ticks(text, 10.0);
    panel.name_x(text, 11.0, 33.0, x_name);
    panel.name_y(text, 11.0, 42.0, y_name);
}

/// The line on which both axes have the same value, within the range of both.
fn diagonal(panel: &Panel, text: &mut String) {
    let (low, high) = panel.x.overlap(&panel.y);
    if low < high {
        let _ = writeln!(
            text,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{GREY}\" stroke-dasharray=\"4 3\"/>",
            panel.across(low),
            panel.up(low),
            panel.across(high),
            panel.up(high)
        );
    }
}

fn dots(text: &mut String, places: impl Iterator<Item = (f64, f64)>, colour: &str) {
    for mark in crowd::marks(places) {
        let _ = writeln!(
            text,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.6\" fill=\"{colour}\" fill-opacity=\"{}\"/>",
            mark.x,
            mark.y,
            mark.opacity(0.6)
        );
    }
}

fn document(title: &str, subtitle: &str, width: f64, height: f64, body: &str) -> String {
    Heading::new(title, subtitle, MARGIN, width).document(title, (width, height), body)
}

#[cfg(test)]
mod tests {
    use super::super::checks::check_well_formed;
    use super::*;

    /// A level of models with these predictions and accuracies.
    fn level(level: usize, pairs: &[(Option<f64>, Option<f64>)]) -> Level {
        let models = pairs
            .iter()
            .map(|&(predicted, measured)| Model { predicted, measured });
        // Two in the same order.
        let known = pairs.iter().filter_map(|&(a, b)| Some((a?, b?)));
        let correlation = (known.count() > 1).then_some(1.0);
        Level {
            level,
            models: models.collect(),
            distinct: 20,
            size: 100.0 * level as f64,
            best: pairs.iter().filter_map(|pair| pair.1).reduce(f64::max),
            spearman: correlation,
            kendall: correlation,
        }
    }

    fn dots(svg: &str) -> Vec<(f64, f64)> {
        let number = |text: &str, name: &str| -> f64 {
            text.split(name)
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .parse()
                .unwrap()
        };
        let dots = svg.split("<circle ").skip(1);
        dots.map(|dot| (number(dot, "cx=\""), number(dot, "cy=\"")))
            .collect()
    }

    fn search() -> Vec<Level> {
        vec![
            level(1, &[(None, Some(0.5)), (None, None), (None, Some(0.6))]),
            level(
                2,
                &[(Some(0.6), Some(0.6)), (Some(0.7), Some(0.8)), (Some(0.8), None)],
            ),
            level(3, &[(Some(0.9), Some(0.7))]),
        ]
    }

    #[test]
    fn every_model_that_was_predicted_and_measured_is_a_dot_of_its_level() {
        let svg = predicted(&search(), "accuracy");
        check_well_formed(&svg);
        let dots = dots(&svg);
        assert_eq!(dots.len(), 3);
        assert!(
            dots[1].0 > dots[0].0 && dots[1].1 < dots[0].1,
            "larger is to the right and above"
        );
        assert!(
            dots[2].0 > dots[1].0 + BETWEEN / 2.0,
            "level 3 has a panel of its own"
        );
        assert!(
            svg.contains("Level 2") && svg.contains("ρ 1.00, τ 1.00, 2 models"),
            "{svg}"
        );
        assert!(!svg.contains("Level 1") && svg.contains("ρ –"));
    }

    #[test]
    fn levels_show_each_accuracy_the_best_and_three_bars() {
        let svg = levels(&search(), "accuracy");
        check_well_formed(&svg);
        assert_eq!(dots(&svg).len(), 5 + 3);
        for bar in [
            "level 2, trained: 3",
            "level 2, different children: 20",
            "level 3, all of the level: 300",
        ] {
            assert!(svg.contains(bar), "{bar}: {svg}");
        }
        assert!(svg.contains("7 architectures were chosen"));
    }

    #[test]
    fn a_search_that_has_come_to_nothing_is_drawn_all_the_same() {
        for reports in [vec![], vec![level(1, &[])], vec![level(1, &[(None, None)])]] {
            check_well_formed(&predicted(&reports, "accuracy"));
            check_well_formed(&levels(&reports, "accuracy"));
        }
    }
}

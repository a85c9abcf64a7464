//! How the search went, trial by trial.

use anyhow::Result;
use nas_report::Shown;
use nas_report::number::{NOT_KNOWN, grouped, seconds};
use nas_report::page::{Align, Cell, Html, Table};
use nas_report::plot::{self, BoxChart, Curve, CurveChart, Dimension, OnAxis, Point, Sample, Scale};
use nas_space::search::{Direction, Metric};

use super::Run;
use super::run::Evaluated;

/// More trials than this are not listed.
const LISTED: usize = 400;
/// Fewer trials than this are not split into parts.
const SPLIT: usize = 16;

/// The curves of the best so far, the best trials, and all of them.
pub(super) fn section(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    let evaluated = run.evaluated();
    if evaluated.len() >= 2 {
        html.figure(&by_trials(run), &caption(run));
        match by_seconds(run) {
            Some(chart) => {
                let order = match run.config.tell.is_trial() {
                    true => "the trials",
                    false => "completion",
                };
                html.figure(
                    &chart,
                    &format!("The same over the seconds of the trials and of the method, summed in the order of {order}."),
                );
            }
            None => {
                html.paragraph("The table has no costs of trainings, so there is no curve over seconds.");
            }
        }
        if let Some(chart) = parts(run, &evaluated) {
            html.figure(
                &chart,
                "This shows whether later proposals were better than earlier ones: trials in the order of their proposals.",
            );
        }
    }
    html.append(&super::result::best_trials(run)?);
    if !run.trials.is_empty() {
        let mut inner = Html::new();
        if run.trials.len() > LISTED {
            inner.note(&format!("These are the first {LISTED}; study.db holds all."));
        }
        inner.table(&all(run));
        html.details(
            &format!("All trials: {}", grouped(run.trials.len() as u64)),
            &inner,
        );
    }
    Ok(html)
}

fn caption(run: &Run) -> String {
    let halved = match run.is_halved() {
        true => {
            " The best is chosen among the trials trained longest, so the line may fall when a trial is trained longer than all earlier ones."
        }
        false => "",
    };
    let far = match run.metric().direction() {
        Direction::Higher => "at the lower edge far below",
        Direction::Lower => "at the upper edge far above",
    };
    let figure = run.metric().on("validation");
    let line = match run.config.ranked_by() {
        Some(reward) => format!("the {figure} of the highest {reward} so far"),
        None => format!("the best {figure} so far"),
    };
    format!("Line: {line}. Dots: the trials, those {far}.{halved}")
}

/// The best so far after each trial that changes it: the place of that trial, and its figure as charts have it.
fn incumbents(evaluated: &[Evaluated<'_>], metric: &Metric) -> Vec<(usize, f64)> {
    let mut best: Option<Evaluated<'_>> = None;
    let mut changes = Vec::new();
    for (place, trial) in evaluated.iter().enumerate() {
        if best.as_ref().is_none_or(|best| trial.beats(best)) {
            best = Some(*trial);
            changes.push((place, metric.on_axis(trial.evaluation.valid_accuracy)));
        }
    }
    changes
}

/// The curve over the places of the trials given by `at`, up to `end`.
fn best_so_far(changes: &[(usize, f64)], at: impl Fn(usize) -> f64, end: f64) -> Curve {
    let points = changes
        .iter()
        .map(|&(place, accuracy)| Point::new(at(place), accuracy));
    let last = changes.last().map(|&(_, accuracy)| Point::new(end, accuracy));
    Curve {
        name: "best so far".to_owned(),
        points: points.chain(last).collect(),
    }
}

fn by_trials(run: &Run) -> String {
    let mut evaluated = run.evaluated();
    evaluated.sort_by_key(|trial| trial.record.place());
    // Counted from 1: after this number of trials.
    let number = |place: usize| {
        let record = evaluated[place].record;
        (record.completion.unwrap_or(record.trial.id) + 1) as f64
    };
    let dots = evaluated.iter().enumerate();
    let metric = run.metric();
    plot::curves(&CurveChart {
        title: format!("Best {} over trials", metric.on("validation")),
        subtitle: String::new(),
        x: Dimension::count("trials", Scale::Linear),
        y: metric.dimension(metric.on("validation")),
        curves: vec![best_so_far(
            &incumbents(&evaluated, &metric),
            number,
            run.trials.len() as f64,
        )],
        dots: dots
            .map(|(place, trial)| (number(place), metric.on_axis(trial.evaluation.valid_accuracy)))
            .collect(),
    })
}

/// Nothing where no trial took any time.
fn by_seconds(run: &Run) -> Option<String> {
    let count = run.trials.len();
    let (mut spent, mut evaluated, mut times) = (0.0, Vec::with_capacity(count), Vec::with_capacity(count));
    for record in run.in_told_order() {
        let Some(conclusion) = &record.conclusion else {
            continue;
        };
        spent += record.ask_seconds + conclusion.cost_seconds + record.tell_seconds.unwrap_or(0.0);
        if let Ok(evaluation) = &conclusion.result {
            evaluated.push(Evaluated::new(record, evaluation, run.config.ranked_by()));
            times.push(spent);
        }
    }
    if evaluated.iter().all(|trial| trial.evaluation.cost_seconds == 0.0) {
        return None;
    }
    let dots = times.iter().zip(&evaluated);
    let metric = run.metric();
    let chart = CurveChart {
        title: format!("Best {} over seconds", metric.on("validation")),
        subtitle: format!("{} in all.", seconds(spent)),
        x: Dimension::new("seconds", Scale::Linear),
        y: metric.dimension(metric.on("validation")),
        curves: vec![best_so_far(
            &incumbents(&evaluated, &metric),
            |place| times[place],
            spent,
        )],
        dots: dots
            .map(|(time, trial)| (*time, metric.on_axis(trial.evaluation.valid_accuracy)))
            .collect(),
    };
    Some(plot::curves(&chart))
}

/// The accuracies of four parts of the search; nothing where there are few, or where they are after different epochs.
fn parts(run: &Run, evaluated: &[Evaluated<'_>]) -> Option<String> {
    if evaluated.len() < SPLIT || run.is_halved() {
        return None;
    }
    let metric = run.metric();
    let part = |quarter: usize| {
        let from = quarter * evaluated.len() / 4;
        let trials = &evaluated[from..(quarter + 1) * evaluated.len() / 4];
        let ends = (trials.first(), trials.last());
        let id = |trial: Option<&Evaluated<'_>>| trial.map_or(0, |trial| trial.record.trial.id);
        Sample {
            name: format!("trials {} to {}", id(ends.0), id(ends.1)),
            values: trials
                .iter()
                .map(|trial| metric.on_axis(trial.evaluation.valid_accuracy))
                .collect(),
        }
    };
    Some(plot::boxes(&BoxChart {
        title: match metric.is_accuracy() {
            true => "Accuracies of four parts of the search".to_owned(),
            false => format!("The {} in four parts of the search", metric.on("validation")),
        },
        subtitle: String::new(),
        x: metric.dimension(metric.on("validation")),
        samples: (0..4).map(part).collect(),
    }))
}

fn all(run: &Run) -> Table {
    let metric = run.metric();
    let validation = metric.on("validation");
    let columns = [
        ("trial", Align::Right),
        (validation.as_str(), Align::Right),
        ("epochs", Align::Right),
        ("seconds", Align::Right),
        ("remark", Align::Left),
    ];
    let mut table = Table::new(&columns);
    let timed = run.knows_seconds();
    for record in run.trials.iter().take(LISTED) {
        let mut remarks = Vec::new();
        let continued = record.trial.continues;
        remarks.extend(continued.map(|continued| format!("continues trial {}", continued.trial)));
        remarks.extend(
            record
                .reused_from
                .map(|trial| format!("outcome of trial {trial}")),
        );
        let accuracy = match &record.conclusion {
            None => {
                remarks.push("under way".to_owned());
                "–".to_owned()
            }
            Some(conclusion) => match &conclusion.result {
                Ok(evaluation) => metric.shown(evaluation.valid_accuracy),
                Err(failure) => {
                    remarks.push(format!("failed: {failure}"));
                    "failed".to_owned()
                }
            },
        };
        let cost = record
            .conclusion
            .as_ref()
            .map(|conclusion| conclusion.cost_seconds);
        table.row([
            Cell::text(record.trial.id),
            Cell::Text(accuracy),
            Cell::text(record.trial.fidelity.epochs),
            Cell::Text(match cost {
                Some(_) if !timed => NOT_KNOWN.to_owned(),
                Some(cost) => format!("{cost:.1}"),
                None => "–".to_owned(),
            }),
            Cell::Text(remarks.join("; ")),
        ]);
    }
    table
}

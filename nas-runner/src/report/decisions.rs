//! Which decisions mattered, and which of them good architectures have.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use nas_pnas::importance::{self, Importance, Repeated};
use nas_report::Shown;
use nas_report::number::{counted, grouped};
use nas_report::page::Html;
use nas_report::plot::{self, ImportanceChart, ImportanceRow, OnAxis, ParallelChart, ParallelLine};
use nas_space::arch::Architecture;
use nas_space::seed::Seed;

use super::Run;
use super::run::Evaluated;

/// Fewer architectures are a table, and no picture.
const LEAST: usize = 10;
/// More decisions have no room as bars.
const BARS: usize = 20;
/// More decisions are not seen at once as rows.
const ROWS: usize = 10;

/// The importance of decisions and their parallel coordinates.
pub(super) fn section(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    // A search with a supernet evaluates few architectures, all of them good.
    let mut trials = alike(run);
    let mut seen = BTreeSet::new();
    trials.retain(|trial| seen.insert(&trial.record.trial.architecture));
    if !run.config.method.proposes() || trials.len() < LEAST {
        return Ok(html);
    }
    if let (true, Some(trial)) = (run.is_halved(), trials.first()) {
        html.paragraph(&format!(
            "The {} after {} only: figures after different numbers of epochs do not compare.",
            counted(trials.len(), "architecture"),
            counted(trial.record.trial.fidelity.epochs as usize, "epoch")
        ));
    }
    let samples: Vec<(&Architecture, f64)> = trials
        .iter()
        .map(|trial| (&trial.record.trial.architecture, trial.evaluation.valid_accuracy))
        .collect();
    let decisions = run.space.decisions();
    let mut order: Vec<usize> = (0..decisions.len()).collect();
    // A live page is made again and again, and forests take long for that.
    let known = match run.is_running() {
        true => None,
        false => Some(importance::importance(
            decisions,
            &samples,
            Seed::new(run.config.seed),
        )?),
    };
    if let Some(Importance::Known { falls, .. }) = &known {
        order.sort_by(|&a, &b| falls[b].mean.total_cmp(&falls[a].mean));
    }
    match &known {
        Some(known) => html.append(&bars(run, known, &order)),
        None => html.paragraph("The importance of decisions is shown when the search does not run."),
    };
    let by_importance = matches!(known, Some(Importance::Known { .. }));
    html.append(&lines(run, &trials, &order, by_importance));
    Ok(html)
}

/// Trials that compare: of a halving, those of the number of epochs that most have, or the larger
/// of equals.
fn alike(run: &Run) -> Vec<Evaluated<'_>> {
    let mut trials = run.evaluated();
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for trial in &trials {
        *counts.entry(trial.record.trial.fidelity.epochs).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(epochs, count)| (*count, *epochs));
    trials.retain(|trial| most.is_some_and(|(epochs, _)| trial.record.trial.fidelity.epochs == epochs));
    trials
}

/// The importances, or why there are none.
fn bars(run: &Run, known: &Importance, order: &[usize]) -> Html {
    let mut html = Html::new();
    let figure = run.metric().on("validation");
    let range = |of: &Repeated| format!("{:.2} ({:.2} to {:.2})", of.mean, of.low, of.high);
    let why = match known {
        Importance::Known {
            used,
            distinct,
            r_squared,
            falls,
        } => {
            let shown = order.len().min(BARS);
            let chart = ImportanceChart {
                title: "Importance of decisions".to_owned(),
                subtitle: match shown < order.len() {
                    true => format!("The {shown} most important of {} decisions.", order.len()),
                    false => String::new(),
                },
                axis: "fall of R² if the decision is shuffled".to_owned(),
                rows: order
                    .iter()
                    .take(shown)
                    .map(|&place| ImportanceRow {
                        name: run.space.decisions()[place].name.clone(),
                        mean: falls[place].mean,
                        low: falls[place].low,
                        high: falls[place].high,
                    })
                    .collect(),
            };
            let of = match used < distinct {
                true => format!("{} of {}", grouped(*used as u64), grouped(*distinct as u64)),
                false => grouped(*used as u64),
            };
            html.figure(
                &plot::importance(&chart),
                &format!(
                    "Permutation importance for the {figure} by random forests of {} trees on {of} distinct architectures: by \
                     how much the out-of-bag R², {}, falls if the choices of a decision are shuffled. Bars: the mean of {} \
                     repetitions, each with its own forest and shuffles; lines: from the lowest to the highest. It \
                     describes the architectures of this search, not the whole space.",
                    importance::TREES,
                    range(r_squared),
                    importance::REPETITIONS
                ),
            );
            return html;
        }
        Importance::TooFew { distinct } => format!(
            "there are {}, and fewer than {} say too little",
            counted(*distinct, "distinct architecture"),
            importance::LEAST
        ),
        Importance::Alike => format!("all have the same {figure}"),
        Importance::Unexplained { r_squared } => format!(
            "random forests of {} trees cannot predict the {figure} from the decisions. Their out-of-bag R², {}, is not above \
             0 in each of {} repetitions",
            importance::TREES,
            range(r_squared),
            importance::REPETITIONS
        ),
    };
    html.paragraph(&format!("The importance of decisions is not shown: {why}."));
    html
}

/// The parallel coordinates.
fn lines(run: &Run, trials: &[Evaluated<'_>], order: &[usize], by_importance: bool) -> Html {
    let mut html = Html::new();
    let metric = run.metric();
    let values: Vec<f64> = trials
        .iter()
        .map(|trial| metric.on_axis(trial.evaluation.valid_accuracy))
        .collect();
    let rows = &order[..order.len().min(ROWS)];
    let decisions = run.space.decisions();
    let line = |place: usize| {
        let choices = trials[place].record.trial.architecture.choices();
        ParallelLine {
            name: format!("trial {}", trials[place].record.trial.id),
            choices: rows.iter().map(|&row| choices.get(row).copied()).collect(),
            value: values[place],
        }
    };
    let chart = ParallelChart {
        title: "Decisions of the architectures".to_owned(),
        decisions: rows
            .iter()
            .map(|&row| (decisions[row].name.clone(), decisions[row].options.clone()))
            .collect(),
        lines: plot::spread(&values).into_iter().map(line).collect(),
        of: values.iter().filter(|value| value.is_finite()).count(),
        figure: metric.dimension(metric.on("validation")),
    };
    let which = match (by_importance, rows.len() < order.len()) {
        (true, true) => format!(
            "The {} most important of {} decisions, the most important first. ",
            rows.len(),
            order.len()
        ),
        (true, false) => "The most important decision first. ".to_owned(),
        (false, true) => format!("The first {} of {} decisions. ", rows.len(), order.len()),
        (false, false) => String::new(),
    };
    html.figure(
        &plot::parallel(&chart),
        &format!(
            "{which}Each line is an architecture, from its choices down to its {}.",
            metric.on("validation")
        ),
    );
    html
}

//! What the method itself has to tell: of its controller, its surrogate, its rungs, or of its [supernets](supernet).

use std::collections::BTreeMap;

use anyhow::Result;
use nas_rl::Update;

use super::{Run, supernet};
use crate::method::Method;
use crate::number::{counted, grouped, percent, seconds};
use crate::page::{Align, Cell, Html, Table};
use crate::plan::Estimation;
use crate::plot::{self, Curve, CurveChart, Dimension, Point, Reference, Scale};
use crate::progressive;
use crate::session::{UNIFORM_FILE, UPDATES_FILE, first_proposals};
use crate::shown::Shown;

/// The title of the section.
pub(super) fn title(run: &Run) -> &'static str {
    match run.config.method {
        Method::Darts => "The supernet and its operations",
        Method::Enas => "The supernet and its controller",
        Method::Rl => "What the controller learned",
        Method::Pnas => "Levels and predictions",
        _ => "Rungs",
    }
}

/// All there is of it; nothing where the method has nothing to tell.
pub(super) fn section(run: &Run) -> Result<Html> {
    let mut html = match run.config.method {
        Method::Darts => supernet::darts(run)?,
        Method::Enas => supernet::enas(run)?,
        Method::Rl => controller(run)?,
        Method::Pnas => levels(run)?,
        _ => Html::new(),
    };
    html.append(&rungs(run));
    Ok(html)
}

fn controller(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    let (Some(updates), Some(rl)) = (run.file::<Vec<Update>>(UPDATES_FILE)?, &run.config.rl) else {
        html.paragraph("The controller's updates are written once the search has ended.");
        return Ok(html);
    };
    let uniform: Option<Reference> = run.file(UNIFORM_FILE)?;
    let reference = match (uniform, &run.config.estimation) {
        (Some(uniform), _) => Some(uniform),
        (None, Estimation::Training(_) | Estimation::Command(_)) => first_proposals(&updates),
        (None, Estimation::Table(_)) => None,
    };
    of_scores(run, &mut html);
    let best = format!("best {}", run.metric().learned());
    html.figure(
        &plot::reward(
            &updates,
            rl.reward,
            reference.as_ref(),
            run.metric().learned(),
        ),
        "What the controller's proposals were worth, beside uniform draws from the same space where those are known.",
    );
    let entropies = updates
        .iter()
        .map(|update| Point::new(update.trials as f64, update.entropy));
    let chart = CurveChart {
        title: "Entropy of the controller's draws".to_owned(),
        subtitle: "How undecided it was: near 0 it proposes the same again and again.".to_owned(),
        x: Dimension::count("trials", Scale::Linear),
        y: Dimension::new("entropy, nats", Scale::Linear),
        curves: vec![Curve {
            name: "entropy".to_owned(),
            points: entropies.collect(),
        }],
        dots: Vec::new(),
    };
    if updates.len() > 1 {
        html.figure(&plot::curves(&chart), "");
    }
    let columns = [
        ("trials", Align::Right),
        ("reward", Align::Right),
        ("baseline", Align::Right),
        ("entropy, nats", Align::Right),
        ("failed", Align::Right),
        (best.as_str(), Align::Right),
    ];
    let mut table = Table::new(&columns);
    for update in &updates {
        table.row([
            Cell::text(update.trials),
            Cell::Text(format!("{:.4}", update.reward)),
            Cell::Text(format!("{:.4}", update.baseline)),
            Cell::Text(format!("{:.3}", update.entropy)),
            Cell::text(update.failed),
            Cell::Text(update.best.map_or("–".to_owned(), percent)),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details(
        &format!("The {} in numbers", counted(updates.len(), "update")),
        &inner,
    );
    Ok(html)
}

/// What stands before the figures of a method that learns from scores.
fn of_scores(run: &Run, html: &mut Html) {
    let metric = run.metric();
    if !metric.is_accuracy() {
        html.paragraph(&format!(
            "This method learns from the size of what it is told, so it is told scores: 0 % for the worst {} of the table, 100 % \
             for the best. The figures of this section are such scores.",
            metric.on("validation")
        ));
    }
}

fn levels(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    let learned = run.metric().learned();
    let best = format!("best {learned}");
    let Some(record) = run.file::<progressive::Read>(progressive::RECORD)? else {
        html.paragraph("The levels and predictions are written once the search has ended.");
        return Ok(html);
    };
    of_scores(run, &mut html);
    html.figure(
        &plot::progressive::levels(&record.levels, learned),
        "What each level brought, and how many architectures it had, were predicted, and were trained.",
    );
    html.figure(
        &plot::progressive::predicted(&record.levels, learned),
        &format!(
            "The surrogate: {}. Only levels that were predicted before they were trained.",
            record.surrogate
        ),
    );
    let columns = [
        ("level", Align::Right),
        ("architectures", Align::Right),
        ("different children", Align::Right),
        ("trained", Align::Right),
        ("failed", Align::Right),
        (best.as_str(), Align::Right),
        ("Spearman's ρ", Align::Right),
        ("Kendall's τ", Align::Right),
        ("ρ, held out", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for level in &record.levels {
        let number =
            |value: Option<f64>| Cell::Text(value.map_or("–".to_owned(), |value| format!("{value:.3}")));
        let (before, held_out) = (level.extrapolated.as_ref(), level.held_out.as_ref());
        let size = match level.size {
            size if size < 1e9 => grouped(size as u64),
            size => format!("{size:.1e}"),
        };
        table.row([
            Cell::text(level.level),
            Cell::Text(size),
            Cell::Text(grouped(level.distinct)),
            Cell::text(level.models.len()),
            Cell::text(level.failed),
            Cell::Text(level.best_accuracy.map_or("–".to_owned(), percent)),
            number(before.and_then(|quality| quality.spearman)),
            number(before.and_then(|quality| quality.kendall)),
            number(held_out.and_then(|quality| quality.spearman)),
        ]);
    }
    html.table(&table);
    html.paragraph(
        "ρ and τ: rank correlations of what was predicted before a level was trained with what it came to; held out: of \
         predictions by models that had learned from others of the level.",
    );
    Ok(html)
}

/// How many trials each rung had.
fn rungs(run: &Run) -> Html {
    let mut html = Html::new();
    if !run.is_halved() {
        return html;
    }
    let metric = run.metric();
    let mut rungs: BTreeMap<u32, (usize, f64, f64)> = BTreeMap::new();
    for trial in run.evaluated() {
        let (epochs, score) = trial.standing();
        let rung = rungs.entry(epochs).or_insert((0, f64::NEG_INFINITY, 0.0));
        rung.0 += 1;
        rung.1 = rung.1.max(score);
        rung.2 += trial.evaluation.cost_seconds;
    }
    let best = format!("best {}", metric.name());
    let columns = [
        ("epochs", Align::Right),
        ("trials", Align::Right),
        (best.as_str(), Align::Right),
        ("seconds", Align::Right),
    ];
    let mut table = Table::new(&columns).captioned("The rungs of the halving");
    for (epochs, (trials, best, spent)) in rungs {
        table.row([
            Cell::text(epochs),
            Cell::text(trials),
            Cell::Text(metric.shown(best)),
            Cell::Text(seconds(spent)),
        ]);
    }
    html.table(&table);
    html
}

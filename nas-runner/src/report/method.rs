//! The method's own section, and the rungs of a halving.

use std::collections::BTreeMap;

use anyhow::Result;
use nas_report::Shown;
use nas_report::number::seconds;
use nas_report::page::{Align, Cell, Html, Table};

use super::Run;
use crate::methods::{Section, Seen};

/// All there is of it; an empty section where the method has nothing to tell.
pub(super) fn section(run: &Run) -> Result<Section> {
    let seen = Seen {
        run: &run.directory()?,
        metric: &run.metric(),
        rewards: run.config.soft_limits.as_ref(),
        in_table: run.is_looked_up(),
        best: run.best().map(|best| best.record.trial.id),
        trials: &run.trials,
    };
    let own = run.config.method.section(&seen)?;
    let mut section = own.unwrap_or(Section {
        title: "Rungs",
        html: Html::new(),
    });
    section.html.append(&rungs(run));
    Ok(section)
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

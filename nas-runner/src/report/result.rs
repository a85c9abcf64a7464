//! What the search found.

use anyhow::Result;
use nas_eval::evaluator::JudgedBy;
use nas_report::Shown;
use nas_report::number::{bounds, counted, figure, grouped, known, millions, percent, percent_within, size};
use nas_report::page::{Align, Cell, Html, Table};
use nas_report::pareto::Pareto;
use nas_report::plot;
use nas_space::draw;
use nas_space::sizes::Figures;

use super::run::Evaluated;
use super::tested::{BRACKETS, Tested, remark};
use super::{Run, learning};
use crate::plan::Estimation;

/// The numbers that matter most.
pub(super) fn figures(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    let Some(best) = run.best() else {
        return Ok(html);
    };
    let metric = run.metric();
    let of_test = run.test_metric();
    let (validation, test) = (metric.on("Validation"), of_test.on("Test"));
    let (epochs, score) = best.standing();
    let judged = match run.config.estimation {
        _ if run.config.proxy().is_some() => {
            format!("trial {}, untrained; not an accuracy", best.record.trial.id)
        }
        Estimation::Training(_) | Estimation::Command(_) => format!(
            "trial {}, {}",
            best.record.trial.id,
            counted(epochs as usize, "epoch")
        ),
        Estimation::Table(_) => format!("trial {}, in the table", best.record.trial.id),
    };
    let failed = match run.failed().len() {
        0 => "none failed".to_owned(),
        failed => format!("{failed} failed"),
    };
    let mut figures = vec![(
        validation.as_str(),
        metric.shown(score),
        match &run.config.soft_limits {
            Some(soft) => format!("{judged}: that of the highest reward, by which the search chose ({soft})"),
            None => format!(
                "{judged}: the best one, by which the search chose{}",
                metric.note()
            ),
        },
    )];
    figures.push(match &run.last {
        Some(last) => (
            test.as_str(),
            of_test.shown(last.test.test_accuracy),
            match run.config.estimation {
                Estimation::Training(_) | Estimation::Command(_) => format!(
                    "{}of this architecture, trained in full ({}); measured once, after the search",
                    remark(last.interval(&of_test)),
                    counted(last.epochs as usize, "epoch")
                ),
                Estimation::Table(_) => format!(
                    "of this architecture after {}, in the table; looked up once, after the search",
                    counted(last.epochs as usize, "epoch")
                ),
            },
        ),
        None => (
            test.as_str(),
            "–".to_owned(),
            match run.config.estimation {
                Estimation::Command(_) => "not measured: your own evaluator reports only validation figures",
                _ => "not measured yet",
            }
            .to_owned(),
        ),
    });
    let of_best = run.figures(&best);
    let mut beside = match of_best.macs {
        Some(macs) => format!("{} multiply-accumulates for one image", millions(macs)),
        None => "multiply-accumulates not known".to_owned(),
    };
    for (name, value) in &of_best.named {
        beside += &format!("; {name} {}", figure(*value));
    }
    figures.push(("Parameters", known(of_best.params, grouped), beside));
    figures.push(("Trials", grouped(run.finished() as u64), failed));
    html.figures(&figures);
    Ok(html)
}

/// The best architecture, drawn.
pub(super) fn section(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    let Some(best) = run.best() else {
        return Ok(html);
    };
    let genotype = run.genotype(best.record)?;
    let metric = run.metric();
    let chosen_by = match run.config.ranked_by() {
        Some(reward) => reward.to_owned(),
        None => metric.on("validation"),
    };
    html.figure(
        &draw::svg(&genotype),
        &format!("The best architecture by {chosen_by}."),
    );
    html.broken_code(&genotype.to_string());
    match run.config.one_figure() {
        Some(one) => html.paragraph(one.sentence()),
        None if run.config.proxy().is_some() => html.paragraph(&format!(
            "The search chose by the {}: no trial was trained, and the score is not an accuracy. Whether it ranks \
             architectures by accuracy on this data is not known from this run; nas score --against compares scores with \
             accuracies.",
            metric.name()
        )),
        None if metric.is_accuracy() => html.paragraph(
            "Do not compare the two accuracies. The validation accuracy is the highest of many, so it is \
             too high by chance, and it comes from another training than the test accuracy.",
        ),
        None => html.paragraph(&format!(
            "The {} is the best of many, so it is too good by chance, and the {} comes from other data. Do \
             not compare the two.",
            metric.on("validation"),
            metric.on("test")
        )),
    };
    if let Some(last) = &run.last {
        let metric = run.test_metric();
        let test = metric.on("Test");
        let value = metric.shown(last.test.test_accuracy) + &bounds(last.interval(&metric));
        let mut facts = vec![(test.as_str(), value)];
        if let Some(images) = last.test.images {
            facts.push(("Test images", grouped(images as u64)));
        }
        if let Some(loss) = last.test.test_loss {
            facts.push(("Test loss", format!("{loss:.4} nats")));
        }
        if let (Some(plain), false) = (last.plain_accuracy, metric.is_accuracy()) {
            let interval = JudgedBy::Accuracy.interval_of_test(&last.test);
            facts.push(("Plain test accuracy", percent_within(plain, interval)));
        }
        for (by, name, value) in [
            (
                JudgedBy::Balanced,
                "Balanced test accuracy",
                last.test.balanced_accuracy,
            ),
            (JudgedBy::MacroF1, "Macro F1 on test images", last.test.macro_f1),
        ] {
            if by.metric() != metric {
                let interval = by.interval_of_test(&last.test);
                facts.extend(value.map(|value| (name, percent_within(value, interval))));
            }
        }
        facts.push(("Final training", counted(last.epochs as usize, "epoch")));
        if last.params.is_some() || last.macs.is_some() {
            facts.push(("Network", size(last.params, last.macs)));
        }
        if let Some(latency) = last.latency {
            let threads = counted(latency.threads, "thread");
            let text = format!("{:.2} ms for one image, {threads}", latency.milliseconds);
            facts.push(("Latency", text));
        }
        html.facts(&facts);
        if last.test.intervals.is_some() {
            html.paragraph(BRACKETS);
        }
        let tested = Tested {
            report: &last.test,
            classes: &last.classes,
            pictures: &last.pictures,
        };
        html.append(&tested.section())
            .append(&learning::curves(&last.curve));
    }
    Ok(html)
}

/// The title of the front.
pub(super) fn front_title(run: &Run) -> String {
    match run.metric() {
        metric if metric.is_accuracy() => "Accuracy and size".to_owned(),
        metric => format!("{} and size", metric.on("Validation")),
    }
}

/// All trials by accuracy and size, and those that none is better than in both.
pub(super) fn front(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    let evaluated = run.evaluated();
    if evaluated.len() < 2 {
        return Ok(html);
    }
    let objectives = run.config.method.objectives();
    let metric = run.metric();
    let (space, sizes) = (run.space.as_ref(), run.sizes.as_deref());
    let most = evaluated.iter().map(|trial| trial.standing().0).max();
    let longest = evaluated
        .iter()
        .filter(|trial| Some(trial.standing().0) == most)
        .count();
    let is_drawn = longest <= plot::POINTS;
    drop(evaluated);
    let (count, pareto) = if !is_drawn {
        Pareto::front_of_many(&run.trials, space, sizes, objectives, &metric)?
    } else {
        let pareto = Pareto::new(&run.trials, space, sizes, objectives, &metric)?;
        (pareto.points().len(), pareto)
    };
    if count == 0 {
        html.paragraph(
            "Parameters and multiply-accumulates of these architectures are unknown: the table does not \
             have them, and the toolkit has no networks of its architectures on which to count them.",
        );
        return Ok(html);
    }
    if is_drawn {
        let caption = match run.is_halved() {
            true => "The trials that were trained longest. Point at one to see its architecture.",
            false => "Every evaluated trial. Point at one to see its architecture.",
        };
        html.figure(&plot::pareto(&pareto), caption);
    } else {
        html.note(&format!(
            "{} trials are too many to draw one by one.",
            grouped(count as u64)
        ));
    }
    let names = run.figure_names();
    let validation = metric.on("validation");
    let mut columns = vec![
        ("trial", Align::Right),
        (validation.as_str(), Align::Right),
        ("parameters", Align::Right),
        ("multiply-accumulates", Align::Right),
    ];
    columns.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    columns.push(("architecture", Align::Left));
    let mut table = Table::new(&columns);
    for point in pareto.front() {
        let mut cells = vec![
            Cell::text(point.trial),
            Cell::Text(metric.shown(point.score)),
            Cell::Text(known(point.figures.params, grouped)),
            Cell::Text(known(point.figures.macs, grouped)),
        ];
        cells.extend(names.iter().map(|name| named(&point.figures, name)));
        cells.push(Cell::code(&point.arch));
        table.row(cells);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details(
        &format!("The front: {}", counted(pareto.front().len(), "architecture")),
        &inner,
    );
    Ok(html)
}

/// The ten best trials as a table, with a description.
pub(super) fn best_trials(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    let mut trials = run.evaluated();
    if trials.len() < 2 {
        return Ok(html);
    }
    // Stable: of equals, the first stays first.
    trials.sort_by(|a, b| {
        let ((a_epochs, a), (b_epochs, b)) = (a.place(), b.place());
        b_epochs.cmp(&a_epochs).then(b.total_cmp(&a))
    });
    trials.truncate(10);
    html.heading("The best trials");
    html.table(&trials_table(run, &trials));
    let mut table = Table::new(&[("trial", Align::Right), ("architecture", Align::Left)]);
    for trial in &trials {
        table.row([
            Cell::text(trial.record.trial.id),
            Cell::code(run.genotype(trial.record)?),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details("Their architectures", &inner);
    Ok(html)
}

/// A figure with a name, or that it is not known.
fn named(figures: &Figures, name: &str) -> Cell {
    Cell::Text(known(figures.named.get(name), |&value| figure(value)))
}

fn trials_table(run: &Run, trials: &[Evaluated<'_>]) -> Table {
    let metric = run.metric();
    let validation = metric.on("validation");
    let names = run.figure_names();
    let mut columns = vec![
        ("trial", Align::Right),
        (validation.as_str(), Align::Right),
        ("epochs", Align::Right),
        ("parameters", Align::Right),
        ("multiply-accumulates", Align::Right),
        ("seconds", Align::Right),
    ];
    columns.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    // A user-defined metric comes from a table, which has no training.
    let trained = metric.is_accuracy();
    if trained {
        columns.insert(2, ("training accuracy", Align::Right));
    }
    let mut table = Table::new(&columns);
    for trial in trials {
        let size = run.figures(trial);
        let evaluation = trial.evaluation;
        let mut cells = vec![
            Cell::text(trial.record.trial.id),
            Cell::Text(metric.shown(evaluation.valid_accuracy)),
            Cell::text(evaluation.epochs),
            Cell::Text(known(size.params, grouped)),
            Cell::Text(known(size.macs, millions)),
            Cell::Text(known(
                run.knows_seconds().then_some(evaluation.cost_seconds),
                |seconds| format!("{seconds:.1}"),
            )),
        ];
        cells.extend(names.iter().map(|name| named(&size, name)));
        if trained {
            let accuracy = evaluation.train_accuracy;
            cells.insert(2, Cell::Text(accuracy.map_or("–".to_owned(), percent)));
        }
        table.row(cells);
    }
    table
}

//! The page of a comparison: methods side by side, on one task or several.
//!
//! It is made of plain data and computes nothing: the caller decides what is shown, and in which
//! words.

use nas_space::search::{Metric, Scale};

use super::{Align, Cell, Html, Page, Table};
use crate::number::{counted, grouped, seconds};
use crate::plot::{BarChart, BoxChart, CurveChart, RankChart, bars, boxes, critical_difference, curves};
use crate::shown::Shown;

/// A comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareData {
    /// The page's title.
    pub title: String,
    /// A sentence about the comparison.
    pub lead: String,
    /// What the numbers say, a sentence each, the most important first.
    pub verdict: Vec<String>,
    /// What has to be known to read the numbers right: few seeds, failed runs, another budget. Shown where it is seen.
    pub warnings: Vec<String>,
    /// Settings shared by all methods, by name: space, evaluator, budget, seeds, duplicates.
    pub conditions: Vec<(String, String)>,
    /// The tasks, at least one: data sets or spaces.
    pub tasks: Vec<Task>,
    /// The ranks over the tasks, where there are several.
    pub ranks: Option<RankChart>,
    /// How the tests were made, a sentence each.
    pub statistics: Vec<String>,
    /// What it ran on, by name: version, CPU, threads.
    pub environment: Vec<(String, String)>,
    /// The command that gives the same again.
    pub command: String,
    /// All settings, as a file has them; may be empty.
    pub settings: String,
}

/// All that is known of one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name: `cifar10`.
    pub name: String,
    /// What is compared.
    pub figure: Metric,
    /// The methods, in the order of the table.
    pub methods: Vec<MethodRow>,
    /// The pairs of methods that were tested against each other.
    pub pairs: Vec<PairRow>,
    /// Curves over the budget, such as of the test accuracy and of the regret, each with a sentence on how to read it.
    pub curves: Vec<(CurveChart, String)>,
    /// The final results of each method's runs.
    pub boxes: Option<BoxChart>,
    /// What a run of each method cost.
    pub costs: Option<BarChart>,
}

/// The results of a method on a task, over its runs. Accuracies and their differences are in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct MethodRow {
    /// Its name.
    pub name: String,
    /// Number of runs.
    pub runs: usize,
    /// Those of them that have a result.
    pub with_result: usize,
    /// Mean test accuracy of what its runs chose by validation, and its standard deviation, in words.
    pub test: String,
    /// The same of the validation accuracy.
    pub valid: String,
    /// Mean distance from the best test accuracy there is, where that is known.
    pub regret: Option<String>,
    /// Effect of the pair with the baseline; none for the baseline itself.
    pub effect: Option<f64>,
    /// Improvement over the mean of random architectures, as a share of it, where that is known.
    pub relative_improvement: Option<f64>,
    /// Trials of a run, on average.
    pub trials: f64,
    /// Images passed forward and backward in a run, by trials or a supernet, on average; none where
    /// that is not known.
    pub image_passes: Option<f64>,
    /// Failed trials of all runs.
    pub failed: u64,
    /// Seconds that the method itself took in a run, on average.
    pub strategy_seconds: f64,
}

/// Two methods against each other on a task.
#[derive(Debug, Clone, PartialEq)]
pub struct PairRow {
    /// One.
    pub a: String,
    /// The other.
    pub b: String,
    /// By how much `a` is better in a typical seed: points of an accuracy.
    pub difference: String,
    /// The interval around it.
    pub interval: String,
    /// The p-value, corrected.
    pub p_value: String,
    /// The share of the ranks that `a` won.
    pub effect: f64,
    /// Seeds won, equal and lost.
    pub won: String,
    /// Seeds that would settle it, where it is not settled and that can be told.
    pub seeds_needed: Option<u64>,
}

/// The document. The same data always gives the same text.
pub fn page(data: &CompareData) -> String {
    let mut opening = Html::new();
    for warning in &data.warnings {
        opening.note(warning);
    }
    for sentence in &data.verdict {
        opening.paragraph(sentence);
    }
    let mut page = Page::new(&data.title, &data.lead);
    page.opening(opening);
    page.section("Settings shared by all", facts(&data.conditions));
    if let Some(ranks) = &data.ranks {
        let mut html = Html::new();
        html.figure(
            &critical_difference(ranks),
            "The best is at the left. A bar joins methods that the test cannot distinguish.",
        );
        page.section("Ranks", html);
    }
    for task in &data.tasks {
        let title = match data.tasks.len() {
            1 => "Results".to_owned(),
            _ => format!("Results on {}", task.name),
        };
        page.section(title, section(task));
    }
    let mut statistics = Html::new();
    for sentence in &data.statistics {
        statistics.paragraph(sentence);
    }
    page.section("How it was tested", statistics);
    page.section("Environment", facts(&data.environment));
    let mut repeat = Html::new();
    repeat.code(&data.command);
    if !data.settings.is_empty() {
        let mut inner = Html::new();
        inner.code(&data.settings);
        repeat.details("Every setting", &inner);
    }
    page.section("How to repeat it", repeat);
    page.render()
}

fn facts(facts: &[(String, String)]) -> Html {
    let mut html = Html::new();
    if !facts.is_empty() {
        let facts: Vec<(&str, String)> = facts
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        html.facts(&facts);
    }
    html
}

fn section(task: &Task) -> Html {
    let mut html = Html::new();
    html.table(&methods(task));
    for (chart, caption) in &task.curves {
        html.figure(&curves(chart), caption);
    }
    if let Some(chart) = &task.boxes {
        html.figure(&boxes(chart), "The runs of each method, one by one.");
    }
    if !task.pairs.is_empty() {
        html.heading("Pairs");
        html.table(&pairs(task));
    }
    if let Some(chart) = &task.costs {
        html.heading("Costs");
        html.figure(&bars(chart), "");
    }
    for (chart, _) in &task.curves {
        let mut inner = Html::new();
        inner.table(&points(chart));
        html.details(&format!("{}, in numbers", chart.title), &inner);
    }
    html
}

/// A number that may not be known.
fn known<T>(value: Option<T>, text: impl Fn(T) -> String) -> Cell {
    Cell::Text(value.map_or("–".to_owned(), text))
}

fn methods(task: &Task) -> Table {
    let (test, valid) = (task.figure.on("test"), task.figure.on("validation"));
    // Shown where it is known of some.
    let passes = task.methods.iter().any(|method| method.image_passes.is_some());
    let columns = [
        ("method", Align::Left),
        ("runs", Align::Right),
        (test.as_str(), Align::Right),
        (valid.as_str(), Align::Right),
        ("regret", Align::Right),
        ("effect against the baseline", Align::Right),
        ("over random architectures", Align::Right),
        ("trials", Align::Right),
        ("failed trials", Align::Right),
        ("the method itself", Align::Right),
        ("image passes", Align::Right),
    ];
    let shown = columns.len() - usize::from(!passes);
    let mut table = Table::new(&columns[..shown]).captioned(format!(
        "Mean ± standard deviation over runs; what each run chose by validation{}",
        task.figure.note()
    ));
    for method in &task.methods {
        let cells = [
            Cell::text(&method.name),
            Cell::Text(if method.with_result == method.runs {
                method.runs.to_string()
            } else {
                format!("{}, {} with a result", method.runs, method.with_result)
            }),
            Cell::text(&method.test),
            Cell::text(&method.valid),
            known(method.regret.clone(), |regret| regret),
            known(method.effect, |effect| format!("{effect:.3}")),
            known(method.relative_improvement, |share| {
                format!("{:+.2} %", 100.0 * share)
            }),
            Cell::Text(format!("{:.1}", method.trials).trim_end_matches(".0").to_owned()),
            Cell::text(method.failed),
            Cell::Text(seconds(method.strategy_seconds)),
            known(method.image_passes, |passes| grouped(passes.round() as u64)),
        ];
        table.row(cells.into_iter().take(shown));
    }
    table
}

fn pairs(task: &Task) -> Table {
    let unit = match task.figure.scale() {
        Scale::Share => "points",
        Scale::Plain => "difference",
    };
    let columns = [
        ("pair", Align::Left),
        (unit, Align::Right),
        ("95 % interval", Align::Right),
        ("p", Align::Right),
        ("effect", Align::Right),
        ("seeds won, equal, lost", Align::Right),
        ("would be settled by", Align::Right),
    ];
    let mut table = Table::new(&columns).captioned(
        "The first method minus the second, seed by seed; intervals and p are corrected for all pairs",
    );
    for pair in &task.pairs {
        let needed = pair.seeds_needed.map_or("–".to_owned(), |seeds| {
            format!(
                "about {}",
                counted(usize::try_from(seeds).unwrap_or(usize::MAX), "seed")
            )
        });
        table.row([
            Cell::Text(format!("{} – {}", pair.a, pair.b)),
            Cell::text(&pair.difference),
            Cell::text(&pair.interval),
            Cell::text(&pair.p_value),
            Cell::Text(format!("{:.3}", pair.effect)),
            Cell::text(&pair.won),
            Cell::Text(needed),
        ]);
    }
    table
}

/// The most rows of a curve's numbers; those between are left out evenly.
const ROWS: usize = 60;

fn points(chart: &CurveChart) -> Table {
    let columns = [
        ("curve", Align::Left),
        (chart.x.name.as_str(), Align::Right),
        (chart.y.name.as_str(), Align::Right),
        ("low", Align::Right),
        ("high", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for curve in &chart.curves {
        let stride = curve.points.len().div_ceil(ROWS).max(1);
        let last = curve.points.len().saturating_sub(1);
        let shown = curve.points.iter().enumerate();
        for (_, point) in shown.filter(|(place, _)| place % stride == 0 || *place == last) {
            let number = |value: f64| Cell::Text(format!("{value:.4}"));
            table.row([
                Cell::text(&curve.name),
                Cell::Text(format!("{:.2}", point.x).trim_end_matches(".00").to_owned()),
                number(point.mean),
                number(point.low),
                number(point.high),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests;

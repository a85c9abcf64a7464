//! What was searched, and by what.

use anyhow::Result;
use nas_report::Shown;
use nas_report::number::{counted, figure, grouped, seconds};
use nas_report::page::Html;
use nas_space::search::Budget;

use super::Run;
use crate::plan::Estimation;
use crate::size;

/// The page's title.
pub(super) fn title(run: &Run) -> String {
    format!(
        "{} in the space {}, on {}",
        run.config.method,
        run.space.name(),
        run.config.judged_on()
    )
}

/// One sentence on the search.
pub(super) fn lead(run: &Run) -> String {
    let config = &run.config;
    format!(
        "{}. Seed {}, budget {}.",
        sentence(&description(run)),
        config.seed,
        budget(&config.budget)
    )
}

/// What the method does, in the words of this run's metric.
fn description(run: &Run) -> String {
    let text = run.config.method.method().description();
    match run.metric() {
        metric if metric.is_accuracy() => text.to_owned(),
        metric => text.replace("accuracy", metric.name()),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// What the budget allows.
pub(super) fn budget(budget: &Budget) -> String {
    let parts = [
        budget.trials.map(|n| many(n, "trial")),
        budget.epochs.map(|n| many(n, "epoch")),
        budget.seconds.map(seconds),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(" or ")
}

fn many(n: u64, thing: &str) -> String {
    match n {
        1 => format!("1 {thing}"),
        n => format!("{} {thing}s", grouped(n)),
    }
}

/// The facts that decide the search.
pub(super) fn section(run: &Run) -> Result<Html> {
    let config = &run.config;
    let mut facts = vec![
        (
            "Space",
            format!(
                "{}: {} architectures, {}",
                run.space.name(),
                size(&run.space.size().to_string()),
                counted(run.space.decisions().len(), "decision")
            ),
        ),
        ("Method", format!("{}: {}", config.method, description(run))),
        ("Seed", config.seed.to_string()),
        ("Budget", budget(&config.budget)),
    ];
    if config.batch > 1 {
        facts.push((
            "Batch",
            format!("{} trials proposed before the first outcome", config.batch),
        ));
    }
    if !config.tell.is_trial() {
        let order = "of completion, as recorded: no trial waits for another";
        facts.push(("Order of learning", order.to_owned()));
    }
    if !run.metric().is_accuracy() {
        let remark = match config.proxy() {
            Some(_) => "; not an accuracy",
            None => "",
        };
        facts.push(("What is compared", run.metric().described() + remark));
    }
    facts.extend(judgement(run)?);
    if let Some(limits) = &config.limits {
        let named = (&limits.max, &limits.min);
        let limits = [
            ("parameters", limits.max_params),
            ("multiply-accumulates", limits.max_macs),
        ];
        let limits = limits
            .into_iter()
            .filter_map(|(of, most)| Some(format!("at most {} {of}", grouped(most?))));
        let bounds = [("at most", named.0), ("at least", named.1)];
        let named = bounds.into_iter().flat_map(|(bound, limits)| {
            let text = move |(name, limit): (&String, &f64)| format!("{name} {bound} {}", figure(*limit));
            limits.iter().map(text)
        });
        facts.push(("Limits", limits.chain(named).collect::<Vec<_>>().join(", ")));
    }
    if let Some(soft) = &config.soft_limits {
        facts.push(("Rewards", soft.to_string()));
    }
    if let Ok(Some(halving)) = config.halving() {
        let rungs: Vec<String> = halving.rung_epochs()?.iter().map(u32::to_string).collect();
        facts.push((
            "Halving",
            format!(
                "rungs of {} epochs, one in {} is promoted",
                rungs.join(", "),
                halving.eta
            ),
        ));
    }
    let mut html = Html::new();
    html.facts(&facts);
    Ok(html)
}

/// How architectures are judged.
fn judgement(run: &Run) -> Result<Vec<(&'static str, String)>> {
    let config = &run.config;
    let mut facts = Vec::new();
    if let Some(images) = config.images() {
        let which = match images.limit {
            Some(limit) => format!("{} training images of {}", grouped(limit as u64), images.data),
            None => images.data.to_owned(),
        };
        facts.push(("Data", format!("{which}, on {}", images.device)));
    }
    match &config.estimation {
        Estimation::Training(plan) => {
            let train = &plan.evaluator.train;
            facts.push((
                "A trial",
                match &plan.proxy {
                    Some(proxy) => format!("is scored {}; the score is not an accuracy", proxy.in_words()),
                    None => format!(
                    "trains {}{}, batches of {}, peak learning rate {}; validated on {:.0} % of the training images, which are held out",
                    if config.halving.is_some() { "up to " } else { "" },
                    counted(plan.epochs as usize, "epoch"),
                    train.batch_size,
                    train.learning_rate,
                    100.0 * plan.evaluator.valid_fraction
                ),
                },
            ));
            let network = &plan.evaluator.network;
            facts.push((
                "Networks",
                format!(
                    "{} images, {} classes, {}",
                    network.image,
                    network.classes,
                    size::in_words(network)
                ),
            ));
            facts.push((
                "Final training",
                format!(
                    "{} on all training images, then the test, once",
                    counted(plan.final_epochs as usize, "epoch")
                ),
            ));
        }
        Estimation::Table(plan) => facts.push((
            "A trial",
            format!(
                "is looked up: {}{}",
                plan.title(),
                // A report needs no table, so that it may be gone.
                plan.search_epochs().map_or(String::new(), |epochs| format!(
                    ", validation {} after {}{}",
                    run.metric().name(),
                    if config.halving.is_some() { "up to " } else { "" },
                    counted(epochs as usize, "epoch")
                ))
            ),
        )),
        Estimation::Command(plan) => facts.push((
            "A trial",
            format!(
                "is evaluated by your own evaluator, for {}: {}",
                counted(plan.epochs as usize, "epoch"),
                plan.command
            ),
        )),
    }
    Ok(facts)
}

/// A large number as a power of ten, a small one with groups.
fn size(digits: &str) -> String {
    match digits.parse::<u64>() {
        Ok(number) if number < 1_000_000_000 => grouped(number),
        _ => {
            let power = (digits.len() - 1).to_string();
            let raised = power.chars().map(|digit| match digit {
                '1' => '¹',
                '2' => '²',
                '3' => '³',
                '0' => '⁰',
                // The others are in one row.
                other => char::from_u32('⁴' as u32 + (other as u32 - '4' as u32)).unwrap_or(other),
            });
            format!(
                "{}.{} × 10{}",
                &digits[..1],
                &digits[1..2],
                raised.collect::<String>()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_budgets_are_readable() {
        assert_eq!(size("15625"), "15,625");
        assert_eq!(size("1066801980000000000"), "1.0 × 10¹⁸");
        let both = Budget {
            trials: Some(1_000),
            epochs: None,
            seconds: Some(90.0),
        };
        assert_eq!(budget(&both), "1,000 trials or 90.0 s");
        assert_eq!(sentence("a word"), "A word");
    }
}

//! A controller that learns by reinforcement.

use anyhow::Result;
use clap::Args;
use nas_report::number::{counted, grouped, percent};
use nas_report::page::{Align, Cell, Html, Table};
use nas_report::plot::{self, Along, Curve, CurveChart, Dimension, Point, Reference, RewardStep, Scale};
use nas_rl::{ControllerSearch, Reward, RlConfig, Update};
use nas_space::search::{Evaluator, Scaled, Strategy, Trial};
use nas_space::spaces::Space;

use super::controller::{ControllerArgs, measure};
use super::{Defaults, Ended, Known, Picture, SearchMethod, Section, Seen, Setting};

/// What it learned from, in a run directory: a list of [`Update`].
const UPDATES_FILE: &str = "updates.json";
/// What uniform draws are worth, where that could be looked up: [`Reference`].
const UNIFORM_FILE: &str = "uniform.json";
/// The picture of both.
const PICTURE_FILE: &str = "reward.svg";
/// Sequences of uniform draws that are looked up to compare with.
const SEQUENCES: u64 = 50;
/// Proposals that count as uniform draws where none can be looked up: a controller starts close to them.
const FIRST: u64 = 10;

/// How it learns.
#[derive(Debug, Clone, Default, Args)]
pub struct RlArgs {
    #[command(flatten)]
    controller: ControllerArgs,
}

impl SearchMethod for RlConfig {
    const NAME: &'static str = "rl";
    const DESCRIPTION: &'static str = "a recurrent controller learns what to propose";
    const SUITS: &'static str = "100 trials or more";
    const NOT_SCREENED: Option<&'static str> = Some("whose controller learns from every proposal");
    const PRESETS: &'static [(&'static str, &'static str)] = &[
        ("small", "for about a hundred trials (default)"),
        ("nasnet", "as in the search for NASNet (2018)"),
        ("zoph-le", "as in Zoph & Le (2017), for thousands of trials"),
    ];

    type Args = RlArgs;

    fn defaults(of: &Defaults<'_>, _: &RlArgs) -> Result<Self> {
        Ok(match of.preset {
            Some("nasnet") => Self::nasnet_2018(),
            Some("zoph-le") => Self::zoph_le_2017(),
            _ => Self::small_budget(),
        })
    }

    fn overlay(&mut self, args: &RlArgs, _: &Known<'_>) -> Result<()> {
        args.controller.overlay(self);
        Ok(())
    }

    fn validate(&self, _: &dyn Space) -> Result<()> {
        Ok(Self::validate(self)?)
    }

    fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        let (space, seed) = (setting.space.clone(), setting.strategy_seed());
        let search = ControllerSearch::new(space, self.clone(), seed)?;
        Ok(Box::new(Scaled::new(search, setting.range)))
    }

    fn finish(&self, ended: &Ended<'_>) -> Result<Vec<Picture>> {
        let updates: Vec<Update> = match &ended.report {
            Some(report) => serde_json::from_value(report.clone())?,
            None => Vec::new(),
        };
        ended.run.write_json(UPDATES_FILE, &updates)?;
        let reference = match (ended.setting.table, updates.last()) {
            // What is looked up are accuracies, which are no rewards.
            (Some(evaluator), Some(last)) if ended.rewards.is_none() => {
                let drawn = uniform_draws(ended, evaluator, self.reward, last.trials)?;
                ended.run.write_json(UNIFORM_FILE, &drawn)?;
                Some(drawn)
            }
            _ => first_proposals(&updates),
        };
        let picture = drawn(&updates, self.reward, reference.as_ref(), ended.learned());
        ended.run.write_text(PICTURE_FILE, &picture)?;
        Ok(vec![Picture {
            name: "reward",
            path: ended.run.path().join(PICTURE_FILE),
        }])
    }

    fn section(&self, seen: &Seen<'_>) -> Result<Option<Section>> {
        let html = section(seen, self.reward)?;
        let title = "What the controller learned";
        Ok(Some(Section { title, html }))
    }
}

/// The picture of these updates.
fn drawn(updates: &[Update], reward: Reward, reference: Option<&Reference>, learned: &str) -> String {
    let step = |update: &Update| RewardStep {
        at: update.trials,
        reward: update.reward,
        baseline: update.baseline,
        best: update.best.map(|best| reward.of(best)),
    };
    let steps: Vec<RewardStep> = updates.iter().map(step).collect();
    plot::reward(&steps, Along::Trials, &measure(reward, learned), reference)
}

/// What uniform draws are worth, looked up.
fn uniform_draws(
    ended: &Ended<'_>,
    evaluator: &dyn Evaluator,
    worth: Reward,
    trials: u64,
) -> Result<Reference> {
    let Setting { space, range, .. } = *ended.setting;
    let seed = ended.setting.seed.derive("reward picture", 0);
    let mut best = vec![0.0; usize::try_from(trials)?];
    let mut sum = 0.0;
    for sequence in 0..SEQUENCES {
        let mut rng = seed.derive("sequence", sequence).rng();
        let mut so_far = f64::NEG_INFINITY;
        for best in &mut best {
            let trial = Trial::new(
                0,
                space.sample(&mut rng),
                ended.fidelity,
                seed.derive("draw", sequence),
            );
            let score = evaluator.evaluate(&trial)?.valid_accuracy;
            let reward = worth.of(range.map_or(score, |range| range.share(score)));
            sum += reward;
            so_far = so_far.max(reward);
            *best += so_far / SEQUENCES as f64;
        }
    }
    let draws = SEQUENCES * trials;
    Ok(Reference {
        mean: sum / draws as f64,
        source: format!("mean of {} uniform draws", grouped(draws)),
        best,
    })
}

/// What the first proposals were worth.
fn first_proposals(updates: &[Update]) -> Option<Reference> {
    let (mut sum, mut trials) = (0.0, 0);
    for update in updates {
        sum += update.reward * (update.trials - trials) as f64;
        trials = update.trials;
        if trials >= FIRST {
            break;
        }
    }
    (trials > 0).then(|| Reference {
        mean: sum / trials as f64,
        source: format!("mean of the first {trials} proposals, about uniform draws"),
        best: Vec::new(),
    })
}

fn section(seen: &Seen<'_>, reward: Reward) -> Result<Html> {
    let mut html = Html::new();
    let Some(updates) = seen.file::<Vec<Update>>(UPDATES_FILE)? else {
        html.paragraph("The controller's updates appear here after the search has ended.");
        return Ok(html);
    };
    let uniform: Option<Reference> = seen.file(UNIFORM_FILE)?;
    let reference = match uniform {
        None if !seen.in_table || seen.rewards.is_some() => first_proposals(&updates),
        uniform => uniform,
    };
    seen.say_scores(&mut html);
    let best = format!("best {}", seen.learned());
    html.figure(
        &drawn(&updates, reward, reference.as_ref(), seen.learned()),
        "The results of the controller's proposals and, if known, of uniform draws from the same space.",
    );
    let entropies = updates
        .iter()
        .map(|update| Point::new(update.trials as f64, update.entropy));
    let chart = CurveChart {
        title: "Entropy of the controller's draws".to_owned(),
        subtitle: "How undecided the controller was: near 0, it proposes the same architecture repeatedly."
            .to_owned(),
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

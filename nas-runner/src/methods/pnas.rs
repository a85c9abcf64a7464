//! Progressive search.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use nas_pnas::report::{LevelReport, SearchReport};
use nas_pnas::surrogate::{Encoding, LevelData, SurrogateConfig};
use nas_pnas::{FirstLevel, ProgressiveConfig, ProgressiveSearch};
use nas_report::number::{grouped, percent};
use nas_report::page::{Align, Cell, Html, Table as HtmlTable};
use nas_report::plot::progressive::{self, Level, Model};
use nas_space::search::{Scaled, Strategy};
use nas_space::spaces::Space;
use toml::Table;

use super::surrogate::{SurrogateArgs, SurrogateName, encoding_of};
use super::{Defaults, Ended, Known, Picture, SearchMethod, Section, Seen, Setting};
use crate::parsers::at_least;
use crate::usage::Usage;

/// The levels and what predicted them, in a run directory: [`SearchReport`].
const LEVELS_FILE: &str = "pnas.json";
/// The picture of predictions.
const PREDICTED_PICTURE: &str = "predicted.svg";
/// The picture of levels.
const LEVELS_PICTURE: &str = "levels.svg";

/// How levels are chosen.
#[derive(Debug, Clone, Default, Args)]
pub struct PnasArgs {
    #[command(flatten)]
    predicted: SurrogateArgs,
    /// Which levels the networks of --surrogate mlp or lstm learn from [default: all]
    #[arg(long, value_enum, value_name = "WHICH")]
    surrogate_data: Option<LevelDataName>,
    /// Architectures to train at each level from the second on, as K or K,K,…
    ///
    /// The last number is for all further levels. The default is as many as --trials allows.
    #[arg(long, value_name = "K", value_delimiter = ',', value_parser = at_least(1))]
    beam: Option<Vec<usize>>,
    /// Architectures to train at level 1: N uniform draws, or all
    ///
    /// The default is all of them, but at most a third of --trials.
    #[arg(long, value_name = "N|all", value_parser = first_level)]
    first_level: Option<FirstLevel>,
}

/// Which levels a surrogate learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LevelDataName {
    /// All levels so far
    All,
    /// The new level alone
    New,
}

impl SearchMethod for ProgressiveConfig {
    const NAME: &'static str = "pnas";
    const DESCRIPTION: &'static str = "grows cells level by level, led by predictions";
    const SUITS: &'static str = "few trials; spaces that grow";
    const NOT_HALVED: Option<&'static str> = Some("whose surrogate compares trainings of one length");
    const NOT_SCREENED: Option<&'static str> = Some("whose surrogate screens them");

    type Args = PnasArgs;

    /// As in the paper, or what so many trials have room for.
    fn defaults(of: &Defaults<'_>, args: &PnasArgs) -> Result<Self> {
        let space = of.space.build()?;
        let mut config = match of.trials {
            Some(trials) => Self::within(trials, &space, args.first_level)?,
            None => Self::default(),
        };
        if let Some(name) = args.predicted.named(of.file)
            && name != SurrogateName::of(&config.surrogate)
        {
            let encoding = match name {
                SurrogateName::FeatureMlp => encoding_of(space.as_ref()),
                _ => Encoding::default(),
            };
            config.surrogate = name.config(encoding);
        }
        Ok(config)
    }

    fn reconcile(file: &mut Table, args: &PnasArgs) {
        args.predicted.reconcile(file);
    }

    fn overlay(&mut self, args: &PnasArgs, _: &Known<'_>) -> Result<()> {
        if let Some(name) = args.surrogate_data {
            let data = match name {
                LevelDataName::All => LevelData::All,
                LevelDataName::New => LevelData::New,
            };
            match &mut self.surrogate {
                SurrogateConfig::Mlp(network) | SurrogateConfig::Lstm(network) => network.data = data,
                _ => {
                    let why = "--surrogate-data is for networks, which can be trained on: expected --surrogate mlp or lstm";
                    return Err(Usage::new(why).into());
                }
            }
        }
        if let Some(beam) = &args.beam {
            self.beam.clone_from(beam);
        }
        self.first_level = args.first_level.unwrap_or(self.first_level);
        self.exploration = args.predicted.exploration(self.exploration);
        Ok(())
    }

    fn validate(&self, space: &dyn Space) -> Result<()> {
        Self::validate(self)?;
        nas_pnas::check_space(space)?;
        Ok(())
    }

    fn check(&self, setting: &Setting<'_>) -> Result<()> {
        if let Some(table) = setting.table.map(|evaluator| evaluator.table())
            && !table.is_complete()
        {
            bail!(
                "method pnas builds architectures level by level and needs every one of them, but the table '{}' knows {} of the {} of \
                 space {}; expected another method, such as evolution",
                table.header().name,
                grouped(table.len() as u64),
                table.space().size(),
                table.space().name()
            );
        }
        self.strategy(setting).map(drop)
    }

    fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        let (space, seed) = (setting.space.clone(), setting.strategy_seed());
        let search = ProgressiveSearch::new(space, self.clone(), seed)?;
        Ok(Box::new(Scaled::new(search, setting.range)))
    }

    fn finish(&self, ended: &Ended<'_>) -> Result<Vec<Picture>> {
        let Some(report) = &ended.report else {
            return Ok(Vec::new());
        };
        ended.run.write_json(LEVELS_FILE, report)?;
        let report: SearchReport = serde_json::from_value(report.clone())?;
        let levels = plain(&report.levels);
        let learned = ended.learned();
        let mut pictures = Vec::new();
        for (name, file, picture) in [
            (
                "predictions",
                PREDICTED_PICTURE,
                progressive::predicted(&levels, learned),
            ),
            ("levels", LEVELS_PICTURE, progressive::levels(&levels, learned)),
        ] {
            ended.run.write_text(file, &picture)?;
            let path = ended.run.path().join(file);
            pictures.push(Picture { name, path });
        }
        Ok(pictures)
    }

    fn section(&self, seen: &Seen<'_>) -> Result<Option<Section>> {
        let html = section(seen)?;
        let title = "Levels and predictions";
        Ok(Some(Section { title, html }))
    }
}

/// The levels as they are drawn.
fn plain(levels: &[LevelReport]) -> Vec<Level> {
    let level = |report: &LevelReport| {
        let models = report.models.iter().map(|model| Model {
            predicted: model.predicted.map(|predicted| predicted.mean),
            measured: model.accuracy,
        });
        let quality = report.extrapolated.as_ref();
        Level {
            level: report.level,
            models: models.collect(),
            distinct: report.distinct,
            size: report.size,
            best: report.best_accuracy,
            spearman: quality.and_then(|quality| quality.spearman),
            kendall: quality.and_then(|quality| quality.kendall),
        }
    };
    levels.iter().map(level).collect()
}

fn section(seen: &Seen<'_>) -> Result<Html> {
    let mut html = Html::new();
    let learned = seen.learned();
    let best = format!("best {learned}");
    let Some(report) = seen.file::<SearchReport>(LEVELS_FILE)? else {
        html.paragraph("The levels and predictions appear here after the search has ended.");
        return Ok(html);
    };
    seen.say_scores(&mut html);
    let levels = plain(&report.levels);
    html.figure(
        &progressive::levels(&levels, learned),
        "The results of each level, and how many of its architectures existed, were predicted and were trained.",
    );
    html.figure(
        &progressive::predicted(&levels, learned),
        &format!(
            "The surrogate: {}. Only levels with predictions before training are shown.",
            report.surrogate
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
    let mut table = HtmlTable::new(&columns);
    for level in &report.levels {
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
        "ρ and τ: rank correlations between predictions before a level was trained and measured \
         accuracies; held out: for predictions of models that had learned from other architectures of the \
         level.",
    );
    Ok(html)
}

fn first_level(text: &str) -> Result<FirstLevel, String> {
    match (text, text.parse()) {
        ("all", _) => Ok(FirstLevel::All),
        (_, Ok(count)) if count > 0 => Ok(FirstLevel::AtMost(count)),
        _ => Err("expected a number from 1, or all".to_owned()),
    }
}

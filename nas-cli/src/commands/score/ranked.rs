//! How well scores rank architectures, for people in a terminal, programs and the page.

use anyhow::Result;
use nas_report::number::{NOT_KNOWN, counted, seconds};
use nas_report::page::proxies::{FigureData, ProxyRow, correlation, share};
use nas_study::ranking::{LEAST, Ranking};
use rayon::prelude::*;
use serde::Serialize;

use super::Row;
use super::against::Against;

/// One proxy against one figure, as programs read it.
#[derive(Debug, Serialize)]
pub(super) struct Ranked {
    proxy: String,
    /// What it is compared with: `validation accuracy after 12 epochs`.
    figure: String,
    #[serde(flatten)]
    ranking: Ranking,
    /// Mean seconds for the score of an architecture.
    seconds: Option<f64>,
}

/// A column of scores.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) measures: Option<&'static str>,
    pub(super) seconds: Option<f64>,
}

/// What is known of all columns together.
pub(super) struct Rankings {
    pub(super) figures: Vec<FigureData>,
    pub(super) warnings: Vec<String>,
}

impl Rankings {
    /// Of these scores, with the figures of the same architectures.
    pub(super) fn of(columns: &[Column], rows: &[Row], against: &Against) -> Result<Self> {
        let of_rows: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| against.figures_of(&row.genotype))
            .collect::<Result<_>>()?;
        let mut warnings = against.notes.clone();
        let mut figures = Vec::with_capacity(against.figures.len());
        for (place, figure) in against.figures.iter().enumerate() {
            let missing = of_rows.iter().filter(|figures| figures[place].is_nan()).count();
            if missing > 0 {
                warnings.push(format!(
                    "{} of {} have no {} in {} and are left out.",
                    missing,
                    counted(rows.len(), "architecture"),
                    figure.name,
                    against.source
                ));
            }
            let proxies = columns.par_iter().enumerate().map(|(column, about)| {
                let points = rows.iter().zip(&of_rows);
                let points: Vec<(f64, f64)> = points
                    .map(|(row, figures)| (row.scores[column], figures[place]))
                    .filter(|point| !point.1.is_nan())
                    .collect();
                ProxyRow {
                    name: about.name.clone(),
                    measures: about.measures,
                    ranking: Ranking::of(&points),
                    seconds: about.seconds,
                    points,
                }
            });
            figures.push(FigureData {
                name: figure.name.clone(),
                metric: figure.metric.clone(),
                proxies: proxies.collect(),
            });
        }
        for (place, column) in columns.iter().enumerate() {
            let lowest = rows
                .iter()
                .filter(|row| row.scores[place] == f64::NEG_INFINITY)
                .count();
            if lowest > 0 {
                warnings.push(format!(
                    "{} the score −∞ by {}, and share the lowest rank.",
                    match lowest {
                        1 => "1 architecture has".to_owned(),
                        lowest => format!("{lowest} architectures have"),
                    },
                    column.name
                ));
            }
        }
        if rows.len() < LEAST {
            warnings.push(format!(
                "{} are too few for intervals and for a best 10 %; expected at least {LEAST}.",
                counted(rows.len(), "architecture")
            ));
        }
        Ok(Self { figures, warnings })
    }

    /// What the numbers say, a sentence for each figure.
    pub(super) fn verdict(&self) -> Vec<String> {
        let sentences = self.figures.iter().map(|figure| {
            let known = figure.proxies.iter().filter_map(|proxy| {
                let spearman = proxy.ranking.spearman?;
                Some((proxy, spearman))
            });
            // Of equal ones, the first.
            let best = known.reduce(|best, one| if one.1.value > best.1.value { one } else { best });
            match best {
                None => format!(
                    "No correlation with the {} can be computed: there are fewer than three architectures, or all have the same \
                     value.",
                    figure.name
                ),
                Some((proxy, spearman)) => format!(
                    "{} with the {}: {}, Spearman's ρ {} over {}.",
                    match figure.proxies.len() {
                        1 => "Rank correlation",
                        _ => "Highest rank correlation",
                    },
                    figure.name,
                    proxy.name,
                    correlation(Some(spearman)),
                    counted(proxy.ranking.architectures, "architecture")
                ),
            }
        });
        sentences.collect()
    }

    /// All of it for programs.
    pub(super) fn for_programs(&self) -> Vec<Ranked> {
        let figures = self.figures.iter();
        figures
            .flat_map(|figure| {
                figure.proxies.iter().map(|proxy| Ranked {
                    proxy: proxy.name.clone(),
                    figure: figure.name.clone(),
                    ranking: proxy.ranking,
                    seconds: proxy.seconds,
                })
            })
            .collect()
    }

    /// A table for each figure.
    pub(super) fn text(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for figure in &self.figures {
            let rows = figure.proxies.iter().map(|proxy| {
                [
                    proxy.name.clone(),
                    correlation(proxy.ranking.spearman),
                    correlation(proxy.ranking.kendall),
                    share(proxy.ranking.top),
                    proxy.seconds.map_or_else(|| NOT_KNOWN.to_owned(), seconds),
                ]
            });
            let head = [
                "score",
                "Spearman's ρ",
                "Kendall's τ-b",
                "top 10 %",
                "time for each",
            ];
            let rows: Vec<[String; 5]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
            let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
            let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
            lines.push(String::new());
            lines.push(format!("rank correlation with the {}:", figure.name));
            lines.extend(rows.iter().map(|row| {
                let cells = row.iter().zip(&widths).enumerate();
                let cells: Vec<String> = cells
                    .map(|(place, (cell, width))| {
                        let room = " ".repeat(width - cell.chars().count());
                        match place {
                            0 => format!("{cell}{room}"),
                            _ => format!("{room}{cell}"),
                        }
                    })
                    .collect();
                cells.join("  ")
            }));
        }
        lines
    }
}

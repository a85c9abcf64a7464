//! The page on scores of untrained networks: how well they rank architectures by accuracy.
//!
//! It is made of plain data and computes nothing but ranks for its charts. A score is called a
//! score everywhere: it is no accuracy.

use nas_space::search::Metric;
use nas_study::ranking::{Bounded, Ranking, TOP, ranks};

use super::{Align, Cell, Html, Page, Table};
use crate::number::{NOT_KNOWN, counted, seconds};
use crate::plot::{CurveChart, Dimension, OnAxis, Scale, curves};

/// Scores and accuracies of the same architectures.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxiesData {
    /// The page's title.
    pub title: String,
    /// A sentence about what is compared.
    pub lead: String,
    /// What the numbers say, a sentence each.
    pub verdict: Vec<String>,
    /// What has to be known to read the numbers right.
    pub warnings: Vec<String>,
    /// How scores were computed, by name: images, network, initialisations, seed.
    pub conditions: Vec<(String, String)>,
    /// What scores are compared with, at least one: the validation accuracy, the test accuracy.
    pub figures: Vec<FigureData>,
    /// The command that gives the same again.
    pub command: String,
}

/// Scores against one figure of the architectures.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureData {
    /// Its name: `validation accuracy after 12 epochs`.
    pub name: String,
    /// What it is.
    pub metric: Metric,
    /// The proxies, in the order of the table.
    pub proxies: Vec<ProxyRow>,
}

/// A proxy against one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyRow {
    /// Its name.
    pub name: String,
    /// What it measures, if that is known.
    pub measures: Option<&'static str>,
    /// How well it ranks the architectures.
    pub ranking: Ranking,
    /// Mean seconds that its score takes for an architecture, where they were measured.
    pub seconds: Option<f64>,
    /// Each architecture's proxy score, and the score of its figure by the metric.
    pub points: Vec<(f64, f64)>,
}

/// The document. The same data always gives the same text.
pub fn page(data: &ProxiesData) -> String {
    let mut opening = Html::new();
    for warning in &data.warnings {
        opening.note(warning);
    }
    for sentence in &data.verdict {
        opening.paragraph(sentence);
    }
    let mut page = Page::new(&data.title, &data.lead);
    page.opening(opening);
    for figure in &data.figures {
        page.section(format!("Scores and {}", figure.name), section(figure));
    }
    let mut conditions = Html::new();
    let facts: Vec<(&str, String)> = data
        .conditions
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    conditions.facts(&facts);
    page.section("Scores and architectures", conditions);
    let mut reading = Html::new();
    for sentence in HOW_TO_READ {
        reading.paragraph(sentence);
    }
    page.section("How to read it", reading);
    let mut repeat = Html::new();
    repeat.broken_code(&data.command);
    page.section("How to repeat it", repeat);
    page.render()
}

const HOW_TO_READ: [&str; 5] = [
    "A score is computed on an untrained network. It has no unit, and it is no accuracy. What can be compared is the order of the \
     architectures.",
    "Spearman's ρ is the correlation of the ranks. Kendall's τ-b is the share of pairs of architectures in the same order, less the \
     share in opposite order, corrected for ties. Both are 1 for the same order, 0 for no relation and −1 for the opposite order.",
    "Top 10 % is the share of the best 10 % by score that is also among the best 10 % by the other figure. By chance it is 10 %.",
    "Brackets contain 95 % bootstrap intervals, over 1,000 draws of the architectures with replacement. They show how much depends \
     on which architectures were drawn. Other images, initialisations and trainings change the figures further.",
    "Two proxies on the same architectures are not independent, so overlapping intervals do not show that they are equally good.",
];

fn section(figure: &FigureData) -> Html {
    let mut html = Html::new();
    html.table(&table(figure));
    for proxy in &figure.proxies {
        html.figure(&curves(&chart(figure, proxy)), &caption(proxy));
    }
    html
}

fn table(figure: &FigureData) -> Table {
    let columns = [
        ("proxy", Align::Left),
        ("architectures", Align::Right),
        ("Spearman's ρ", Align::Right),
        ("Kendall's τ-b", Align::Right),
        ("top 10 %", Align::Right),
        ("time per architecture", Align::Right),
    ];
    let mut table = Table::new(&columns).captioned(format!(
        "Rank correlation of each score with the {}, with 95 % intervals",
        figure.name
    ));
    for proxy in &figure.proxies {
        let ranking = &proxy.ranking;
        table.row([
            Cell::code(&proxy.name),
            Cell::text(ranking.architectures),
            Cell::Text(correlation(ranking.spearman)),
            Cell::Text(correlation(ranking.kendall)),
            Cell::Text(share(ranking.top)),
            Cell::Text(proxy.seconds.map_or_else(|| NOT_KNOWN.to_owned(), seconds)),
        ]);
    }
    table
}

/// A correlation and its interval: `0.80 [0.76, 0.84]`, with a minus sign for negative numbers.
pub fn correlation(figure: Option<Bounded>) -> String {
    shown(figure, |value| format!("{value:.2}"), "")
}

/// A share and its interval: `43 % [30, 57]`.
pub fn share(figure: Option<Bounded>) -> String {
    shown(figure, |value| format!("{:.0}", 100.0 * value), " %")
}

fn shown(figure: Option<Bounded>, number: impl Fn(f64) -> String, unit: &str) -> String {
    let Some(Bounded { value, interval }) = figure else {
        return "–".to_owned();
    };
    let number = |value: f64| match number(value) {
        // −0.00 is 0.00.
        text if text.trim_start_matches('-').trim_matches(['0', '.']).is_empty() => {
            text.trim_start_matches('-').to_owned()
        }
        text => text.replace('-', "−"),
    };
    let bounds = interval.map(|[low, high]| format!(" [{}, {}]", number(low), number(high)));
    format!("{}{unit}{}", number(value), bounds.unwrap_or_default())
}

fn caption(proxy: &ProxyRow) -> String {
    let about = proxy
        .measures
        .map_or_else(String::new, |measures| format!("{}: {measures}. ", proxy.name));
    format!(
        "{about}Each dot is an architecture, many dots in one place are darker. Higher scores are further right."
    )
}

fn chart(figure: &FigureData, proxy: &ProxyRow) -> CurveChart {
    let scores: Vec<f64> = proxy.points.iter().map(|point| point.0).collect();
    let figures = proxy.points.iter().map(|point| figure.metric.on_axis(point.1));
    CurveChart {
        title: format!("{} and {}", proxy.name, figure.name),
        subtitle: format!(
            "{}, Spearman's ρ {}, top {:.0} %: {}. Triangles: far from the others.",
            counted(proxy.points.len(), "architecture"),
            correlation(proxy.ranking.spearman),
            100.0 * TOP,
            share(proxy.ranking.top)
        ),
        x: Dimension::percent(
            format!("architectures with a lower score by {}", proxy.name),
            Scale::Linear,
        ),
        y: figure.metric.dimension(figure.name.clone()),
        curves: Vec::new(),
        dots: ranks(&scores)
            .into_iter()
            .map(|rank| 100.0 * (rank - 0.5) / scores.len() as f64)
            .zip(figures)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(count: u32) -> ProxiesData {
        let points = |sign: f64| -> Vec<(f64, f64)> {
            (0..count)
                .map(|i| (sign * f64::from(i), 0.5 + f64::from(i * 7 % 40) / 100.0))
                .collect()
        };
        let row = |name: &str, sign: f64| ProxyRow {
            name: name.to_owned(),
            measures: None,
            ranking: Ranking::of(&points(sign)),
            seconds: Some(0.25),
            points: points(sign),
        };
        ProxiesData {
            title: "Zero-cost proxies".to_owned(),
            lead: "<of> nothing".to_owned(),
            verdict: vec!["naswot".to_owned()],
            warnings: Vec::new(),
            conditions: vec![("Seed".to_owned(), "0".to_owned())],
            figures: vec![FigureData {
                name: "validation accuracy after 12 epochs".to_owned(),
                metric: Metric::default(),
                proxies: vec![row("naswot", 1.0), row("<evil>", -1.0)],
            }],
            command: "nas score".to_owned(),
        }
    }

    #[test]
    fn every_proxy_has_a_row_and_a_chart_and_names_are_escaped() {
        for count in [1, 12, 3_000] {
            let text = page(&data(count));
            assert_eq!(text.matches("<svg").count(), 2);
            assert!(text.contains("validation accuracy after 12 epochs"));
            assert!(text.contains("0.250 s") && text.contains("no accuracy"));
            assert!(!text.contains("<evil>") && !text.contains("NaN"));
            assert_eq!(text, page(&data(count)));
        }
    }

    #[test]
    fn figures_have_their_intervals_and_signs() {
        let bounded = |value, interval| Some(Bounded { value, interval });
        assert_eq!(
            correlation(bounded(0.804, Some([0.76, 0.838]))),
            "0.80 [0.76, 0.84]"
        );
        assert_eq!(
            correlation(bounded(-0.004, Some([-0.05, 0.0]))),
            "0.00 [−0.05, 0.00]"
        );
        assert_eq!(share(bounded(0.434, Some([0.3, 0.571]))), "43 % [30, 57]");
        assert_eq!(share(bounded(0.434, None)), "43 %");
        assert_eq!(correlation(None), "–");
    }
}

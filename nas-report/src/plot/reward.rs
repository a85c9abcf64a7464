//! The reward of a controller's proposals over time, with that of uniform draws or over the epochs
//! of a supernet.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::crowd;
use super::document::Heading;
use super::frame::ticks;
use super::readout::{self, Strip};
use super::{FAINT, INK, escaped};

/// Width and height of the plot within its axes.
const PLOT: (f64, f64) = (640.0, 300.0);
/// Left, top, right, bottom of it.
const MARGINS: (f64, f64, f64, f64) = (64.0, 84.0, 24.0, 84.0);
const REWARDS: &str = "#94b8e8";
const AVERAGE: &str = "#1d5fbf";
const BEST: &str = "#0f7b4f";
const RANDOM: &str = "#c2571a";

/// What uniform draws are worth, to compare a controller with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Their mean reward.
    pub mean: f64,
    /// Where that is from.
    pub source: String,
    /// The mean best reward after 1, 2, … of them, where that is known.
    pub best: Vec<f64>,
}

/// The rewards of a controller after this number of trials or epochs. All rewards have the same
/// unit; higher is better.
///
/// `nas_rl::Update` and `nas_rl::enas::EpochReport` have these numbers; the best accuracy of an update is made a reward first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RewardStep {
    /// Trials, or epochs, until then: from 1 on, in rising order.
    pub at: u64,
    /// Mean reward of the draws since the step before.
    pub reward: f64,
    /// What rewards are compared with.
    pub baseline: f64,
    /// The highest reward so far, where that is known.
    pub best: Option<f64>,
}

/// What is to the right in a picture of rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// Trials: each step is an update of the controller.
    Trials,
    /// Epochs of a supernet, whose weights the draws share.
    Epochs,
}

impl Along {
    fn words(self) -> &'static Words {
        match self {
            Self::Trials => &OF_TRIALS,
            Self::Epochs => &OF_EPOCHS,
        }
    }
}

/// What the words of a chart are.
struct Words {
    title: &'static str,
    /// What runs to the right.
    across: &'static str,
    /// What a place there is.
    at: &'static str,
    /// What a dot is.
    dot: &'static str,
    /// What the line through them is.
    line: &'static str,
}

const OF_TRIALS: Words = Words {
    title: "Reward of the controller's proposals",
    across: "Trials",
    at: "trial",
    dot: "mean reward of an update's trials",
    line: "its moving average, the baseline",
};

const OF_EPOCHS: Words = Words {
    title: "Reward of the controller's draws with shared weights",
    across: "Epochs of the supernet",
    at: "epoch",
    dot: "mean reward of an epoch's draws",
    line: "baseline at the end of the epoch",
};

/// The chart of these steps as an SVG document, which needs no other file; nothing but a title for none. `measure` says what a
/// reward is: `validation accuracy`. Of `reference`, uniform draws, as many are drawn as there are trials.
pub fn reward(steps: &[RewardStep], along: Along, measure: &str, reference: Option<&Reference>) -> String {
    let words = along.words();
    let chart = Chart::new(steps, reference, words);
    let size = (MARGINS.0 + PLOT.0 + MARGINS.2, MARGINS.1 + PLOT.1 + MARGINS.3);
    let subtitle = format!(
        "{} to the right, reward ({measure}) upwards; dots at the lower edge lie below",
        words.across
    );
    let mut body = String::new();
    if let Some(chart) = chart {
        chart.draw(&mut body);
    }
    Heading::new(words.title, &subtitle, MARGINS.0, size.0).document(words.title, size, &body)
}

/// What is drawn, and the axes.
struct Chart<'a> {
    learned: &'a [RewardStep],
    reference: Option<&'a Reference>,
    words: &'a Words,
    trials: u64,
    least: f64,
    step: f64,
    steps: u32,
}

impl<'a> Chart<'a> {
    fn new(learned: &'a [RewardStep], reference: Option<&'a Reference>, words: &'a Words) -> Option<Self> {
        let trials = learned.last()?.at;
        let mut rewards: Vec<f64> = learned.iter().map(|step| step.reward).collect();
        rewards.sort_by(f64::total_cmp);
        let best = learned.iter().filter_map(|step| step.best);
        let baselines = learned.iter().map(|step| step.baseline);
        let references = reference
            .iter()
            .flat_map(|r| r.best.iter().copied().chain([r.mean]));
        // A tenth of the rewards may lie below: a few failures would else press all others against the top.
        let low = rewards[rewards.len() / 10];
        let shown = baselines.chain(references.clone()).chain([low]);
        let lowest = shown.fold(f64::INFINITY, f64::min);
        let tops = best.chain(references).chain(rewards.last().copied());
        let highest = tops.fold(f64::NEG_INFINITY, f64::max);
        if !(lowest.is_finite() && highest.is_finite()) {
            return None;
        }
        let span = (highest - lowest).max(1e-3);
        let step = round_step(span / 4.0);
        let least = (lowest / step).floor() * step;
        let steps = ((highest - least) / step).ceil().max(1.0) as u32;
        Some(Self {
            learned,
            reference,
            words,
            trials,
            least,
            step,
            steps,
        })
    }

    /// Where the outcome of this trial is, counted from 1.
    fn x(&self, trial: f64) -> f64 {
        let last = (self.trials as f64 - 1.0).max(1.0);
        MARGINS.0 + PLOT.0 * (trial - 1.0) / last
    }

    fn y(&self, reward: f64) -> f64 {
        let share = (reward - self.least) / (self.step * f64::from(self.steps));
        MARGINS.1 + PLOT.1 * (1.0 - share.clamp(0.0, 1.0))
    }

    fn draw(&self, text: &mut String) {
        self.axes(text);
        if let Some(reference) = self.reference {
            let y = self.y(reference.mean);
            let _ = writeln!(
                text,
                "<line x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{RANDOM}\" stroke-width=\"1.6\" \
                 stroke-dasharray=\"6 4\"/>",
                MARGINS.0,
                MARGINS.0 + PLOT.0
            );
            let known = reference
                .best
                .iter()
                .take(usize::try_from(self.trials).unwrap_or(usize::MAX));
            let points = known.enumerate().map(|(i, &best)| (i as f64 + 1.0, best));
            self.line(text, points, RANDOM, 1.6, " stroke-dasharray=\"2 3\"");
        }
        let learned = self.learned.iter();
        for mark in crowd::marks(learned.map(|step| (self.x(step.at as f64), self.y(step.reward)))) {
            let _ = writeln!(
                text,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2\" fill=\"{REWARDS}\"/>",
                mark.x, mark.y
            );
        }
        let baseline = self.learned.iter().map(|step| (step.at as f64, step.baseline));
        self.line(text, baseline, AVERAGE, 2.2, "");
        let best = self
            .learned
            .iter()
            .filter_map(|step| Some((step.at as f64, step.best?)));
        if self.knows_best() {
            self.line(text, best, BEST, 2.2, "");
        }
        self.legend(text);
        readout::draw(text, (MARGINS.1, PLOT.1), &self.strips());
    }

    /// The numbers of a step, or of the last of a few neighbours.
    fn strips(&self) -> Vec<Strip> {
        let across: Vec<f64> = self.learned.iter().map(|step| self.x(step.at as f64)).collect();
        let groups = readout::groups(&across, readout::most(1));
        let middle = |place: usize| 0.5 * (across[place] + across[place + 1]);
        let strip = |(first, last): (usize, usize)| {
            let step = &self.learned[last];
            let mut text = format!(
                "{} {}\nreward {:.4}\nbaseline {:.4}",
                self.words.at, step.at, step.reward, step.baseline
            );
            if let Some(best) = step.best {
                // Writing to a string cannot fail.
                let _ = write!(text, "\nbest so far {best:.4}");
            }
            Strip {
                left: first.checked_sub(1).map_or(MARGINS.0, middle),
                right: match last + 1 == across.len() {
                    true => MARGINS.0 + PLOT.0,
                    false => middle(last),
                },
                text,
            }
        };
        groups.into_iter().map(strip).collect()
    }

    fn knows_best(&self) -> bool {
        self.learned.iter().any(|step| step.best.is_some())
    }

    fn axes(&self, text: &mut String) {
        let (left, right) = (MARGINS.0, MARGINS.0 + PLOT.0);
        let bottom = MARGINS.1 + PLOT.1;
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        for mark in 0..=self.steps {
            let value = self.least + self.step * f64::from(mark);
            let y = self.y(value);
            let _ = writeln!(
                text,
                "<line x1=\"{left:.1}\" y1=\"{y:.1}\" x2=\"{right:.1}\" y2=\"{y:.1}\" stroke=\"#eceff4\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" text-anchor=\"end\" fill=\"{FAINT}\">{value:.decimals$}</text>",
                left - 8.0,
                y + 4.0
            );
        }
        for tick in ticks(usize::try_from(self.trials).unwrap_or(usize::MAX)) {
            let x = self.x(tick as f64 + 1.0);
            let _ = writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{bottom:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{FAINT}\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"11\" text-anchor=\"middle\" fill=\"{FAINT}\">{}</text>",
                bottom + 4.0,
                bottom + 18.0,
                tick + 1
            );
        }
        let _ = writeln!(
            text,
            "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#d5dae3\"/>",
            MARGINS.1, PLOT.0, PLOT.1
        );
    }

    /// A line through these points: trial, reward. A single one is a dot.
    fn line(
        &self,
        text: &mut String,
        points: impl Iterator<Item = (f64, f64)>,
        colour: &str,
        width: f64,
        dashes: &str,
    ) {
        let corners = points.map(|(trial, reward)| (self.x(trial), self.y(reward)));
        let points: Vec<String> = crowd::corners(corners.collect())
            .into_iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\" \
             stroke-linecap=\"round\"{dashes}/>",
            points.join(" ")
        );
    }

    fn legend(&self, text: &mut String) {
        let mut entries = vec![
            (
                REWARDS,
                " stroke-dasharray=\"0 6\" stroke-linecap=\"round\"",
                self.words.dot.to_owned(),
            ),
            (AVERAGE, "", self.words.line.to_owned()),
        ];
        if self.knows_best() {
            entries.push((BEST, "", "best so far".to_owned()));
        }
        if let Some(reference) = self.reference {
            entries.push((RANDOM, " stroke-dasharray=\"6 4\"", reference.source.clone()));
            if !reference.best.is_empty() {
                let best = "best of the same number of uniform draws, on average".to_owned();
                entries.push((RANDOM, " stroke-dasharray=\"2 3\"", best));
            }
        }
        for (i, (colour, dashes, what)) in entries.iter().enumerate() {
            let x = MARGINS.0 + PLOT.0 / 2.0 * (i % 2) as f64;
            let y = MARGINS.1 + PLOT.1 + 40.0 + 17.0 * (i / 2) as f64;
            let _ = writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" stroke-width=\"2.6\"{dashes}/>\n\
                 <text x=\"{:.1}\" y=\"{y:.1}\" font-size=\"11\" fill=\"{INK}\">{}</text>",
                y - 4.0,
                x + 24.0,
                y - 4.0,
                x + 30.0,
                escaped(what)
            );
        }
    }
}

/// 1, 2 or 5 times a power of ten: the next from `least` on.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let fitting = [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power);
    fitting
        .into_iter()
        .find(|&step| step >= least)
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> Vec<RewardStep> {
        (1..=20_u64)
            .map(|i| RewardStep {
                at: 5 * i,
                reward: if i == 7 { 0.0 } else { 0.5 + 0.02 * i as f64 },
                baseline: 0.5 + 0.015 * i as f64,
                best: Some(0.6 + 0.015 * i as f64),
            })
            .collect()
    }

    #[test]
    fn strips_say_the_rewards_of_a_step() {
        let text = reward(&steps(), Along::Trials, "validation accuracy", None);
        let (_, strips) = text.split_once("<g class=\"readout\"").unwrap();
        let titles: Vec<&str> = strips
            .split("<title>")
            .skip(1)
            .map(|rest| rest.split("</title>").next().unwrap())
            .collect();
        assert_eq!(titles.len(), 20);
        assert_eq!(
            titles[6],
            "trial 35\nreward 0.0000\nbaseline 0.6050\nbest so far 0.7050"
        );
        let unknown = RewardStep {
            best: None,
            ..steps()[0]
        };
        let text = reward(&[unknown], Along::Epochs, "accuracy", None);
        assert!(
            text.contains("<title>epoch 5\nreward 0.5200\nbaseline 0.5150</title>"),
            "{text}"
        );
    }

    #[test]
    fn all_lines_are_there_and_within_the_axes() {
        let reference = Reference {
            mean: 0.55,
            source: "mean of 1,000 uniform draws & more".to_owned(),
            best: (0..200).map(|i| 0.6 + 0.001 * f64::from(i)).collect(),
        };
        let text = reward(&steps(), Along::Trials, "validation accuracy", Some(&reference));
        assert_eq!(text.matches("<circle").count(), 20);
        assert_eq!(text.matches("<polyline").count(), 3);
        assert!(text.contains("uniform draws &amp; more"));
        let heights = text.split("cy=\"").skip(1);
        let heights = heights.map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap());
        assert!(
            heights
                .clone()
                .all(|y| (MARGINS.1..=MARGINS.1 + PLOT.1).contains(&y))
        );
        let low = heights.filter(|y| *y == MARGINS.1 + PLOT.1).count();
        assert_eq!(low, 1, "the outlier alone is at the lower edge");
        // As many uniform draws as there are trials, no more.
        let uniform = text
            .split("<polyline points=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        assert_eq!(uniform.split(' ').count(), 100);
    }

    #[test]
    fn marks_are_round() {
        for (least, expected) in [(0.03, 0.05), (0.05, 0.05), (0.051, 0.1), (0.12, 0.2), (7.0, 10.0)] {
            assert!((round_step(least) - expected).abs() < 1e-12, "{least}");
        }
        let text = reward(&steps(), Along::Trials, "validation accuracy cubed", None);
        assert!(text.contains(">0.5<") && text.contains(">0.9<"), "{text}");
        assert!(text.contains("cubed"));
    }

    #[test]
    fn epochs_of_a_supernet_have_dots_and_a_baseline_and_no_best() {
        let epochs: Vec<RewardStep> = (0..12_u32)
            .map(|epoch| RewardStep {
                at: u64::from(epoch) + 1,
                reward: 0.4 + 0.01 * f64::from(epoch),
                baseline: 0.4,
                best: None,
            })
            .collect();
        let text = reward(&epochs, Along::Epochs, "validation accuracy", None);
        assert_eq!(text.matches("<circle").count(), 12);
        assert_eq!(text.matches("<polyline").count(), 1);
        assert!(text.contains("Epochs of the supernet") && !text.contains("best so far"));
    }

    #[test]
    fn nothing_learned_is_a_title() {
        let text = reward(&[], Along::Trials, "validation accuracy", None);
        assert!(text.contains("<title>") && !text.contains("<rect x"));
        assert!(text.ends_with("</svg>\n"));
    }
}

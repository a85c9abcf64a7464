//! Figures of a metric as text. Only this module turns scores into text, so a raw score is never
//! shown.

use nas_space::search::{Direction, Metric, Scale as Range};

use nas_study::compare::plain;

use crate::number::percent;

/// What the name of a metric begins with that is the score of untrained networks by a proxy.
pub const SCORE_BY: &str = "score by ";

/// A metric's words and numbers.
///
/// Records, strategies and comparisons hold *scores*, of which higher is better; people read *values*, such as a loss of 0.8.
pub trait Shown {
    /// The value of a score: `93.21 %`, `0.80000`.
    fn shown(&self, score: f64) -> String;

    /// The value of a mean score and the standard deviation of scores: `93.21 ± 0.40 %`.
    fn spread(&self, mean: f64, deviation: f64) -> String;

    /// A distance from the best score: `0.40 %`, `0.012000`.
    fn regret(&self, distance: f64) -> String;

    /// What it is on these images: `validation accuracy`, `test loss`.
    fn on(&self, images: &str) -> String;

    /// Its name, and its direction unless everybody knows it: `accuracy`, `loss (lower is better)`.
    fn described(&self) -> String;

    /// Its direction as an addition to a line, unless everybody knows it: `, lower is better`.
    fn note(&self) -> &'static str;

    /// What a controller or a surrogate learns from: `accuracy`, or `score`, the share of the way from the worst value of the table
    /// to the best.
    fn learned(&self) -> &'static str;
}

impl Shown for Metric {
    fn shown(&self, score: f64) -> String {
        let value = self.value(score);
        match self.scale() {
            Range::Share => percent(value),
            Range::Plain => plain(value),
        }
    }

    fn spread(&self, mean: f64, deviation: f64) -> String {
        let mean = self.value(mean);
        match self.scale() {
            Range::Share => format!("{:.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation),
            Range::Plain => format!("{} ± {}", plain(mean), plain(deviation)),
        }
    }

    fn regret(&self, distance: f64) -> String {
        match self.scale() {
            Range::Share => percent(distance),
            Range::Plain => plain(distance),
        }
    }

    fn on(&self, images: &str) -> String {
        if self.name().starts_with(SCORE_BY) {
            // The networks are untrained, so images are no matter.
            let mut name = self.name().to_owned();
            if images.starts_with(char::is_uppercase) {
                name.replace_range(..1, "S");
            }
            return name;
        }
        // A metric may be called "validation loss" in its file.
        let name = self.name().strip_prefix("validation ");
        let name = name.or_else(|| self.name().strip_prefix("test "));
        format!("{images} {}", name.unwrap_or(self.name()))
    }

    fn described(&self) -> String {
        match (self.is_accuracy(), self.direction()) {
            (true, _) => self.name().to_owned(),
            (false, Direction::Higher) => format!("{} (higher is better)", self.name()),
            (false, Direction::Lower) => format!("{} (lower is better)", self.name()),
        }
    }

    fn note(&self) -> &'static str {
        match (self.is_accuracy(), self.direction()) {
            (true, _) => "",
            (false, Direction::Higher) => ", higher is better",
            (false, Direction::Lower) => ", lower is better",
        }
    }

    fn learned(&self) -> &'static str {
        match self.is_accuracy() {
            true => "accuracy",
            false => "score",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss() -> Metric {
        Metric::new("loss", Direction::Lower, Range::Plain).unwrap()
    }

    #[test]
    fn a_score_is_shown_as_the_value_it_stands_for() {
        assert_eq!(loss().shown(-0.8), "0.80000");
        assert_eq!(loss().shown(1234.5), "-1234.5");
        assert_eq!(loss().shown(0.0), "0");
        assert_eq!(Metric::default().shown(0.9321), "93.21 %");
        let error = Metric::new("error", Direction::Lower, Range::Share).unwrap();
        assert_eq!(error.shown(-0.0679), "6.79 %");
        assert_eq!(error.described(), "error (lower is better)");
    }

    #[test]
    fn words_name_the_metric_and_the_direction_that_is_not_obvious() {
        assert_eq!(Metric::default().on("test"), "test accuracy");
        assert_eq!(Metric::default().described(), "accuracy");
        assert_eq!(Metric::default().note(), "");
        let scored = Metric::new("score by naswot", Direction::Higher, Range::Plain).unwrap();
        assert_eq!(scored.on("validation"), "score by naswot");
        assert_eq!(scored.on("Validation"), "Score by naswot");
        assert_eq!(scored.described(), "score by naswot (higher is better)");
        let named = Metric::new("validation loss", Direction::Lower, Range::Plain).unwrap();
        assert_eq!(named.on("test"), "test loss");
        assert_eq!(named.on("validation"), "validation loss");
    }
}

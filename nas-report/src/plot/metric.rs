//! A metric on an axis.

use nas_space::search::{Direction, Metric, Scale as Range};

use super::{Dimension, Scale};
use crate::shown::Shown;

/// A metric's values as numbers on an axis.
pub trait OnAxis {
    /// The value of a score as a number on an axis: percents of shares.
    fn on_axis(&self, score: f64) -> f64;

    /// A distance of scores as a number on an axis: points of percents of shares.
    fn distance_on_axis(&self, distance: f64) -> f64;

    /// An axis of values.
    fn dimension(&self, name: String) -> Dimension;

    /// An axis of distances from the best value.
    fn distance(&self, name: String) -> Dimension;
}

impl OnAxis for Metric {
    fn on_axis(&self, score: f64) -> f64 {
        let value = self.value(score);
        match self.scale() {
            Range::Share => 100.0 * value,
            Range::Plain => value,
        }
    }

    fn distance_on_axis(&self, distance: f64) -> f64 {
        match self.scale() {
            Range::Share => 100.0 * distance,
            Range::Plain => distance,
        }
    }

    fn dimension(&self, name: String) -> Dimension {
        let name = format!("{name}{}", self.note());
        let dimension = match self.scale() {
            Range::Share => Dimension::percent(name, Scale::Linear),
            Range::Plain => Dimension::new(name, Scale::Linear),
        };
        Dimension {
            falls: self.direction() == Direction::Lower,
            ..dimension
        }
    }

    fn distance(&self, name: String) -> Dimension {
        match self.scale() {
            Range::Share => Dimension::percent(name, Scale::Logarithmic),
            Range::Plain => Dimension::new(name, Scale::Logarithmic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percents_and_values_are_those_of_the_metric() {
        let metric = |range| Metric::new("loss", Direction::Lower, range).unwrap();
        assert_eq!(metric(Range::Plain).on_axis(-0.8), 0.8);
        assert_eq!(metric(Range::Share).on_axis(-0.25), 25.0);
        assert_eq!(metric(Range::Share).distance_on_axis(0.25), 25.0);
        assert!(metric(Range::Plain).dimension("loss".to_owned()).falls);
    }
}

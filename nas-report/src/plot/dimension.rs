//! What one side of a chart is.

use super::axis::Axis;
use crate::number::grouped;

/// What numbers along one side of a chart are, and how they are spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// What they are, for people: `trials`, `test accuracy`.
    pub name: String,
    /// What is written after each number at the axis, with the space before it if there is one: ` %`, or nothing.
    pub unit: String,
    /// How they are spread.
    pub scale: Scale,
    /// The largest number that can be: 100 for percents. The axis does not go beyond it.
    pub most: f64,
    /// Whether there are whole numbers alone, and so none between them at the axis.
    pub whole: bool,
    /// Whether lower numbers are better, so that what is far from all others is above them.
    pub falls: bool,
}

/// How numbers are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equal differences.
    Linear,
    /// Equal steps are equal factors. What is not above 0 has no place on it: charts say what they do with it.
    Logarithmic,
}

impl Dimension {
    /// Amounts of something.
    pub fn new(name: impl Into<String>, scale: Scale) -> Self {
        Self {
            name: name.into(),
            unit: String::new(),
            scale,
            most: f64::INFINITY,
            whole: false,
            falls: false,
        }
    }

    /// Numbers of things: trials, epochs.
    pub fn count(name: impl Into<String>, scale: Scale) -> Self {
        Self {
            whole: true,
            ..Self::new(name, scale)
        }
    }

    /// Percents, from 0 to 100.
    pub fn percent(name: impl Into<String>, scale: Scale) -> Self {
        Self {
            name: name.into(),
            unit: " %".to_owned(),
            scale,
            most: 100.0,
            whole: false,
            falls: false,
        }
    }

    /// A number on it as people read it: `1,250`, `93.21 %`, `0.8012`.
    pub(super) fn shown(&self, value: f64) -> String {
        let size = value.abs();
        let digits = match size {
            _ if self.whole || size >= 1e4 => 0,
            size if !self.unit.is_empty() && size >= 0.1 => 2,
            size if size > 0.0 => (3.0 - size.log10().floor()).clamp(0.0, 6.0) as usize,
            _ => 0,
        };
        match digits {
            0 if size < 1e15 => {
                let sign = if value <= -0.5 { "-" } else { "" };
                format!("{sign}{}{}", grouped(size.round() as u64), self.unit)
            }
            digits => format!("{value:.digits$}{}", self.unit),
        }
    }

    /// The axis over these numbers that nothing is drawn beyond: of curves.
    pub(super) fn until(&self, values: impl Iterator<Item = f64>) -> Axis {
        let axis = match self.scale {
            Scale::Linear => Axis::until(values, if self.whole { 1.0 } else { 0.0 }),
            Scale::Logarithmic => Axis::within(values),
        };
        axis.with_unit(&self.unit)
    }

    /// The axis over these numbers with room at its ends.
    pub(super) fn over(&self, values: impl Iterator<Item = f64>) -> Axis {
        let axis = match self.scale {
            Scale::Linear => Axis::over(values, self.most),
            Scale::Logarithmic => Axis::powers(values),
        };
        axis.with_unit(&self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_are_read() {
        let percent = Dimension::percent("accuracy", Scale::Linear);
        let shown = [93.2071, 0.5, 0.0123, 0.0].map(|value| percent.shown(value));
        assert_eq!(shown, ["93.21 %", "0.50 %", "0.01230 %", "0 %"]);
        let plain = Dimension::new("loss", Scale::Linear);
        let shown = [0.8, 12.34567, -3.5, 123_456.7].map(|value| plain.shown(value));
        assert_eq!(shown, ["0.8000", "12.35", "-3.500", "123,457"]);
        assert_eq!(Dimension::count("trials", Scale::Linear).shown(1250.0), "1,250");
    }
}

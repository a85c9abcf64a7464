//! The extra figures of a table.

use nas_report::number::grouped;
use nas_space::search::Direction;
use nas_tables::TabularEvaluator;
use serde::Serialize;

/// An extra figure on a data set.
#[derive(Debug, Serialize)]
pub(super) struct ExtraInfo {
    name: String,
    unit: Option<String>,
    /// Which numbers are better.
    direction: Direction,
    /// How many rows have one.
    rows: usize,
    min: Option<f64>,
    max: Option<f64>,
}

impl ExtraInfo {
    /// Those of a data set.
    pub(super) fn all(evaluator: &TabularEvaluator) -> Vec<Self> {
        let extras = evaluator.extras().map(|extra| {
            let figures = evaluator.extra_figures(&extra.name).unwrap_or_default();
            let figures: Vec<f64> = figures.into_iter().flatten().collect();
            Self {
                name: extra.name.clone(),
                unit: extra.unit.clone(),
                direction: extra.direction,
                rows: figures.len(),
                min: figures.iter().copied().min_by(f64::total_cmp),
                max: figures.iter().copied().max_by(f64::total_cmp),
            }
        });
        extras.collect()
    }

    /// In words, of a table with so many rows.
    pub(super) fn text(&self, rows: usize) -> String {
        let number = |value: Option<f64>| value.map_or_else(String::new, shown);
        let unit = self
            .unit
            .as_ref()
            .map_or_else(String::new, |unit| format!(" {unit}"));
        let better = match self.direction {
            Direction::Lower => "lower is better",
            Direction::Higher => "higher is better",
        };
        let of = match self.rows == rows {
            true => String::new(),
            false => format!("; of {} rows", grouped(self.rows as u64)),
        };
        format!(
            "{}: {} to {}{unit}, {better}{of}",
            self.name,
            number(self.min),
            number(self.max)
        )
    }
}

/// A number of any size in at most six digits, or all of those of a whole number that is not huge.
fn shown(value: f64) -> String {
    let magnitude = value.abs();
    if value.fract() == 0.0 && magnitude < 1e15 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", grouped(magnitude as u64));
    }
    if (1e-3..1e6).contains(&magnitude) {
        let text = format!(
            "{value:.*}",
            (5 - magnitude.log10().floor() as i32).clamp(0, 8) as usize
        );
        return match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        };
    }
    format!("{value:.4e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-3.0, "-3"),
            (1_073_470.0, "1,073,470"),
            (3.60585, "3.60585"),
            (-0.75, "-0.75"),
            (456.329_123_4, "456.329"),
            (2.01819e26, "2.0182e26"),
            (0.000_012_5, "1.2500e-5"),
        ] {
            assert_eq!(shown(value), text);
        }
    }
}

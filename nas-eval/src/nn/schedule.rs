//! How the learning rate changes while a network is trained.

use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// A learning-rate schedule: a linear warm-up, then a curve.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `curve` | cosine to 0 | what comes after the warm-up | see [`Curve`] |
/// | `warm_up` | 0 | share of the training that the warm-up takes | \[0, 1) |
/// | `per` | epoch | how often the rate changes | `epoch` or `step` |
///
/// With W of T ticks (epochs or steps) of warm-up, tick t < W runs at (t + 1) / (W + 1) of the base
/// rate, as PyTorch's `LinearLR(start_factor=1/(W + 1), total_iters=W)`; the curve then runs over
/// the T − W ticks left, with the values of PyTorch's schedulers of the same names. The default is
/// that of DARTS (Liu et al. 2019): cosine to 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Curve of the learning rate after the warm-up.
    pub curve: Curve,
    /// Share of the training that the linear warm-up takes.
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("exclusiveMaximum" = 1)))]
    pub warm_up: f64,
    /// How often the rate changes.
    pub per: Tick,
}

/// The curve of a [`Schedule`] after its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Curve {
    /// The base rate throughout.
    Constant {},
    /// Half a cosine from the base rate down to the floor, without restarts.
    ///
    /// Loshchilov & Hutter 2017, arXiv 1608.03983.
    Cosine {
        /// Rate that it falls towards; not a share of the base rate.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
        floor: f64,
    },
    /// Half a cosine from the base rate down to the floor, again and again, each time over more
    /// epochs.
    ///
    /// Loshchilov & Hutter 2017, with restarts.
    Restarts {
        /// Rate that each cosine falls towards; not a share of the base rate.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
        floor: f64,
        /// Epochs of the first cosine.
        #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
        epochs: u32,
        /// How many times as long each cosine is as the one before.
        #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
        factor: u32,
    },
    /// Multiplied by `factor` every `epochs` epochs after the warm-up.
    Step {
        /// Epochs between two changes.
        #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
        epochs: u32,
        /// Number that the rate is multiplied by.
        #[cfg_attr(feature = "schema", schemars(range(max = 1), extend("exclusiveMinimum" = 0)))]
        factor: f64,
    },
    /// Multiplied by `factor` once an epoch after the warm-up.
    Exponential {
        /// Number that the rate is multiplied by.
        #[cfg_attr(feature = "schema", schemars(range(max = 1), extend("exclusiveMinimum" = 0)))]
        factor: f64,
    },
}

/// How often a rate changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Tick {
    /// At the start of each epoch.
    #[default]
    Epoch,
    /// At each step.
    Step,
}

/// A moment of a training run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Epochs in all.
    pub epochs: u32,
    /// Steps in each epoch, at least 1.
    pub steps_per_epoch: usize,
    /// Epochs completed.
    pub epoch: u32,
    /// Steps completed in this epoch.
    pub step: usize,
}

impl Default for Curve {
    fn default() -> Self {
        Self::Cosine { floor: 0.0 }
    }
}

impl Schedule {
    /// The learning rate at this moment.
    pub fn rate(&self, base: f64, at: Moment) -> f64 {
        let steps = at.steps_per_epoch.max(1) as f64;
        let (ticks_per_epoch, tick) = match self.per {
            Tick::Epoch => (1.0, f64::from(at.epoch)),
            Tick::Step => (steps, f64::from(at.epoch) * steps + at.step as f64),
        };
        let total = f64::from(at.epochs) * ticks_per_epoch;
        let warm_up = (self.warm_up * total).round();
        if tick < warm_up {
            return base * (tick + 1.0) / (warm_up + 1.0);
        }
        let (tick, total) = (tick - warm_up, (total - warm_up).max(1.0));
        match self.curve {
            Curve::Constant {} => base,
            Curve::Cosine { floor } => {
                let share = (tick / total).min(1.0);
                floor + (base - floor) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
            }
            Curve::Restarts {
                floor,
                epochs,
                factor,
            } => {
                let mut length = f64::from(epochs.max(1)) * ticks_per_epoch;
                let mut since = tick;
                while since >= length {
                    since -= length;
                    length *= f64::from(factor.max(1));
                }
                floor + (base - floor) * 0.5 * (1.0 + (std::f64::consts::PI * since / length).cos())
            }
            Curve::Step { epochs, factor } => {
                base * factor.powf((tick / ticks_per_epoch / f64::from(epochs)).floor())
            }
            Curve::Exponential { factor } => base * factor.powf((tick / ticks_per_epoch).floor()),
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`EvalError::Config`] names the field.
    pub fn validate(&self) -> Result<(), EvalError> {
        if !(0.0..1.0).contains(&self.warm_up) {
            return Err(EvalError::config(
                "schedule.warm_up",
                self.warm_up,
                "a share from 0 to below 1",
            ));
        }
        match self.curve {
            Curve::Cosine { floor } | Curve::Restarts { floor, .. }
                if !(floor >= 0.0 && floor.is_finite()) =>
            {
                Err(EvalError::config(
                    "schedule.curve.floor",
                    floor,
                    "a number of at least 0",
                ))
            }
            Curve::Step { epochs: 0, .. } | Curve::Restarts { epochs: 0, .. } => {
                Err(EvalError::config("schedule.curve.epochs", 0, "at least 1"))
            }
            Curve::Restarts { factor: 0, .. } => {
                Err(EvalError::config("schedule.curve.factor", 0, "at least 1"))
            }
            Curve::Step { factor, .. } | Curve::Exponential { factor }
                if !(factor > 0.0 && factor <= 1.0) =>
            {
                Err(EvalError::config(
                    "schedule.curve.factor",
                    factor,
                    "a number above 0, at most 1",
                ))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(curve: Curve, warm_up: f64, base: f64, epochs: u32) -> Vec<f64> {
        let schedule = Schedule {
            curve,
            warm_up,
            per: Tick::Epoch,
        };
        (0..epochs)
            .map(|epoch| {
                schedule.rate(
                    base,
                    Moment {
                        epochs,
                        steps_per_epoch: 7,
                        epoch,
                        step: 3,
                    },
                )
            })
            .collect()
    }

    fn assert_close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        for (g, e) in got.iter().zip(expected) {
            assert!((g - e).abs() < 1e-11, "{got:?}, expected {expected:?}");
        }
    }

    /// The numbers are PyTorch 2.15's:
    /// ```python
    /// import torch
    /// p = torch.nn.Parameter(torch.zeros(1)); L = torch.optim.lr_scheduler
    /// def rates(n, base, make):
    ///     o = torch.optim.SGD([p], lr=base); s = make(o); out = []
    ///     for _ in range(n): out.append(round(o.param_groups[0]["lr"], 12)); o.step(); s.step()
    ///     print(out)
    /// rates(5, 0.025, lambda o: L.CosineAnnealingLR(o, 5, 0.001))
    /// rates(10, 0.1, lambda o: L.SequentialLR(o, [L.LinearLR(o, 1/5, total_iters=4), L.CosineAnnealingLR(o, 6)], [4]))
    /// rates(7, 0.1, lambda o: L.StepLR(o, 3, 0.1))
    /// rates(4, 0.1, lambda o: L.ExponentialLR(o, 0.97))
    /// ```
    #[test]
    fn rates_are_those_of_pytorch() {
        assert_close(
            &rates(Curve::Cosine { floor: 0.001 }, 0.0, 0.025, 5),
            &[
                0.025,
                0.022708203932,
                0.016708203932,
                0.009291796068,
                0.003291796068,
            ],
        );
        assert_close(
            &rates(Curve::Cosine { floor: 0.0 }, 0.4, 0.1, 10),
            &[
                0.02,
                0.04,
                0.06,
                0.08,
                0.1,
                0.093301270189,
                0.075,
                0.05,
                0.025,
                0.006698729811,
            ],
        );
        let step = Curve::Step {
            epochs: 3,
            factor: 0.1,
        };
        assert_close(
            &rates(step, 0.0, 0.1, 7),
            &[0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001],
        );
        assert_close(
            &rates(Curve::Exponential { factor: 0.97 }, 0.0, 0.1, 4),
            &[0.1, 0.097, 0.09409, 0.0912673],
        );
        assert_close(&rates(Curve::Constant {}, 0.0, 0.1, 2), &[0.1, 0.1]);
        // CosineAnnealingWarmRestarts(o, T_0=2, T_mult=2, eta_min=0.01)
        let restarts = Curve::Restarts {
            floor: 0.01,
            epochs: 2,
            factor: 2,
        };
        let (half, low, high) = (0.055, 0.023180194846605, 0.086819805153395);
        assert_close(
            &rates(restarts, 0.0, 0.1, 8),
            &[0.1, half, 0.1, high, half, low, 0.1, 0.096574578963008],
        );
    }

    #[test]
    fn per_step_the_rate_changes_within_an_epoch_and_meets_the_epochs() {
        let per_step = Schedule {
            per: Tick::Step,
            ..Schedule::default()
        };
        let per_epoch = Schedule::default();
        let at = |epoch, step| Moment {
            epochs: 4,
            steps_per_epoch: 10,
            epoch,
            step,
        };
        assert!(per_step.rate(1.0, at(1, 5)) < per_step.rate(1.0, at(1, 4)));
        assert_eq!(per_epoch.rate(1.0, at(1, 5)), per_epoch.rate(1.0, at(1, 4)));
        assert!((per_step.rate(1.0, at(2, 0)) - per_epoch.rate(1.0, at(2, 0))).abs() < 1e-12);
    }

    #[test]
    fn a_warm_up_rises_evenly_to_the_base_rate_whatever_the_number_of_epochs() {
        for epochs in [1, 3, 50] {
            let schedule = Schedule {
                warm_up: 0.25,
                per: Tick::Step,
                ..Schedule::default()
            };
            let at = |tick: usize| Moment {
                epochs,
                steps_per_epoch: 20,
                epoch: (tick / 20) as u32,
                step: tick % 20,
            };
            let warm_up = 5 * epochs as usize;
            let rates: Vec<f64> = (0..=warm_up).map(|tick| schedule.rate(1.0, at(tick))).collect();
            assert!((rates[warm_up] - 1.0).abs() < 1e-12);
            assert!(rates.windows(2).all(|w| w[1] > w[0]), "{rates:?}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let with = |curve| Schedule {
            curve,
            ..Schedule::default()
        };
        for (schedule, field) in [
            (
                Schedule {
                    warm_up: 1.0,
                    ..Schedule::default()
                },
                "warm_up",
            ),
            (with(Curve::Cosine { floor: -1.0 }), "floor"),
            (
                with(Curve::Step {
                    epochs: 0,
                    factor: 0.1,
                }),
                "epochs",
            ),
            (with(Curve::Exponential { factor: 1.5 }), "factor"),
        ] {
            assert!(schedule.validate().unwrap_err().to_string().contains(field));
        }
        assert!(serde_json::from_str::<Schedule>(r#"{"curve":{"kind":"cosine","floor":0,"x":1}}"#).is_err());
        assert!(serde_json::from_str::<Schedule>(r#"{"curve":{"kind":"cosine"}}"#).is_ok());
    }
}

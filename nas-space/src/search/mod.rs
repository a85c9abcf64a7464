//! Where search strategies and evaluators meet.
//!
//! A [`Strategy`] proposes architectures and learns from their outcomes (ask and tell, nothing
//! else). An [`Evaluator`] turns a [`Trial`] into an [`Evaluation`], by training or from a table.
//! Neither depends on the other: the study that runs them counts the [`Budget`] and keeps the
//! records. A [`Scorer`] ranks architectures without training them; its scores are no accuracies.
//!
//! **Invariant:** an [`Evaluation`] has only results on training and validation data. There is no
//! field for a test accuracy, so no strategy can see one. A [`TestReport`] is made once, after the
//! search.

mod budget;
mod calibration;
mod evaluator;
mod gate;
mod interval;
mod metric;
mod outcome;
mod reward;
mod scaled;
mod scorer;
mod screened;
mod stop;
mod strategy;
mod test_report;
mod trial;
mod turns;

pub use budget::{Budget, BudgetError, Spent};
pub use calibration::{Calibration, ReliabilityBin};
pub use evaluator::Evaluator;
pub use gate::Gate;
pub use interval::Interval;
pub use metric::{Direction, Metric, MetricError, Scale};
pub use outcome::{Attempt, Evaluation, Failure, FailureKind, Outcome};
pub use reward::{REWARD, Rewarded, Rewarding};
pub use scaled::{Scaled, ScoreRange};
pub use scorer::Scorer;
pub use screened::{ScreenedSpace, Screening};
pub use stop::Stop;
pub use strategy::{Ask, Strategy, StrategyError};
pub use test_report::{ClassFigures, Intervals, Mistake, TestReport};
pub use trial::{Continued, Fidelity, Proposal, Trial, TrialId};
pub use turns::Turns;

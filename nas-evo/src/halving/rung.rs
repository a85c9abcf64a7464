//! A rung: the configurations that were evaluated after the same number of epochs.

use std::cmp::Ordering;

/// The evaluated configurations of a rung, from the best to the worst.
#[derive(Debug, Default)]
pub(super) struct Rung(Vec<Member>);

#[derive(Debug)]
struct Member {
    /// Its number, in the order of the proposals.
    configuration: usize,
    /// Validation accuracy; of a failed one, nothing.
    accuracy: Option<f64>,
    promoted: bool,
}

impl Rung {
    /// Adds a configuration that was evaluated here.
    pub(super) fn add(&mut self, configuration: usize, accuracy: Option<f64>) {
        let member = Member {
            configuration,
            accuracy,
            promoted: false,
        };
        let place = self.0.partition_point(|other| better(other, &member));
        self.0.insert(place, member);
    }

    /// Promotes the best one that was not promoted yet, if it is among the best 1/η and has not
    /// failed.
    pub(super) fn promote(&mut self, eta: u32) -> Option<usize> {
        let share = self.0.len() / eta as usize;
        let best = &mut self.0[..share];
        let member = best
            .iter_mut()
            .find(|member| !member.promoted && member.accuracy.is_some())?;
        member.promoted = true;
        Some(member.configuration)
    }

    /// The best `count`, or all of them that have not failed if these are fewer.
    pub(super) fn best(&self, count: usize) -> impl Iterator<Item = usize> {
        let sound = self.0.iter().filter(|member| member.accuracy.is_some());
        sound.take(count).map(|member| member.configuration)
    }
}

/// Whether `a` comes before `b`: by its accuracy, where nothing is below anything, then by its
/// number.
fn better(a: &Member, b: &Member) -> bool {
    let by_accuracy = match (a.accuracy, b.accuracy) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    by_accuracy.then(a.configuration.cmp(&b.configuration)).is_lt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(accuracies: &[Option<f64>]) -> Rung {
        let mut rung = Rung::default();
        // Told in another order than proposed: it must not matter.
        for (configuration, &accuracy) in accuracies.iter().enumerate().rev() {
            rung.add(configuration, accuracy);
        }
        rung
    }

    #[test]
    fn the_best_share_is_promoted_once_each_and_from_the_best_on() {
        let mut rung = rung(&[Some(0.1), Some(0.5), Some(0.4), Some(0.5), Some(0.2), Some(0.3)]);
        assert_eq!(
            [rung.promote(2), rung.promote(2), rung.promote(2), rung.promote(2)],
            [Some(1), Some(3), Some(2), None]
        );
        // Two more make the share four: the better newcomer is one of them.
        rung.add(6, Some(0.9));
        rung.add(7, Some(0.0));
        assert_eq!([rung.promote(2), rung.promote(2)], [Some(6), None]);
    }

    #[test]
    fn who_failed_counts_in_the_rung_and_is_never_promoted() {
        let mut failed = rung(&[None, None, Some(0.1), None]);
        assert_eq!([failed.promote(2), failed.promote(2)], [Some(2), None]);
        assert_eq!(failed.best(3).collect::<Vec<_>>(), [2]);
        assert_eq!(rung(&[None; 4]).promote(2), None);
    }
}

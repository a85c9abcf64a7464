//! How much training a search is, to compare it with others.

use nas_space::spaces::CellSpace;

use crate::config::{DartsConfig, Order, Selection};
use crate::error::DartsError;

impl DartsConfig {
    /// Images that a search passes forward and backward through its supernet in this number of
    /// epochs, with `images` to train the weights on.
    ///
    /// An epoch passes each of them once for the weights and, unless the architecture is frozen, as
    /// many images of the other part for the architecture: once at first order, four times at second
    /// order (the step ahead, the validation loss, and two points of the finite difference; Liu et
    /// al. 2019, equation 8). Selection by perturbation trains the weights between its rounds.
    /// Passes that are only forward, and measurements of the Hessian, are not counted.
    ///
    /// # Errors
    /// [`DartsError::Space`] for a space without a supernet.
    pub fn image_passes(&self, space: &CellSpace, epochs: u32, images: u64) -> Result<u64, DartsError> {
        let of_architecture = match self.order {
            Order::First => 1,
            Order::Second => 4,
        };
        let tuning = match self.selection {
            Selection::Magnitude {} => 0,
            Selection::Perturbation { tuning_epochs } => {
                let cells = space.relaxed()?;
                let rounds = cells
                    .iter()
                    .map(|cell| cell.edges.len() + cell.choosing_states().count());
                let trained = rounds.max().unwrap_or(0).saturating_sub(1);
                trained as u64 * u64::from(tuning_epochs)
            }
        };
        let learning = u64::from(epochs.saturating_sub(self.frozen_epochs));
        let passes = u64::from(epochs) + of_architecture * learning + tuning;
        Ok(images.saturating_mul(passes))
    }
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::{darts, nb201};

    use super::*;

    #[test]
    fn passes_are_those_of_weights_architecture_and_tuning() {
        let space = nb201();
        let passes = |config: &DartsConfig, epochs| config.image_passes(&space, epochs, 100).unwrap();
        let first = DartsConfig::default();
        assert_eq!(passes(&first, 50), 50 * 200);
        let second = DartsConfig {
            order: Order::Second,
            ..first.clone()
        };
        assert_eq!(passes(&second, 50), 50 * 500);
        let frozen = DartsConfig {
            frozen_epochs: 15,
            ..first.clone()
        };
        assert_eq!(passes(&frozen, 50), 50 * 100 + 35 * 100);
        assert_eq!(passes(&frozen, 10), 10 * 100);
        let perturbed = DartsConfig {
            selection: Selection::Perturbation { tuning_epochs: 5 },
            ..first
        };
        // Six edges are six rounds, with five trainings between them.
        assert_eq!(passes(&perturbed, 50), 50 * 200 + 5 * 5 * 100);
        // 14 edges and 3 nodes that choose in each of two cells, decided side by side.
        let large = perturbed.image_passes(&darts(), 50, 100).unwrap();
        assert_eq!(large, 50 * 200 + 16 * 5 * 100);
    }
}

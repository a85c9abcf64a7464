//! Dropout before the classifier.

use super::{Layer, LayerId, LayerKind, Network};
use crate::error::SpaceError;

impl Network {
    /// The same network with dropout of this rate in front of the layer that computes the class
    /// scores; the same as before where the rate is 0. Parameters keep their names.
    ///
    /// # Errors
    /// [`SpaceError::Config`] where the rate is not from 0 to below 1.
    pub fn with_dropout(mut self, rate: f64) -> Result<Self, SpaceError> {
        if !(0.0..1.0).contains(&rate) {
            return Err(SpaceError::config("dropout", rate, "a number from 0 to below 1"));
        }
        if rate == 0.0 {
            return Ok(self);
        }
        let place = self.logits.index();
        let moved = |id: LayerId| LayerId(id.index() + usize::from(id.index() >= place));
        for layer in &mut self.layers[place..] {
            for input in &mut layer.inputs {
                *input = moved(*input);
            }
        }
        let classifier = &mut self.layers[place];
        let name = match classifier.name.rsplit_once('.') {
            Some((scope, _)) => format!("{scope}.dropout"),
            None => "dropout".to_owned(),
        };
        let inputs = std::mem::replace(&mut classifier.inputs, vec![LayerId(place)]);
        let shape = inputs
            .first()
            .map_or(classifier.shape, |&input| self.layers[input.index()].shape);
        self.layers.insert(
            place,
            Layer {
                name,
                kind: LayerKind::Dropout { rate },
                inputs,
                shape,
            },
        );
        self.auxiliary = self.auxiliary.map(moved);
        self.logits = LayerId(place + 1);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NetworkConfig;
    use crate::op::Operations;

    #[test]
    fn dropout_stands_before_the_classifier_and_changes_nothing_else() {
        let config = NetworkConfig {
            cells: 3,
            channels: 4,
            auxiliary: true,
            ..NetworkConfig::default()
        };
        let genotype = &crate::named::by_name("darts_v2").unwrap().genotype;
        let plain = genotype.network(&Operations::standard(), &config).unwrap();
        let with = plain.clone().with_dropout(0.1).unwrap();
        assert_eq!(with.cost(), plain.cost());
        assert_eq!(with.layers().len(), plain.layers().len() + 1);
        let logits = with.layer(with.logits());
        let dropout = with.layer(logits.inputs[0]);
        assert_eq!(dropout.kind, LayerKind::Dropout { rate: 0.1 });
        assert_eq!(with.layer(dropout.inputs[0]).kind, LayerKind::GlobalAvgPool);
        assert_eq!(dropout.shape, with.layer(dropout.inputs[0]).shape);
        let name = |network: &Network| network.auxiliary().map(|id| network.layer(id).name.clone());
        assert_eq!(name(&with), name(&plain));
        for (place, layer) in with.layers().iter().enumerate() {
            assert!(
                layer.inputs.iter().all(|input| input.index() < place),
                "{}",
                layer.name
            );
        }
        assert_eq!(plain.clone().with_dropout(0.0).unwrap(), plain);
        for wrong in [-0.1, 1.0, f64::NAN] {
            assert!(plain.clone().with_dropout(wrong).is_err());
        }
    }
}

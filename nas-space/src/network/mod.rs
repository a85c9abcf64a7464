//! Networks: stem, stacked cells and head, with channel counts, as a graph of elementary layers.
//!
//! A [`Network`] is what the trainer builds and what parameters and multiply-accumulates are
//! counted on. It is a flat list of [`Layer`]s in an order in which each comes after its inputs.
//! Operations, cells and skeletons all consist of the few [`LayerKind`]s, so a new operation needs
//! no new code in the trainer.
//!
//! **Invariant:** layer names are unique within a network, and every layer contributes to an
//! output.

mod builder;
mod config;
mod dropout;
mod head;
mod layer;
mod lower;
mod skeleton;
mod stem;

pub use builder::NetworkBuilder;
pub use config::NetworkConfig;
pub use layer::{Conv2d, Layer, LayerId, LayerKind, Pool2d, PoolKind, Term};
pub use lower::lower_cell;
pub(crate) use skeleton::{CellStyle, around_darts_cells, around_nb201_cells, enas_macro_supernet};
pub use skeleton::{blocks, chain, darts, enas_macro, nb101, nb201};

use crate::shape::Shape;

/// A network: the graph of its layers, and which of them are its outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    layers: Vec<Layer>,
    logits: LayerId,
    auxiliary: Option<LayerId>,
}

impl Network {
    /// The layers, each after its inputs. The first one is the image.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layer with this id.
    ///
    /// # Panics
    /// Where `id` is of another network and out of range in this one.
    pub fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.index()]
    }

    /// Shape of the images it takes.
    pub fn image(&self) -> Shape {
        self.layers[0].shape
    }

    /// Number of classes it tells apart.
    pub fn classes(&self) -> usize {
        self.layer(self.logits).shape.channels
    }

    /// The layer whose output, of shape `classes`×1×1, are the class scores.
    pub fn logits(&self) -> LayerId {
        self.logits
    }

    /// Which layers the class scores depend on, by index: all but those of the auxiliary
    /// classifier.
    pub fn behind_logits(&self) -> Vec<bool> {
        let mut behind = vec![false; self.layers.len()];
        behind[self.logits.index()] = true;
        for (index, layer) in self.layers.iter().enumerate().rev() {
            if behind[index] {
                for input in &layer.inputs {
                    behind[input.index()] = true;
                }
            }
        }
        behind
    }

    /// The auxiliary classifier's output, which matters in training alone.
    pub fn auxiliary(&self) -> Option<LayerId> {
        self.auxiliary
    }
}

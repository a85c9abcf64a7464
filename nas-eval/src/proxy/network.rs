//! Networks that proxies derive from the one that is scored.

use std::collections::HashMap;

use nas_space::network::{LayerId, LayerKind, Network, NetworkBuilder};

use crate::error::EvalError;

/// The network without batch norms and without what does nothing outside of training; its layers
/// keep their names. The auxiliary classifier is left out.
pub(super) fn without_batch_norms(network: &Network) -> Result<Network, EvalError> {
    rebuild(network, network.logits(), |kind| {
        matches!(
            kind,
            LayerKind::BatchNorm { .. } | LayerKind::DropPath | LayerKind::Dropout { .. }
        )
    })
}

/// The part of the network up to the features that its last global average pooling reads.
///
/// # Errors
/// [`EvalError::Config`] for a network without one.
pub(super) fn features(network: &Network) -> Result<Network, EvalError> {
    let mut behind = network.layers().iter().zip(network.behind_logits());
    let pooling = behind.rfind(|(layer, behind)| *behind && layer.kind == LayerKind::GlobalAvgPool);
    match pooling {
        Some((layer, _)) => rebuild(network, layer.inputs[0], |_| false),
        None => Err(EvalError::config(
            "network",
            "one without global average pooling",
            "a network that pools its features before the classifier, as zen needs",
        )),
    }
}

/// The network up to `output`, without the layers that are `dropped`, each of which has one input.
fn rebuild(
    network: &Network,
    output: LayerId,
    dropped: impl Fn(&LayerKind) -> bool,
) -> Result<Network, EvalError> {
    let mut builder = NetworkBuilder::new(network.image())?;
    let mut new: HashMap<usize, LayerId> = HashMap::from([(0, builder.image())]);
    for (index, layer) in network.layers().iter().enumerate().skip(1) {
        let inputs: Vec<LayerId> = layer.inputs.iter().map(|id| new[&id.index()]).collect();
        let id = match dropped(&layer.kind) {
            true => inputs[0],
            false => builder.push_named(&layer.name, layer.kind.clone(), &inputs)?,
        };
        new.insert(index, id);
        if index == output.index() {
            break;
        }
    }
    Ok(builder.finish(new[&output.index()], None))
}

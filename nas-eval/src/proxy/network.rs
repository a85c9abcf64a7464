//! Networks that proxies derive from the one that is scored.

use std::collections::HashMap;

use nas_space::network::{LayerId, LayerKind, Network, NetworkBuilder};

use crate::error::EvalError;

/// The network without batch norms and without what does nothing outside of training; its layers
/// keep their names. The auxiliary classifier is left out. What each convolution and linear layer
/// reads goes through a drop-path layer, so that it can be scaled.
pub(super) fn scaled_without_batch_norms(network: &Network) -> Result<Network, EvalError> {
    let replace = |kind: &LayerKind| match kind {
        LayerKind::BatchNorm { .. } | LayerKind::DropPath | LayerKind::Dropout { .. } => Kept::No,
        LayerKind::Conv2d(_) | LayerKind::Linear { .. } => Kept::Scaled,
        _ => Kept::Yes,
    };
    rebuild(network, network.logits(), replace)
}

/// What becomes of a layer.
enum Kept {
    Yes,
    /// With a drop-path layer before it.
    Scaled,
    /// It has one input, which is read in its place.
    No,
}

/// The part of the network up to the features that its last global average pooling reads.
///
/// # Errors
/// [`EvalError::Config`] for a network without one.
pub(super) fn features(network: &Network) -> Result<Network, EvalError> {
    let mut behind = network.layers().iter().zip(network.behind_logits());
    let pooling = behind.rfind(|(layer, behind)| *behind && layer.kind == LayerKind::GlobalAvgPool);
    match pooling {
        Some((layer, _)) => rebuild(network, layer.inputs[0], |_| Kept::Yes),
        None => Err(EvalError::config(
            "network",
            "one without global average pooling",
            "a network that pools its features before the classifier, as zen needs",
        )),
    }
}

/// The network up to `output`, with what `kept` says of its layers.
fn rebuild(
    network: &Network,
    output: LayerId,
    kept: impl Fn(&LayerKind) -> Kept,
) -> Result<Network, EvalError> {
    let mut builder = NetworkBuilder::new(network.image())?;
    let mut new: HashMap<usize, LayerId> = HashMap::from([(0, builder.image())]);
    for (index, layer) in network.layers().iter().enumerate().skip(1) {
        let mut inputs: Vec<LayerId> = layer.inputs.iter().map(|id| new[&id.index()]).collect();
        let kept = kept(&layer.kind);
        if matches!(kept, Kept::Scaled) {
            inputs[0] = builder.push(LayerKind::DropPath, &inputs[..1])?;
        }
        let id = match kept {
            Kept::No => inputs[0],
            Kept::Yes | Kept::Scaled => builder.push_named(&layer.name, layer.kind.clone(), &inputs)?,
        };
        new.insert(index, id);
        if index == output.index() {
            break;
        }
    }
    Ok(builder.finish(new[&output.index()], None))
}

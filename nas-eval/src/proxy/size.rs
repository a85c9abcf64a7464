//! The size of the network as a score: the baseline that a proxy should beat (Abdelfattah et al.
//! 2021, White et al. 2022).
//!
//! Parameters and multiply-accumulates are those that `nas_space` counts ([`Network::cost`]): of
//! the network without an auxiliary classifier, batch norms and biases included, and of one image.
//! Layers that contribute nothing to the class scores do not count; published parameter counts of
//! NAS-Bench-201 include them.

use nas_space::network::Network;

pub(super) fn parameters(network: &Network) -> f64 {
    network.cost().params as f64
}

pub(super) fn macs(network: &Network) -> f64 {
    network.cost().macs as f64
}

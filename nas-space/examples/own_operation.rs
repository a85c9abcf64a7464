//! An operation of your own. It says which layers it is made of; its parameters, its
//! multiply-accumulates and its training follow from them. Here it is a convolution of a quarter of
//! the channels, in a space that is described by a text.

#![expect(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use nas_space::network::{Conv2d, LayerId, NetworkBuilder};
use nas_space::op::{Operation, Operations, Site};
use nas_space::spaces::CustomConfig;
use nas_space::{Architecture, NetworkConfig, Space, SpaceError};

#[derive(Debug)]
struct Bottleneck;

impl Operation for Bottleneck {
    fn name(&self) -> &str {
        "bottleneck"
    }

    fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
        let narrow = b.relu_conv_bn(x, Conv2d::pointwise(site.channels.div_ceil(4)), site.affine)?;
        let conv = Conv2d::same(site.channels, [3, 3]).with_stride(site.stride);
        b.relu_conv_bn(narrow, conv, site.affine)
    }
}

fn main() -> Result<(), SpaceError> {
    let text = "name = 'mine'\nskeleton = 'nb201'\nnodes = 2\noperations = ['skip_connect', 'nor_conv_3x3', 'bottleneck']";
    let space = CustomConfig::from_toml(text)?.build(Operations::standard().with(Arc::new(Bottleneck)))?;
    for choice in 0..3 {
        let architecture = Architecture::new([choice; 3]);
        let network = space.network(&architecture, &NetworkConfig::default())?;
        let (params, cell) = (network.cost().params, space.genotype(&architecture)?);
        println!("{params:>9} parameters in {cell}");
    }
    Ok(())
}

//! The operations of the published spaces.

use std::sync::Arc;

use super::{Operation, Role, Site};
use crate::error::SpaceError;
use crate::network::{Conv2d, LayerId, LayerKind, NetworkBuilder, Pool2d, PoolKind};

pub(super) fn all() -> Vec<Arc<dyn Operation>> {
    let mut all: Vec<Arc<dyn Operation>> = vec![
        Arc::new(Nothing),
        Arc::new(Skip),
        Arc::new(Depthwise),
        Arc::new(Rectangular {
            name: "conv_3x1_1x3".to_owned(),
            kernel: 3,
        }),
        Arc::new(Rectangular {
            name: "conv_7x1_1x7".to_owned(),
            kernel: 7,
        }),
        Arc::new(Dense {
            name: "dil_dense_3x3".to_owned(),
            kernel: 3,
            dilation: 2,
        }),
    ];
    for kernel in [3, 5, 7] {
        all.push(Arc::new(Pool {
            name: format!("max_pool_{kernel}x{kernel}"),
            kind: PoolKind::Max,
            kernel,
        }));
        all.push(Arc::new(Pool {
            name: format!("avg_pool_{kernel}x{kernel}"),
            kind: PoolKind::Average,
            kernel,
        }));
    }
    for kernel in [1, 3, 5, 7] {
        all.push(Arc::new(Dense {
            name: format!("nor_conv_{kernel}x{kernel}"),
            kernel,
            dilation: 1,
        }));
    }
    for kernel in [1, 3] {
        all.push(Arc::new(PostActivation {
            name: format!("conv{kernel}x{kernel}-bn-relu"),
            kernel,
        }));
    }
    all.push(Arc::new(Pool {
        name: "maxpool3x3".to_owned(),
        kind: PoolKind::Max,
        kernel: 3,
    }));
    for kernel in [3, 5, 7] {
        all.push(Arc::new(Separable {
            name: format!("sep_conv_{kernel}x{kernel}"),
            kernel,
            dilation: 1,
            times: 2,
        }));
    }
    all.push(Arc::new(Separable {
        name: "sep_conv_3x3_once".to_owned(),
        kernel: 3,
        dilation: 1,
        times: 1,
    }));
    for kernel in [3, 5] {
        all.push(Arc::new(Separable {
            name: format!("dil_conv_{kernel}x{kernel}"),
            kernel,
            dilation: 2,
            times: 1,
        }));
    }
    all
}

/// `none`: zeros.
#[derive(Debug)]
struct Nothing;

impl Operation for Nothing {
    fn name(&self) -> &str {
        "none"
    }

    fn role(&self) -> Role {
        Role::Nothing
    }

    fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
        b.push(LayerKind::Zero { stride: site.stride }, &[x])
    }
}

/// `skip_connect`: the identity at stride 1, a factorized reduction at stride 2.
#[derive(Debug)]
struct Skip;

impl Operation for Skip {
    fn name(&self) -> &str {
        "skip_connect"
    }

    fn role(&self) -> Role {
        Role::Identity
    }

    fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
        if site.stride == 1 {
            Ok(x)
        } else {
            b.factorized_reduce(x, site.channels, site.affine)
        }
    }
}

/// `max_pool_KxK` (`maxpool3x3` in NAS-Bench-101), `avg_pool_KxK`, padded so that stride 1 keeps
/// the size; the padding does not count.
#[derive(Debug)]
struct Pool {
    name: String,
    kind: PoolKind,
    kernel: usize,
}

impl Operation for Pool {
    fn name(&self) -> &str {
        &self.name
    }

    fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
        let padding = (self.kernel - 1) / 2;
        let pool = Pool2d {
            kind: self.kind,
            kernel: [self.kernel; 2],
            stride: [site.stride; 2],
            padding: [padding; 2],
        };
        let pooled = b.pool(x, pool)?;
        if site.normalized_pooling {
            b.batch_norm(pooled, false)
        } else {
            Ok(pooled)
        }
    }
}

/// `nor_conv_KxK`, `dil_dense_KxK`: ReLU, dense convolution, batch norm.
#[derive(Debug)]
struct Dense {
    name: String,
    kernel: usize,
    dilation: usize,
}

impl Operation for Dense {
    fn name(&self) -> &str {
        &self.name
    }

    fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
        let padding = self.dilation * (self.kernel / 2);
        let conv = Conv2d {
            padding: [padding; 2],
            dilation: [self.dilation; 2],
            ..Conv2d::same(site.channels, [self.kernel; 2])
        };
        b.relu_conv_bn(x, conv.with_stride(site.stride), site.affine)
    }
}

/// `convKxK-bn-relu`: dense convolution, batch norm, ReLU (Ying et al. 2019).
#[derive(Debug)]
struct PostActivation {
    name: String,
    kernel: usize,
}

impl Operation for PostActivation {
    fn name(&self) -> &str {
        &self.name
    }

    fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
        let conv = Conv2d::same(site.channels, [self.kernel; 2]);
        b.conv_bn_relu(x, conv.with_stride(site.stride), site.affine)
    }
}

/// `sep_conv_KxK` (twice), `sep_conv_KxK_once` and `dil_conv_KxK` (once, dilated): ReLU, depthwise,
/// pointwise, batch norm. Only the first round has the stride.
#[derive(Debug)]
struct Separable {
    name: String,
    kernel: usize,
    dilation: usize,
    times: usize,
}

impl Operation for Separable {
    fn name(&self) -> &str {
        &self.name
    }

    fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
        let mut x = x;
        for round in 0..self.times {
            let stride = if round == 0 { site.stride } else { 1 };
            x = b.relu(x)?;
            let channels = b.shape(x).channels;
            let depthwise = Conv2d::depthwise(channels, self.kernel, self.dilation).with_stride(stride);
            x = b.push_named("depthwise", LayerKind::Conv2d(depthwise), &[x])?;
            x = b.push_named(
                "pointwise",
                LayerKind::Conv2d(Conv2d::pointwise(site.channels)),
                &[x],
            )?;
            x = b.batch_norm(x, site.affine)?;
        }
        Ok(x)
    }
}

/// `conv_Kx1_1xK`: ReLU, 1×K, K×1, batch norm, the stride once in each direction (DARTS, authors'
/// code).
#[derive(Debug)]
struct Rectangular {
    name: String,
    kernel: usize,
}

impl Operation for Rectangular {
    fn name(&self) -> &str {
        &self.name
    }

    fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
        let across = Conv2d {
            stride: [1, site.stride],
            ..Conv2d::same(site.channels, [1, self.kernel])
        };
        let down = Conv2d {
            stride: [site.stride, 1],
            ..Conv2d::same(site.channels, [self.kernel, 1])
        };
        let x = b.relu(x)?;
        let x = b.push_named("across", LayerKind::Conv2d(across), &[x])?;
        let x = b.push_named("down", LayerKind::Conv2d(down), &[x])?;
        b.batch_norm(x, site.affine)
    }
}

/// `dw_conv_3x3`: ReLU, depthwise convolution, batch norm (Liu et al. 2018, level-1 primitive).
#[derive(Debug)]
struct Depthwise;

impl Operation for Depthwise {
    fn name(&self) -> &str {
        "dw_conv_3x3"
    }

    fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
        let channels = b.shape(x).channels;
        if channels != site.channels {
            return Err(SpaceError::Shape {
                layer: b.path(),
                shape: b.shape(x),
                reason: format!(
                    "a depthwise convolution cannot change to {} channels",
                    site.channels
                ),
            });
        }
        b.relu_conv_bn(
            x,
            Conv2d::depthwise(channels, 3, 1).with_stride(site.stride),
            site.affine,
        )
    }
}

//! Several scores of one network, with as few passes as they need.

use std::sync::Arc;

use candle_core::Tensor;
use nas_space::network::{LayerKind, Network};
use nas_space::seed::Seed;

use super::agreement::Agreement;
use super::fisher::Fisher;
use super::weights::{self, Weighted};
use super::{
    ProxyBatch, ProxyKind, correlation, epe_nas, grad_norm, grasp, jacov, l2_norm, naswot, plain, size, snip,
    synflow, zen,
};
use crate::compute::Compute;
use crate::engine::{Observer, Signs};
use crate::error::EvalError;
use crate::model::{Logits, Model, Pass, Wanted};
use crate::ops::cross_entropy;
use crate::pass::Loss;

/// The scores of a network by these proxies, in their order, for the initialisation of `seed`.
///
/// Proxies share passes where they can, and passes that do not depend on each other run at the same
/// time. A score is the same whichever others are computed with it.
///
/// # Errors
/// [`EvalError::Config`] where images or classes are not those of the network, where a proxy is not
/// computed on this device, or where a score is NaN or +∞; [`EvalError`] where a pass fails.
pub fn score_network(
    network: &Arc<Network>,
    kinds: &[ProxyKind],
    batch: &ProxyBatch,
    seed: Seed,
    compute: &Compute,
) -> Result<Vec<f64>, EvalError> {
    check(network, kinds, batch, compute)?;
    let wants = |kind| kinds.contains(&kind);
    let optional = |wanted: bool, score: &dyn Fn() -> Result<f64, EvalError>| match wanted {
        true => score().map(Some),
        false => Ok(None),
    };
    let on_batch = || -> Result<Vec<(ProxyKind, f64)>, EvalError> {
        let mut found = Vec::new();
        let fisher = wants(ProxyKind::Fisher);
        // With convolutions that are otherwise fused, the others would be rounded differently.
        let apart = fisher && has_groups(network);
        let others: Vec<ProxyKind> = OF_MODEL
            .into_iter()
            .filter(|&kind| wants(kind) && !(apart && kind == ProxyKind::Fisher))
            .collect();
        if !others.is_empty() {
            let model = match fisher && !apart {
                true => Model::unfused(Arc::clone(network), seed, compute)?,
                false => Model::new(Arc::clone(network), seed, compute)?,
            };
            found = of_model(&model, &others, batch)?;
        }
        if apart {
            let model = Model::unfused(Arc::clone(network), seed, compute)?;
            found.extend(of_model(&model, &[ProxyKind::Fisher], batch)?);
        }
        Ok(found)
    };
    let (on_batch, (synflow, (grasp, zen))) = rayon::join(on_batch, || {
        rayon::join(
            || {
                optional(wants(ProxyKind::Synflow), &|| {
                    synflow::score(network, seed, compute)
                })
            },
            || {
                rayon::join(
                    || {
                        optional(wants(ProxyKind::Grasp), &|| {
                            grasp::score(network, batch, seed, compute)
                        })
                    },
                    || {
                        optional(wants(ProxyKind::Zen), &|| {
                            zen::score(network, batch.len(), seed, compute)
                        })
                    },
                )
            },
        )
    });
    let (mut found, synflow, grasp, zen) = (on_batch?, synflow?, grasp?, zen?);
    for (kind, score) in [
        (ProxyKind::Synflow, synflow),
        (ProxyKind::Grasp, grasp),
        (ProxyKind::Zen, zen),
        (ProxyKind::Parameters, Some(size::parameters(network))),
        (ProxyKind::Macs, Some(size::macs(network))),
    ] {
        found.extend(score.map(|score| (kind, score)));
    }
    kinds
        .iter()
        .map(|kind| {
            let score = found.iter().find(|(of, _)| of == kind).map(|(_, score)| *score);
            finished(*kind, score.unwrap_or(f64::NAN))
        })
        .collect()
}

/// Those that are made of the network as it is, in its own element type.
const OF_MODEL: [ProxyKind; 8] = [
    ProxyKind::GradNorm,
    ProxyKind::Snip,
    ProxyKind::Plain,
    ProxyKind::Fisher,
    ProxyKind::Naswot,
    ProxyKind::Jacov,
    ProxyKind::EpeNas,
    ProxyKind::L2Norm,
];

/// The mean cross-entropy of the class scores.
pub(super) fn mean_cross_entropy(labels: &Tensor) -> Loss<'_> {
    Box::new(|logits: &Logits| cross_entropy(&logits.main, labels, 0.0))
}

/// What passes on the batch are observed for.
#[derive(Debug)]
struct Seen {
    agreement: Option<Agreement>,
    fisher: Option<Fisher>,
}

impl Observer for Seen {
    fn wants_signs(&self) -> bool {
        self.agreement.is_some()
    }

    fn signs(&mut self, signs: &Signs) {
        if let Some(agreement) = &mut self.agreement {
            agreement.signs(signs);
        }
    }

    fn wants_products(&self) -> bool {
        self.fisher.is_some()
    }

    fn products(&mut self, layer: usize, channels: usize, products: &[f64]) {
        if let Some(fisher) = &mut self.fisher {
            fisher.products(layer, channels, products);
        }
    }
}

/// The scores among [`OF_MODEL`] that are wanted; for [`ProxyKind::Fisher`], of an unfused model.
pub(super) fn of_model(
    model: &Model,
    kinds: &[ProxyKind],
    batch: &ProxyBatch,
) -> Result<Vec<(ProxyKind, f64)>, EvalError> {
    let wants = |kind| kinds.contains(&kind);
    let mut found = Vec::new();
    if wants(ProxyKind::L2Norm) {
        found.push((ProxyKind::L2Norm, l2_norm::score(model)?));
    }
    let mut seen = Seen {
        agreement: wants(ProxyKind::Naswot).then(|| Agreement::new(batch.len())),
        fisher: wants(ProxyKind::Fisher).then(|| Fisher::new(model.network())),
    };
    let observes = seen.agreement.is_some() || seen.fisher.is_some();
    if [
        ProxyKind::GradNorm,
        ProxyKind::Snip,
        ProxyKind::Plain,
        ProxyKind::Fisher,
    ]
    .into_iter()
    .any(wants)
    {
        let observer = observes.then_some(&mut seen as &mut dyn Observer);
        let loss = mean_cross_entropy(&batch.labels);
        let done = model.differentiate_untrained(&batch.images, Wanted::Weights, loss, observer)?;
        let layers = weights::with_gradients(model, &done.gradients)?;
        type OfLayers = fn(&[Weighted]) -> f64;
        for (kind, score) in [
            (ProxyKind::GradNorm, grad_norm::score as OfLayers),
            (ProxyKind::Snip, snip::score),
            (ProxyKind::Plain, plain::score),
        ] {
            if wants(kind) {
                found.push((kind, score(&layers)));
            }
        }
    } else if observes {
        model.forward_observed(&batch.images, &Pass::BatchStatistics, &mut seen)?;
    }
    if let Some(agreement) = &seen.agreement {
        found.push((ProxyKind::Naswot, naswot::score(agreement)));
    }
    if let Some(fisher) = &seen.fisher {
        found.push((ProxyKind::Fisher, fisher.score()));
    }
    if wants(ProxyKind::Jacov) || wants(ProxyKind::EpeNas) {
        let jacobian = correlation::jacobian(model, batch)?;
        if wants(ProxyKind::Jacov) {
            found.push((ProxyKind::Jacov, jacov::score(&jacobian)));
        }
        if wants(ProxyKind::EpeNas) {
            let score = epe_nas::score(&jacobian, &batch.classes_of, batch.classes());
            found.push((ProxyKind::EpeNas, score));
        }
    }
    Ok(found)
}

/// Whether the network has convolutions that the engine may fuse.
fn has_groups(network: &Network) -> bool {
    let is_grouped = |kind: &LayerKind| matches!(kind, LayerKind::Conv2d(conv) if conv.groups > 1);
    network.layers().iter().any(|layer| is_grouped(&layer.kind))
}

fn check(
    network: &Network,
    kinds: &[ProxyKind],
    batch: &ProxyBatch,
    compute: &Compute,
) -> Result<(), EvalError> {
    let (image, classes) = (network.image(), network.classes());
    if image != batch.shape() || classes != batch.classes() {
        let expected = format!("images of {image} in {classes} classes, as the network takes");
        let got = format!("images of {} in {} classes", batch.shape(), batch.classes());
        return Err(EvalError::config("batch", got, expected));
    }
    let on_cpu = compute.device.is_cpu();
    if let Some(kind) = kinds.iter().find(|kind| kind.needs_cpu() && !on_cpu) {
        return Err(EvalError::config(
            "device",
            format!("{:?}", compute.device.location()),
            format!("the CPU, the only device that {kind} is computed on; use --device cpu"),
        ));
    }
    Ok(())
}

/// A score that can be ranked.
fn finished(kind: ProxyKind, score: f64) -> Result<f64, EvalError> {
    if score.is_nan() || score == f64::INFINITY {
        return Err(EvalError::config(
            kind.name(),
            score,
            "a number; values of the network are too large for its element type, or not finite",
        ));
    }
    Ok(score)
}

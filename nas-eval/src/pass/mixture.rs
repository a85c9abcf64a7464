//! The weights of a supernet's weighted sums.

#[cfg(any(feature = "cuda", test))]
use std::sync::Arc;

use candle_core::{Result, Tensor, Var, bail};
use nas_space::network::{Layer, LayerId, LayerKind, Network, Term};
use ndarray::Array2;

#[cfg(any(feature = "cuda", test))]
use crate::cuda;
use crate::ops;

/// The weights of all terms of a supernet in one pass, as tables that its [`Term`]s point into.
///
/// A term whose weight is exactly 0 is not computed: what only such terms need is left out of the
/// pass, its running statistics stay and its parameters have no gradient. The gradient of such a
/// weight is the sum of the gradient of the node over all its elements, as if the number itself
/// were added: so do the authors of GDAS in their code (Dong & Yang 2019, arXiv 1910.04465). `none`
/// is a term like any other: its zeros have no gradient where they count, and the gradient of that
/// number where they do not.
///
/// # Shapes
/// One table a cell, in the order of [`CellSpace::relaxed`](nas_space::spaces::CellSpace::relaxed);
/// a row for each edge, a column for each candidate
/// ([`RelaxedCell::columns`](nas_space::spaces::RelaxedCell::columns)).
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    tables: Vec<Array2<f64>>,
}

impl Mixture {
    /// These weights.
    pub fn new(tables: Vec<Array2<f64>>) -> Self {
        Self { tables }
    }

    /// The tables.
    pub fn tables(&self) -> &[Array2<f64>] {
        &self.tables
    }

    /// Zeros of the same shape.
    pub(crate) fn zeros(&self) -> Vec<Array2<f64>> {
        self.tables
            .iter()
            .map(|table| Array2::zeros(table.dim()))
            .collect()
    }

    /// The weight of this term of `layer`.
    fn of(&self, layer: &Layer, term: &Term) -> Result<f64> {
        let Term { table, row, column } = *term;
        match self.tables.get(table).and_then(|table| table.get([row, column])) {
            Some(&weight) => Ok(weight),
            None => {
                let given: Vec<_> = self.tables.iter().map(Array2::dim).collect();
                bail!(
                    "layer '{}' needs the weight in row {row}, column {column} of table {table}; the tables given are of \
                     {given:?}",
                    layer.name
                )
            }
        }
    }
}

/// Where a pass takes the weights of weighted sums from.
#[derive(Debug)]
pub(crate) enum Weights<'a> {
    /// There are none: the network is no supernet.
    Missing,
    /// Numbers.
    Given(&'a Mixture),
    /// Numbers, and the same as tensors on the tape, one a table.
    Taped(&'a Mixture, Vec<Var>),
    /// Numbers whose gradients are collected beside the tape.
    #[cfg(any(feature = "cuda", test))]
    Collected(&'a Mixture, Arc<cuda::DotProducts<Term>>),
}

impl Weights<'_> {
    /// Zeros of the shape of the mixture.
    pub(crate) fn zeros(&self) -> Vec<Array2<f64>> {
        match self {
            Self::Missing => Vec::new(),
            Self::Given(mixture) | Self::Taped(mixture, _) => mixture.zeros(),
            #[cfg(any(feature = "cuda", test))]
            Self::Collected(mixture, _) => mixture.zeros(),
        }
    }

    /// The weight of a term.
    pub(crate) fn of(&self, layer: &Layer, term: &Term) -> Result<f64> {
        match self {
            Self::Missing => bail!(
                "layer '{}' weighs its inputs, and no weights are given: a supernet is run by `supernet::Supernet`",
                layer.name
            ),
            Self::Given(mixture) | Self::Taped(mixture, _) => mixture.of(layer, term),
            #[cfg(any(feature = "cuda", test))]
            Self::Collected(mixture, _) => mixture.of(layer, term),
        }
    }

    /// What a term that reads `input` is to its sum.
    pub(crate) fn part(&self, network: &Network, layer: &Layer, input: LayerId, term: &Term) -> Result<Part> {
        let weight = self.of(layer, term)?;
        Ok(if weight == 0.0 {
            Part::Number
        } else if matches!(network.layer(input).kind, LayerKind::Zero { .. }) {
            Part::Nothing
        } else {
            Part::Weighed(weight)
        })
    }

    /// The weighted sum of those inputs that count.
    pub(crate) fn sum(
        &self,
        network: &Network,
        layer: &Layer,
        terms: &[Term],
        values: &[Option<Tensor>],
        images: &Tensor,
        on_tape: bool,
    ) -> Result<Tensor> {
        let parts = layer.inputs.iter().zip(terms).map(|(&input, term)| {
            let part = self.part(network, layer, input, term)?;
            Ok((input, *term, part))
        });
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let shape = (
            images.dim(0)?,
            layer.shape.channels,
            layer.shape.height,
            layer.shape.width,
        );
        let zeros = || Tensor::zeros(shape, images.dtype(), images.device());
        match self {
            Self::Taped(_, tables) if on_tape => {
                let mut sum = zeros()?;
                for (input, term, part) in parts {
                    let weight = tables[term.table].get(term.row)?.get(term.column)?;
                    sum = match part {
                        Part::Number => sum.broadcast_add(&weight)?,
                        Part::Nothing => sum,
                        Part::Weighed(_) => (sum + value(layer, values, input)?.broadcast_mul(&weight)?)?,
                    };
                }
                Ok(sum)
            }
            #[cfg(any(feature = "cuda", test))]
            Self::Collected(_, gradients) if on_tape => {
                sum_by_kernels(layer, &parts, values, gradients, zeros)
            }
            _ => {
                let (mut inputs, mut weights) = (Vec::new(), Vec::new());
                for (input, _, part) in parts {
                    if let Part::Weighed(weight) = part {
                        inputs.push(value(layer, values, input)?.clone());
                        weights.push(weight);
                    }
                }
                if inputs.is_empty() {
                    return zeros();
                }
                ops::weighted_sum(&inputs, &weights)
            }
        }
    }
}

/// What a term is to its sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    /// Its weight is exactly 0: a number that is added, and for which nothing is computed.
    Number,
    /// Zeros, with any weight.
    Nothing,
    /// A map of this weight.
    Weighed(f64),
}

/// The same by kernels. All terms have the gradient of the sum: the first to be added gives those
/// of the weights that are 0, too.
#[cfg(any(feature = "cuda", test))]
fn sum_by_kernels(
    layer: &Layer,
    parts: &[(LayerId, Term, Part)],
    values: &[Option<Tensor>],
    gradients: &Arc<cuda::DotProducts<Term>>,
    nothing: impl Fn() -> Result<Tensor>,
) -> Result<Tensor> {
    let mut zeros = Vec::new();
    let mut counting = Vec::new();
    for &(input, term, part) in parts {
        match part {
            Part::Number => zeros.push(term),
            Part::Nothing => {}
            Part::Weighed(weight) => counting.push((term, weight, value(layer, values, input)?)),
        }
    }
    let mut sum = None;
    for (term, weight, x) in counting {
        let (gradients, zeros) = (Arc::clone(gradients), std::mem::take(&mut zeros));
        let on_backward = move |gradient: &Tensor, x: &Tensor| {
            gradients.push(term, gradient, Some(x))?;
            zeros
                .iter()
                .try_for_each(|&term| gradients.push(term, gradient, None))
        };
        sum = Some(cuda::add_scaled(sum.as_ref(), x, weight, on_backward)?);
    }
    match sum {
        Some(sum) => Ok(sum),
        // No term counts: a variable lets the tape come by.
        None => {
            let gradients = Arc::clone(gradients);
            let on_backward = move |gradient: &Tensor, _: &Tensor| {
                zeros
                    .iter()
                    .try_for_each(|&term| gradients.push(term, gradient, None))
            };
            cuda::add_scaled(None, Var::from_tensor(&nothing()?)?.as_tensor(), 0.0, on_backward)
        }
    }
}

fn value<'a>(layer: &Layer, values: &'a [Option<Tensor>], id: LayerId) -> Result<&'a Tensor> {
    match &values[id.index()] {
        Some(value) => Ok(value),
        None => bail!("layer '{}' reads a value that is gone", layer.name),
    }
}

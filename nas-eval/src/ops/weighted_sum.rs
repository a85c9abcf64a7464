//! Sums of tensors, each times a number.

#![allow(
    unsafe_code,
    reason = "outputs are written into memory that is not zeroed first"
)]

use candle_core::{Device, Result, Tensor, WithDType, bail};

use super::add::check;
use super::float::Float;
use super::host::{for_float, host, runs_kernel};
use super::parallel::{fill_new, items_per_chunk, map_chunks};
use super::reference;
use super::simd::vectorize;
use super::sums::{sum, sum_against};

/// Values that are summed up before they are written: few enough to stay in the first-level cache.
const BLOCK: usize = 1024;

/// Σ weightₖ · termₖ of equally shaped tensors, from left to right, in one pass over memory. Off the tape.
///
/// # Errors
/// If there is no term, their shapes or element types differ, or there are not as many weights.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use nas_eval::ops::weighted_sum;
///
/// # fn main() -> candle_core::Result<()> {
/// let (a, b) = (Tensor::new(&[1f32, 2.0], &Device::Cpu)?, Tensor::new(&[10f32, 20.0], &Device::Cpu)?);
/// assert_eq!(weighted_sum(&[a, b], &[0.5, 2.0])?.to_vec1::<f32>()?, [20.5, 41.0]);
/// # Ok(())
/// # }
/// ```
pub fn weighted_sum(terms: &[Tensor], weights: &[f64]) -> Result<Tensor> {
    let (first, _) = check_weights(terms, weights)?;
    if !runs_kernel(&[first]) {
        return reference::weighted_sum(terms, weights);
    }
    let terms = contiguous(terms)?;
    let hosts: Vec<_> = terms.iter().map(host).collect();
    for_float!(first.dtype(), T => {
        let slices = hosts.iter().map(|h| h.slice::<T>()).collect::<Result<Vec<_>>>()?;
        let weights: Vec<T> = weights.iter().map(|&w| <T as WithDType>::from_f64(w)).collect();
        Tensor::from_vec(accumulate(&slices, &weights), first.shape(), &Device::Cpu)
    })
}

/// The gradients of the terms, weightₖ · gradient, and, where they are wanted, of the weights, ⟨gradient, termₖ⟩. A
/// term whose weight is exactly 1 is given the gradient itself. CPU only.
pub(crate) fn weighted_sum_backward(
    terms: &[Tensor],
    weights: &[f64],
    gradient: &Tensor,
    wants_weights: bool,
) -> Result<(Vec<Tensor>, Vec<f64>)> {
    check_weights(terms, weights)?;
    let gradient = gradient.contiguous()?;
    let terms = contiguous(terms)?;
    let for_terms = weights
        .iter()
        .map(|&weight| match weight {
            1.0 => Ok(gradient.clone()),
            _ => weighted_sum(std::slice::from_ref(&gradient), &[weight]),
        })
        .collect::<Result<Vec<_>>>()?;
    let for_weights = if wants_weights {
        terms
            .iter()
            .map(|term| dot(&gradient, term))
            .collect::<Result<Vec<_>>>()?
    } else {
        Vec::new()
    };
    Ok((for_terms, for_weights))
}

/// The sum of all elements, in an order of their number alone. CPU only.
pub(crate) fn sum_of_elements(x: &Tensor) -> Result<f64> {
    let x = x.contiguous()?;
    let h = host(&x);
    for_float!(x.dtype(), T => {
        let x = h.slice::<T>()?;
        Ok(by_chunks(x.len(), #[inline(always)] |range| sum(&x[range])))
    })
}

fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    let (ha, hb) = (host(a), host(b));
    for_float!(a.dtype(), T => {
        let (a, b) = (ha.slice::<T>()?, hb.slice::<T>()?);
        if a.len() != b.len() {
            bail!("expected a gradient of {} elements, got {}", b.len(), a.len())
        }
        Ok(by_chunks(a.len(), #[inline(always)] |range| {
            sum_against(&a[range.clone()], &b[range], T::ZERO)[1]
        }))
    })
}

/// The sum of what `f` gives for consecutive ranges, whose limits follow from `len` alone.
fn by_chunks(len: usize, f: impl Fn(std::ops::Range<usize>) -> f64 + Sync + Send) -> f64 {
    let parts = map_chunks(len, items_per_chunk(len, 1), |range| {
        let mut part = 0.0;
        vectorize(
            #[inline(always)]
            || part = f(range),
        );
        part
    });
    parts.into_iter().sum()
}

fn contiguous(terms: &[Tensor]) -> Result<Vec<Tensor>> {
    terms.iter().map(Tensor::contiguous).collect()
}

/// Checks that there is a weight for each of the terms, which are alike.
pub(super) fn check_weights<'a>(terms: &'a [Tensor], weights: &[f64]) -> Result<(&'a Tensor, &'a [Tensor])> {
    if terms.len() != weights.len() {
        bail!(
            "weighted sum: expected a weight for each of {} tensors, got {}",
            terms.len(),
            weights.len()
        )
    }
    check(terms)
}

fn accumulate<T: Float>(terms: &[&[T]], weights: &[T]) -> Vec<T> {
    let len = terms[0].len();
    let per_chunk = items_per_chunk(len, terms.len());
    // SAFETY: each element of the chunk is written.
    unsafe {
        fill_new(len, per_chunk, |chunk, out| {
            let start = chunk * per_chunk;
            vectorize(
                #[inline(always)]
                || {
                    let mut sums = [T::ZERO; BLOCK];
                    for (block, out) in out.chunks_mut(BLOCK).enumerate() {
                        let from = start + block * BLOCK;
                        let sums = &mut sums[..out.len()];
                        for (k, (term, &weight)) in terms.iter().zip(weights).enumerate() {
                            let term = &term[from..from + sums.len()];
                            if k == 0 {
                                for (sum, x) in sums.iter_mut().zip(term) {
                                    *sum = weight * *x;
                                }
                            } else {
                                for (sum, x) in sums.iter_mut().zip(term) {
                                    *sum = x.mul_add_where_fast(weight, *sum);
                                }
                            }
                        }
                        for (out, sum) in out.iter_mut().zip(sums) {
                            out.write(*sum);
                        }
                    }
                },
            );
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::ops::gradient_check::{assert_close, assert_values, random, values};

    const WEIGHTS: [f64; 5] = [0.5, -1.25, 1.0, 3.0, 0.125];

    fn terms(n: u64, len: usize, dtype: DType) -> Vec<Tensor> {
        (0..n).map(|i| random(len, dtype, i)).collect()
    }

    #[test]
    fn any_number_of_terms_of_any_length_is_summed_as_the_reference_does() {
        for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-15)] {
            for n in 1..=5 {
                for len in [1, 31, BLOCK, BLOCK + 1, 300_001] {
                    let terms = terms(n, len, dtype);
                    let weights = &WEIGHTS[..n as usize];
                    let expected = reference::weighted_sum(&terms, weights).unwrap();
                    let got = weighted_sum(&terms, weights).unwrap();
                    assert_close(&got, &expected, tolerance, &format!("{n} of {len}"));
                }
            }
        }
    }

    /// The numbers are PyTorch 2.15's:
    /// ```python
    /// import torch
    /// f = lambda s: torch.sin(torch.arange(6, dtype=torch.float64) * s)
    /// xs = [f(s).requires_grad_() for s in (1.0, 2.0, 3.0)]
    /// w = torch.tensor([0.5, -1.25, 1.0], dtype=torch.float64, requires_grad=True)
    /// y = sum(wk * x for wk, x in zip(w, xs)); y.backward(f(0.7))
    /// print([round(v, 12) for t in (y, xs[1].grad, w.grad) for v in t.tolist()])
    /// ```
    #[test]
    fn values_and_gradients_are_those_of_pytorch() {
        let f = |s: f64| {
            let values: Vec<f64> = (0..6).map(|i| (f64::from(i) * s).sin()).collect();
            Tensor::from_vec(values, 6, &Device::Cpu).unwrap()
        };
        let terms = [f(1.0), f(2.0), f(3.0)];
        let y = weighted_sum(&terms, &WEIGHTS[..3]).unwrap();
        assert_values(&y, &PYTORCH[..6], 1e-11, "value");
        let (for_terms, for_weights) = weighted_sum_backward(&terms, &WEIGHTS[..3], &f(0.7), true).unwrap();
        assert_values(&for_terms[1], &PYTORCH[6..12], 1e-11, "term");
        for (got, expected) in for_weights.iter().zip(&PYTORCH[12..]) {
            assert!((got - expected).abs() < 1e-11, "{got} {expected}");
        }
    }

    #[rustfmt::skip]
    const PYTORCH: [f64; 15] = [
        0.0, -0.574766283068, 1.121236334349, 0.83194786202, -2.151671973934, 0.850852091437,
        -0.0, -0.805272109047, -1.231812162486, -1.079011708311, -0.418735187695, 0.438479034612,
        1.642828192474, 0.12105736552, -0.236549022132,
    ];

    #[test]
    fn gradients_are_the_finite_differences() {
        let (terms, up) = (terms(3, 50, DType::F64), random(50, DType::F64, 9));
        let at = |terms: &[Tensor], weights: &[f64]| {
            let y = weighted_sum(terms, weights).unwrap();
            (y * &up).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap()
        };
        let weights = WEIGHTS[..3].to_vec();
        let (for_terms, for_weights) = weighted_sum_backward(&terms, &weights, &up, true).unwrap();
        let h = 1e-6;
        for k in 0..3 {
            let moved = |by: f64| {
                let mut weights = weights.clone();
                weights[k] += by;
                at(&terms, &weights)
            };
            let measured = (moved(h) - moved(-h)) / (2.0 * h);
            assert!(
                (measured - for_weights[k]).abs() < 1e-7,
                "{measured} {}",
                for_weights[k]
            );
            // It is linear in the terms.
            let expected: Vec<f64> = values(&up).iter().map(|g| g * weights[k]).collect();
            assert_values(&for_terms[k], &expected, 1e-15, "term");
        }
        assert!(
            weighted_sum_backward(&terms, &weights, &up, false)
                .unwrap()
                .1
                .is_empty()
        );
        let sum = sum_of_elements(&up).unwrap();
        assert!((sum - values(&up).iter().sum::<f64>()).abs() < 1e-12);
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let terms = terms(3, 600_001, DType::F32);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let y = weighted_sum(&terms, &WEIGHTS[..3]).unwrap();
                let (_, weights) = weighted_sum_backward(&terms, &WEIGHTS[..3], &y, true).unwrap();
                let bits: Vec<u64> = weights.iter().map(|w| w.to_bits()).collect();
                (
                    y.to_vec1::<f32>().unwrap(),
                    bits,
                    sum_of_elements(&y).unwrap().to_bits(),
                )
            })
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(5));
    }

    #[test]
    fn unlike_terms_and_missing_weights_are_refused() {
        for f in [
            weighted_sum as fn(&[Tensor], &[f64]) -> Result<Tensor>,
            reference::weighted_sum,
        ] {
            let (a, b) = (random((2, 3), DType::F32, 1), random((3, 2), DType::F32, 1));
            assert!(f(&[], &[]).is_err());
            let message = f(std::slice::from_ref(&a), &[1.0, 2.0]).unwrap_err().to_string();
            assert!(message.contains("each of 1 tensors, got 2"), "{message}");
            assert!(f(&[a, b], &[1.0, 2.0]).is_err());
        }
    }
}

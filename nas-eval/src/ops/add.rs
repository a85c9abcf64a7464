//! Sums of tensors.

#![allow(
    unsafe_code,
    reason = "outputs are written into memory that is not zeroed first"
)]

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::float::Float;
use super::host::{like_storage, runs_kernel, slice_of};
use super::parallel::{fill_new, items_per_chunk};
use super::reference;
use super::simd::vectorize;

/// The sum of equally shaped tensors, taken from left to right; the one tensor itself if it is one.
///
/// Up to three are added in one pass over memory, each further two in another: n tensors take ⌈(n − 1) / 2⌉ passes.
///
/// # Errors
/// If there is none, or their shapes or element types differ.
pub fn add_many(terms: &[Tensor]) -> Result<Tensor> {
    let (first, rest) = check(terms)?;
    if !runs_kernel(&[first]) {
        return reference::add_many(terms);
    }
    let mut sum = first.clone();
    for terms in rest.chunks(2) {
        let first = sum.contiguous()?;
        sum = match terms {
            [a] => first.apply_op2(&a.contiguous()?, Add)?,
            [a, b, ..] => first.apply_op3(&a.contiguous()?, &b.contiguous()?, Add)?,
            [] => first,
        };
    }
    Ok(sum)
}

/// The first term and the others, which are like it.
pub(super) fn check(terms: &[Tensor]) -> Result<(&Tensor, &[Tensor])> {
    let Some((first, rest)) = terms.split_first() else {
        bail!("sum of tensors: expected at least one, got none")
    };
    for (i, term) in rest.iter().enumerate() {
        if term.shape() != first.shape() || term.dtype() != first.dtype() {
            bail!(
                "sum of tensors: all must be alike, expected {:?} {:?} as the first, got {:?} {:?} as number {}",
                first.dims(),
                first.dtype(),
                term.dims(),
                term.dtype(),
                i + 2
            )
        }
    }
    Ok((first, rest))
}

struct Add;

impl CustomOp2 for Add {
    fn name(&self) -> &'static str {
        "add2"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = like_storage!(a, T => sum::<T, 2>([slice_of(a, la)?, slice_of(b, lb)?]));
        Ok((out, la.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(grad.clone()), Some(grad.clone())))
    }
}

impl CustomOp3 for Add {
    fn name(&self) -> &'static str {
        "add3"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
        c: &CpuStorage,
        lc: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = like_storage!(a, T => {
            sum::<T, 3>([slice_of(a, la)?, slice_of(b, lb)?, slice_of(c, lc)?])
        });
        Ok((out, la.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok((Some(grad.clone()), Some(grad.clone()), Some(grad.clone())))
    }
}

fn sum<T: Float, const N: usize>(terms: [&[T]; N]) -> Vec<T> {
    let per_chunk = items_per_chunk(terms[0].len(), 1);
    // SAFETY: each element of the chunk is written.
    unsafe {
        fill_new(terms[0].len(), per_chunk, |chunk, out| {
            let range = chunk * per_chunk..chunk * per_chunk + out.len();
            let terms = terms.map(|term| &term[range.clone()]);
            vectorize(
                #[inline(always)]
                || {
                    for (i, out) in out.iter_mut().enumerate() {
                        let mut sum = terms[0][i];
                        for term in &terms[1..] {
                            sum += term[i];
                        }
                        out.write(sum);
                    }
                },
            );
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{
        assert_gradients_are_differences, assert_same_bits_for_any_threads, assert_same_function, random,
    };
    use candle_core::DType;

    fn terms(n: u64, dtype: DType) -> Vec<Tensor> {
        (0..n).map(|i| random((2, 3, 5), dtype, i)).collect()
    }

    #[test]
    fn any_number_of_terms_is_summed_as_the_reference_does() {
        for n in 1..=6 {
            assert_same_function(
                &terms(n, DType::F64),
                &format!("sum of {n}"),
                add_many,
                reference::add_many,
            );
        }
    }

    #[test]
    fn gradients_are_the_finite_differences() {
        assert_gradients_are_differences(&terms(4, DType::F64), "sum of 4", add_many);
    }

    #[test]
    fn one_tensor_may_be_several_terms_and_have_any_strides() {
        let x = random((4, 6), DType::F32, 1).t().unwrap();
        let sum = add_many(&[x.clone(), x.clone(), x.clone()]).unwrap();
        let expected = (&x + &x).unwrap().add(&x).unwrap();
        assert_eq!(sum.to_vec2::<f32>().unwrap(), expected.to_vec2::<f32>().unwrap());
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let terms: Vec<Tensor> = (0..5).map(|i| random(600_001, DType::F32, i)).collect();
        assert_same_bits_for_any_threads(&terms, add_many);
    }

    #[test]
    fn unlike_terms_and_no_terms_are_refused() {
        for f in [add_many as fn(&[Tensor]) -> Result<Tensor>, reference::add_many] {
            assert!(f(&[]).unwrap_err().to_string().contains("at least one"));
            let (a, b) = (random((2, 3), DType::F32, 1), random((3, 2), DType::F32, 1));
            let message = f(&[a.clone(), a.clone(), b]).unwrap_err().to_string();
            assert!(
                message.contains("expected [2, 3]") && message.contains("got [3, 2] F32 as number 3"),
                "{message}"
            );
            assert!(f(&[a.clone(), a.to_dtype(DType::F64).unwrap()]).is_err());
        }
    }
}

//! Sums of tensors, and of tensors times numbers.

use candle_core::{Result, Tensor, bail};

/// The sum of equally shaped tensors, taken from left to right; the one tensor itself if it is one.
///
/// # Errors
/// If there is none, or their shapes or element types differ.
pub fn add_many(terms: &[Tensor]) -> Result<Tensor> {
    let (first, rest) = check(terms)?;
    rest.iter().try_fold(first.clone(), |sum, term| sum + term)
}

/// Σ weightₖ · termₖ of equally shaped tensors, from left to right.
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
    if terms.len() != weights.len() {
        bail!(
            "weighted sum: expected a weight for each of {} tensors, got {}",
            terms.len(),
            weights.len()
        )
    }
    check(terms)?;
    let scaled = terms.iter().zip(weights).map(|(term, &weight)| term * weight);
    add_many(&scaled.collect::<Result<Vec<_>>>()?)
}

/// The first term and the others, which are like it.
fn check(terms: &[Tensor]) -> Result<(&Tensor, &[Tensor])> {
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

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::ops::gradient_check::{assert_gradients_are_differences, random, values};

    #[test]
    fn gradients_are_the_finite_differences() {
        let terms: Vec<Tensor> = (0..4).map(|i| random((2, 3, 5), DType::F64, i)).collect();
        assert_gradients_are_differences(&terms, "sum of 4", add_many);
        let weights = [0.5, -1.25, 1.0, 3.0];
        assert_gradients_are_differences(&terms, "weighted sum of 4", |t| weighted_sum(t, &weights));
    }

    #[test]
    fn one_tensor_may_be_several_terms_and_have_any_strides() {
        let x = random((4, 6), DType::F64, 1).t().unwrap();
        let sum = add_many(&[x.clone(), x.clone(), x.clone()]).unwrap();
        let expected: Vec<f64> = values(&x).iter().map(|v| v + v + v).collect();
        assert_eq!(values(&sum), expected);
        let sum = weighted_sum(&[x.clone(), x.clone()], &[2.0, -0.5]).unwrap();
        let expected: Vec<f64> = values(&x).iter().map(|v| v * 2.0 + v * -0.5).collect();
        assert_eq!(values(&sum), expected);
    }

    #[test]
    fn unlike_terms_no_terms_and_missing_weights_are_refused() {
        let (a, b) = (random((2, 3), DType::F32, 1), random((3, 2), DType::F32, 1));
        assert!(add_many(&[]).unwrap_err().to_string().contains("at least one"));
        let message = add_many(&[a.clone(), a.clone(), b.clone()])
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("expected [2, 3]") && message.contains("got [3, 2] F32 as number 3"),
            "{message}"
        );
        assert!(add_many(&[a.clone(), a.to_dtype(DType::F64).unwrap()]).is_err());
        let message = weighted_sum(std::slice::from_ref(&a), &[1.0, 2.0])
            .unwrap_err()
            .to_string();
        assert!(message.contains("each of 1 tensors, got 2"), "{message}");
        assert!(weighted_sum(&[a, b], &[1.0, 2.0]).is_err());
        assert!(weighted_sum(&[], &[]).is_err());
    }
}

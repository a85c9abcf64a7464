//! Products of small matrices.
//!
//! Candle asks the system for its number of cores before each product on the CPU, which takes
//! longer than a small product does. Here one thread computes them, by a [kernel](crate::kernels)
//! that starts none.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use crate::kernels::{self, Float, level};

/// Multiply-adds up to which a product is small.
const SMALL: usize = 1 << 20;

/// x·wᵀ.
///
/// # Shapes
/// `x` is \[batch, inputs\], `w` \[outputs, inputs\], the result \[batch, outputs\].
pub(super) fn times_transposed(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() && x.elem_count().saturating_mul(w.dim(0)?) <= SMALL {
        x.contiguous()?
            .apply_op2(&w.contiguous()?, Product::TimesTransposed)
    } else {
        x.matmul(&w.t()?)
    }
}

/// What is multiplied with what.
#[derive(Debug, Clone, Copy)]
enum Product {
    /// a·bᵀ
    TimesTransposed,
    /// a·b
    Times,
    /// aᵀ·b
    TransposedTimes,
}

impl Product {
    fn of<T: Float>(self, a: &[T], a_at: &Layout, b: &[T], b_at: &Layout) -> Result<(Vec<T>, Shape)> {
        let ((a, [a_rows, a_columns]), (b, [b_rows, b_columns])) = (matrix(a, a_at)?, matrix(b, b_at)?);
        let [(m, inner), (other, n)] = match self {
            Self::TimesTransposed => [(a_rows, a_columns), (b_columns, b_rows)],
            Self::Times => [(a_rows, a_columns), (b_rows, b_columns)],
            Self::TransposedTimes => [(a_columns, a_rows), (b_rows, b_columns)],
        };
        if inner != other || [m, n, inner].contains(&0) {
            bail!("cannot multiply [{m}, {inner}] by [{other}, {n}]");
        }
        let mut out = vec![T::ZERO; m * n];
        match self {
            Self::TimesTransposed => kernels::times_transposed(level(), inner, a, b, &mut out),
            Self::Times => kernels::times(level(), n, false, a, b, &mut out),
            Self::TransposedTimes => kernels::times(level(), n, true, a, b, &mut out),
        }
        Ok((out, Shape::from((m, n))))
    }
}

/// The values of a contiguous matrix, row by row, and its size.
fn matrix<'a, T>(values: &'a [T], layout: &Layout) -> Result<(&'a [T], [usize; 2])> {
    let (rows, columns) = layout.shape().dims2()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok((&values[start..end], [rows, columns])),
        None => bail!("a small product needs contiguous matrices"),
    }
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "small product"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_at: &Layout,
        b: &CpuStorage,
        b_at: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        match (a, b) {
            (CpuStorage::F32(a), CpuStorage::F32(b)) => {
                let (values, shape) = self.of(a, a_at, b, b_at)?;
                Ok((CpuStorage::F32(values), shape))
            }
            (CpuStorage::F64(a), CpuStorage::F64(b)) => {
                let (values, shape) = self.of(a, a_at, b, b_at)?;
                Ok((CpuStorage::F64(values), shape))
            }
            _ => bail!("a small product needs two matrices of f32 or two of f64"),
        }
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        up: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Self::TimesTransposed = self else {
            bail!("the gradient of a small product has none itself");
        };
        let up = up.contiguous()?;
        Ok((
            Some(up.apply_op2_no_bwd(b, &Self::Times)?),
            Some(up.apply_op2_no_bwd(a, &Self::TransposedTimes)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::ops::gradient_check::{
        assert_close, assert_gradients_are_differences, gradients, random, random_up,
    };

    #[test]
    fn product_and_gradients_are_those_of_stock_operations() {
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
            for (batch, inputs, outputs) in [(1, 1, 1), (1, 33, 20), (5, 7, 3), (20, 100, 400)] {
                let what = format!("{batch}×{inputs}×{outputs} {dtype:?}");
                let matrices = [
                    random((batch, inputs), dtype, 1),
                    random((outputs, inputs), dtype, 2),
                ];
                let small = gradients(&matrices, random_up, |m| times_transposed(&m[0], &m[1]));
                let stock = gradients(&matrices, random_up, |m| m[0].matmul(&m[1].t()?));
                assert_close(&small.0, &stock.0, tolerance, &what);
                for (small, stock) in small.1.iter().zip(&stock.1) {
                    assert_close(small, stock, tolerance, &what);
                }
            }
        }
    }

    #[test]
    fn gradients_are_differences() {
        let matrices = [random((3, 4), DType::F64, 1), random((2, 4), DType::F64, 2)];
        assert_gradients_are_differences(&matrices, "small product", |m| times_transposed(&m[0], &m[1]));
    }

    #[test]
    fn views_are_multiplied_too_and_what_does_not_fit_is_refused() {
        let x = random((3, 4), DType::F64, 1).t().unwrap();
        let w = random((5, 6), DType::F64, 2).narrow(1, 2, 3).unwrap();
        let stock = x.matmul(&w.t().unwrap()).unwrap();
        assert_close(&times_transposed(&x, &w).unwrap(), &stock, 1e-12, "views");
        assert!(times_transposed(&x, &random((5, 4), DType::F64, 3)).is_err());
        assert!(times_transposed(&x, &w.to_dtype(DType::F32).unwrap()).is_err());
    }
}

//! Elementwise rules that overwrite one tensor from itself and two others.

use candle_core::{CpuStorage, InplaceOp3, Layout, Result, Tensor, Var, WithDType};
use rayon::prelude::*;

/// Elements that one thread takes at a time.
const CHUNK: usize = 1 << 15;

/// A rule target ← f(target, a, b), element by element.
pub(super) trait Rule: Sync {
    /// One element.
    fn element<T: WithDType>(&self, target: T, a: T, b: T) -> T;

    /// The same in stock operations, for every device.
    fn plain(&self, target: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor>;
}

/// Applies a rule to a variable: in place in one pass on the CPU, by stock operations elsewhere.
pub(super) fn update(target: &Var, a: &Tensor, b: &Tensor, rule: impl Rule) -> Result<()> {
    if target.device().is_cpu() {
        target.inplace_op3(&a.contiguous()?, &b.contiguous()?, &OnCpu(rule))
    } else {
        target.set(&rule.plain(&target.as_detached_tensor(), &a.detach(), &b.detach())?)
    }
}

struct OnCpu<R>(R);

impl<R: Rule> InplaceOp3 for OnCpu<R> {
    fn name(&self) -> &'static str {
        "optimizer update"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        target_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<()> {
        let (Some(t), Some(a_range), Some(b_range)) = (
            target_layout.contiguous_offsets(),
            a_layout.contiguous_offsets(),
            b_layout.contiguous_offsets(),
        ) else {
            candle_core::bail!("an update needs contiguous tensors");
        };
        if target_layout.shape() != a_layout.shape() || target_layout.shape() != b_layout.shape() {
            let [t, a, b] = [target_layout, a_layout, b_layout].map(Layout::dims);
            candle_core::bail!("cannot update {t:?} from {a:?} and {b:?}");
        }
        match (target, a, b) {
            (CpuStorage::F32(target), CpuStorage::F32(a), CpuStorage::F32(b)) => {
                apply(
                    &self.0,
                    &mut target[t.0..t.1],
                    &a[a_range.0..a_range.1],
                    &b[b_range.0..b_range.1],
                );
            }
            (CpuStorage::F64(target), CpuStorage::F64(a), CpuStorage::F64(b)) => {
                apply(
                    &self.0,
                    &mut target[t.0..t.1],
                    &a[a_range.0..a_range.1],
                    &b[b_range.0..b_range.1],
                );
            }
            _ => candle_core::bail!("an update needs three tensors of f32 or three of f64"),
        }
        Ok(())
    }
}

fn apply<T: WithDType>(rule: &impl Rule, target: &mut [T], a: &[T], b: &[T]) {
    let each = |((target, a), b): ((&mut [T], &[T]), &[T])| {
        for ((t, &a), &b) in target.iter_mut().zip(a).zip(b) {
            *t = rule.element(*t, a, b);
        }
    };
    if target.len() <= CHUNK {
        each(((target, a), b));
    } else {
        target
            .par_chunks_mut(CHUNK)
            .zip(a.par_chunks(CHUNK))
            .zip(b.par_chunks(CHUNK))
            .for_each(each);
    }
}

/// Checks that a rule does in place what its stock operations do.
#[cfg(test)]
pub(super) fn assert_both_paths_agree(rule: impl Rule) {
    let tensor = |shift: usize| {
        let values: Vec<f64> = (0..CHUNK + 11)
            .map(|i| 0.1 + ((i + shift) % 17) as f64 / 7.0)
            .collect();
        Tensor::new(values, &candle_core::Device::Cpu).unwrap()
    };
    let (target, a, b) = (Var::from_tensor(&tensor(0)).unwrap(), tensor(3), tensor(5));
    let plain = rule.plain(&target.copy().unwrap(), &a, &b).unwrap();
    update(&target, &a, &b, rule).unwrap();
    let difference = (plain - target.as_tensor())
        .unwrap()
        .abs()
        .unwrap()
        .max(0)
        .unwrap();
    assert!(difference.to_scalar::<f64>().unwrap() < 1e-12, "{difference}");
}

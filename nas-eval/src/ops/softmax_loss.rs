//! Cross-entropy of a softmax, with label smoothing and weights of classes.

use candle_core::{D, DType, Result, Tensor, bail};
use candle_nn::ops::log_softmax;

/// The mean cross-entropy between the softmax of `logits` and the labels: `(1 − s) · (−log
/// p[label]) + s · mean over classes of (−log p)`, averaged over the batch, where `s` is
/// `label_smoothing`. This is PyTorch's definition, in which the true class, too, gets its share `s
/// / K`.
///
/// It is made of stock operations on any device: next to the network's cost, it is free. The
/// largest logit of a row is subtracted first, so no finite logit overflows.
///
/// # Shapes
/// `logits` is `[N, K]`, `labels` is `[N]` of type `u32`; the result is a scalar of the logits'
/// type.
///
/// # Errors
/// If the shapes or the type of the labels are others, there are no rows or no classes, a label is
/// not below `K` (looked at on the CPU only), or `label_smoothing` is not within [0, 1].
///
/// # References
/// Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: "Rethinking the Inception Architecture for Computer
/// Vision", arXiv:1512.00567, section 7.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, label_smoothing: f64) -> Result<Tensor> {
    weighted_cross_entropy(logits, labels, label_smoothing, None)
}

/// The same where each class has a weight w: `(1 − s) · Σ w[label] · (−log p[label]) / Σ w[label] +
/// s / K · Σ Σ w[c] · (−log p[c]) / Σ w[label]`, with sums over the batch, and over the classes c.
/// So the mean is one over the weights of the labels. This is PyTorch's
/// `CrossEntropyLoss(weight=w, label_smoothing=s)`. Without weights it is [`cross_entropy`], bit for
/// bit.
///
/// # Shapes
/// As [`cross_entropy`]; `class_weights` is `[K]` of the logits' type. Weights are at least 0, and
/// those of the batch's labels not all 0, which is not looked at.
///
/// # Errors
/// As [`cross_entropy`], or if the weights have another shape or type.
pub fn weighted_cross_entropy(
    logits: &Tensor,
    labels: &Tensor,
    label_smoothing: f64,
    class_weights: Option<&Tensor>,
) -> Result<Tensor> {
    let (n, k) = logits.dims2()?;
    check(labels, n, k, label_smoothing)?;
    let log_probabilities = log_softmax(logits, D::Minus1)?;
    if let Some(weights) = class_weights {
        return weighted(&log_probabilities, labels, label_smoothing, weights);
    }
    let of_label = log_probabilities
        .gather(&labels.reshape((n, 1))?, 1)?
        .mean_all()?
        .neg()?;
    if label_smoothing == 0.0 {
        // Not merely multiplied by 0: a class that is masked out with minus infinity would make it
        // NaN.
        return Ok(of_label);
    }
    let of_all = log_probabilities.mean_all()?.neg()?;
    (of_label * (1.0 - label_smoothing))? + (of_all * label_smoothing)?
}

/// The weighted loss of these logarithms of probabilities, \[N, K\].
fn weighted(
    log_probabilities: &Tensor,
    labels: &Tensor,
    label_smoothing: f64,
    weights: &Tensor,
) -> Result<Tensor> {
    let (n, k) = log_probabilities.dims2()?;
    if weights.dims() != [k] || weights.dtype() != log_probabilities.dtype() {
        bail!(
            "cross-entropy: expected class weights [{k}] of type {:?}, got {:?} of type {:?}",
            log_probabilities.dtype(),
            weights.dims(),
            weights.dtype()
        )
    }
    let of_labels = weights.index_select(labels, 0)?;
    let total = of_labels.sum_all()?;
    let chosen = log_probabilities
        .gather(&labels.reshape((n, 1))?, 1)?
        .flatten_all()?;
    let of_label = ((chosen * &of_labels)?.sum_all()?.neg()? / &total)?;
    if label_smoothing == 0.0 {
        return Ok(of_label);
    }
    let of_all = (log_probabilities.broadcast_mul(weights)?.sum_all()?.neg()? / &total)?;
    (of_label * (1.0 - label_smoothing))? + (of_all * (label_smoothing / k as f64))?
}

fn check(labels: &Tensor, n: usize, k: usize, label_smoothing: f64) -> Result<()> {
    if n == 0 || k == 0 {
        bail!("cross-entropy: expected at least one row and one class, got logits [{n}, {k}]")
    }
    if labels.dims() != [n] || labels.dtype() != DType::U32 {
        bail!(
            "cross-entropy: expected labels [{n}] of type U32, got {:?} of type {:?}",
            labels.dims(),
            labels.dtype()
        )
    }
    if !(0.0..=1.0).contains(&label_smoothing) {
        bail!("cross-entropy: expected a label smoothing in [0, 1], got {label_smoothing}")
    }
    if !labels.device().is_cpu() {
        // Looking at them would wait for the device, in every step.
        return Ok(());
    }
    let labels: Vec<u32> = labels.to_vec1()?;
    if let Some((row, label)) = labels.iter().enumerate().find(|(_, label)| **label as usize >= k) {
        bail!("cross-entropy: expected labels below {k} (the number of classes), got {label} in row {row}")
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{
        assert_gradients_are_differences, assert_values, gradients, random, values,
    };
    use candle_core::Device;

    fn labels(labels: &[u32]) -> Tensor {
        Tensor::new(labels, &Device::Cpu).unwrap()
    }

    #[test]
    fn gradients_are_the_finite_differences() {
        let labels = labels(&[0, 4, 2]);
        for smoothing in [0.0, 0.1, 1.0] {
            let logits = (random((3, 5), DType::F64, 1) * 3.0).unwrap();
            assert_gradients_are_differences(&[logits], "cross-entropy", |x| {
                cross_entropy(&x[0], &labels, smoothing)
            });
        }
    }

    fn weights(weights: &[f64]) -> Tensor {
        Tensor::new(weights, &Device::Cpu).unwrap()
    }

    #[test]
    fn gradients_of_the_weighted_loss_are_the_finite_differences() {
        let (labels, weights) = (labels(&[0, 4, 2]), weights(&[0.5, 2.0, 0.0, 1.0, 3.0]));
        for smoothing in [0.0, 0.1, 1.0] {
            let logits = (random((3, 5), DType::F64, 1) * 3.0).unwrap();
            assert_gradients_are_differences(&[logits], "cross-entropy", |x| {
                weighted_cross_entropy(&x[0], &labels, smoothing, Some(&weights))
            });
        }
    }

    /// Of four images in three classes.
    const SCORES: [[f64; 3]; 4] = [
        [2.0, -1.0, 0.5],
        [0.0, 3.0, -2.0],
        [1.0, 1.0, 1.0],
        [100.0, -50.0, 0.0],
    ];

    /// NumPy's, of what PyTorch documents for `CrossEntropyLoss(weight, label_smoothing)`:
    ///
    /// ```python
    /// x = np.array([[2.,-1.,.5],[0.,3.,-2.],[1.,1.,1.],[100.,-50.,0.]]); y = [0, 2, 1, 2]
    /// w = np.array([.5, 2., 1.25]); n = w[y].sum(); e = np.exp(x - x.max(1, keepdims=True))
    /// l = x - x.max(1, keepdims=True) - np.log(e.sum(1, keepdims=True)); p = np.exp(l)
    /// for s in (0.0, 0.1, 1.0):
    ///     t = (1 - s) * np.eye(3)[y] * w[y][:, None] / n + s / 3 * w / n
    ///     print(-(t * l).sum(), (p * t.sum(1, keepdims=True) - t).flatten().tolist())
    /// ```
    #[test]
    fn weighted_numbers_are_those_of_pytorchs_formula() {
        let x = Tensor::new(&SCORES, &Device::Cpu).unwrap();
        let (labels, weights) = (labels(&[0, 2, 1, 2]), weights(&[0.5, 2.0, 1.25]));
        #[rustfmt::skip]
        let cases: [(f64, f64, [f64; 12]); 3] = [
            (0.0, 26.727322353977247, [
                -0.021440296541072407, 0.003911257327068745, 0.01752903921400367, 0.011780854131166037,
                0.23662478063822343, -0.24840563476938943, 0.13333333333333333, -0.2666666666666667,
                0.13333333333333333, 0.25, 1.7937739932911027e-66, -0.25,
            ]),
            (0.1, 27.02696283909708, [
                -0.0029896743555666017, -0.008835387407204277, 0.01182506176277088, 0.008447520797832703,
                0.2232914473048901, -0.23173896810272276, 0.125, -0.24499999999999997,
                0.12, 0.24666666666666667, -0.013333333333333332, -0.23333333333333334,
            ]),
            (1.0, 29.723727205175603, [
                0.16306592531398564, -0.12355519001566147, -0.03951073529832416, -0.021552479202167296,
                0.1032914473048901, -0.08173896810272276, 0.049999999999999996, -0.05,
                0.0, 0.21666666666666667, -0.13333333333333333, -0.08333333333333333,
            ]),
        ];
        for (smoothing, loss, gradient) in cases {
            let (y, g) = gradients(
                std::slice::from_ref(&x),
                |y| y.ones_like().unwrap(),
                |x| weighted_cross_entropy(&x[0], &labels, smoothing, Some(&weights)),
            );
            assert_eq!(y.rank(), 0);
            assert_values(&y, &[loss], 1e-14, "the formula's loss");
            assert_values(&g[0], &gradient, 1e-14, "the formula's gradient");
        }
    }

    #[test]
    fn equal_weights_change_nothing_but_the_last_bits() {
        let labels = labels(&[0, 4, 2]);
        let logits = (random((3, 5), DType::F64, 1) * 3.0).unwrap();
        for smoothing in [0.0, 0.1] {
            let plain = cross_entropy(&logits, &labels, smoothing).unwrap();
            let weights = weights(&[0.7; 5]);
            let alike = weighted_cross_entropy(&logits, &labels, smoothing, Some(&weights)).unwrap();
            assert_values(&alike, &values(&plain), 1e-14, "equal weights");
        }
    }

    /// ```python
    /// x = torch.tensor([[2.,-1.,.5],[0.,3.,-2.],[1.,1.,1.],[100.,-50.,0.]], dtype=torch.float64, requires_grad=True)
    /// for s in (0.0, 0.1, 1.0):
    ///     l = F.cross_entropy(x, torch.tensor([0, 2, 1, 2]), label_smoothing=s)
    ///     print(l.item(), torch.autograd.grad(l, x)[0].flatten().tolist())
    /// ```
    #[test]
    fn numbers_are_pytorchs() {
        let x = Tensor::new(&SCORES, &Device::Cpu).unwrap();
        let labels = labels(&[0, 2, 1, 2]);
        #[rustfmt::skip]
        let cases = [
            (0.0, 26.598727205175603, [
                -0.05360074135268103, 0.009778143317671862, 0.04382259803500917, 0.011780854131166037,
                0.23662478063822343, -0.24840563476938943, 0.08333333333333333, -0.16666666666666669,
                0.08333333333333333, 0.25, 1.7937739932911027e-66, -0.25]),
            (0.1, 26.161227205175607, [
                -0.03693407468601437, 0.0014448099843385291, 0.03548926470167584, 0.0034475207978327035,
                0.2282914473048901, -0.23173896810272276, 0.075, -0.15000000000000002, 0.075, 0.24166666666666667,
                -0.008333333333333333, -0.23333333333333334]),
            (1.0, 22.2237272051756, [
                0.11306592531398564, -0.07355519001566146, -0.039510735298324155, -0.07155247920216729,
                0.15329144730489008, -0.08173896810272276, 0.0, 0.0, 0.0, 0.16666666666666669,
                -0.08333333333333333, -0.08333333333333333]),
        ];
        for (smoothing, loss, gradient) in cases {
            let (y, g) = gradients(
                std::slice::from_ref(&x),
                |y| y.ones_like().unwrap(),
                |x| cross_entropy(&x[0], &labels, smoothing),
            );
            assert_eq!(y.rank(), 0);
            assert_values(&y, &[loss], 1e-14, "PyTorch's loss");
            assert_values(&g[0], &gradient, 1e-14, "PyTorch's gradient");
        }
    }

    #[test]
    fn huge_and_masked_logits_do_not_overflow() {
        let x = Tensor::new(
            &[[3e38f32, 0.0, -3e38], [0.0, f32::NEG_INFINITY, 0.0]],
            &Device::Cpu,
        )
        .unwrap();
        let labels = labels(&[0, 2]);
        let (y, g) = gradients(
            &[x],
            |y| y.ones_like().unwrap(),
            |x| cross_entropy(&x[0], &labels, 0.0),
        );
        assert_values(&y, &[f64::ln(2.0) / 2.0], 1e-6, "loss");
        assert!(values(&g[0]).iter().all(|g| g.is_finite()));
    }

    #[test]
    fn wrong_labels_and_shapes_are_refused_with_what_was_expected() {
        let x = random((2, 3), DType::F32, 1);
        let message =
            |labels: &Tensor, smoothing| cross_entropy(&x, labels, smoothing).unwrap_err().to_string();
        assert!(
            message(&labels(&[0, 3]), 0.0).contains("labels below 3 (the number of classes), got 3 in row 1")
        );
        assert!(message(&labels(&[0, 1, 2]), 0.0).contains("expected labels [2] of type U32, got [3]"));
        let signed = Tensor::new(&[0i64, 1], &Device::Cpu).unwrap();
        assert!(message(&signed, 0.0).contains("I64"));
        let two = Tensor::new(&[1f32, 1.0], &Device::Cpu).unwrap();
        let refused = weighted_cross_entropy(&x, &labels(&[0, 1]), 0.0, Some(&two));
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("class weights [3] of type F32, got [2]"),
            "{refused}"
        );
        for smoothing in [-0.1, 1.1, f64::NAN] {
            assert!(message(&labels(&[0, 1]), smoothing).contains("label smoothing in [0, 1]"));
        }
        let none = Tensor::zeros((0, 3), DType::F32, &Device::Cpu).unwrap();
        assert!(
            cross_entropy(&none, &labels(&[]), 0.0)
                .unwrap_err()
                .to_string()
                .contains("at least one row")
        );
    }
}

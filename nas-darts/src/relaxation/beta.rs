//! How a draw from a Dirichlet distribution follows its concentrations.
//!
//! The marginal of component i of Dirichlet(c) is Beta(a, b), with a = c_i and b the sum of the
//! other concentrations. With the quantile of the draw held fixed, x_i moves by dx_i/da =
//! −∂_a I_x(a, b) / p(x; a, b), I the distribution function and p the density; the other components
//! shrink in proportion, so that dx_j/dc_i = [`rate`] · (δ_ij − x_j), where [`rate`] is
//! dx_i/da / (1 − x_i).
//!
//! Up to the mean, I_x(a, b) = x^a (1 − x)^b / (a B(a, b)) · Σ_n t_n, with t_0 = 1 and
//! t_n = t_{n−1} · x (a + b + n − 1) / (a + n), whose derivative gives
//!
//! rate = −(x / a) · Σ_n t_n (ln x + ψ(a + b + n) − ψ(a + 1 + n)).
//!
//! Beyond it, by I_x(a, b) = 1 − I_{1−x}(b, a) and the same series t of (b, a, 1 − x),
//!
//! rate = (x / b) · Σ_n t_n (ln x + ψ(a + b + n) − ψ(a)).
//!
//! On its side of the mean, all terms of either sum have the same sign, so that no digits cancel:
//! ψ(a) − ψ(a + b) = E\[ln x\] ≤ ln(a / (a + b)) < ψ(a + 1) − ψ(a + b), as ψ(a + 1) > ln a and
//! ψ(a + b) < ln(a + b).
//!
//! # References
//! - Michael Figurnov, Shakir Mohamed, Andriy Mnih, "Implicit Reparameterization Gradients", NeurIPS
//!   2018, arXiv:1805.08498.
//! - Martin Jankowiak, Fritz Obermeyer, "Pathwise Derivatives Beyond the Reparameterization Trick",
//!   ICML 2018, arXiv:1806.01851.
//! - NIST Digital Library of Mathematical Functions, 5.7, 5.11 and 8.17.

/// Terms of the series at most: enough for any 1 − x of the mean above 0.0004.
const TERMS: u32 = 100_000;

/// How fast component `x` of a draw follows its concentration `a`, where the others sum to `b`:
/// dx/da / (1 − x), in double precision. 0 where `x` is 0 or there is no other component.
pub(super) fn rate(x: f64, a: f64, b: f64) -> f64 {
    if x == 0.0 || b == 0.0 {
        return 0.0;
    }
    let total = a + b;
    let log = x.ln() + digamma(total);
    if x <= a / total {
        // ψ(a + 1 + n) grows with n as ψ(a + b + n) does.
        let start = log - digamma(a + 1.0);
        let grows = |n: f64| 1.0 / (total + n) - 1.0 / (a + 1.0 + n);
        -x / a * series(x, total, a, start, grows)
    } else {
        let start = log - digamma(a);
        let grows = |n: f64| 1.0 / (total + n);
        x / b * series(1.0 - x, total, b, start, grows)
    }
}

/// Σ t_n f_n with t_n = t_{n−1} · x (total + n − 1) / (a + n) and f_{n+1} = f_n + `grows`(n). What
/// is left after [`TERMS`] is taken for a geometric series.
fn series(x: f64, total: f64, a: f64, mut factor: f64, grows: impl Fn(f64) -> f64) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for n in 0..TERMS {
        let n = f64::from(n);
        let part = term * factor;
        sum += part;
        let ratio = x * (total + n) / (a + 1.0 + n);
        // The remainder is at most about part · ratio / (1 − ratio).
        let small = part.abs() * ratio <= f64::EPSILON * (1.0 - ratio) * sum.abs();
        if small || !sum.is_finite() {
            return sum;
        }
        term *= ratio;
        factor += grows(n);
    }
    sum + term * factor / (1.0 - x)
}

/// ψ(x), the derivative of ln Γ, for x > 0.
pub(super) fn digamma(x: f64) -> f64 {
    let (shift, x) = raised(x, |x| 1.0 / x);
    let square = 1.0 / (x * x);
    // Bernoulli's numbers: Σ B_2k / (2k x^2k).
    let tail = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32_760.0,
    ];
    x.ln() - 0.5 / x - square * polynomial(&tail, square) - shift
}

/// ψ′(x), for x > 0.
pub(super) fn trigamma(x: f64) -> f64 {
    let (shift, x) = raised(x, |x| 1.0 / (x * x));
    let square = 1.0 / (x * x);
    // Σ B_2k / x^(2k+1).
    let tail = [
        1.0 / 6.0,
        -1.0 / 30.0,
        1.0 / 42.0,
        -1.0 / 30.0,
        5.0 / 66.0,
        -691.0 / 2_730.0,
    ];
    1.0 / x + 0.5 * square + square / x * polynomial(&tail, square) + shift
}

/// Where the asymptotic series is exact: x raised by integers to 12 or more, and the sum of `of`
/// the values passed.
fn raised(mut x: f64, of: impl Fn(f64) -> f64) -> (f64, f64) {
    let mut sum = 0.0;
    while x < 12.0 {
        sum += of(x);
        x += 1.0;
    }
    (sum, x)
}

/// Σ_k of these coefficients times x^k.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, next| sum * x + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(got: f64, expected: f64, tolerance: f64, what: &str) {
        assert!(
            (got / expected - 1.0).abs() < tolerance,
            "{what}: {got}, expected {expected}"
        );
    }

    /// From −∂I/∂a / p / (1 − x) by differences of the regularised incomplete beta function with
    /// mpmath 1.3 in 40 digits, on both sides of the mean and far out on either tail.
    #[test]
    fn rates_are_those_of_the_quantiles() {
        for (x, a, b, expected) in [
            (1e-30, 0.05, 0.3, 1.431015573366949e-27),
            (1e-9, 0.1, 0.4, 2.2263020932180445e-7),
            (0.03, 0.1, 0.4, 1.5304131590458974),
            (0.2, 0.1, 0.4, 6.730_150_030_877_422),
            (0.7, 0.1, 0.4, 16.569470878457192),
            (0.9999999, 0.1, 0.4, 21.150610854863314),
            (0.5, 0.5, 0.5, 1.831931188354438),
            (0.001, 1.0, 4.0, 0.005_839_764_512_031_275),
            (0.25, 1.0, 4.0, 0.281_177_509_864_138_5),
            (0.9, 1.0, 4.0, 0.4999490156512965),
            (0.83, 5.0, 1.0, 0.18194535282228183),
            (0.5, 2.5, 2.5, 0.22864086229958093),
            (0.01, 20.0, 20.0, 0.002_013_233_805_916_947),
            (0.99, 20.0, 20.0, 0.035132687535524313),
            (0.3, 20.0, 40.0, 0.016022874883945816),
            (0.34, 20.0, 40.0, 0.017_068_342_806_239_72),
            (0.6, 20.0, 40.0, 0.022367775955037088),
            (0.06, 3.0, 57.0, 0.01938593336416987),
            (0.5, 20.0, 0.2, 0.035_274_995_724_865_4),
            (0.97, 20.0, 0.2, 0.050231677530748816),
            (0.999, 20.0, 0.2, 0.050984106048340395),
            (0.02, 0.5, 20.0, 0.059_485_635_212_989_09),
            (0.4, 0.5, 20.0, 0.19873057704913007),
        ] {
            assert_close(rate(x, a, b), expected, 1e-12, &format!("{x} {a} {b}"));
        }
    }

    /// The quantile itself, found by bisection of the distribution function, moves at that rate.
    #[test]
    fn rates_are_the_slopes_of_quantiles() {
        for (a, b) in [(0.1, 0.4), (1.0, 4.0), (0.7, 12.0), (20.0, 3.0), (20.0, 80.0)] {
            for level in [0.05, 0.3, 0.5, 0.9] {
                let h = 1e-4 * a;
                let slope = (quantile(level, a + h, b) - quantile(level, a - h, b)) / (2.0 * h);
                let x = quantile(level, a, b);
                assert_close(
                    rate(x, a, b) * (1.0 - x),
                    slope,
                    1e-5,
                    &format!("{level} {a} {b}"),
                );
            }
        }
    }

    fn quantile(level: f64, a: f64, b: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            match statrs::function::beta::beta_reg(a, b, middle) < level {
                true => low = middle,
                false => high = middle,
            }
        }
        0.5 * (low + high)
    }

    /// A component that has no other, one that is 0, what is no number, and a mean so close to 1
    /// that the series is cut off: there, as above.
    #[test]
    fn extremes_are_finite() {
        assert_eq!(rate(1.0, 0.7, 0.0), 0.0);
        assert_eq!(rate(0.0, 0.1, 0.4), 0.0);
        assert!(rate(f64::MIN_POSITIVE, 0.001, 0.004) > 0.0);
        assert!(rate(1.0, 0.1, 1e-9).is_finite());
        assert!(rate(0.5, f64::NAN, 1.0).is_nan());
        assert_close(rate(0.99999, 1000.0, 0.005), 0.00100049266083874, 1e-2, "cut off");
    }

    /// ψ(1) = −γ, ψ(1/2) = −γ − 2 ln 2, ψ′(1) = π²/6, ψ′(1/2) = π²/2, and the recurrences.
    #[test]
    fn polygammas_are_the_known_ones() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        let square = std::f64::consts::PI.powi(2);
        assert_close(digamma(1.0), -EULER, 1e-14, "1");
        assert_close(digamma(0.5), -EULER - 2.0 * 2.0_f64.ln(), 1e-14, "1/2");
        assert_close(trigamma(1.0), square / 6.0, 1e-14, "1");
        assert_close(trigamma(0.5), square / 2.0, 1e-14, "1/2");
        for x in [1e-3, 0.3, 2.7, 11.5, 12.5, 300.0] {
            assert_close(digamma(x + 1.0), digamma(x) + 1.0 / x, 1e-12, "recurrence");
            let slope = (digamma(x * 1.0001) - digamma(x * 0.9999)) / (0.0002 * x);
            assert_close(trigamma(x), slope, 1e-6, "slope");
        }
    }
}

//! The architecture's gradient: how the validation loss changes with the architecture parameters α.
//!
//! First order: ∇_α L_val(w, α), the weights w as they are.
//!
//! Second order: the weights are taken one training step ahead, w′ = w − ξ (μ b + ∇_w L_train(w,
//! α) + λ w), with their learning rate ξ, momentum μ b and weight decay λ, and the gradient of
//! L_val(w′(α), α) is
//!
//! ∇_α L_val(w′, α) − ξ ∇²_αw L_train(w, α) v, with v = ∇_w′ L_val(w′, α).
//!
//! The product of the mixed second derivative with v is a central difference,
//! (∇_α L_train(w + ε v, α) − ∇_α L_train(w − ε v, α)) / (2 ε), with ε = 0.01 / ‖v‖.
//!
//! # Deviations
//! None.
//!
//! # References
//! Hanxiao Liu, Karen Simonyan, Yiming Yang, "DARTS: Differentiable Architecture Search", ICLR
//! 2019, arXiv:1806.09055, section 2.3, equations 6 to 8, and the authors' code for momentum and
//! weight decay.

/// A bilevel problem at one training and one validation batch.
pub trait Bilevel {
    /// A direction in the space of weights: a gradient.
    type Direction;
    /// What can go wrong.
    type Error;

    /// ∇_w L_train at the weights as they are.
    ///
    /// # Errors
    /// As the problem says; so for all others.
    fn train_weights_gradient(&mut self) -> Result<Self::Direction, Self::Error>;

    /// ∇_α L_train at the weights as they are.
    ///
    /// # Errors
    /// As above.
    fn train_architecture_gradient(&mut self) -> Result<Vec<f64>, Self::Error>;

    /// ∇_w L_val and ∇_α L_val at the weights as they are.
    ///
    /// # Errors
    /// As above.
    fn valid_gradients(&mut self) -> Result<(Self::Direction, Vec<f64>), Self::Error>;

    /// The Euclidean norm of a direction.
    ///
    /// # Errors
    /// As above.
    fn norm(&self, direction: &Self::Direction) -> Result<f64, Self::Error>;

    /// Remembers the weights and moves them one training step ahead: by −`rate` · (momentum +
    /// `train` + weight decay).
    ///
    /// # Errors
    /// As above.
    fn unroll(&mut self, train: &Self::Direction, rate: f64) -> Result<(), Self::Error>;

    /// Moves the weights to the remembered ones plus `by` · `direction`.
    ///
    /// # Errors
    /// As above.
    fn shift(&mut self, direction: &Self::Direction, by: f64) -> Result<(), Self::Error>;

    /// Puts back the remembered weights; nothing happens where none are.
    ///
    /// # Errors
    /// As above.
    fn restore(&mut self) -> Result<(), Self::Error>;
}

/// Length of the step of the central difference, ε ‖v‖.
const STEP: f64 = 0.01;

/// The gradient of second order, at this learning rate of the weights, which are the same
/// afterwards.
///
/// # Errors
/// Those of the problem; the weights are put back then too.
pub fn second_order<P: Bilevel>(problem: &mut P, rate: f64) -> Result<Vec<f64>, P::Error> {
    second_order_by(problem, rate, STEP)
}

/// The same by a central difference of another step, ε = `step` / ‖v‖.
pub(crate) fn second_order_by<P: Bilevel>(
    problem: &mut P,
    rate: f64,
    step: f64,
) -> Result<Vec<f64>, P::Error> {
    let gradient = through_the_step(problem, rate, step);
    let restored = problem.restore();
    let gradient = gradient?;
    restored?;
    Ok(gradient)
}

fn through_the_step<P: Bilevel>(problem: &mut P, rate: f64, step: f64) -> Result<Vec<f64>, P::Error> {
    let train = problem.train_weights_gradient()?;
    problem.unroll(&train, rate)?;
    let (direction, mut gradient) = problem.valid_gradients()?;
    let norm = problem.norm(&direction)?;
    // Without a direction there is nothing that the step would change.
    if norm == 0.0 {
        return Ok(gradient);
    }
    let epsilon = step / norm;
    problem.shift(&direction, epsilon)?;
    let ahead = problem.train_architecture_gradient()?;
    problem.shift(&direction, -epsilon)?;
    let behind = problem.train_architecture_gradient()?;
    for ((gradient, ahead), behind) in gradient.iter_mut().zip(ahead).zip(behind) {
        *gradient -= rate * (ahead - behind) / (2.0 * epsilon);
    }
    Ok(gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The toy of the paper's figure 2: L_val = α w − 2 α + 1, L_train = w² − 2 α w + α², to which
    /// the coupling of the training loss can be made larger: its mixed derivative is −2 ·
    /// `coupling`.
    #[derive(Debug, Clone, Default)]
    struct Toy {
        alpha: f64,
        w: f64,
        coupling: f64,
        momentum: f64,
        weight_decay: f64,
        remembered: Option<f64>,
        /// Fails at this call of the training gradient in α, counted from 1.
        fails_at: usize,
        calls: usize,
    }

    impl Toy {
        fn new(alpha: f64, w: f64) -> Self {
            Self {
                alpha,
                w,
                coupling: 1.0,
                ..Self::default()
            }
        }

        fn train_slope(&self) -> f64 {
            2.0 * self.w - 2.0 * self.coupling * self.alpha
        }

        fn valid_alpha_slope(&self) -> f64 {
            self.w - 2.0
        }
    }

    impl Bilevel for Toy {
        type Direction = f64;
        type Error = &'static str;

        fn train_weights_gradient(&mut self) -> Result<f64, Self::Error> {
            Ok(self.train_slope())
        }

        fn train_architecture_gradient(&mut self) -> Result<Vec<f64>, Self::Error> {
            self.calls += 1;
            if self.calls == self.fails_at {
                return Err("lost");
            }
            Ok(vec![2.0 * self.alpha - 2.0 * self.coupling * self.w])
        }

        fn valid_gradients(&mut self) -> Result<(f64, Vec<f64>), Self::Error> {
            Ok((self.alpha, vec![self.valid_alpha_slope()]))
        }

        fn norm(&self, direction: &f64) -> Result<f64, Self::Error> {
            Ok(direction.abs())
        }

        fn unroll(&mut self, train: &f64, rate: f64) -> Result<(), Self::Error> {
            self.remembered = Some(self.w);
            self.w -= rate * (self.momentum + train + self.weight_decay * self.w);
            Ok(())
        }

        fn shift(&mut self, direction: &f64, by: f64) -> Result<(), Self::Error> {
            self.w = self.remembered.ok_or("nothing remembered")? + by * direction;
            Ok(())
        }

        fn restore(&mut self) -> Result<(), Self::Error> {
            if let Some(w) = self.remembered {
                self.w = w;
            }
            Ok(())
        }
    }

    /// Alternating gradient descent on both levels.
    fn descend(order: impl Fn(&mut Toy) -> f64, rate: f64) -> (f64, f64) {
        let mut toy = Toy::new(2.0, -2.0);
        for _ in 0..2_000 {
            toy.alpha -= 0.05 * order(&mut toy);
            toy.w -= rate * toy.train_slope();
        }
        (toy.alpha, toy.w)
    }

    #[test]
    fn second_order_finds_the_optimum_of_the_papers_toy_and_first_order_does_not() {
        // A rate of 1/2 takes w to its optimum, w = α, in one step, as the paper assumes.
        let rate = 0.5;
        let (alpha, w) = descend(|toy| second_order(toy, rate).unwrap()[0], rate);
        assert!(
            (alpha - 1.0).abs() < 1e-6 && (w - 1.0).abs() < 1e-6,
            "({alpha}, {w})"
        );
        // Without the step, the slope in α is w − 2: it is at rest at (2, 2) only.
        let (alpha, w) = descend(|toy| toy.valid_alpha_slope(), rate);
        assert!(
            (alpha - 2.0).abs() < 1e-6 && (w - 2.0).abs() < 1e-6,
            "({alpha}, {w})"
        );
    }

    /// d/dα of α w′(α) − 2 α + 1 with w′ = w − ξ (m + 2 w − 2 c α + λ w) is w′ − 2 + 2 ξ c α.
    #[test]
    fn the_gradient_is_the_analytic_one_with_momentum_and_weight_decay() {
        for (alpha, w, rate) in [(2.0, -2.0, 0.1), (0.3, 1.7, 0.5), (-40.0, 0.2, 0.025)] {
            for (momentum, weight_decay) in [(0.0, 0.0), (0.7, 0.0), (0.0, 0.3), (-1.1, 0.2)] {
                let mut toy = Toy {
                    momentum,
                    weight_decay,
                    ..Toy::new(alpha, w)
                };
                let ahead = w - rate * (momentum + 2.0 * w - 2.0 * alpha + weight_decay * w);
                let expected = ahead - 2.0 + 2.0 * rate * alpha;
                let got = second_order(&mut toy, rate).unwrap()[0];
                assert!((got - expected).abs() < 1e-9, "{got} {expected}");
                assert_eq!(toy.w, w, "the weights are put back");
            }
        }
    }

    /// The difference is divided by ε, not multiplied: a program that gets this wrong has an
    /// implicit part too small by a factor of ε² = 0.01² / ‖v‖², and is of first order in all but
    /// name.
    #[test]
    fn the_second_order_part_has_its_full_size() {
        for alpha in [0.5, 3.0, 200.0] {
            let mut toy = Toy {
                coupling: 7.0,
                ..Toy::new(alpha, 1.0)
            };
            let rate = 0.1;
            let ahead = 1.0 - rate * (2.0 - 14.0 * alpha);
            let first_part = ahead - 2.0;
            let implicit = second_order(&mut toy, rate).unwrap()[0] - first_part;
            // −ξ · (−2 c) · v with v = α.
            let expected = rate * 14.0 * alpha;
            assert!((implicit / expected - 1.0).abs() < 1e-6, "{implicit} {expected}");
        }
    }

    #[test]
    fn without_a_direction_there_is_no_second_part() {
        let mut toy = Toy::new(0.0, 5.0);
        let got = second_order(&mut toy, 0.1).unwrap();
        assert_eq!(got, [5.0 - 0.1 * 10.0 - 2.0]);
        assert_eq!((toy.w, toy.calls), (5.0, 0));
    }

    #[test]
    fn the_weights_are_put_back_after_an_error() {
        for fails_at in [1, 2] {
            let mut toy = Toy {
                fails_at,
                ..Toy::new(2.0, -2.0)
            };
            assert_eq!(second_order(&mut toy, 0.1), Err("lost"));
            assert_eq!(toy.w, -2.0);
        }
    }
}

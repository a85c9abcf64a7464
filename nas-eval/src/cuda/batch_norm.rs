//! Batch normalisation by the statistics of the batch.

use candle_core::{Result, Tensor};

use super::launch::{Launch, Step};
use super::slices_of;

/// Means and biased variances of the channels of `x` \[N, C, H, W\], as \[2, C\]; no gradient flows
/// through them.
pub(crate) fn moments(x: &Tensor) -> Result<Tensor> {
    let sizes = Sizes::new(x, false, 0.0)?;
    let sums = sizes.two_sums("moment_slices")?.run(&[x])?;
    sizes
        .each("moments", &sums.narrow(0, 0, 1)?.squeeze(0)?)?
        .run(&[&sums, x])
}

/// `x` normalised by `moments`, which are its own: the gradient goes through them too.
pub(crate) fn normalize(
    x: &Tensor,
    moments: &Tensor,
    affine: Option<(&Tensor, &Tensor)>,
    eps: f64,
) -> Result<Tensor> {
    let sizes = Sizes::new(x, affine.is_some(), eps)?;
    let moments = moments.clone();
    match affine {
        None => {
            let forward = sizes.each("normalize", x)?.with_constants(&[&moments])?;
            forward.run_on_tape([x], move |[x], step| {
                let (for_x, _) = sizes.gradients(x, &moments, None, step)?;
                Ok([Some(for_x)])
            })
        }
        Some((weight, bias)) => {
            // The kernel reads x, moments, weight, bias in this order: the tape's three come first.
            let forward = sizes.each("normalize_affine", x)?.with_constants(&[&moments])?;
            forward.run_on_tape([x, weight, bias], move |[x, weight, _], step| {
                let (for_x, sums) = sizes.gradients(x, &moments, Some(weight), step)?;
                Ok([Some(for_x), Some(sums.get(1)?), Some(sums.get(0)?)])
            })
        }
    }
}

/// The sizes and numbers that its kernels take.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    channels: usize,
    positions: usize,
    slices: usize,
    affine: bool,
    eps: f64,
}

impl Sizes {
    fn new(x: &Tensor, affine: bool, eps: f64) -> Result<Self> {
        let (batch, channels, height, width) = x.dims4()?;
        let positions = height * width;
        Ok(Self {
            batch,
            channels,
            positions,
            slices: slices_of(channels, batch * positions),
            affine,
            eps,
        })
    }

    /// A kernel that gives something of the shape of `like`.
    fn each(&self, kernel: &'static str, like: &Tensor) -> Result<Launch> {
        Ok(self.with_numbers(Launch::each(kernel, like.shape(), &self.numbers())?))
    }

    /// A kernel that gives two sums for each slice of each channel, \[slices, 2, C\].
    fn two_sums(&self, kernel: &'static str) -> Result<Launch> {
        let shape = (self.slices, 2, self.channels);
        let launch = Launch::new(kernel, self.slices * self.channels, shape, &self.numbers())?;
        Ok(self.with_numbers(launch))
    }

    fn numbers(&self) -> [usize; 5] {
        let affine = usize::from(self.affine);
        [self.batch, self.channels, self.positions, self.slices, affine]
    }

    fn with_numbers(&self, launch: Launch) -> Launch {
        launch.with_reals(&[(self.batch * self.positions) as f64, self.eps])
    }

    /// The gradient in `x`, and the sums of g and of g·x̂ over each channel, \[2, C\].
    fn gradients(
        &self,
        x: &Tensor,
        moments: &Tensor,
        weight: Option<&Tensor>,
        step: Step<'_>,
    ) -> Result<(Tensor, Tensor)> {
        let partial = self
            .two_sums("normalize_slices")?
            .run(&[step.gradient, x, moments])?;
        let numbers = [2 * self.channels, self.slices];
        let sums = Launch::each("sum_slices", (2, self.channels), &numbers)?.run(&[&partial])?;
        let constants = match weight {
            None => vec![&sums],
            Some(weight) => vec![&sums, weight],
        };
        let for_x = self
            .each("normalize_input", x)?
            .with_constants(&constants)?
            .run(&[step.gradient, x, moments])?;
        Ok((for_x, sums))
    }
}

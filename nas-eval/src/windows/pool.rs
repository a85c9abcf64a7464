//! The windows of a pooling, and the size of its output.

use candle_core::{Result, bail};

/// The geometry of a pooling: `[height, width]` of each quantity, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolSpec {
    /// Size of the window; at least 1.
    pub kernel: [usize; 2],
    /// Step from one window to the next; at least 1.
    pub stride: [usize; 2],
    /// Rows and columns added at each side; at most half the kernel, so that no window lies in the
    /// padding alone. Their value is the neutral one: minus infinity for the maximum, not counted
    /// for the average.
    pub padding: [usize; 2],
}

impl PoolSpec {
    /// A square window with the same stride and padding in both directions.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
        }
    }

    /// Height and width of the output for an input of `[height, width]`: `(size + 2·padding −
    /// kernel) / stride + 1`, rounded down.
    ///
    /// # Errors
    /// If a kernel or stride is 0, the padding exceeds half the kernel, the input is empty, or the
    /// kernel is larger than the padded input.
    pub fn output_size(&self, input: [usize; 2]) -> Result<[usize; 2]> {
        let Self {
            kernel,
            stride,
            padding,
        } = *self;
        if kernel.contains(&0) || stride.contains(&0) {
            bail!(
                "pooling: kernel and stride must be at least 1, got kernel {kernel:?} and stride {stride:?}"
            )
        }
        if input.contains(&0) {
            bail!("pooling: the image must not be empty, got {input:?} (height, width)")
        }
        let mut output = [0; 2];
        for axis in 0..2 {
            if padding[axis] > kernel[axis] / 2 {
                bail!(
                    "pooling: the padding must be at most half the kernel (a window would lie in the padding alone), \
                     expected at most {:?} for kernel {kernel:?}, got {padding:?}",
                    kernel.map(|k| k / 2)
                )
            }
            let padded = input[axis] + 2 * padding[axis];
            if kernel[axis] > padded {
                bail!(
                    "pooling: the kernel must fit into the padded image, expected at most {:?} for image {input:?} \
                     and padding {padding:?}, got kernel {kernel:?}; use a larger image or fewer reductions",
                    [input[0] + 2 * padding[0], input[1] + 2 * padding[1]]
                )
            }
            output[axis] = (padded - kernel[axis]) / stride[axis] + 1;
        }
        Ok(output)
    }
}

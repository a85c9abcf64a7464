//! How a kernel is called, and how Candle's tape differentiates the call.

use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail,
};

/// Threads of a block, as in the source of the kernels.
pub(super) const BLOCK: usize = 256;

/// How many tensors a kernel can read.
#[cfg(feature = "cuda")]
pub(super) const INPUTS: usize = 5;

/// The numbers that a kernel takes by value, as its source declares them.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Params {
    pub(super) n: [i32; 24],
    pub(super) r: [f64; 4],
}

/// One call of a kernel that reads dense tensors of one type and writes one.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    /// Its name without the type's suffix.
    pub(super) kernel: &'static str,
    /// Blocks of [`BLOCK`] threads.
    pub(super) blocks: usize,
    pub(super) params: Params,
    pub(super) output: Shape,
    /// Tensors that it reads after those that gradients flow to.
    pub(super) constants: Vec<Tensor>,
}

impl Launch {
    /// One thread for each element of the output.
    pub(super) fn each(kernel: &'static str, output: impl Into<Shape>, sizes: &[usize]) -> Result<Self> {
        let output = output.into();
        let blocks = output.elem_count().div_ceil(BLOCK);
        Self::new(kernel, blocks, output, sizes)
    }

    /// This many blocks, each of which writes numbers of its own.
    pub(super) fn new(
        kernel: &'static str,
        blocks: usize,
        output: impl Into<Shape>,
        sizes: &[usize],
    ) -> Result<Self> {
        let output = output.into();
        // Threads count their elements in 32 bits, and those past the end count too.
        if output.elem_count().max(blocks * BLOCK) > i32::MAX as usize {
            bail!(
                "{kernel}: a tensor of at most {} elements can be made on CUDA, got {output:?}; use a smaller batch",
                i32::MAX
            )
        }
        let mut params = Params::default();
        for (param, &size) in params.n.iter_mut().zip(sizes) {
            let Ok(size) = i32::try_from(size) else {
                bail!(
                    "{kernel}: sizes of at most {} can be used on CUDA, got {size}; use a smaller batch",
                    i32::MAX
                )
            };
            *param = size;
        }
        Ok(Self {
            kernel,
            blocks,
            params,
            output,
            constants: Vec::new(),
        })
    }

    /// The same with these real numbers.
    pub(super) fn with_reals(mut self, reals: &[f64]) -> Self {
        for (param, &real) in self.params.r.iter_mut().zip(reals) {
            *param = real;
        }
        self
    }

    /// The same reading these tensors besides, which no gradient flows to.
    pub(super) fn with_constants(mut self, constants: &[&Tensor]) -> Result<Self> {
        for tensor in constants {
            self.constants.push(tensor.detach().contiguous()?);
        }
        Ok(self)
    }

    /// The result, which no gradient flows through.
    pub(super) fn run(self, inputs: &[&Tensor]) -> Result<Tensor> {
        let op = Op {
            launch: self,
            backward: None,
        };
        match inputs {
            [a] => a.contiguous()?.apply_op1_no_bwd(&op),
            [a, b] => a.contiguous()?.apply_op2_no_bwd(&b.contiguous()?, &op),
            [a, b, c] => a
                .contiguous()?
                .apply_op3_no_bwd(&b.contiguous()?, &c.contiguous()?, &op),
            _ => bail!("{}: 1 to 3 tensors, got {}", op.launch.kernel, inputs.len()),
        }
    }

    /// The result on the tape: `backward` gives a gradient for each input.
    pub(super) fn run_on_tape<const N: usize>(
        self,
        inputs: [&Tensor; N],
        backward: impl Fn([&Tensor; N], Step<'_>) -> Result<[Option<Tensor>; N]> + Send + Sync + 'static,
    ) -> Result<Tensor> {
        let kernel = self.kernel;
        let backward = move |inputs: &[&Tensor], step: Step<'_>| match inputs.try_into() {
            Ok(inputs) => Ok(backward(inputs, step)?.into()),
            Err(_) => bail!("{kernel}: {N} tensors, got {}", inputs.len()),
        };
        let op = Op {
            launch: self,
            backward: Some(Box::new(backward)),
        };
        match inputs.as_slice() {
            [a] => a.contiguous()?.apply_op1(op),
            [a, b] => a.contiguous()?.apply_op2(&b.contiguous()?, op),
            [a, b, c] => a.contiguous()?.apply_op3(&b.contiguous()?, &c.contiguous()?, op),
            _ => bail!("{kernel}: 1 to 3 tensors, got {N}"),
        }
    }
}

/// What a backward pass knows at an operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    /// What the operation gave.
    pub(super) result: &'a Tensor,
    /// The gradient in that.
    pub(super) gradient: &'a Tensor,
}

type Backward = Box<dyn Fn(&[&Tensor], Step<'_>) -> Result<Vec<Option<Tensor>>> + Send + Sync>;

/// A launch as an operation of Candle's.
struct Op {
    launch: Launch,
    backward: Option<Backward>,
}

impl Op {
    fn backward(
        &self,
        inputs: &[&Tensor],
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<std::vec::IntoIter<Option<Tensor>>> {
        let Some(backward) = &self.backward else {
            bail!("{} has no gradient", self.launch.kernel)
        };
        Ok(backward(inputs, Step { result, gradient })?.into_iter())
    }

    fn on_cuda(&self, inputs: &[(&CudaStorage, &Layout)]) -> Result<(CudaStorage, Shape)> {
        #[cfg(feature = "cuda")]
        return super::device::run(&self.launch, inputs);
        #[cfg(not(feature = "cuda"))]
        bail!(
            "{}: built without CUDA, {} tensors",
            self.launch.kernel,
            inputs.len()
        )
    }

    fn on_cpu(&self, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        #[cfg(test)]
        return super::on_host::run(&self.launch, inputs);
        #[cfg(not(test))]
        bail!(
            "{}: a CUDA kernel was given {} tensors on the CPU",
            self.launch.kernel,
            inputs.len()
        )
    }
}

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        self.launch.kernel
    }

    fn cpu_fwd(&self, a: &CpuStorage, la: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu(&[(a, la)])
    }

    fn cuda_fwd(&self, a: &CudaStorage, la: &Layout) -> Result<(CudaStorage, Shape)> {
        self.on_cuda(&[(a, la)])
    }

    fn bwd(&self, a: &Tensor, result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.backward(&[a], result, gradient)?.next().flatten())
    }
}

impl CustomOp2 for Op {
    fn name(&self) -> &'static str {
        self.launch.kernel
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu(&[(a, la), (b, lb)])
    }

    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        la: &Layout,
        b: &CudaStorage,
        lb: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_cuda(&[(a, la), (b, lb)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut of = self.backward(&[a, b], result, gradient)?;
        Ok((of.next().flatten(), of.next().flatten()))
    }
}

impl CustomOp3 for Op {
    fn name(&self) -> &'static str {
        self.launch.kernel
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
        self.on_cpu(&[(a, la), (b, lb), (c, lc)])
    }

    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        la: &Layout,
        b: &CudaStorage,
        lb: &Layout,
        c: &CudaStorage,
        lc: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_cuda(&[(a, la), (b, lb), (c, lc)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut of = self.backward(&[a, b, c], result, gradient)?;
        Ok((of.next().flatten(), of.next().flatten(), of.next().flatten()))
    }
}

//! Running a launch on a CUDA device, on Candle's stream.

#![expect(unsafe_code, reason = "a launch is beyond what the compiler can check")]

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{
    CudaView, DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Layout, Result, Shape, Storage, Tensor, bail};

use super::augment::Sources;
use super::launch::{BLOCK, INPUTS, Launch, Params};
use super::multi_tensor::{Launch as Many, Table};

/// The kernels, compiled by the build script.
const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/kernels.ptx"));

/// The name under which Candle keeps them.
const MODULE: &str = "nas-eval";

// SAFETY: it is `repr(C)` and holds numbers only, laid out as the kernels' `Params`.
unsafe impl DeviceRepr for Params {}

// SAFETY: as above: addresses and numbers, laid out as the kernels' `Table`.
unsafe impl DeviceRepr for Table {}

pub(super) fn run(launch: &Launch, inputs: &[(&CudaStorage, &Layout)]) -> Result<(CudaStorage, Shape)> {
    let guards: Vec<_> = launch
        .constants
        .iter()
        .map(|tensor| tensor.storage_and_layout())
        .collect();
    let mut all = inputs.to_vec();
    for (storage, layout) in &guards {
        match &**storage {
            Storage::Cuda(storage) => all.push((storage, layout)),
            _ => bail!("{}: all tensors must be on one CUDA device", launch.kernel),
        }
    }
    let Some((first, _)) = all.first() else {
        bail!("{}: no input", launch.kernel)
    };
    match first.dtype() {
        DType::F32 => run_with::<f32>(launch, "f32", &all),
        DType::F64 => run_with::<f64>(launch, "f64", &all),
        other => bail!("{}: f32 or f64 on CUDA, got {other:?}", launch.kernel),
    }
}

fn run_with<T: CudaDType + DeviceRepr>(
    launch: &Launch,
    suffix: &str,
    inputs: &[(&CudaStorage, &Layout)],
) -> Result<(CudaStorage, Shape)> {
    let mut views: Vec<CudaView<'_, T>> = Vec::with_capacity(INPUTS);
    for (storage, layout) in inputs {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("{}: expected dense tensors, got {layout:?}", launch.kernel)
        };
        views.push(storage.as_cuda_slice::<T>()?.slice(start..end));
    }
    let device = inputs[0].0.device.clone();
    let length = launch.output.elem_count();
    // SAFETY: the kernel writes every element of its output before anything reads it.
    let output = unsafe { device.alloc::<T>(length)? };
    if length > 0 {
        let function = device.get_or_load_custom_func(&format!("{}_{suffix}", launch.kernel), MODULE, PTX)?;
        let mut arguments = function.builder();
        for i in 0..INPUTS {
            // What it does not read is the first.
            arguments.arg(views.get(i).unwrap_or(&views[0]));
        }
        arguments.arg(&output);
        arguments.arg(&launch.params);
        let config = blocks(launch.blocks);
        // SAFETY: the arguments are those of `KERNEL` in the source; sizes come from the tensors'
        // own shapes, so that no thread reads or writes outside them.
        unsafe { arguments.launch(config) }.w()?;
    }
    Ok((T::wrap_cuda_slice(output, device), launch.output.clone()))
}

/// Runs a launch on many tensors, which changes them in place.
pub(super) fn run_many(launch: &Many<'_>) -> Result<Tensor> {
    let Some(first) = launch.rows.first() else {
        bail!("{}: no tensors", launch.kernel)
    };
    let device = first.tensors[0].device().as_cuda_device()?.clone();
    match launch.dtype {
        DType::F32 => run_many_with::<f32>(launch, "f32", &device),
        DType::F64 => run_many_with::<f64>(launch, "f64", &device),
        other => bail!("{}: f32 or f64 on CUDA, got {other:?}", launch.kernel),
    }
}

fn run_many_with<T: CudaDType + DeviceRepr>(
    launch: &Many<'_>,
    suffix: &str,
    device: &CudaDevice,
) -> Result<Tensor> {
    let stream = device.cuda_stream();
    // The address of the first number of a dense tensor.
    let address = |tensor: &Tensor| {
        let (storage, layout) = tensor.storage_and_layout();
        let (Storage::Cuda(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
            bail!(
                "{}: all tensors must be dense and on one CUDA device",
                launch.kernel
            )
        };
        let view = storage.as_cuda_slice::<T>()?.slice(start..end);
        let (address, _guard) = view.device_ptr(&stream);
        Ok(address)
    };
    let table = launch.table.with_addresses(launch.rows, address)?;
    // SAFETY: the kernel writes all of it, or none where it is only there to have an address.
    let output = unsafe { device.alloc::<T>(launch.output.max(1))? };
    let scalar = match launch.scalar {
        Some(scalar) => address(scalar)?,
        None => output.device_ptr(&stream).0,
    };
    let function = device.get_or_load_custom_func(&format!("{}_{suffix}", launch.kernel), MODULE, PTX)?;
    let mut arguments = function.builder();
    arguments.arg(&table);
    arguments.arg(&scalar);
    arguments.arg(&output);
    arguments.arg(&launch.params);
    // SAFETY: the arguments are those of `KERNEL_OF_MANY` in the source. The rows hold the tensors
    // until the launch is on the stream, on which everything that uses their memory comes in turn;
    // lengths are the tensors' own.
    unsafe { arguments.launch(blocks(launch.blocks())) }.w()?;
    let storage = Storage::Cuda(T::wrap_cuda_slice(output, device.clone()));
    Ok(Tensor::from_storage(
        storage,
        launch.output.max(1),
        BackpropOp::none(),
        false,
    ))
}

/// Runs the launch that makes a batch of images.
pub(super) fn run_augment(launch: &Launch, [pixels, tables, changes]: Sources<'_>) -> Result<Tensor> {
    let device = pixels.device().as_cuda_device()?.clone();
    let (pixels, at_pixels) = pixels.storage_and_layout();
    let (tables, at_tables) = tables.storage_and_layout();
    let (changes, at_changes) = changes.storage_and_layout();
    let length = launch.output.elem_count();
    // SAFETY: the kernel writes every element of its output before anything reads it.
    let output = unsafe { device.alloc::<f32>(length)? };
    if length > 0 {
        let function = device.get_or_load_custom_func(launch.kernel, MODULE, PTX)?;
        let (pixels, tables, changes) = (
            dense::<u8>(launch.kernel, &pixels, at_pixels)?,
            dense::<f32>(launch.kernel, &tables, at_tables)?,
            dense::<u32>(launch.kernel, &changes, at_changes)?,
        );
        let mut arguments = function.builder();
        arguments.arg(&pixels).arg(&tables).arg(&changes);
        arguments.arg(&output);
        arguments.arg(&launch.params);
        // SAFETY: the arguments are those of `augment` in the source. Sizes come from the output's
        // shape, and the caller has checked that the images exist.
        unsafe { arguments.launch(blocks(launch.blocks)) }.w()?;
    }
    let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(output, device));
    Ok(Tensor::from_storage(
        storage,
        launch.output.clone(),
        BackpropOp::none(),
        false,
    ))
}

/// The numbers of a dense tensor.
fn dense<'a, T: CudaDType>(kernel: &str, storage: &'a Storage, layout: &Layout) -> Result<CudaView<'a, T>> {
    let (Storage::Cuda(storage), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
        bail!("{kernel}: all tensors must be dense and on one CUDA device")
    };
    Ok(storage.as_cuda_slice::<T>()?.slice(start..end))
}

/// So many blocks of [`BLOCK`] threads.
fn blocks(count: usize) -> LaunchConfig {
    LaunchConfig {
        grid_dim: (count as u32, 1, 1),
        block_dim: (BLOCK as u32, 1, 1),
        shared_mem_bytes: 0,
    }
}

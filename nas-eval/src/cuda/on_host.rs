//! Launches on the host, for tests: the kernels compiled by the machine's C++ compiler, in a
//! process of their own.

use std::cell::Cell;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Shape, Storage, Tensor, bail};

use super::augment::Sources;
use super::launch::{Launch, Params};
use super::multi_tensor::{KINDS, Launch as Many};

thread_local! {
    static WANTED: Cell<bool> = const { Cell::new(false) };
}

/// What `f` gives when all operations of this thread go to the kernels.
pub(crate) fn with_kernels<T>(f: impl FnOnce() -> T) -> T {
    WANTED.set(true);
    let result = f();
    WANTED.set(false);
    result
}

/// Whether the operations of this thread go to the kernels.
pub(super) fn is_wanted() -> bool {
    WANTED.get()
}

/// Whether there is a C++ compiler to compile them with. Says so where there is none.
pub(crate) fn is_available() -> bool {
    let available = program().is_some();
    if !available {
        eprintln!(
            "skipped: no C++ compiler (c++, or what CXX names) to run the CUDA kernels on the host with"
        );
    }
    available
}

/// The compiled program.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cuda/on_host.cpp");
        let program = Path::new(env!("OUT_DIR")).join(format!("on_host-{}", std::process::id()));
        let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
        let mut command = Command::new(compiler);
        command
            .args(["-std=c++17", "-O2", "-ffp-contract=off"])
            .arg(source)
            .arg("-o")
            .arg(&program);
        match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => panic!("{command:?}: {error}"),
            Ok(output) => {
                assert!(
                    output.status.success(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                Some(program)
            }
        }
    };
    PROGRAM.get_or_init(compile).as_deref()
}

/// The one process, which ends with the tests.
fn process() -> &'static Mutex<Child> {
    static PROCESS: OnceLock<Mutex<Child>> = OnceLock::new();
    PROCESS.get_or_init(|| {
        let program = program().expect("callers have asked whether it is available");
        let child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It runs on without its file.
        std::fs::remove_file(program).unwrap();
        Mutex::new(child)
    })
}

pub(super) fn run(launch: &Launch, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
    let guards: Vec<_> = launch
        .constants
        .iter()
        .map(|tensor| tensor.storage_and_layout())
        .collect();
    let mut all = inputs.to_vec();
    for (storage, layout) in &guards {
        match &**storage {
            Storage::Cpu(storage) => all.push((storage, layout)),
            _ => bail!("{}: all tensors must be on the CPU", launch.kernel),
        }
    }
    let tensors = all
        .iter()
        .map(|(storage, layout)| bytes_of(launch.kernel, storage, layout))
        .collect::<Result<Vec<_>>>()?;
    let width = tensors[0].1;
    if tensors.iter().any(|(_, of_type)| *of_type != width) {
        bail!("{}: tensors of one type", launch.kernel)
    }
    let length = launch.output.elem_count();
    let mut message = header(launch.kernel, [launch.blocks, width, length], &launch.params);
    push_number(&mut message, tensors.len());
    for (bytes, _) in &tensors {
        push_number(&mut message, bytes.len() / width);
        message.extend(bytes);
    }
    let output = exchange(launch.kernel, &message, length * width)?;
    Ok((numbers(&output, width), launch.output.clone()))
}

/// The same for a launch on many tensors, all of which get what the kernel left in them.
pub(super) fn run_many(launch: &Many<'_>) -> Result<Tensor> {
    let kernel = launch.kernel;
    let width = launch.dtype.size_in_bytes();
    let bytes = |tensor: &Tensor| match &*tensor.storage_and_layout().0 {
        Storage::Cpu(storage) => Ok(bytes_of(kernel, storage, tensor.layout())?.0),
        _ => bail!("{kernel}: all tensors must be on the CPU"),
    };
    let mut message = header(kernel, [launch.blocks(), width, launch.output], &launch.params);
    push_number(&mut message, usize::from(launch.scalar.is_some()));
    if let Some(scalar) = launch.scalar {
        message.extend(bytes(scalar)?);
    }
    // Kind by kind, as the table has them.
    let tensors: Vec<&Tensor> = (0..KINDS)
        .flat_map(|kind| {
            launch
                .rows
                .iter()
                .filter_map(move |row| row.tensors.get(kind).copied())
        })
        .collect();
    message.extend(launch.table.with_addresses(launch.rows, |_| Ok(1))?.to_bytes());
    for tensor in &tensors {
        message.extend(bytes(tensor)?);
    }
    let values: usize = tensors.iter().map(|tensor| tensor.elem_count()).sum();
    let answer = exchange(kernel, &message, (launch.output + values) * width)?;
    let (output, mut rest) = answer.split_at(launch.output * width);
    for tensor in tensors {
        let (own, following) = rest.split_at(tensor.elem_count() * width);
        tensor.inplace_op1(&Overwrite(numbers(own, width)))?;
        rest = following;
    }
    let output = match numbers(output, width) {
        CpuStorage::F32(values) => Tensor::new(values, &Device::Cpu)?,
        CpuStorage::F64(values) => Tensor::new(values, &Device::Cpu)?,
        _ => bail!("{kernel}: f32 or f64"),
    };
    Ok(output)
}

/// The same for a batch of augmented images.
pub(super) fn run_augment(launch: &Launch, sources: Sources<'_>) -> Result<Tensor> {
    let length = launch.output.elem_count();
    let mut message = header(
        launch.kernel,
        [launch.blocks, size_of::<f32>(), length],
        &launch.params,
    );
    for tensor in sources {
        let (storage, layout) = tensor.storage_and_layout();
        let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
            bail!("{}: all tensors must be dense and on the CPU", launch.kernel)
        };
        let bytes: Vec<u8> = match storage {
            CpuStorage::U8(values) => values[start..end].to_vec(),
            CpuStorage::U32(values) => values[start..end].iter().flat_map(|v| v.to_le_bytes()).collect(),
            CpuStorage::F32(values) => values[start..end].iter().flat_map(|v| v.to_le_bytes()).collect(),
            _ => bail!("{}: u8, f32 and u32", launch.kernel),
        };
        push_number(&mut message, bytes.len());
        message.extend(bytes);
    }
    let output = exchange(launch.kernel, &message, length * size_of::<f32>())?;
    let values: Vec<f32> = output
        .chunks(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    Tensor::from_vec(values, launch.output.clone(), &Device::Cpu)
}

/// Writes numbers into a tensor, even if it is shared.
struct Overwrite(CpuStorage);

impl InplaceOp1 for Overwrite {
    fn name(&self) -> &'static str {
        "overwrite"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("expected a dense tensor, got {layout:?}")
        };
        match (storage, &self.0) {
            (CpuStorage::F32(values), CpuStorage::F32(new)) => values[start..end].copy_from_slice(new),
            (CpuStorage::F64(values), CpuStorage::F64(new)) => values[start..end].copy_from_slice(new),
            _ => bail!("f32 or f64"),
        }
        Ok(())
    }
}

fn push_number(message: &mut Vec<u8>, value: usize) {
    message.extend((value as u64).to_le_bytes());
}

/// What every launch begins with.
fn header(kernel: &str, sizes: [usize; 3], params: &Params) -> Vec<u8> {
    let mut message = Vec::new();
    push_number(&mut message, kernel.len());
    message.extend(kernel.as_bytes());
    for size in sizes {
        push_number(&mut message, size);
    }
    let Params { n, r } = params;
    message.extend(n.iter().flat_map(|n| n.to_le_bytes()));
    message.extend(r.iter().flat_map(|r| r.to_le_bytes()));
    message
}

/// A dense tensor's bytes, and the width of one of its numbers.
fn bytes_of(kernel: &str, storage: &CpuStorage, layout: &Layout) -> Result<(Vec<u8>, usize)> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{kernel}: expected dense tensors, got {layout:?}")
    };
    Ok(match storage {
        CpuStorage::F32(values) => (
            values[start..end].iter().flat_map(|v| v.to_le_bytes()).collect(),
            4,
        ),
        CpuStorage::F64(values) => (
            values[start..end].iter().flat_map(|v| v.to_le_bytes()).collect(),
            8,
        ),
        _ => bail!("{kernel}: f32 or f64"),
    })
}

/// The numbers of this width in these bytes.
fn numbers(bytes: &[u8], width: usize) -> CpuStorage {
    if width == 4 {
        CpuStorage::F32(
            bytes
                .chunks(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect(),
        )
    } else {
        CpuStorage::F64(
            bytes
                .chunks(8)
                .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
                .collect(),
        )
    }
}

/// Sends a launch to the process and waits for an answer of this number of bytes.
fn exchange(kernel: &str, message: &[u8], answer: usize) -> Result<Vec<u8>> {
    let mut output = vec![0; answer];
    let mut process = process().lock().unwrap();
    process.stdin.as_mut().unwrap().write_all(message)?;
    process.stdin.as_mut().unwrap().flush()?;
    if let Err(error) = process.stdout.as_mut().unwrap().read_exact(&mut output) {
        bail!("{kernel}: {error}; the process: {:?}", process.wait())
    }
    Ok(output)
}

//! Launches on the host, for tests: the kernels compiled by the machine's C++ compiler, in a process of their own.

use std::cell::Cell;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use candle_core::{CpuStorage, Layout, Result, Shape, Storage, bail};

use super::launch::{Launch, Params};

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
    let mut values = Vec::new();
    let mut width = 0;
    for (storage, layout) in &all {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("{}: expected dense tensors, got {layout:?}", launch.kernel)
        };
        let (bytes, of_type): (Vec<u8>, usize) = match storage {
            CpuStorage::F32(values) => (
                values[start..end].iter().flat_map(|v| v.to_le_bytes()).collect(),
                4,
            ),
            CpuStorage::F64(values) => (
                values[start..end].iter().flat_map(|v| v.to_le_bytes()).collect(),
                8,
            ),
            _ => bail!("{}: f32 or f64", launch.kernel),
        };
        if width != 0 && width != of_type {
            bail!("{}: tensors of one type", launch.kernel)
        }
        width = of_type;
        values.push(bytes);
    }
    let length = launch.output.elem_count();
    let mut message = Vec::new();
    let number = |message: &mut Vec<u8>, value: usize| message.extend((value as u64).to_le_bytes());
    number(&mut message, launch.kernel.len());
    message.extend(launch.kernel.as_bytes());
    for value in [launch.blocks, width, length] {
        number(&mut message, value);
    }
    let Params { n, r } = launch.params;
    message.extend(n.iter().flat_map(|n| n.to_le_bytes()));
    message.extend(r.iter().flat_map(|r| r.to_le_bytes()));
    number(&mut message, values.len());
    for bytes in &values {
        number(&mut message, bytes.len() / width);
        message.extend(bytes);
    }
    let mut output = vec![0; length * width];
    let mut process = process().lock().unwrap();
    process.stdin.as_mut().unwrap().write_all(&message)?;
    process.stdin.as_mut().unwrap().flush()?;
    if let Err(error) = process.stdout.as_mut().unwrap().read_exact(&mut output) {
        bail!("{}: {error}; the process: {:?}", launch.kernel, process.wait())
    }
    let storage = if width == 4 {
        CpuStorage::F32(
            output
                .chunks(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect(),
        )
    } else {
        CpuStorage::F64(
            output
                .chunks(8)
                .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
                .collect(),
        )
    };
    Ok((storage, launch.output.clone()))
}

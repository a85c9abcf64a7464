//! Compiles the CUDA kernels where they are asked for.

#[cfg(feature = "cuda")]
fn main() -> cudaforge::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    // The library and the options are those with which Candle's own kernels are built.
    cudaforge::KernelBuilder::new()
        .source_files(["src/cuda/kernels.cu"])
        .args(["-std=c++17", "-O3"])
        .build_ptx()?;
    Ok(())
}

#[cfg(not(feature = "cuda"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}

//! Devices by name.

use anyhow::{Context, Result, bail};
use nas_eval::Device;

/// Checks that `text` names a device, which this machine may not have: `cpu`, `cuda`, `cuda:N`, `metal` or `metal:N`.
pub(crate) fn check(text: &str) -> Result<()> {
    split(text).map(|_| ())
}

/// Kind and number.
fn split(text: &str) -> Result<(&str, usize)> {
    let (kind, number) = match text.split_once(':') {
        Some((kind, number)) => (kind, number.parse().ok()),
        None => (text, Some(0)),
    };
    match (kind, number) {
        ("cpu", Some(number)) if text == "cpu" => Ok((kind, number)),
        ("cuda" | "metal", Some(number)) => Ok((kind, number)),
        _ => bail!("there is no device '{text}'; expected cpu, cuda, cuda:N, metal or metal:N"),
    }
}

/// The device that `text` names, as [`check`] has it.
pub(crate) fn parse(text: &str) -> Result<Device> {
    let (kind, index) = split(text)?;
    match kind {
        "cuda" if cfg!(feature = "cuda") => {
            Device::new_cuda(index).with_context(|| format!("{text} cannot be used"))
        }
        "metal" if cfg!(feature = "metal") => {
            Device::new_metal(index).with_context(|| format!("{text} cannot be used"))
        }
        "cuda" | "metal" => bail!("this program was built without {kind}; build it with --features {kind}"),
        _ => Ok(Device::Cpu),
    }
}

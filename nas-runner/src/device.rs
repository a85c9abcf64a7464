//! Devices by name.

use anyhow::{Context, Result, bail};
use nas_eval::{Device, allow_tf32};

/// The devices in a list such as `cuda:0,cuda:1`. Workers get them one after another, and this
/// process gets the first.
pub fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// Checks that `text` names devices of one kind, which this machine may not have: `cpu`, `cuda`, `cuda:N`, `metal` or `metal:N`,
/// or several of them, separated by commas.
pub fn check(text: &str) -> Result<()> {
    let mut kinds = Vec::new();
    for device in listed(text) {
        kinds.push(split(device)?.0);
    }
    if kinds.windows(2).any(|pair| pair[0] != pair[1]) {
        bail!(
            "the devices '{text}' are of different kinds, whose results differ; expected devices of one kind"
        );
    }
    Ok(())
}

/// The first device of a list.
fn first(text: &str) -> &str {
    listed(text).next().unwrap_or(text)
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

/// Checks that `text` names one device.
pub fn check_one(text: &str) -> Result<()> {
    split(text).map(|_| ())
}

/// Checks that a choice of TF32 has a meaning on the device that `text` names.
pub fn check_tf32(text: &str, tf32: bool) -> Result<()> {
    check(text)?;
    let (kind, _) = split(first(text))?;
    if tf32 && kind != "cuda" {
        bail!(
            "tf32 is a format of CUDA devices, and the device is {text}; expected cuda or cuda:N, or no tf32"
        );
    }
    Ok(())
}

/// The device that `text` names, to train on: from here on, this program's matrix products of f32 run in TF32 there if
/// that is wanted, else in f32.
pub fn open(text: &str, tf32: bool) -> Result<Device> {
    check_tf32(text, tf32)?;
    let device = parse(first(text))?;
    allow_tf32(tf32);
    Ok(device)
}

/// The device that `text` names, as [`check`] has it.
pub fn parse(text: &str) -> Result<Device> {
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

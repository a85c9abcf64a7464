//! `nas launch`: what starts workers on a cluster.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nas_cluster::Address;
use nas_cluster::launch::{Kubernetes, Resources, Slurm, Ssh};
use nas_runner::{Typed, Usage};
use serde::Serialize;

use crate::args::{KubernetesArgs, LaunchCommand, LaunchedArgs, ResourceArgs, SlurmArgs, SshArgs};
use crate::output::Output;

/// The JSON of `nas launch`.
#[derive(Debug, Serialize)]
struct Launched {
    /// The script or the manifest.
    text: String,
    /// What the program said to which it was given; none where it was only printed.
    submitted: Option<String>,
}

/// Prints the script or the manifest, or gives it to the program that starts the workers.
pub(crate) fn run(command: &LaunchCommand, output: Output) -> Result<()> {
    let (launched, text, program) = match command {
        LaunchCommand::Slurm(args) => (&args.launched, slurm(args)?, &["sbatch"][..]),
        LaunchCommand::Kubernetes(args) => (
            &args.launched,
            kubernetes(args)?,
            &["kubectl", "apply", "-f", "-"][..],
        ),
        LaunchCommand::Ssh(args) => (&args.launched, ssh(args)?, &["sh", "-s"][..]),
    };
    let submitted = launched.submit.then(|| submit(program, &text)).transpose()?;
    let launched = Launched { text, submitted };
    output.result(&launched, || {
        launched.submitted.as_ref().unwrap_or(&launched.text).clone()
    })
}

fn slurm(args: &SlurmArgs) -> Result<String> {
    // They become lines of the script.
    for (name, text) in [
        ("--time", Some(&args.time)),
        ("--partition", args.partition.as_ref()),
    ] {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_:,.".contains(letter);
        if let Some(text) = text
            && !text.chars().all(plain)
        {
            let why =
                format!("{name}: '{text}' is no value that Slurm takes; expected letters, digits and -_:,.");
            return Err(Usage::new(why).into());
        }
    }
    Ok(Slurm {
        store: store(&args.launched)?,
        resources: resources(&args.resources),
        time: args.time.clone(),
        partition: args.partition.clone(),
        program: "nas".to_owned(),
        options: args.launched.options.clone(),
    }
    .script())
}

fn kubernetes(args: &KubernetesArgs) -> Result<String> {
    Ok(Kubernetes {
        store: store(&args.launched)?,
        resources: resources(&args.resources),
        image: args.image.clone(),
        secret: args.secret.clone(),
        claim: args.claim.clone(),
        options: args.launched.options.clone(),
    }
    .manifest())
}

fn ssh(args: &SshArgs) -> Result<String> {
    if let Some(host) = args.hosts.iter().find(|host| host.is_empty()) {
        return Err(Usage::new(format!(
            "--hosts: '{host}' is no machine; expected names separated by commas"
        ))
        .into());
    }
    Ok(Ssh {
        store: store(&args.launched)?,
        hosts: args.hosts.clone(),
        program: args.program.clone(),
        options: args.launched.options.clone(),
    }
    .script())
}

/// The address as it was typed, which must be one, without a password: what is left out of it is another thing elsewhere.
fn store(args: &LaunchedArgs) -> Result<String> {
    Address::parse(&args.store).typed("--store")?;
    Ok(args.store.clone())
}

fn resources(args: &ResourceArgs) -> Resources {
    Resources {
        workers: args.workers,
        cpus: args.cpus,
        memory_gib: args.memory,
        gpus: args.gpus,
    }
}

/// Gives the text to a program, and returns what that says.
fn submit(program: &[&str], text: &str) -> Result<String> {
    let name = program[0];
    let mut child = Command::new(name)
        .args(&program[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| {
            format!("cannot start {name}; run this where {name} works, or leave out --submit")
        })?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{name} failed ({}); no worker was started by it", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

//! Runs campaigns: `nas-fuzz TARGET… [--seconds N] [--seed N]`, or `nas-fuzz --list`.
#![expect(clippy::print_stdout, reason = "a program for people")]

use anyhow::{Context, Result, bail};
use nas_fuzz::{Campaign, Effort, targets};
use nas_space::seed::Seed;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn main() -> Result<()> {
    let (mut seconds, mut seed, mut names) = (300, 1, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<u64> {
            let text = arguments
                .next()
                .with_context(|| format!("{argument} needs a number"))?;
            text.parse().with_context(|| format!("{argument} {text}"))
        };
        match argument.as_str() {
            "--seconds" => seconds = number()?,
            "--seed" => seed = number()?,
            "--list" => {
                for (name, _) in targets::ALL {
                    println!("{name}");
                }
                return Ok(());
            }
            _ => names.push(argument),
        }
    }
    for name in names {
        let Some((_, make)) = targets::ALL.iter().find(|(known, _)| *known == name) else {
            bail!("there is no target '{name}'; --list shows those there are");
        };
        let target = make()?;
        let report = Campaign::new(&target, Seed::new(seed))?.run(Effort::Seconds(seconds))?;
        println!("{name}: {seconds} s, {report:?}");
    }
    Ok(())
}

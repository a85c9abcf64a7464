//! A campaign: many inputs for one target.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nas_space::seed::Seed;
use peak_alloc::PeakAlloc;
use rand::RngExt;
use tempfile::TempDir;

use crate::clock::Stopwatch;
use crate::corpus;
use crate::mutation::Mutator;
use crate::target::{Due, Target};
use crate::watchdog::Watchdog;

/// How long a campaign goes on after the corpus.
#[derive(Debug, Clone, Copy)]
pub enum Effort {
    /// So many mutations.
    Inputs(u64),
    /// So many seconds.
    Seconds(u64),
}

impl Effort {
    /// So many mutations, or for so many seconds as the environment says in `NAS_FUZZ_SECONDS`: for campaigns that are part of
    /// a crate's own tests, and so cannot be told otherwise.
    pub fn asked(inputs: u64) -> Self {
        let seconds = std::env::var("NAS_FUZZ_SECONDS")
            .ok()
            .and_then(|text| text.parse().ok());
        seconds.map_or(Self::Inputs(inputs), Self::Seconds)
    }
}

/// The result of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Inputs given to the parser, those of the corpus among them.
    pub inputs: u64,
    /// Those that it accepted.
    pub accepted: u64,
    /// Different answers: acceptance, and refusals that differ by more than numbers and quotations.
    pub answers: usize,
    /// Most bytes that were allocated at a time for one input.
    pub peak: usize,
}

/// Most inputs that mutations begin from.
const POOL: usize = 512;
/// Longest input that is made of shorter ones.
const LONGEST: usize = 1 << 16;

/// Gives a target its corpus and mutations of it.
///
/// Mutations begin from the corpus and from inputs that were answered in a new way. So they get beyond what a few changes
/// of a valid input reach, without the compiler's help.
#[derive(Debug)]
pub struct Campaign<'a> {
    target: &'a Target,
    seed: Seed,
    scratch: TempDir,
    /// Holds the input that is being read, for when the process dies of it.
    last: File,
    last_path: PathBuf,
    watchdog: Watchdog,
    report: Report,
    answers: HashSet<String>,
}

impl<'a> Campaign<'a> {
    /// A campaign for a target; the same seed and effort in inputs make the same inputs.
    ///
    /// # Errors
    /// Where files cannot be made.
    pub fn new(target: &'a Target, seed: Seed) -> Result<Self> {
        let name = format!("nas-fuzz-{}-{}", target.name, std::process::id());
        let last_path = std::env::temp_dir().join(name);
        let last =
            File::create(&last_path).with_context(|| format!("{} cannot be made", last_path.display()))?;
        Ok(Self {
            target,
            seed,
            scratch: tempfile::tempdir()?,
            last,
            watchdog: Watchdog::start(last_path.clone()),
            last_path,
            report: Report {
                inputs: 0,
                accepted: 0,
                answers: 0,
                peak: 0,
            },
            answers: HashSet::new(),
        })
    }

    /// Gives the target its inputs.
    ///
    /// # Errors
    /// For the first input that does harm, which stays in the file that is named; where none of the corpus is accepted, so
    /// that nothing was tested.
    pub fn run(mut self, effort: Effort) -> Result<Report> {
        let corpus = corpus::read(self.target.name)?;
        for (path, input) in &corpus {
            self.give(input).with_context(|| path.display().to_string())?;
        }
        for input in &self.target.made {
            self.give(input).context("an input that is made by the program")?;
        }
        ensure!(
            self.report.accepted > 0,
            "target {} accepts nothing of its corpus",
            self.target.name
        );
        let mut pool: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
        pool.extend(self.target.made.iter().cloned());
        let kept = pool.len();
        let longest = pool.iter().map(|input| self.target.envelope.length(input)).max();
        let longest = longest.unwrap_or_default().max(LONGEST);
        let mutator = Mutator::new(self.target.words, longest);
        let watch = Stopwatch::start();
        for number in 0.. {
            let goes_on = match effort {
                Effort::Inputs(inputs) => number < inputs,
                Effort::Seconds(seconds) => watch.elapsed() < Duration::from_secs(seconds),
            };
            if !goes_on {
                break;
            }
            let mut rng = self.seed.derive(self.target.name, number).rng();
            let input = self.target.envelope.mutate(&mutator, &pool, kept, &mut rng);
            if self.give(&input)? {
                if pool.len() < kept + POOL {
                    pool.push(input);
                } else {
                    let place = rng.random_range(kept..pool.len());
                    pool[place] = input;
                }
            }
        }
        self.report.answers = self.answers.len();
        // What is left of it in the folder of temporary files is of no use.
        let _ = fs::remove_file(&self.last_path);
        Ok(self.report)
    }

    /// Gives the target one input; whether to go on from it: it was accepted, or refused in a new way.
    fn give(&mut self, input: &[u8]) -> Result<bool> {
        self.keep(input)?;
        self.watchdog.next();
        let target = self.target;
        let scratch = self.scratch.path();
        let harm = |what: String| {
            format!(
                "{what}; input of {} bytes in {}",
                input.len(),
                self.last_path.display()
            )
        };
        let before = PeakAlloc.current_usage();
        PeakAlloc.reset_peak_usage();
        let answer = catch_unwind(AssertUnwindSafe(|| (target.parse)(input, scratch)));
        let peak = PeakAlloc.peak_usage().saturating_sub(before);
        self.report.inputs += 1;
        self.report.peak = self.report.peak.max(peak);
        let due = self.due(target.read, input, peak);
        match answer {
            Err(_) => bail!(harm("the parser panicked".to_owned())),
            _ if peak > due => bail!(harm(format!("{peak} bytes were allocated, {due} are due"))),
            Ok(Err(refusal)) => Ok(self.answers.insert(gist(&refusal))),
            Ok(Ok(using)) => {
                self.report.accepted += 1;
                PeakAlloc.reset_peak_usage();
                let used = catch_unwind(AssertUnwindSafe(using));
                let peak = PeakAlloc.peak_usage().saturating_sub(before);
                self.report.peak = self.report.peak.max(peak);
                let due = self.due(target.using, input, peak);
                if peak > due {
                    bail!(harm(format!("using it allocated {peak} bytes, {due} are due")));
                }
                match used {
                    Err(_) => bail!(harm("using what was read panicked".to_owned())),
                    Ok(Err(violated)) => bail!(harm(violated)),
                    Ok(Ok(())) => {
                        self.answers.insert(String::new());
                        Ok(true)
                    }
                }
            }
        }
    }

    /// The most memory that an input may take which has taken this much. What is packed is due as much as what it unpacks to,
    /// but to unpack it takes time.
    fn due(&self, due: Due, input: &[u8], peak: usize) -> usize {
        let most = due.of(input.len());
        if peak <= most {
            return most;
        }
        due.of(self.target.envelope.unpacked(input))
    }

    /// Writes the input down: nothing can be said by a process that the system kills for memory or an overrun stack.
    fn keep(&mut self, input: &[u8]) -> Result<()> {
        self.last.rewind()?;
        self.last.write_all(input)?;
        self.last.set_len(input.len() as u64)?;
        Ok(())
    }
}

/// The beginning of a refusal, without what it quotes of the input and without numbers: of those there are too many.
fn gist(refusal: &str) -> String {
    let words = refusal.split(['\'', '"', '`']).next().unwrap_or_default();
    words
        .chars()
        .filter(|c| c.is_ascii_alphabetic() || *c == ' ')
        .take(60)
        .collect()
}

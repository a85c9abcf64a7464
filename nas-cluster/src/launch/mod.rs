//! What starts workers where a cluster places processes: texts for Slurm, Kubernetes and ssh.
//!
//! A worker that is asked to stop by SIGTERM gives its trials back within five seconds. All three
//! pass that signal on.

mod kubernetes;
mod slurm;
mod ssh;

pub use kubernetes::Kubernetes;
pub use slurm::Slurm;
pub use ssh::Ssh;

/// What each worker may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Number of workers.
    pub workers: u32,
    /// Processor cores of each.
    pub cpus: u32,
    /// Memory of each, in GiB.
    pub memory_gib: u32,
    /// GPUs of each.
    pub gpus: u32,
}

/// Words as a shell takes them.
fn quoted(words: &[String]) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=:@,".contains(letter);
    let quoted: Vec<String> = words
        .iter()
        .map(|word| match !word.is_empty() && word.chars().all(plain) {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', "'\\''")),
        })
        .collect();
    quoted.join(" ")
}

/// The command of a worker.
fn worker(program: &str, store: &str, options: &[String]) -> Vec<String> {
    let words = [program, "worker", "--store", store].map(str::to_owned);
    words.into_iter().chain(options.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_in_a_shell() {
        let words = ["a", "b c", "it's", "", "$(x)"].map(str::to_owned);
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("printf '[%s]' {}", quoted(&words))])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "[a][b c][it's][][$(x)]");
    }
}

//! An array of jobs: <https://slurm.schedmd.com/sbatch.html>.

use super::{Resources, quoted, worker};

/// A batch script with an array of workers.
///
/// Slurm queues a job again whose node fails or which is preempted. The script does the same at the
/// end of its time, of which Slurm tells it two minutes before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slurm {
    /// The address of the database, without a password.
    pub store: String,
    /// What each worker may take.
    pub resources: Resources,
    /// Time limit of a job, as Slurm has it.
    pub time: String,
    /// Partition; the cluster's default where there is none.
    pub partition: Option<String>,
    /// Program on the nodes.
    pub program: String,
    /// Further options of each worker.
    pub options: Vec<String>,
}

impl Slurm {
    /// The script.
    pub fn script(&self) -> String {
        let Resources {
            workers,
            cpus,
            memory_gib,
            gpus,
        } = self.resources;
        let mut head = format!(
            "#!/bin/bash\n\
             #SBATCH --job-name=nas-worker\n\
             #SBATCH --array=1-{workers}\n\
             #SBATCH --ntasks=1\n\
             #SBATCH --cpus-per-task={cpus}\n\
             #SBATCH --mem={memory_gib}G\n\
             #SBATCH --time={}\n\
             #SBATCH --requeue\n\
             #SBATCH --open-mode=append\n\
             #SBATCH --output=nas-worker-%A_%a.log\n\
             #SBATCH --signal=B:TERM@120\n",
            self.time
        );
        if gpus > 0 {
            head += &format!("#SBATCH --gpus-per-task={gpus}\n");
        }
        if let Some(partition) = &self.partition {
            head += &format!("#SBATCH --partition={partition}\n");
        }
        let words = worker(&self.program, &self.store, &self.options);
        let command = quoted(&words);
        format!(
            "{head}
# The password of the database is in ~/.pgpass of the nodes, or in PGPASSWORD.
{command} --threads \"${{SLURM_CPUS_PER_TASK:-{cpus}}}\" &
worker=$!
trap 'kill -TERM \"$worker\"' TERM
wait \"$worker\"
status=$?
# A signal ends the first wait before the worker.
while kill -0 \"$worker\" 2>/dev/null; do
    wait \"$worker\"
    status=$?
done
# 143: it was asked to stop. At the end of its time the job still runs, and comes back; a job that was cancelled does not.
if [ \"$status\" -eq 143 ] && [ \"$(squeue -h -j \"$SLURM_JOB_ID\" -o %T)\" = RUNNING ]; then
    scontrol requeue \"$SLURM_JOB_ID\" || true
fi
exit \"$status\"
"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_one_that_bash_understands() {
        let slurm = Slurm {
            store: "postgres://db/it's".to_owned(),
            resources: Resources {
                workers: 16,
                cpus: 4,
                memory_gib: 12,
                gpus: 1,
            },
            time: "08:00:00".to_owned(),
            partition: Some("short".to_owned()),
            program: "nas".to_owned(),
            options: vec!["--data-dir".to_owned(), "/shared/my data".to_owned()],
        };
        let script = slurm.script();
        for line in [
            "#SBATCH --array=1-16",
            "#SBATCH --cpus-per-task=4",
            "#SBATCH --mem=12G",
            "#SBATCH --gpus-per-task=1",
            "#SBATCH --partition=short",
            "#SBATCH --time=08:00:00",
            "nas worker --store 'postgres://db/it'\\''s' --data-dir '/shared/my data' --threads \"${SLURM_CPUS_PER_TASK:-4}\" &",
        ] {
            assert!(script.lines().any(|found| found == line), "{line}\n{script}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        std::fs::write(&file, script).unwrap();
        let checked = std::process::Command::new("bash").arg("-n").arg(&file).output();
        // Where there is no bash, there is no Slurm.
        if let Ok(checked) = checked {
            assert!(
                checked.status.success(),
                "{}",
                String::from_utf8_lossy(&checked.stderr)
            );
        }
    }
}

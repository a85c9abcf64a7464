//! What is done on other machines, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nas_runner::parsers::{between, positive};

const WORKER_EXAMPLES: &str = "\
Examples:
  nas worker --store postgres://db/searches
      Evaluate one trial at a time, of whichever search has some, until Ctrl-C
  nas worker --store postgres://db/searches --slots 4 --checkpoints /shared/checkpoints
      Four at a time; another machine continues what this one began
  nas worker --store postgres://db/searches --slots 2 --device cuda:0,cuda:1 --data-dir /data
      One on each of two devices, with data sets in /data
  nas worker --store postgres://db/searches --idle 600
      End once there was nothing to do for ten minutes";

#[derive(Debug, Args)]
#[command(after_long_help = WORKER_EXAMPLES)]
pub(crate) struct WorkerArgs {
    /// PostgreSQL database of the searches: postgres://USER@HOST:PORT/DATABASE
    ///
    /// The password comes from the file ~/.pgpass (or the one that PGPASSFILE names) or from PGPASSWORD.
    #[arg(long, value_name = "URL")]
    pub(crate) store: String,
    /// Serve only this study, by name or number [default: any]
    #[arg(long, value_name = "STUDY")]
    pub(crate) study: Option<String>,
    /// Number of trials at a time; each has its share of the threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) slots: u16,
    /// Devices that the slots get one after another [default: that of the search]
    #[arg(long, value_name = "DEVICES")]
    pub(crate) device: Option<String>,
    /// Folder of the data sets' files here [default: $NAS_DATA_DIR, or as in the search]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Place of the search's own images here; they must be the same images
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<String>,
    /// Command that evaluates trials, for searches with --evaluator
    ///
    /// A worker runs no command that the database names, only this one.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) evaluator: Option<String>,
    /// Folder for the state of trainings; share it between machines
    ///
    /// A training that was interrupted here is continued by any worker that has the same folder. Without it, the
    /// training begins again, with the same result.
    #[arg(long, value_name = "DIR", default_value = "nas-checkpoints")]
    pub(crate) checkpoints: PathBuf,
    /// Time without a heartbeat after which a trial passes to another worker
    ///
    /// Use the same for all workers. A heartbeat is sent four times as often.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = between(1, 86_400))]
    pub(crate) lease: usize,
    /// End after this time without a trial [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    pub(crate) idle: Option<f64>,
}

const LAUNCH_EXAMPLES: &str = "\
Examples:
  nas launch slurm --store postgres://db/searches --workers 16 --time 08:00:00 > workers.sbatch
      A job array of 16 workers; start it by: sbatch workers.sbatch
  nas launch slurm --store postgres://db/searches --workers 4 --gpus 1 --submit -- --device cuda
      The same with GPUs, submitted at once; what follows -- goes to nas worker
  nas launch kubernetes --store postgres://db/searches --workers 8 --image registry/nas:0.1 > workers.json
      A Job whose pods are workers; start it by: kubectl apply -f workers.json
  nas launch ssh --store postgres://db/searches --hosts alpha,beta --submit
      A worker on each of two machines";

#[derive(Debug, Subcommand)]
#[command(after_long_help = LAUNCH_EXAMPLES)]
pub(crate) enum LaunchCommand {
    /// A batch script: an array of workers that Slurm restarts
    #[command(after_long_help = LAUNCH_EXAMPLES)]
    Slurm(SlurmArgs),
    /// A manifest: a Job whose pods are workers
    #[command(after_long_help = LAUNCH_EXAMPLES)]
    Kubernetes(KubernetesArgs),
    /// A shell script: a worker on each of some machines
    #[command(after_long_help = LAUNCH_EXAMPLES)]
    Ssh(SshArgs),
}

/// What each kind of cluster needs to know.
#[derive(Debug, Args)]
pub(crate) struct LaunchedArgs {
    /// PostgreSQL database of the searches: postgres://USER@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL")]
    pub(crate) store: String,
    /// Start the workers now, instead of printing what would
    #[arg(long)]
    pub(crate) submit: bool,
    /// Further options of each `nas worker`
    #[arg(last = true, value_name = "OPTIONS")]
    pub(crate) options: Vec<String>,
}

/// What a worker may take.
#[derive(Debug, Args)]
pub(crate) struct ResourceArgs {
    /// Number of workers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) workers: u32,
    /// Processor cores of a worker
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cpus: u32,
    /// Memory of a worker, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) memory: u32,
    /// GPUs of a worker
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) gpus: u32,
}

#[derive(Debug, Args)]
pub(crate) struct SlurmArgs {
    #[command(flatten)]
    pub(crate) launched: LaunchedArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
    /// Time limit of a job, as Slurm has it; the job is queued again after it
    #[arg(long, value_name = "TIME", default_value = "12:00:00")]
    pub(crate) time: String,
    /// Partition [default: that of the cluster]
    #[arg(long, value_name = "NAME")]
    pub(crate) partition: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct KubernetesArgs {
    #[command(flatten)]
    pub(crate) launched: LaunchedArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
    /// Container image with the program nas
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: String,
    /// Secret whose key `password` is the password of the database
    #[arg(long, value_name = "NAME", default_value = "nas-database")]
    pub(crate) secret: String,
    /// Volume claim with data sets and checkpoints, at /shared in the pods
    #[arg(long, value_name = "NAME")]
    pub(crate) claim: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SshArgs {
    #[command(flatten)]
    pub(crate) launched: LaunchedArgs,
    /// Machines, separated by commas, as ssh knows them
    #[arg(long, value_name = "HOSTS", value_delimiter = ',', required = true)]
    pub(crate) hosts: Vec<String>,
    /// Program on those machines
    #[arg(long, value_name = "PATH", default_value = "nas")]
    pub(crate) program: String,
}

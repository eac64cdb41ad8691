//! The flags that every chapter shares. They stand before or after a model's name.

use std::path::PathBuf;

use d2l_data::Choice;

use crate::{Implementation, PresetName};

/// The flags of every chapter.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Experiment")]
pub struct Args {
    /// By hand or with the library [default: concise, or scratch for a model that is built by hand only]
    #[arg(long, value_enum)]
    pub implementation: Option<Implementation>,
    /// Which hyperparameters
    #[arg(long, value_enum, default_value_t = PresetName::Quick)]
    pub preset: PresetName,
    /// List the chapter's models with their implementations and presets, and exit
    #[arg(long)]
    pub list: bool,
    /// Decides every random draw: equal seeds give equal logs
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Train this many runs, with the seeds N, N + 1, …
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,
    /// Start from these parameters (safetensors, PyTorch's names)
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Show each layer's output shape and parameter count, and exit
    #[arg(long)]
    pub summary: bool,
    /// Exit with 1 if the result (the median over --seeds) is outside the preset's bands
    #[arg(long)]
    pub verify: bool,

    /// Where to compute; auto takes the GPU that the program was built for
    #[arg(
        long,
        value_name = "auto|cpu|cuda|cuda:N|metal",
        default_value = "auto",
        help_heading = "Machine"
    )]
    pub device: crate::DeviceChoice,
    /// CPU threads [default: all cores]. The result doesn't depend on them
    #[arg(long, value_name = "N", help_heading = "Machine",
          value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub threads: Option<u64>,

    /// The real data set, the built-in one, or the real one if its files are there
    #[arg(
        long,
        value_name = "auto|builtin|real",
        default_value = "auto",
        help_heading = "Data"
    )]
    pub data: Choice,
    /// Folder of the real data sets
    #[arg(
        long,
        value_name = "DIR",
        env = "D2L_DATA",
        default_value = "data",
        help_heading = "Data"
    )]
    pub data_dir: PathBuf,
    /// Use the first N examples of each split only
    #[arg(long, value_name = "N", help_heading = "Data", value_parser = clap::value_parser!(u64).range(1..))]
    pub examples: Option<u64>,
    /// Take the examples in the order of the file, in every epoch
    #[arg(long, help_heading = "Data")]
    pub no_shuffle: bool,

    /// Name of the run [default: model, implementation, preset, device, seed, and the flags that change the preset]
    #[arg(long, help_heading = "Run")]
    pub name: Option<String>,
    /// Folder of all runs
    #[arg(
        long,
        value_name = "DIR",
        env = "D2L_RUNS",
        default_value = "runs",
        help_heading = "Run"
    )]
    pub runs_dir: PathBuf,
    /// Replace the run of this name
    #[arg(long, help_heading = "Run", conflicts_with = "resume")]
    pub overwrite: bool,
    /// Continue the run of this name from its last checkpoint
    #[arg(long, help_heading = "Run", conflicts_with_all = ["init", "seeds"])]
    pub resume: bool,
    /// Print the result only
    #[arg(long, help_heading = "Run")]
    pub quiet: bool,
}

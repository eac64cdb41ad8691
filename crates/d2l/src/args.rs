//! The flags that every chapter shares. They stand before or after a model's name.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use d2l_data::Choice;

use crate::{Implementation, PresetName};

/// The flags of every chapter.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Experiment")]
pub struct Args {
    /// By hand or with the library [default: concise, or scratch for a model that is only written by hand]
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
    /// Check flags, data and initial parameters, print the log's first line, and exit: nothing is written
    #[arg(long, conflicts_with = "summary")]
    pub dry_run: bool,
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

    /// Show where in the code an error comes from, as RUST_BACKTRACE does for other programs
    #[arg(long, help_heading = "Machine")]
    pub debug: bool,

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
    /// Use the first N examples of each split only [default: all of them; some quick presets take fewer]
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
    /// Continue the run of this name from its last checkpoint; without --name, the last interrupted run with these
    /// flags. --epochs may be larger than before
    #[arg(long, help_heading = "Run")]
    pub resume: bool,
    /// Save the run each time this much time or this many steps have passed: 30s, 5m, 200steps [default: after an
    /// epoch, at most once a second]
    #[arg(long, value_name = "TIME|STEPS", help_heading = "Run")]
    pub checkpoint_every: Option<Every>,
    /// Also log the loss and the learning rate of every Nth step
    #[arg(long, value_name = "N", help_heading = "Run", value_parser = clap::value_parser!(u64).range(1..))]
    pub log_every: Option<u64>,
    /// Print the result only
    #[arg(long, help_heading = "Run")]
    pub quiet: bool,
}

/// How often a run is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Each time this much time has passed.
    Time(Duration),
    /// Each time this many steps have passed.
    Steps(usize),
}

impl FromStr for Every {
    type Err = anyhow::Error;

    /// From `30s`, `5m` or `200steps`.
    fn from_str(text: &str) -> Result<Self> {
        let every = match text.strip_suffix("steps") {
            Some(count) => count.trim().parse().ok().map(Self::Steps),
            None => humantime::parse_duration(text).ok().map(Self::Time),
        };
        match every {
            None | Some(Self::Steps(0)) => {
                bail!("found {text:?}, wanted a time such as 5m or a number such as 200steps")
            }
            Some(every) => Ok(every),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_come_after_a_time_or_after_steps() -> Result<()> {
        assert_eq!(
            "5m".parse::<Every>()?,
            Every::Time(Duration::from_secs(300))
        );
        assert_eq!(
            "90s".parse::<Every>()?,
            Every::Time(Duration::from_secs(90))
        );
        assert_eq!("200steps".parse::<Every>()?, Every::Steps(200));
        for wrong in ["", "5", "steps", "0steps", "-1steps", "five"] {
            assert!(wrong.parse::<Every>().is_err(), "{wrong:?}");
        }
        Ok(())
    }
}

//! Every flag, with its help.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Fetches the real data sets and checks them against their published content
#[derive(Debug, Parser)]
#[command(name = "fetch-data", version)]
pub struct Args {
    /// Sets to fetch, such as mnist; --list names them
    #[arg(value_name = "SET")]
    pub sets: Vec<String>,
    /// Every set that has an address; with --from, every set in the folder
    #[arg(long, conflicts_with = "sets")]
    pub all: bool,
    /// Fetch nothing; print size, licence and files of the sets, or of those named
    #[arg(long, conflicts_with_all = ["verify", "all", "from", "hub"])]
    pub list: bool,
    /// Fetch nothing; check the sets in the data folder, or those named, and exit with 1 if one isn't whole
    #[arg(long, conflicts_with_all = ["from", "hub"])]
    pub verify: bool,
    /// Take the files from this folder, laid out like the data folder, instead of the network
    #[arg(long, value_name = "DIR", conflicts_with = "hub")]
    pub from: Option<PathBuf>,
    /// Try the Hugging Face Hub, through candle-datasets, before the other addresses; needs the feature candle-datasets
    #[arg(long)]
    pub hub: bool,
    /// Folder of the data sets
    #[arg(long, value_name = "DIR", env = "D2L_DATA", default_value = "data")]
    pub data_dir: PathBuf,
    /// Give up on a server that sends nothing for this time
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub timeout: Duration,
    /// Another list of sets, for instance with your own addresses; the built-in list is data/manifest.toml
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Print errors only
    #[arg(long)]
    pub quiet: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("wanted a number of seconds from 0.1 to 3600".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_timeout_is_a_time_that_passes() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "nan", "inf", "1e9", "soon", ""] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}

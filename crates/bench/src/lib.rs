//! The Rust side of `scripts/bench/run.sh`, which times the same training steps here and in PyTorch, in turn.
//!
//! Reading order:
//! 1. [`rows`]: the rows of the table; each has a PyTorch reference of the same name in `scripts/bench/rows.py`
//! 2. [`Training`], [`Evaluation`], [`Generation`], [`Update`], [`Operation`], [`Product`], [`Pictures`]: the
//!    kinds of work
//! 3. [`serve`]: how the script tells this program what to do
//!
//! The models are the chapters' own, and so is the allocator, which d2l sets.

mod evaluation;
mod generation;
mod models;
mod operation;
mod pictures;
mod product;
pub mod rows;
mod training;
mod update;
mod worker;

pub use evaluation::Evaluation;
pub use generation::Generation;
pub use operation::Operation;
pub use pictures::Pictures;
pub use product::Product;
pub use training::Training;
pub use update::Update;
pub use worker::serve;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use candle_core::Tensor;
use d2l::nn::{Mode, save_tensors};
use serde_json::json;

/// Forward and loss of a batch, which is the same at every step: the mean over it.
pub type BatchLoss = Box<dyn Fn(Mode) -> candle_core::Result<Tensor>>;

/// The work that a row repeats.
pub trait Work {
    /// One step, which is timed.
    fn step(&mut self) -> candle_core::Result<()>;

    /// A summary of the last step's results: the loss, or norms. PyTorch must get the same. Not timed.
    fn values(&self) -> Result<Vec<f64>>;

    /// The parameters and buffers from which PyTorch must start, under its names. Both sides fill everything else from
    /// the integer hash, [`d2l::nn::testing::filled`].
    fn initial(&self) -> BTreeMap<String, Tensor>;
}

/// Flags of this program. The number of threads is `RAYON_NUM_THREADS`, with `CANDLE_NUM_THREADS=1` beside it.
#[derive(Debug, clap::Parser)]
#[command(
    name = "bench",
    version,
    about = "The Rust side of scripts/bench/run.sh. Commands on standard input: `check N` and `time N`"
)]
pub struct Args {
    /// The row
    #[arg(long, value_name = "ROW", required_unless_present = "list")]
    pub model: Option<String>,
    /// Write the initial parameters to this safetensors file
    #[arg(long, value_name = "FILE")]
    pub save_init: Option<PathBuf>,
    /// Print the names of all rows and exit
    #[arg(long)]
    pub list: bool,
}

/// Builds the row's work, reports that it is ready, and carries out the commands on standard input until it ends.
pub fn run(args: &Args) -> Result<ExitCode> {
    let Some(name) = args.model.as_deref().filter(|_| !args.list) else {
        let names: String = rows::ROWS
            .iter()
            .map(|row| format!("{}\n", row.name))
            .collect();
        print!("{names}");
        return Ok(ExitCode::SUCCESS);
    };
    let (threads, products) = (
        rayon::current_num_threads(),
        candle_core::utils::get_num_threads(),
    );
    ensure!(
        threads == products,
        "found {threads} threads for kernels and {products} for products; wanted RAYON_NUM_THREADS to be set"
    );
    d2l::on_computing_thread(|| {
        let mut work = rows::build(name)?;
        if let Some(file) = &args.save_init {
            save_tensors(file, &work.initial(), HashMap::new())?;
        }
        let mut output = io::stdout();
        writeln!(output, "{}", json!({"model": name, "threads": threads}))?;
        output.flush()?;
        serve(work.as_mut(), io::stdin().lock(), output)?;
        Ok(ExitCode::SUCCESS)
    })
}

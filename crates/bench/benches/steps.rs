//! Time of one step of each row, without PyTorch beside it.
//!
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 cargo bench --profile dev -p bench --bench steps -- adamw
//!
//! `scripts/bench/run.sh` compares with PyTorch.

#![allow(clippy::expect_used)] // a benchmark that can't run has nothing to hand an error to

use bench::rows::{ROWS, build};
use divan::Bencher;

fn main() {
    divan::main();
}

#[divan::bench(args = ROWS.iter().map(|row| row.name))]
fn step(bencher: Bencher, name: &str) {
    let mut work = build(name).expect("a name from the list, and memory for the row");
    bencher.bench_local(|| work.step().expect("a step"));
}

//! The cost of an epoch apart from its step must not grow with the number of epochs: 16,000 epochs of one step each cost
//! per epoch what 1,000 do. `items` are epochs.
//!
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 MIMALLOC_PURGE_DELAY=-1 cargo bench --profile dev -p bench --bench epochs

#![allow(clippy::expect_used)] // a benchmark that can't run has nothing to hand an error to

use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

#[divan::bench(args = [1_000, 4_000, 16_000], sample_count = 5)]
fn epochs(bencher: Bencher, count: usize) {
    let folder = tempfile::tempdir().expect("a place for the runs");
    let folder = folder.path().to_string_lossy();
    let count_flag = count.to_string();
    let arguments = [
        "linear-regression",
        "--examples",
        "2",
        "--epochs",
        &count_flag,
        "--patience",
        &count_flag,
        "--quiet",
        "--runs-dir",
        &folder,
    ];
    let chapter = linear_regression::chapter();
    bencher
        .counter(ItemsCount::new(count))
        .bench_local(|| chapter.run_with(arguments).expect("a run"));
}

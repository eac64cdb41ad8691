//! One function for every kind of content that this workspace reads from outside: it reads any bytes at all and asserts
//! what must hold then. The fuzz targets call these functions with the fuzzer's bytes, `cargo test` with the corpus.
//!
//! Reading order: this file (the list, the limit on memory), then `images`, `tables`, `texts`, `tensors`, `logs`,
//! `curves`.

mod curves;
mod images;
mod logs;
mod tables;
mod tensors;
mod texts;

use peak_alloc::PeakAlloc;
use tempfile::TempDir;

/// A function that reads any bytes.
pub type Reader = fn(&[u8]);

/// All of them, each under the name of its target and of its folder of the corpus.
pub const READERS: [(&str, Reader); 11] = [
    ("idx", images::idx),
    ("cifar", images::cifar),
    ("table", tables::table),
    ("tabular", tables::tabular),
    ("text", texts::text),
    ("pairs", texts::pairs),
    ("names", texts::names_by_language),
    ("tensors", tensors::tensors),
    ("log", logs::log),
    ("log_resume", logs::log_resume),
    ("curves", curves::curves),
];

/// Counts what is allocated.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a reader may take whatever it reads: buffers, names of files, messages.
const FIXED: usize = 1 << 18;

/// Runs `work`, which may take `bytes` of memory and [`FIXED`].
fn within<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = work();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let most = bytes + FIXED;
    assert!(
        taken <= most,
        "took {taken} bytes of memory, wanted at most {most}"
    );
    result
}

/// A folder for one call.
fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

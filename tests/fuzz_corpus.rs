//! Replays the corpus of the fuzz targets (`fuzz/README.md`). What they found once is found again, on stable Rust and
//! without a fuzzer.
//!
//! It is a program of its own, because it counts allocations: whoever uses `d2l` has `d2l`'s allocator.

// Tests may panic, and so may functions that only tests call.
#![allow(clippy::expect_used)]

#[path = "fuzz/corpus.rs"]
mod corpus;
#[path = "fuzz/readers/mod.rs"]
mod readers;

use std::path::Path;

/// One test, because targets that ran at the same time would count each other's memory.
#[test]
fn every_reader_stands_its_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, read) in readers::READERS {
        corpus::replay(&fuzz, name, read);
    }
}

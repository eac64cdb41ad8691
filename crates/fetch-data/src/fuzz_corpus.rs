//! Replays the corpus of the fuzz target of this crate's readers (`tests/fuzz/README.md` of the repository).

// The same functions that the target calls.
#![allow(clippy::expect_used)]

use std::path::Path;

#[path = "../../../tests/fuzz/corpus.rs"]
mod corpus;
#[path = "../../../tests/fuzz/fetch_data/readers.rs"]
mod readers;

#[test]
fn every_reader_stands_its_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz");
    corpus::replay(&fuzz, "fetch_data", readers::fetch_data);
}

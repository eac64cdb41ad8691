//! Replays the corpus of the fuzz target of `--resume`.

use std::path::Path;

#[path = "fuzz/corpus.rs"]
mod corpus;
#[path = "fuzz/resume.rs"]
mod resume;

#[test]
fn resuming_stands_its_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    corpus::replay(&fuzz, "resume", resume::resume);
}

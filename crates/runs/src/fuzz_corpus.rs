//! Replays the corpus of the fuzz targets of the importers (`tests/fuzz/README.md` of the repository).

// The same functions that the targets call.
#![allow(clippy::expect_used)]

use std::path::Path;

#[path = "../../../tests/fuzz/corpus.rs"]
mod corpus;
#[path = "../../../tests/fuzz/import/readers.rs"]
mod readers;

#[test]
fn every_importer_stands_its_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz");
    corpus::replay(&fuzz, "import_csv", readers::import_csv);
    corpus::replay(&fuzz, "import_events", readers::import_events);
    corpus::replay(&fuzz, "import_json_lines", readers::import_json_lines);
}

//! The readers for the fuzz targets.

#[path = "readers/mod.rs"]
mod readers;

/// The reader of this name.
pub fn reader(name: &str) -> readers::Reader {
    let found = readers::READERS.iter().find(|(other, _)| *other == name);
    found.expect("a reader of that name").1
}

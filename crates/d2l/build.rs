//! Builds the results of the PyTorch reference into the program, so that it can judge runs without the source tree.
//!
//! `references.rs` lists each `en-*.json` and `zh-*.json` in `tests/reference` by its name without the ending, and its
//! content.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference");
    println!("cargo::rerun-if-changed={}", folder.display());
    let in_folder =
        |error: Error| Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(in_folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let is_of_an_edition = name.starts_with("en-") || name.starts_with("zh-");
        if is_of_an_edition && file.extension().is_some_and(|ending| ending == "json") {
            list += &format!("({name:?}, include_str!({file:?})),\n");
        }
    }
    list += "]\n";
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| Error::other("cargo sets OUT_DIR"))?;
    std::fs::write(Path::new(&out).join("references.rs"), list)
}

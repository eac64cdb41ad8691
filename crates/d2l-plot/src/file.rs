//! Writing a figure's file in one step, so that nobody reads half a figure.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What stands for a character that XML has no place for.
const REPLACEMENT: &str = "\u{fffd}";

/// Writes a temporary file beside the target and renames it: a reader sees the whole old file or the whole new one.
pub(crate) fn save(path: &Path, svg: &str) -> Result<()> {
    /// Distinguishes the temporary files of two threads of one process.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path
        .file_name()
        .context("the path names no file; wanted one such as figures/loss.svg")?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)
        .with_context(|| format!("folder {} not created", folder.display()))?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let partial = folder.join(format!(
        ".{}.{}-{count}.partial",
        name.to_string_lossy(),
        std::process::id()
    ));
    // Names come from logs that anybody may have written.
    let svg = svg.replace(|character| !is_xml(character), REPLACEMENT);
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(svg.as_bytes()))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        let _ = fs::remove_file(&partial); // it may not exist; the first error is the one to report
    }
    Ok(written?)
}

/// Whether XML 1.0 allows the character (its production 2, `Char`).
fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

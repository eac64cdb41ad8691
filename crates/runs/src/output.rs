//! Writing files so that nobody reads a half-written one.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Writes a file under a temporary name and renames it. Creates missing folders.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    let at = || format!("{} not written", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(at)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(at)
}

//! Titles of the figures in a run's folder.

use std::path::Path;

use d2l::Run;

/// The run, its data, and what the figure shows.
pub fn title(run: &Run, data: &str, what: &str) -> String {
    let folder = run.folder().and_then(Path::file_name);
    let name = folder.map_or(run.settings.model.into(), |name| name.to_string_lossy());
    format!("{name} on {data}: {what}")
}

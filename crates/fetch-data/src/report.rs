//! What `--list` and `--verify` say.

use std::path::Path;

use anyhow::Result;

use crate::manifest::{Manifest, Set};
use crate::place::{State, Survey};

/// Three lines for each set: name, size and what is there of it; what it is; its licence.
pub(crate) fn list(sets: &[&Set], data_dir: &Path, manifest: &Manifest) -> Result<String> {
    let names = sets.iter().map(|set| set.name.len());
    let width = names.max().unwrap_or_default();
    let mut text = String::new();
    for set in sets {
        let survey = Survey::best(set, data_dir, manifest)?;
        let size = set.bytes().map_or("?".to_string(), size);
        text += &format!("{:width$}  {size:>8}  {}\n", set.name, status(&survey));
        text += &format!("{:width$}  {}\n", "", set.what);
        text += &format!("{:width$}  licence: {}\n", "", set.licence);
    }
    Ok(text)
}

/// `whole in data/mnist`, `2 of 4 files in data/mnist`, `not there`.
fn status(survey: &Survey) -> String {
    let folder = survey.folder.display();
    let count = |wanted: fn(&State) -> bool| {
        let states = survey.files.iter().map(|found| &found.state);
        states.filter(|state| wanted(state)).count()
    };
    let whole = count(|state| *state == State::Whole);
    let wrong = count(|state| matches!(state, State::Wrong(_)));
    let all = survey.files.len();
    if whole == all {
        format!("whole in {folder}")
    } else if whole + wrong == 0 {
        "not there".to_string()
    } else if wrong == 0 {
        format!("{whole} of {all} files in {folder}")
    } else {
        format!("{whole} of {all} files in {folder}, {wrong} more damaged: --verify says which")
    }
}

/// `54.9 MB`
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_at_a_glance() {
        assert_eq!(
            [1_441, 999_400, 54_950_048].map(size),
            ["1 kB", "999 kB", "55.0 MB"]
        );
    }
}

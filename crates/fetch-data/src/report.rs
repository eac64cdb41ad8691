//! The output of `--list` and `--verify`.

use std::path::Path;

use anyhow::Result;
use d2l_language::translated;
use indicatif::DecimalBytes;

use crate::manifest::{Manifest, Set};
use crate::place::{State, Survey};

/// Three lines for each set: its name, its size and how many of its files exist; its description; its licence.
pub(crate) fn list(sets: &[&Set], data_dir: &Path, manifest: &Manifest) -> Result<String> {
    let names = sets.iter().map(|set| set.name.len());
    let width = names.max().unwrap_or_default();
    let mut text = String::new();
    for set in sets {
        let survey = Survey::best(set, data_dir, manifest)?;
        let size = set
            .bytes()
            .map_or("?".into(), |bytes| DecimalBytes(bytes).to_string());
        let status = translated(&status(&survey));
        text += &format!("{:width$}  {size:>9}  {status}\n", set.name);
        text += &format!("{:width$}  {}\n", "", set.what);
        let licence = format!("licence: {}", set.licence);
        text += &format!("{:width$}  {licence}\n", "");
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

//! The published files, if the environment variable `D2L_DATA` names a data folder that holds them. Otherwise these
//! tests print that they did not run. One module for each kind of data.

mod pairs;
mod pictures;
mod tables;
mod text;

use std::path::PathBuf;

use d2l_data::Column;

/// The data folder; if there is none, prints which set was not read.
fn data_folder(set: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("D2L_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("D2L_DATA is not set: {set} was not read");
    }
    folder
}

/// The numbers of a column.
fn whole(column: &Column) -> &[u32] {
    match column {
        Column::Tokens { values, .. } => values,
        _ => panic!("wanted tokens"),
    }
}

/// Σ (1 + i % 7) · id_i
fn weighted_sum(tokens: &[u32]) -> u64 {
    let terms = tokens.iter().enumerate();
    terms
        .map(|(i, &id)| (1 + i as u64 % 7) * u64::from(id))
        .sum()
}

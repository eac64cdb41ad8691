//! The modules of `runs` that read a format and make the lines of a log.

#[path = "../../../crates/runs/src/import/csv.rs"]
pub(crate) mod csv;
#[path = "../../../crates/runs/src/import/entries.rs"]
pub(crate) mod entries;
#[path = "../../../crates/runs/src/import/epochs.rs"]
pub(crate) mod epochs;
#[path = "../../../crates/runs/src/import/events.rs"]
pub(crate) mod events;
#[path = "../../../crates/runs/src/import/json_lines.rs"]
pub(crate) mod json_lines;
#[path = "../../../crates/runs/src/import/names.rs"]
pub(crate) mod names;
#[path = "../../../crates/runs/src/import/places.rs"]
pub(crate) mod places;
#[path = "../../../crates/runs/src/import/steps.rs"]
pub(crate) mod steps;
#[path = "../../../crates/runs/src/import/table.rs"]
pub(crate) mod table;

//! The importers of `runs`, which are private to that crate, at the same places as there.

// The targets call a part of these modules.
#![allow(dead_code)]

mod import;
pub mod readers;
#[path = "../../../crates/runs/src/tables.rs"]
mod tables;
#[path = "../../../crates/runs/src/tensorboard/mod.rs"]
mod tensorboard;

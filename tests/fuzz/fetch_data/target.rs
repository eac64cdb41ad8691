#![no_main]
// The target calls a part of these modules.
#![allow(dead_code)]

#[path = "../../../crates/fetch-data/src/archive.rs"]
mod archive;
#[path = "../../../crates/fetch-data/src/digest.rs"]
mod digest;
#[path = "../../../crates/fetch-data/src/manifest.rs"]
mod manifest;
#[path = "../../../crates/fetch-data/src/place.rs"]
mod place;
mod readers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| readers::fetch_data(bytes));

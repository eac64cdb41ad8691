#![no_main]

#[path = "../resume.rs"]
mod resume;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resume::resume(bytes));

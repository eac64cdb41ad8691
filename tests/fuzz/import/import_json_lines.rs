#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_import::readers::import_json_lines(bytes));

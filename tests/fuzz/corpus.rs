//! The corpus: for each target the few inputs that reach most of its code.

use std::fs;
use std::path::{Path, PathBuf};

/// Gives every file of the target's corpus to its reader. `fuzz` is this folder.
pub fn replay(fuzz: &Path, target: &str, read: impl Fn(&[u8])) {
    let folder = fuzz.join("corpus").join(target);
    let entries = fs::read_dir(&folder).expect("a folder of the corpus for every target");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        println!("{}", file.display()); // shown if the reader panics
        read(&fs::read(&file).expect("a file"));
    }
}

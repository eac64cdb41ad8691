//! What `fetch-data` reads: archives, gzipped files, lists of sets.
//!
//! Its readers are private to that crate. The fuzz target has the same modules at the same places, but not
//! candle-datasets.

use std::fs;
use std::path::Path;

use crate::archive::unpack;
use crate::digest::{Content, content, raw};
use crate::manifest::{Item, Manifest};

/// Two files that an archive may hold: `a.txt` with the content `abc`, and `b.bin` with any.
const LIST: &str = r#"
[[set]]
name = "set"
what = "two files"
licence = "none"
files = [
  { name = "a.txt", bytes = 3, sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
  { name = "under/b.bin" },
]
"#;
/// The largest content of a gzipped file that is read.
const LIMIT: u64 = 1 << 20;

/// The three readers, each with the same bytes.
pub fn fetch_data(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, bytes).expect("a file");
    archive(&file, folder.path());
    digest(&file, bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        list(text);
    }
}

/// Only what was asked for is unpacked, nothing half-written stays, and nothing lands outside the folder.
fn archive(file: &Path, folder: &Path) {
    let list = Manifest::parse(LIST).expect("a list");
    let items: Vec<&Item> = list.sets.iter().flat_map(|set| &set.files).collect();
    let set = folder.join("set");
    let Ok(failures) = unpack(file, &items, &set) else {
        return;
    };
    let names = ["a.txt", "under/b.bin"];
    let unpacked = names.map(|name| !failures.contains_key(name));
    for (name, unpacked) in names.into_iter().zip(unpacked) {
        let places = [set.join(name), set.join(format!("{name}.gz"))];
        assert!(!unpacked || places.iter().any(|place| place.is_file()));
    }
    let mut allowed = vec!["SHA256SUMS".to_string(), "under".to_string()];
    allowed.extend(
        names
            .iter()
            .flat_map(|name| [name.to_string(), format!("{name}.gz")]),
    );
    for path in walk(folder) {
        let inside = path.strip_prefix(&set);
        let is_allowed = inside.is_ok_and(|path| {
            path == Path::new("") || allowed.iter().any(|name| path == Path::new(name))
        });
        assert!(path == file || is_allowed, "{}", path.display());
    }
}

/// Everything in a folder.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found
}

/// A plain file has the digest of its bytes; no content is longer than the limit.
fn digest(file: &Path, bytes: &[u8]) {
    match content(file, Some(LIMIT)).expect("a file that can be read") {
        Content::Whole { sha256, bytes: size } => {
            assert!(size <= LIMIT);
            if !bytes.starts_with(&[0x1f, 0x8b]) {
                assert_eq!(size, bytes.len() as u64);
                assert_eq!(sha256, raw(file).expect("a file that can be read"));
            }
        }
        Content::TooLong => {}
        Content::Damaged => assert!(bytes.starts_with(&[0x1f, 0x8b])),
    }
}

/// A list that is accepted leads to no place outside the data folder.
fn list(text: &str) {
    let Ok(list) = Manifest::parse(text) else {
        return;
    };
    let data = Path::new("data");
    for set in &list.sets {
        for folder in set.folders(data) {
            for item in &set.files {
                let place = folder.join(&item.name);
                assert!(place.starts_with(data));
                assert!(!place.components().any(|part| part.as_os_str() == ".."));
            }
        }
    }
}

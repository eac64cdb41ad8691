//! The maps of the tree on page 1, in both languages, name what is there, and all that a reader may look for.

use std::fs;

use anyhow::{Context, Result, ensure};
use readmes::root;

/// The paths of a page's map: what stands in front of the first two spaces.
fn paths(page: &str) -> Result<Vec<String>> {
    let (_, map) = page
        .split_once("```text\ncrates/")
        .context("the page has no map")?;
    let (map, _) = map.split_once("```").context("the map has no end")?;
    let map = format!("crates/{map}");
    let mut paths = Vec::new();
    for line in map.lines() {
        let (names, words) = line.split_once("  ").unwrap_or((line, ""));
        ensure!(!words.trim().is_empty(), "{line}: nothing is said about it");
        // `crates/01-… … 07-…` stands for all chapters.
        let names = names.split(" … ").next().unwrap_or(names);
        paths.extend(
            names
                .split(", ")
                .map(|name| name.trim_end_matches('/').to_string()),
        );
    }
    Ok(paths)
}

/// The names in a folder, each with the folder's.
fn entries(folder: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root()?.join(folder))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_chapter = name
            .split('-')
            .next()
            .is_some_and(|number| number.parse::<u32>().is_ok());
        if !is_chapter && !name.starts_with('.') && !name.ends_with(".md") && name != "__pycache__"
        {
            names.push(format!("{folder}/{name}"));
        }
    }
    Ok(names)
}

#[test]
fn the_map_of_page_1_has_every_crate_and_script() -> Result<()> {
    let root = root()?;
    for page in ["README.md", "README.zh-CN.md"] {
        let paths = paths(&fs::read_to_string(root.join(page))?)?;
        for path in &paths {
            let place = path.replace("*/", "01-linear-regression/");
            ensure!(root.join(&place).exists(), "{page}: {path} is not there");
        }
        let mut wanted = entries("crates")?;
        wanted.extend(entries("scripts")?);
        for name in wanted {
            ensure!(paths.contains(&name), "{page}: the map lacks {name}");
        }
    }
    Ok(())
}

#[test]
fn the_map_is_the_same_in_both_languages() -> Result<()> {
    let of = |page: &str| paths(&fs::read_to_string(root()?.join(page))?);
    assert_eq!(of("README.md")?, of("README.zh-CN.md")?);
    Ok(())
}

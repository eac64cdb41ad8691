//! The contents of the figures, read back from the written files: one module per figure.

mod contours;
mod curves;
mod files;
mod heat_map;
mod image_grid;
mod scatter;

use anyhow::{Context, Result};
use d2l_plot::Series;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The colours of the first lines, of warnings, and of the light and dark numbers in cells.
const FIRST: &str = "#0072B2";
const SECOND: &str = "#D55E00";
const WARNING: &str = "#B22218";
const DARK_TEXT: &str = "#222222";
const LIGHT_TEXT: &str = "#FFFFFF";

/// Writes a figure and returns the text of the file.
fn svg(write: impl Fn(&Path) -> Result<()>) -> Result<String> {
    let folder = TempDir::new()?;
    let path = folder.path().join("figure.svg");
    write(&path)?;
    Ok(fs::read_to_string(path)?)
}

/// The error of a figure that cannot be drawn; no file may be left behind.
fn failure(write: impl Fn(&Path) -> Result<()>) -> Result<String> {
    let folder = TempDir::new()?;
    let error = write(&folder.path().join("figure.svg"))
        .err()
        .context("this should have failed")?;
    assert_eq!(
        fs::read_dir(folder.path())?.count(),
        0,
        "something was left behind"
    );
    Ok(format!("{error:#}"))
}

/// How many elements have this name and, as this attribute, this value.
fn count(svg: &str, element: &str, attribute: &str, value: &str) -> Result<usize> {
    let document = roxmltree::Document::parse(svg)?;
    let found = document
        .descendants()
        .filter(|node| node.has_tag_name(element));
    Ok(found
        .filter(|node| node.attribute(attribute) == Some(value))
        .count())
}

/// All texts, in the order in which they were drawn.
fn texts(svg: &str) -> Result<Vec<String>> {
    let document = roxmltree::Document::parse(svg)?;
    let found = document
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    Ok(found
        .map(|node| node.text().unwrap_or_default().trim().to_string())
        .collect())
}

fn series(name: &str, values: &[f64]) -> Series {
    Series {
        name: name.into(),
        points: (1..).map(f64::from).zip(values.iter().copied()).collect(),
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

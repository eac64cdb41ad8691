//! Properties of every figure's file.

use super::{series, svg, texts};
use anyhow::{Context, Result};
use d2l_plot::{Picture, Scale, curves, image_grid};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn draw(path: &Path) -> Result<()> {
    curves(
        path,
        "title",
        "epoch",
        "loss",
        &[series("train", &[1.0, 0.5, 0.25])],
    )
}

#[test]
fn folders_are_created_and_nothing_else_is_left() -> Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().join("run/figures/loss.svg");
    draw(&path)?;
    fs::write(&path, "old")?;
    draw(&path)?;
    assert!(fs::read_to_string(&path)?.starts_with("<svg"));
    assert_eq!(fs::read_dir(folder.path().join("run/figures"))?.count(), 1);
    Ok(())
}

#[test]
fn names_with_control_characters_leave_the_file_well_formed() -> Result<()> {
    let draw = |path: &Path| {
        let lines = [series("a\0b", &[1.0, 0.5]), series("\u{ffff}", &[2.0])];
        curves(path, "\u{1b}[2J", "epoch", "loss", &lines)
    };
    let texts = texts(&svg(draw)?)?;
    for wanted in ["a\u{fffd}b", "\u{fffd}", "\u{fffd}[2J"] {
        assert!(texts.iter().any(|text| text == wanted), "{texts:?}");
    }
    Ok(())
}

#[test]
fn equal_input_gives_equal_bytes() -> Result<()> {
    let pictures = vec![
        Picture {
            pixels: (0..784).map(|pixel| (pixel % 29) as f32 / 29.0).collect(),
            width: 28,
            height: 28,
            caption: "a".into(),
            highlight: true,
        };
        3
    ];
    assert_eq!(svg(draw)?, svg(draw)?);
    let grid = |path: &Path| image_grid(path, "t", &pictures, 2, Scale::Diverging);
    assert_eq!(svg(grid)?, svg(grid)?);
    Ok(())
}

#[test]
fn the_page_is_white_and_states_its_size_in_pixels() -> Result<()> {
    let svg = svg(draw)?;
    let document = roxmltree::Document::parse(&svg)?;
    let page = document.root_element();
    let number =
        |name: &str| -> Result<f64> { Ok(page.attribute(name).context("missing")?.parse()?) };
    assert!(
        (400.0..800.0).contains(&number("width")?) && (300.0..600.0).contains(&number("height")?)
    );
    let first = page
        .children()
        .find(|node| node.has_tag_name("rect"))
        .context("no paper")?;
    assert_eq!(
        (first.attribute("width"), first.attribute("fill")),
        (Some("100%"), Some("#FFFFFF"))
    );
    Ok(())
}

#[test]
fn a_path_that_cannot_be_written_is_named() -> Result<()> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join("file"), "")?;
    fs::create_dir(folder.path().join("folder.svg"))?;
    for name in ["file/loss.svg", "folder.svg"] {
        let error = draw(&folder.path().join(name))
            .err()
            .context("this should have failed")?;
        assert!(format!("{error:#}").contains(name), "{error:#}");
    }
    assert_eq!(
        fs::read_dir(folder.path())?.count(),
        2,
        "something was left behind"
    );
    Ok(())
}

//! Heat maps: cells, numbers, names and scale.

use super::{DARK_TEXT, LIGHT_TEXT, WARNING, count, failure, strings, svg, texts};
use anyhow::{Context, Result};
use d2l_plot::{Matrix, heat_map};

fn draw(values: &[f64], rows: &[String], columns: &[String], numbers: bool) -> Result<String> {
    let matrix = Matrix { values, rows, columns };
    svg(|path| {
        heat_map(
            path,
            "title",
            "true class",
            "predicted class",
            &matrix,
            numbers,
        )
    })
}

#[test]
fn each_cell_tells_its_count_in_a_colour_that_reads_on_it() -> Result<()> {
    let classes = strings(&["T-shirt/top", "Ankle boot"]);
    let svg = draw(&[900.0, 17.0, 0.0, 850.0], &classes, &classes, true)?;
    for (number, colour) in [("900", LIGHT_TEXT), ("850", LIGHT_TEXT), ("17", DARK_TEXT)] {
        let document = roxmltree::Document::parse(&svg)?;
        let text = document
            .descendants()
            .filter(|node| node.has_tag_name("text") && node.attribute("fill") != Some("#5A5A5A"))
            .find(|node| node.text().map(str::trim) == Some(number))
            .context("a number in its cell")?;
        assert_eq!(text.attribute("fill"), Some(colour), "{number}");
    }
    let texts = texts(&svg)?;
    for text in [
        "true class",
        "predicted class",
        "T-shirt/top",
        "T-shirt/",
        "Ankle boot",
        "Ankle",
    ] {
        assert!(texts.contains(&text.to_string()), "{text} in {texts:?}");
    }
    Ok(())
}

#[test]
fn fractions_have_two_decimals_and_what_is_no_number_a_cross() -> Result<()> {
    let svg = draw(
        &[0.125, -0.5, f64::NAN],
        &strings(&["q"]),
        &strings(&["a", "b", "c"]),
        true,
    )?;
    let texts = texts(&svg)?;
    for text in ["0.12", "−0.50", "×"] {
        assert!(texts.contains(&text.to_string()), "{text} in {texts:?}");
    }
    assert_eq!(count(&svg, "rect", "fill", WARNING)?, 1);
    Ok(())
}

#[test]
fn without_numbers_there_are_only_names_and_the_scale() -> Result<()> {
    let svg = draw(
        &[0.25; 6],
        &strings(&["a", "b"]),
        &strings(&["c", "d", "e"]),
        false,
    )?;
    let expected = [
        "title",
        "a",
        "b",
        "c",
        "d",
        "e",
        "predicted class",
        "true class",
        "0",
        "0.25",
    ];
    assert_eq!(texts(&svg)?, expected);
    Ok(())
}

#[test]
fn a_large_matrix_is_one_picture_and_its_names_are_thinned_out() -> Result<()> {
    let names: Vec<String> = (0..120).map(|index| format!("token {index}")).collect();
    let svg = draw(&vec![0.5; 120 * 120], &names, &names, false)?;
    assert_eq!(
        count(&svg, "image", "preserveAspectRatio", "none")?,
        2,
        "the matrix and the bar"
    );
    let named = texts(&svg)?
        .iter()
        .filter(|text| text.starts_with("token"))
        .count();
    assert!((20..120).contains(&named), "{named}");
    Ok(())
}

#[test]
fn bad_input_is_named() -> Result<()> {
    let name = strings(&["a"]);
    let write = |values: &[f64], columns: &[String]| {
        let matrix = Matrix { values, rows: &name, columns };
        failure(|path| heat_map(path, "t", "r", "c", &matrix, true))
    };
    assert!(write(&[], &[])?.contains("1 x 0"));
    let error = write(&[1.0, 2.0], &name)?;
    assert!(
        error.contains("1 names of rows and 1 of columns but 2 values"),
        "{error}"
    );
    let huge: Vec<String> = vec!["a".into(); 20_000];
    assert!(write(&vec![0.0; 20_000], &huge)?.contains("at most"));
    Ok(())
}

//! Contours: lines of equal height, paths on them, and what happens beyond the edge.

use super::{FIRST, SECOND, count, failure, series, svg, texts};
use anyhow::Result;
use d2l_plot::{Series, Surface, contours};

fn bowl() -> Result<Surface> {
    Surface::around(&[(-1.0, -1.0), (1.0, 1.0)], |x, y| x * x + 4.0 * y * y)
}

fn path(name: &str, points: &[(f64, f64)]) -> Series {
    Series { name: name.into(), points: points.to_vec() }
}

fn draw(surface: &Surface, paths: &[Series]) -> Result<String> {
    svg(|file| contours(file, "title", "w1", "w2", surface, paths))
}

#[test]
fn a_surface_has_numbered_lines_and_each_path_its_markers() -> Result<()> {
    let paths = [
        path("small", &[(-1.0, 1.0), (-0.5, 0.5), (0.0, 0.0)]),
        path("minimum", &[(0.0, 0.0)]),
    ];
    let svg = draw(&bowl()?, &paths)?;
    assert_eq!(
        count(&svg, "polyline", "stroke", FIRST)?,
        1 + 1,
        "in the chart and in the legend"
    );
    assert_eq!(count(&svg, "polygon", "fill", FIRST)?, 3 + 1);
    assert_eq!(count(&svg, "polygon", "fill", SECOND)?, 1 + 1);
    assert_eq!(
        count(&svg, "polyline", "stroke", SECOND)?,
        1,
        "in the legend"
    );
    let texts = texts(&svg)?;
    for text in ["title", "w1", "w2", "small", "minimum"] {
        assert!(
            texts.iter().any(|found| found == text),
            "{text} in {texts:?}"
        );
    }
    let numbers = texts
        .iter()
        .filter(|text| text.parse::<f64>().is_ok_and(|level| level > 2.0));
    assert!(numbers.count() >= 3, "numbers on the lines: {texts:?}");
    let document = roxmltree::Document::parse(&svg)?;
    let images = document
        .descendants()
        .filter(|node| node.has_tag_name("image"));
    assert_eq!(images.count(), 1, "the ground");
    Ok(())
}

#[test]
fn a_path_that_leaves_is_cut_at_the_edge_and_one_that_comes_back_is_two_lines() -> Result<()> {
    let away = [(0.0, 0.0), (0.0, 0.5), (0.0, 1e30)];
    let svg = draw(&bowl()?, &[path("away", &away)])?;
    assert_eq!(count(&svg, "polyline", "stroke", FIRST)?, 1 + 1);
    assert_eq!(count(&svg, "polygon", "fill", FIRST)?, 2 + 1);
    let back = [(0.0, 0.0), (0.0, 9.0), (0.5, 9.0), (0.5, 0.0)];
    let svg = draw(&bowl()?, &[path("back", &back)])?;
    assert_eq!(count(&svg, "polyline", "stroke", FIRST)?, 2 + 1);
    // Nothing is drawn beyond the frame: the line ends on it.
    let document = roxmltree::Document::parse(&svg)?;
    let top = |colour: &str| {
        document
            .descendants()
            .filter(|node| node.attribute("stroke") == Some(colour))
            .filter_map(|node| node.attribute("points"))
            .filter(|points| points.split_whitespace().count() != 2 || colour == FIRST)
            .flat_map(|points| points.split_whitespace())
            .filter_map(|point| point.split_once(',')?.1.parse::<i32>().ok())
            .collect::<Vec<_>>()
    };
    let frame = top("#5A5A5A").into_iter().min();
    // The legend's sample is above the frame; the path's own points are not.
    let above = top(FIRST).into_iter().filter(|y| Some(*y) < frame).count();
    assert_eq!(above, 2, "the two ends of the legend's sample");
    Ok(())
}

#[test]
fn numbers_that_are_none_leave_gaps() -> Result<()> {
    let points = [
        (0.0, 0.0),
        (0.1, 0.1),
        (f64::NAN, 0.0),
        (0.5, 0.5),
        (0.6, 0.6),
    ];
    let drawn = draw(&bowl()?, &[path("broken", &points)])?;
    assert_eq!(count(&drawn, "polyline", "stroke", FIRST)?, 2 + 1);
    assert_eq!(count(&drawn, "polygon", "fill", FIRST)?, 4 + 1);
    let half = Surface::around(&[(-1.0, -1.0), (1.0, 1.0)], |x, y| {
        if x > 0.0 {
            f64::INFINITY
        } else {
            x * x + y * y
        }
    })?;
    let half = draw(&half, &[path("p", &[(-0.5, 0.0)])])?;
    for svg in [drawn, half] {
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
    Ok(())
}

#[test]
fn equal_surfaces_give_equal_bytes() -> Result<()> {
    let paths = [path("p", &[(-1.0, 1.0), (0.5, -0.5)])];
    assert_eq!(draw(&bowl()?, &paths)?, draw(&bowl()?, &paths)?);
    Ok(())
}

#[test]
fn bad_input_is_named() -> Result<()> {
    assert!(Surface::around(&[], |x, _| x).is_err());
    assert!(Surface::around(&[(f64::NAN, 0.0)], |x, _| x).is_err());
    let none = Surface::around(&[(0.0, 0.0)], |_, _| f64::NAN)?;
    let error = failure(|path| contours(path, "t", "x", "y", &none, &[]))?;
    assert!(error.contains("no finite height"), "{error}");
    let bowl = bowl()?;
    let error = failure(|path| contours(path, "t", "x", "y", &bowl, &[series("small", &[])]))?;
    assert!(
        error.contains("\"small\"") && error.contains("no points"),
        "{error}"
    );
    Ok(())
}

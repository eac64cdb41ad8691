//! Scatter plots: dots and the lines over them.

use super::{FIRST, SECOND, count, failure, series, svg, texts};
use anyhow::Result;
use d2l_plot::{scatter, scatter_with_fit};

#[test]
fn every_finite_point_is_a_dot_and_the_fit_is_a_line() -> Result<()> {
    let mut points: Vec<(f64, f64)> = (0..100)
        .map(|x| (f64::from(x), f64::from(x * x % 17)))
        .collect();
    points[7].1 = f64::NAN;
    let fit = [series("fit", &[0.0, 16.0])];
    let svg = svg(|path| scatter_with_fit(path, "title", "x", "y", &points, &fit))?;
    assert_eq!(count(&svg, "circle", "fill", FIRST)?, 99 + 1);
    assert_eq!(count(&svg, "polyline", "stroke", SECOND)?, 1 + 1);
    let texts = texts(&svg)?;
    assert!(texts.contains(&"data".to_string()) && texts.contains(&"fit".to_string()));
    Ok(())
}

#[test]
fn the_line_is_drawn_over_the_dots() -> Result<()> {
    let svg = svg(|path| {
        scatter_with_fit(
            path,
            "t",
            "x",
            "y",
            &[(0.0, 0.0)],
            &[series("fit", &[0.0, 1.0])],
        )
    })?;
    assert!(svg.rfind(SECOND) > svg.rfind("<circle"));
    Ok(())
}

#[test]
fn several_sets_have_a_colour_each_before_the_lines() -> Result<()> {
    let sets = [
        series("train", &[1.0, 2.0, 3.0]),
        series("held out", &[4.0, 5.0]),
    ];
    let svg = svg(|path| scatter(path, "t", "x", "y", &sets, &[series("fit", &[0.0, 1.0])]))?;
    assert_eq!(count(&svg, "circle", "fill", FIRST)?, 3 + 1);
    assert_eq!(count(&svg, "circle", "fill", SECOND)?, 2 + 1);
    assert_eq!(
        count(&svg, "polyline", "stroke", SECOND)?,
        0,
        "the line is in a third one"
    );
    for name in ["train", "held out", "fit"] {
        assert!(texts(&svg)?.contains(&name.to_string()), "{name}");
    }
    Ok(())
}

#[test]
fn bad_input_is_named() -> Result<()> {
    let error = failure(|path| scatter(path, "t", "x", "y", &[], &[]))?;
    assert!(error.contains("has no data points"), "{error}");
    let error = failure(|path| scatter_with_fit(path, "t", "x", "y", &[], &[]))?;
    assert!(error.contains("\"data\" of \"t\" has no points"), "{error}");
    let error = failure(|path| {
        scatter_with_fit(path, "t", "x", "y", &[(0.0, 1.0)], &[series("fit", &[])])
    })?;
    assert!(error.contains("\"fit\""), "{error}");
    let error = failure(|path| scatter(path, "t", "x", "y", &[series("no", &[])], &[]))?;
    assert!(error.contains("\"no\" of \"t\" has no points"), "{error}");
    Ok(())
}

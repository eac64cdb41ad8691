//! Curves: lines, markers, gaps and the logarithmic axis.

use super::{FIRST, SECOND, count, failure, series, svg, texts};
use anyhow::{Context, Result};
use d2l_plot::{AxisScale, Curve, CurvePlot, Series, curves, panels};

fn draw(series: &[Series]) -> Result<String> {
    svg(|path| curves(path, "title", "epoch", "loss", series))
}

#[test]
fn each_series_is_one_line_with_a_marker_at_every_epoch() -> Result<()> {
    let svg = draw(&[
        series("train", &[3.0, 2.0, 1.5]),
        series("valid", &[3.1, 2.2, 1.9]),
    ])?;
    for colour in [FIRST, SECOND] {
        assert_eq!(
            count(&svg, "polyline", "stroke", colour)?,
            1 + 1,
            "in the chart and in the legend"
        );
        assert_eq!(count(&svg, "polygon", "fill", colour)?, 3 + 1);
    }
    let texts = texts(&svg)?;
    for text in ["title", "epoch", "loss", "train", "valid", "1", "2", "3"] {
        assert!(
            texts.iter().any(|found| found == text),
            "{text} in {texts:?}"
        );
    }
    Ok(())
}

#[test]
fn a_point_that_is_not_finite_leaves_a_gap() -> Result<()> {
    let whole = draw(&[series("a", &[1.0, 2.0, 3.0, 4.0, 5.0])])?;
    let broken = draw(&[series("a", &[1.0, 2.0, f64::NAN, 4.0, 5.0])])?;
    assert_eq!(count(&whole, "polyline", "stroke", FIRST)?, 1 + 1);
    assert_eq!(count(&broken, "polyline", "stroke", FIRST)?, 2 + 1);
    assert_eq!(count(&broken, "polygon", "fill", FIRST)?, 4 + 1);
    assert!(!broken.contains("NaN") && !broken.contains("inf"));
    Ok(())
}

#[test]
fn a_point_alone_is_visible_even_in_a_long_series() -> Result<()> {
    let one = draw(&[series("a", &[0.5])])?;
    assert_eq!(count(&one, "polygon", "fill", FIRST)?, 1 + 1);
    let mut values = vec![f64::INFINITY; 1001];
    values[500] = 0.5;
    let long = draw(&[series("a", &values)])?;
    assert_eq!(count(&long, "polygon", "fill", FIRST)?, 1 + 1);
    Ok(())
}

#[test]
fn a_long_series_has_few_markers() -> Result<()> {
    let values: Vec<f64> = (0..1000).map(|step| 1.0 / f64::from(step + 1)).collect();
    let markers = count(&draw(&[series("a", &values)])?, "polygon", "fill", FIRST)?;
    assert!((5..=12).contains(&markers), "{markers}");
    Ok(())
}

#[test]
fn a_loss_that_falls_over_four_decades_gets_a_logarithmic_axis() -> Result<()> {
    let svg = draw(&[series("a", &[1e-1, 1e-2, 1e-3, 1e-4, 1e-5])])?;
    assert!(texts(&svg)?.contains(&"10⁻³".to_string()));
    // Equal factors are equal distances: the line is straight.
    let document = roxmltree::Document::parse(&svg)?;
    let line = document
        .descendants()
        .filter(|node| node.has_tag_name("polyline") && node.attribute("stroke") == Some(FIRST))
        .filter_map(|node| node.attribute("points"))
        .find(|points| points.split_whitespace().count() == 5)
        .context("the line")?;
    let heights: Vec<i32> = line
        .split_whitespace()
        .map(|point| Ok(point.split_once(',').context("x,y")?.1.parse()?))
        .collect::<Result<_>>()?;
    let steps: Vec<i32> = heights.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        steps
            .iter()
            .all(|step| *step > 0 && (step - steps[0]).abs() <= 1),
        "{steps:?}"
    );
    Ok(())
}

#[test]
fn names_with_markup_are_text_and_nothing_else() -> Result<()> {
    let name = "<b>a & b</b> \"c\"";
    let svg = svg(|path| curves(path, name, name, name, &[series(name, &[1.0, 2.0])]))?;
    assert_eq!(texts(&svg)?.iter().filter(|text| *text == name).count(), 4);
    assert_eq!(count(&svg, "b", "x", "")?, 0);
    let document = roxmltree::Document::parse(&svg)?;
    let title = document
        .descendants()
        .find(|node| node.has_tag_name("title"));
    assert_eq!(title.and_then(|node| node.text()), Some(name));
    Ok(())
}

#[test]
fn bad_input_is_named() -> Result<()> {
    assert!(failure(|path| curves(path, "t", "x", "y", &[]))?.contains("has no series"));
    let empty = [series("train", &[1.0]), series("valid", &[])];
    let error = failure(|path| curves(path, "t", "x", "y", &empty))?;
    assert!(
        error.contains("1 \"valid\"") && error.contains("no points"),
        "{error}"
    );
    let undefined = [series("train", &[f64::NAN, f64::INFINITY])];
    assert!(failure(|path| curves(path, "t", "x", "y", &undefined))?.contains("finite"));
    Ok(())
}

fn plot(curves: &[Curve], y_scale: AxisScale) -> Result<String> {
    let x_scale = AxisScale::Linear;
    let plot = CurvePlot {
        title: "t",
        x_label: "x",
        y_label: "y",
        x_scale,
        y_scale,
        curves,
    };
    svg(|path| plot.write(path))
}

fn curve(values: &[f64]) -> Curve {
    let Series { name, points } = series("a", values);
    Curve { name, points, ..Curve::default() }
}

#[test]
fn a_range_is_a_faint_area_behind_the_line() -> Result<()> {
    let range = vec![
        (1.0, 0.5, 1.5),
        (2.0, 1.5, 2.5),
        (3.0, f64::NAN, 1.0),
        (4.0, 1.0, 4.0),
    ];
    let drawn = plot(
        &[Curve { range, ..curve(&[1.0, 2.0, 3.0, 4.0]) }],
        AxisScale::Linear,
    )?;
    let areas: Vec<usize> = drawn
        .match_indices("opacity=\"0.16\"")
        .map(|(at, _)| at)
        .collect();
    assert_eq!(
        areas.len(),
        1,
        "the part behind the gap is a single place: {drawn}"
    );
    let line = drawn.rfind("<polyline").context("a line")?;
    assert!(areas[0] < line, "the line is drawn over it");
    Ok(())
}

#[test]
fn a_range_ends_at_the_edge_of_a_logarithmic_axis() -> Result<()> {
    let range = vec![(1.0, -1.0, 1.5), (2.0, 0.0, 2.5)];
    let drawn = plot(
        &[Curve { range, ..curve(&[1.0, 2.0]) }],
        AxisScale::Logarithmic,
    )?;
    assert_eq!(drawn.matches("opacity=\"0.16\"").count(), 1);
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    assert!(
        !drawn.contains("-2147483648"),
        "a place far outside: {drawn}"
    );
    Ok(())
}

#[test]
fn lines_that_belong_together_share_a_colour_and_one_may_be_dashed() -> Result<()> {
    let lines = [
        curve(&[1.0, 2.0]),
        Curve { dashed: true, ..curve(&[2.0, 3.0]) },
    ];
    let drawn = plot(&lines, AxisScale::Linear)?;
    assert_eq!(count(&drawn, "polyline", "stroke", SECOND)?, 0);
    // A whole line and its sample in the legend, the sample's two dashes, and many dashes in the chart.
    assert!(count(&drawn, "polyline", "stroke", FIRST)? > 2 + 2 + 3);
    Ok(())
}

#[test]
fn what_a_line_smooths_is_faint_behind_it() -> Result<()> {
    let behind = vec![(1.0, 5.0), (2.0, 1.0)];
    let drawn = plot(&[Curve { behind, ..curve(&[3.0, 3.0]) }], AxisScale::Linear)?;
    let faint = drawn.find("opacity=\"0.35\"").context("a faint line")?;
    assert!(faint < drawn.rfind("<polyline").context("a line")?);
    assert!(
        texts(&drawn)?
            .iter()
            .any(|text| text == "5.0" || text == "5"),
        "it has its room"
    );
    Ok(())
}

#[test]
fn panels_share_title_and_legend_and_have_axes_of_their_own() -> Result<()> {
    let curve = |name: &str, values: &[f64], colour| Curve {
        points: series(name, values).points,
        name: name.to_string(),
        colour,
        ..Curve::default()
    };
    let losses = [
        curve("a", &[900.0, 700.0], 0),
        curve("b", &[800.0, 600.0], 1),
    ];
    let scores = [curve("a", &[0.91, 0.93], 0), curve("b", &[0.92, 0.94], 1)];
    let plot = |y_label, curves| CurvePlot {
        title: "",
        x_label: "epoch",
        y_label,
        x_scale: AxisScale::Automatic,
        y_scale: AxisScale::Automatic,
        curves,
    };
    let both = [plot("loss", &losses), plot("accuracy", &scores)];
    let svg = svg(|path| panels(path, "both", &both))?;
    let texts = texts(&svg)?;
    let times = |wanted: &str| texts.iter().filter(|text| *text == wanted).count();
    for (text, wanted) in [
        ("both", 1),
        ("a", 1),
        ("b", 1),
        ("epoch", 2),
        ("loss", 1),
        ("accuracy", 1),
    ] {
        assert_eq!(times(text), wanted, "{text} in {texts:?}");
    }
    assert_eq!(count(&svg, "polyline", "stroke", FIRST)?, 2 + 1);
    // Both lines use the whole height of their panel: neither is flat beside the other.
    let document = roxmltree::Document::parse(&svg)?;
    let lines = document
        .descendants()
        .filter(|node| node.has_tag_name("polyline") && node.attribute("stroke") == Some(FIRST));
    let heights: Vec<i32> = lines
        .filter_map(|node| node.attribute("points"))
        .map(|points| -> Result<i32> {
            let y = |point: &str| -> Result<i32> {
                Ok(point.split_once(',').context("x,y")?.1.parse()?)
            };
            let points: Vec<&str> = points.split_whitespace().collect();
            Ok((y(points[0])? - y(points[points.len() - 1])?).abs())
        })
        .collect::<Result<_>>()?;
    assert_eq!(
        heights.iter().filter(|height| **height > 1000).count(),
        2,
        "{heights:?}"
    );
    let error = failure(|path| panels(path, "none", &[]))?;
    assert!(error.contains("has no plot"), "{error}");
    Ok(())
}

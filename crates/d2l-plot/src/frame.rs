//! The surroundings of a chart's data: title, legend, axes, grid lines, and the names of the axes.

use crate::axis::Axis;
use crate::legend::Legend;
use crate::sheet::{self, Sheet, fine, font, stroke};
use crate::style::{
    CHART, FAINT_GRID, GAP, GRID, HAIRLINE, INK, LABEL, LEADING, MUTED, SMALL, TICK,
};
use crate::text;
use anyhow::Result;
use d2l_language::translated;
use plotters::prelude::*;
use std::path::Path;

/// A chart with its axes drawn, before its data. Its points are values on the two axes.
pub(crate) type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Coordinates>;
type Coordinates = Cartesian2d<Axis, Axis>;

/// The two axes of a chart and their names.
pub(crate) struct Axes<'a> {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) x_label: &'a str,
    pub(crate) y_label: &'a str,
}

impl Axes<'_> {
    /// The sequences of points that have a place in the chart, each with the index of its first point.
    pub(crate) fn runs<'a>(
        &'a self,
        points: &'a [(f64, f64)],
    ) -> impl Iterator<Item = (usize, &'a [(f64, f64)])> {
        let mut start = 0;
        let runs = points.split(|point| !self.holds(*point)).map(move |run| {
            let first = start;
            start += run.len() + 1;
            (first, run)
        });
        runs.filter(|(_, run)| !run.is_empty())
    }

    /// Whether a point has a place in the chart.
    pub(crate) fn holds(&self, (x, y): (f64, f64)) -> bool {
        self.x.holds(x) && self.y.holds(y)
    }
}

/// Writes a figure that is one chart; `paint` draws the data.
pub(crate) fn write_chart(
    path: &Path,
    title: &str,
    axes: &Axes,
    legend: &Legend,
    paint: impl FnOnce(&mut Chart) -> Result<()>,
) -> Result<()> {
    write_chart_on(path, title, axes, legend, None, paint)
}

/// A picture that fills a chart in place of the grid: the colours of `.1 x .2` pixels, row by row.
pub(crate) type Ground = (Vec<RGBColor>, usize, usize);

/// Writes a chart whose data lie on `ground`, if there is one.
pub(crate) fn write_chart_on(
    path: &Path,
    title: &str,
    axes: &Axes,
    legend: &Legend,
    ground: Option<Ground>,
    paint: impl FnOnce(&mut Chart) -> Result<()>,
) -> Result<()> {
    let around = Around::of(axes);
    let above = legend.height + GAP;
    sheet::write(path, title, around.size(above), |sheet| {
        legend.draw(sheet, (around.left, 0.0))?;
        paint(&mut around.chart(sheet, axes, above, ground)?)
    })
}

/// Writes charts below one another, with one legend above them; `paint` draws the data of the chart with this index.
pub(crate) fn write_charts(
    path: &Path,
    title: &str,
    charts: &[Axes],
    legend: &Legend,
    paint: impl Fn(usize, &mut Chart) -> Result<()>,
) -> Result<()> {
    let around: Vec<Around> = charts.iter().map(Around::of).collect();
    let widest = |side: fn(&Around) -> f64| around.iter().map(side).fold(0.0, f64::max);
    let (left, right) = (widest(|one| one.left), widest(|one| one.right));
    let around = around.into_iter().map(|one| Around { left, right, ..one });
    let (mut tops, mut size) = (Vec::new(), (0.0, legend.height));
    for one in around {
        let above = size.1 + GAP;
        size = one.size(above);
        tops.push((above, one));
    }
    sheet::write(path, title, size, |sheet| {
        legend.draw(sheet, (left, 0.0))?;
        for (index, (axes, (above, around))) in charts.iter().zip(&tops).enumerate() {
            paint(index, &mut around.chart(sheet, axes, *above, None)?)?;
        }
        Ok(())
    })
}

/// The room that a chart needs for what stands around it.
struct Around {
    left: f64,
    right: f64,
    below: f64,
    x_names: Vec<String>,
    y_names: Vec<String>,
}

impl Around {
    fn of(axes: &Axes) -> Self {
        let labels = axes.y.ticks.iter().map(|(_, label)| label.as_str());
        let x_names = text::wrap(&translated(axes.x_label), CHART.0, LABEL);
        let y_names = text::wrap(&translated(axes.y_label), CHART.1, LABEL);
        let names = text::height(y_names.len(), LABEL) + GAP;
        // Half of the last tick's label may reach beyond the chart.
        let last = axes.x.ticks.last();
        Self {
            left: names + text::widest(labels, SMALL) + 2.0 * TICK,
            right: last.map_or(0.0, |(_, label)| text::width(label, SMALL) / 2.0),
            below: 2.0 * TICK + SMALL * LEADING + GAP / 2.0 + text::height(x_names.len(), LABEL),
            x_names,
            y_names,
        }
    }

    /// The size of a figure that ends with this chart.
    fn size(&self, above: f64) -> (f64, f64) {
        (
            self.left + CHART.0 + self.right,
            above + CHART.1 + self.below,
        )
    }

    /// Draws what is around the chart, and opens it.
    fn chart<'a>(
        &self,
        sheet: &Sheet<'a>,
        axes: &Axes,
        above: f64,
        ground: Option<Ground>,
    ) -> Result<Chart<'a>> {
        let Self { left, right, below, x_names, y_names } = self;
        let name = font(LABEL, FontStyle::Normal, INK);
        let foot = above + CHART.1 + below - text::height(x_names.len(), LABEL);
        sheet.centred(x_names, (left + CHART.0 / 2.0, foot), LABEL, &name)?;
        sheet.turned(y_names, (0.0, above + CHART.1 / 2.0), LABEL, &name)?;
        if let Some((colours, columns, rows)) = &ground {
            sheet.image((*left, above), CHART, colours, (*columns, *rows))?;
        }
        open(
            sheet,
            axes,
            (*left, above, *right, *below),
            ground.is_none(),
        )
    }
}

/// Draws the axes and opens the coordinates between them.
fn open<'a>(
    sheet: &Sheet<'a>,
    axes: &Axes,
    (left, above, right, below): (f64, f64, f64, f64),
    grid: bool,
) -> Result<Chart<'a>> {
    let area = sheet.part((0.0, above), (left + CHART.0 + right, CHART.1 + below));
    let mut chart = ChartBuilder::on(&area)
        .margin_right(fine(right))
        .set_label_area_size(LabelAreaPosition::Left, fine(left))
        .set_label_area_size(LabelAreaPosition::Bottom, fine(below))
        .build_cartesian_2d(axes.x.clone(), axes.y.clone())?;
    let small = font(SMALL, FontStyle::Normal, MUTED);
    let mut mesh = chart.configure_mesh();
    if !grid {
        mesh.disable_mesh();
    }
    mesh.axis_style(stroke(MUTED, HAIRLINE))
        .bold_line_style(stroke(GRID, HAIRLINE))
        .light_line_style(stroke(FAINT_GRID, HAIRLINE))
        .set_all_tick_mark_size(fine(TICK))
        .x_label_style(small.clone())
        .y_label_style(small)
        .draw()?;
    Ok(chart)
}

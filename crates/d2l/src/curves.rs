//! The curves of a finished run: one figure per quantity, training and validation together.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use d2l_language::translated;
use d2l_log::Epoch;
use d2l_plot::{AxisScale, Curve, CurvePlot};

use crate::Run;
use crate::loss_curve::LossCurve;

/// Draws `figures/loss.svg`, `figures/accuracy.svg`, …; nothing for a run of fewer than two epochs.
pub(crate) fn draw(figures: &Path, run: &Run, epochs: &[Epoch]) -> Result<()> {
    if epochs.len() < 2 {
        return Ok(());
    }
    let mut quantities: BTreeMap<String, BTreeMap<String, Vec<(f64, f64)>>> = BTreeMap::new();
    for epoch in epochs {
        for (name, value) in epoch.metrics() {
            if let Some((group, quantity)) = name.split_once('.') {
                let groups = quantities.entry(quantity.to_string()).or_default();
                groups
                    .entry(group.replace('_', " "))
                    .or_default()
                    .push((epoch.epoch as f64, value));
            }
        }
    }
    for (quantity, groups) in quantities {
        draw_quantity(figures, run, &quantity, "epoch", groups)?;
    }
    Ok(())
}

/// Draws `figures/loss.svg` for a run of one epoch: the training loss by step, and the validation loss behind the last.
pub(crate) fn draw_by_step(
    figures: &Path,
    run: &Run,
    curve: &LossCurve,
    epoch: &Epoch,
) -> Result<()> {
    let points = curve.points();
    if points.len() < 2 {
        return Ok(());
    }
    let train = match curve.steps_per_point() {
        1 => "train".to_string(),
        steps => format!("train, mean of {steps} steps"),
    };
    let mut lines = vec![(train, points)];
    let valid = epoch.metric("valid.loss");
    lines.extend(valid.map(|loss| ("valid".to_string(), vec![(epoch.step as f64, loss)])));
    draw_quantity(figures, run, "loss", "step", lines)
}

/// Draws `figures/<quantity>.svg`.
fn draw_quantity(
    figures: &Path,
    run: &Run,
    quantity: &str,
    x_label: &str,
    lines: impl IntoIterator<Item = (String, Vec<(f64, f64)>)>,
) -> Result<()> {
    let lines = lines.into_iter().enumerate();
    let curves =
        lines.map(|(colour, (name, points))| Curve { name, points, colour, ..Curve::default() });
    let curves: Vec<Curve> = curves.collect();
    let y_label = match run.recorder.units.get(quantity) {
        Some(unit) => format!("{} ({unit})", translated(quantity)),
        None => translated(quantity),
    };
    let plot = CurvePlot {
        title: &run.title(quantity),
        x_label,
        y_label: &y_label,
        x_scale: AxisScale::Automatic,
        y_scale: AxisScale::of_metric(quantity),
        curves: &curves,
    };
    plot.write(&figures.join(format!("{quantity}.svg")))
}

//! The curves of a finished run: one figure per quantity, training and validation together.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use d2l_language::translated;
use d2l_log::Epoch;
use d2l_plot::Series;

/// Draws `figures/loss.svg`, `figures/accuracy.svg`, …; nothing for a run of fewer than two epochs.
pub(crate) fn draw(figures: &Path, model: &str, epochs: &[Epoch]) -> Result<()> {
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
        let series: Vec<Series> = groups
            .into_iter()
            .map(|(name, points)| Series { name, points })
            .collect();
        let title = format!("{model}: {}", translated(&quantity));
        d2l_plot::curves(
            &figures.join(format!("{quantity}.svg")),
            &title,
            "epoch",
            &quantity,
            &series,
        )?;
    }
    Ok(())
}

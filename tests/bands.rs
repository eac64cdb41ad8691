//! Every chapter's `bands.toml` can be read, and its experiments are the chapter's.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use d2l::{Bands, Chapter, Expected, PresetName};

use crate::support::{chapters, root};

fn bands(chapter: &Chapter) -> Result<Bands> {
    Bands::parse(chapter.bands).with_context(|| chapter.name.to_string())
}

fn is_pooled(experiment: &Expected) -> bool {
    let source = experiment.bands.first().map(|band| band.source);
    source == Some("book and PyTorch")
}

#[test]
fn every_band_belongs_to_an_experiment_of_its_chapter() -> Result<()> {
    for chapter in chapters() {
        let bands = bands(&chapter)?;
        ensure!(
            !bands.experiments().is_empty(),
            "{} has no bands",
            chapter.name
        );
        for it in bands.experiments() {
            let id = format!("{} {} {}", it.model, it.implementation, it.preset);
            let mut models = chapter.models.iter();
            let model = models.find(|model| model.name == it.model);
            let mut experiments = model.into_iter().flat_map(|model| &model.experiments);
            ensure!(
                experiments
                    .any(|one| (one.implementation, one.preset) == (it.implementation, it.preset)),
                "{}: no experiment {id}",
                chapter.name
            );
            for band in &it.bands {
                let is_ordered = band.low <= band.median && band.median <= band.high;
                ensure!(is_ordered && band.runs >= 20, "{id}: {band:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn every_experiment_of_the_book_has_bands_or_a_reason() -> Result<()> {
    for chapter in chapters() {
        let bands = bands(&chapter)?;
        for model in &chapter.models {
            let of_the_book = model
                .experiments
                .iter()
                .filter(|one| matches!(one.preset, PresetName::Zh | PresetName::En));
            for one in of_the_book {
                let found = bands.of(model.name, one.implementation, one.preset);
                // The book publishes no distribution of its airfoil results.
                let has_reason = model.name == "airfoil";
                ensure!(
                    found.is_some() != has_reason,
                    "{} {} {}: {found:?}",
                    model.name,
                    one.implementation,
                    one.preset
                );
            }
        }
    }
    Ok(())
}

#[test]
fn every_file_of_the_pytorch_reference_is_used() -> Result<()> {
    let mut used = BTreeSet::new();
    for chapter in chapters() {
        let bands = bands(&chapter)?;
        let pooled = bands.experiments().iter().filter(|it| is_pooled(it));
        used.extend(
            pooled.map(|it| format!("{}-{}-{}.json", it.preset, it.model, it.implementation)),
        );
    }
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("tests/reference"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("en-") || name.starts_with("zh-") {
            there.insert(name);
        }
    }
    ensure!(used == there, "used: {used:?}\nthere: {there:?}");
    Ok(())
}

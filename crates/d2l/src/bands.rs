//! A chapter's `bands.toml`: what its experiments should reach.
//!
//! The file lists experiments by their id, which is model, implementation and preset:
//!
//! ```toml
//! [[experiment]]
//! id = "lenet concise zh"
//! bands = [
//!   { metric = "train.loss", low = 0.449, median = 0.468, high = 0.497, builds = 63, decimals = 3 },
//! ]
//!
//! [[experiment]]
//! id = "edge-kernel concise en"
//! reference = "en-edge-kernel-concise"
//! bands = [
//!   { metric = "train.loss.epoch10", builds = [0.013, 0.016, 0.0269, 0.274] },
//! ]
//! ```
//!
//! A build is one official run of the book's notebooks. If there are 20 builds or more, their extremes are the band. If
//! there are fewer, the file lists their values, and `reference` names the file in `tests/reference/` with the results
//! of the PyTorch reference, our PyTorch program for the model; [`Band::pooled`] makes the band from both.
//! `device = "gpu"` marks an experiment that takes hours without a GPU.

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use serde::Deserialize;

use crate::{Band, Implementation, PresetName};

/// This many values show how far results scatter; the range of fewer is too narrow to judge by. (Trained in PyTorch
/// itself, the book's English softmax regression lies within the range of seven builds in only 8 of 14 runs.)
const ENOUGH: usize = 20;

/// The results of the PyTorch reference: each file's name and content.
const REFERENCES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/references.rs"));

/// The bands of a chapter's experiments.
#[derive(Clone, Debug)]
pub struct Bands(Vec<Expected>);

/// What `bands.toml` says about one experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The chapter's model.
    pub model: String,
    /// By hand or with the library.
    pub implementation: Implementation,
    /// The experiment's preset.
    pub preset: PresetName,
    /// The results that it should reach; empty if too few runs are known.
    pub bands: Vec<Band>,
    /// Whether it takes hours without a GPU.
    pub wants_gpu: bool,
}

/// A `bands.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    experiment: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    reference: Option<String>,
    device: Option<Device>,
    #[serde(default)]
    bands: Vec<BandEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Device {
    Gpu,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BandEntry {
    metric: String,
    builds: Builds,
    low: Option<f64>,
    median: Option<f64>,
    high: Option<f64>,
    decimals: Option<i32>,
}

/// The book's builds: how many there are, or their values.
#[derive(Deserialize)]
#[serde(untagged)]
enum Builds {
    Count(usize),
    Values(Vec<f64>),
}

/// The results of a model's PyTorch reference, as `scripts/pytorch/reference.py` writes them.
#[derive(Deserialize)]
struct Reference {
    metrics: Vec<Runs>,
}

/// One metric of the PyTorch reference: a value for each seed.
#[derive(Deserialize)]
struct Runs {
    metric: String,
    values: Vec<f64>,
}

impl Bands {
    /// The bands in the text of a `bands.toml`.
    ///
    /// # Errors
    /// If the text is not TOML or a key is unknown or missing; if a reference or its metric does not exist; if a band has
    /// too few values, or its numbers are out of order. The message names the line, or experiment and metric.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start));
            let line = 1 + before.unwrap_or(text).matches('\n').count();
            anyhow!("line {line}: {}", error.message())
        })?;
        let mut all: Vec<Expected> = Vec::new();
        for entry in file.experiment {
            let id = entry.id.clone();
            let expected = entry.read().with_context(|| format!("experiment `{id}`"))?;
            let is_there = all.iter().any(|one| one.key() == expected.key());
            ensure!(!is_there, "experiment `{id}`: found twice, wanted once");
            all.push(expected);
        }
        Ok(Self(all))
    }

    /// What the file says about an experiment, if it says anything.
    pub fn of(
        &self,
        model: &str,
        implementation: Implementation,
        preset: PresetName,
    ) -> Option<&Expected> {
        let wanted = (model, implementation, preset);
        self.0.iter().find(|one| one.key() == wanted)
    }

    /// All experiments, in the file's order.
    pub fn experiments(&self) -> &[Expected] {
        &self.0
    }
}

impl Expected {
    fn key(&self) -> (&str, Implementation, PresetName) {
        (&self.model, self.implementation, self.preset)
    }
}

impl Entry {
    fn read(self) -> Result<Expected> {
        let words: Vec<&str> = self.id.split_whitespace().collect();
        let &[model, implementation, preset] = words.as_slice() else {
            bail!(
                "found {} words, wanted 3: model, implementation and preset",
                words.len()
            );
        };
        let reference = self.reference.as_deref();
        let reference = reference.map(Reference::named).transpose()?;
        let mut bands: Vec<Band> = Vec::new();
        for entry in self.bands {
            let metric = format!("metric `{}`", entry.metric);
            let band = entry.read(reference.as_ref()).context(metric.clone())?;
            // The book may both print a number and draw it.
            let is_it = |one: &Band| (&one.metric, one.decimals) == (&band.metric, band.decimals);
            ensure!(
                !bands.iter().any(is_it),
                "{metric}: found twice, wanted once"
            );
            bands.push(band);
        }
        Ok(Expected {
            model: model.to_string(),
            implementation: one_of(implementation)?,
            preset: one_of(preset)?,
            bands,
            wants_gpu: matches!(self.device, Some(Device::Gpu)),
        })
    }
}

impl BandEntry {
    fn read(self, reference: Option<&Reference>) -> Result<Band> {
        let range = (self.low, self.median, self.high);
        let band = match (self.builds, range, reference) {
            (Builds::Count(builds), (Some(low), Some(median), Some(high)), _) => {
                Band::book(&self.metric, [low, median, high], builds, self.decimals)
            }
            (Builds::Values(builds), (None, None, None), Some(reference)) => {
                let runs = reference.metrics.iter();
                let mut runs = runs.filter(|runs| runs.metric == self.metric);
                let runs = runs.next().context("the reference has no runs of it")?;
                Band::pooled(&self.metric, &builds, &runs.values)
            }
            _ => bail!(
                "wanted low, median, high and the number of builds, or the builds' values and a reference"
            ),
        };
        let Band { low, median, high, .. } = band;
        ensure!(
            band.runs >= ENOUGH,
            "found {} values, wanted {ENOUGH} or more",
            band.runs
        );
        ensure!(
            low <= median && median <= high,
            "found low {low}, median {median}, high {high}, wanted them in ascending order"
        );
        Ok(band)
    }
}

impl Reference {
    /// The reference in `tests/reference/<name>.json`.
    fn named(name: &str) -> Result<Self> {
        let found = REFERENCES.iter().find(|(it, _)| *it == name);
        let (_, text) = found.with_context(|| format!("no tests/reference/{name}.json"))?;
        serde_json::from_str(text).with_context(|| format!("tests/reference/{name}.json"))
    }
}

/// The value that has this name on the command line.
fn one_of<T: ValueEnum>(word: &str) -> Result<T> {
    T::from_str(word, false).map_err(|_| {
        let all = T::value_variants().iter().map(crate::name_of);
        let names: Vec<String> = all.collect();
        anyhow!("found `{word}`, wanted one of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"
        [[experiment]]
        id = "lenet concise zh"
        bands = [
          { metric = "train.loss", low = 0.449, median = 0.468, high = 0.497, builds = 63, decimals = 3 },
          { metric = "train.loss", low = 0.4491, median = 0.4683, high = 0.4969, builds = 63 },
        ]

        [[experiment]]
        id = "alexnet concise en"
        device = "gpu"
    "#;

    /// One experiment with these lines after its id.
    fn with(lines: &str) -> Result<Bands> {
        Bands::parse(&format!(
            "[[experiment]]\nid = \"lenet concise en\"\n{lines}"
        ))
    }

    /// One line that names what is wrong, and where.
    fn ensure_error(result: Result<Bands>, wanted: &[&str]) -> Result<()> {
        let Err(error) = result else {
            bail!("no error, wanted {wanted:?}");
        };
        let message = format!("{error:#}");
        let is_right =
            wanted.iter().all(|words| message.contains(words)) && !message.contains('\n');
        ensure!(is_right, "{message}, wanted {wanted:?}");
        Ok(())
    }

    #[test]
    fn an_experiment_is_found_by_its_three_words() -> Result<()> {
        let bands = Bands::parse(PRINTED)?;
        let zh = bands.of("lenet", Implementation::Concise, PresetName::Zh);
        let zh = zh.context("lenet concise zh")?;
        let range = [0.449, 0.468, 0.497];
        assert_eq!(zh.bands[0], Band::book("train.loss", range, 63, Some(3)));
        assert_eq!(
            (zh.bands.len(), zh.bands[1].decimals, zh.wants_gpu),
            (2, None, false)
        );
        let en = bands.of("alexnet", Implementation::Concise, PresetName::En);
        let en = en.context("alexnet concise en")?;
        assert!(en.wants_gpu && en.bands.is_empty());
        assert_eq!(
            bands.of("lenet", Implementation::Scratch, PresetName::Zh),
            None
        );
        Ok(())
    }

    /// 0.6323111 .. 0.7166166 .. 0.8009221, by Python:
    ///
    /// ```python
    /// pool = builds + json.load(open("en-lenet-concise.json"))["metrics"][0]["values"]
    /// mean, deviation = statistics.fmean(pool), statistics.stdev(pool)
    /// [f"{mean + sign * 3 * deviation:.7g}" for sign in (-1, 0, 1)]
    /// ```
    #[test]
    fn few_builds_are_pooled_with_the_runs_of_the_pytorch_reference() -> Result<()> {
        let builds = "[0.6774, 0.685, 0.691425, 0.69785, 0.704275, 0.7107, 0.72265, 0.7346, 0.74655, 0.7585, 0.7732]";
        let bands = with(&format!(
            "reference = \"en-lenet-concise\"\nbands = [{{ metric = \"train_window.loss\", builds = {builds} }}]"
        ))?;
        let band = &bands.experiments()[0].bands[0];
        let near = |found: f64, wanted: f64| (found - wanted).abs() < 5e-8;
        assert!(near(band.low, 0.6323111), "{band:?}");
        assert!(near(band.median, 0.7166166), "{band:?}");
        assert!(near(band.high, 0.8009221), "{band:?}");
        assert_eq!((band.runs, band.source), (11 + 20, "book and PyTorch"));
        Ok(())
    }

    #[test]
    fn the_reference_of_either_edition_is_found() -> Result<()> {
        for (name, metric) in [
            ("en-lenet-concise", "train_window.loss"),
            ("zh-kernel-regression-scratch", "train.loss.epoch5"),
        ] {
            let runs = Reference::named(name)?.metrics.into_iter();
            let mut runs = runs.filter(|runs| runs.metric == metric);
            let values = runs.next().context(metric)?.values.len();
            ensure!(values >= ENOUGH, "{name}: {values} values");
        }
        Ok(())
    }

    #[test]
    fn what_is_wrong_with_an_experiment_is_named() -> Result<()> {
        ensure_error(Bands::parse("[[experiment]]\nbands = ["), &["line 2"])?;
        ensure_error(Bands::parse("[[experiments]]"), &["`experiments`"])?;
        ensure_error(Bands::parse("[[experiment]]\ndevice = \"gpu\""), &["`id`"])?;
        let named =
            |id: &str| Bands::parse(&format!("[[experiment]]\nid = {id}\ndevice = \"gpu\""));
        ensure_error(named("3"), &["line 2", "string"])?;
        ensure_error(named("\"lenet zh\""), &["experiment `lenet zh`", "2 words"])?;
        ensure_error(
            named("\"lenet quickly zh\""),
            &["`quickly`", "scratch, concise"],
        )?;
        ensure_error(
            named("\"lenet concise fr\""),
            &["`fr`", "quick, small, zh, en"],
        )?;
        ensure_error(
            Bands::parse(&PRINTED.repeat(2)),
            &["`lenet concise zh`", "twice"],
        )?;
        ensure_error(with("device = \"abacus\""), &["line 3", "abacus", "gpu"])?;
        ensure_error(with("band = []"), &["line 3", "unknown field `band`"])?;
        ensure_error(with("bands = [{ builds = 63 }]"), &["line 3", "`metric`"])?;
        let lenet = "experiment `lenet concise en`";
        let reference =
            "reference = \"en-lenet\"\nbands = [{ metric = \"valid.loss\", builds = [] }]";
        ensure_error(
            with(reference),
            &[lenet, "no tests/reference/en-lenet.json"],
        )?;
        let no_reference = "bands = [{ metric = \"valid.loss\", builds = [1.0] }]";
        ensure_error(with(no_reference), &[lenet, "a reference"])
    }

    #[test]
    fn what_is_wrong_with_a_band_is_named() -> Result<()> {
        let loss = |keys: &str| with(&format!("bands = [{{ metric = \"valid.loss\", {keys} }}]"));
        let place = "experiment `lenet concise en`: metric `valid.loss`: ";
        let numbers = "low = 1.0, median = 2.0, high = 3.0";
        ensure_error(loss(numbers), &["line 3", "missing field `builds`"])?;
        ensure_error(loss("builds = 63"), &[place, "wanted low, median, high"])?;
        let key = format!("{numbers}, builds = 63, decimal = 3");
        ensure_error(loss(&key), &["line 3", "unknown field `decimal`"])?;
        let few = format!("{numbers}, builds = 19");
        ensure_error(loss(&few), &[place, "19 values", "20 or more"])?;
        let order = "low = 1.0, median = 4.0, high = 3.0, builds = 63";
        ensure_error(loss(order), &[place, "median 4", "ascending"])?;
        let nan = "low = nan, median = 2.0, high = 3.0, builds = 63";
        ensure_error(loss(nan), &[place, "low NaN"])?;
        let band = format!("{{ metric = \"valid.loss\", {numbers}, builds = 63 }}");
        let twice = with(&format!("bands = [{band}, {band}]"));
        ensure_error(twice, &["metric `valid.loss`", "twice"])?;
        let pooled = |keys: &str| {
            let band = format!("{{ metric = \"valid.loss\", {keys} }}");
            with(&format!(
                "reference = \"en-lenet-concise\"\nbands = [{band}]"
            ))
        };
        ensure_error(pooled("builds = [1.0]"), &[place, "no runs"])?;
        ensure_error(
            pooled("builds = [1.0], low = 1.0"),
            &[place, "the builds' values"],
        )
    }
}

//! The scores of groups of runs: mean and standard deviation over the seeds, and which differences exceed them.

use crate::groups::Group;
use crate::statistics::{Sample, difference};
use crate::table::Table;
use crate::text::optional;
use anyhow::Result;
use d2l_log::{higher_is_better, shown};

/// One metric's final values in each group.
pub(crate) struct Spread {
    pub(crate) metric: String,
    /// `None` for a group in which no run has the metric.
    pub(crate) samples: Vec<Option<Sample>>,
    /// The group with the best mean.
    pub(crate) best: usize,
    /// For each group, Welch's interval of its mean minus the best one, if it can be computed.
    pub(crate) intervals: Vec<Option<(f64, f64)>>,
}

impl Spread {
    /// The spread of a metric; `None` if no group has it.
    ///
    /// # Errors
    ///
    /// If an interval cannot be computed.
    pub(crate) fn of(metric: &str, groups: &[Group]) -> Result<Option<Self>> {
        let values = |group: &Group| -> Vec<f64> {
            group
                .logs
                .iter()
                .filter_map(|log| log.last(metric))
                .collect()
        };
        let samples: Vec<Option<Sample>> = groups
            .iter()
            .map(|group| Sample::of(&values(group)))
            .collect();
        let present = samples.iter().enumerate();
        let present = present.filter_map(|(at, sample)| Some((at, sample.as_ref()?)));
        // A run that diverged is never the best.
        let present = present.filter(|(_, sample)| !sample.mean.is_nan());
        let best = present.reduce(|best, next| {
            let better = match higher_is_better(metric) {
                true => next.1.mean > best.1.mean,
                false => next.1.mean < best.1.mean,
            };
            if better { next } else { best }
        });
        let Some((best, best_sample)) = best else {
            return Ok(None);
        };
        let intervals = samples.iter().enumerate().map(|(at, sample)| match sample {
            Some(sample) if at != best => difference(sample, best_sample),
            _ => Ok(None),
        });
        let intervals = intervals.collect::<Result<_>>()?;
        Ok(Some(Self {
            metric: metric.into(),
            samples,
            best,
            intervals,
        }))
    }

    /// Whether a group's difference to the best is larger than the seeds' spread; `None` where nothing can be said.
    pub(crate) fn is_apart(&self, group: usize) -> Option<bool> {
        let (low, high) = (*self.intervals.get(group)?)?;
        Some(low > 0.0 || high < 0.0)
    }

    /// The table, a line for each group, and a sentence for each difference to the best.
    pub(crate) fn text(&self, names: &[String]) -> String {
        let headings = [&self.metric, "seeds", "mean", "± deviation", "low", "high"];
        let mut table = Table::of_words(headings.map(String::from));
        for (name, sample) in names.iter().zip(&self.samples) {
            let cell = |value: fn(&Sample) -> f64| {
                optional(sample.as_ref(), |sample| shown(value(sample)))
            };
            let count = optional(sample.as_ref(), |sample| sample.count.to_string());
            let deviation = optional(sample.and_then(|sample| sample.deviation), shown);
            let [mean, low, high] = [
                cell(|sample| sample.mean),
                cell(|sample| sample.low),
                cell(|sample| sample.high),
            ];
            table.row([format!("  {name}"), count, mean, deviation, low, high]);
        }
        let sentences = (0..names.len()).filter_map(|group| self.sentence(group, names));
        table.render() + &sentences.collect::<String>()
    }

    fn sentence(&self, group: usize, names: &[String]) -> Option<String> {
        let (name, best) = (names.get(group)?, names.get(self.best)?);
        let sample = (*self.samples.get(group)?)?;
        let best_sample = (*self.samples.get(self.best)?)?;
        if group == self.best {
            return None;
        }
        let Some((low, high)) = *self.intervals.get(group)? else {
            return Some(match sample.count.min(best_sample.count) {
                1 => format!("{name} and {best}: a single run has no spread; train more seeds\n"),
                _ => format!("{name} and {best}: a run diverged, so no interval can be stated\n"),
            });
        };
        // Turned so that a positive difference is a disadvantage.
        let (distance, low, high) = match higher_is_better(&self.metric) {
            true => (best_sample.mean - sample.mean, -high, -low),
            false => (sample.mean - best_sample.mean, low, high),
        };
        let verdict = match self.is_apart(group) {
            Some(true) => "more than the seeds' spread",
            _ => "no more than the seeds' spread",
        };
        Some(format!(
            "{name} is worse than {best} by {} ({} to {}): {verdict}\n",
            shown(distance),
            shown(low),
            shown(high)
        ))
    }
}

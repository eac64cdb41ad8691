//! The table at the end of a sweep: a row for each setting, with mean ± standard deviation over its seeds.

use super::plan::Setting;
use crate::statistics::Sample;
use crate::table::Table;
use crate::text::NONE;
use d2l_log::{Log, Status, higher_is_better, shown};

/// The metrics by which settings are ranked: the first of these that exists.
const RANKING: [&str; 4] = ["valid.accuracy", "valid.bleu", "valid.loss", "train.loss"];

/// `runs` are in the order of the settings, each with its log.
pub(crate) fn table(runs: &[(&Setting, &Option<Log>)]) -> String {
    let mut settings: Vec<&Setting> = runs.iter().map(|(setting, _)| *setting).collect();
    settings.dedup();
    let finished = |setting: &Setting| -> Vec<&Log> {
        let of_setting = runs.iter().filter(|(other, _)| *other == setting);
        let logs = of_setting.filter_map(|(_, log)| log.as_ref());
        logs.filter(|log| {
            log.end
                .as_ref()
                .is_some_and(|end| end.status == Status::Finished)
        })
        .collect()
    };
    let metrics = metrics(runs);
    let flags = settings
        .first()
        .map(|setting| &setting.0[..])
        .unwrap_or_default();
    let mut headings: Vec<String> = flags
        .iter()
        .map(|(flag, _)| flag.replace('-', " "))
        .collect();
    headings.push("runs".into());
    headings.extend(metrics.iter().map(|metric| metric.replace(['.', '_'], " ")));
    let mut table = Table::of_words(headings);
    for setting in &settings {
        let logs = finished(setting);
        let mut cells: Vec<String> = setting.0.iter().map(|(_, value)| value.clone()).collect();
        cells.push(logs.len().to_string());
        cells.extend(
            metrics
                .iter()
                .map(|metric| spread(&logs, metric).map_or(NONE.into(), text)),
        );
        table.row(cells);
    }
    let mut text = table.render();
    let failed = runs.len()
        - settings
            .iter()
            .map(|setting| finished(setting).len())
            .sum::<usize>();
    if failed > 0 {
        text += &format!(
            "{failed} of {} runs failed and are in no mean\n",
            runs.len()
        );
    }
    if let Some(metric) = RANKING
        .into_iter()
        .find(|metric| metrics.iter().any(|known| known == metric))
    {
        let ranked = settings
            .iter()
            .filter_map(|setting| Some((setting, spread(&finished(setting), metric)?.mean)));
        let better = |a: &f64, b: &f64| {
            if higher_is_better(metric) {
                a.total_cmp(b)
            } else {
                b.total_cmp(a)
            }
        };
        if let Some((setting, mean)) = ranked
            .max_by(|a, b| better(&a.1, &b.1))
            .filter(|_| settings.len() > 1)
        {
            text += &format!("best mean of {metric}: {} with {setting}\n", shown(mean));
        }
    }
    text
}

/// Metrics that the runs ended with.
fn metrics(runs: &[(&Setting, &Option<Log>)]) -> Vec<String> {
    let logs = runs.iter().filter_map(|(_, log)| log.as_ref());
    let names = logs
        .filter_map(|log| log.end.as_ref())
        .flat_map(|end| end.last.keys().cloned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}

fn spread(logs: &[&Log], metric: &str) -> Option<Sample> {
    let values = logs.iter().filter_map(|log| log.last(metric));
    Sample::of(&values.collect::<Vec<_>>())
}

fn text(spread: Sample) -> String {
    match spread.deviation {
        Some(deviation) => format!("{} ± {}", shown(spread.mean), rough(deviation)),
        None => shown(spread.mean),
    }
}

/// Two significant digits.
fn rough(deviation: f64) -> String {
    if deviation == 0.0 {
        return "0".into();
    }
    let decimals = (1.0 - deviation.log10().floor()).max(0.0) as usize;
    format!("{deviation:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_has_two_digits() {
        let texts = [0.0, 0.026_02, 5.833e-4, 1.234, 123.4].map(rough);
        assert_eq!(texts, ["0", "0.026", "0.00058", "1.2", "123"]);
    }
}

//! The tables that are written from `scripts/results/` and the book's results.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use d2l_log::shown;

use crate::book::{Book, Quantity, folder, folder_name};
use crate::results::{self, Experiment, Measured, Results};
use crate::words::{Language, Words};

/// The ending of a Chinese page's name.
const CHINESE: &str = ".zh-CN.md";
/// Seconds from which on a time is said in minutes.
const LONG: f64 = 90.0;
/// The most builds whose values are listed one by one.
const FEW: usize = 2;

/// The language of a page, by its name.
pub fn language(path: &Path) -> Language {
    match path.to_string_lossy().ends_with(CHINESE) {
        true => Language::Chinese,
        false => Language::English,
    }
}

/// A chapter's table: for each experiment, `MODEL IMPLEMENTATION PRESET` with its label, a row for each band.
///
/// # Errors
/// If the book has no such experiment, or a file can't be read.
pub fn results(
    chapter: &str,
    rows: &[(String, String)],
    language: Language,
) -> Result<Vec<String>> {
    let (words, book) = (Words::of(language)?, Book::read(chapter)?);
    let results = Results::read(&results::folder()?, chapter)?;
    let mut lines = head(&words.chapter_head);
    let mut made = Vec::new();
    for (id, label) in rows {
        let of_book = book.find(id)?;
        let run = results.find(id);
        made.extend(run);
        let model = id.split(' ').next().unwrap_or_default();
        let mut label = label.as_str();
        for quantity in &of_book.bands {
            let measured = run.and_then(|run| measured(run, quantity));
            let accepted = measured.map(|it| match it.band.source.as_str() {
                "book" => words.builds_range.clone(),
                _ => format!("{} .. {}", shown(it.band.low), shown(it.band.high)),
            });
            lines.push(row(&[
                label,
                &words.metric(model, &quantity.metric)?,
                &range(quantity),
                &quantity.builds().to_string(),
                &accepted.unwrap_or_default(),
                &ours(&words, measured, of_book.wants_gpu()),
            ]));
            label = "";
        }
    }
    if !made.is_empty() {
        lines.extend([String::new(), caption(&words, chapter, &made)?]);
    }
    Ok(lines)
}

/// The table of page 1: for each `CHAPTER MODEL IMPLEMENTATION PRESET` a row with one metric.
///
/// # Errors
/// If the book has no such experiment or metric, or a file can't be read.
pub fn overview(rows: &[(String, String)], language: Language) -> Result<Vec<String>> {
    let words = Words::of(language)?;
    let mut lines = head(&words.overview_head);
    let mut last = "";
    for (id, metric) in rows {
        let (chapter, id) = id
            .split_once(' ')
            .with_context(|| format!("`{id}` has one word"))?;
        let parts: Vec<&str> = id.split(' ').collect();
        let &[model, implementation, preset] = &parts[..] else {
            anyhow::bail!("found `{id}`, wanted model, implementation and preset");
        };
        let book = Book::read(chapter)?;
        let of_book = book.find(id)?;
        // Of a number that the book prints and draws, what it draws has more digits.
        let quantities = of_book.bands.iter().filter(|it| it.metric == *metric);
        let quantity = quantities.max_by_key(|it| it.decimals.unwrap_or(i32::MAX));
        let quantity = quantity.with_context(|| format!("`{id}` has no band of {metric}"))?;
        let results = Results::read(&results::folder()?, chapter)?;
        let run = results.find(id);
        let by_hand = if implementation == "scratch" {
            " --implementation scratch"
        } else {
            ""
        };
        let cells = [
            if chapter == last {
                String::new()
            } else {
                link(&words, chapter, language)?
            },
            format!("`cargo run -p {chapter} -- {model} --preset {preset}{by_hand}`"),
            words.metric(model, metric)?,
            ours(
                &words,
                run.and_then(|run| measured(run, quantity)),
                of_book.wants_gpu(),
            ),
            format!("{} ({})", range(quantity), quantity.builds()),
            run.map(|run| cost(&words, run)).unwrap_or_default(),
        ];
        lines.push(row(&cells.each_ref().map(String::as_str)));
        last = chapter;
    }
    Ok(lines)
}

/// The chapter's name, with a link to its page in this language, if there is one.
fn link(words: &Words, chapter: &str, language: Language) -> Result<String> {
    let chinese = format!("README{CHINESE}");
    let has_chinese = folder(chapter)?.join(&chinese).exists();
    let file = match language {
        Language::Chinese if has_chinese => chinese.as_str(),
        _ => "README.md",
    };
    let folder = folder_name(chapter)?;
    Ok(format!(
        "[{}](crates/{folder}/{file})",
        words.chapter(chapter)?
    ))
}

/// The result that belongs to a quantity of the book, which may print a number and draw it too.
fn measured<'a>(run: &'a Experiment, quantity: &Quantity) -> Option<&'a Measured> {
    let mut results = run.results.iter();
    results.find(|it| (&it.band.metric, it.band.decimals) == (&quantity.metric, quantity.decimals))
}

fn ours(words: &Words, measured: Option<&Measured>, wants_gpu: bool) -> String {
    match (
        measured.map(|it| (it.band.value, it.band.within)),
        wants_gpu,
    ) {
        (Some((Some(value), true)), _) => shown(value),
        (Some((Some(value), false)), _) => words.outside.replace("{}", &shown(value)),
        (Some((None, _)) | None, false) => words.not_run.clone(),
        (Some((None, _)) | None, true) => words.not_run_gpu.clone(),
    }
}

/// What the book's builds reached.
fn range(quantity: &Quantity) -> String {
    let Some([low, median, high]) = quantity.range().map(|range| range.map(printed)) else {
        return String::new();
    };
    match quantity.builds() {
        ..=FEW => format!("{low}, {high}"),
        _ => format!("{low} .. {median} .. {high}"),
    }
}

/// A number of the book, which has no more digits than it printed.
fn printed(value: f64) -> String {
    let text = shown(value);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, ""));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    match exponent {
        "" => mantissa.to_string(),
        exponent => format!("{mantissa}e{exponent}"),
    }
}

/// A machine as a reader compares it with his own.
fn machine(words: &Words, run: &Experiment) -> String {
    let machine = &run.machine;
    let cores = words.cores.replace("{}", &machine.cores.to_string());
    format!("{} ({cores}, {})", machine.processor, machine.vectors)
}

/// Time and memory of one run.
fn cost(words: &Words, run: &Experiment) -> String {
    let memory = run.peak_memory_bytes.iter().flatten().max();
    let memory = memory.map(|bytes| megabytes(words, *bytes));
    let time = fastest(run).map(|seconds| time(words, seconds));
    let parts: Vec<String> = time.into_iter().chain(memory).collect();
    parts.join(", ")
}

/// Seconds of the fastest seed, which other work on the machine slowed down least.
fn fastest(run: &Experiment) -> Option<f64> {
    run.seconds.iter().copied().min_by(f64::total_cmp)
}

fn time(words: &Words, seconds: f64) -> String {
    match seconds {
        LONG.. => words
            .minutes
            .replace("{}", &format!("{:.0}", seconds / 60.0)),
        1.0.. => words.seconds.replace("{}", &format!("{seconds:.0}")),
        _ => words.seconds.replace("{}", &format!("{seconds:.1}")),
    }
}

fn megabytes(words: &Words, bytes: u64) -> String {
    words
        .megabytes
        .replace("{}", &(bytes / 1_000_000).to_string())
}

/// The sentence under a table that says where its numbers come from.
fn caption(words: &Words, chapter: &str, made: &[&Experiment]) -> Result<String> {
    let first = made.first().context("no experiment")?;
    ensure!(
        made.iter().all(|run| run.seeds == first.seeds),
        "results of {chapter}: found experiments with different seeds, wanted the same; `scripts/reproduce.sh {chapter}` \
         with SEEDS makes them anew"
    );
    let seeds: Vec<String> = first.seeds.iter().map(u64::to_string).collect();
    let distinct = |all: Vec<String>| {
        let mut distinct: Vec<String> = Vec::new();
        for one in all {
            if !distinct.contains(&one) {
                distinct.push(one);
            }
        }
        distinct.join(", ")
    };
    let mut seconds: Vec<f64> = made.iter().filter_map(|run| fastest(run)).collect();
    seconds.sort_by(f64::total_cmp);
    let ends = [seconds.first(), seconds.last()].map(|end| end.map(|end| time(words, *end)));
    let memory = made
        .iter()
        .flat_map(|run| run.peak_memory_bytes.iter().flatten())
        .max();
    let ends = distinct(ends.into_iter().flatten().collect()).replace(", ", " .. ");
    Ok(words
        .made
        .replace("{seeds}", &seeds.join(", "))
        .replace("{chapter}", chapter)
        .replace(
            "{machine}",
            &distinct(made.iter().map(|run| machine(words, run)).collect()),
        )
        .replace(
            "{commits}",
            &distinct(made.iter().map(|run| run.commit.clone()).collect()),
        )
        .replace("{seconds}", &ends)
        .replace(
            "{memory}",
            &memory
                .map(|bytes| megabytes(words, *bytes))
                .unwrap_or_default(),
        ))
}

fn head(columns: &[String]) -> Vec<String> {
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    vec![row(&columns), format!("|{}", "---|".repeat(columns.len()))]
}

fn row(cells: &[&str]) -> String {
    let cells = cells.iter().map(|cell| match cell.is_empty() {
        true => " |".to_string(),
        false => format!(" {cell} |"),
    });
    format!("|{}", cells.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::root;

    #[test]
    fn every_quantity_of_the_book_has_words_in_both_languages() -> Result<()> {
        let mut found = 0;
        for entry in fs::read_dir(root()?.join("crates"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let Some((number, chapter)) = name.split_once('-') else {
                continue;
            };
            if number.parse::<u32>().is_err() {
                continue;
            }
            let path = root()?.join("crates").join(&name).join("bands.toml");
            let text = fs::read_to_string(path)?;
            let ids = text.lines().filter_map(|line| line.strip_prefix("id = \""));
            let ids = ids.filter_map(|rest| rest.strip_suffix('"'));
            let rows: Vec<_> = ids.map(|id| (id.to_string(), id.to_string())).collect();
            for language in [Language::English, Language::Chinese] {
                results(chapter, &rows, language)?;
                Words::of(language)?.chapter(chapter)?;
            }
            found += rows.len();
        }
        ensure!(
            found > 50,
            "only {found} experiments found: the search is broken"
        );
        Ok(())
    }

    #[test]
    fn what_has_not_been_run_is_said() -> Result<()> {
        let words = Words::of(Language::English)?;
        assert_eq!(ours(&words, None, false), "not run");
        assert_eq!(ours(&words, None, true), "not run: needs a GPU");
        Ok(())
    }

    #[test]
    fn numbers_of_the_book_have_its_digits() {
        let written = [0.0237, 4.5e-5, -0.25, 47.0, 0.0].map(printed);
        assert_eq!(written, ["0.0237", "4.5e-5", "-0.25", "47", "0"]);
    }

    #[test]
    fn page_1_has_a_command_for_each_row() -> Result<()> {
        let rows = [(
            "mlp mlp scratch zh".to_string(),
            "valid.accuracy".to_string(),
        )];
        let lines = overview(&rows, Language::English)?;
        let wanted = "| [03 multilayer perceptron](crates/03-mlp/README.md) | `cargo run -p mlp -- mlp --preset zh \
                      --implementation scratch` | held-out accuracy | ";
        assert!(lines[2].starts_with(wanted), "{}", lines[2]);
        let unknown = [("mlp mlp scratch zh".to_string(), "valid.speed".to_string())];
        assert!(overview(&unknown, Language::English).is_err());
        Ok(())
    }
}

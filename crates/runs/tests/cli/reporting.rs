//! `runs report`

use crate::{FIRST, Run, SECOND, header, printed, records, refused, write, write_records};
use anyhow::{Context, Result};
use d2l_log::{Header, Record, Step};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// The runs that the page holds.
fn data(page: &str) -> Result<Value> {
    let (_, data) = page.split_once("id=\"data\">").context("no data")?;
    let (data, _) = data
        .split_once("</script>")
        .context("data without an end")?;
    Ok(serde_json::from_str(data)?)
}

fn page(runs: &Path, arguments: &[&str]) -> Result<String> {
    printed(runs, arguments)?;
    Ok(fs::read_to_string(runs.join("report.html"))?)
}

#[test]
fn the_page_holds_every_run_newest_first_and_fetches_nothing() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &SECOND)?;
    let text = printed(runs.path(), &["report"])?;
    let file = runs.path().join("report.html");
    let wanted = format!(
        "2 runs, {} written (5 MB): open it in a browser\n",
        file.display()
    );
    assert_eq!(text, wanted);
    let page = fs::read_to_string(file)?;
    let data = data(&page)?;
    assert_eq!(data[0]["name"], "mlp/second");
    assert_eq!(
        data[1]["epochs"]["metrics"]["valid.accuracy"],
        serde_json::json!([0.75, 0.875])
    );
    assert_eq!(data[1]["fields"]["recipe.learning_rate"], 0.1);
    assert_eq!(data[0]["final"]["train.loss"], 0.3125);
    assert!(page.contains("plotly.js v") && page.contains("default-src 'none'"));
    for fetched in ["src=\"http", "href=\"http", "<link", "@import"] {
        let own = page.replace(plotly_js(&page)?, "");
        assert!(!own.contains(fetched), "{fetched}");
    }
    Ok(())
}

/// The longest script, which is not ours.
fn plotly_js(page: &str) -> Result<&str> {
    let scripts = page
        .split("<script>")
        .filter_map(|part| part.split("</script>").next());
    scripts
        .max_by_key(|script| script.len())
        .context("no script")
}

#[test]
fn what_logs_hold_cannot_become_part_of_the_page() -> Result<()> {
    const HOSTILE: &str = "</script><script>alert('x')</script><img src=x onerror=alert(1)>&lt;";
    let runs = tempdir()?;
    let mut lines = records(&FIRST);
    lines[0] = Record::Run(Header { model: HOSTILE.into(), ..header(&FIRST) });
    write_records(runs.path(), "mlp", "<b>bold<b>", &lines)?;
    let page = page(runs.path(), &["report"])?;
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("<img src=x") && !page.contains("<b>bold"));
    let data = data(&page)?;
    assert_eq!(data[0]["fields"]["model"], HOSTILE);
    assert_eq!(data[0]["name"], "mlp/<b>bold<b>");
    Ok(())
}

#[test]
fn runs_that_differ_in_their_seed_alone_are_one_experiment() -> Result<()> {
    let runs = tempdir()?;
    for (name, seed, learning_rate) in [("a", 0, 0.1), ("b", 1, 0.1), ("c", 2, 0.5)] {
        let run = Run { name, learning_rate, ..FIRST };
        let mut lines = records(&run);
        lines[0] = Record::Run(Header { seed, ..header(&run) });
        write_records(runs.path(), "mlp", name, &lines)?;
    }
    let data = data(&page(runs.path(), &["report"])?)?;
    let experiment = |run: usize| data[run]["experiment"].as_u64();
    assert_eq!(experiment(1), experiment(2));
    assert_ne!(experiment(0), experiment(1));
    Ok(())
}

#[test]
fn single_steps_and_numbers_that_are_none_are_on_the_page() -> Result<()> {
    let runs = tempdir()?;
    let mut lines = records(&Run { scores: &[(f64::NAN, 0.5)], ..FIRST });
    let step = Step { step: 7, epoch: 1, fold: None, learning_rate: 0.1, loss: 2.5 };
    lines.insert(1, Record::Step(step));
    write_records(runs.path(), "mlp", "steps", &lines)?;
    let data = data(&page(runs.path(), &["report"])?)?;
    assert_eq!(
        data[0]["steps"]["metrics"]["train.loss"],
        serde_json::json!([2.5])
    );
    assert_eq!(data[0]["steps"]["step"], serde_json::json!([7]));
    assert_eq!(data[0]["final"]["train.loss"], "NaN");
    assert_eq!(
        data[0]["epochs"]["metrics"]["train.loss"],
        serde_json::json!([null])
    );
    Ok(())
}

#[test]
fn the_newest_runs_show_their_figures() -> Result<()> {
    const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>";
    let runs = tempdir()?;
    for run in [&FIRST, &SECOND] {
        write(runs.path(), run)?;
        let figures = runs.path().join(run.chapter).join(run.name).join("figures");
        fs::create_dir(&figures)?;
        fs::write(figures.join("loss.svg"), SVG)?;
        fs::write(figures.join("notes.txt"), "no figure")?;
    }
    let data = data(&page(runs.path(), &["report", "--figures", "1"])?)?;
    assert_eq!(
        data[0]["figures"],
        serde_json::json!([{ "name": "loss", "svg": SVG }])
    );
    assert_eq!(data[1]["figures"], serde_json::json!([]));
    Ok(())
}

#[test]
fn named_runs_make_a_page_of_their_own() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    write(runs.path(), &SECOND)?;
    let file = runs.path().join("one/page.html");
    printed(
        runs.path(),
        &["report", "first", "--output", &file.display().to_string()],
    )?;
    let data = data(&fs::read_to_string(file)?)?;
    assert_eq!(data.as_array().map(Vec::len), Some(1));
    Ok(())
}

#[test]
fn without_runs_there_is_no_page() -> Result<()> {
    let runs = tempdir()?;
    let error = refused(runs.path(), &["report"], 1)?;
    assert!(
        error.ends_with("holds no runs; train a chapter first"),
        "{error}"
    );
    assert!(!runs.path().join("report.html").exists());
    Ok(())
}

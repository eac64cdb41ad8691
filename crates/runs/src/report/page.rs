//! The page: a template, styles, scripts and the runs.

use super::data::Run;
use crate::text::count;
use anyhow::{Context, Result};
use askama::Template;
use std::time::SystemTime;

/// Joined in this order, because each builds on those before it.
const SCRIPTS: [&str; 5] = [
    include_str!("../../templates/report/runs.js"),
    include_str!("../../templates/report/charts.js"),
    include_str!("../../templates/report/table.js"),
    include_str!("../../templates/report/details.js"),
    include_str!("../../templates/report/page.js"),
];

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    style: &'a str,
    plotly: &'a str,
    script: String,
    runs: &'a [Run],
    count: String,
    written: String,
}

/// The page as text.
pub(crate) fn render(runs: &[Run]) -> Result<String> {
    let libraries = plotly::Plot::offline_js_sources();
    let page = Page {
        style: include_str!("../../templates/report/style.css"),
        plotly: plotly_js(&libraries).context("plotly.js not found in the plotly crate")?,
        script: SCRIPTS.join("\n"),
        runs,
        count: count(runs.len(), "run"),
        written: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
    };
    Ok(page.render()?)
}

/// The first script of plotly's page. The second one typesets formulas and has 2 MB.
fn plotly_js(libraries: &str) -> Option<&str> {
    let (_, script) = libraries.split_once('>')?;
    let (script, _) = script.split_once("</script>")?;
    Some(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plotly_is_taken_whole_and_without_the_formulas() {
        let libraries = plotly::Plot::offline_js_sources();
        let script = plotly_js(&libraries).expect("a script");
        assert!(script.contains("plotly.js v") && !script.contains("<script"));
        assert!(
            (4_000_000..5_000_000).contains(&script.len()),
            "{} bytes",
            script.len()
        );
        assert!(
            script.trim_end().ends_with('}')
                || script.trim_end().ends_with(';')
                || script.trim_end().ends_with(')')
        );
    }
}

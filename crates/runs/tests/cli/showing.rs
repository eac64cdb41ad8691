//! `runs show`

use crate::{
    FIRST, Run, SECOND, assert_narrow, end, header, metrics, printed, records, write, write_records,
};
use anyhow::Result;
use d2l_log::{BandResult, End, Header, Record, Status, Step};
use serde_json::Value;
use tempfile::tempdir;

#[test]
fn a_run_is_shown_whole() -> Result<()> {
    let runs = tempdir()?;
    let mut records = records(&FIRST);
    records.pop();
    let band = |metric: &str, value: Option<f64>, within| BandResult {
        metric: metric.into(),
        low: 0.752,
        median: Some(0.807),
        high: 0.828,
        decimals: None,
        runs: 63,
        source: "book".into(),
        value,
        within,
    };
    records.push(Record::End(End {
        last: metrics([("train.loss", 0.25), ("error.bias", 0.0005)]),
        bands: vec![
            band("valid.accuracy", Some(0.875), false),
            band("valid.accuracy.best", Some(0.8125), true),
            band("valid.bleu", None, false),
        ],
        ..end(&FIRST, Status::Finished)
    }));
    write_records(runs.path(), "mlp", "first", &records)?;
    let log = runs.path().join("mlp/first/log.jsonl");
    let wanted = format!(
        "mlp/first
finished after 2 epochs and 7.25 s, started 2026-11-22 21:14 UTC

model       mlp, concise, 203530 parameters
preset      quick
device      cpu, 2 threads
memory      210 MB at the peak
seed        0
data        fashion-mnist (real), 60000 to train on, 10000 held out
            sha256 9f86d081
recipe      epochs 2, learning_rate 0.1, clip_norm none
versions    d2l 0.1.0
log         {}

                                                            examples
             learning   train     valid  gradient                per
epoch  step      rate    loss  accuracy      norm  seconds    second
    1   235    0.1000  0.5000    0.7500    0.5000     3.00     20000
    2   470    0.1000  0.2500    0.8750    0.5000     3.00     20000

                                           in
metric           first    last    best  epoch  curve
train.loss      0.5000  0.2500  0.2500      2     █▁
valid.accuracy  0.7500  0.8750  0.8750      2     ▁█
gradient_norm   0.5000  0.5000       -      -     ▄▄

at the end     value
error.bias  5.000e-4

band                  value       verdict     low  middle    high  runs  source
valid.accuracy       0.8750       outside  0.7520  0.8070  0.8280    63    book
valid.accuracy.best  0.8125        within  0.7520  0.8070  0.8280    63    book
valid.bleu                -  not measured  0.7520  0.8070  0.8280    63    book
",
        log.display()
    );
    for name in ["first", "mlp/first", &log.display().to_string()] {
        assert_eq!(printed(runs.path(), &["show", name])?, wanted, "{name}");
    }
    Ok(())
}

#[test]
fn a_failed_run_says_why_and_a_killed_one_says_so() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &Run { status: Some(Status::Failed), ..FIRST })?;
    write(
        runs.path(),
        &Run { name: "killed", status: None, scores: &[], ..FIRST },
    )?;
    assert!(
        printed(runs.path(), &["show", "first"])?
            .contains("\nreason: the loss is not finite in epoch 3\n")
    );
    let killed = printed(runs.path(), &["show", "killed"])?;
    assert!(
        killed.contains("running or killed after 0 epochs"),
        "{killed}"
    );
    assert!(killed.ends_with("\nNo epoch is complete.\n"), "{killed}");
    Ok(())
}

#[test]
fn a_long_run_is_thinned_unless_all_is_asked_for() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &Run { scores: &[(0.5, 0.75); 300], ..FIRST })?;
    let text = printed(runs.path(), &["show", "first"])?;
    assert!(
        text.contains("\n16 of 300 epochs; --all prints each\n"),
        "{text}"
    );
    assert!(
        text.contains("\n  300  70500 "),
        "the last epoch is there: {text}"
    );
    let all = printed(runs.path(), &["show", "first", "--all"])?;
    assert_eq!(all.lines().count(), text.lines().count() - 1 - 16 + 300);
    assert_narrow(&text.replace(&runs.path().display().to_string(), ""));
    Ok(())
}

#[test]
fn a_run_without_a_data_set_says_so() -> Result<()> {
    let runs = tempdir()?;
    let header = Header { data: None, ..header(&FIRST) };
    write_records(runs.path(), "mlp", "first", &[Record::Run(header)])?;
    let text = printed(runs.path(), &["show", "first"])?;
    assert!(text.contains("\ndata        no data set\n"), "{text}");
    write(runs.path(), &SECOND)?;
    let compared = printed(runs.path(), &["compare", "first", "second"])?;
    assert!(
        compared.contains("\ndata.train     -          60000\n"),
        "{compared}"
    );
    Ok(())
}

#[test]
fn steps_are_a_curve() -> Result<()> {
    let runs = tempdir()?;
    let mut records = records(&FIRST);
    for step in (1..=4).rev() {
        let loss = 1.0 / step as f64;
        records.insert(
            1,
            Record::Step(Step { step, epoch: 1, loss, ..Step::default() }),
        );
    }
    write_records(runs.path(), "mlp", "first", &records)?;
    let text = printed(runs.path(), &["show", "first"])?;
    let line = "loss of 4 steps  1.0000  0.2500       -      -   █▃▂▁\n";
    assert!(text.contains(line), "{text}");
    records.truncate(5);
    write_records(runs.path(), "mlp", "begun", &records)?;
    let text = printed(runs.path(), &["show", "begun"])?;
    assert!(
        text.contains("No epoch is complete.\n") && text.contains("█▃▂▁\n"),
        "{text}"
    );
    Ok(())
}

#[test]
fn the_whole_log_is_there_as_json() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    let text = printed(runs.path(), &["show", "first", "--format", "json"])?;
    let shown: Value = serde_json::from_str(&text)?;
    assert_eq!(shown["run"], "mlp/first");
    assert_eq!(shown["header"]["recipe"]["learning_rate"], 0.1);
    assert_eq!(shown["epochs"][1]["valid"]["accuracy"], 0.875);
    assert_eq!(shown["end"]["status"], "finished");
    Ok(())
}

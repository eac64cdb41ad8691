//! `runs verify`

use crate::{FIRST, Run, end, metrics, output, printed, records, refused, write, write_records};
use anyhow::Result;
use d2l_log::{BandResult, End, Record, Status};
use std::path::Path;
use tempfile::tempdir;

/// A finished run of one seed, judged by a band of the accuracy and one of the loss.
fn judged(runs: &Path, seed: u64, accuracy: f64, loss: Option<f64>) -> Result<()> {
    let mut records = records(&FIRST);
    records.pop();
    if let Some(Record::Run(header)) = records.first_mut() {
        header.preset = "zh".into();
        header.seed = seed;
    }
    let band = |metric: &str, (low, median, high), value: Option<f64>, source: &str| BandResult {
        metric: metric.into(),
        low,
        median: Some(median),
        high,
        decimals: None,
        runs: 63,
        source: source.into(),
        value,
        within: value.is_some_and(|value| (low..=high).contains(&value)),
    };
    records.push(Record::End(End {
        last: metrics([("valid.accuracy", accuracy)]),
        bands: vec![
            band("valid.accuracy", (0.75, 0.8, 0.85), Some(accuracy), "book"),
            band(
                "train.loss",
                (0.001, 0.002, 0.003),
                loss,
                "book and PyTorch",
            ),
        ],
        ..end(&FIRST, Status::Finished)
    }));
    write_records(runs, "mlp", &format!("s{seed}"), &records)
}

#[test]
fn the_seeds_of_an_experiment_stand_side_by_side_with_their_median() -> Result<()> {
    let runs = tempdir()?;
    judged(runs.path(), 1, 0.875, Some(0.0025))?;
    judged(runs.path(), 0, 0.8125, Some(0.0015))?;
    judged(runs.path(), 2, 0.5, Some(0.004))?;
    let wanted = "
mlp, concise, preset zh: 3 runs on cpu, 7.25 s each
                    seed      seed      seed
band                   0         1         2    median  verdict       low
valid.accuracy    0.8125    0.8750    0.5000    0.8125   within    0.7500
train.loss      0.001500  0.002500  0.004000  0.002500   within  0.001000

band              middle      high  runs            source
valid.accuracy    0.8000    0.8500    63              book
train.loss      0.002000  0.003000    63  book and PyTorch
";
    let text = printed(runs.path(), &["verify", "s1", "s0", "s2"])?;
    assert_eq!(format!("\n{text}"), wanted);
    // Runs without bands are left out unless they are named.
    write(runs.path(), &FIRST)?;
    assert_eq!(printed(runs.path(), &["verify"])?, text);
    Ok(())
}

#[test]
fn markdown_has_a_row_for_each_band() -> Result<()> {
    let runs = tempdir()?;
    for (seed, accuracy) in [(0, 0.5), (1, 0.875), (2, 0.9375)] {
        judged(
            runs.path(),
            seed,
            accuracy,
            Some(0.002).filter(|_| seed != 1),
        )?;
    }
    let output = output(runs.path(), &["verify", "--markdown"])?;
    assert_eq!(output.status.code(), Some(1), "a result was not measured");
    let text = String::from_utf8(output.stdout)?;
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 4, "{text}");
    assert_eq!(rows[0][4..8], ["metric", "by seed", "median", "band"]);
    assert!(
        rows[1].iter().all(|cell| cell.chars().all(|c| c == '-')),
        "{text}"
    );
    let wanted = [
        "mlp",
        "concise",
        "zh",
        "cpu",
        "valid.accuracy",
        "0.5000, 0.8750, 0.9375",
        "0.8750",
        "0.7500 .. 0.8500",
        "book, 63 runs",
        "**no**",
        "7.25",
    ];
    assert_eq!(rows[2], wanted);
    // If a run has no value, there is no median and no pass.
    assert_eq!(
        rows[3][4..10],
        [
            "train.loss",
            "0.002000, -, 0.002000",
            "-",
            "0.001000 .. 0.003000",
            "book and PyTorch, 63 runs",
            "**no**"
        ]
    );
    Ok(())
}

#[test]
fn experiments_are_told_apart() -> Result<()> {
    let runs = tempdir()?;
    judged(runs.path(), 0, 0.8125, Some(0.002))?;
    let mut other = records(&Run { device: "cuda:0", ..FIRST });
    other.pop();
    let Some(Record::End(end)) = d2l_log::Log::find(runs.path(), "s0")?.end.map(Record::End) else {
        panic!("the first run has an end")
    };
    other.push(Record::End(end));
    write_records(runs.path(), "mlp", "other", &other)?;
    let text = printed(runs.path(), &["verify", "s0", "other"])?;
    assert!(
        text.starts_with("mlp, concise, preset zh: 1 run on cpu, 7.25 s each\nband "),
        "{text}"
    );
    assert!(
        text.contains("\n\nmlp, concise, preset quick: 1 run on cuda:0, 7.25 s each\n"),
        "{text}"
    );
    Ok(())
}

#[test]
fn runs_without_bands_are_named() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    let message = "none of the runs has bands";
    assert!(refused(runs.path(), &["verify"], 2)?.starts_with(message));
    judged(runs.path(), 0, 0.8125, Some(0.002))?;
    let output = output(runs.path(), &["verify", "s0", "first"])?;
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr)?,
        "warning: mlp/first: it has no bands; --bands-of RUN judges it by another run's\n"
    );
    Ok(())
}

#[test]
fn a_median_outside_its_band_is_exit_code_1_and_named() -> Result<()> {
    let runs = tempdir()?;
    for (seed, accuracy, loss) in [(0, 0.5, 0.004), (1, 0.8, 0.0041), (2, 0.9, 0.002)] {
        judged(runs.path(), seed, accuracy, Some(loss))?;
    }
    let message = "mlp concise zh: train.loss is 0.004000, outside 0.001000 .. 0.003000";
    assert_eq!(refused(runs.path(), &["verify"], 1)?, message);
    let message = refused(runs.path(), &["verify", "s0"], 1)?;
    let wanted =
        "mlp concise zh: valid.accuracy is 0.5000, outside 0.7500 .. 0.8500, and 1 result more";
    assert_eq!(message, wanted);
    Ok(())
}

#[test]
fn a_median_is_rounded_as_the_book_prints() -> Result<()> {
    let runs = tempdir()?;
    for seed in 0..2 {
        judged(runs.path(), seed, 0.8, Some(0.003 + 0.0003 * seed as f64))?;
    }
    refused(runs.path(), &["verify"], 1)?;
    for seed in 0..2 {
        let name = format!("s{seed}");
        let file = runs.path().join("mlp").join(&name).join(d2l_log::FILE_NAME);
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(
            &file,
            text.replace("\"high\":0.003,", "\"high\":0.003,\"decimals\":3,"),
        )?;
    }
    printed(runs.path(), &["verify"])?;
    Ok(())
}

#[test]
fn an_imported_run_is_judged_by_the_bands_of_another() -> Result<()> {
    let runs = tempdir()?;
    judged(runs.path(), 0, 0.8125, Some(0.0025))?;
    let csv = runs.path().join("torch.csv");
    std::fs::write(&csv, "epoch,train_loss,val_acc\n1,0.5,0.75\n2,0.002,0.8\n")?;
    let csv = csv.display().to_string();
    printed(
        runs.path(),
        &["import", &csv, "--implementation", "pytorch"],
    )?;
    let text = printed(runs.path(), &["verify", "torch", "--bands-of", "s0"])?;
    let wanted = "bands of mlp/s0

torch, pytorch, preset imported: 1 run on unknown, 0.00 s each
band               value  verdict       low    middle      high  runs
valid.accuracy    0.8000   within    0.7500    0.8000    0.8500    63
train.loss      0.002000   within  0.001000  0.002000  0.003000    63

band                      source
valid.accuracy              book
train.loss      book and PyTorch
";
    assert_eq!(text, wanted);
    std::fs::write(&csv, "epoch,train_loss,val_acc\n1,0.5,0.75\n2,0.002,0.9\n")?;
    printed(runs.path(), &["import", &csv, "--name", "other"])?;
    let call = ["verify", "other", "--bands-of", "s0", "--markdown"];
    let message = refused(runs.path(), &call, 1)?;
    assert_eq!(
        message,
        "other imported imported: valid.accuracy is 0.9000, outside 0.7500 .. 0.8500"
    );
    Ok(())
}

#[test]
fn bands_of_another_run_need_some_and_a_finished_run() -> Result<()> {
    let runs = tempdir()?;
    write(runs.path(), &FIRST)?;
    judged(runs.path(), 0, 0.8125, Some(0.0025))?;
    let error = refused(runs.path(), &["verify", "s0", "--bands-of", "first"], 2)?;
    assert!(
        error.starts_with("--bands-of first: the run has no bands; wanted"),
        "{error}"
    );
    let error = refused(runs.path(), &["verify", "--bands-of", "s0"], 2)?;
    assert!(
        error.contains("wanted the names of the runs to judge"),
        "{error}"
    );
    write(
        runs.path(),
        &Run { name: "stopped", status: Some(Status::Interrupted), ..FIRST },
    )?;
    let output = output(runs.path(), &["verify", "stopped", "--bands-of", "s0"])?;
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr)?;
    assert!(
        error.contains("mlp/stopped: it is interrupted, not finished"),
        "{error}"
    );
    assert!(error.contains("none of the runs has finished"), "{error}");
    Ok(())
}

#[test]
fn bands_of_other_data_are_said() -> Result<()> {
    let runs = tempdir()?;
    judged(runs.path(), 0, 0.8125, Some(0.0025))?;
    let mut builtin = records(&Run { name: "builtin", ..FIRST });
    if let Some(Record::Run(header)) = builtin.first_mut()
        && let Some(data) = &mut header.data
    {
        data.source = "builtin".into();
    }
    write_records(runs.path(), "mlp", "builtin", &builtin)?;
    let output = output(runs.path(), &["verify", "builtin", "--bands-of", "s0"])?;
    let error = String::from_utf8(output.stderr)?;
    let wanted = "warning: mlp/builtin learned from fashion-mnist (builtin), the bands are those of fashion-mnist (real)\n";
    assert!(error.starts_with(wanted), "{error}");
    Ok(())
}

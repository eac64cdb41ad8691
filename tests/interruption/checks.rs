//! What a resumed run checks: flags, checkpoints, its length.

use anyhow::{Context, Result, ensure};

use super::{FLAGS, SHORT, refused, signal, train_until_second_epoch};
use crate::support::{Desk, assert_equal_runs, log};

#[test]
fn resuming_with_other_flags_is_refused_and_says_what_differs() -> Result<()> {
    let desk = Desk::new()?;
    let given = [
        &SHORT[..],
        &["--name", "run", "--clip-norm", "1", "--no-shuffle"],
    ]
    .concat();
    desk.succeed("mlp", &given)?;
    let log_file = desk.run_folder("mlp", "run").join("log.jsonl");
    let before = std::fs::read(&log_file)?;
    let changed = [&given[..], &["--resume", "--learning-rate", "0.2"]].concat();
    let error = refused(&desk, &changed, 2)?;
    ensure!(
        error.contains("learning_rate was 0.1 and is now 0.2"),
        "{error}"
    );
    // What was given then and is absent now differs too.
    let absent = [&SHORT[..], &["--name", "run", "--resume"]].concat();
    let error = refused(&desk, &absent, 2)?;
    for wanted in [
        "clip_norm was 1.0 and is now nothing",
        "shuffle was false and is now true",
    ] {
        ensure!(error.contains(wanted), "{error}");
    }
    let shorter = [&["mlp", "--epochs", "1"], &given[3..], &["--resume"]].concat();
    let error = refused(&desk, &shorter, 2)?;
    ensure!(error.contains("epochs was 2 and is now 1"), "{error}");
    ensure!(
        std::fs::read(&log_file)? == before,
        "a refusal changes nothing"
    );
    Ok(())
}

/// A constant learning rate: the longer run is that which was long from the start.
#[test]
fn a_finished_run_can_become_longer() -> Result<()> {
    let desk = Desk::new()?;
    let flags = [
        "mlp",
        "--data",
        "builtin",
        "--examples",
        "2000",
        "--momentum",
        "0.9",
    ];
    let whole = desk.train("mlp", "whole", &[&flags[..], &["--epochs", "5"]].concat())?;
    let lengthened = desk.train("mlp", "grown", &[&flags[..], &["--epochs", "3"]].concat())?;
    let call = [
        &flags[..],
        &["--name", "grown", "--epochs", "5", "--resume"],
    ]
    .concat();
    let said = desk.succeed("mlp", &call)?;
    ensure!(said.contains("5 epochs instead of 3"), "{said}");
    ensure!(log(&lengthened)?.header.lengthened == [3]);
    assert_equal_runs(&whole, &lengthened)?;
    let cosine = ["--schedule", "cosine"];
    desk.train(
        "mlp",
        "cosine",
        &[&flags[..], &cosine, &["--epochs", "2"]].concat(),
    )?;
    let call = [
        &flags[..],
        &cosine,
        &["--name", "cosine", "--epochs", "3", "--resume"],
    ]
    .concat();
    let said = desk.succeed("mlp", &call)?;
    ensure!(
        said.contains("the schedule cosine:end=0 runs over all epochs"),
        "{said}"
    );
    Ok(())
}

/// A checkpoint of another run, and one with a flipped bit in its numbers or in what it says about itself.
#[test]
#[cfg(unix)]
fn a_checkpoint_that_is_not_the_runs_is_refused_before_the_log_is_touched() -> Result<()> {
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &FLAGS)?;
    let mut child = train_until_second_epoch(&desk, "killed", &[])?;
    signal(&child, "-KILL")?;
    child.wait()?;
    desk.train("mlp", "other", &[&FLAGS[..], &["--seed", "1"]].concat())?;
    let killed = desk.run_folder("mlp", "killed");
    let (checkpoint, log_file) = (
        killed.join("checkpoint.safetensors"),
        killed.join("log.jsonl"),
    );
    let good = std::fs::read(&checkpoint)?;
    let mut text = std::fs::read_to_string(&log_file)?;
    text.push_str("{damaged}\n{\"kind\":\"epo"); // behind the checkpoint: that is cut off anyway
    std::fs::write(&log_file, &text)?;
    let resume = [&FLAGS[..], &["--name", "killed", "--resume"]].concat();

    let of_other = std::fs::read(
        desk.run_folder("mlp", "other")
            .join("checkpoint.safetensors"),
    )?;
    let flipped = |place: usize| {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        bytes
    };
    let progress = String::from_utf8_lossy(&good)
        .find("steps_done")
        .context("in the progress")?;
    for (bytes, wanted) in [
        (of_other, "its seed is 1, that of the log is 0"),
        (flipped(good.len() - 1), "damaged or edited"),
        (flipped(good.len() / 2), "damaged or edited"),
        (
            flipped(progress + "steps_done\\\":".len()),
            "damaged or edited",
        ),
        (
            good[..good.len() / 2].to_vec(),
            "not a whole safetensors file",
        ),
    ] {
        std::fs::write(&checkpoint, bytes)?;
        let error = refused(&desk, &resume, 1)?;
        ensure!(
            error.contains(wanted) && error.contains("checkpoint.safetensors"),
            "{wanted}: {error}"
        );
        ensure!(
            std::fs::read_to_string(&log_file)? == text,
            "the log was touched: {wanted}"
        );
    }
    std::fs::write(&checkpoint, &good)?;
    // An edited epoch before the checkpoint.
    std::fs::write(&log_file, text.replacen("\"epoch\":1,", "\"epoch\":1, ", 1))?;
    let error = refused(&desk, &resume, 1)?;
    ensure!(error.contains("the log was changed"), "{error}");
    std::fs::write(&log_file, &text)?;
    // What a process leaves that is killed while it writes.
    let left = killed.join("checkpoint.safetensors.4711.tmp");
    std::fs::write(&left, &good[..1000])?;
    desk.succeed("mlp", &resume)?;
    ensure!(!left.exists());
    assert_equal_runs(&whole, &killed)
}

#[test]
fn the_best_epochs_parameters_are_kept_beside_the_last() -> Result<()> {
    let flags = [
        "mlp",
        "--data",
        "builtin",
        "--examples",
        "1500",
        "--learning-rate",
        "0.9",
    ];
    let desk = Desk::new()?;
    let run = desk.train("mlp", "run", &[&flags[..], &["--epochs", "11"]].concat())?;
    let end = log(&run)?.end.context("it is finished")?;
    let (best, last) = (end.best["valid.loss"], end.last["valid.loss"]);
    ensure!(
        best.epoch < 11 && best.value < last,
        "the last epoch is the best: nothing to see"
    );
    for (file, wanted) in [("best", best.value), ("model", last)] {
        let init = run
            .join(format!("{file}.safetensors"))
            .display()
            .to_string();
        let again = desk.train(
            "mlp",
            file,
            &[&flags[..], &["--epochs", "0", "--init", &init]].concat(),
        )?;
        let found = log(&again)?.end.context("it is finished")?.last["valid.loss"];
        ensure!(found == wanted, "{file}: {found}, wanted {wanted}");
    }
    Ok(())
}

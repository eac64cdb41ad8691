//! A stopped or killed run goes on where it stopped.

use std::io::{BufRead, BufReader};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{FLAGS, SHORT, refused, signal, train_until_second_epoch};
use crate::support::{Desk, assert_equal_runs, log};

#[test]
#[cfg(unix)]
fn an_interrupted_run_goes_on_where_it_stopped() -> Result<()> {
    go_on_after_ctrl_c(&[])
}

/// The checkpoint holds accumulated gradients, whose step ends the epoch.
#[test]
#[cfg(unix)]
fn an_interrupted_accumulation_goes_on_where_it_stopped() -> Result<()> {
    go_on_after_ctrl_c(&["--accumulate", "1000"])
}

#[cfg(unix)]
fn go_on_after_ctrl_c(more: &[&str]) -> Result<()> {
    let flags = [&FLAGS[..], more].concat();
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &flags)?;

    let child = train_until_second_epoch(&desk, "stopped", more)?;
    signal(&child, "-INT")?;
    let output = child.wait_with_output()?;
    ensure!(output.status.code() == Some(130), "{}", output.status);
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(stderr.contains("--name stopped --resume"), "{stderr}");
    let stopped = desk.run_folder("mlp", "stopped");
    let end = log(&stopped)?.end.context("an interrupted log is closed")?;
    ensure!(
        end.status == d2l_log::Status::Interrupted,
        "{:?}",
        end.status
    );

    desk.train("mlp", "stopped", &[&flags[..], &["--resume"]].concat())?;
    assert_equal_runs(&whole, &stopped)
}

#[test]
#[cfg(unix)]
fn a_killed_run_goes_on_from_its_last_checkpoint() -> Result<()> {
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &FLAGS)?;

    let mut child = train_until_second_epoch(&desk, "killed", &[])?;
    signal(&child, "-KILL")?;
    child.wait()?;
    let killed = desk.run_folder("mlp", "killed");
    ensure!(log(&killed)?.end.is_none(), "a killed log has no end");
    // The log after a crash in the middle of a line.
    let log_file = killed.join("log.jsonl");
    let mut text = std::fs::read_to_string(&log_file)?;
    text.push_str("{\"kind\":\"epo");
    std::fs::write(&log_file, text)?;

    desk.train("mlp", "killed", &[&FLAGS[..], &["--resume"]].concat())?;
    assert_equal_runs(&whole, &killed)
}

/// Within the first epoch, from the checkpoint that `--checkpoint-every` wants.
#[test]
#[cfg(unix)]
fn a_run_that_is_saved_every_few_steps_goes_on_within_its_epoch() -> Result<()> {
    let flags = [
        "mlp",
        "--epochs",
        "1",
        "--data",
        "builtin",
        "--num-hiddens",
        "512",
    ];
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &flags)?;
    let every = ["--checkpoint-every", "20steps"];
    let mut child = desk
        .command("mlp", &[&flags[..], &every, &["--name", "killed"]].concat())
        .spawn()?;
    let killed = desk.run_folder("mlp", "killed");
    while !killed.join("checkpoint.safetensors").exists() {
        ensure!(child.try_wait()?.is_none(), "it ended without a checkpoint");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    signal(&child, "-KILL")?;
    child.wait()?;
    ensure!(
        log(&killed)?.epochs.is_empty(),
        "killed within the first epoch"
    );
    desk.train("mlp", "killed", &[&flags[..], &["--resume"]].concat())?;
    assert_equal_runs(&whole, &killed)
}

/// Whatever runs of other names there are.
#[test]
#[cfg(unix)]
fn without_a_name_the_run_that_was_interrupted_last_goes_on() -> Result<()> {
    let desk = Desk::new()?;
    desk.succeed("mlp", &[&FLAGS[..], &["--quiet"]].concat())?; // finished, of the default name
    let whole = desk.train("mlp", "whole", &FLAGS)?;
    let mut child = train_until_second_epoch(&desk, "stopped", &[])?;
    signal(&child, "-KILL")?;
    child.wait()?;
    desk.succeed("mlp", &[&FLAGS[..], &["--quiet"]].concat())?; // finished later
    desk.succeed("mlp", &[&FLAGS[..], &["--resume", "--quiet"]].concat())?;
    assert_equal_runs(&whole, &desk.run_folder("mlp", "stopped"))?;
    let error = refused(
        &desk,
        &[&FLAGS[..], &["--resume", "--seed", "7"]].concat(),
        2,
    )?;
    ensure!(error.contains("seed was 0 and is now 7"), "{error}");
    Ok(())
}

/// The command in the message, as it is.
#[test]
#[cfg(unix)]
fn the_command_that_is_shown_goes_on() -> Result<()> {
    for more in [
        &["--name", "a-b", "--overwrite"][..],
        &["--seeds", "2"],
        &[],
    ] {
        let desk = Desk::new()?;
        let mut child = desk.command("mlp", &[&FLAGS[..], more].concat()).spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        ensure!(lines.any(|line| line.is_ok_and(|line| line.trim_start().starts_with("1/4"))));
        signal(&child, "-INT")?;
        let output = child.wait_with_output()?;
        let stderr = String::from_utf8(output.stderr)?;
        let command = stderr
            .split("to continue: ")
            .nth(1)
            .context("a command")?
            .trim();
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(desk.path());
        let resumed = shell.env_remove("D2L_DATA").output()?;
        ensure!(
            resumed.status.success(),
            "{command}: {}",
            String::from_utf8_lossy(&resumed.stderr)
        );
        let runs = std::fs::read_dir(desk.path().join("runs/mlp"))?;
        let runs: Vec<_> = runs
            .map(|entry| log(&entry?.path()))
            .collect::<Result<_>>()?;
        let finished = |run: &d2l_log::Log| {
            run.end
                .as_ref()
                .is_some_and(|end| end.status == d2l_log::Status::Finished)
        };
        let wanted = if more.contains(&"--seeds") { 2 } else { 1 };
        ensure!(
            runs.len() == wanted && runs.iter().all(finished),
            "{command}"
        );
    }
    Ok(())
}

/// The seeds that had not begun start from `--init` like the others.
#[test]
fn several_seeds_go_on_as_a_whole() -> Result<()> {
    let desk = Desk::new()?;
    let base = desk.train("mlp", "base", &[&SHORT[..], &["--seed", "9"]].concat())?;
    let init = base.join("model.safetensors").display().to_string();
    let flags = [&SHORT[..], &["--init", &init]].concat();
    desk.train("mlp", "whole", &[&flags[..], &["--seeds", "2"]].concat())?;
    desk.train("mlp", "part-s0", &flags)?;
    desk.train(
        "mlp",
        "part",
        &[&flags[..], &["--seeds", "2", "--resume"]].concat(),
    )?;
    for seed in 0..2 {
        let run = |name: &str| desk.run_folder("mlp", &format!("{name}-s{seed}"));
        assert_equal_runs(&run("whole"), &run("part"))?;
    }
    Ok(())
}

/// As under `nohup`, and for a job in the background of a script.
#[test]
#[cfg(unix)]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() -> Result<()> {
    let desk = Desk::new()?;
    let program = crate::support::program("mlp");
    let call = format!(
        "trap '' HUP INT; exec {} {} --name deaf",
        program.display(),
        FLAGS.join(" ")
    );
    let mut child = Command::new("sh")
        .args(["-c", &call])
        .current_dir(desk.path())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let mut lines = BufReader::new(stdout).lines();
    ensure!(lines.any(|line| line.is_ok_and(|line| line.trim_start().starts_with("1/4"))));
    signal(&child, "-HUP")?;
    signal(&child, "-INT")?;
    ensure!(lines.count() > 3, "it trains on");
    ensure!(child.wait()?.success());
    Ok(())
}

#[test]
#[cfg(unix)]
fn a_cross_validation_goes_on_in_the_fold_where_it_was_killed() -> Result<()> {
    let flags = ["house-price", "--preset", "zh", "--data", "builtin"];
    let flags = [&flags[..], &["--epochs", "60", "--patience", "40"]].concat();
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &flags)?;
    for (last_line, signal_name) in [("fold 1", "-KILL"), ("fold 3", "-KILL"), ("fold 4", "-INT")] {
        let name = format!("stopped-after-{}{signal_name}", last_line.replace(' ', "-"));
        let mut child = desk
            .command("mlp", &[&flags[..], &["--name", &name]].concat())
            .spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let seen = BufReader::new(stdout)
            .lines()
            .any(|line| line.is_ok_and(|line| line.trim_start().starts_with(last_line)));
        ensure!(seen, "{last_line} was never reported");
        signal(&child, signal_name)?;
        child.wait()?;
        let stopped = desk.run_folder("mlp", &name);
        desk.train("mlp", &name, &[&flags[..], &["--resume"]].concat())?;
        assert_equal_runs(&whole, &stopped)?;
        let predictions = |run: &std::path::Path| std::fs::read(run.join("submission.csv"));
        ensure!(predictions(&whole)? == predictions(&stopped)?, "{name}");
    }
    Ok(())
}

//! A run that was stopped or killed and then resumed ends like an uninterrupted one.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

use anyhow::{Context, Result, ensure};

use crate::support::{Desk, assert_equal_runs, log};

const FLAGS: [&str; 9] = [
    "mlp",
    "--epochs",
    "4",
    "--data",
    "builtin",
    "--momentum",
    "0.9",
    "--num-hiddens",
    "64",
];

/// Starts training and returns once the second epoch's line is printed.
fn train_until_second_epoch(desk: &Desk, name: &str, more: &[&str]) -> Result<Child> {
    let mut child = desk
        .command("mlp", &[&FLAGS[..], &["--name", name], more].concat())
        .spawn()?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let mut seen = false;
    for line in BufReader::new(stdout).lines() {
        seen |= line?.trim_start().starts_with("2/4");
        if seen {
            break;
        }
    }
    ensure!(seen, "the second epoch was never reported");
    Ok(child)
}

fn signal(child: &Child, name: &str) -> Result<()> {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()?;
    ensure!(sent.success(), "kill {name}");
    Ok(())
}

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

/// A short run that is finished.
const SHORT: [&str; 7] = [
    "mlp",
    "--epochs",
    "2",
    "--data",
    "builtin",
    "--examples",
    "500",
];

/// The program's error, where it ends with `code`.
fn refused(desk: &Desk, arguments: &[&str], code: i32) -> Result<String> {
    let output = desk.run("mlp", arguments)?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.code() == Some(code),
        "{arguments:?}: {}: {stderr}",
        output.status
    );
    ensure!(stderr.lines().count() == 1, "one line: {stderr}");
    Ok(stderr)
}

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

#[test]
#[cfg(unix)]
fn two_processes_never_write_one_run() -> Result<()> {
    let desk = Desk::new()?;
    let whole = desk.train("mlp", "whole", &FLAGS)?;
    let mut child = train_until_second_epoch(&desk, "mine", &[])?;
    let folder = desk.run_folder("mlp", "mine");
    let header = || -> Result<String> {
        let text = std::fs::read_to_string(folder.join("log.jsonl"))?;
        Ok(text.lines().next().unwrap_or_default().to_string())
    };
    signal(&child, "-STOP")?; // or it may be done before the others have asked
    let before = header()?;
    for flag in ["--resume", "--overwrite", "--quiet"] {
        let error = refused(&desk, &[&FLAGS[..], &["--name", "mine", flag]].concat(), 1)?;
        let holder = format!("process {}, since 20", child.id());
        let is_named = error.contains(&holder) || flag == "--quiet" && error.contains("exists");
        ensure!(is_named, "{flag}: {error}");
    }
    ensure!(header()? == before);
    signal(&child, "-KILL")?;
    child.wait()?;
    // The lock has ended with the process.
    desk.train("mlp", "mine", &[&FLAGS[..], &["--resume"]].concat())?;
    assert_equal_runs(&whole, &folder)
}

/// Several at once, of one default name: each has a folder of its own.
#[test]
fn runs_that_start_together_have_different_names() -> Result<()> {
    let desk = Desk::new()?;
    let children: Vec<Child> = (0..4)
        .map(|_| {
            Ok(desk
                .command("mlp", &[&SHORT[..], &["--quiet"]].concat())
                .spawn()?)
        })
        .collect::<Result<_>>()?;
    for child in children {
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let folders = std::fs::read_dir(desk.path().join("runs/mlp"))?;
    let runs: Vec<_> = folders
        .map(|entry| log(&entry?.path()))
        .collect::<Result<_>>()?;
    ensure!(runs.len() == 4 && runs.iter().all(|run| run.end.is_some()));
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
fn a_log_that_vanishes_is_noticed() -> Result<()> {
    let desk = Desk::new()?;
    let child = train_until_second_epoch(&desk, "lost", &[])?;
    signal(&child, "-STOP")?;
    std::fs::remove_file(desk.run_folder("mlp", "lost").join("log.jsonl"))?;
    signal(&child, "-CONT")?;
    let output = child.wait_with_output()?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.code() == Some(1) && stderr.contains("log.jsonl"),
        "{stderr}"
    );
    Ok(())
}

/// A process that is killed before its log begins leaves a folder that the next run takes.
#[test]
fn a_folder_without_a_log_is_taken_over() -> Result<()> {
    let desk = Desk::new()?;
    for left in [&[][..], &[".lock"], &[".lock", "log.jsonl"]] {
        let folder = desk.run_folder("mlp", "left");
        std::fs::create_dir_all(&folder)?;
        for name in left {
            std::fs::write(folder.join(name), "{\"kind\":\"ru")?;
        }
        let error = refused(
            &desk,
            &[&SHORT[..], &["--name", "left", "--resume"]].concat(),
            1,
        )?;
        ensure!(error.contains("left to resume"), "{error}");
        desk.train("mlp", "left", &SHORT)?;
        ensure!(log(&folder)?.end.is_some());
        std::fs::remove_dir_all(&folder)?;
    }
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

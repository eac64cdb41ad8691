//! `runs sweep`, with a stand-in for a chapter's program; `tests/` of the workspace sweeps a real chapter.
#![cfg(unix)]

use crate::command;
use anyhow::{Context, Result};
use d2l_log::{Log, Status};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::tempdir;

/// Trains at once: the loss is the learning rate plus a hundredth of the seed. It diverges with a rate of 9. With a rate
/// of 7 it waits for a signal in its first run. The number of its runs is that of lines in `calls`.
const CHAPTER: &str = r#"#!/bin/sh
rate=0.1 seed=0 seeds=1 dry= runs=runs name= resume=
while [ $# -gt 0 ]; do
  case $1 in
    --learning-rate) rate=$2; shift ;;
    --seed) seed=$2; shift ;;
    --seeds) seeds=$2; shift ;;
    --runs-dir) runs=$2; shift ;;
    --name) name=$2; shift ;;
    --dry-run) dry=1 ;;
    --resume) resume=1 ;;
    --quiet|mlp) ;;
    *) echo "error: found $1, wanted a flag of this chapter" >&2; exit 2 ;;
  esac
  shift
done
header() {
  echo '{"kind":"run","schema":1,"chapter":"mlp","model":"mlp","implementation":"concise","preset":"quick","device":"cpu","threads":1,"seed":'$1',"recipe":{"learning_rate":'$rate'},"parameters":1,"versions":{},"started":"2026-11-22T21:14:0'$1'Z"}'
}
if [ -n "$dry" ]; then
  last=$((seed + seeds))
  while [ "$seed" -lt "$last" ]; do header "$seed"; seed=$((seed + 1)); done
  exit 0
fi
echo "$rate $seed $resume" >> "$(dirname "$0")/calls"
folder=$runs/mlp/${name:-run-$rate-$seed}
mkdir -p "$folder"
end() {
  echo '{"kind":"end","status":"'$1'","epochs":1,"seconds":1.0,"final":{'$2'},"best":{},"bands":[]}' >> "$folder/log.jsonl"
}
header "$seed" > "$folder/log.jsonl"
if [ "$rate" = 9 ]; then end failed; exit 1; fi
if [ "$rate" = 7 ] && [ -z "$resume" ]; then
  trap 'end interrupted; exit 130' INT
  echo waiting
  while :; do sleep 0.05; done
fi
end finished '"train.loss":'$rate$seed
"#;

struct Desk {
    folder: tempfile::TempDir,
    chapter: PathBuf,
}

impl Desk {
    fn new() -> Result<Self> {
        let folder = tempdir()?;
        let chapter = folder.path().join("chapter");
        fs::write(&chapter, CHAPTER)?;
        fs::set_permissions(&chapter, fs::Permissions::from_mode(0o755))?;
        Ok(Self { folder, chapter })
    }

    fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    fn sweep(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runs"));
        command.env("D2L_LANG", "en");
        command
            .arg("--runs-dir")
            .arg(self.runs())
            .arg("sweep")
            .arg("--program")
            .arg(&self.chapter);
        command.args(arguments).env_remove("D2L_RUNS");
        command
    }

    fn output(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.sweep(arguments).output()?)
    }

    /// The runs that were started: rate, seed, and 1 if resumed.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        calls
            .lines()
            .map(|line| line.trim_end().to_string())
            .collect()
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn all_combinations_are_trained_once_and_compared() -> Result<()> {
    let desk = Desk::new()?;
    let arguments = ["--learning-rate", "0.1,0.3", "--seeds", "2", "--", "mlp"];
    let output = desk.output(&arguments)?;
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    assert_eq!(desk.calls(), ["0.1 0", "0.1 1", "0.3 0", "0.3 1"]);
    // 0.10 and 0.11 have the mean 0.105 and the standard deviation 0.01 / √2.
    for wanted in [
        "1 of 4: mlp --learning-rate 0.1",
        "0.1050 ± 0.0071",
        "0.3050 ± 0.0071",
    ] {
        assert!(stdout.contains(wanted), "no {wanted} in\n{stdout}");
    }
    assert!(
        stdout.ends_with("best mean of train.loss: 0.1050 with --learning-rate 0.1\n"),
        "{stdout}"
    );

    let (again, _) = texts(&desk.output(&arguments)?);
    assert_eq!(desk.calls().len(), 4, "nothing is trained twice");
    assert!(again.contains("finished already: mlp/run-0.1-0") && again.contains("0.1050 ± 0.0071"));
    Ok(())
}

#[test]
fn a_wrong_flag_is_refused_before_anything_is_trained() -> Result<()> {
    let desk = Desk::new()?;
    let output = desk.output(&["--learning-rate", "0.1", "--", "mlp", "--wrong"])?;
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        texts(&output).1,
        "error: found --wrong, wanted a flag of this chapter\n"
    );
    let output = desk.output(&["--learning-rate", "0.1,0.1"])?;
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(&output).1.contains("are the same experiment"));
    assert!(desk.calls().is_empty() && !desk.runs().exists());
    Ok(())
}

#[test]
fn a_run_that_fails_is_a_result() -> Result<()> {
    let desk = Desk::new()?;
    let output = desk.output(&["--learning-rate", "9,0.1"])?;
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr, "warning: mlp/run-9-0 failed; the sweep goes on\n");
    assert!(
        stdout.contains("1 of 2 runs failed and are in no mean"),
        "{stdout}"
    );
    Ok(())
}

/// Starts a sweep whose first run waits, and sends the sweep a signal.
fn interrupt(desk: &Desk, arguments: &[&str]) -> Result<Output> {
    let mut sweep = desk
        .sweep(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(sweep.stdout.take().context("no output")?).lines();
    let waits = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line == "waiting");
    assert!(waits, "the run begins");
    let killed = Command::new("kill")
        .args(["-TERM", &sweep.id().to_string()])
        .status()?;
    assert!(killed.success());
    drop(lines);
    Ok(sweep.wait_with_output()?)
}

#[test]
fn an_interrupted_sweep_is_taken_up_again() -> Result<()> {
    let desk = Desk::new()?;
    let arguments = ["--learning-rate", "7,0.1"];
    let output = interrupt(&desk, &arguments)?;
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(
        stderr.starts_with("error: interrupted; to continue: cargo run -p runs -- --runs-dir "),
        "{stderr}"
    );
    let log = Log::find(&desk.runs(), "run-7-0")?;
    assert_eq!(log.end.map(|end| end.status), Some(Status::Interrupted));

    let output = desk.output(&arguments)?;
    assert!(output.status.success(), "{}", texts(&output).1);
    assert_eq!(desk.calls(), ["7 0", "7 0 1", "0.1 0"]);
    Ok(())
}

#[test]
fn what_is_no_chapter_is_refused() -> Result<()> {
    let runs = tempdir()?;
    let sweep =
        |arguments: &[&str]| command(runs.path(), &[&["sweep"][..], arguments].concat()).output();
    for (arguments, wanted) in [
        (&["--program", "none"][..], "no such file"),
        (&[], "--package"),
    ] {
        let output = sweep(arguments)?;
        let (_, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains(wanted) && stderr.lines().count() == 1,
            "{stderr}"
        );
    }
    Ok(())
}

#[test]
fn flags_of_the_sweep_may_follow_the_lists() -> Result<()> {
    let desk = Desk::new()?;
    let other = desk.folder.path().join("other");
    let output = desk.output(&[
        "--learning-rate=0.1",
        "--runs-dir",
        &other.display().to_string(),
        "--seed",
        "4",
    ])?;
    assert!(output.status.success(), "{}", texts(&output).1);
    assert!(Path::new(&other).join("mlp/run-0.1-4/log.jsonl").is_file());
    Ok(())
}

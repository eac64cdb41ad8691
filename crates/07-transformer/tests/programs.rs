//! The chapter's flags, files and figures on the real program.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use d2l::testing::{log_of as log, program};
use tempfile::TempDir;

fn transformer(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = program(env!("CARGO_BIN_EXE_transformer"), folder, arguments);
    command.args(["--data", "builtin"]);
    Ok(command.output()?)
}

/// What the program prints.
fn succeed(folder: &TempDir, arguments: &[&str]) -> Result<String> {
    let output = transformer(folder.path(), arguments)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{arguments:?}: {stderr}");
    Ok(String::from_utf8(output.stdout)?)
}

/// Trains a run of this name; its folder and what was printed.
fn train(folder: &TempDir, name: &str, flags: &[&str]) -> Result<(PathBuf, String)> {
    let printed = succeed(folder, &[flags, &["--name", name]].concat())?;
    Ok((folder.path().join("runs/transformer").join(name), printed))
}

/// A number of the last line of a run's log.
fn last(run: &Path, metric: &str) -> Result<f64> {
    let lines = log(run)?;
    let end = lines.last().context("an end")?;
    end["final"][metric]
        .as_f64()
        .with_context(|| format!("{metric} in {end}"))
}

const TINY_GPT: &[&str] = &[
    "gpt",
    "--epochs",
    "2",
    "--examples",
    "200",
    "--context",
    "16",
    "--num-hiddens",
    "16",
    "--num-predictions",
    "40",
];

#[test]
fn a_short_gpt_writes_and_shows_its_layers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [TINY_GPT, &["--prompt", "The ", "--lens", "The clock"]].concat();
    let (run, printed) = train(&folder, "short", &flags)?;
    let written = std::fs::read_to_string(run.join("generated.txt"))?;
    ensure!(written.starts_with("The "), "{written}");
    let tokens = written.replace("<unk>", "?"); // one token, five characters
    ensure!(
        tokens.trim_end_matches('\n').chars().count() <= 4 + 40,
        "{written}"
    );
    ensure!(printed.contains("text    The "), "{printed}");
    let mut lens = printed.lines().skip_while(|line| !line.starts_with("lens"));
    ensure!(lens.next().is_some(), "{printed}");
    let rows: Vec<&str> = lens
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let wanted = ["token", "embedding", "block", "block", "next"];
    ensure!(rows.len() >= 5 && rows[..5] == wanted, "{rows:?}");
    for figure in ["logit-lens", "perplexity"] {
        ensure!(
            run.join(format!("figures/{figure}.svg")).exists(),
            "{figure}"
        );
    }
    let loss = last(&run, "valid.loss")?;
    // Each character is a token.
    ensure!((last(&run, "bits_per_character")? - loss / 2f64.ln()).abs() < 1e-9);
    Ok(())
}

#[test]
fn a_seed_decides_what_is_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, more: &[&str]| -> Result<String> {
        let (run, _) = train(&folder, name, &[TINY_GPT, &["--quiet"], more].concat())?;
        Ok(std::fs::read_to_string(run.join("generated.txt"))?)
    };
    let one = write("one", &[])?;
    ensure!(one == write("same", &["--threads", "1"])?);
    let [greedy, top] = [
        write("greedy", &["--temperature", "0"])?,
        write("top", &["--top-k", "1", "--top-p", "0.5"])?,
    ];
    ensure!(greedy == top && greedy != one, "{greedy}{top}{one}");
    ensure!(one != write("hot", &["--temperature", "2"])?);
    Ok(())
}

#[test]
fn byte_pairs_are_tokens_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [TINY_GPT, &["--byte-pairs", "300", "--prompt", "Où ?"]].concat();
    let (run, _) = train(&folder, "pairs", &flags)?;
    ensure!(std::fs::read_to_string(run.join("generated.txt"))?.starts_with("Où ?"));
    let header = &log(&run)?[0];
    ensure!(header["recipe"]["byte_pairs"] == 300, "{header}");
    // More characters in a token, fewer bits in each.
    let bits = last(&run, "valid.loss")? / 2f64.ln();
    ensure!(last(&run, "bits_per_character")? < bits / 1.2);
    Ok(())
}

#[test]
fn what_is_broken_is_in_the_runs_name_and_in_its_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let breaks = ["--break", "post-norm,no-warmup", "--quiet"];
    succeed(&folder, &[TINY_GPT, &breaks].concat())?;
    let run = "gpt-concise-quick-cpu-s0-epochs2-examples200-context16-num-hiddens16\
               -break-no-warmup+post-norm";
    let lines = log(&folder.path().join("runs/transformer").join(run))?;
    let recipe = &lines[0]["recipe"];
    ensure!(recipe["break"] == "no-warmup+post-norm", "{recipe}");
    // The first epoch's learning rate is the whole one.
    ensure!(
        lines[1]["learning_rate"] == recipe["learning_rate"],
        "{}",
        lines[1]
    );
    ensure!(recipe["schedule"] == "cosine:end=0.0003", "{recipe}");
    Ok(())
}

/// Two layers find what followed a token the last time; one layer cannot.
#[test]
fn two_layers_have_an_induction_head() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [
        "gpt",
        "--text",
        "repeats",
        "--context",
        "16",
        "--num-hiddens",
        "32",
    ];
    let more = ["--examples", "2000", "--epochs", "1", "--num-heads", "2"];
    let (run, printed) = train(&folder, "two", &[&flags[..], &more].concat())?;
    ensure!(printed.contains("heads   block "), "{printed}");
    for figure in ["induction-head", "previous-token-head", "induction-scores"] {
        ensure!(
            run.join(format!("figures/{figure}.svg")).exists(),
            "{figure}"
        );
    }
    for metric in ["induction.score", "previous_token.score", "valid.accuracy"] {
        let score = last(&run, metric)?;
        ensure!((0.0..=1.0).contains(&score), "{metric} {score}");
    }
    ensure!(log(&run)?[0]["data"]["name"] == "repeats");
    Ok(())
}

#[test]
fn a_translation_is_drawn_head_by_head() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["translation", "--epochs", "1", "--examples", "60"];
    let flags = [&flags[..], &["--translate", "Go on, Zorro."]].concat();
    let (run, printed) = train(&folder, "drawn", &flags)?;
    ensure!(
        printed.contains("unknown words, read as <unk>: zorro"),
        "{printed}"
    );
    for (figure, words) in [
        (
            "encoder-self-attention",
            ["go", "blocks 1 to 2", "heads 1 to 4"],
        ),
        (
            "decoder-self-attention",
            ["bos", "blocks 1 to 2", "heads 1 to 4"],
        ),
        ("cross-attention", ["bos", "blocks 1 to 2", "heads 1 to 4"]),
    ] {
        let path = run.join(format!("figures/{figure}.svg"));
        let svg = std::fs::read_to_string(&path).context(figure)?;
        for word in words {
            ensure!(svg.contains(word), "{figure}: no {word}");
        }
    }
    Ok(())
}

#[test]
fn the_class_token_is_drawn_over_the_picture() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [
        "vit",
        "--epochs",
        "1",
        "--examples",
        "60",
        "--figure-image",
        "3",
    ];
    let (run, _) = train(&folder, "grey", &flags)?;
    let svg = std::fs::read_to_string(run.join("figures/class-token.svg"))?;
    ensure!(svg.contains("in picture 3") && svg.contains("block 2"));
    ensure!(
        svg.matches("<image").count() == 1 + 2 * 4,
        "{}",
        svg.matches("<image").count()
    );
    let coloured = [
        "--data-set",
        "cifar-10",
        "--patch-size",
        "8",
        "--num-layers",
        "1",
    ];
    let (run, _) = train(&folder, "colour", &[&flags[..], &coloured].concat())?;
    ensure!(run.join("figures/class-token.svg").exists());
    Ok(())
}

#[test]
fn bad_flags_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let refused: [(&[&str], i32, &str); 16] = [
        (
            &["gpt", "--break", "mask"],
            2,
            "wanted one or more of no-mask",
        ),
        (
            &["gpt", "--break", "pre-norm"],
            2,
            "normalizes in front of each layer",
        ),
        (
            &["translation", "--break", "post-norm"],
            2,
            "normalizes after each sum",
        ),
        (
            &["translation", "--break", "no-warmup"],
            2,
            "the schedule has no warm-up",
        ),
        (
            &["gpt", "--schedule", "constant", "--break", "no-warmup"],
            2,
            "has no warm-up",
        ),
        (
            &["vit", "--break", "no-mask"],
            2,
            "--break belongs to translation, gpt",
        ),
        (
            &["gpt", "--prompt", "词元"],
            2,
            "is no character of the text",
        ),
        (&["gpt", "--prompt", ""], 2, "--prompt: found nothing"),
        (
            &["gpt", "--lens", "T"],
            2,
            "--lens: found 1 tokens, wanted 2 to 65",
        ),
        (&["gpt", "--top-p", "1.5"], 2, "--top-p"),
        (&["gpt", "--top-k", "0"], 2, "--top-k"),
        (
            &["gpt", "--num-heads", "5"],
            1,
            "found 5 heads for 64 hidden units",
        ),
        (&["gpt", "--byte-pairs", "100"], 1, "wanted at least 256"),
        (
            &["gpt", "--context", "1000000"],
            1,
            "--context 1000000: found",
        ),
        (
            &["gpt", "--text", "repeats", "--byte-pairs", "300"],
            2,
            "--byte-pairs: random tokens are no text",
        ),
        (&["vit", "--patch-size", "5"], 1, "wanted a divisor of 28"),
    ];
    for (flags, code, message) in refused {
        let output = transformer(folder.path(), &[flags, &["--quiet"]].concat())?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(code), "{flags:?}: {stderr}");
        ensure!(stderr.contains(message), "{flags:?}: {stderr}");
        ensure!(
            stderr.trim_end().lines().count() == 1,
            "{flags:?}: {stderr}"
        );
    }
    ensure!(!folder.path().join("runs").exists(), "nothing was started");
    Ok(())
}

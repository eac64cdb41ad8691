//! Flags of the text that is written and of the minibatches, and wrong ones.

use anyhow::{Context, Result, ensure};

use crate::{recurrent, train, written};

#[test]
fn a_temperature_draws_other_text_and_a_seed_the_same() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [
        "rnn",
        "--epochs",
        "20",
        "--num-hiddens",
        "64",
        "--num-predictions",
        "80",
    ];
    let hot = [&flags[..], &["--temperature", "1"]].concat();
    let greedy = written(&train(&folder, "greedy", &flags)?)?;
    let one = written(&train(&folder, "one", &hot)?)?;
    let same = written(&train(&folder, "same", &hot)?)?;
    ensure!(one == same && one != greedy, "{one}{same}{greedy}");
    let narrow = [&hot[..], &["--top-k", "1"]].concat();
    ensure!(written(&train(&folder, "narrow", &narrow)?)? == greedy);
    let few = [&hot[..], &["--top-p", "0.5"]].concat();
    let few = written(&train(&folder, "few", &few)?)?;
    ensure!(few != greedy && few != one, "{few}{greedy}{one}");
    ensure!(one.len() == 14 + 80 + 1, "{one}");
    Ok(())
}

#[test]
fn bad_flags_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let refused: [(&[&str], i32, &str); 17] = [
        (
            &["names-classifier", "--name-to-classify", "42"],
            2,
            "wanted a name with a Latin letter",
        ),
        (&["word-lm", "--prefix", " "], 2, "wanted a word at least"),
        (
            &["word-lm", "--embedding-dim", "100"],
            2,
            "--embedding-dim 100 and --num-hiddens 200",
        ),
        (
            &["word-lm", "--schedule", "plateau"],
            2,
            "factor=… is missing",
        ),
        (&["rnn", "--prefix", ""], 2, "--prefix"),
        (&["rnn", "--prefix", "1895"], 2, "wanted a letter at least"),
        (&["rnn", "--temperature", "-1"], 2, "--temperature"),
        (
            &["rnn", "--temperature", "NaN"],
            2,
            "'NaN' for '--temperature",
        ),
        (&["rnn", "--top-k", "0"], 2, "--top-k"),
        (&["rnn", "--top-p", "1.5"], 2, "--top-p"),
        (&["rnn", "--top-k", "3"], 2, "give --temperature 1 too"),
        (&["rnn", "--num-steps", "0"], 2, "--num-steps"),
        (
            &["--num-steps", "20"],
            2,
            "write `recurrent rnn --num-steps",
        ),
        (&["deep-rnn", "--preset", "zh"], 2, "deep-rnn"),
        (
            &["deep-lstm", "--implementation", "scratch"],
            2,
            "deep-lstm",
        ),
        (
            &["rnn", "--num-steps", "6000"],
            1,
            "found a text of 10000 tokens, wanted at least 12001",
        ),
        (
            &["rnn", "--sampling", "windows", "--max-tokens", "900000"],
            1,
            "tokens, wanted",
        ),
    ];
    for (flags, code, message) in refused {
        let output = recurrent(folder.path(), flags)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(code), "{flags:?}: {stderr}");
        ensure!(stderr.contains(message), "{flags:?}: {stderr}");
        ensure!(stderr.lines().count() == 1, "{stderr}");
    }
    ensure!(!folder.path().join("runs").exists(), "nothing was started");
    Ok(())
}

/// `--inspect` shows the minibatches that training takes, in all three ways, and the text's n-grams; nothing is trained.
#[test]
fn minibatches_can_be_inspected() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let shown = |flags: &[&str]| -> Result<String> {
        let output = recurrent(folder.path(), &[flags, &["--inspect"]].concat())?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{flags:?}: {stderr}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let text = shown(&["rnn", "--num-steps", "5"])?;
    for wanted in [
        "--sampling sequential, this model's: 62 minibatches in an epoch",
        "--sampling random: 62 minibatches in an epoch",
        "--sampling windows: 313 minibatches in an epoch",
        "  input    [32, 5]          batch, time steps",
        "  target   [32, 5]          batch, time steps",
        "  one-hot  [5, 32, 28]      time steps, batch, vocabulary",
        "  logits   [32, 5, 28]      batch, time steps, vocabulary",
        "  unigrams ",
        "  trigrams ",
    ] {
        ensure!(text.contains(wanted), "no {wanted:?} in {text}");
    }
    // The target is the input one step later, as tokens and as numbers.
    let cells = |name: &str, nth: usize| -> Result<Vec<&str>> {
        let line = text.lines().filter(|line| line.trim().starts_with(name));
        let line = line.clone().nth(nth).context(format!("{name} in {text}"))?;
        Ok(line.split_whitespace().skip(1).collect())
    };
    let (input, target) = (cells("input", 1)?, cells("target", 1)?);
    ensure!(input.len() == 5 && input[1..] == target[..4], "{text}");
    let (input, target) = (cells("number", 0)?, cells("number", 1)?);
    ensure!(input.len() == 5 && input[1..] == target[..4], "{text}");
    // The second minibatch goes on five characters later.
    let start = |minibatch: usize| -> Result<usize> {
        let name = format!("minibatch {minibatch}, row 1, from character");
        let line = text.lines().find(|line| line.contains(&name));
        let rest = line.and_then(|line| line.split("character").nth(1));
        let number = rest.and_then(|rest| rest.split(':').next());
        Ok(number.context(text.clone())?.trim().parse()?)
    };
    ensure!(start(2)? == start(1)? + 5, "{text}");
    let through_time = shown(&["gradients-through-time"])?;
    ensure!(
        through_time.contains("  input    [32, 50]"),
        "{through_time}"
    );
    let figure = folder.path().join("runs/recurrent/figures/n-grams.svg");
    ensure!(figure.exists(), "{text}");
    let runs = std::fs::read_dir(folder.path().join("runs/recurrent"))?;
    ensure!(runs.count() == 1, "nothing is trained");
    Ok(())
}

//! The options that the book's exercises ask for, on the real program.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use d2l::testing::program;

use crate::{log, perplexities, recurrent, train, written};

const SMALL: &str = "--num-hiddens 16 --epochs 8 --optimizer adam --learning-rate 0.02";

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Each option changes what is trained, is in the log, and learns.
#[test]
fn every_option_learns_and_is_in_the_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let plain = |model: &str, implementation: &str| -> Result<Vec<f64>> {
        let flags = format!("{model} --implementation {implementation} --overwrite {SMALL}");
        let name = format!("plain-{model}-{implementation}");
        perplexities(&train(&folder, &name, &words(&flags))?)
    };
    let mut name = 0;
    for (model, flag, key, implementations) in [
        (
            "rnn",
            "--activation relu",
            "activation",
            &["scratch", "concise"][..],
        ),
        (
            "rnn",
            "--num-layers 2",
            "num_layers",
            &["scratch", "concise"],
        ),
        (
            "rnn",
            "--embedding-dim 8",
            "embedding_dim",
            &["scratch", "concise"],
        ),
        (
            "lstm",
            "--num-layers 2 --dropout 0.2",
            "dropout",
            &["scratch", "concise"],
        ),
        ("gru", "--gates reset", "gates", &["scratch"]),
        ("gru", "--gates update", "gates", &["scratch"]),
    ] {
        for implementation in implementations {
            name += 1;
            let flags = format!("{model} {flag} --implementation {implementation} {SMALL}");
            let run = train(&folder, &name.to_string(), &words(&flags))?;
            let value = flag.rsplit(' ').next().context("a value")?;
            let logged = log(&run)?[0]["recipe"][key].to_string();
            ensure!(logged.trim_matches('"') == value, "{flags}: {logged}");
            let found = perplexities(&run)?;
            ensure!(found[7] < 0.75 * found[0], "{flags}: {found:?}");
            ensure!(
                found != plain(model, implementation)?,
                "{flags} changes nothing"
            );
        }
    }
    // Without any gate it is the simple network.
    let run = train(
        &folder,
        "none",
        &words(&format!(
            "gru --gates none --implementation scratch {SMALL}"
        )),
    )?;
    ensure!(perplexities(&run)? == plain("rnn", "scratch")?);
    Ok(())
}

#[test]
fn words_are_read_and_written_as_characters_are() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = format!("rnn --level word --embedding-dim 16 {SMALL}");
    let run = train(&folder, "words", &words(&flags))?;
    ensure!(log(&run)?[0]["recipe"]["level"] == "word");
    let found = perplexities(&run)?;
    ensure!(found[7] < 0.75 * found[0], "{found:?}");
    let text = written(&run)?;
    // The story has neither of the book's words, so two of its own are continued.
    ensure!(text.split_whitespace().count() == 2 + 50, "{text}");
    let inspect = ["rnn", "--level", "word", "--inspect"];
    let embedded = [&inspect[..], &["--embedding-dim", "16"]].concat();
    let shown = String::from_utf8(recurrent(folder.path(), &embedded)?.stdout)?;
    ensure!(shown.contains("  vectors  [35, 32, 16]"), "{shown}");
    let shown = String::from_utf8(recurrent(folder.path(), &inspect)?.stdout)?;
    for wanted in [
        " words\n",
        "from word ",
        "at every word",
        "  one-hot  [35, 32, ",
    ] {
        ensure!(shown.contains(wanted), "no {wanted:?} in {shown}");
    }
    Ok(())
}

/// The beginning of the Daodejing, which has 5,000 characters in all.
const CHINESE: &str = "道可道，非常道。\r\n名可名，非常名。\r\n无名天地之始，有名万物之母。\r\n";

/// A text of one's own is named in the log with its digest; a run of it that is stopped goes on, with the same text only.
#[test]
fn a_text_of_ones_own_is_read_as_it_stands() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("道德经.txt");
    std::fs::write(&file, CHINESE.repeat(40))?;
    let flags = format!("rnn --text 道德经.txt --clean none --num-steps 9 {SMALL}");
    let flags = [words(&flags), words("--num-predictions 12")].concat();
    let run = train(&folder, "own", &flags)?;
    let header = &log(&run)?[0];
    ensure!(
        header["data"]["name"] == "道德经.txt" && header["data"]["source"] == "real",
        "{header}"
    );
    ensure!(
        header["data"]["sha256"]
            .as_str()
            .is_some_and(|digest| digest.len() == 64)
    );
    ensure!(
        header["recipe"]["text"] == "道德经.txt" && header["recipe"]["clean"] == "none",
        "{header}"
    );
    let text = written(&run)?;
    ensure!(text.starts_with("道可道，非常道。\n名可名，非"), "{text}");

    let with_epochs = |epochs: &'static str| -> Vec<&str> {
        let flags = flags.iter().copied();
        let flags = flags.map(|flag| if flag == "8" { epochs } else { flag });
        [&flags.collect::<Vec<_>>()[..], &["--resume"]].concat()
    };
    let resumed = train(&folder, "own", &with_epochs("9"))?;
    ensure!(perplexities(&resumed)?.len() == 9);
    std::fs::write(&file, CHINESE.repeat(41))?;
    let other = [&with_epochs("10")[..], &["--name", "own"]].concat();
    let refused = recurrent(folder.path(), &other)?;
    let stderr = String::from_utf8_lossy(&refused.stderr);
    ensure!(
        refused.status.code() == Some(2) && stderr.contains("data was"),
        "{stderr}"
    );

    let shown = recurrent(folder.path(), &[&flags[..], &["--inspect"]].concat())?;
    let shown = String::from_utf8(shown.stdout)?;
    for wanted in ["道德经.txt (real): 1353 characters", "↵", "unigrams"] {
        ensure!(shown.contains(wanted), "no {wanted:?} in {shown}");
    }
    Ok(())
}

/// Cleaned as the edition does, with one line about what that drops.
#[test]
fn letters_that_the_cleaning_drops_are_mentioned() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let german = "Es war einmal ein König, der hatte fünf Töchter. ".repeat(60);
    std::fs::write(folder.path().join("märchen.txt"), german)?;
    let flags = words("rnn --text märchen.txt --epochs 1 --num-hiddens 8");
    let output = program(env!("CARGO_BIN_EXE_recurrent"), folder.path(), &flags).output()?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(
        text.contains(
            "180 of its 2280 letters are none of a to z and are dropped (--clean none keeps them)"
        ),
        "{text}"
    );
    ensure!(text.contains("text    es war einmal "), "{text}");
    let through_time = "gradients-through-time --text märchen.txt --max-tokens 1000 --num-steps 10";
    let small = "--epochs 1 --num-hiddens 8";
    let flags = [words(through_time), words(small)].concat();
    let run = train(&folder, "through-time", &flags)?;
    ensure!(log(&run)?[0]["data"]["name"] == "märchen.txt");
    ensure!(
        text.contains("nothing is held out: --max-tokens 2252 leaves 563 characters for that"),
        "{text}"
    );
    Ok(())
}

#[test]
fn options_without_effect_and_texts_that_are_none_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content);
    write("short.txt", b"It was so.")?;
    write("chinese.txt", CHINESE.as_bytes())?;
    write("gbk.txt", &[0xB5, 0xC0])?;
    write("empty.txt", b"")?;
    let numbers = (0..10_001u32).map(|number| format!("w{number} "));
    write("words.txt", numbers.collect::<String>().as_bytes())?;
    let refused = [
        ("rnn --dropout 0.5", 2, "give --num-layers 2 too"),
        ("gru --gates reset", 2, "add --implementation scratch"),
        ("rnn --num-layers 0", 2, "from 1 to 1000"),
        ("rnn --embedding-dim 0", 2, "--embedding-dim"),
        ("rnn --activation sigmoid", 2, "tanh, relu"),
        ("rnn --level letter", 2, "character, word"),
        (
            "rnn --text words.txt --clean none --level word",
            1,
            "found a vocabulary of 10002 tokens, wanted at most 10000 for one-hot vectors",
        ),
        ("rnn --text no.txt", 1, "no.txt: cannot be read"),
        ("rnn --text .", 1, "found no file"),
        (
            "rnn --text gbk.txt --clean none",
            1,
            "gbk.txt: found no UTF-8 at byte 1",
        ),
        ("rnn --text empty.txt", 1, "empty.txt: found no text"),
        ("rnn --text chinese.txt", 1, "give --clean none"),
        (
            "gradients-through-time --text short.txt",
            1,
            "tokens, wanted",
        ),
        (
            "rnn --text short.txt",
            1,
            "found a text of 9 tokens, wanted at least 71",
        ),
        (
            "rnn --text short.txt --sampling windows --max-tokens 10",
            1,
            "tokens, wanted",
        ),
        (
            "rnn --clean none --prefix \u{3000}",
            2,
            "wanted a character at least",
        ),
        ("autoregressive --tau 0", 2, "--tau"),
        ("autoregressive --tau 301", 2, "--tau"),
        ("autoregressive --noise -1", 2, "--noise"),
        (
            "autoregressive --cell lstm --num-hiddens 0",
            2,
            "one unit at least",
        ),
    ];
    for (flags, code, message) in refused {
        let output = recurrent(folder.path(), &flags.split(' ').collect::<Vec<_>>())?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(code), "{flags}: {stderr}");
        ensure!(stderr.contains(message), "{flags}: {stderr}");
        ensure!(stderr.lines().count() == 1, "{stderr}");
    }
    ensure!(!folder.path().join("runs").exists(), "nothing was started");
    Ok(())
}

/// The series: more values, other networks, no noise.
#[test]
fn the_series_is_predicted_from_other_windows_and_by_other_networks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let error = |run: &Path, of: &str| -> Result<f64> {
        let end = log(run)?.pop().context("lines")?;
        let found = end["final"][format!("error.{of}")].as_f64();
        found.with_context(|| format!("{end}"))
    };
    for (cell, parameters) in [("mlp", 141), ("rnn", 141), ("gru", 401), ("lstm", 531)] {
        let flags = format!("autoregressive --cell {cell} --tau 12 --epochs 20");
        let run = train(&folder, cell, &words(&flags))?;
        let lines = log(&run)?;
        ensure!(lines[0]["parameters"] == parameters, "{cell}: {}", lines[0]);
        ensure!(
            lines[0]["data"]["train"] == 600 && lines[0]["data"]["valid"] == 388,
            "{cell}: {}",
            lines[0]
        );
        let (near, far) = (error(&run, "ahead1")?, error(&run, "ahead64")?);
        ensure!((0.03..0.1).contains(&near), "{cell}: {near}");
        ensure!(far > 1.5 * near, "{cell}: {far} after {near}");
    }
    let flags = "autoregressive --preset en --tau 2 --noise 0 --epochs 100 --optimizer adam";
    let run = train(&folder, "without-noise", &words(flags))?;
    ensure!(error(&run, "ahead1")? < 1e-3, "{}", error(&run, "ahead1")?);
    let shown = recurrent(folder.path(), &words("autoregressive --tau 7 --inspect"))?;
    let shown = String::from_utf8(shown.stdout)?;
    ensure!(shown.contains("  input    [16, 7]"), "{shown}");
    Ok(())
}

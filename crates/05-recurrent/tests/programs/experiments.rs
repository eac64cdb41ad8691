//! The experiments that are no language models: truncated gradients, gradients through time, steps ahead.

use anyhow::{Context, Result, ensure};

use crate::{log, perplexities, recurrent, train};

/// Every way of truncation trains, each on gradients of its own.
#[test]
fn truncations_differ_and_the_full_gradient_is_the_rnns() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [
        "--epochs",
        "3",
        "--num-hiddens",
        "16",
        "--implementation",
        "scratch",
    ];
    let mut found = Vec::new();
    for truncation in ["full", "regular", "randomised"] {
        let model = ["rnn-truncated", "--truncation", truncation];
        let run = train(&folder, truncation, &[&model[..], &flags].concat())?;
        found.push(perplexities(&run)?);
    }
    let same = ["rnn"];
    let rnn = train(&folder, "rnn", &[&same[..], &flags].concat())?;
    ensure!(perplexities(&rnn)? == found[0], "{found:?}");
    ensure!(
        found[0] != found[1] && found[1] != found[2] && found[0] != found[2],
        "{found:?}"
    );
    Ok(())
}

/// The norms through time: with small recurrent weights they fall faster than with large ones.
#[test]
fn gradients_vanish_and_explode_on_request() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let small = [
        "--num-hiddens",
        "16",
        "--num-steps",
        "20",
        "--max-tokens",
        "2560",
    ];
    let flags = [&["gradients-through-time", "--epochs", "1"][..], &small].concat();
    let factors = |scale: &str| -> Result<Vec<f64>> {
        let run = train(
            &folder,
            scale,
            &[&flags[..], &["--recurrent-scale", scale]].concat(),
        )?;
        ensure!(run.join("figures/gradients-through-time.svg").exists());
        let end = log(&run)?.pop().context("lines")?;
        let names = ["rnn_h", "gru_h", "lstm_h", "lstm_c"];
        let all = names.map(|name| end["final"][format!("factor.start.{name}")].as_f64());
        let found: Vec<f64> = all.into_iter().flatten().collect();
        ensure!(found.len() == 4, "{end}");
        Ok(found)
    };
    let (vanishing, exploding) = (factors("0.5")?, factors("8")?);
    ensure!(
        vanishing[0] < 0.5 && exploding[0] > 1.0,
        "{vanishing:?} {exploding:?}"
    );
    ensure!(vanishing[1] < 0.8, "{vanishing:?}");
    Ok(())
}

#[test]
fn the_autoregressive_models_errors_grow_with_the_steps_ahead() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, hiddens, parameters) in [("perceptron", "10", 61), ("linear", "0", 5)] {
        let flags = ["autoregressive", "--epochs", "20", "--num-hiddens", hiddens];
        let run = train(&folder, name, &flags)?;
        let lines = log(&run)?;
        ensure!(lines[0]["parameters"] == parameters, "{name}: {}", lines[0]);
        let end = lines.last().context("lines")?;
        let error = |of: &str| {
            end["final"][format!("error.{of}")]
                .as_f64()
                .context(format!("{end}"))
        };
        let (near, far) = (error("ahead1")?, error("ahead64")?);
        // The noise alone is 0.04; a series without a prediction has about ½.
        ensure!((0.03..0.1).contains(&near), "{name}: {near}");
        ensure!(far > 2.0 * near, "{name}: {far} after {near}");
        for figure in ["one-step", "multi-step", "k-steps"] {
            ensure!(
                run.join(format!("figures/{figure}.svg")).exists(),
                "{name}: {figure}"
            );
        }
    }
    let shown = recurrent(folder.path(), &["autoregressive", "--inspect"])?;
    let shown = String::from_utf8(shown.stdout)?;
    ensure!(shown.contains("  input    [16, 4]"), "{shown}");
    ensure!(shown.contains("  target   [16, 1]"), "{shown}");
    Ok(())
}

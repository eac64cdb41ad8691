//! Parameters have PyTorch's names and shapes, and pass from run to run unchanged.

use anyhow::{Result, ensure};
use candle_core::{Device, safetensors};

use crate::support::{Desk, log};

/// Name and shape.
type Parameter<'a> = (&'a str, &'a [usize]);

#[test]
fn concise_models_are_saved_under_pytorchs_names() -> Result<()> {
    let desk = Desk::new()?;
    let models: [(&str, &[Parameter]); 4] = [
        (
            "linear-regression",
            &[("linear.bias", &[1]), ("linear.weight", &[1, 2])],
        ),
        (
            "softmax-regression",
            &[("linear.bias", &[10]), ("linear.weight", &[10, 784])],
        ),
        (
            "mlp",
            &[
                ("hidden.bias", &[256]),
                ("hidden.weight", &[256, 784]),
                ("output.bias", &[10]),
                ("output.weight", &[10, 256]),
            ],
        ),
        (
            "recurrent",
            &[
                ("linear.bias", &[28]),
                ("linear.weight", &[28, 256]),
                ("rnn.bias_hh_l0", &[256]),
                ("rnn.bias_ih_l0", &[256]),
                ("rnn.weight_hh_l0", &[256, 256]),
                ("rnn.weight_ih_l0", &[256, 28]),
            ],
        ),
    ];
    for (chapter, wanted) in models {
        let folder = desk.train(
            chapter,
            "names",
            &["--epochs", "0", "--data", "builtin", "--examples", "100"],
        )?;
        let tensors = safetensors::load(folder.join("model.safetensors"), &Device::Cpu)?;
        let mut found: Vec<Parameter> = tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.dims()))
            .collect();
        found.sort();
        ensure!(found == wanted, "{chapter}: {found:?}");
    }
    Ok(())
}

#[test]
fn a_run_can_start_from_anothers_parameters() -> Result<()> {
    let desk = Desk::new()?;
    let flags = ["--data", "builtin", "--examples", "2000"];
    let trained = desk.train("mlp", "trained", &[&flags[..], &["--epochs", "2"]].concat())?;
    let file = trained.join("model.safetensors");
    let file = file.to_str().expect("plain path");
    let again = desk.train(
        "mlp",
        "again",
        &[&flags[..], &["--epochs", "0", "--init", file]].concat(),
    )?;
    let (trained, again) = (log(&trained)?, log(&again)?);
    let last = |log: &d2l_log::Log| {
        log.epochs
            .last()
            .and_then(|epoch| epoch.metric("valid.loss"))
    };
    ensure!(
        last(&trained).is_some() && last(&trained) == last(&again),
        "{:?} {:?}",
        last(&trained),
        last(&again)
    );
    Ok(())
}

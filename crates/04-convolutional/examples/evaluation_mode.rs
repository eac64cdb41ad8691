//! What happens if evaluation mode is forgotten: with batch normalisation a picture's class then depends on the other
//! pictures of its minibatch.
//!
//! `cargo run -p convolutional --example evaluation_mode`, with the flags of every model

use anyhow::{Result, bail};
use candle_core::D;
use convolutional::batch_norm_lenet::{PRESETS, concise::BatchNormLeNet};
use convolutional::pictures::{self, Pictures};
use d2l::data::{Column, Dataset};
use d2l::nn::{Mode, Network, no_grad};
use d2l::{Chapter, Model, Run};

fn main() -> std::process::ExitCode {
    let about = "LeNet with batch normalisation, evaluated in both modes";
    let chapter = Chapter {
        name: "evaluation-mode",
        about,
        models: vec![Model::new("batchnorm-lenet", about, train, &[], PRESETS)],
        bands: "",
    };
    chapter.main()
}

/// Trains the network, then counts the right answers on the validation pictures: in evaluation mode, and in training mode
/// for several minibatches.
fn train(run: &mut Run, options: &Pictures) -> Result<()> {
    let trained = pictures::train_network(run, options, None, BatchNormLeNet::new)?;
    let Some((network, images)) = trained else {
        return Ok(());
    };
    let valid = &images.splits.valid;
    let Column::Labels(labels) = valid.column(1) else {
        bail!("found pictures without classes");
    };
    let mixed: Vec<usize> = (0..valid.len()).collect();
    let mut by_class = mixed.clone();
    by_class.sort_by_key(|&row| labels.get(row));
    run.show("\nmode        minibatch                accuracy");
    let training = Mode::Train(run.step());
    for (name, mode, rows, batch_size) in [
        // It stands first, because a pass in training mode moves the running averages.
        ("evaluation", Mode::Evaluate, &mixed, 250),
        ("training", training, &mixed, 250),
        ("training", training, &mixed, 10),
        ("training", training, &mixed, 2),
        ("training", training, &by_class, 250),
    ] {
        let accuracy = accuracy(run, &network, valid, (rows, batch_size), mode)?;
        let order = if rows == &mixed {
            "of all classes"
        } else {
            "of one class"
        };
        run.show(&format!(
            "{name:<10}  {batch_size:>3} {order:<14}    {accuracy:>12.4}"
        ));
    }
    Ok(())
}

/// The share of right answers if the pictures come in this order, in minibatches of this size.
fn accuracy(
    run: &Run,
    network: &impl Network,
    data: &Dataset<2>,
    (rows, batch_size): (&[usize], usize),
    mode: Mode,
) -> Result<f64> {
    let mut right = 0.0;
    for batch in data.batches(rows.to_vec(), batch_size, &run.settings.device) {
        let [x, y] = batch?;
        let classes = no_grad(|| network.forward(&x, mode))?.argmax(D::Minus1)?;
        right += classes
            .eq(&y)?
            .to_dtype(candle_core::DType::F64)?
            .sum_all()?
            .to_scalar::<f64>()?;
    }
    Ok(right / rows.len() as f64)
}

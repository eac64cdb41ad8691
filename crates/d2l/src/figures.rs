//! Figures of a trained classifier.

use anyhow::Result;
use candle_core::Device;
use d2l_data::{Dataset, ImageClasses};
use d2l_nn::Network;
use d2l_plot::{Matrix, Picture, Scale};

use crate::{Classifier, Run};

/// Pictures in the figure of predictions: three rows of six.
const SHOWN: usize = 18;

/// Draws `figures/confusion.svg`, the confusion matrix of the validation set, and `figures/predictions.svg`, the first
/// validation pictures with their true and predicted classes.
pub fn draw_classification<M: Network>(
    run: &Run,
    task: &Classifier<M>,
    images: &ImageClasses,
) -> Result<()> {
    let (Some(confusion), Some(predictions)) =
        (run.figure("confusion")?, run.figure("predictions")?)
    else {
        return Ok(());
    };
    let names: Vec<String> = images.class_names.iter().map(ToString::to_string).collect();
    let mut counts = vec![0.0; names.len() * names.len()];
    let valid = &images.splits.valid;
    let pairs = true_and_predicted(run, task, valid)?;
    for (truth, predicted) in &pairs {
        if let Some(count) = counts.get_mut(truth * names.len() + predicted) {
            *count += 1.0;
        }
    }
    let matrix = Matrix { values: &counts, rows: &names, columns: &names };
    d2l_plot::heat_map(
        &confusion,
        &run.title("confusion matrix"),
        "true",
        "predicted",
        &matrix,
        true,
    )?;

    let rows: Vec<usize> = (0..SHOWN.min(valid.len())).collect();
    let (height, width) = images.size();
    let [x, _] = valid.batch(&rows, &Device::Cpu)?;
    let pixels: Vec<Vec<f32>> = x.flatten_from(1)?.to_vec2()?;
    let name = |class: usize| names.get(class).map_or("?", String::as_str);
    let pictures: Vec<Picture> = pixels
        .into_iter()
        .zip(&pairs)
        .map(|(pixels, &(truth, predicted))| Picture {
            pixels,
            width,
            height,
            caption: format!("true: {}\npredicted: {}", name(truth), name(predicted)),
            highlight: truth != predicted,
        })
        .collect();
    d2l_plot::image_grid(
        &predictions,
        &run.title("predictions"),
        &pictures,
        6,
        Scale::Unit,
    )
}

/// The true and the predicted class of each example.
pub fn true_and_predicted<M: Network>(
    run: &Run,
    task: &Classifier<M>,
    data: &Dataset<2>,
) -> Result<Vec<(usize, usize)>> {
    let mut pairs = Vec::with_capacity(data.len());
    let (all, settings) = ((0..data.len()).collect(), &run.settings);
    for batch in data.batches(all, settings.recipe.batch_size, &settings.device) {
        let [x, y] = batch?;
        let truths = y.to_vec1::<u32>()?;
        for (truth, predicted) in truths.into_iter().zip(task.predict(&x)?.to_vec1::<u32>()?) {
            pairs.push((truth as usize, predicted as usize));
        }
    }
    Ok(pairs)
}

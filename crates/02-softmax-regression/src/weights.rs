//! What a linear classifier has learned, as pictures: one weight per pixel and class.

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::data::ImageClasses;
use d2l::{Run, plot};

/// Draws `figures/weights.svg`: for each class the weights as a picture. Red pixels have positive weights, blue ones
/// negative.
///
/// Shapes: `weight` `[K, height · width]`.
pub fn draw(run: &Run, weight: &Tensor, images: &ImageClasses) -> Result<()> {
    let Some(path) = run.figure("weights")? else {
        return Ok(());
    };
    let (height, width) = images.size();
    let rows: Vec<Vec<f32>> = weight.detach().to_device(&Device::Cpu)?.to_vec2()?;
    let pictures: Vec<plot::Picture> = rows
        .into_iter()
        .zip(images.class_names)
        .map(|(pixels, name)| plot::Picture {
            pixels,
            width,
            height,
            caption: name.to_string(),
            highlight: false,
        })
        .collect();
    plot::image_grid(
        &path,
        &run.title("learned weights"),
        &pictures,
        5,
        plot::Scale::Diverging,
    )
}

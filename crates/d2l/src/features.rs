//! The first kernels that a convolutional network has learned, and each layer's feature maps of a picture.

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use d2l_data::ImageClasses;
use d2l_nn::{Layer, Mode, Network, observed};
use d2l_plot::{Picture, PictureRow, Scale};

use crate::{Run, usage};

/// Largest number of filters in a figure: six rows of sixteen.
const FILTERS: usize = 96;
/// Number of filters in a row, and largest number of feature maps of a layer.
const IN_ROW: usize = 16;
const MAPS: usize = 8;

/// Checks that the validation set has a picture `index`, before anything is trained.
pub fn check_figure_image(images: &ImageClasses, index: usize) -> Result<()> {
    let count = images.splits.valid.len();
    if index >= count {
        usage!(
            "--figure-image {index}: the validation set has the pictures 0 to {}",
            count.saturating_sub(1)
        );
    }
    Ok(())
}

/// Draws `figures/filters.svg`, the kernels of the first convolution, and `figures/features.svg`, the first eight
/// feature maps of validation picture `index` in each layer that keeps a picture's two dimensions. Draws neither for a
/// network without convolutions.
pub fn draw_features(
    run: &Run,
    network: &impl Network,
    images: &ImageClasses,
    index: usize,
) -> Result<()> {
    let (Some(filters), Some(features)) = (run.figure("filters")?, run.figure("features")?) else {
        return Ok(());
    };
    let [x, y] = images.splits.valid.batch(&[index], &run.settings.device)?;
    let (_, observations) = observed(|| network.forward(&x, Mode::Evaluate))?;
    let layers = observations.rows(&[&x]);

    let kernels = layers
        .iter()
        .find_map(|layer| first_kernels(run, &layer.name));
    let Some((layer, weight)) = kernels else {
        return Ok(());
    };
    let pictures = kernel_pictures(&weight)?;
    let title = match (pictures.len(), weight.dim(0)?) {
        (shown, count) if shown < count => {
            format!("{shown} of {count} filters of {layer}")
        }
        _ => format!("filters of {layer}"),
    };
    d2l_plot::image_grid(
        &filters,
        &run.title(&title),
        &pictures,
        IN_ROW,
        Scale::Diverging,
    )?;

    let mut rows = vec![PictureRow {
        label: "input".to_string(),
        pictures: vec![whole_picture(&x)?],
        scale: Scale::Unit,
    }];
    for Layer { name, output, .. } in &layers {
        if let [_, channels, height, width] = *output.dims()
            && height * width > 1
        {
            rows.push(PictureRow {
                label: format!("{name}\n{channels} × {height} × {width}"),
                pictures: maps(output)?,
                scale: Scale::Diverging,
            });
        }
    }
    let class = y.to_vec1::<u32>()?;
    let class = class
        .first()
        .and_then(|&class| images.class_names.get(class as usize));
    let title = format!(
        "what its layers see of picture {index} ({})",
        class.unwrap_or(&"?")
    );
    d2l_plot::image_rows(&features, &run.title(&title), &rows)
}

/// The weight of the first convolution of the layer `name`, if it has one: `[O, C, h, w]` with kernels of more than one
/// pixel.
fn first_kernels(run: &Run, name: &str) -> Option<(String, Tensor)> {
    let inside = format!("{name}.");
    let parameters = run.params.parameters().into_iter();
    let is_kernel = |(parameter, var): &(String, candle_core::Var)| {
        parameter.starts_with(&inside) && matches!(var.dims(), [_, _, h, w] if h * w > 1)
    };
    let (name, var) = parameters.into_iter().find(is_kernel)?;
    let layer = name.strip_suffix(".weight").unwrap_or(&name).to_string();
    Some((layer, var.as_detached_tensor()))
}

/// One picture for each filter: in colour if the filter has three channels, otherwise its first channel.
fn kernel_pictures(weight: &Tensor) -> Result<Vec<Picture>> {
    let (filters, channels, height, width) = weight.dims4()?;
    let shown = if channels == 3 { 3 } else { 1 };
    let weight = weight
        .narrow(0, 0, filters.min(FILTERS))?
        .narrow(1, 0, shown)?;
    pictures(
        &weight.reshape(((), shown * height * width))?,
        height,
        width,
    )
}

/// The picture itself: `[1, C, H, W]`.
fn whole_picture(x: &Tensor) -> Result<Picture> {
    let (_, _, height, width) = x.dims4()?;
    let picture = pictures(&x.flatten_from(1)?, height, width)?.pop();
    picture.ok_or_else(|| anyhow::anyhow!("found no picture in {:?}", x.dims()))
}

/// The first feature maps of `[1, C, H, W]`.
fn maps(output: &Tensor) -> Result<Vec<Picture>> {
    let (_, channels, height, width) = output.dims4()?;
    let output = output.narrow(1, 0, channels.min(MAPS))?;
    pictures(&output.reshape(((), height * width))?, height, width)
}

/// The rows of `[N, H · W]`, or `[N, 3 · H · W]`, as pictures without captions.
fn pictures(rows: &Tensor, height: usize, width: usize) -> Result<Vec<Picture>> {
    ensure!(
        rows.rank() == 2,
        "found {:?}, wanted a row for each picture",
        rows.dims()
    );
    let rows: Vec<Vec<f32>> = rows.to_device(&Device::Cpu)?.to_vec2()?;
    let picture = |pixels| Picture {
        pixels,
        width,
        height,
        caption: String::new(),
        highlight: false,
    };
    Ok(rows.into_iter().map(picture).collect())
}

//! The vision Transformer: a picture's patches as a sequence, and a class token that looks at them. D2L en 11.8;
//! Dosovitskiy et al. 2021, arXiv:2010.11929.
//!
//! x_0 = class token, x_i = W patch_i + b; all of them plus a learned position; blocks; the class token's output, normalized,
//! gives the logits. With `--pool mean`, the mean of the patches' outputs takes its place: en 11.8, exercise 2.

use anyhow::{Result, ensure};
use attention::mask::Mask;
use candle_core::{Module, Tensor};
use convolutional::pictures::{self, Enlarged, Shape};
use d2l::PresetName::{En, Quick};
use d2l::data::ImageClasses;
use d2l::nn::{
    Conv2d, Conv2dConfig, Dropout, Initializer, LayerNorm, Linear, Mode, Network, ParamStore,
    concat, conv2d, layer_norm, linear, no_grad, observed, report_path,
};
use d2l::plot::{Picture, PictureRow, Scale, image_rows};
use d2l::{Model, OptimizerKind, Preset, Recipe, Run, at_least_one, depth, probability};
use serde::Serialize;

use crate::block::{Activation, BlockOptions, EPSILON, Norm};
use crate::encoder::{EncoderBlock, encoder_blocks};

const EN: Recipe = Recipe {
    epochs: 10,
    batch_size: 128,
    learning_rate: 0.1,
    ..Recipe::SGD
};
const QUICK: Recipe = Recipe {
    epochs: 1,
    learning_rate: 0.001,
    optimizer: OptimizerKind::Adam,
    ..EN
};
/// The experiments. `quick` takes the pictures as they are, in 16 patches, on a CPU.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::new(Quick, "en 11.8", QUICK, Options::SMALL),
    Preset::new(En, "en 11.8", EN, Options::BOOK),
];

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "The vision Transformer: patches of a picture as a sequence (D2L en 11.8)";
    Model::new("vit", about, train, &[], PRESETS)
}

/// The network's size.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// Pixels along the side of a patch
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub patch_size: usize,
    /// Numbers per position
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub num_hiddens: usize,
    /// Numbers between the two dense layers of a block
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub ffn_hiddens: usize,
    /// Heads of each attention layer
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub num_heads: usize,
    /// Blocks
    #[arg(long, value_name = "N", value_parser = depth)]
    pub num_layers: usize,
    /// Probability of dropout
    #[arg(long, value_name = "P", value_parser = probability)]
    pub dropout: f64,
    /// What the output layer sees
    #[arg(long, value_enum, value_name = "OUTPUT")]
    pub pool: Pool,
    /// The pictures that it is trained on.
    #[command(flatten)]
    #[serde(flatten)]
    pub pictures: Enlarged,
}

impl Options {
    /// The book's, for pictures of 96 × 96.
    pub const BOOK: Self = Self {
        patch_size: 16,
        num_hiddens: 512,
        ffn_hiddens: 2048,
        num_heads: 8,
        num_layers: 2,
        dropout: 0.1,
        pool: Pool::ClassToken,
        pictures: Enlarged::to(96),
    };

    /// For pictures of 28 × 28.
    pub const SMALL: Self = Self {
        patch_size: 7,
        num_hiddens: 64,
        ffn_hiddens: 128,
        num_heads: 4,
        pictures: Enlarged::STORED,
        ..Self::BOOK
    };
}

/// Which outputs of the last block the output layer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The class token's
    ClassToken,
    /// The mean of the patches'
    Mean,
}

/// Patches, class token, positions, blocks, and a linear layer on the class token's output or the patches' mean.
pub struct VisionTransformer {
    patch: Conv2d,
    class_token: Tensor,
    position: Tensor,
    dropout: Dropout,
    blocks: Vec<EncoderBlock>,
    pool: Pool,
    norm: LayerNorm,
    output: Linear,
}

impl VisionTransformer {
    /// `patch.…`, `class_token` `[1, 1, H]`, `position` `[1, 1 + patches, H]`, `blocks.…`, `norm.…` and `output.…`.
    ///
    /// # Errors
    /// If the patches don't fill the picture.
    pub fn new(
        shape: Shape,
        options: &Options,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let Options { patch_size, num_hiddens, dropout, .. } = *options;
        ensure!(
            shape.side.is_multiple_of(patch_size),
            "--patch-size {patch_size}: found pictures of {0} × {0}, wanted a divisor of {0}",
            shape.side
        );
        let patches = (shape.side / patch_size).pow(2);
        let vb = params.builder();
        let stride = Conv2dConfig::default().stride(patch_size);
        let (zeros, normal) = (candle_nn::init::ZERO, Initializer::Normal { std: 1.0 });
        let block = BlockOptions {
            num_hiddens,
            ffn_hiddens: options.ffn_hiddens,
            num_heads: options.num_heads,
            attention_dropout: dropout,
            output_dropout: 0.0,
            ffn_dropout: dropout,
            ffn_output_dropout: dropout,
            norm: Norm::Pre,
            activation: Activation::Gelu,
            scaled: true,
        };
        Ok(Self {
            patch: conv2d(
                shape.channels,
                num_hiddens,
                patch_size,
                stride,
                init,
                vb.pp("patch"),
            )?,
            class_token: vb.get_with_hints((1, 1, num_hiddens), "class_token", zeros)?,
            position: vb.get_with_hints(
                (1, 1 + patches, num_hiddens),
                "position",
                normal.weight(num_hiddens, num_hiddens),
            )?,
            dropout: Dropout::new(dropout, "dropout")?,
            blocks: encoder_blocks(options.num_layers, &block, init, &vb)?,
            pool: options.pool,
            norm: layer_norm(num_hiddens, EPSILON, vb.pp("norm"))?,
            output: linear(num_hiddens, shape.classes, init, vb.pp("output"))?,
        })
    }
}

impl Network for VisionTransformer {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let features = self.patch.forward(x)?; // [B, H, S / patch, S / patch]
        let patches = features.flatten_from(2)?.transpose(1, 2)?.contiguous()?; // [B, patches, H]
        report_path(&[&features], &patches);
        let (batch, _, num_hiddens) = patches.dims3()?;
        let class_token = self.class_token.broadcast_as((batch, 1, num_hiddens))?;
        let h = concat(&[&class_token.contiguous()?, &patches], 1)?; // [B, 1 + patches, H]
        let h = h.broadcast_add(&self.position)?;
        let mut h = self.dropout.forward_t(&h, mode)?;
        for block in &self.blocks {
            h = block.forward(&h, Mask::NONE, None, mode)?;
        }
        let summary = match self.pool {
            Pool::ClassToken => h.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?,
            Pool::Mean => h.narrow(1, 1, h.dim(1)? - 1)?.mean(1)?,
        }; // [B, H]
        self.output.forward(&self.norm.forward(&summary)?)
    }
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let Enlarged { side, pictures } = &options.pictures;
    let build = |shape, init: &Initializer, params: &ParamStore| {
        VisionTransformer::new(shape, options, init, params)
    };
    match pictures::train_network(run, pictures, *side, build)? {
        Some((network, images)) => draw_attention(run, &network, &images, pictures.figure_image),
        None => Ok(()),
    }
}

/// Draws `figures/class-token.svg`: validation picture `index`, and for each block and head how much the class token
/// attends to each patch, as red over the picture.
fn draw_attention(
    run: &Run,
    network: &VisionTransformer,
    images: &ImageClasses,
    index: usize,
) -> Result<()> {
    let Some(path) = run.figure("class-token")? else {
        return Ok(());
    };
    let [x, y] = images.splits.valid.batch(&[index], &run.settings.device)?;
    let (_, observations) = no_grad(|| observed(|| network.forward(&x, Mode::Evaluate)))?;
    let picture = Photo::new(&x)?;
    let mut rows = vec![picture.row("picture", &[vec![0.0]])?];
    for (block, (_, weights)) in observations.attention().iter().enumerate() {
        let weights = weights.get(0)?.narrow(1, 0, 1)?.squeeze(1)?; // [N, 1 + patches]
        let patches = weights.narrow(1, 1, weights.dim(1)? - 1)?;
        let heads: Vec<Vec<f32>> = patches.to_vec2()?;
        rows.push(picture.row(&format!("block {}", block + 1), &heads)?);
    }
    let class: Vec<u32> = y.to_vec1()?;
    let class = class
        .first()
        .and_then(|&class| images.class_names.get(class as usize));
    let title = format!(
        "vit: where the class token looks in picture {index} ({}), head by head",
        class.unwrap_or(&"?")
    );
    image_rows(&path, &title, &rows)
}

/// A picture in light: three planes from 0 to 1.
struct Photo {
    planes: [Vec<f32>; 3],
    side: usize,
}

impl Photo {
    /// From a picture `[1, C, S, S]`. Grey ones are ink on paper, as in the other figures.
    fn new(x: &Tensor) -> Result<Self> {
        let (_, _, side, _) = x.dims4()?;
        let planes: Vec<Vec<f32>> = x.get(0)?.flatten_from(1)?.to_vec2()?;
        let planes = match <[Vec<f32>; 3]>::try_from(planes) {
            Ok(planes) => planes,
            Err(planes) => {
                let paper: Vec<f32> = planes.concat().iter().map(|ink| 1.0 - ink).collect();
                [paper.clone(), paper.clone(), paper]
            }
        };
        Ok(Self { planes, side })
    }

    /// The picture once for each head, redder where the head's weights of the patches are larger.
    fn row(&self, label: &str, heads: &[Vec<f32>]) -> Result<PictureRow> {
        Ok(PictureRow {
            label: label.to_string(),
            pictures: heads.iter().map(|weights| self.tinted(weights)).collect(),
            scale: Scale::Unit,
        })
    }

    fn tinted(&self, weights: &[f32]) -> Picture {
        const RED: [f32; 3] = [0.85, 0.1, 0.1];
        const STRONGEST: f32 = 0.75;
        let across = weights.len().isqrt().max(1);
        let patch = self.side.div_ceil(across);
        let largest = weights.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let strength = |pixel: usize| {
            let (row, column) = (pixel / self.side / patch, pixel % self.side / patch);
            STRONGEST * weights[row * across + column] / largest
        };
        let plane = |(plane, red): (&Vec<f32>, f32)| -> Vec<f32> {
            let pixels = plane.iter().enumerate();
            pixels
                .map(|(at, light)| light + strength(at) * (red - light))
                .collect()
        };
        Picture {
            pixels: self.planes.iter().zip(RED).flat_map(plane).collect(),
            width: self.side,
            height: self.side,
            caption: String::new(),
            highlight: false,
        }
    }
}

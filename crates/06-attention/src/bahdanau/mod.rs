//! Attention while translating: the decoder looks at every word of the sentence before each word that it writes.
//! D2L zh 10.4, en 11.4; Bahdanau et al. 2015, arXiv:1409.0473.
//!
//! c_t = Σ_i α(h_{t-1}, e_i) e_i,   h_t = f(c_t, x_t, h_{t-1})
//!
//! The query h_{t-1} is the decoder's top state before the step, keys and values are the encoder's outputs e_i.

pub mod concise;
pub mod scratch;

use anyhow::Result;
use d2l::{Implementation, Model, Run};
use serde::Serialize;

use crate::encoder::EncoderEnd;
use crate::figures;
use crate::translation::{self, LossKind};

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "Translation with attention to each word (D2L zh 10.4, en 11.4)";
    Model::new("bahdanau", about, train, scratch::PRESETS, concise::PRESETS)
}

/// The model's options.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// After which position the encoder's state is taken
    #[arg(long, value_enum, help_heading = "Model")]
    pub encoder_end: EncoderEnd,
    /// The options of all translation models.
    #[command(flatten)]
    #[serde(flatten)]
    pub translation: translation::Options,
}

impl Options {
    const ZH: Self = Self {
        encoder_end: EncoderEnd::Padding,
        translation: translation::Options::ZH,
    };
    const EN: Self = Self {
        translation: translation::Options { loss: LossKind::Padding, ..translation::Options::EN },
        ..Self::ZH
    };
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    if run.settings.implementation == Implementation::Scratch {
        let why = "belongs to --implementation concise";
        run.settings.refuse(&["encoder-end"], why)?;
    }
    let implementation = run.settings.implementation;
    let translations =
        translation::train(
            run,
            &options.translation,
            |sizes, init, params| match implementation {
                Implementation::Scratch => {
                    Ok(Box::new(scratch::Bahdanau::new(sizes, init, params)?))
                }
                Implementation::Concise => Ok(Box::new(concise::Bahdanau::new(
                    sizes,
                    options.encoder_end,
                    init,
                    params,
                )?)),
            },
        )?;
    figures::draw_alignments(run, &translations)
}

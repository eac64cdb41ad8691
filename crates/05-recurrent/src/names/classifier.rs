//! The language that a surname comes from: a recurrent network reads its letters, and a dense layer after the last one
//! says which language. PyTorch's tutorial "NLP from scratch: classifying names with a character-level RNN".

use anyhow::Result;
use candle_core::{D, DType, Device, Module, Tensor};
use d2l::data::{NAME_END, NAME_SYMBOLS, Names, name_letters, name_symbols, names};
use d2l::nn::{
    Initializer, Linear, Mode, Network, ParamStore, RecurrentOptions, linear, no_grad, softmax,
};
use d2l::plot::{Matrix, heat_map};
use d2l::{Classifier, Model, Preset, PresetName, Recipe, Run, at_least_one, true_and_predicted};
use serde::Serialize;

use super::QUICK_NAMES;
use crate::rnn_model::{Cell, Layer};
use crate::vectors::OneHot;

/// Languages that are named for a name of the reader's own.
const SHOWN: usize = 3;

/// Options of the classifier.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// The recurrent layer
    #[arg(long, value_enum, help_heading = "Model")]
    cell: Cell,
    /// Hidden units
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    num_hiddens: usize,
    /// A name whose three most likely languages the trained model names
    #[arg(long, value_name = "NAME", value_parser = with_a_letter, help_heading = "Names")]
    #[serde(skip)]
    name_to_classify: Option<String>,
}

const TUTORIAL: Recipe = Recipe {
    epochs: 27,
    batch_size: 64,
    learning_rate: 0.15,
    clip_norm: Some(3.0),
    ..Recipe::SGD
};
const OPTIONS: Options = Options { cell: Cell::Rnn, num_hiddens: 128, name_to_classify: None };
const CONCISE: &[Preset<Options>] = &[
    Preset::quick(
        8,
        SOURCE,
        QUICK_NAMES,
        Options { cell: Cell::Gru, ..OPTIONS },
    ),
    Preset::new(PresetName::Tutorial, SOURCE, TUTORIAL, OPTIONS),
];
const SOURCE: &str = "PyTorch's tutorial on classifying names";

/// The classifier in the chapter's list.
pub fn model() -> Model {
    let about = "The language of a surname, letter by letter (PyTorch's tutorial)";
    Model::new("names-classifier", about, train, &[], CONCISE)
}

/// Reads a name that has a letter.
fn with_a_letter(text: &str) -> Result<String, String> {
    match name_letters(text).contains(char::is_alphabetic) {
        true => Ok(text.to_string()),
        false => Err("wanted a name with a Latin letter at least".to_string()),
    }
}

/// One-hot letters, a recurrent layer, and a dense layer on the state after the last letter.
pub struct NameClassifier {
    one_hot: OneHot,
    rnn: Layer,
    linear: Linear,
}

impl NameClassifier {
    /// `rnn.…` with this cell and number of hidden units, and `linear.weight` `[K, H]`.
    pub fn new(
        cell: Cell,
        (num_hiddens, languages): (usize, usize),
        init: &Initializer,
        params: &ParamStore,
    ) -> candle_core::Result<Self> {
        let vb = params.builder();
        let sizes = (NAME_SYMBOLS, num_hiddens);
        Ok(Self {
            one_hot: OneHot::new(NAME_SYMBOLS, vb.dtype(), vb.device())?,
            rnn: Layer::new(cell, sizes, RecurrentOptions::default(), init, vb.pp("rnn"))?,
            linear: linear(num_hiddens, languages, init, vb.pp("linear"))?,
        })
    }
}

impl Network for NameClassifier {
    /// Names `[B, T]`, each filled up with ends, to logits `[B, K]`.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let (batch, _) = x.dims2()?;
        let (h, _) = self.rnn.forward(&self.one_hot.forward(x)?, None, mode)?; // [T, B, H]
        let letters = x.ne(NAME_END)?.to_dtype(DType::U32)?.sum(D::Minus1)?; // [B]
        // What follows a name's last letter changes nothing: the states before it don't depend on it.
        let last = (letters.to_dtype(DType::I64)? - 1.0)?;
        let rows = ((last * batch as f64)? + Tensor::arange(0, batch as i64, x.device())?)?;
        let h = h.flatten_to(1)?.index_select(&rows, 0)?; // [B, H]
        self.linear.forward(&h)
    }
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let settings = &run.settings;
    let names = settings.load(names)?;
    let splits = settings.first_examples(names.for_classification()?);
    let sizes = (options.num_hiddens, names.languages.len());
    let initializer = &settings.recipe.initializer;
    let network = NameClassifier::new(options.cell, sizes, initializer, &run.params)?;
    let [x, _] = splits.train.batch(&[0], &settings.device)?;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let task = Classifier::new(network);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    d2l::fit(&task, &splits, &mut optimizer, run)?;

    if let Some(path) = run.figure("confusion")? {
        let languages = names.languages.len();
        let pairs = true_and_predicted(run, &task, &splits.valid)?;
        let shares = shares_by_row(languages, &pairs);
        let matrix = Matrix {
            values: &shares,
            rows: &names.languages,
            columns: &names.languages,
        };
        let shown = "share of each language's held-out names, by prediction";
        let title = run.title(shown);
        heat_map(
            &path,
            &title,
            "true language",
            "predicted language",
            &matrix,
            true,
        )?;
    }
    match &options.name_to_classify {
        Some(name) => classify(&task.network, name, &names, run),
        None => Ok(()),
    }
}

/// The confusion matrix, each row divided by its sum: languages have between 73 and 9,384 names.
fn shares_by_row(classes: usize, pairs: &[(usize, usize)]) -> Vec<f64> {
    let mut counts = vec![0.0; classes * classes];
    for (truth, predicted) in pairs {
        if let Some(count) = counts.get_mut(truth * classes + predicted) {
            *count += 1.0;
        }
    }
    for row in counts.chunks_mut(classes) {
        let sum = row.iter().sum::<f64>().max(1.0);
        row.iter_mut().for_each(|count| *count /= sum);
    }
    counts
}

/// Says which languages are the most likely for the name.
fn classify(network: &NameClassifier, name: &str, names: &Names, run: &Run) -> Result<()> {
    let letters = name_letters(name);
    for (language, p) in most_likely(network, &letters, &run.settings.device)? {
        let language = names.languages.get(language).map_or("?", String::as_str);
        run.say_text("name", &format!("{letters:<16} {language:<12} {p:.3}"));
    }
    Ok(())
}

/// The most likely languages of a name, with their probabilities.
fn most_likely(
    network: &NameClassifier,
    letters: &str,
    device: &Device,
) -> Result<Vec<(usize, f32)>> {
    let x = Tensor::new(name_symbols(letters), device)?.unsqueeze(0)?; // [1, T]
    let logits = no_grad(|| network.forward(&x, Mode::Evaluate))?;
    let p: Vec<f32> = softmax(&logits, D::Minus1)?.flatten_all()?.to_vec1()?;
    let mut languages: Vec<(usize, f32)> = p.into_iter().enumerate().collect();
    languages.sort_by(|a, b| b.1.total_cmp(&a.1));
    languages.truncate(SHOWN);
    Ok(languages)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The logits of a name don't depend on what it is filled up with or on the other names of the minibatch.
    #[test]
    fn a_name_is_read_up_to_its_last_letter() -> Result<()> {
        let params = ParamStore::with_dtype(0, DType::F64, &Device::Cpu);
        let init = Initializer::PytorchDefault;
        let network = NameClassifier::new(Cell::Lstm, (5, 3), &init, &params)?;
        let end = NAME_END;
        let both = Tensor::new(&[[3, 1, end, end, end], [7, 20, 7, 2, end]], &Device::Cpu)?;
        let together = network.forward(&both, Mode::Evaluate)?.to_vec2::<f64>()?;
        for (row, letters) in [&[3u32, 1][..], &[7, 20, 7, 2]].into_iter().enumerate() {
            let alone = Tensor::new(letters, &Device::Cpu)?.unsqueeze(0)?;
            let alone = network.forward(&alone, Mode::Evaluate)?.to_vec2::<f64>()?;
            for (found, wanted) in together[row].iter().zip(&alone[0]) {
                assert!((found - wanted).abs() < 1e-12, "{together:?} {alone:?}");
            }
        }
        assert_ne!(together[0], together[1]);
        Ok(())
    }

    #[test]
    fn each_language_has_its_own_scale() {
        let pairs = [(0, 0), (0, 0), (0, 2), (0, 1), (2, 2)];
        let nothing = [0.0; 3];
        let wanted = [&[0.5, 0.25, 0.25][..], &nothing, &[0.0, 0.0, 1.0]].concat();
        assert_eq!(shares_by_row(3, &pairs), wanted);
    }
}

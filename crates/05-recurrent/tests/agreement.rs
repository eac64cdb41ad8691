//! By hand, with the library and in PyTorch, the models compute the same numbers.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use d2l::Implementation::{Concise, Scratch};
use d2l::data::{Choice, names};
use d2l::nn::testing::{every_parameter_has_a_gradient, filled, hash};
use d2l::nn::{
    Initializer, Linear, Mode, Network, ParamStore, RecurrentOptions, Reset, Step, backward,
    cross_entropy, gru, linear, mse_loss, observed,
};
use d2l::{Implementation, Scores, Task, next_token_loss};
use recurrent::autoregressive::series::TAU;
use recurrent::autoregressive::{Autoregressive, Kind};
use recurrent::experiment::Build;
use recurrent::language_model::Recurrent;
use recurrent::lstm::variants;
use recurrent::names::{NameClassifier, NameGenerator};
use recurrent::rnn_model::Cell;
use recurrent::structure::Structure;
use recurrent::vectors::OneHot;
use recurrent::word_lm::{Output, Size, WordModel};
use recurrent::{bidirectional_lstm, gru as gru_model, lstm, rnn};

const DEVICE: Device = Device::Cpu;
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });
/// V, H, B, T
const SIZES: (usize, usize, usize, usize) = (7, 5, 3, 6);

/// One layer, and two.
const ONE: Structure = Structure::new(SIZES.1, 1);
const TWO: Structure = Structure::new(SIZES.1, 2);
const EMBEDDED: Structure = Structure { embedding_dim: Some(4), ..ONE };

/// Every model, with its implementation, what makes it and of what.
const MODELS: [(&str, Implementation, Build, Structure); 24] = [
    ("rnn", Scratch, rnn::network, ONE),
    ("rnn", Concise, rnn::network, ONE),
    ("gru", Scratch, gru_model::network, ONE),
    ("gru", Concise, gru_model::network, ONE),
    ("lstm", Scratch, lstm::network, ONE),
    ("lstm", Concise, lstm::network, ONE),
    ("deep-rnn", Scratch, rnn::network, TWO),
    ("deep-gru", Concise, gru_model::network, TWO),
    ("deep-lstm", Concise, lstm::network, TWO),
    (
        BIDIRECTIONAL,
        Concise,
        bidirectional_lstm::network,
        Structure { bidirectional: true, ..TWO },
    ),
    ("rnn-relu", Scratch, rnn::relu_network, ONE),
    ("rnn-relu", Concise, rnn::relu_network, ONE),
    ("deep-rnn", Concise, rnn::network, TWO),
    ("deep-gru", Scratch, gru_model::network, TWO),
    ("deep-lstm", Scratch, lstm::network, TWO),
    ("rnn-embedded", Scratch, rnn::network, EMBEDDED),
    ("rnn-embedded", Concise, rnn::network, EMBEDDED),
    ("gru-reset", Scratch, gru_model::reset_network, ONE),
    ("gru-update", Scratch, gru_model::update_network, ONE),
    ("prototype-lstm", Scratch, variants::prototype, ONE),
    ("pseudo-lstm", Scratch, variants::pseudo, ONE),
    ("peephole-lstm", Scratch, variants::peephole, ONE),
    ("peephole-lstm", Concise, variants::peephole, ONE),
    ("peephole-lstm", Concise, variants::peephole, TWO),
];
/// PyTorch has layers for these, or computes them in the golden files' program: the rest of [`MODELS`] has none.
const IN_PYTORCH: usize = 19;
const BIDIRECTIONAL: &str = "bidirectional-lstm";

fn f64_params() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

/// A model of one layer.
fn model(
    build: Build,
    implementation: Implementation,
    params: &ParamStore,
) -> candle_core::Result<Box<dyn Recurrent>> {
    model_of(build, implementation, ONE, params)
}

fn model_of(
    build: Build,
    implementation: Implementation,
    structure: Structure,
    params: &ParamStore,
) -> candle_core::Result<Box<dyn Recurrent>> {
    let init = Initializer::PytorchDefault;
    build(implementation, (SIZES.0, structure), &init, params)
}

/// Tokens `[B, T]`.
fn tokens(salt: u32) -> Result<Tensor> {
    let (v, _, batch, steps) = SIZES;
    let tokens: Vec<u32> = (0..(batch * steps) as u32)
        .map(|i| hash(i, salt) % v as u32)
        .collect();
    Ok(Tensor::from_vec(tokens, (batch, steps), &DEVICE)?)
}

#[test]
fn every_model_agrees_with_pytorch() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    for (name, implementation, build, structure) in MODELS.into_iter().take(IN_PYTORCH) {
        let file = folder.join(format!("{name}-{implementation}.json"));
        let build = |params: &ParamStore| Ok(model_of(build, implementation, structure, params)?);
        d2l::testing::check_against_golden(&file, build, next_token_loss)
            .with_context(|| format!("{name} {implementation}"))?;
    }
    Ok(())
}

#[test]
fn the_autoregressive_models_agree_with_pytorch() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    for (name, kind, num_hiddens) in [
        ("perceptron", Kind::Mlp, 10),
        ("linear", Kind::Mlp, 0),
        ("rnn", Kind::Rnn, 10),
        ("gru", Kind::Gru, 10),
        ("lstm", Kind::Lstm, 10),
    ] {
        let file = folder.join(format!("autoregressive-{name}.json"));
        let build = |params: &ParamStore| {
            let sizes = (TAU, num_hiddens);
            Ok(Autoregressive::new(
                kind,
                sizes,
                &Initializer::Zeros,
                params,
            )?)
        };
        d2l::testing::check_against_golden(&file, build, mse_loss).context(name)?;
    }
    Ok(())
}

/// The sizes of the golden file, with an output layer of this kind.
fn word_model(
    output: Output,
    vocab_size: usize,
    params: &ParamStore,
) -> candle_core::Result<WordModel> {
    let (_, h, _, _) = SIZES;
    let size = Size {
        cell: Cell::Lstm,
        embedding_dim: h,
        num_hiddens: h,
        num_layers: 2,
        dropout: 0.0,
        output,
    };
    WordModel::new(size, vocab_size, &Initializer::PytorchDefault, params)
}

#[test]
fn the_models_of_names_and_words_agree_with_pytorch() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    let (v, h, _, _) = SIZES;
    let words = |params: &ParamStore| -> Result<Box<dyn Recurrent>> {
        Ok(Box::new(word_model(Output::Tied, v, params)?))
    };
    d2l::testing::check_against_golden(&folder.join("word-lm.json"), words, next_token_loss)?;
    let init = Initializer::PytorchDefault;
    let names = |params: &ParamStore| Ok(NameClassifier::new(Cell::Rnn, (h, h), &init, params)?);
    let file = folder.join("names-classifier.json");
    d2l::testing::check_against_golden(&file, names, cross_entropy)
}

/// Enough words for the adaptive softmax to have groups, and a token of each.
#[test]
fn the_loss_of_words_is_that_of_the_logits_and_every_parameter_gets_a_gradient() -> Result<()> {
    const WORDS: u32 = 40;
    let (batch, steps) = (8, 10);
    let tokens = |salt: u32| -> Result<Tensor> {
        let tokens = (0..(batch * steps) as u32).map(|i| (i * salt) % WORDS);
        Ok(Tensor::from_iter(tokens, &DEVICE)?.reshape((batch, steps))?)
    };
    let (x, y) = (tokens(7)?, tokens(3)?);
    for output in [Output::Tied, Output::Untied, Output::Adaptive] {
        let params = f64_params();
        let (_, h, _, _) = SIZES;
        let size = Size {
            cell: Cell::Gru,
            embedding_dim: 4 * h,
            num_hiddens: 4 * h, // narrow vectors of the rarest words need sixteen units
            num_layers: 2,
            dropout: 0.0,
            output,
        };
        let init = Initializer::PytorchDefault;
        let model = WordModel::new(size, WORDS as usize, &init, &params)?;
        let (_, state) = model.forward_from(&x, None, TRAIN)?;
        let (o, _) = model.forward_from(&x, Some(&state), Mode::Evaluate)?;
        let (loss, _) = model.loss_from([&x, &y], Some(&state), Mode::Evaluate)?;
        ensure!(o.dims() == [batch, steps, WORDS as usize], "{:?}", o.dims());
        ensure_near("loss", &loss, &next_token_loss(&o, &y)?)?;
        let (loss, _) = model.loss_from([&x, &y], None, TRAIN)?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?)?;
    }
    Ok(())
}

#[test]
fn every_parameter_of_the_models_of_names_gets_a_gradient() -> Result<()> {
    let names = names(Choice::Builtin, Path::new(""))?.data;
    let rows: Vec<usize> = (0..names.languages.len() * 200).step_by(7).collect();
    let init = Initializer::PytorchDefault;
    let languages = names.languages.len();
    for cell in [Cell::Rnn, Cell::Gru, Cell::Lstm] {
        let params = f64_params();
        let network = NameClassifier::new(cell, (6, languages), &init, &params)?;
        let [x, y] = names.for_classification()?.train.batch(&rows, &DEVICE)?;
        let loss = cross_entropy(&network.forward(&x, TRAIN)?, &y)?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?)?;

        let params = f64_params();
        let network = NameGenerator::new(cell, (6, languages), 0.1, &init, &params)?;
        let batch = names.for_generation()?.train.batch(&rows, &DEVICE)?;
        let Mode::Train(step) = TRAIN else { continue };
        let loss = network.training_loss(&batch, step, &mut Scores::default())?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?)?;
    }
    Ok(())
}

/// Arranges parameters or gradients of a model by hand as the library's model has them.
///
/// The library's weights are the transposed ones, one gate below the other. Of its two biases the second is 0.
struct Mapping<'a> {
    /// A layer's parameters: their prefix by hand, and the number at the end of the library's names.
    layers: &'a [(&'a str, usize)],
    /// The book's letters in the library's order.
    letters: &'a str,
    /// Those with a peephole.
    peepholes: &'a str,
}

impl Mapping<'_> {
    /// Each of the library's tensors, made of those that `by_hand` finds by their names.
    fn apply(&self, by_hand: impl Fn(&str) -> Result<Tensor>) -> Result<Vec<(String, Tensor)>> {
        let mut mapped = vec![
            ("linear.weight".to_string(), by_hand("w_hq")?.t()?),
            ("linear.bias".to_string(), by_hand("b_q")?),
        ];
        if let Ok(table) = by_hand("embedding.weight") {
            mapped.push(("embedding.weight".to_string(), table));
        }
        for (prefix, number) in self.layers {
            if !self.peepholes.is_empty() {
                let letters = self.peepholes.chars();
                let peepholes = letters.map(|letter| by_hand(&format!("{prefix}p_{letter}")));
                let peepholes = Tensor::cat(&peepholes.collect::<Result<Vec<_>>>()?, 0)?;
                mapped.push((format!("rnn.weight_peephole_l{number}"), peepholes));
            }
            let stacked = |kind: &str| -> Result<Tensor> {
                let gates = self.letters.chars().map(|letter| {
                    let gate = by_hand(&format!("{prefix}{kind}{letter}"))?;
                    Ok(if gate.rank() == 2 { gate.t()? } else { gate })
                });
                Ok(Tensor::cat(&gates.collect::<Result<Vec<_>>>()?, 0)?)
            };
            let bias = stacked("b_")?;
            mapped.extend([
                (format!("rnn.weight_ih_l{number}"), stacked("w_x")?),
                (format!("rnn.weight_hh_l{number}"), stacked("w_h")?),
                (format!("rnn.bias_hh_l{number}"), bias.zeros_like()?),
                (format!("rnn.bias_ih_l{number}"), bias),
            ]);
        }
        Ok(mapped)
    }
}

fn named(params: &ParamStore, name: &str) -> Result<candle_core::Var> {
    let mut all = params.parameters().into_iter();
    let found = all.find(|(known, _)| known == name);
    Ok(found.with_context(|| format!("no {name}"))?.1)
}

fn ensure_near(what: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    ensure!(
        a.dims() == b.dims(),
        "{what}: {:?} {:?}",
        a.dims(),
        b.dims()
    );
    let gap = (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
    let largest = a.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
    ensure!(largest > 0.0, "{what}: all zeros agree with anything");
    ensure!(
        gap <= 1e-12 + 1e-10 * largest,
        "{what}: they differ by {gap} of {largest}"
    );
    Ok(())
}

/// Outputs, states, loss and gradients at equal parameters, from a state that isn't zero.
fn ensure_equal(
    (by_hand, ours): (&dyn Recurrent, &ParamStore),
    (library, theirs): (&dyn Recurrent, &ParamStore),
    mapping: &Mapping,
) -> Result<()> {
    // Biases too, which would be 0 otherwise; each parameter has other numbers, so that none can stand for another.
    for (number, (_, variable)) in (3..).zip(ours.parameters()) {
        let shape = variable.shape().clone();
        variable.set(&filled(shape, number, 1.0, DType::F64, &DEVICE)?)?;
    }
    let value = |name: &str| -> Result<Tensor> { Ok(named(ours, name)?.as_detached_tensor()) };
    for (name, value) in mapping.apply(value)? {
        named(theirs, &name)?.set(&value.contiguous()?)?;
    }
    let (x, y) = (tokens(1)?, tokens(2)?);
    let (_, state) = by_hand.forward_from(&tokens(5)?, None, TRAIN)?;
    let layers = mapping.layers.len();
    // By hand a state is h, or h and c, layer by layer. The library has one tensor of all layers' h, and one of all c.
    let kinds = state.len() / layers;
    let together: Vec<Tensor> = (0..kinds)
        .map(|kind| {
            let of_kind: Vec<&Tensor> = state.iter().skip(kind).step_by(kinds).collect();
            Tensor::stack(&of_kind, 0)
        })
        .collect::<candle_core::Result<_>>()?;

    let (a, after_a) = by_hand.forward_from(&x, Some(&state), TRAIN)?;
    let (b, after_b) = library.forward_from(&x, Some(&together), TRAIN)?;
    ensure_near("outputs", &a, &b)?;
    for (kind, b) in after_b.iter().enumerate() {
        let of_kind: Vec<&Tensor> = after_a.iter().skip(kind).step_by(kinds).collect();
        ensure_near("states", &Tensor::stack(&of_kind, 0)?, b)?;
    }
    let (a, b) = (next_token_loss(&a, &y)?, next_token_loss(&b, &y)?);
    ensure_near("loss", &a, &b)?;
    // From zeros, because the state above has a graph of its own.
    let a = backward(&next_token_loss(&by_hand.forward(&x, TRAIN)?, &y)?)?;
    let b = backward(&next_token_loss(&library.forward(&x, TRAIN)?, &y)?)?;
    let of_hand = |name: &str| -> Result<Tensor> {
        let gradient = a
            .get(named(ours, name)?.as_tensor())
            .context("a gradient")?;
        Ok(gradient.clone())
    };
    for (name, wanted) in mapping.apply(of_hand)? {
        let found = b
            .get(named(theirs, &name)?.as_tensor())
            .context("a gradient")?;
        if !name.contains("bias_hh") {
            ensure_near(&name, &wanted, found)?;
        } else {
            // The second bias is added to the same sums as the first, so it has the same gradient.
            let first = named(theirs, &name.replace("bias_hh", "bias_ih"))?;
            ensure_near(
                &name,
                b.get(first.as_tensor()).context("a gradient")?,
                found,
            )?;
        }
    }
    Ok(())
}

#[test]
fn the_rnn_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(rnn::network, Scratch, &ours)?;
    let library = model(rnn::network, Concise, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping { layers: &layers, letters: "h", peepholes: "" };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

#[test]
fn the_lstm_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(lstm::network, Scratch, &ours)?;
    let library = model(lstm::network, Concise, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping {
        layers: &layers,
        letters: "ifco", // PyTorch's g is the book's candidate c
        peepholes: "",
    };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

#[test]
fn the_lstm_with_peepholes_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(variants::peephole, Scratch, &ours)?;
    let library = model(variants::peephole, Concise, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping { layers: &layers, letters: "ifco", peepholes: "ifo" };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

/// What the gates do is what they show: with them, the memory and the output of an LSTM follow from its equations.
#[test]
fn an_lstm_shows_the_gates_that_it_uses() -> Result<()> {
    let params = f64_params();
    let lstm = model(lstm::network, Scratch, &params)?;
    let of = |name: &str| -> Result<Tensor> { Ok(named(&params, name)?.as_detached_tensor()) };
    let (_, before) = lstm.forward_from(&tokens(1)?, None, Mode::Evaluate)?;
    let x = tokens(2)?.narrow(1, 0, 1)?;
    let gates = lstm.gates_at(&x.squeeze(1)?, Some(&before))?;
    let names: Vec<&str> = gates.iter().map(|(name, _)| *name).collect();
    ensure!(names == ["input", "forget", "output"], "{names:?}");
    let [i, f, o] = [0, 1, 2].map(|gate: usize| gates[gate].1.clone());
    let w_x = of("rnn.w_xc")?.index_select(&x.flatten_all()?, 0)?;
    let sums = (w_x + before[0].matmul(&of("rnn.w_hc")?)?)?.broadcast_add(&of("rnn.b_c")?)?;
    let c = ((f * &before[1])? + (i * sums.tanh()?)?)?;
    let h = (o * c.tanh()?)?;
    let (_, after) = lstm.forward_from(&x, Some(&before), Mode::Evaluate)?;
    ensure_near("h", &h, &after[0])?;
    ensure_near("c", &c, &after[1])?;
    // A layer without gates, and one of the library, show none.
    let rnn = model(rnn::network, Scratch, &f64_params())?;
    let library = model(gru_model::network, Concise, &f64_params())?;
    for model in [rnn, library] {
        ensure!(model.gates_at(&x.squeeze(1)?, None)?.is_empty());
    }
    Ok(())
}

#[test]
fn two_layers_by_hand_are_the_librarys() -> Result<()> {
    let layers = [("rnn.0.", 0), ("rnn.1.", 1)];
    // With dropout both drop the same units, because the layers have the same names.
    for dropout in [0.0, 0.5] {
        let structure = Structure { dropout, ..TWO };
        let networks: [(Build, &str); 3] = [
            (rnn::network, "h"),
            (rnn::relu_network, "h"),
            (lstm::network, "ifco"),
        ];
        for (build, letters) in networks {
            let (ours, theirs) = (f64_params(), f64_params());
            let by_hand = model_of(build, Scratch, structure, &ours)?;
            let library = model_of(build, Concise, structure, &theirs)?;
            let mapping = Mapping { layers: &layers, letters, peepholes: "" };
            ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
                .with_context(|| format!("{letters}, dropout {dropout}"))?;
        }
    }
    Ok(())
}

/// Dropout between two layers changes their outputs in training alone.
#[test]
fn dropout_between_layers_is_for_training() -> Result<()> {
    for implementation in [Scratch, Concise] {
        let of = |dropout: f64, mode: Mode| -> Result<Tensor> {
            let structure = Structure { dropout, ..TWO };
            let model = model_of(rnn::network, implementation, structure, &f64_params())?;
            Ok(model.forward(&tokens(1)?, mode)?)
        };
        ensure_near(
            "evaluated",
            &of(0.5, Mode::Evaluate)?,
            &of(0.0, Mode::Evaluate)?,
        )?;
        ensure!(ensure_near("trained", &of(0.5, TRAIN)?, &of(0.0, TRAIN)?).is_err());
    }
    Ok(())
}

/// A layer that lacks both gates is the simple network's, and a gate that is wide open or shut is as good as none.
#[test]
fn a_gru_without_a_gate_is_a_gru_whose_gate_is_fixed() -> Result<()> {
    let networks: [(Build, char, f64); 2] = [
        (gru_model::reset_network, 'z', -1e3),
        (gru_model::update_network, 'r', 1e3),
    ];
    for (build, missing, sum) in networks {
        let (fewer, both) = (f64_params(), f64_params());
        let without = model(build, Scratch, &fewer)?;
        let with = model(gru_model::network, Scratch, &both)?;
        for (name, value) in fewer.parameters() {
            named(&both, &name)?.set(&value.as_detached_tensor())?;
        }
        let bias = named(&both, &format!("rnn.b_{missing}"))?;
        bias.set(&(bias.ones_like()? * sum)?)?;
        let x = tokens(1)?;
        let outputs = [without, with].map(|model| model.forward(&x, Mode::Evaluate));
        let [a, b] = outputs;
        ensure_near(&format!("without {missing}"), &a?, &b?)?;
    }
    Ok(())
}

/// The product of a one-hot vector and W_xh is a row of W_xh: an embedding E in front of the layer computes what one-hot
/// vectors compute with E W_xh.
#[test]
fn an_embedding_is_a_factor_of_the_input_weight() -> Result<()> {
    let (embedded, one_hot) = (f64_params(), f64_params());
    let model_of =
        |structure, params: &ParamStore| model_of(rnn::network, Scratch, structure, params);
    let (a, b) = (model_of(EMBEDDED, &embedded)?, model_of(ONE, &one_hot)?);
    for (name, value) in one_hot.parameters() {
        let found = named(&embedded, &name)?.as_detached_tensor();
        value.set(&match name.as_str() {
            "rnn.w_xh" => {
                let table = named(&embedded, "embedding.weight")?;
                table.as_detached_tensor().matmul(&found)?
            }
            _ => found,
        })?;
    }
    let x = tokens(1)?;
    let outputs = [a, b].map(|model| model.forward(&x, Mode::Evaluate));
    let [a, b] = outputs;
    ensure_near("outputs", &a?, &b?)
}

#[test]
fn the_embedded_network_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model_of(rnn::network, Scratch, EMBEDDED, &ours)?;
    let library = model_of(rnn::network, Concise, EMBEDDED, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping { layers: &layers, letters: "h", peepholes: "" };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

#[test]
fn the_rnn_with_relu_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(rnn::relu_network, Scratch, &ours)?;
    let library = model(rnn::relu_network, Concise, &theirs)?;
    let layers = [("rnn.", 0)];
    let mapping = Mapping { layers: &layers, letters: "h", peepholes: "" };
    ensure_equal((&*by_hand, &ours), (&*library, &theirs), &mapping)
}

/// The library's layer as the book has it: the reset gate multiplies the state before the product with W_hh.
struct BooksGru {
    one_hot: OneHot,
    layer: d2l::nn::Gru,
    output: Linear,
}

impl Recurrent for BooksGru {
    fn forward_from(
        &self,
        x: &Tensor,
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> candle_core::Result<(Tensor, Vec<Tensor>)> {
        use candle_core::Module;
        let h = state.and_then(|state| state.first());
        let (y, h) = self.layer.forward_t(&self.one_hot.forward(x)?, h, mode)?;
        Ok((
            self.output.forward(&y.transpose(0, 1)?.contiguous()?)?,
            vec![h],
        ))
    }
}

#[test]
fn the_gru_by_hand_is_the_librarys_with_the_reset_before_the_product() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = model(gru_model::network, Scratch, &ours)?;
    let (v, h, _, _) = SIZES;
    let (vb, zeros) = (theirs.builder(), Initializer::Zeros);
    let reset = Reset::BeforeProduct;
    let library = BooksGru {
        one_hot: OneHot::new(v, DType::F64, &DEVICE)?,
        layer: gru(
            v,
            h,
            reset,
            RecurrentOptions::default(),
            &zeros,
            vb.pp("rnn"),
        )?,
        output: linear(h, v, &zeros, vb.pp("linear"))?,
    };
    let layers = [("rnn.", 0)];
    let mapping = Mapping {
        layers: &layers,
        letters: "rzh", // PyTorch's order r, z, n
        peepholes: "",
    };
    ensure_equal((&*by_hand, &ours), (&library, &theirs), &mapping)
}

/// A model that starts from the state after the first half computes what it computes for the whole text.
#[test]
fn two_halves_with_the_state_between_them_are_the_whole() -> Result<()> {
    let x = tokens(1)?;
    let halves = [x.narrow(1, 0, 2)?, x.narrow(1, 2, 4)?];
    for (name, implementation, build, structure) in MODELS {
        if name == BIDIRECTIONAL {
            continue; // its second direction begins at the end
        }
        let params = f64_params();
        let model = model_of(build, implementation, structure, &params)?;
        let (whole, _) = model.forward_from(&x, None, Mode::Evaluate)?;
        let (first, state) = model.forward_from(&halves[0], None, Mode::Evaluate)?;
        let (second, _) = model.forward_from(&halves[1], Some(&state), Mode::Evaluate)?;
        let both = Tensor::cat(&[first, second], 1)?;
        ensure_near(&format!("{name} {implementation}"), &whole, &both)?;
    }
    Ok(())
}

#[test]
fn every_parameter_gets_a_gradient_and_outputs_have_their_shapes() -> Result<()> {
    let (v, h, batch, steps) = SIZES;
    let (x, y) = (tokens(1)?, tokens(2)?);
    for (name, implementation, build, structure) in MODELS {
        let name_of_model = format!("{name} {implementation}");
        let params = f64_params();
        let model = model_of(build, implementation, structure, &params)?;
        let (o, observations) = observed(|| model.forward(&x, TRAIN))?;
        ensure!(
            o.dims() == [batch, steps, v],
            "{name_of_model}: {:?}",
            o.dims()
        );
        every_parameter_has_a_gradient(&params, &backward(&next_token_loss(&o, &y)?)?)?;
        let layers = observations.rows(&[&x]);
        let found: Vec<(&str, &[usize])> = layers
            .iter()
            .map(|layer| (layer.name.as_str(), layer.output.dims()))
            .collect();
        let directions = if name == BIDIRECTIONAL { 2 } else { 1 };
        let hidden = [batch, steps, h * directions];
        let logits = [batch, steps, v];
        let vector = [batch, steps, structure.embedding_dim.unwrap_or(v)];
        let vectors: (&str, &[usize]) = match structure.embedding_dim {
            Some(_) => ("embedding", &vector),
            None => ("one_hot", &vector),
        };
        let wanted: &[(&str, &[usize])] = match implementation {
            Scratch => &[vectors],
            Concise => &[vectors, ("rnn", &hidden), ("linear", &logits)],
        };
        ensure!(found == wanted, "{name_of_model}: {found:?}");
        if implementation == Concise {
            let last = layers.last().context("layers")?;
            ensure_near(&name_of_model, &last.output, &o)?;
        }
    }
    Ok(())
}

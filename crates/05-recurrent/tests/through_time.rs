//! Gradients through time, in f64: they are those that differences give, and truncation changes them as it should.

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use d2l::Implementation::{self, Scratch};
use d2l::next_token_loss;
use d2l::nn::testing::{check_gradients, filled, hash};
use d2l::nn::{Initializer, Mode, Network, ParamStore, Step, backward};
use recurrent::by_hand::{Layer, unroll};
use recurrent::experiment::Build;
use recurrent::gradients_through_time::norms;
use recurrent::language_model::{Recurrent, State};
use recurrent::rnn::scratch::Rnn;
use recurrent::structure::Structure;
use recurrent::truncation::{TruncatedRnn, Truncation, with_gradient_times};
use recurrent::{gru, lstm, rnn};

const DEVICE: Device = Device::Cpu;
/// V, H, T
const SIZES: (usize, usize, usize) = (5, 4, 6);
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });

fn params() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

/// Inputs of a layer, `[B, D]` for each of `steps` time steps.
fn inputs(steps: usize) -> Result<Vec<Tensor>> {
    let inputs = (0..steps as u32).map(|t| filled((2, 3), t + 1, 2.0, DType::F64, &DEVICE));
    Ok(inputs.collect::<candle_core::Result<_>>()?)
}

/// A loss of all outputs, the last of which weighs most.
fn loss(outputs: &[Tensor]) -> candle_core::Result<Tensor> {
    let weighed = (1..).zip(outputs).map(|(t, h)| h.sqr()? * f64::from(t));
    let weighed = weighed.collect::<candle_core::Result<Vec<_>>>()?;
    Tensor::stack(&weighed, 0)?.sum_all()
}

/// The gradient of every parameter, one after another.
fn gradient(params: &ParamStore, loss: &Tensor) -> Result<Vec<f64>> {
    let gradients = backward(loss)?;
    let mut all = Vec::new();
    for (name, parameter) in params.parameters() {
        let gradient = gradients.get(&parameter).context(name)?;
        all.extend(gradient.flatten_all()?.to_vec1::<f64>()?);
    }
    Ok(all)
}

fn ensure_near(found: &[f64], wanted: &[f64]) -> Result<()> {
    ensure!(found.len() == wanted.len() && !found.is_empty());
    for (found, wanted) in found.iter().zip(wanted) {
        ensure!((found - wanted).abs() < 1e-12, "{found}, wanted {wanted}");
    }
    Ok(())
}

fn truncated(truncation: Truncation, after: usize, params: &ParamStore) -> Result<TruncatedRnn> {
    let rnn = Rnn::new((3, 4), &Initializer::PytorchDefault, params.builder())?;
    Ok(TruncatedRnn::new(rnn, truncation, after))
}

#[test]
fn the_full_gradient_is_what_differences_give() -> Result<()> {
    let params = params();
    let (layer, x) = (truncated(Truncation::Full, 2, &params)?, inputs(7)?);
    let all: Vec<Var> = params
        .parameters()
        .into_iter()
        .map(|(_, var)| var)
        .collect();
    check_gradients(&all, || loss(&layer.forward(&x, None, TRAIN)?.0), 1e-7)
}

/// Truncated after two time steps, the gradient is that of pieces of two time steps whose states are constants.
#[test]
fn a_regular_truncation_is_the_gradient_of_pieces() -> Result<()> {
    let params = params();
    let (layer, x) = (truncated(Truncation::Regular, 2, &params)?, inputs(6)?);
    let (whole, _) = layer.forward(&x, None, TRAIN)?;
    let full = truncated(Truncation::Full, 2, &params)?;
    let (mut pieces, mut state): (Vec<Tensor>, Option<State>) = (Vec::new(), None);
    for piece in x.chunks(2) {
        let (outputs, after) = full.forward(piece, state.as_deref(), TRAIN)?;
        pieces.extend(outputs);
        state = Some(after.iter().map(Tensor::detach).collect());
    }
    let found = gradient(&params, &loss(&whole)?)?;
    ensure_near(&found, &gradient(&params, &loss(&pieces)?)?)?;
    let (outputs, _) = full.forward(&x, None, TRAIN)?;
    ensure!(
        found != gradient(&params, &loss(&outputs)?)?,
        "nothing was truncated"
    );
    Ok(())
}

/// The mean over all outcomes of the draws, each with its probability, is the full gradient: zh 8.7.1.3, en 9.7.1.3.
#[test]
fn a_randomised_truncation_has_the_full_gradient_as_its_mean() -> Result<()> {
    let params = params();
    let rnn = Rnn::new((3, 4), &Initializer::PytorchDefault, params.builder())?;
    let (x, goes_on) = (inputs(5)?, 0.8f64);
    let mut mean = vec![0.0; gradient(&params, &loss(&rnn.forward(&x, None, TRAIN)?.0)?)?.len()];
    for outcome in 0..1u32 << x.len() {
        let is_on = |t: usize| outcome >> t & 1 == 1;
        let factor = |t: usize| if is_on(t) { 1.0 / goes_on } else { 0.0 };
        let (outputs, _) = unroll(&rnn, &x, None, |t, state| {
            state
                .iter()
                .map(|h| with_gradient_times(h, factor(t)))
                .collect()
        })?;
        let ons = outcome.count_ones() as i32;
        let probability = goes_on.powi(ons) * (1.0 - goes_on).powi(x.len() as i32 - ons);
        let gradient = gradient(&params, &loss(&outputs)?)?;
        for (mean, gradient) in mean.iter_mut().zip(gradient) {
            *mean += probability * gradient;
        }
    }
    let full = gradient(&params, &loss(&rnn.forward(&x, None, TRAIN)?.0)?)?;
    ensure_near(&mean, &full)
}

/// The gradients of what the options change: ReLU, a missing gate, several layers with dropout between them, an embedding.
#[test]
fn the_gradients_of_all_options_are_what_differences_give() -> Result<()> {
    let (v, h, steps) = SIZES;
    let one = Structure::new(h, 1);
    let deep = Structure { dropout: 0.5, ..Structure::new(h, 3) };
    let embedded = Structure { embedding_dim: Some(3), ..one };
    let models: [(&str, Build, Structure); 7] = [
        ("relu", rnn::relu_network, one),
        ("reset gate", gru::reset_network, one),
        ("update gate", gru::update_network, one),
        ("three layers", rnn::network, deep),
        ("three layers with gates", gru::network, deep),
        ("three layers with a memory", lstm::network, deep),
        ("embedding", rnn::network, embedded),
    ];
    let tokens = |salt| -> Result<Tensor> {
        let tokens = (0..2 * steps as u32).map(|i| hash(i, salt) % v as u32);
        Ok(Tensor::from_iter(tokens, &DEVICE)?.reshape((2, steps))?)
    };
    let (x, y) = (tokens(1)?, tokens(2)?);
    for (name, build, structure) in models {
        for implementation in [Scratch, Implementation::Concise] {
            let params = params();
            let init = Initializer::Normal { std: 0.5 };
            let model = build(implementation, (v, structure), &init, &params)?;
            let all = params.parameters().into_iter();
            let all: Vec<Var> = all.map(|(_, var)| var).collect();
            let loss = || next_token_loss(&model.forward(&x, TRAIN)?, &y);
            check_gradients(&all, loss, 1e-7)
                .with_context(|| format!("{name} {implementation}"))?;
        }
    }
    Ok(())
}

/// The norm of ∂ℓ_T/∂h_{T-k}, for h and for an LSTM's c, against differences of the loss in the state at T - k.
#[test]
fn norms_through_time_are_what_differences_give() -> Result<()> {
    const H: f64 = 1e-6;
    let (v, h, steps) = SIZES;
    let tokens = |salt| -> Result<Tensor> {
        let tokens = (0..steps as u32).map(|i| hash(i, salt) % v as u32);
        Ok(Tensor::from_iter(tokens, &DEVICE)?.unsqueeze(0)?)
    };
    let (x, y) = (tokens(1)?, tokens(2)?);
    let models: [(&str, Implementation, Build); 5] = [
        ("rnn", Scratch, rnn::network),
        ("gru", Scratch, gru::network),
        ("lstm", Scratch, lstm::network),
        ("gru", Implementation::Concise, gru::network),
        ("lstm", Implementation::Concise, lstm::network),
    ];
    for (name, implementation, build) in models {
        let params = params();
        let model = build(
            implementation,
            (v, Structure::new(h, 1)),
            &Initializer::Normal { std: 0.7 },
            &params,
        )?;
        let found = norms(&*model, &[x.clone(), y.clone()])?;
        for back in 1..steps {
            let at = steps - back;
            let (_, state) = model.forward_from(&x.narrow(1, 0, at)?, None, Mode::Evaluate)?;
            ensure!(found.len() == state.len(), "{name}: {} parts", found.len());
            for (part, norms) in found.iter().enumerate() {
                let difference = |entry: usize| -> Result<f64> {
                    let loss = |shift: f64| {
                        last_loss(&*model, (&x, &y, back), (&state, part, entry, shift))
                    };
                    Ok((loss(H)? - loss(-H)?) / (2.0 * H))
                };
                let squares = (0..h).map(|entry| Ok(difference(entry)?.powi(2)));
                let wanted = squares.sum::<Result<f64>>()?.sqrt();
                let found = norms[back - 1];
                ensure!(
                    (found - wanted).abs() < 1e-8 && wanted > 1e-6,
                    "{name} {implementation}, part {part}, {back} back: {found}, wanted {wanted}"
                );
            }
        }
    }
    Ok(())
}

/// The loss of the last time step, from a state before the last `back` time steps, whose `part` is changed by `shift` in
/// one entry.
fn last_loss(
    model: &dyn Recurrent,
    (x, y, back): (&Tensor, &Tensor, usize),
    (state, part, entry, shift): (&State, usize, usize, f64),
) -> Result<f64> {
    let steps = x.dim(1)?;
    let mut state = state.clone();
    let mut values = state[part].flatten_all()?.to_vec1::<f64>()?;
    values[entry] += shift;
    state[part] = Tensor::from_vec(values, state[part].shape(), &DEVICE)?;
    let rest = x.narrow(1, steps - back, back)?;
    let (o, _) = model.forward_from(&rest, Some(&state), Mode::Evaluate)?;
    let last = next_token_loss(&o.narrow(1, back - 1, 1)?, &y.narrow(1, steps - 1, 1)?)?;
    Ok(last.to_scalar::<f64>()?)
}

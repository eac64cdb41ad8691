//! Tests of a chapter's model against PyTorch: with the same parameters and the same batch, the loss, the gradients and
//! the parameters after three steps must be the same.
//!
//! The golden files are made by `scripts/pytorch/golden_models.py` and, those of single layers, by `golden_blocks.py`,
//! which document them. [`program`] and [`log_of`] are for tests of a chapter's program, [`read_checkpoint`] for the fuzz
//! target of checkpoints.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use d2l_nn::testing::{every_parameter_has_a_gradient, filled, hash, without_kernels};
use d2l_nn::{
    Adam, CrossEntropyOptions, Mode, Network, Optimizer, ParamGroup, ParamStore, Sgd, Step,
    backward, cross_entropy_with,
};
use serde_json::Value;

use crate::Loss;
pub use crate::checkpoint::read_checkpoint;

mod program;

pub use program::{log_of, program};

/// Largest relative difference from PyTorch: both compute in f64, but in different orders.
const TOLERANCE: f64 = 1e-9;

/// A norm below this is only rounding, such as the gradient of a bias before batch normalisation. The difference is
/// then relative to this.
const SMALLEST: f64 = 1e-6;

/// Training mode, for networks with batch normalisation; nothing else in a golden file depends on the step.
const TRAINING: Mode = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });

/// Builds a model in f64, gives it the golden file's parameters and batch, and compares loss, gradients and the
/// parameters after some steps of plain SGD with the file. If the file has buffers, the model is in training mode, and
/// the buffers after the steps are compared too.
///
/// # Errors
/// Names the first number that differs.
pub fn check_against_golden<M: Network>(
    file: &Path,
    build: impl Fn(&ParamStore) -> Result<M>,
    loss: Loss,
) -> Result<()> {
    check_groups_against_golden(file, build, loss, one_group)
}

/// All parameters.
fn one_group(store: &ParamStore) -> Vec<ParamGroup> {
    vec![ParamGroup::new(store.parameters())]
}

/// [`check_against_golden`] for a model whose parameters are trained in several groups.
///
/// # Errors
/// Names the first number that differs.
pub fn check_groups_against_golden<M: Network>(
    file: &Path,
    build: impl Fn(&ParamStore) -> Result<M>,
    loss: Loss,
    groups: impl Fn(&ParamStore) -> Vec<ParamGroup>,
) -> Result<()> {
    let loss = |network: &M, inputs: &[Tensor], targets: &Tensor, mode| match inputs {
        [x] => loss(&network.forward(x, mode)?, targets),
        _ => candle_core::bail!("found {} inputs, wanted 1", inputs.len()),
    };
    check_golden(&read(file)?, build, loss, groups)
}

/// [`check_against_golden`] for a model of any kind: `loss` takes the inputs in the file's order, the targets and the mode.
///
/// # Errors
/// Names the first number that differs.
pub fn check_loss_against_golden<M>(
    file: &Path,
    build: impl Fn(&ParamStore) -> Result<M>,
    loss: impl Fn(&M, &[Tensor], &Tensor, Mode) -> candle_core::Result<Tensor>,
) -> Result<()> {
    check_golden(&read(file)?, build, loss, one_group)
}

/// [`check_against_golden`] for a model that translates: `forward` takes the source, its valid lengths and the decoder's
/// input to logits. The file's padding doesn't count in the loss.
///
/// # Errors
/// Names the first number that differs.
pub fn check_translator_against_golden<M>(
    file: &Path,
    build: impl Fn(&ParamStore) -> Result<M>,
    forward: impl Fn(&M, [&Tensor; 3], Mode) -> candle_core::Result<Tensor>,
) -> Result<()> {
    let golden = read(file)?;
    let padding = golden["padding"].as_u64().context("the padding")? as u32;
    let options = CrossEntropyOptions {
        ignore_index: Some(padding),
        ..CrossEntropyOptions::default()
    };
    let loss = |model: &M, inputs: &[Tensor], targets: &Tensor, mode| match inputs {
        [source, lens, input] => cross_entropy_with(
            &forward(model, [source, lens, input], mode)?,
            targets,
            options,
        ),
        _ => candle_core::bail!("found {} inputs, wanted 3", inputs.len()),
    };
    check_golden(&golden, build, loss, one_group)
}

fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

/// Checks twice: with the kernels, and with the definitions that a GPU runs.
fn check_golden<M>(
    golden: &Value,
    build: impl Fn(&ParamStore) -> Result<M>,
    loss: impl Fn(&M, &[Tensor], &Tensor, Mode) -> candle_core::Result<Tensor>,
    groups: impl Fn(&ParamStore) -> Vec<ParamGroup>,
) -> Result<()> {
    check_golden_once(golden, &build, &loss, &groups)?;
    without_kernels(|| check_golden_once(golden, &build, &loss, &groups))
        .context("by the definitions")
}

fn check_golden_once<M>(
    golden: &Value,
    build: impl Fn(&ParamStore) -> Result<M>,
    loss: impl Fn(&M, &[Tensor], &Tensor, Mode) -> candle_core::Result<Tensor>,
    groups: impl Fn(&ParamStore) -> Vec<ParamGroup>,
) -> Result<()> {
    let device = Device::Cpu;
    let store = ParamStore::with_dtype(0, DType::F64, &device);
    let network = build(&store)?;
    let wanted = golden["parameters"]
        .as_array()
        .context("the file lists parameters")?;
    let names: Vec<&str> = wanted
        .iter()
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    ensure!(
        store.parameters().len() == names.len(),
        "the model has other parameters than {names:?}"
    );
    for parameter in wanted {
        let variable = variable(&store, parameter)?;
        let values = fill(parameter, &device)?;
        ensure!(
            variable.dims() == values.dims(),
            "{}: shape {:?}",
            parameter["name"],
            variable.dims()
        );
        variable.set(&values)?;
    }
    let inputs = match golden["inputs"].as_array() {
        None => vec![fill_or_draw(&golden["inputs"], &device)?],
        Some(inputs) => {
            let all = inputs.iter().map(|input| fill_or_draw(input, &device));
            all.collect::<Result<_>>()?
        }
    };
    let targets = fill_or_draw(&golden["targets"], &device)?;
    let buffers = golden["buffers"].as_array();
    let mode = buffers.map_or(Mode::Evaluate, |_| TRAINING);
    let loss_now = || loss(&network, &inputs, &targets, mode);

    let first = loss_now()?;
    compare("loss", first.to_scalar()?, float(&golden["loss"])?)?;
    let mut gradients = backward(&first)?;
    every_parameter_has_a_gradient(&store, &gradients)?;
    for parameter in wanted {
        let variable = variable(&store, parameter)?;
        let gradient = gradients.get(&variable).context("checked above")?;
        summary(
            &format!("gradient of {}", parameter["name"]),
            gradient,
            &parameter["gradient"],
        )?;
    }

    let learning_rate = float(&golden["learning_rate"])?;
    let mut sgd = Sgd::new(groups(&store), learning_rate, 0.0, false)?;
    for step in 1..=golden["steps"].as_u64().context("a number of steps")? {
        if step > 1 {
            gradients = backward(&loss_now()?)?; // buffers change with every loss, so the first is not made twice
        }
        sgd.step(&gradients)?;
    }
    for parameter in wanted {
        let variable = variable(&store, parameter)?;
        summary(
            &format!("{} after training", parameter["name"]),
            &variable,
            &parameter["after"],
        )?;
    }
    let found = store.buffers();
    let wanted = buffers.map_or(&[][..], Vec::as_slice);
    ensure!(
        found.len() == wanted.len(),
        "found {} buffers, PyTorch has {}",
        found.len(),
        wanted.len()
    );
    for ((name, buffer), wanted) in found.iter().zip(wanted) {
        ensure!(wanted["name"] == name.as_str(), "{name}: {wanted}");
        summary(name, buffer, &wanted["after"])?;
    }
    Ok(())
}

/// A case of a layer's golden file.
pub struct LayerCase<'a> {
    /// What sets the case apart.
    pub name: &'a str,
    /// Heads of its attention.
    pub num_heads: usize,
    /// `[B]`: how many keys each example sees; `None` for all.
    pub valid_lens: Option<Tensor>,
    /// Whether a query sees only the keys up to its own position.
    pub causal: bool,
    parameters: &'a [Value],
}

impl LayerCase<'_> {
    /// The shape of a parameter.
    ///
    /// # Errors
    /// If the case has no such parameter.
    pub fn shape(&self, parameter: &str) -> Result<Vec<usize>> {
        let mut entries = self.parameters.iter();
        let entry = entries.find(|entry| entry["name"] == parameter);
        shape(entry.with_context(|| format!("{} has no {parameter}", self.name))?)
    }
}

/// Compares a layer with PyTorch's own in each case of a golden file, of which there must be `count`: its output, and
/// the gradients of its inputs and parameters.
///
/// # Errors
/// Names the case and the first tensor that differs; also if the file has another number of cases.
pub fn check_layer_against_golden<L>(
    file: &Path,
    count: usize,
    build: impl Fn(&LayerCase, &ParamStore) -> Result<L>,
    forward: impl Fn(&L, &LayerCase, &[Var]) -> candle_core::Result<Tensor>,
) -> Result<()> {
    let golden = read(file)?;
    let cases = golden["cases"].as_array().context("the file has cases")?;
    ensure!(
        cases.len() == count,
        "found {} cases, wanted {count}",
        cases.len()
    );
    for entry in cases {
        let name = entry["name"].as_str().context("a name")?;
        let check = || check_layer_case(name, entry, &build, &forward);
        check().context(name.to_string())?;
        without_kernels(check).with_context(|| format!("{name}, by the definitions"))?;
    }
    Ok(())
}

fn check_layer_case<L>(
    name: &str,
    entry: &Value,
    build: impl Fn(&LayerCase, &ParamStore) -> Result<L>,
    forward: impl Fn(&L, &LayerCase, &[Var]) -> candle_core::Result<Tensor>,
) -> Result<()> {
    let device = Device::Cpu;
    let parameters = entry["parameters"].as_array().context("parameters")?;
    let valid_lens = entry["lengths"].as_array().map(|lens| {
        let lens = lens.iter().filter_map(Value::as_u64).map(|len| len as u32);
        Tensor::from_iter(lens, &device)
    });
    let case = LayerCase {
        name,
        num_heads: entry["num_heads"].as_u64().context("heads")? as usize,
        valid_lens: valid_lens.transpose()?,
        causal: entry["causal"].as_bool().context("a mask")?,
        parameters,
    };
    let store = ParamStore::with_dtype(0, DType::F64, &device);
    let layer = build(&case, &store)?;
    ensure!(
        store.parameters().len() == parameters.len(),
        "the layer has {} parameters, PyTorch's {}",
        store.parameters().len(),
        parameters.len()
    );
    for parameter in parameters {
        variable(&store, parameter)?.set(&fill(parameter, &device)?)?;
    }
    let wanted = entry["inputs"].as_array().context("inputs")?;
    let inputs = wanted
        .iter()
        .map(|input| Ok(Var::from_tensor(&fill(input, &device)?)?));
    let inputs: Vec<Var> = inputs.collect::<Result<_>>()?;

    let output = forward(&layer, &case, &inputs)?;
    numbers("output", &output, &entry["output"])?;
    let gradients = backward(&(output * fill(&entry["weights"], &device)?)?.sum_all()?)?;
    let parameter_vars = parameters
        .iter()
        .map(|parameter| variable(&store, parameter));
    let vars = inputs.into_iter().map(Ok).chain(parameter_vars);
    for (var, wanted) in vars.zip(wanted.iter().chain(parameters)) {
        let what = format!("gradient of {}", wanted["name"]);
        let gradient = gradients
            .get(var?.as_tensor())
            .with_context(|| format!("no {what}"))?;
        numbers(&what, gradient, &wanted["gradient"])?;
    }
    Ok(())
}

/// Compares all numbers of a tensor, which are about 1 in size.
fn numbers(what: &str, tensor: &Tensor, wanted: &Value) -> Result<()> {
    let found: Vec<f64> = tensor.flatten_all()?.to_vec1()?;
    let wanted = wanted.as_array().context("numbers")?;
    ensure!(
        found.len() == wanted.len(),
        "{what} has {} numbers, PyTorch's {}",
        found.len(),
        wanted.len()
    );
    for (found, wanted) in found.iter().zip(wanted) {
        ensure!(
            (found - float(wanted)?).abs() <= TOLERANCE,
            "{what} has {found}, PyTorch {wanted}"
        );
    }
    Ok(())
}

/// Trains a model for some steps of Adam through the CPU kernels, and again through the definitions that a GPU runs:
/// the losses must be equal up to rounding.
///
/// # Errors
/// Names the first step whose losses differ.
pub fn check_kernels_against_definitions<M>(
    build: impl Fn(&ParamStore) -> Result<M>,
    loss: impl Fn(&M, Mode) -> candle_core::Result<Tensor>,
) -> Result<()> {
    const STEPS: usize = 4;
    let losses = || -> Result<Vec<f32>> {
        let store = ParamStore::new(0, &Device::Cpu);
        let model = build(&store)?;
        let mut adam = Adam::new(one_group(&store), 1e-3)?;
        let steps = (1..=STEPS).map(|step| {
            let mode = Mode::Train(Step { seed: 0, epoch: 1, step });
            let loss = loss(&model, mode)?;
            adam.step(&backward(&loss)?)?;
            Ok(loss.to_scalar()?)
        });
        steps.collect()
    };
    let kernels = losses()?;
    let definitions = without_kernels(losses)?;
    for (step, (ours, wanted)) in (1..).zip(kernels.iter().zip(&definitions)) {
        ensure!(
            (ours - wanted).abs() <= 1e-5 * wanted.abs(),
            "step {step}: a loss of {ours} through the kernels, {wanted} through the definitions"
        );
    }
    Ok(())
}

/// The tensor that an entry of the file describes by shape, salt and scale.
fn fill(entry: &Value, device: &Device) -> Result<Tensor> {
    let salt = entry["salt"].as_u64().context("a salt")? as u32;
    Ok(filled(
        shape(entry)?,
        salt,
        float(&entry["scale"])?,
        DType::F64,
        device,
    )?)
}

/// Numbers; classes or tokens if the entry has their count; or the whole numbers that it lists, such as lengths.
fn fill_or_draw(entry: &Value, device: &Device) -> Result<Tensor> {
    if let Some(values) = entry["values"].as_array() {
        let values = values.iter().filter_map(Value::as_u64);
        let values: Vec<u32> = values.map(|value| value as u32).collect();
        return Ok(Tensor::from_vec(values, shape(entry)?, device)?);
    }
    let Some(classes) = entry["classes"].as_u64() else {
        return fill(entry, device);
    };
    let salt = entry["salt"].as_u64().context("a salt")? as u32;
    let count: usize = shape(entry)?.iter().product();
    let classes: Vec<u32> = (0..count as u32)
        .map(|index| hash(index, salt) % classes as u32)
        .collect();
    Ok(Tensor::from_vec(classes, shape(entry)?, device)?)
}

fn shape(entry: &Value) -> Result<Vec<usize>> {
    let dims = entry["shape"].as_array().context("a shape")?;
    Ok(dims
        .iter()
        .filter_map(|dim| dim.as_u64().map(|dim| dim as usize))
        .collect())
}

fn float(value: &Value) -> Result<f64> {
    value
        .as_f64()
        .with_context(|| format!("{value} is no number"))
}

fn variable(store: &ParamStore, parameter: &Value) -> Result<Var> {
    let found = store
        .parameters()
        .into_iter()
        .find(|(name, _)| parameter["name"] == name.as_str());
    found
        .map(|(_, variable)| variable)
        .with_context(|| format!("the model has no {}", parameter["name"]))
}

/// Compares a tensor's norm and some of its entries.
fn summary(what: &str, tensor: &Tensor, wanted: &Value) -> Result<()> {
    let values: Vec<f64> = tensor.flatten_all()?.to_vec1()?;
    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let wanted_norm = float(&wanted["norm"])?;
    compare(&format!("norm of {what}"), norm, wanted_norm)?;
    let (at, wanted) = (
        wanted["at"].as_array().context("indices")?,
        wanted["values"].as_array().context("values")?,
    );
    ensure!(
        at.len() == wanted.len() && !at.is_empty(),
        "{what}: the file is not whole"
    );
    for (index, wanted) in at.iter().zip(wanted) {
        let index = index.as_u64().context("an index")? as usize;
        let value = values
            .get(index)
            .with_context(|| format!("{what}: no entry {index}"))?;
        ensure!(
            (value - float(wanted)?).abs() <= TOLERANCE * wanted_norm.max(SMALLEST),
            "{what}: entry {index} is {value}, PyTorch has {wanted}"
        );
    }
    Ok(())
}

fn compare(what: &str, value: f64, wanted: f64) -> Result<()> {
    ensure!(
        (value - wanted).abs() <= TOLERANCE * wanted.abs().max(SMALLEST),
        "{what} is {value}, PyTorch has {wanted}"
    );
    Ok(())
}

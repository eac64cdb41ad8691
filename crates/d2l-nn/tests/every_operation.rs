//! Every layer, activation and loss: within `no_grad` the same bits and nothing to go back through, by its definition the
//! same values and gradients. No operation is missing here.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use d2l_nn::testing::{filled, hash, operations_applied, without_kernels};
use d2l_nn::*;

const CPU: Device = Device::Cpu;

type Case<'a> = (&'static str, Box<dyn Fn() -> Result<Tensor> + 'a>);

fn case<'a>(name: &'static str, f: impl Fn() -> Result<Tensor> + 'a) -> Case<'a> {
    (name, Box::new(f))
}

/// How far kernels and definitions may lie apart in f64, relative to 1 or the number: some thousand roundings.
const ROUNDING: f64 = 1e-12;

/// Numbers of a tensor, by the name of the variable that it is the gradient for.
type Numbers = BTreeMap<String, Vec<f64>>;

/// The value of `f`, and the gradient of Σ value · numbers for each variable.
fn with_gradients(f: &dyn Fn() -> Result<Tensor>, numbers: &Tensor) -> Result<Numbers> {
    let value = f()?;
    let gradients = backward(&(&value * numbers)?.sum_all()?)?;
    let mut all = Numbers::from([("value".to_string(), value.flatten_all()?.to_vec1()?)]);
    for &id in gradients.get_ids() {
        let gradient = gradients.get_id(id).expect("a gradient with this id");
        all.insert(format!("{id:?}"), gradient.flatten_all()?.to_vec1()?);
    }
    Ok(all)
}

/// By its definition a case has the values and the gradients that the kernels give it.
fn check_definition(name: &str, f: &dyn Fn() -> Result<Tensor>) -> Result<()> {
    let numbers = filled(f()?.shape(), 77, 2.0, DType::F64, &CPU)?;
    let kernels = with_gradients(f, &numbers)?;
    let definitions = without_kernels(|| with_gradients(f, &numbers))?;
    assert!(kernels.len() > 1, "{name}: no variable has a gradient");
    assert!(kernels.keys().eq(definitions.keys()), "{name}: variables");
    for (one, other) in kernels.values().zip(definitions.values()) {
        assert_eq!(one.len(), other.len(), "{name}");
        for (one, other) in one.iter().zip(other) {
            let gap = (one - other).abs() / one.abs().max(1.0);
            assert!(
                gap <= ROUNDING,
                "{name}: {one} by the kernel, {other} by the definition"
            );
        }
    }
    Ok(())
}

/// Each case outside depends on a variable; within it depends on nothing, and is the same.
fn check(dtype: DType, cases: &[Case]) -> Result<()> {
    for (name, f) in cases {
        let outside = f()?;
        assert!(outside.track_op(), "{name}, {dtype:?}: nothing is recorded");
        let within = no_grad(f)?;
        assert!(
            !within.track_op(),
            "{name}, {dtype:?}: something is recorded"
        );
        assert_eq!(backward(&within.sum_all()?)?.get_ids().count(), 0, "{name}");
        let bits = |x: &Tensor| -> Result<Vec<u64>> {
            let numbers = x.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
            Ok(numbers.into_iter().map(f64::to_bits).collect())
        };
        assert_eq!(outside.dims(), within.dims(), "{name}");
        assert_eq!(bits(&outside)?, bits(&within)?, "{name}, {dtype:?}");
        if dtype == DType::F64 {
            check_definition(name, f)?;
        }
    }
    Ok(())
}

/// f32 and f64 have kernels; f16 has the definitions, as other devices have.
const TYPES: [DType; 3] = [DType::F32, DType::F64, DType::F16];

fn var(shape: &[usize], salt: u32, dtype: DType) -> Result<Var> {
    Var::from_tensor(&filled(shape, salt, 2.0, dtype, &CPU)?)
}

const TRAIN: Mode = Mode::Train(Step { seed: 1, epoch: 2, step: 3 });

#[test]
fn layers_of_pictures() -> Result<()> {
    TYPES.into_iter().try_for_each(check_layers_of_pictures)
}

fn check_layers_of_pictures(dtype: DType) -> Result<()> {
    {
        let store = ParamStore::with_dtype(0, dtype, &CPU);
        let (init, vb) = (Initializer::PytorchDefault, store.builder());
        let config = Conv2dConfig { padding: (1, 1), stride: (2, 2), ..Default::default() };
        // Pictures need no gradient, and have one here.
        let x = var(&[2, 4, 7, 9], 1, dtype)?;
        let row = var(&[2, 4, 9], 2, dtype)?;
        let flat = var(&[5, 4], 3, dtype)?;
        let two = conv2d(4, 3, 3, config, &init, vb.pp("two"))?;
        let no_bias = conv2d_no_bias(4, 3, 3, config, &init, vb.pp("no_bias"))?;
        let one = conv1d(4, 3, 3, config, &init, vb.pp("one"))?;
        let transposed = conv_transpose2d(4, 3, 3, config, &init, vb.pp("transposed"))?;
        let batch = batch_norm(4, vb.pp("batch"))?;
        let group = group_norm(2, 4, 1e-5, vb.pp("group"))?;
        let layer = layer_norm(9, 1e-5, vb.pp("layer"))?;
        let rms = rms_norm(9, 1e-5, vb.pp("rms"))?;
        let pool = Pool2d::new(3).stride(2).padding(1);
        let pool_of_rows = Pool1d::new(3).stride(2);
        check(
            dtype,
            &[
                case("conv2d", || two.forward(&x)),
                case("conv2d_no_bias", || no_bias.forward(&x)),
                case("conv1d", || one.forward(&row)),
                case("conv_transpose2d", || transposed.forward(&x)),
                case("batch_norm, training", || batch.forward_t(&x, TRAIN)),
                case("batch_norm, rows", || batch.forward_t(&flat, TRAIN)),
                case("batch_norm, relu", || batch.forward_t_relu(&x, TRAIN)),
                case("batch_norm", || batch.forward_t(&x, Mode::Evaluate)),
                case("group_norm", || group.forward(&x)),
                case("layer_norm", || layer.forward(&x)),
                case("rms_norm", || rms.forward(&x)),
                case("max_pool2d", || max_pool2d(&x, &pool)),
                case("max_pool1d", || max_pool1d(&row, &pool_of_rows)),
                case("avg_pool2d", || avg_pool2d(&x, &pool, true)),
                case("avg_pool1d", || avg_pool1d(&row, &pool_of_rows, true)),
                case("adaptive_max_pool2d", || adaptive_max_pool2d(&x, (2, 3))),
                case("adaptive_avg_pool2d", || adaptive_avg_pool2d(&x, (2, 3))),
                case("global_avg_pool2d", || global_avg_pool2d(&x)),
                case("upsample_nearest2d", || upsample_nearest2d(&x, (9, 11))),
                case("upsample_bilinear2d", || {
                    upsample_bilinear2d(&x, (9, 11), false)
                }),
            ],
        )?;
    }
    Ok(())
}

#[test]
fn layers_of_vectors_and_sequences() -> Result<()> {
    TYPES
        .into_iter()
        .try_for_each(check_layers_of_vectors_and_sequences)
}

fn check_layers_of_vectors_and_sequences(dtype: DType) -> Result<()> {
    {
        let store = ParamStore::with_dtype(0, dtype, &CPU);
        let (init, vb) = (Initializer::PytorchDefault, store.builder());
        let x = var(&[4, 3, 6], 1, dtype)?;
        let y = var(&[4, 3, 6], 2, dtype)?;
        let ids = Tensor::new(&[[1u32, 0], [3, 2]], &CPU)?;
        let dense = linear(6, 5, &init, vb.pp("dense"))?;
        let table = embedding(4, 5, &init, vb.pp("table"))?;
        let padded = embedding_with_padding(4, 5, 2, &init, vb.pp("padded"))?;
        let dropout = Dropout::new(0.5, "dropout")?;
        let options = RecurrentOptions {
            num_layers: 2,
            bidirectional: true,
            dropout: 0.3,
            ..Default::default()
        };
        let tanh_rnn = rnn(6, 5, Nonlinearity::Tanh, options, &init, vb.pp("tanh_rnn"))?;
        let relu_rnn = rnn(6, 5, Nonlinearity::Relu, options, &init, vb.pp("relu_rnn"))?;
        let after = gru(6, 5, Reset::AfterProduct, options, &init, vb.pp("after"))?;
        let before = gru(6, 5, Reset::BeforeProduct, options, &init, vb.pp("before"))?;
        let plain_lstm = lstm(6, 5, options, &init, vb.pp("lstm"))?;
        let peephole = peephole_lstm(6, 5, options, &init, vb.pp("peephole"))?;
        let [q, k, v] = [
            var(&[2, 2, 3, 4], 3, dtype)?,
            var(&[2, 2, 5, 4], 4, dtype)?,
            var(&[2, 2, 5, 2], 5, dtype)?,
        ];
        let attend = |wants_weights: bool| {
            let options = AttentionOptions { causal: true, wants_weights, ..Default::default() };
            scaled_dot_product_attention(&q, &k, &v, options)
        };
        let lens = Tensor::new(&[2u32, 0, 6, 1], &CPU)?;
        let [h, c] = [var(&[4, 3, 5], 6, dtype)?, var(&[4, 3, 5], 7, dtype)?];
        let keeps_all = Dropout::new(0.0, "keeps_all")?;
        let all = |(y, h): (Tensor, Tensor)| Tensor::cat(&[y.flatten_all()?, h.flatten_all()?], 0);
        let of_lstm = |layer: &Lstm, mode| {
            let (y, (h, c)) = layer.forward_t(&x, Some((&h, &c)), mode)?;
            all((all((y, h))?, c))
        };
        check(
            dtype,
            &[
                case("linear", || dense.forward(&x)),
                case("embedding", || table.forward(&ids)),
                case("embedding_with_padding", || padded.forward(&ids)),
                case("dropout of nothing", || keeps_all.forward_t(&x, TRAIN)),
                case("dropout, training", || dropout.forward_t(&x, TRAIN)),
                case("dropout", || dropout.forward_t(&x, Mode::Evaluate)),
                case("rnn", || all(tanh_rnn.forward_t(&x, Some(&h), TRAIN)?)),
                case("rnn, relu", || {
                    all(relu_rnn.forward_t(&x, Some(&h), Mode::Evaluate)?)
                }),
                case("gru", || all(after.forward_t(&x, Some(&h), TRAIN)?)),
                case("gru, reset before", || {
                    all(before.forward_t(&x, Some(&h), Mode::Evaluate)?)
                }),
                case("lstm", || of_lstm(&plain_lstm, TRAIN)),
                case("peephole_lstm", || of_lstm(&peephole, Mode::Evaluate)),
                case("attention", || Ok(attend(false)?.0)),
                case("attention, with weights", || {
                    Ok(attend(true)?.1.expect("the weights"))
                }),
                case("split_heads", || split_heads(&x, 2)),
                case("join_heads", || join_heads(&q)),
                case("batch_first", || batch_first(&x)),
                case("concat", || concat(&[&x, &y], 2)),
                case("matmul", || matmul(&q, &k.transpose(2, 3)?)),
                case("add", || add(&x, &y)),
                case("add_relu", || add_relu(&x, &y)),
                case("boundary", || boundary(&(x.as_tensor() + y.as_tensor())?)),
                case("elu", || elu(&x, 1.0)),
                case("gelu", || gelu(&x)),
                case("gelu_tanh", || gelu_tanh(&x)),
                case("leaky_relu", || leaky_relu(&x, 0.1)),
                case("relu", || relu(&x)),
                case("sigmoid", || sigmoid(&x)),
                case("silu", || silu(&x)),
                case("softplus", || softplus(&x)),
                case("tanh", || tanh(&x)),
                case("softmax", || softmax(&x, 1)),
                case("log_softmax", || log_softmax(&x, 2)),
                case("masked_softmax", || masked_softmax(&x, &lens)),
            ],
        )?;
    }
    Ok(())
}

#[test]
fn losses() -> Result<()> {
    TYPES.into_iter().try_for_each(check_losses)
}

fn check_losses(dtype: DType) -> Result<()> {
    {
        let o = var(&[6, 40], 1, dtype)?; // several vectors and a rest
        let target = filled((6, 40), 2, 2.0, dtype, &CPU)?;
        let share = (filled((6, 40), 3, 0.9, dtype, &CPU)? + 0.5)?;
        let classes: Vec<u32> = (0..6).map(|i| hash(i, 99) % 40).collect();
        let classes = Tensor::new(classes, &CPU)?;
        let log_probabilities = || o.as_tensor() - 2.0; // by candle, and not of a distribution
        for reduction in [
            Reduction::Mean,
            Reduction::BatchMean,
            Reduction::Sum,
            Reduction::None,
        ] {
            let smoothed =
                CrossEntropyOptions { label_smoothing: 0.1, reduction, ..Default::default() };
            let weighted = BinaryCrossEntropyOptions {
                pos_weight: Some(&share),
                reduction,
                ..Default::default()
            };
            let focal = FocalOptions { reduction, ..Default::default() };
            check(
                dtype,
                &[
                    case("cross_entropy", || cross_entropy(&o, &classes)),
                    case("cross_entropy_with", || {
                        cross_entropy_with(&o, &classes, smoothed)
                    }),
                    case("binary_cross_entropy", || binary_cross_entropy(&o, &share)),
                    case("binary_cross_entropy_with_logits", || {
                        binary_cross_entropy_with_logits(&o, &share, weighted)
                    }),
                    case("focal_loss", || focal_loss(&o, &share, focal)),
                    case("mse_loss", || mse_loss(&o, &target)),
                    case("mse_loss_with", || mse_loss_with(&o, &target, reduction)),
                    case("mse_loss, both", || mse_loss_with(&o, &o.sqr()?, reduction)),
                    case("l1_loss", || l1_loss(&o, &target, reduction)),
                    case("huber_loss", || huber_loss(&o, &target, 0.5, reduction)),
                    case("smooth_l1_loss", || {
                        smooth_l1_loss(&o, &target, 0.5, reduction)
                    }),
                    case("kl_divergence", || {
                        kl_divergence(&log_probabilities()?, &share, false, reduction)
                    }),
                ],
            )?;
        }
        let (o, classes) = (o.reshape((3, 2, 40))?, classes.reshape((3, 2))?);
        let lens = Tensor::new(&[2u32, 1, 1], &CPU)?;
        check(
            dtype,
            &[case("masked_cross_entropy", || {
                masked_cross_entropy(&o, &classes, &lens)
            })],
        )?;
    }
    Ok(())
}

/// The types of this crate that implement one of these traits: what is computed with kernels.
fn types_with_kernels(folder: &Path) -> Result<Vec<String>> {
    const TRAITS: [&str; 4] = ["Operation", "Activation", "Pointwise", "Composed"];
    let mut types = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.ends_with("tests.rs") {
                continue; // those of the tests
            }
            for line in std::fs::read_to_string(&path)?.lines() {
                let Some((start, name)) = line.split_once(" for ") else {
                    continue;
                };
                let is_one = start.starts_with("impl")
                    && TRAITS
                        .iter()
                        .any(|name| start.ends_with(&format!(" {name}")));
                if is_one {
                    let name = name.trim_end_matches(" {");
                    types.push(name.split('<').next().unwrap_or(name).to_string());
                }
            }
        }
    }
    Ok(types)
}

#[test]
fn no_operation_is_missing() -> Result<()> {
    let (all, applied) = operations_applied(|| {
        check_layers_of_pictures(DType::F64)?;
        check_layers_of_vectors_and_sequences(DType::F64)?;
        check_losses(DType::F64)
    });
    all?;
    let words = |name: &&str| -> Vec<String> {
        let words = name.split(|c: char| !c.is_alphanumeric());
        words.map(str::to_string).collect()
    };
    let applied: Vec<String> = applied.iter().flat_map(words).collect();
    let types = types_with_kernels(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))?;
    assert!(types.len() > 20, "{types:?}");
    let missing: Vec<&String> = types
        .iter()
        .filter(|name| !applied.contains(name))
        .collect();
    assert!(missing.is_empty(), "no case above uses {missing:?}");
    Ok(())
}

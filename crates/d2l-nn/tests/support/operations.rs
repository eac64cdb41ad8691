//! Every layer, activation and loss of the crate, each as a function of variables. What is checked of one of them is
//! checked of all.

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use d2l_nn::testing::{filled, hash};
use d2l_nn::*;

/// An operation by name.
pub type Case<'a> = (&'static str, Box<dyn Fn() -> Result<Tensor> + 'a>);

/// What is checked of some operations; the first list holds the variables that they depend on.
pub type Check<'a> = &'a mut dyn FnMut(&[Var], &[Case]) -> Result<()>;

/// Makes operations with numbers of a type, on a device, and has them checked.
pub type List = fn(DType, &Device, Check) -> Result<()>;

/// The lists of this file.
pub const LISTS: [List; 3] = [layers_of_pictures, layers_of_vectors_and_sequences, losses];

fn case<'a>(name: &'static str, f: impl Fn() -> Result<Tensor> + 'a) -> Case<'a> {
    (name, Box::new(f))
}

fn variables<'a>(store: &ParamStore, inputs: impl IntoIterator<Item = &'a Var>) -> Vec<Var> {
    let parameters = store.parameters().into_iter().map(|(_, var)| var);
    parameters.chain(inputs.into_iter().cloned()).collect()
}

const TRAIN: Mode = Mode::Train(Step { seed: 1, epoch: 2, step: 3 });

/// Convolutions, pooling, normalisation and resizing.
fn layers_of_pictures(dtype: DType, device: &Device, check: Check) -> Result<()> {
    let var = |shape: &[usize], salt| Var::from_tensor(&filled(shape, salt, 2.0, dtype, device)?);
    let store = ParamStore::with_dtype(0, dtype, device);
    let (init, vb) = (Initializer::PytorchDefault, store.builder());
    let config = Conv2dConfig { padding: (1, 1), stride: (2, 2), ..Default::default() };
    // Pictures need no gradient, and have one here.
    let x = var(&[2, 4, 7, 9], 1)?;
    let row = var(&[2, 4, 9], 2)?;
    let flat = var(&[5, 4], 3)?;
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
        &variables(&store, [&x, &row, &flat]),
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
    )
}

/// Dense and recurrent layers, attention, dropout and the activations.
fn layers_of_vectors_and_sequences(dtype: DType, device: &Device, check: Check) -> Result<()> {
    let var = |shape: &[usize], salt| Var::from_tensor(&filled(shape, salt, 2.0, dtype, device)?);
    let store = ParamStore::with_dtype(0, dtype, device);
    let (init, vb) = (Initializer::PytorchDefault, store.builder());
    let x = var(&[4, 3, 6], 1)?;
    let y = var(&[4, 3, 6], 2)?;
    let ids = Tensor::new(&[[1u32, 0], [3, 2]], device)?;
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
        var(&[2, 2, 3, 4], 3)?,
        var(&[2, 2, 5, 4], 4)?,
        var(&[2, 2, 5, 2], 5)?,
    ];
    let attend = |wants_weights: bool| {
        let options = AttentionOptions { causal: true, wants_weights, ..Default::default() };
        scaled_dot_product_attention(&q, &k, &v, options)
    };
    let lens = Tensor::new(&[2u32, 0, 6, 1], device)?;
    let [h, c] = [var(&[4, 3, 5], 6)?, var(&[4, 3, 5], 7)?];
    let keeps_all = Dropout::new(0.0, "keeps_all")?;
    let all = |(y, h): (Tensor, Tensor)| Tensor::cat(&[y.flatten_all()?, h.flatten_all()?], 0);
    let of_lstm = |layer: &Lstm, mode| {
        let (y, (h, c)) = layer.forward_t(&x, Some((&h, &c)), mode)?;
        all((all((y, h))?, c))
    };
    check(
        &variables(&store, [&x, &y, &q, &k, &v, &h, &c]),
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
    )
}

/// The losses, under every reduction.
fn losses(dtype: DType, device: &Device, check: Check) -> Result<()> {
    let var = |shape: &[usize], salt| Var::from_tensor(&filled(shape, salt, 2.0, dtype, device)?);
    let o = var(&[6, 40], 1)?; // several vectors and a rest
    let target = filled((6, 40), 2, 2.0, dtype, device)?;
    let share = (filled((6, 40), 3, 0.9, dtype, device)? + 0.5)?;
    let classes: Vec<u32> = (0..6).map(|i| hash(i, 99) % 40).collect();
    let classes = Tensor::new(classes, device)?;
    let log_probabilities = || o.as_tensor() - 2.0; // by candle, and not of a distribution
    for reduction in [
        Reduction::Mean,
        Reduction::BatchMean,
        Reduction::Sum,
        Reduction::None,
    ] {
        let smoothed =
            CrossEntropyOptions { label_smoothing: 0.1, reduction, ..Default::default() };
        let weighted =
            BinaryCrossEntropyOptions { pos_weight: Some(&share), reduction, ..Default::default() };
        let focal = FocalOptions { reduction, ..Default::default() };
        check(
            std::slice::from_ref(&o),
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
    let classes = classes.reshape((3, 2))?;
    let lens = Tensor::new(&[2u32, 1, 1], device)?;
    check(
        std::slice::from_ref(&o),
        &[case("masked_cross_entropy", || {
            masked_cross_entropy(&o.reshape((3, 2, 40))?, &classes, &lens)
        })],
    )
}

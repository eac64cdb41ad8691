//! By hand, with the library, in the book and in PyTorch: the same numbers.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use convolutional::batch_norm_lenet;
use convolutional::lenet::{self, Activation, Pooling, concise, scratch};
use convolutional::pictures::{Enlarged, Shape};
use convolutional::resnet::{self, ResNet18};
use d2l::nn::testing::{every_parameter_has_a_gradient, filled};
use d2l::nn::{
    Initializer, Mode, Network, ParamStore, Step, backward, batch_norm, cross_entropy, observed,
};

const DEVICE: Device = Device::Cpu;
const GREY: Shape = Shape::grey(28);
const BOOK: lenet::Options = lenet::Options::BOOK;
const RESNET: resnet::Options = resnet::Options::book(Enlarged::STORED);
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });

#[test]
fn lenet_agrees_with_pytorch() -> Result<()> {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/lenet.json");
    d2l::testing::check_against_golden(
        &golden,
        |params| concise::LeNet::new(GREY, &BOOK, &Initializer::Zeros, params),
        cross_entropy,
    )?;
    d2l::testing::check_against_golden(
        &golden,
        |params| scratch::LeNet::new(GREY, &BOOK, &Initializer::Zeros, params),
        cross_entropy,
    )
}

#[test]
fn batch_norm_lenet_agrees_with_pytorch() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    d2l::testing::check_against_golden(
        &folder.join("batchnorm-lenet-concise.json"),
        |params| batch_norm_lenet::concise::BatchNormLeNet::new(GREY, &Initializer::Zeros, params),
        cross_entropy,
    )?;
    d2l::testing::check_against_golden(
        &folder.join("batchnorm-lenet-scratch.json"),
        |params| batch_norm_lenet::scratch::BatchNormLeNet::new(GREY, &Initializer::Zeros, params),
        cross_entropy,
    )
}

/// In f64, where rounding hides nothing.
fn f64_params() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

/// Whether two models with parameters of the same names have the same outputs in both modes, and in training the same
/// gradients.
fn ensure_equal<A: Network, B: Network>(
    (one, ones): (&A, &ParamStore),
    (other, others): (&B, &ParamStore),
) -> Result<()> {
    let x = filled((6, 1, 28, 28), 1, 2.0, DType::F64, &DEVICE)?;
    let y = Tensor::new(&[0u32, 3, 1, 9, 9, 4], &DEVICE)?;
    let names = |params: &ParamStore| -> Vec<String> {
        let all = params.parameters().into_iter().chain(params.buffers());
        all.map(|(name, _)| name).collect()
    };
    ensure!(names(ones) == names(others));
    let (a, b) = (one.forward(&x, TRAIN)?, other.forward(&x, TRAIN)?);
    ensure_near("outputs", &a, &b)?;
    let a = backward(&cross_entropy(&a, &y)?)?;
    let b = backward(&cross_entropy(&b, &y)?)?;
    for ((name, one), (_, other)) in ones.parameters().iter().zip(others.parameters()) {
        let a = a.get(one).context("a gradient")?;
        let b = b.get(&other).context("a gradient")?;
        ensure_near(name, a, b)?;
    }
    // Both start from running averages of 0 and 1; after a batch they differ by n / (n - 1) in the variance.
    others.load_state(&ones.state())?;
    let (a, b) = (
        one.forward(&x, Mode::Evaluate)?,
        other.forward(&x, Mode::Evaluate)?,
    );
    ensure_near("outputs in evaluation", &a, &b)
}

fn ensure_near(what: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    let gap = (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
    let largest = a.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
    // A bias in front of batch normalisation has a gradient of rounding errors only.
    ensure!(
        gap <= 1e-9 * largest.max(1e-3),
        "{what}: they differ by {gap} of {largest}"
    );
    Ok(())
}

#[test]
fn lenet_by_hand_is_the_librarys_with_every_activation_and_pooling() -> Result<()> {
    for activation in [Activation::Sigmoid, Activation::Relu] {
        for pooling in [Pooling::Avg, Pooling::Max] {
            let options = lenet::Options { activation, pooling, ..BOOK };
            let (ours, theirs) = (f64_params(), f64_params());
            let by_hand = scratch::LeNet::new(GREY, &options, &Initializer::Xavier, &ours)?;
            let library = concise::LeNet::new(GREY, &options, &Initializer::Xavier, &theirs)?;
            ensure_equal((&by_hand, &ours), (&library, &theirs))
                .with_context(|| format!("{options:?}"))?;
        }
    }
    Ok(())
}

/// The book's exercises: other kernels, channels and depths, and dropout, whose masks are the same.
#[test]
fn lenet_by_hand_is_the_librarys_in_every_size() -> Result<()> {
    for (kernel_size, channels, hiddens, dropout, parameters) in [
        (7, "4,8", "20", 0.0, 4 * 50 + 8 * 197 + 128 * 20 + 20 + 210),
        (
            3,
            "4,6,8",
            "20,16,12",
            0.5,
            4 * 10 + 6 * 37 + 8 * 55 + 660 + 336 + 204 + 130,
        ),
        (4, "3", "none", 0.0, 3 * 17 + 10 * (3 * 13 * 13 + 1)),
        (1, "none", "12", 0.3, 12 * 785 + 130),
    ] {
        let options = lenet::Options {
            kernel_size,
            channels: channels.parse()?,
            hiddens: hiddens.parse()?,
            dropout,
            ..BOOK
        };
        let (ours, theirs) = (f64_params(), f64_params());
        let by_hand = scratch::LeNet::new(GREY, &options, &Initializer::Xavier, &ours)?;
        let library = concise::LeNet::new(GREY, &options, &Initializer::Xavier, &theirs)?;
        let count = theirs.parameter_count();
        ensure!(count == parameters, "{options:?}: {count} parameters");
        ensure_equal((&by_hand, &ours), (&library, &theirs))
            .with_context(|| format!("{options:?}"))?;
        let x = filled((6, 1, 28, 28), 1, 2.0, DType::F64, &DEVICE)?;
        let outputs = [TRAIN, Mode::Evaluate].map(|mode| library.forward(&x, mode));
        let [trained, evaluated] = outputs;
        let drops = trained?.to_vec2::<f64>()? != evaluated?.to_vec2::<f64>()?;
        ensure!(drops == (dropout > 0.0), "{options:?}");
    }
    Ok(())
}

/// One line: what the layer found, what was wanted, what to do.
#[test]
fn a_lenet_that_does_not_fit_is_refused() -> Result<()> {
    for (kernel_size, channels, found) in [
        (5, "6,16,32", "found 5 × 5 pixels in front of conv3"),
        (15, "6,16", "found 14 × 14 pixels in front of conv2"),
        (3, "6,16,32,64", "found 2 × 2 pixels in front of conv4"),
    ] {
        let options = lenet::Options { kernel_size, channels: channels.parse()?, ..BOOK };
        let new = |params: &ParamStore| -> [Option<anyhow::Error>; 2] {
            let (init, options) = (&Initializer::Xavier, &options);
            [
                scratch::LeNet::new(GREY, options, init, params).err(),
                concise::LeNet::new(GREY, options, init, params).err(),
            ]
        };
        for error in new(&f64_params()) {
            let error = error.context("it was taken")?;
            ensure!(error.is::<d2l::Usage>(), "{error}");
            let (error, found) = (error.to_string(), format!("{found}, which with"));
            ensure!(
                error.contains(&found) && error.contains("a smaller --kernel-size"),
                "{error}"
            );
        }
    }
    Ok(())
}

#[test]
fn batch_norm_lenet_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand =
        batch_norm_lenet::scratch::BatchNormLeNet::new(GREY, &Initializer::Xavier, &ours)?;
    let library =
        batch_norm_lenet::concise::BatchNormLeNet::new(GREY, &Initializer::Xavier, &theirs)?;
    ensure_equal((&by_hand, &ours), (&library, &theirs))
}

/// By hand the running variance takes in the batch's, divided by n; the library's, as PyTorch's, divided by n - 1.
#[test]
fn running_variances_differ_by_n_over_n_less_one() -> Result<()> {
    let x = filled((6, 16, 4, 5), 1, 2.0, DType::F64, &DEVICE)?;
    let (ours, theirs) = (f64_params(), f64_params());
    batch_norm_lenet::scratch::BatchNorm::new("norm", 16, &ours)?.forward(&x, TRAIN)?;
    batch_norm(16, theirs.builder().pp("norm"))?.forward_t(&x, TRAIN)?;
    let of = |params: &ParamStore| -> Result<Vec<Vec<f64>>> {
        let buffers = params.buffers();
        let values = buffers.iter().map(|(_, buffer)| buffer.to_vec1::<f64>());
        Ok(values.collect::<candle_core::Result<_>>()?)
    };
    let (ours, theirs) = (of(&ours)?, of(&theirs)?);
    let [(our_means, our_variances), (means, variances)] =
        [&ours, &theirs].map(|buffers| (&buffers[0], &buffers[1]));
    let n = 6.0 * 4.0 * 5.0;
    for (a, b) in our_means.iter().zip(means) {
        ensure!((a - b).abs() < 1e-12, "{a}, {b}");
    }
    for (a, b) in our_variances.iter().zip(variances) {
        // running = 0.9 · 1 + 0.1 · batch's
        let (a, b) = (a - 0.9, b - 0.9);
        ensure!((a * n / (n - 1.0) - b).abs() < 1e-12, "{a}, {b}");
    }
    Ok(())
}

/// The rows of a network's summary: names, and outputs without the batch.
fn shapes(model: &impl Network, x: &Tensor) -> Result<Vec<(String, Vec<usize>)>> {
    let (_, observations) = observed(|| model.forward(x, Mode::Evaluate))?;
    let layers = observations.rows(&[x]).into_iter();
    Ok(layers
        .map(|layer| (layer.name, layer.output.dims()[1..].to_vec()))
        .collect())
}

fn assert_shapes(found: Vec<(String, Vec<usize>)>, wanted: &[(&str, &[usize])]) {
    let found: Vec<(&str, &[usize])> = found
        .iter()
        .map(|(name, shape)| (name.as_str(), shape.as_slice()))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn lenet_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = concise::LeNet::new(GREY, &BOOK, &Initializer::Xavier, &params)?;
    let x = Tensor::zeros((2, 1, 28, 28), DType::F32, &DEVICE)?;
    let wanted: [(&str, &[usize]); 11] = [
        ("conv1", &[6, 28, 28]),
        ("sigmoid1", &[6, 28, 28]),
        ("avg_pool1", &[6, 14, 14]),
        ("conv2", &[16, 10, 10]),
        ("sigmoid2", &[16, 10, 10]),
        ("avg_pool2", &[16, 5, 5]),
        ("dense1", &[120]),
        ("sigmoid3", &[120]),
        ("dense2", &[84]),
        ("sigmoid4", &[84]),
        ("output", &[10]),
    ];
    assert_shapes(shapes(&model, &x)?, &wanted);
    let by_hand = scratch::LeNet::new(
        GREY,
        &BOOK,
        &Initializer::Xavier,
        &ParamStore::new(0, &DEVICE),
    )?;
    // By hand the activations are candle's own operations, which report nothing.
    let reported = wanted
        .into_iter()
        .filter(|(name, _)| !name.starts_with("sigmoid"));
    assert_shapes(shapes(&by_hand, &x)?, &reported.collect::<Vec<_>>());
    ensure!(params.parameter_count() == 61_706);
    Ok(())
}

/// zh 7.5 and en 8.5 print no shapes; these follow from their layers.
#[test]
fn batch_norm_lenet_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model =
        batch_norm_lenet::concise::BatchNormLeNet::new(GREY, &Initializer::Xavier, &params)?;
    let x = Tensor::zeros((2, 1, 28, 28), DType::F32, &DEVICE)?;
    let wanted: [(&str, &[usize]); 15] = [
        ("conv1", &[6, 24, 24]),
        ("norm1", &[6, 24, 24]),
        ("sigmoid1", &[6, 24, 24]),
        ("avg_pool1", &[6, 12, 12]),
        ("conv2", &[16, 8, 8]),
        ("norm2", &[16, 8, 8]),
        ("sigmoid2", &[16, 8, 8]),
        ("avg_pool2", &[16, 4, 4]),
        ("dense1", &[120]),
        ("norm3", &[120]),
        ("sigmoid3", &[120]),
        ("dense2", &[84]),
        ("norm4", &[84]),
        ("sigmoid4", &[84]),
        ("output", &[10]),
    ];
    assert_shapes(shapes(&model, &x)?, &wanted);
    ensure!(
        params.parameter_count() == 44_878,
        "{} parameters",
        params.parameter_count()
    );
    Ok(())
}

/// The table of zh 7.6 and en 8.6, at 224 × 224 and at the 96 × 96 that the book trains on.
#[test]
fn resnet_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = ResNet18::new(GREY, &RESNET, &Initializer::Xavier, &params)?;
    for (side, stages) in [(224, [56, 28, 14, 7]), (96, [24, 12, 6, 3])] {
        let x = Tensor::zeros((1, 1, side, side), DType::F32, &DEVICE)?;
        let [a, b, c, d] = stages;
        assert_shapes(
            shapes(&model, &x)?,
            &[
                ("conv", &[64, side / 2, side / 2]),
                ("norm", &[64, side / 2, side / 2]),
                ("relu", &[64, side / 2, side / 2]),
                ("max_pool", &[64, a, a]),
                ("stages.0", &[64, a, a]),
                ("stages.1", &[128, b, b]),
                ("stages.2", &[256, c, c]),
                ("stages.3", &[512, d, d]),
                ("global_avg_pool", &[512, 1, 1]),
                ("output", &[10]),
            ],
        );
    }
    ensure!(
        params.parameter_count() == 11_178_378,
        "{} parameters",
        params.parameter_count()
    );
    Ok(())
}

#[test]
fn every_parameter_gets_a_gradient() -> Result<()> {
    let x = filled((4, 1, 28, 28), 1, 2.0, DType::F32, &DEVICE)?;
    let y = Tensor::new(&[0u32, 3, 1, 9], &DEVICE)?;
    let params = ParamStore::new(0, &DEVICE);
    let model = scratch::LeNet::new(GREY, &BOOK, &Initializer::Xavier, &params)?;
    let loss = cross_entropy(&model.forward(&x, TRAIN)?, &y)?;
    every_parameter_has_a_gradient(&params, &backward(&loss)?)?;
    let params = ParamStore::new(0, &DEVICE);
    let model =
        batch_norm_lenet::scratch::BatchNormLeNet::new(GREY, &Initializer::Xavier, &params)?;
    let loss = cross_entropy(&model.forward(&x, TRAIN)?, &y)?;
    every_parameter_has_a_gradient(&params, &backward(&loss)?)?;
    let params = ParamStore::new(0, &DEVICE);
    let model = ResNet18::new(GREY, &RESNET, &Initializer::Xavier, &params)?;
    let x = filled((4, 1, 40, 40), 1, 2.0, DType::F32, &DEVICE)?;
    let loss = cross_entropy(&model.forward(&x, TRAIN)?, &y)?;
    // Batch normalisation takes the mean away, and with it what a bias in front of it adds: these gradients are
    // rounding.
    every_parameter_has_a_gradient(&params, &backward(&loss)?)
}

/// A trained network says the same about a picture whatever else is in the batch; while training it doesn't.
#[test]
fn in_evaluation_examples_do_not_see_one_another() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = ResNet18::new(GREY, &RESNET, &Initializer::Xavier, &params)?;
    let x = filled((3, 1, 32, 32), 1, 2.0, DType::F32, &DEVICE)?;
    model.forward(&x, TRAIN)?; // moves the running statistics
    let together = model.forward(&x, Mode::Evaluate)?.narrow(0, 0, 1)?;
    let alone = model.forward(&x.narrow(0, 0, 1)?, Mode::Evaluate)?;
    let gap = (together - alone)?.abs()?.max_all()?.to_scalar::<f32>()?;
    let largest = model.forward(&x, Mode::Evaluate)?.abs()?.max_all()?;
    let largest = largest.to_scalar::<f32>().context("a number")?;
    ensure!(gap <= 1e-5 * largest, "they differ by {gap} of {largest}");
    Ok(())
}

/// What the exercises take away is away, and the rest is trained.
#[test]
fn resnet_without_its_parts_still_has_gradients() -> Result<()> {
    let x = filled((2, 1, 33, 33), 1, 2.0, DType::F32, &DEVICE)?;
    let y = Tensor::new(&[0u32, 3], &DEVICE)?;
    for (num_blocks, no_batch_norm, no_shortcut, layers) in [
        (1, false, false, 10),
        (2, true, false, 18),
        (2, false, true, 18),
        (1, true, true, 10),
    ] {
        let options = resnet::Options { num_blocks, no_batch_norm, no_shortcut, ..RESNET };
        let params = ParamStore::new(0, &DEVICE);
        let model = ResNet18::new(GREY, &options, &Initializer::Kaiming, &params)?;
        let loss = cross_entropy(&model.forward(&x, TRAIN)?, &y)?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?)?;
        let names: Vec<String> = params.parameters().into_iter().map(|(n, _)| n).collect();
        let any = |part: &str| names.iter().any(|name| name.contains(part));
        ensure!(any("norm") != no_batch_norm && any("shortcut") != no_shortcut);
        let weights = names.iter().filter(|name| name.ends_with("weight"));
        let deep = weights.filter(|name| !name.contains("norm") && !name.contains("shortcut"));
        ensure!(deep.count() == layers, "{options:?}: {names:?}");
    }
    Ok(())
}

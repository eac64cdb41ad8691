//! The deep networks: the book's shapes and numbers of parameters, PyTorch's numbers, a gradient for every parameter.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use convolutional::alexnet::{self, AlexNet};
use convolutional::densenet::DenseNet;
use convolutional::googlenet::GoogLeNet;
use convolutional::nin::{self, Nin};
use convolutional::pictures::{Enlarged, Shape};
use convolutional::regnet::RegNet;
use convolutional::resnet::{self, ResNet18};
use convolutional::vgg::{self, Vgg};
use d2l::nn::testing::{every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, ParamStore, Step, backward, cross_entropy, observed};

const DEVICE: Device = Device::Cpu;
const RULE: Initializer = Initializer::Kaiming;
const LARGE: Enlarged = Enlarged::to(224);

type Build = fn(&ParamStore) -> Result<Box<dyn Network>>;

/// As their `quick` presets build them, with the names of the golden files.
fn small() -> [(&'static str, Build); 7] {
    const QUICK: Shape = Shape::grey(28);
    [
        ("alexnet", |params| {
            let options = alexnet::Options::book(Enlarged::STORED);
            Ok(Box::new(AlexNet::new(QUICK, &options, &RULE, params)?))
        }),
        ("vgg", |params| {
            let (sizes, options) = (vgg::Sizes::of(28), vgg::Options::book(Enlarged::STORED));
            Ok(Box::new(Vgg::new(sizes, QUICK, &options, &RULE, params)?))
        }),
        ("nin", |params| {
            let options = nin::Options::book(Enlarged::STORED);
            Ok(Box::new(Nin::new(QUICK, &options, &RULE, params)?))
        }),
        ("googlenet", |params| {
            Ok(Box::new(GoogLeNet::new(QUICK, &RULE, params)?))
        }),
        ("resnet18", |params| {
            let options = resnet::Options::book(Enlarged::STORED);
            Ok(Box::new(ResNet18::new(QUICK, &options, &RULE, params)?))
        }),
        ("densenet", |params| {
            Ok(Box::new(DenseNet::new(QUICK, &RULE, params)?))
        }),
        ("regnet", |params| {
            Ok(Box::new(RegNet::new(QUICK, &RULE, params)?))
        }),
    ]
}

#[test]
fn they_agree_with_pytorch() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    for (name, build) in small() {
        let file = folder.join(format!("{name}.json"));
        d2l::testing::check_against_golden(&file, build, cross_entropy).context(name)?;
    }
    Ok(())
}

#[test]
fn every_parameter_gets_a_gradient() -> Result<()> {
    let y = Tensor::new(&[0u32, 3, 1, 9], &DEVICE)?;
    let train = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });
    for (name, build) in small() {
        let x = filled((4, 1, 28, 28), 1, 2.0, DType::F32, &DEVICE)?;
        let params = ParamStore::new(0, &DEVICE);
        let model = build(&params)?;
        let loss = cross_entropy(&model.forward(&x, train)?, &y)?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?).context(name)?;
    }
    Ok(())
}

/// Whether a summary of the network has these rows, with their outputs, and the network so many parameters.
fn ensure_shapes(
    model: &impl Network,
    params: &ParamStore,
    side: usize,
    wanted: &[(&str, &[usize])],
    parameters: usize,
) -> Result<()> {
    let x = Tensor::zeros((1, 1, side, side), DType::F32, &DEVICE)?;
    let (_, observations) = observed(|| model.forward(&x, Mode::Evaluate))?;
    let layers = observations.rows(&[&x]);
    let found: Vec<(&str, &[usize])> = layers
        .iter()
        .map(|layer| (layer.name.as_str(), &layer.output.dims()[1..]))
        .collect();
    ensure!(found == wanted, "{found:?}");
    let count = params.parameter_count();
    ensure!(count == parameters, "{count} parameters");
    Ok(())
}

/// zh 7.1, en 8.1.
#[test]
fn alexnet_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = AlexNet::new(
        Shape::grey(224),
        &alexnet::Options::book(LARGE),
        &RULE,
        &params,
    )?;
    ensure_shapes(
        &model,
        &params,
        224,
        &[
            ("conv1", &[96, 54, 54]),
            ("relu1", &[96, 54, 54]),
            ("max_pool1", &[96, 26, 26]),
            ("conv2", &[256, 26, 26]),
            ("relu2", &[256, 26, 26]),
            ("max_pool2", &[256, 12, 12]),
            ("conv3", &[384, 12, 12]),
            ("relu3", &[384, 12, 12]),
            ("conv4", &[384, 12, 12]),
            ("relu4", &[384, 12, 12]),
            ("conv5", &[256, 12, 12]),
            ("relu5", &[256, 12, 12]),
            ("max_pool3", &[256, 5, 5]),
            ("dense1", &[4096]),
            ("relu6", &[4096]),
            ("dropout1", &[4096]),
            ("dense2", &[4096]),
            ("relu7", &[4096]),
            ("dropout2", &[4096]),
            ("output", &[10]),
        ],
        46_764_746,
    )
}

/// zh 7.2, en 8.2: the shapes of VGG-11, and of the narrow one that is trained.
#[test]
fn vgg_has_the_books_shapes() -> Result<()> {
    let head: [(&str, &[usize]); 7] = [
        ("dense1", &[4096]),
        ("relu1", &[4096]),
        ("dropout1", &[4096]),
        ("dense2", &[4096]),
        ("relu2", &[4096]),
        ("dropout2", &[4096]),
        ("output", &[10]),
    ];
    let options = vgg::Options::book(LARGE);
    let params = ParamStore::new(0, &DEVICE);
    let model = Vgg::new(
        vgg::Sizes::of(224),
        Shape::grey(224),
        &options,
        &RULE,
        &params,
    )?;
    let narrow: [(&str, &[usize]); 5] = [
        ("block1", &[16, 112, 112]),
        ("block2", &[32, 56, 56]),
        ("block3", &[64, 28, 28]),
        ("block4", &[128, 14, 14]),
        ("block5", &[128, 7, 7]),
    ];
    let wanted = [narrow.as_slice(), &head].concat();
    ensure_shapes(&model, &params, 224, &wanted, 43_093_322)?;
    let params = ParamStore::new(0, &DEVICE);
    let model = Vgg::new(vgg::Sizes::WIDE, Shape::grey(224), &options, &RULE, &params)?;
    let wide: [(&str, &[usize]); 5] = [
        ("block1", &[64, 112, 112]),
        ("block2", &[128, 56, 56]),
        ("block3", &[256, 28, 28]),
        ("block4", &[512, 14, 14]),
        ("block5", &[512, 7, 7]),
    ];
    let wanted = [wide.as_slice(), &head].concat();
    ensure_shapes(&model, &params, 224, &wanted, 128_806_154)
}

/// zh 7.3, en 8.3.
#[test]
fn nin_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = Nin::new(Shape::grey(224), &nin::Options::book(LARGE), &RULE, &params)?;
    ensure_shapes(
        &model,
        &params,
        224,
        &[
            ("block1", &[96, 54, 54]),
            ("max_pool1", &[96, 26, 26]),
            ("block2", &[256, 26, 26]),
            ("max_pool2", &[256, 12, 12]),
            ("block3", &[384, 12, 12]),
            ("max_pool3", &[384, 5, 5]),
            ("dropout", &[384, 5, 5]),
            ("block4", &[10, 5, 5]),
            ("global_avg_pool", &[10, 1, 1]),
        ],
        1_992_166,
    )
}

/// zh 7.4, en 8.4.
#[test]
fn googlenet_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = GoogLeNet::new(Shape::grey(96), &RULE, &params)?;
    ensure_shapes(
        &model,
        &params,
        96,
        &[
            ("stage1", &[64, 24, 24]),
            ("stage2", &[192, 12, 12]),
            ("stage3", &[480, 6, 6]),
            ("stage4", &[832, 3, 3]),
            ("stage5", &[1024, 3, 3]),
            ("global_avg_pool", &[1024, 1, 1]),
            ("output", &[10]),
        ],
        5_977_530,
    )
}

/// zh 7.7, en 8.7.
#[test]
fn densenet_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = DenseNet::new(Shape::grey(96), &RULE, &params)?;
    ensure_shapes(
        &model,
        &params,
        96,
        &[
            ("stem", &[64, 24, 24]),
            ("dense1", &[192, 24, 24]),
            ("transition1", &[96, 12, 12]),
            ("dense2", &[224, 12, 12]),
            ("transition2", &[112, 6, 6]),
            ("dense3", &[240, 6, 6]),
            ("transition3", &[120, 3, 3]),
            ("dense4", &[248, 3, 3]),
            ("last_norm", &[248, 3, 3]),
            ("relu", &[248, 3, 3]),
            ("global_avg_pool", &[248, 1, 1]),
            ("output", &[10]),
        ],
        758_226,
    )
}

/// en 8.8.
#[test]
fn regnet_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = RegNet::new(Shape::grey(96), &RULE, &params)?;
    ensure_shapes(
        &model,
        &params,
        96,
        &[
            ("stem", &[32, 48, 48]),
            ("stage1", &[32, 24, 24]),
            ("stage2", &[80, 12, 12]),
            ("global_avg_pool", &[80, 1, 1]),
            ("output", &[10]),
        ],
        179_290,
    )
}

/// One line that says what was found and what to do, not an underflow.
#[test]
fn pictures_that_are_too_small_are_refused() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let error = match AlexNet::new(
        Shape::grey(10),
        &alexnet::Options::book(LARGE),
        &RULE,
        &params,
    ) {
        Ok(_) => anyhow::bail!("10 × 10 was taken"),
        Err(error) => error.to_string(),
    };
    ensure!(
        error.contains("found pictures of 10 × 10 pixels"),
        "{error}"
    );
    let params = ParamStore::new(0, &DEVICE);
    let options = vgg::Options::book(LARGE);
    ensure!(Vgg::new(vgg::Sizes::WIDE, Shape::grey(28), &options, &RULE, &params).is_err());
    Ok(())
}

/// From 63 × 63 pixels on AlexNet is the book's: its padding in the first convolution grows where it has to.
#[test]
fn pictures_between_the_sizes_have_a_network() -> Result<()> {
    for (side, wanted) in [
        (28, 2_121_578),
        (62, 3_170_154),
        (63, 21_598_922),
        (65, 21_598_922),
    ] {
        let params = ParamStore::new(0, &DEVICE);
        let model = AlexNet::new(
            Shape::grey(side),
            &alexnet::Options::book(LARGE),
            &RULE,
            &params,
        )?;
        let x = Tensor::zeros((1, 1, side, side), DType::F32, &DEVICE)?;
        ensure!(model.forward(&x, Mode::Evaluate)?.dims() == [1, 10]);
        let count = params.parameter_count();
        ensure!(count == wanted, "{side}: {count} parameters");
    }
    Ok(())
}

/// zh 7.1 to 7.3, en 8.1 to 8.3: the exercises change depth and dropout, and nothing else.
#[test]
fn exercises_change_depth_and_dropout() -> Result<()> {
    let weights = |params: &ParamStore, block: &str| {
        let parameters = params.parameters().into_iter().map(|(name, _)| name);
        parameters
            .filter(|name| name.starts_with(block) && name.ends_with("weight"))
            .count()
    };
    let (small, stored) = (Shape::grey(32), Enlarged::STORED);
    let convolutions = Some("2,2,3,3,3".parse()?);
    let options = vgg::Options { convolutions, ..vgg::Options::book(stored.clone()) };
    let params = ParamStore::new(0, &DEVICE);
    Vgg::new(vgg::Sizes::of(32), small, &options, &RULE, &params)?;
    ensure!(weights(&params, "block") == 13, "VGG-16");
    let refused = Vgg::new(
        vgg::Sizes::of(28),
        Shape::grey(28),
        &options,
        &RULE,
        &params,
    );
    let error = refused
        .err()
        .context("five blocks for 28 × 28")?
        .to_string();
    ensure!(error.contains("found 5 blocks, wanted 4"), "{error}");

    for pointwise in [0, 1, 3] {
        let options = nin::Options { pointwise, ..nin::Options::book(stored.clone()) };
        let params = ParamStore::new(0, &DEVICE);
        Nin::new(small, &options, &RULE, &params)?;
        ensure!(weights(&params, "block1") == pointwise + 1);
    }

    let x = filled((2, 1, 32, 32), 1, 2.0, DType::F32, &DEVICE)?;
    let train = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });
    for (dropout, is_random) in [(0.0, false), (0.9, true)] {
        let options = alexnet::Options { dropout, ..alexnet::Options::book(stored.clone()) };
        let model = AlexNet::new(small, &options, &RULE, &ParamStore::new(0, &DEVICE))?;
        let [trained, evaluated] = [train, Mode::Evaluate].map(|mode| model.forward(&x, mode));
        let differ = trained?.to_vec2::<f32>()? != evaluated?.to_vec2::<f32>()?;
        ensure!(differ == is_random, "dropout {dropout}");
    }
    Ok(())
}

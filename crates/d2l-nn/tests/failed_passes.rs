//! A pass that failed, and any pass before, leaves nothing behind: the next one has the gradients of a new graph.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use d2l_nn::testing::{filled, hash};
use d2l_nn::*;

const CPU: Device = Device::Cpu;

fn var(shape: &[usize], salt: u32) -> Result<Var> {
    Var::from_tensor(&filled(shape, salt, 2.0, DType::F32, &CPU)?)
}

fn gradient(loss: &Tensor, x: &Var) -> Result<Vec<u32>> {
    let gradients = backward(loss)?;
    let gradient = gradients.get(x).expect("a gradient").flatten_all()?;
    let numbers = gradient.to_vec1::<f32>()?;
    Ok(numbers.into_iter().map(f32::to_bits).collect())
}

/// A number computed from `x` by a pooling that candle cannot go back through.
fn no_way_back(x: &Tensor) -> Result<Tensor> {
    relu(&x.unsqueeze(0)?.avg_pool2d_with_stride(2, 1)?)?.sum_all()
}

type Losses<'a> = Vec<(&'static str, Box<dyn Fn(&Tensor) -> Result<Tensor> + 'a>)>;

#[test]
fn a_second_pass_has_the_gradients_of_the_first_and_so_has_one_after_a_failed_one() -> Result<()> {
    let store = ParamStore::new(0, &CPU);
    let (init, vb) = (Initializer::PytorchDefault, store.builder());
    let options = RecurrentOptions::default();
    let of_tanh = rnn(4, 3, Nonlinearity::Tanh, options, &init, vb.pp("rnn"))?;
    let of_gru = gru(4, 3, Reset::AfterProduct, options, &init, vb.pp("gru"))?;
    let of_lstm = lstm(4, 3, options, &init, vb.pp("lstm"))?;
    let convolution = conv2d(
        3,
        2,
        2,
        Conv2dConfig::default(),
        &init,
        vb.pp("convolution"),
    )?;
    let dense = linear(4, 3, &init, vb.pp("dense"))?;
    let (planes, rows) = (
        batch_norm(3, vb.pp("planes"))?,
        layer_norm(4, 1e-5, vb.pp("rows"))?,
    );
    let step = Mode::Train(Step { seed: 1, epoch: 2, step: 3 });
    let classes = (0..6).map(|i| hash(i, 9) % 4).collect::<Vec<u32>>();
    let classes = Tensor::from_vec(classes, (2, 3), &CPU)?;
    let target = filled((2, 3, 4), 7, 2.0, DType::F32, &CPU)?;
    let heads = |x: &Tensor| x.unsqueeze(1);
    let pictures = |x: &Tensor| x.unsqueeze(3)?.broadcast_as((2, 3, 4, 4))?.contiguous();
    let losses: Losses = vec![
        (
            "rnn",
            Box::new(|x| of_tanh.forward_t(x, None, step)?.0.sqr()?.sum_all()),
        ),
        (
            "gru",
            Box::new(|x| of_gru.forward_t(x, None, step)?.0.sqr()?.sum_all()),
        ),
        (
            "lstm",
            Box::new(|x| of_lstm.forward_t(x, None, step)?.0.sqr()?.sum_all()),
        ),
        (
            "memory",
            Box::new(|x| of_lstm.forward_t(x, None, step)?.1.1.sqr()?.sum_all()),
        ),
        (
            "conv2d",
            Box::new(|x| convolution.forward(&pictures(x)?)?.sqr()?.sum_all()),
        ),
        ("linear", Box::new(|x| dense.forward(x)?.sqr()?.sum_all())),
        (
            "batch_norm",
            Box::new(|x| planes.forward_t(x, step)?.sqr()?.sqr()?.sum_all()),
        ),
        (
            "layer_norm",
            Box::new(|x| rows.forward(x)?.sqr()?.sqr()?.sum_all()),
        ),
        (
            "max_pool2d",
            Box::new(|x| max_pool2d(&heads(x)?, &Pool2d::new(2))?.sqr()?.sum_all()),
        ),
        ("softmax", Box::new(|x| softmax(x, 2)?.sqr()?.sum_all())),
        (
            "attention",
            Box::new(|x| {
                let (x, options) = (heads(x)?, AttentionOptions::default());
                scaled_dot_product_attention(&x, &x, &x, options)?
                    .0
                    .sqr()?
                    .sum_all()
            }),
        ),
        (
            "cross_entropy",
            Box::new(|x| cross_entropy_with(x, &classes, CrossEntropyOptions::default())? * 3.0),
        ),
        ("mse_loss", Box::new(|x| mse_loss(x, &target)? * 3.0)),
        (
            "l1_loss",
            Box::new(|x| l1_loss(x, &target, Reduction::None)?.sqr()?.sum_all()),
        ),
    ];
    for (name, loss) in &losses {
        let x = var(&[2, 3, 4], 1)?;
        let wanted = gradient(&loss(&x)?, &x)?;
        assert!(wanted.iter().any(|&bits| bits != 0), "{name}");
        let loss_of_x = loss(&x)?;
        for _ in 0..2 {
            assert_eq!(gradient(&loss_of_x, &x)?, wanted, "{name}, again");
        }
        // The loss goes back first, since it was computed last.
        let dead_end = no_way_back(&relu(&x)?)?;
        let loss_of_x = loss(&x)?;
        assert!(backward(&(&dead_end + &loss_of_x)?).is_err(), "{name}");
        assert_eq!(
            gradient(&loss_of_x, &x)?,
            wanted,
            "{name}, after a failed pass"
        );
    }
    Ok(())
}

#[test]
fn the_gradient_of_an_lstms_memory_ends_with_its_pass() -> Result<()> {
    let store = ParamStore::new(0, &CPU);
    let (init, options) = (Initializer::PytorchDefault, RecurrentOptions::default());
    let layer = lstm(4, 3, options, &init, store.builder())?;
    let x = var(&[2, 3, 4], 1)?;
    let (y, (_, c)) = layer.forward_t(&x, None, Mode::Evaluate)?;
    // This pass fails between c and the layer.
    assert!(backward(&(c.sum_all()? + no_way_back(&y)?)?).is_err());
    let (of_new_graph, _) = layer.forward_t(&x, None, Mode::Evaluate)?;
    let wanted = gradient(&of_new_graph.sum_all()?, &x)?;
    assert_eq!(gradient(&y.sum_all()?, &x)?, wanted);
    Ok(())
}

#[test]
fn what_could_not_be_computed_once_can_be_computed_later() -> Result<()> {
    let x = var(&[2, 3], 1)?;
    let of = |classes: [u32; 2]| cross_entropy(&x, &Tensor::new(&classes, &CPU)?);
    let wanted = gradient(&of([0, 2])?, &x)?;
    assert!(of([0, 3]).is_err());
    assert_eq!(gradient(&of([0, 2])?, &x)?, wanted);
    Ok(())
}

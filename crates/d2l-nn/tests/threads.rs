//! One, two and three threads give the same bits, in everything that is shared out to them.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

mod support;

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use d2l_nn::testing::{filled, hash};
use d2l_nn::{
    Adadelta, Adagrad, Adam, Dropout, Initializer, Mode, Optimizer, ParamGroup, ParamStore,
    RmsProp, Sgd, Step, Yogi, backward,
};
use support::{assert_independent_of_threads, with_gradient};

const CPU: Device = Device::Cpu;

#[test]
fn cross_entropy() -> Result<()> {
    for (rows, classes) in [(20_000, 10), (300, 1001), (3, 50_000)] {
        let logits = Var::from_tensor(&filled((rows, classes), 1, 9.0, DType::F32, &CPU)?)?;
        let targets: Vec<u32> = (0..rows as u32)
            .map(|i| hash(i, 99) % classes as u32)
            .collect();
        let targets = Tensor::new(targets, &CPU)?;
        assert_independent_of_threads(|| {
            with_gradient(&logits, d2l_nn::cross_entropy(&logits, &targets)?)
        })?;
    }
    Ok(())
}

#[test]
fn mse_loss() -> Result<()> {
    let prediction = Var::from_tensor(&filled(123_457, 1, 1.0, DType::F32, &CPU)?)?;
    let target = filled(123_457, 2, 1.0, DType::F32, &CPU)?;
    assert_independent_of_threads(|| {
        with_gradient(&prediction, d2l_nn::mse_loss(&prediction, &target)?)
    })
}

#[test]
fn dropout_and_relu() -> Result<()> {
    let x = Var::from_tensor(&filled((301, 257), 1, 1.0, DType::F32, &CPU)?)?;
    let layer = Dropout::new(0.3, "dropout")?;
    let mode = Mode::Train(Step { seed: 1, epoch: 2, step: 3 });
    assert_independent_of_threads(|| {
        let y = d2l_nn::relu(&layer.forward_t(&x, mode)?)?;
        let mut found = with_gradient(&x, y.sqr()?.sum_all()?)?;
        found.push(y);
        Ok(found)
    })
}

#[test]
fn linear() -> Result<()> {
    let x = Var::from_tensor(&filled((300, 784), 1, 1.0, DType::F32, &CPU)?)?;
    let store = ParamStore::new(0, &CPU);
    let layer = d2l_nn::linear(784, 1030, &Initializer::PytorchDefault, store.builder())?;
    assert_independent_of_threads(|| {
        let y = layer.forward(&x)?;
        let gradients = backward(&y.sqr()?.sum_all()?)?;
        let mut found = vec![y, gradients.get(&x).expect("a gradient").clone()];
        for (_, var) in store.parameters() {
            found.push(gradients.get(&var).expect("a gradient").clone());
        }
        Ok(found)
    })
}

#[test]
fn gradient_norm() -> Result<()> {
    let w = Var::zeros(123_457, DType::F32, &CPU)?;
    let gradients =
        backward(&(w.as_tensor() * filled(123_457, 1, 1.0, DType::F32, &CPU)?)?.sum_all()?)?;
    let parameters = [("w".to_string(), w)];
    let gradients = std::sync::Mutex::new(gradients);
    assert_independent_of_threads(|| {
        let gradients = gradients.lock().expect("not poisoned");
        Ok(vec![Tensor::new(
            d2l_nn::gradient_norm(&parameters, &gradients)?,
            &CPU,
        )?])
    })
}

#[test]
fn steps_of_optimizers() -> Result<()> {
    type Make = fn(Vec<ParamGroup>) -> Result<Box<dyn Optimizer>>;
    let makes: [Make; 8] = [
        |groups| Ok(Box::new(Sgd::new(groups, 0.1, 0.0, false)?)),
        |groups| Ok(Box::new(Sgd::new(groups, 0.1, 0.9, true)?)),
        |groups| Ok(Box::new(Adam::new(groups, 0.1)?)),
        |groups| Ok(Box::new(Adagrad::new(groups, 0.1)?)),
        |groups| Ok(Box::new(RmsProp::new(groups, 0.1, 0.9, 0.0, false)?)),
        |groups| Ok(Box::new(RmsProp::new(groups, 0.1, 0.9, 0.5, true)?)),
        |groups| Ok(Box::new(Adadelta::new(groups, 0.1)?)),
        |groups| Ok(Box::new(Yogi::new(groups, 0.1)?)),
    ];
    for make in makes {
        assert_independent_of_threads(|| {
            let w = Var::from_tensor(&filled(123_457, 1, 1.0, DType::F32, &CPU)?)?;
            let group = ParamGroup {
                weight_decay: 0.1,
                ..ParamGroup::new(vec![("w".to_string(), w.clone())])
            };
            let mut optimizer = make(vec![group])?;
            for _ in 0..2 {
                optimizer.step(&backward(&w.powf(3.0)?.sum_all()?)?)?;
            }
            Ok(vec![w.as_detached_tensor()])
        })?;
    }
    Ok(())
}

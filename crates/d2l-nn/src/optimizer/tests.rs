//! What every optimizer promises.

use candle_core::{DType, Device, Tensor};

use super::descent::Rule;
use super::*;
use crate::testing::filled;

type Make = fn(Vec<ParamGroup>, InPlace) -> Result<Box<dyn Optimizer>>;

/// Whether a kernel runs, or the definition.
type InPlace = bool;

fn boxed<R: Rule + 'static>(
    rule: Result<Descent<R>>,
    in_place: InPlace,
) -> Result<Box<dyn Optimizer>> {
    Ok(Box::new(rule?.by(in_place)))
}

/// With ε large enough to keep quotients smooth if a gradient is almost zero.
const EVERY_RULE: [Make; 12] = [
    |groups, how| boxed(Sgd::new(groups, 0.1, 0.0, false), how),
    |groups, how| boxed(Sgd::new(groups, 0.1, 0.9, false), how),
    |groups, how| boxed(Sgd::new(groups, 0.1, 0.9, true), how),
    |groups, how| boxed(Adam::new(groups, 0.1)?.with_epsilon(1e-3), how),
    |groups, how| boxed(Adam::decoupled(groups, 0.1)?.with_epsilon(1e-3), how),
    |groups, how| boxed(Adagrad::new(groups, 0.1)?.with_epsilon(1e-3), how),
    |groups, how| boxed(rms_prop(groups, 0.0, false), how),
    |groups, how| boxed(rms_prop(groups, 0.5, false), how),
    |groups, how| boxed(rms_prop(groups, 0.0, true), how),
    |groups, how| boxed(rms_prop(groups, 0.5, true), how),
    |groups, how| boxed(Adadelta::new(groups, 1.0), how),
    |groups, how| boxed(Yogi::new(groups, 0.1), how),
];

fn rms_prop(groups: Vec<ParamGroup>, momentum: f64, centered: bool) -> Result<RmsProp> {
    RmsProp::new(groups, 0.01, 0.9, momentum, centered)?.with_epsilon(1e-2)
}

/// Two parameters in two groups, and the loss Σ a³ + Σ b².
struct Toy {
    a: Var,
    b: Var,
}

impl Toy {
    fn new() -> Result<Self> {
        let var = |salt| Var::from_tensor(&filled((6, 7), salt, 1.0, DType::F32, &Device::Cpu)?);
        Ok(Self { a: var(1)?, b: var(2)? })
    }

    fn groups(&self) -> Vec<ParamGroup> {
        vec![
            ParamGroup {
                weight_decay: 0.1,
                ..ParamGroup::new(vec![("a".to_string(), self.a.clone())])
            },
            ParamGroup {
                learning_rate_factor: 2.0,
                ..ParamGroup::new(vec![("b".to_string(), self.b.clone())])
            },
        ]
    }

    fn train(&self, optimizer: &mut dyn Optimizer, steps: usize) -> Result<()> {
        for _ in 0..steps {
            let loss = (self.a.powf(3.0)?.sum_all()? + self.b.sqr()?.sum_all()?)?;
            optimizer.step(&crate::backward(&loss)?)?;
        }
        Ok(())
    }

    fn values(&self) -> Result<[Vec<Vec<f32>>; 2]> {
        Ok([self.a.to_vec2()?, self.b.to_vec2()?])
    }
}

#[test]
fn kernels_and_definitions_agree() -> Result<()> {
    for (number, make) in EVERY_RULE.iter().enumerate() {
        for (dtype, tolerance) in [(DType::F32, 5e-6), (DType::F64, 1e-14)] {
            let run = |in_place| -> Result<Vec<f64>> {
                let w = Var::from_tensor(&filled((250, 257), 1, 1.0, dtype, &Device::Cpu)?)?;
                let group = ParamGroup {
                    weight_decay: 0.1,
                    ..ParamGroup::new(vec![("w".to_string(), w.clone())])
                };
                let mut rule = make(vec![group], in_place)?;
                for _ in 0..3 {
                    rule.step(&crate::backward(&w.powf(3.0)?.sum_all()?)?)?;
                }
                w.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
            };
            let (kernel, definition) = (run(true)?, run(false)?);
            for (a, b) in kernel.iter().zip(&definition) {
                assert!((a - b).abs() <= tolerance, "rule {number}: {a} and {b}");
            }
        }
    }
    Ok(())
}

/// Without kernels the parameters of a group change together, and those without a gradient stay behind.
#[test]
fn parameters_that_change_together_do_what_each_would_do_alone() -> Result<()> {
    let shapes = [vec![3, 5], vec![4], vec![2, 1, 3]];
    for make in EVERY_RULE {
        let run = |in_place: InPlace, restarts: bool| -> Result<(Vec<f32>, Vec<f32>)> {
            let vars = (1..).zip(&shapes).map(|(salt, shape)| {
                let values = filled(shape.clone(), salt, 1.0, DType::F32, &Device::Cpu)?;
                Ok((format!("w{salt}"), Var::from_tensor(&values)?))
            });
            let vars: Vec<(String, Var)> = vars.collect::<Result<_>>()?;
            let group = || ParamGroup { weight_decay: 0.1, ..ParamGroup::new(vars.clone()) };
            let mut optimizer = make(vec![group()], in_place)?;
            for step in 0..5 {
                let used = vars.iter().enumerate();
                let used = used.filter(|&(number, _)| !(number == 1 && step == 2));
                let squares = used.map(|(_, (_, var))| var.powf(2.0)?.sum_all());
                let loss = squares.reduce(|a, b| a? + b?);
                let Some(loss) = loss.transpose()? else {
                    candle_core::bail!("found no parameters");
                };
                optimizer.step(&crate::backward(&loss)?)?;
                if restarts && step == 3 {
                    let state = optimizer.state();
                    optimizer = make(vec![group()], in_place)?;
                    optimizer.load_state(&state)?;
                }
            }
            let flat = |x: &Tensor| x.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
            let values = vars.iter().map(|(_, var)| flat(var));
            let values: Vec<Vec<f32>> = values.collect::<Result<_>>()?;
            let state = optimizer.state().into_values().map(|kept| flat(&kept));
            let state: Vec<Vec<f32>> = state.collect::<Result<_>>()?;
            Ok((values.concat(), state.concat()))
        };
        let (kernels, definitions) = (run(true, false)?, run(false, false)?);
        for (one, other) in [(kernels.0, &definitions.0), (kernels.1, &definitions.1)] {
            assert_eq!(one.len(), other.len());
            for (one, other) in one.iter().zip(other) {
                assert!(
                    (one - other).abs() <= 1e-5 * one.abs().max(1.0),
                    "{one} {other}"
                );
            }
        }
        assert_eq!(run(false, true)?, definitions, "the state holds all of it");
    }
    Ok(())
}

#[test]
fn a_constant_gradient_has_no_variance_and_no_infinite_step() -> Result<()> {
    for in_place in [true, false] {
        let w = Var::zeros(5, DType::F32, &Device::Cpu)?;
        let groups = vec![ParamGroup::new(vec![("w".to_string(), w.clone())])];
        let mut rule = boxed(rms_prop(groups, 0.0, true), in_place)?;
        for _ in 0..500 {
            rule.step(&crate::backward(&(w.as_tensor() * 0.3)?.sum_all()?)?)?;
        }
        assert!(w.to_vec1::<f32>()?.iter().all(|w| w.is_finite()));
    }
    Ok(())
}

#[test]
fn a_restored_state_goes_on_bit_for_bit() -> Result<()> {
    for make in EVERY_RULE {
        let whole = Toy::new()?;
        whole.train(&mut make(whole.groups(), true)?, 5)?;

        let first = Toy::new()?;
        let mut optimizer = make(first.groups(), true)?;
        first.train(&mut optimizer, 2)?;
        let state = optimizer.state();
        let second = Toy::new()?;
        second.a.set(&first.a)?;
        second.b.set(&first.b)?;
        first.train(&mut optimizer, 1)?; // changes neither the state taken before nor the second model
        let mut optimizer = make(second.groups(), true)?;
        let sums = || -> Result<Vec<f64>> {
            let sum = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.sum_all()?.to_scalar();
            state.values().map(sum).collect()
        };
        let before = sums()?;
        optimizer.load_state(&state)?;
        second.train(&mut optimizer, 3)?;
        assert_eq!(sums()?, before, "the caller's state is not trained on");
        assert_eq!(second.values()?, whole.values()?);
    }
    Ok(())
}

#[test]
fn the_state_of_another_optimizer_is_refused_and_named() -> Result<()> {
    let toy = Toy::new()?;
    let [mut plain, mut momentum, mut adam] = [EVERY_RULE[0], EVERY_RULE[1], EVERY_RULE[3]]
        .map(|make| make(toy.groups(), true).expect("valid"));
    let refused = |result: Result<()>| result.expect_err("another state").to_string();
    assert!(
        refused(plain.load_state(&momentum.state())).contains("a.momentum_buffer is unexpected")
    );
    assert!(refused(momentum.load_state(&plain.state())).contains("a.momentum_buffer is missing"));
    assert!(
        refused(adam.load_state(&momentum.state())).contains("a.momentum_buffer is unexpected")
    );
    let mut state = adam.state();
    state.insert(
        "b.exp_avg".to_string(),
        Tensor::zeros(3, DType::F32, &Device::Cpu)?,
    );
    assert!(refused(adam.load_state(&state)).contains("b.exp_avg: found shape [3], wanted [6, 7]"));
    Ok(())
}

#[test]
fn settings_that_no_training_can_use_are_refused() -> Result<()> {
    let groups = || -> Result<Vec<ParamGroup>> { Ok(Toy::new()?.groups()) };
    assert!(Sgd::new(groups()?, -0.1, 0.0, false).is_err());
    assert!(Sgd::new(groups()?, f64::NAN, 0.0, false).is_err());
    assert!(Sgd::new(groups()?, 0.1, 1.0, false).is_err());
    assert!(Sgd::new(groups()?, 0.1, 0.0, true).is_err());
    assert!(Adam::new(groups()?, 0.1)?.with_betas(0.9, 1.0).is_err());
    assert!(Adam::new(groups()?, 0.1)?.with_epsilon(-1.0).is_err());
    assert!(Adagrad::new(groups()?, 0.1)?.with_epsilon(-1.0).is_err());
    assert!(Adadelta::new(groups()?, 0.1)?.with_rho(1.0).is_err());
    assert!(Yogi::new(groups()?, 0.1)?.with_betas(1.0, 0.9).is_err());
    for (alpha, momentum) in [(1.0, 0.0), (0.9, 1.0), (-0.1, 0.0), (f64::NAN, 0.0)] {
        assert!(RmsProp::new(groups()?, 0.1, alpha, momentum, false).is_err());
    }
    let toy = Toy::new()?;
    let twice = [toy.groups(), toy.groups()].concat();
    let error = Sgd::new(twice, 0.1, 0.0, false)
        .err()
        .expect("twice")
        .to_string();
    assert!(error.contains("a is in the groups twice"), "{error}");
    Ok(())
}

#[test]
fn a_schedule_changes_the_rate_of_every_group() -> Result<()> {
    let toy = Toy::new()?;
    let before = toy.values()?;
    let mut optimizer = Sgd::new(toy.groups(), 0.1, 0.0, false)?;
    optimizer.set_learning_rate(0.0);
    toy.train(&mut optimizer, 1)?;
    assert_eq!((optimizer.learning_rate(), toy.values()?), (0.0, before));
    Ok(())
}

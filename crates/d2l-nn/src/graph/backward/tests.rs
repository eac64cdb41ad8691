//! What the pass finds, and what it visits on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Error, Module, Shape, Var};

use super::*;
use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{Kernels, Real};
use crate::linear::Linear;
use crate::testing::{filled, hash, without_kernels};
use crate::{
    Initializer, Mode, ParamStore, RecurrentOptions, Reset, add_relu, boundary, gru, mse_loss,
    relu, tanh,
};

fn leaf(shape: impl Into<Shape>, salt: u32) -> Result<Var> {
    Var::from_tensor(&filled(shape, salt, 2.0, DType::F64, &Device::Cpu)?)
}

/// Checks that candle alone and the layers with its graph give the same gradients for each of `leaves`.
fn check(leaves: &[&Var], ours: &Tensor, candles: &Tensor) -> Result<()> {
    let (ours, candles) = (backward(ours)?, candles.backward()?);
    assert_eq!(ours.get_ids().count(), leaves.len());
    assert_eq!(candles.get_ids().count(), leaves.len());
    for var in leaves {
        let [ours, candles] = [&ours, &candles].map(|store| store.get(var));
        let (Some(ours), Some(candles)) = (ours, candles) else {
            candle_core::bail!("a gradient is missing");
        };
        assert_eq!(ours.dims(), candles.dims());
        let gap = (ours - candles)?.abs()?.flatten_all()?.max(0)?;
        assert!(gap.to_scalar::<f64>()? < 1e-13);
    }
    Ok(())
}

#[test]
fn gradients_are_candles() -> Result<()> {
    let [weight, bias, x] = [leaf((4, 4), 1)?, leaf(4, 2)?, leaf((3, 4), 3)?];
    let layer = Linear::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone()))?;
    let same = candle_nn::Linear::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone()));
    // The layer is used twice, with operations of candle in between; its weight is used once more without the layer; x
    // is a leaf that isn't a layer's parameter.
    let of = |layer: &dyn Fn(&Tensor) -> Result<Tensor>| {
        let y = layer(&layer(x.as_tensor())?.t()?.contiguous()?.t()?)?;
        y.sqr()?.sum_all()? + weight.sqr()?.sum_all()?
    };
    let ours = of(&|x| layer.forward(x))?;
    check(&[&weight, &bias, &x], &ours, &of(&|x| same.forward(x))?)
}

#[test]
fn a_gradient_that_goes_two_ways_stays_what_it_is() -> Result<()> {
    // Both of `add_relu`'s gradients are one tensor. If its arguments are used again, and each other's arguments too, a
    // sum in place would change the other's gradient.
    let x = leaf((5, 7), 4)?;
    let of = |relu: &dyn Fn(&Tensor) -> Result<Tensor>,
              add_relu: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>| {
        let a = relu(x.as_tensor())?;
        let b = relu(&(&a * 2.0)?)?;
        let c = add_relu(&a, &b)?;
        let d = add_relu(&c, &b)?;
        let e = add_relu(&d, &d)?;
        (add_relu(&e, &a)? * &c)?.sum_all()
    };
    let ours = of(&relu, &add_relu)?;
    let candles = of(&|x| x.relu(), &|x, y| (x + y)?.relu())?;
    check(&[&x], &ours, &candles)
}

#[test]
fn a_second_pass_over_the_same_losses_finds_the_same() -> Result<()> {
    // A loss keeps its gradient, which is added to another one's here.
    let x = leaf((5, 7), 5)?;
    let logits = relu(&x)?;
    let target = filled((5, 7), 6, 2.0, DType::F64, &Device::Cpu)?;
    let loss = add(
        &mse_loss(&logits, &target)?,
        &mse_loss(&logits, &logits.ones_like()?)?,
    )?;
    let of_pass = || -> Result<Option<Vec<f64>>> {
        let gradients = backward(&loss)?;
        let gradient = gradients.get(&x).map(Tensor::flatten_all).transpose()?;
        gradient.map(|gradient| gradient.to_vec1()).transpose()
    };
    let first = of_pass()?;
    assert!(first.is_some());
    assert_eq!(of_pass()?, first);
    Ok(())
}

#[test]
fn losses_that_are_a_leaf_a_constant_or_a_layers_output() -> Result<()> {
    let leaf = leaf((), 1)?;
    let gradients = backward(leaf.as_tensor())?;
    let gradient = gradients.get(&leaf).map(Tensor::to_scalar::<f64>);
    assert_eq!(gradient.transpose()?, Some(1.0));
    assert_eq!(backward(&leaf.detach())?.get_ids().count(), 0);
    let gradients = backward(&relu(&leaf.abs()?)?)?;
    assert!(gradients.get(&leaf).is_some());
    Ok(())
}

#[test]
fn candles_own_pass_is_refused() -> Result<()> {
    let [weight, x] = [leaf((2, 4), 1)?, leaf((3, 4), 3)?];
    let layer = Linear::new(weight.as_tensor().clone(), None)?;
    let loss = layer.forward(&x)?.sum_all()?;
    let message = loss.backward().err().map(|error| error.to_string());
    assert!(message.is_some_and(|message| message.contains("d2l_nn::backward(&loss)")));
    assert!(backward(&loss)?.get(&weight).is_some());
    Ok(())
}

/// How many tensors of candle's the pass from `loss` visits.
fn visits(loss: &Tensor) -> Result<usize> {
    let mut pass = Pass::default();
    pass.run(loss)?;
    Ok(pass.walks.visits)
}

/// h ← h ∘ tanh(h) + x in candle's operations but for the tanh, and `state` of it, so many times; all h added.
fn recurrence(x: &Var, steps: usize, state: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let mut h = x.as_tensor().clone();
    let mut all = Vec::with_capacity(steps);
    for _ in 0..steps {
        h = state(&((&h * tanh(&h)?)? + x.as_tensor())?)?;
        all.push(h.clone());
    }
    Tensor::stack(&all, 0)?.sum_all()
}

fn small() -> Result<Var> {
    Var::from_tensor(&filled((2, 3), 1, 0.2, DType::F64, &Device::Cpu)?)
}

#[test]
fn with_boundaries_ten_times_the_steps_are_ten_times_the_visits() -> Result<()> {
    let x = small()?;
    let [few, many] = [50, 500].map(|steps| visits(&recurrence(&x, steps, boundary)?));
    let (few, many) = (few?, many?);
    assert!(few > 50 && many <= 10 * few, "{few} and {many} visits");
    Ok(())
}

/// A decoder takes one step of a recurrent layer at a time, with other layers in between. Without kernels the step is in
/// candle's operations.
#[test]
fn without_kernels_the_steps_of_a_decoder_end_candles_graph_too() -> Result<()> {
    let store = ParamStore::with_dtype(0, DType::F64, &Device::Cpu);
    let init = Initializer::PytorchDefault;
    let (reset, options) = (Reset::AfterProduct, RecurrentOptions::default());
    let layer = gru(3, 3, reset, options, &init, store.builder())?;
    let start = leaf((1, 2, 3), 1)?;
    let of = |steps: usize| {
        let (mut x, mut state) = (start.as_tensor().clone(), None);
        for _ in 0..steps {
            let (y, last) = layer.forward_t(&tanh(&x)?, state.as_ref(), Mode::Evaluate)?;
            (x, state) = (y, Some(last));
        }
        visits(&x.sum_all()?)
    };
    let (few, many) = without_kernels(|| Ok::<_, Error>((of(10)?, of(100)?)))?;
    assert!(few > 10 && many <= 12 * few, "{few} and {many} visits");
    Ok(())
}

#[test]
fn ten_thousand_steps_fit_the_stack() -> Result<()> {
    let x = small()?;
    let loss = recurrence(&x, 10_000, boundary)?;
    assert!(backward(&loss)?.get(&x).is_some());
    drop(loss); // and all steps with it
    Ok(())
}

#[test]
fn without_boundaries_few_steps_are_right_and_many_are_refused() -> Result<()> {
    let x = small()?;
    let as_it_is = |h: &Tensor| Ok(h.clone());
    let [cut, uncut] = [
        recurrence(&x, 100, boundary)?,
        recurrence(&x, 100, as_it_is)?,
    ];
    let [cut, uncut] = [backward(&cut)?, backward(&uncut)?];
    let (Some(cut), Some(uncut)) = (cut.get(&x), uncut.get(&x)) else {
        candle_core::bail!("a gradient is missing");
    };
    let gap = ((cut - uncut)? / cut)?.abs()?.flatten_all()?.max(0)?;
    assert!(gap.to_scalar::<f64>()? < 1e-13, "{gap}");
    let refused = backward(&recurrence(&x, 500, as_it_is)?).err();
    let message = refused.map(|error| error.to_string());
    let wanted = "apply d2l_nn::boundary to the state in each step";
    assert!(
        message
            .as_ref()
            .is_some_and(|message| message.contains(wanted)),
        "{message:?}"
    );
    Ok(())
}

/// A hundred operations of candle, and what each of many steps takes from their result.
fn trunk_and_steps(x: &Var, steps: usize) -> Result<Tensor> {
    let mut trunk = x.as_tensor().clone();
    for _ in 0..100 {
        trunk = trunk.sqr()?;
    }
    let mut h = relu(x)?;
    for step in 0..steps {
        let part = trunk.narrow(0, step % 2, 1)?.broadcast_as((2, 3))?;
        h = add_relu(&add_relu(&h, &part.contiguous()?)?, &trunk)?;
    }
    h.sum_all()
}

#[test]
fn what_candle_computed_once_for_all_steps_is_gone_through_once() -> Result<()> {
    let x = small()?;
    let [few, many] = [10, 1000].map(|steps| visits(&trunk_and_steps(&x, steps)?));
    let (few, many) = (few?, many?);
    assert!(many <= 100 * few / 2, "{few} and {many} visits");
    Ok(())
}

#[test]
fn states_that_are_used_after_the_recurrence_share_one_pass() -> Result<()> {
    // The steps' nodes don't see the state, which is candle's alone, and each state goes to one of our operations.
    let x = small()?;
    let of = |steps: usize| {
        let mut h = x.as_tensor().clone();
        let mut states = Vec::with_capacity(steps);
        for _ in 0..steps {
            h = ((&h * 0.5)? + tanh(&x)?)?;
            states.push(h.clone());
        }
        let outputs: Result<Vec<Tensor>> = states.iter().map(relu).collect();
        Tensor::stack(&outputs?, 0)?.sum_all()? + h.sum_all()?
    };
    let [few, many] = [of(40)?, of(400)?].map(|loss| visits(&loss));
    let (few, many) = (few?, many?);
    assert!(many <= 10 * few, "{few} and {many} visits");
    Ok(())
}

/// Our tanh, which counts how often it goes back.
struct Counted(Arc<AtomicUsize>);

impl Operation for Counted {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "counted"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [x] = exactly(inputs)?;
        let y = x.data.iter().map(|x| x.tanh());
        Ok(Outputs::new(y.collect(), x.dims))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { y, dy, .. } = pass;
        self.0.fetch_add(1, Ordering::Relaxed);
        let both = y.iter().zip(dy);
        let dx = both.map(|(&y, &dy)| dy * (T::ONE - y * y));
        Ok(vec![Gradient::New(dx.collect())])
    }
}

/// Our square, which counts how often it was asked to keep the slope.
struct Keeps(Arc<AtomicUsize>);

impl Operation for Keeps {
    /// dy/dx
    type Kept<T: Real> = Vec<T>;

    fn name(&self) -> &'static str {
        "keeps"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], keeps: bool) -> Result<Outputs<T, Vec<T>>> {
        let [x] = exactly(inputs)?;
        self.0.fetch_add(usize::from(keeps), Ordering::Relaxed);
        let slopes = x.data.iter().map(|&x| x + x).collect();
        let y = x.data.iter().map(|&x| x * x).collect();
        Ok(Outputs::new(y, x.dims).keeping(slopes))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, Vec<T>>) -> Result<Vec<Gradient<T>>> {
        let both = pass.dy.iter().zip(&pass.kept);
        Ok(vec![Gradient::New(
            both.map(|(&dy, &slope)| dy * slope).collect(),
        )])
    }
}

#[test]
fn slopes_are_kept_only_if_they_are_wanted_and_once_for_each_pass() -> Result<()> {
    let (x, asked) = (leaf((2, 3), 1)?, Arc::new(AtomicUsize::new(0)));
    let square = |x: &Tensor| graph::apply(Keeps(Arc::clone(&asked)), &[x]);
    let times = || asked.load(Ordering::Relaxed);
    square(&x.detach())?;
    crate::no_grad(|| square(&x))?;
    assert_eq!(times(), 0);
    let y = square(&x)?.sum_all()?;
    assert_eq!(times(), 1);
    for pass in 1..3 {
        let gradient = backward(&y)?.get(&x).map(Tensor::to_vec2::<f64>);
        assert_eq!(
            gradient.transpose()?,
            Some((x.as_tensor() * 2.0)?.to_vec2()?)
        );
        assert_eq!(times(), pass, "the first pass takes what is there");
    }
    Ok(())
}

#[test]
fn any_graph_has_candles_gradients_and_each_operation_goes_back_once() -> Result<()> {
    for salt in 0..200 {
        let leaves = [small()?, leaf((2, 3), salt)?, leaf((2, 3), salt + 1)?];
        let counters = std::cell::RefCell::new(Vec::new());
        // Operation i of 30 takes two of the tensors before, most often late ones.
        let of = |ours: bool| -> Result<Tensor> {
            let mut all: Vec<Tensor> = leaves.iter().map(|var| var.as_tensor().clone()).collect();
            for i in 0..30 {
                let before = |which: u32| {
                    let back = (hash(i, salt * 8 + which) % 64).trailing_zeros() as usize;
                    let back = back * (1 + which as usize);
                    all[all.len() - 1 - back.min(all.len() - 1)].clone()
                };
                let (a, b) = (before(1), before(2));
                all.push(match hash(i, salt * 8 + 3) % 6 {
                    0 => ((a + b)? * 0.5)?,
                    1 => (a * b)?,
                    2 => a.t()?.contiguous()?.t()?,
                    3 if ours => boundary(&a)?,
                    3 => a,
                    4 if ours => crate::add(&a, &b)?,
                    4 => (a + b)?,
                    _ if ours => {
                        let counter = Arc::new(AtomicUsize::new(0));
                        let y = graph::apply(Counted(Arc::clone(&counter)), &[&a])?;
                        counters.borrow_mut().push((counter, y.clone()));
                        y
                    }
                    _ => a.tanh()?,
                });
            }
            // All of the last eight, so that most of the others are used.
            Tensor::stack(&all[all.len() - 8..], 0)?.sum_all()
        };
        let (ours, candles) = (of(true)?, of(false)?);
        let (ours, candles) = (backward(&ours)?, candles.backward()?);
        for var in &leaves {
            match (ours.get(var), candles.get(var)) {
                (Some(ours), Some(candles)) => {
                    let gap = (ours - candles)?.abs()?.flatten_all()?.max(0)?;
                    let scale = candles.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
                    assert!(
                        gap.to_scalar::<f64>()? <= 1e-13 * scale.max(1.0),
                        "{salt}: {gap}"
                    );
                }
                (None, None) => {}
                _ => candle_core::bail!("{salt}: only one of both has a gradient"),
            }
        }
        for (counter, _) in counters.into_inner() {
            assert!(counter.load(Ordering::Relaxed) <= 1, "{salt}");
        }
    }
    Ok(())
}

//! The gradients of a loss with respect to the parameters.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, TensorId, bail};

use crate::add;
use crate::kernel;
use crate::node::{self, Node};

/// ∂loss/∂w of every parameter w that the scalar `loss` depends on: what `loss.backward()` is in candle.
///
/// Candle makes zeros for the gradient of all that is computed and adds to them what an operation returns, on one thread:
/// four passes over as much memory, and only one of a step's threads has work. This pass goes through the layers of this
/// crate itself and hands a gradient on as it is; it is added to another only where something is used twice. What was
/// computed with candle's own operations in between, candle's pass goes through.
///
/// # Errors
/// Those of the operations' backward passes, and of candle's. `loss.backward()` itself is an error where layers of this
/// crate are behind the loss: it could not reach their parameters.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    let mut pass = Pass::default();
    if loss.is_variable() || node::of(loss).is_some() {
        pass.give(loss, Gradient::part(loss.ones_like()?))?;
    } else {
        pass.through_candle(loss)?;
    }
    while let Some((_, Waiting { node, y, dy })) = pass.waiting.pop_last() {
        for (input, gradient) in node.gradients(&y, &dy.tensor)? {
            pass.give(input, Gradient::part(gradient.detach()))?;
        }
    }
    let mut gradients = empty_store(loss)?;
    for (parameter, gradient) in pass.parameters.into_values() {
        gradients.insert(&parameter, gradient.tensor);
    }
    Ok(gradients)
}

/// Candle offers no empty one: that of a number that depends on nothing has the number's own gradient only.
fn empty_store(like: &Tensor) -> Result<GradStore> {
    let number = Tensor::zeros((), DType::F32, like.device())?;
    let mut store = number.backward()?;
    store.remove(&number);
    Ok(store)
}

/// What the pass knows so far.
#[derive(Default)]
struct Pass {
    /// By their order: the last one's gradient is complete, since all that was computed from it came later.
    waiting: BTreeMap<u64, Waiting>,
    parameters: HashMap<TensorId, (Tensor, Gradient)>,
}

/// An operation and the gradient of its output `y`.
struct Waiting {
    node: Arc<Node>,
    y: Tensor,
    dy: Gradient,
}

/// A gradient, or the part of it that is known.
struct Gradient {
    tensor: Tensor,
    /// Whether it was added up here. The memory of a part may be somebody else's: of another part, or of a loss that keeps
    /// its gradient.
    added: bool,
}

impl Gradient {
    fn part(tensor: Tensor) -> Self {
        Self {
            tensor,
            added: false,
        }
    }

    /// The sum of both, in this one's memory if it was added up already.
    fn add(self, part: Self) -> Result<Self> {
        let tensor = if self.added && kernel::has_kernel(&self.tensor) {
            kernel::add_multiple(&self.tensor, &part.tensor.contiguous()?, 1.0)?;
            self.tensor
        } else {
            add(&self.tensor, &part.tensor)?
        };
        Ok(Self {
            tensor,
            added: true,
        })
    }
}

impl Pass {
    /// Takes in a part of the gradient of `x`.
    fn give(&mut self, x: &Tensor, gradient: Gradient) -> Result<()> {
        if x.is_variable() {
            let sum = match self.parameters.remove(&x.id()) {
                Some((_, other)) => other.add(gradient)?,
                None => gradient,
            };
            self.parameters.insert(x.id(), (x.clone(), sum));
            Ok(())
        } else if let Some(node) = node::of(x) {
            self.wait(node, x, gradient)
        } else if x.track_op() {
            self.through_candle(&x.apply_op1(Seed(gradient.tensor))?)
        } else {
            Ok(())
        }
    }

    fn wait(&mut self, node: Arc<Node>, y: &Tensor, gradient: Gradient) -> Result<()> {
        let dy = match self.waiting.remove(&node.order) {
            Some(other) => other.dy.add(gradient)?,
            None => gradient,
        };
        let y = y.clone();
        self.waiting.insert(node.order, Waiting { node, y, dy });
        Ok(())
    }

    /// Goes with candle through what the scalar `root` was computed from by candle's own operations.
    fn through_candle(&mut self, root: &Tensor) -> Result<()> {
        let outer = ARRIVED.replace(Some(Vec::new()));
        let store = root.backward();
        let arrived = ARRIVED.replace(outer);
        let mut store = store?;
        for leaf in root.sorted_nodes() {
            if let Some(gradient) = store.remove(leaf).filter(|_| leaf.is_variable()) {
                self.give(leaf, Gradient::part(gradient))?;
            }
        }
        for Waiting { node, y, dy } in arrived.unwrap_or_default() {
            self.wait(node, &y, dy)?;
        }
        Ok(())
    }
}

thread_local! {
    /// The recorded operations that candle's pass came to.
    static ARRIVED: RefCell<Option<Vec<Waiting>>> = const { RefCell::new(None) };
}

/// Candle's pass has come to the output `y` of `node`.
///
/// # Errors
/// Where the pass isn't part of [`backward`].
pub(crate) fn arrive(node: &Arc<Node>, y: &Tensor, dy: &Tensor) -> Result<()> {
    ARRIVED.with_borrow_mut(|arrived| match arrived {
        Some(arrived) => {
            arrived.push(Waiting {
                node: Arc::clone(node),
                y: y.clone(),
                dy: Gradient::part(dy.clone()),
            });
            Ok(())
        }
        None => bail!(
            "found loss.backward(), wanted d2l_nn::backward(&loss): it knows the layers' gradients"
        ),
    })
}

/// A number whose gradient with respect to its argument is what it holds.
struct Seed(Tensor);

impl CustomOp1 for Seed {
    fn name(&self) -> &'static str {
        "seed"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(())))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, _dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Module, Var};

    use super::*;
    use crate::linear::Linear;
    use crate::testing::filled;
    use crate::{add_relu, mse_loss, relu};

    fn leaf(shape: impl Into<Shape>, salt: u32) -> Result<Var> {
        Var::from_tensor(&filled(shape, salt, 2.0, DType::F64, &Device::Cpu)?)
    }

    /// That of candle alone and of the layers with its graph are the same, for each of `leaves`.
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
        let same =
            candle_nn::Linear::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone()));
        // The layer is used twice, with operations of candle in between, its weight once more without it, and x is a
        // leaf that is no layer's parameter alone.
        let of = |layer: &dyn Fn(&Tensor) -> Result<Tensor>| {
            let y = layer(&layer(x.as_tensor())?.t()?.contiguous()?.t()?)?;
            y.sqr()?.sum_all()? + weight.sqr()?.sum_all()?
        };
        let ours = of(&|x| layer.forward(x))?;
        check(&[&weight, &bias, &x], &ours, &of(&|x| same.forward(x))?)
    }

    #[test]
    fn a_gradient_that_goes_two_ways_stays_what_it_is() -> Result<()> {
        // Both of `add_relu`'s gradients are one tensor. Where its arguments are used again, and each other's arguments
        // too, sums in place would change the other's.
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
}

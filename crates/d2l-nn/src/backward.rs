//! The gradients of a loss with respect to the parameters.

use std::cell::RefCell;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor};

thread_local! {
    /// Parameters and parts of their gradients, while a backward pass of [`backward`] is under way.
    static HANDED_OVER: RefCell<Option<Vec<(Tensor, Tensor)>>> = const { RefCell::new(None) };
}

/// ∂loss/∂w of every parameter w that the scalar `loss` depends on: what `loss.backward()` returns, in less time.
///
/// Candle makes zeros for each gradient and adds to them what an operation returns, on one thread: four passes over as
/// many bytes as the model has, which for ResNet-18's eleven million parameters were 9 % of a step on pictures of
/// 32 × 32. Here the layers hand a parameter's gradient over as it is, and it is added to another only where a parameter
/// is used twice.
///
/// # Errors
/// Those of candle's backward pass.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    let outer = HANDED_OVER.replace(Some(Vec::new()));
    let gradients = loss.backward();
    let handed_over = HANDED_OVER.replace(outer);
    let mut gradients = gradients?;
    for (parameter, part) in handed_over.unwrap_or_default() {
        let sum = match gradients.remove(&parameter) {
            Some(other) => other.add(&part)?,
            None => part,
        };
        gradients.insert(&parameter, sum);
    }
    Ok(gradients)
}

/// What an operation's backward pass returns as the gradient with respect to its argument: `gradient`, or nothing where
/// it goes straight to a [`backward`] that waits for it. Candle wants gradients of all that is computed, so that only
/// those of parameters can.
pub(crate) fn hand_over(argument: &Tensor, gradient: Tensor) -> Option<Tensor> {
    HANDED_OVER.with_borrow_mut(|handed_over| match handed_over {
        Some(parts) if argument.is_variable() => {
            parts.push((argument.clone(), gradient.detach()));
            None
        }
        _ => Some(gradient),
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Module, Shape, Var};

    use super::*;
    use crate::linear::Linear;
    use crate::testing::filled;

    fn leaf(shape: impl Into<Shape>, salt: u32) -> Result<Var> {
        Var::from_tensor(&filled(shape, salt, 2.0, DType::F64, &Device::Cpu)?)
    }

    #[test]
    fn gradients_are_candles() -> Result<()> {
        let [weight, bias, x] = [leaf((4, 4), 1)?, leaf(4, 2)?, leaf((3, 4), 3)?];
        let layer = Linear::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone()))?;
        // The layer is used twice, its weight once more without it, and x is a leaf that is no layer's parameter alone.
        let y = layer.forward(&layer.forward(x.as_tensor())?)?;
        let loss = (y.sqr()?.sum_all()? + weight.sqr()?.sum_all()?)?;

        let (ours, candles) = (backward(&loss)?, loss.backward()?);
        assert_eq!(ours.get_ids().count(), candles.get_ids().count());
        for var in [&weight, &bias, &x] {
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
    fn afterwards_candles_own_pass_gets_all_again() -> Result<()> {
        let [weight, x] = [leaf((2, 4), 1)?, leaf((3, 4), 3)?];
        let layer = Linear::new(weight.as_tensor().clone(), None)?;
        let loss = layer.forward(&x)?.sum_all()?;
        assert!(backward(&loss)?.get(&weight).is_some());
        assert!(loss.backward()?.get(&weight).is_some());
        Ok(())
    }
}

//! Computation that is not recorded.

use std::cell::Cell;

use candle_core::Tensor;

thread_local! {
    /// How many calls of [`no_grad`] this thread is in.
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// Calls `f` without recording what layers, activations and losses of this crate compute in it: for evaluation.
///
/// They keep nothing for a backward pass, neither inputs nor gates, places of maxima or gradients of losses, and their
/// outputs depend on no parameter: [`backward()`](crate::backward()) finds nothing behind them. The numbers are the
/// same bits.
///
/// ```
/// # use candle_core::{DType, Device, Module, Result, Tensor};
/// # use d2l_nn::{Initializer, ParamStore, linear, mse_loss, no_grad};
/// # fn main() -> Result<()> {
/// # let ones = |features: usize| Tensor::ones((2, features), DType::F32, &Device::Cpu);
/// # let (x, y, store) = (ones(4)?, ones(1)?, ParamStore::new(0, &Device::Cpu));
/// # let layer = linear(4, 1, &Initializer::PytorchDefault, store.builder())?;
/// let loss = no_grad(|| mse_loss(&layer.forward(&x)?, &y))?;
/// assert!(!loss.track_op());
/// # Ok(())
/// # }
/// ```
///
/// Calls may stand within each other. However `f` ends, by a result, an error or a panic, recording goes on as before.
///
/// It holds for this thread: what `f` starts on other threads by itself is recorded there. And it holds for this crate.
/// Candle has no such switch, so that its own operations on parameters are recorded as ever, `x.matmul(&w)` in a model
/// by hand for instance. Their graph lasts as long as their results, and ends where a layer or a loss of this crate
/// takes them; take `w.detach()` for `w` where none is wanted.
///
/// A loss whose target depends on parameters too has no kernel while it is recorded, and one here: then the last bits
/// may differ.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    let _call = Call::new();
    f()
}

/// One call of [`no_grad`], until it is dropped.
struct Call;

impl Call {
    fn new() -> Self {
        CALLS.set(CALLS.get() + 1);
        Self
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        CALLS.set(CALLS.get() - 1);
    }
}

fn is_active() -> bool {
    CALLS.get() > 0
}

/// Whether what is computed from `x` is recorded. An operation whose inputs all are not keeps nothing for a backward
/// pass.
pub(crate) fn tracks(x: &Tensor) -> bool {
    x.track_op() && !is_active()
}

/// `x` for a definition in candle's operations, which would record it: without its graph in [`no_grad`].
pub(crate) fn input(x: &Tensor) -> Tensor {
    match is_active() {
        true => x.detach(),
        false => x.clone(),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Result, Var};

    use super::*;
    use crate::graph::node::{self, LIVE};
    use crate::{backward, boundary, cross_entropy, relu};

    fn leaf() -> Result<Var> {
        Var::new(&[-1f32, 2.0], &Device::Cpu)
    }

    #[test]
    fn no_node_lives_unless_it_is_recorded() -> Result<()> {
        let x = leaf()?;
        let twice = |x: &Tensor| relu(&relu(x)?);
        let y = no_grad(|| twice(&x))?;
        assert_eq!(LIVE.get(), 0);
        assert!(!y.track_op() && node::of(&y).is_none());
        let recorded = twice(&x)?;
        assert_eq!(LIVE.get(), 2);
        assert!(recorded.track_op());
        assert!(!no_grad(|| boundary(&x.sqr()?))?.track_op());
        assert_eq!(LIVE.get(), 2);
        drop(recorded);
        assert_eq!(LIVE.get(), 0);
        Ok(())
    }

    #[test]
    fn an_operation_that_fails_is_not_recorded() -> Result<()> {
        let logits = Var::new(&[[0f32, 1.0]], &Device::Cpu)?;
        let beyond = Tensor::new(&[2u32], &Device::Cpu)?;
        assert!(cross_entropy(&logits, &beyond).is_err());
        assert_eq!(LIVE.get(), 0);
        Ok(())
    }

    #[test]
    fn what_was_recorded_before_has_its_gradients_within() -> Result<()> {
        let x = leaf()?;
        let y = relu(&x)?.sum_all()?;
        let gradients = no_grad(|| backward(&y))?;
        let gradient = gradients.get(&x).map(Tensor::to_vec1::<f32>).transpose()?;
        assert_eq!(gradient, Some(vec![0.0, 1.0]));
        // A constant on the way stops it.
        let y = no_grad(|| relu(&x))?.sum_all()?;
        assert_eq!(backward(&y)?.get_ids().count(), 0);
        Ok(())
    }

    #[test]
    fn recording_goes_on_after_calls_within_each_other_errors_and_panics() -> Result<()> {
        let x = leaf()?;
        let is_recorded = || Ok::<bool, candle_core::Error>(relu(&x)?.track_op());
        no_grad(|| {
            no_grad(is_recorded)?;
            assert!(!is_recorded()?);
            Ok::<(), candle_core::Error>(())
        })?;
        assert!(is_recorded()?);
        assert!(no_grad(|| x.reshape(3)).is_err());
        assert!(is_recorded()?);
        assert!(std::panic::catch_unwind(|| no_grad(|| panic!("on purpose"))).is_err());
        assert!(is_recorded()?);
        // Other threads record.
        no_grad(|| {
            std::thread::scope(|scope| {
                let there = scope.spawn(|| leaf().and_then(|x| Ok(relu(&x)?.track_op())));
                assert!(matches!(there.join(), Ok(Ok(true))));
            });
        });
        Ok(())
    }
}

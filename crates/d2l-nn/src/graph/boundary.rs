//! The operation that ends candle's graph at a tensor and changes nothing.

use candle_core::{Result, Tensor};

use super::apply::record;
use super::node::{self, GoesBack};
use super::{input, tracks};
use crate::memory::taken;
use crate::observe::report_path;

/// x itself, recorded by this crate: gradients pass, but candle's backward pass ends here.
///
/// Apply it to the state of a recurrence that is written in candle's operations and calls layers of this crate in each
/// step. Without it [`backward()`](crate::backward()) would go back to the first step from every step:
///
/// ```
/// # use candle_core::{DType, Device, Module, Result, Tensor};
/// # use d2l_nn::{Initializer, ParamStore, backward, boundary, linear, sigmoid};
/// # fn main() -> Result<()> {
/// # let (store, x) = (ParamStore::new(0, &Device::Cpu), Tensor::ones((2, 4), DType::F32, &Device::Cpu)?);
/// let gate = linear(4, 4, &Initializer::PytorchDefault, store.builder())?;
/// let mut h = x.zeros_like()?;
/// for _ in 0..1000 {
///     let z = sigmoid(&gate.forward(&h)?)?; // layers of this crate
///     h = ((&z * &h)? + ((1.0 - &z)? * &x)?)?; // candle's operations
///     h = boundary(&h)?;
/// }
/// let gradients = backward(&h.sum_all()?)?;
/// # assert_eq!(gradients.get_ids().count(), 2);
/// # Ok(())
/// # }
/// ```
///
/// The same goes for a tensor that candle computed in many operations and that every step uses. A state that this crate
/// computed, by [`add`](crate::add()) for example, needs no boundary: the result is `x` itself. It is also `x` itself
/// if nothing is recorded, as for a constant. Otherwise it is a copy of `x`, of any shape and type.
///
/// # Errors
/// Those of candle's copy.
pub fn boundary(x: &Tensor) -> Result<Tensor> {
    let ends_already = x.is_variable() || node::of(x).is_some();
    if ends_already || !tracks(x) {
        return Ok(input(x));
    }
    let copy = taken(&x.detach(), &[x])?;
    let copy = (copy, x.shape().clone());
    let (y, _) = record(Boundary, vec![x.clone()], copy, std::iter::empty())?;
    report_path(&[x], &y);
    Ok(y)
}

struct Boundary;

impl GoesBack for Boundary {
    fn name(&self) -> &'static str {
        "boundary"
    }

    fn gradients(
        &self,
        _: &[Tensor],
        _y: &Tensor,
        dys: Vec<Option<Tensor>>,
    ) -> Result<Vec<Option<Tensor>>> {
        Ok(dys)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::relu;
    use crate::testing::{check_gradients, filled};

    #[test]
    fn values_and_gradients_pass() -> anyhow::Result<()> {
        let x = Var::from_tensor(&filled((3, 4), 1, 2.0, DType::F64, &Device::Cpu)?)?;
        // Strided, from an offset on, and of a type without kernels.
        let part = x.narrow(1, 1, 2)?.t()?;
        assert_eq!(boundary(&part)?.to_vec2::<f64>()?, part.to_vec2::<f64>()?);
        let coarse = part.to_dtype(DType::BF16)?;
        let of = |x: &Tensor| x.to_dtype(DType::F64)?.to_vec2::<f64>();
        assert_eq!(of(&boundary(&coarse)?)?, of(&coarse)?);
        let loss = || boundary(&x.narrow(1, 1, 2)?.t()?)?.sqr()?.sum_all();
        check_gradients(std::slice::from_ref(&x), loss, 1e-8)
    }

    #[test]
    fn where_candles_graph_ends_already_nothing_is_recorded() -> Result<()> {
        let x = Var::from_tensor(&filled((3, 4), 1, 2.0, DType::F64, &Device::Cpu)?)?;
        let y = relu(&x)?;
        for ends in [x.as_tensor(), &y, &x.detach(), &y.detach()] {
            assert_eq!(boundary(ends)?.id(), ends.id());
        }
        Ok(())
    }
}

//! What holds for every activation function.

use candle_core::{DType, Device, Var};

use super::elu::Elu;
use super::gelu::{Gelu, GeluTanh};
use super::leaky_relu::LeakyRelu;
use super::relu::Relu;
use super::sigmoid::Sigmoid;
use super::silu::Silu;
use super::softplus::Softplus;
use super::tanh::Tanh;
use super::*;
use crate::testing::{check_gradients, filled};

fn gradients_are_right<A: Activation>(function: impl Fn() -> A) -> anyhow::Result<()> {
    let x = Var::from_tensor(&filled((4, 6), 1, 6.0, DType::F64, &Device::Cpu)?)?;
    let weights = filled((3, 4), 2, 2.0, DType::F64, &Device::Cpu)?;
    // also of a part that is transposed, and of one number that is read many times
    let part = || (apply(&x.t()?.narrow(0, 2, 3)?, function())? * &weights)?.sum_all();
    check_gradients(std::slice::from_ref(&x), part, 1e-8)?;
    let one = || {
        let repeated = x.narrow(0, 1, 1)?.narrow(1, 3, 1)?.broadcast_as((3, 4))?;
        (apply(&repeated, function())? * &weights)?.sum_all()
    };
    check_gradients(std::slice::from_ref(&x), one, 1e-8)?;
    let composed = || (defined(&x.t()?.narrow(0, 2, 3)?, function())? * &weights)?.sum_all();
    check_gradients(std::slice::from_ref(&x), composed, 1e-8)
}

fn kernel_and_definition_agree<A: Activation>(function: impl Fn() -> A) -> anyhow::Result<()> {
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
        let large = Tensor::new(&[0f64, -0.0, 300.0, -300.0], &Device::Cpu)?.to_dtype(dtype)?;
        let x = filled(50_000, 1, 20.0, dtype, &Device::Cpu)?;
        let x = Var::from_tensor(&Tensor::cat(&[&large, &x], 0)?)?;
        let (kernel, definition) = (apply(&x, function())?, defined(&x, function())?);
        let gradients = (crate::backward(&kernel)?, crate::backward(&definition)?);
        let both = (gradients.0.get(&x), gradients.1.get(&x));
        let (Some(dx), Some(wanted)) = both else {
            anyhow::bail!("{}: a gradient is missing", A::NAME);
        };
        for (found, wanted) in [(&kernel, &definition), (dx, wanted)] {
            let off = (found - wanted)?.abs()?.div(&(wanted.abs()? + 1.0)?)?;
            let off = off.to_dtype(DType::F64)?.to_vec1::<f64>()?;
            let worst = off.iter().copied().fold(0.0, f64::max);
            let finite = off.iter().all(|off| off.is_finite());
            anyhow::ensure!(finite && worst <= tolerance, "{}: {worst}", A::NAME);
        }
    }
    Ok(())
}

macro_rules! tests {
    ($($name:ident: $function:expr),* $(,)?) => {$(
        mod $name {
            use super::*;

            #[test]
            fn gradients_are_right() -> anyhow::Result<()> {
                super::gradients_are_right(|| $function)
            }

            #[test]
            fn the_kernel_and_the_definition_agree() -> anyhow::Result<()> {
                kernel_and_definition_agree(|| $function)
            }
        }
    )*};
}

tests! {
    of_relu: Relu,
    of_leaky_relu: LeakyRelu { slope: 0.1 },
    of_leaky_relu_with_a_negative_slope: LeakyRelu { slope: -0.5 },
    of_elu: Elu { alpha: 1.5 },
    of_sigmoid: Sigmoid,
    of_tanh: Tanh,
    of_gelu: Gelu,
    of_gelu_tanh: GeluTanh,
    of_silu: Silu,
    of_softplus: Softplus,
}

#[test]
fn integers_are_refused() -> Result<()> {
    let x = Tensor::zeros(3, DType::U32, &Device::Cpu)?;
    assert!(sigmoid(&x).is_err());
    Ok(())
}

//! The norm of all gradients together, and limits on it. D2L zh 8.5.5, en 9.5.3; Pascanu et al. 2013,
//! arXiv:1211.5063.

use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, Var, bail};

use crate::kernel;

/// Σ g² of each parameter's gradient, in the order of `parameters`, as f64; `None` for a parameter without one.
///
/// On other devices than the CPU this waits for the device, once.
pub fn squared_gradient_norms(
    parameters: &[(String, Var)],
    gradients: &GradStore,
) -> Result<Vec<Option<f64>>> {
    let mut squares = vec![None; parameters.len()];
    let mut on_device = Vec::new();
    for ((_, var), square) in parameters.iter().zip(&mut squares) {
        let Some(gradient) = gradients.get(var) else {
            continue;
        };
        if !kernel::has_kernel(gradient) {
            let sum = gradient.detach().to_dtype(DType::F32)?.sqr()?.sum_all()?;
            on_device.push((square, sum));
            continue;
        }
        let gradient = gradient.contiguous()?;
        *square = Some(match gradient.dtype() {
            DType::F64 => kernel::read::<f64, _>(&gradient, kernel::sum_of_squares)?,
            _ => kernel::read::<f32, _>(&gradient, kernel::sum_of_squares)?,
        });
    }
    if !on_device.is_empty() {
        let (places, sums): (Vec<_>, Vec<_>) = on_device.into_iter().unzip();
        let sums = Tensor::stack(&sums, 0)?.to_vec1::<f32>()?;
        for (place, sum) in places.into_iter().zip(sums) {
            *place = Some(f64::from(sum));
        }
    }
    Ok(squares)
}

/// The L2 norm of the gradients of `parameters` as one vector: √ Σ g².
///
/// On other devices than the CPU this waits for the device, once.
pub fn gradient_norm(parameters: &[(String, Var)], gradients: &GradStore) -> Result<f64> {
    let squares = squared_gradient_norms(parameters, gradients)?;
    Ok(squares.into_iter().flatten().sum::<f64>().sqrt())
}

/// Scales the gradients of `parameters` so that their norm together is at most `max_norm`, and returns the norm from
/// before: `torch.nn.utils.clip_grad_norm_`.
///
/// g ← g · min(1, θ / (‖g‖ + 10⁻⁶))
pub fn clip_gradient_norm(
    parameters: &[(String, Var)],
    gradients: &mut GradStore,
    max_norm: f64,
) -> Result<f64> {
    let norm = gradient_norm(parameters, gradients)?;
    clip_gradients_with_norm(parameters, gradients, max_norm, norm)?;
    Ok(norm)
}

/// As [`clip_gradient_norm`], for gradients whose `norm` together is known: `torch.nn.utils.clip_grads_with_norm_`.
pub fn clip_gradients_with_norm(
    parameters: &[(String, Var)],
    gradients: &mut GradStore,
    max_norm: f64,
    norm: f64,
) -> Result<()> {
    if max_norm.is_nan() || max_norm <= 0.0 {
        bail!("found the largest norm {max_norm}, wanted a number above 0");
    }
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        replace(parameters, gradients, |gradient| {
            gradient.affine(factor, 0.0)
        })?;
    }
    Ok(())
}

/// Limits each element of the gradients of `parameters` to -`max_value` … `max_value`:
/// `torch.nn.utils.clip_grad_value_`.
pub fn clip_gradient_value(
    parameters: &[(String, Var)],
    gradients: &mut GradStore,
    max_value: f64,
) -> Result<()> {
    if max_value.is_nan() || max_value < 0.0 {
        bail!("found the largest value {max_value}, wanted 0 or more");
    }
    replace(parameters, gradients, |gradient| {
        gradient.clamp(-max_value, max_value)
    })
}

/// Makes new tensors: a gradient's memory may be shared.
fn replace(
    parameters: &[(String, Var)],
    gradients: &mut GradStore,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    for (_, var) in parameters {
        if let Some(gradient) = gradients.remove(var) {
            gradients.insert(var, f(&gradient.detach())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::testing::filled;

    fn parameters() -> Result<(Vec<(String, Var)>, GradStore)> {
        let vars = [
            Var::zeros((3, 4), DType::F32, &Device::Cpu)?,
            Var::zeros(5, DType::F32, &Device::Cpu)?,
        ];
        let loss =
            (vars[0].as_tensor() * filled((3, 4), 1, 2.0, DType::F32, &Device::Cpu)?)?.sum_all()?;
        let names = ["a", "without"].map(String::from);
        Ok((
            names.into_iter().zip(vars).collect(),
            crate::backward(&loss)?,
        ))
    }

    #[test]
    fn a_small_norm_is_left_alone_and_a_large_one_is_scaled_down() -> Result<()> {
        let (parameters, mut gradients) = parameters()?;
        let before = gradients
            .get(&parameters[0].1)
            .expect("a gradient")
            .to_vec2::<f32>()?;
        let norm = clip_gradient_norm(&parameters, &mut gradients, 100.0)?;
        assert_eq!(
            before,
            gradients
                .get(&parameters[0].1)
                .expect("a gradient")
                .to_vec2::<f32>()?
        );
        assert_eq!(norm, clip_gradient_norm(&parameters, &mut gradients, 0.5)?);
        assert!((gradient_norm(&parameters, &gradients)? - 0.5).abs() < 1e-6);
        clip_gradient_norm(&parameters, &mut gradients, 0.45)?; // only a little below
        assert!((gradient_norm(&parameters, &gradients)? - 0.45).abs() < 1e-6);
        assert!(
            gradients.get(&parameters[1].1).is_none(),
            "no gradient is made up"
        );
        Ok(())
    }

    #[test]
    fn wrong_limits_are_refused() -> Result<()> {
        let (parameters, mut gradients) = parameters()?;
        for wrong in [0.0, -1.0, f64::NAN] {
            assert!(
                clip_gradient_norm(&parameters, &mut gradients, wrong).is_err(),
                "{wrong}"
            );
        }
        assert!(clip_gradient_value(&parameters, &mut gradients, f64::NAN).is_err());
        Ok(())
    }

    #[test]
    fn each_parameter_has_its_own_norm() -> Result<()> {
        let (parameters, gradients) = parameters()?;
        let squares = squared_gradient_norms(&parameters, &gradients)?;
        let gradient = gradients.get(&parameters[0].1).expect("a gradient");
        let plain: f64 = gradient
            .flatten_all()?
            .to_vec1::<f32>()?
            .iter()
            .map(|&g| f64::from(g) * f64::from(g))
            .sum();
        let [Some(of_a), None] = squares[..] else {
            panic!("{squares:?}");
        };
        assert!((of_a - plain).abs() < 1e-12 * plain, "{of_a} {plain}");
        Ok(())
    }

    #[test]
    fn other_types_than_the_kernels_have_a_norm_too() -> Result<()> {
        let x = Var::from_tensor(&Tensor::new(&[3f32, 4.0], &Device::Cpu)?.to_dtype(DType::BF16)?)?;
        let gradients = crate::backward(&(x.sqr()?.sum_all()? * 0.5)?)?;
        assert_eq!(gradient_norm(&[("x".to_string(), x)], &gradients)?, 5.0);
        Ok(())
    }
}

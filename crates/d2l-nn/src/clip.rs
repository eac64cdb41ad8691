//! The norm of all gradients together, and limits on it. D2L zh 8.5.5, en 9.5.3; Pascanu et al. 2013,
//! arXiv:1211.5063.

use std::borrow::Cow;

use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, Var, bail};

use crate::{gradients, kernel};

/// Σ g² of each parameter's gradient, as [`squared_gradient_norms`] computes them.
#[derive(Clone, Debug)]
pub enum SquaredNorms {
    /// As numbers, in the order of the parameters; `None` for a parameter without a gradient.
    Read(Vec<Option<f64>>),
    /// Still on a device.
    OnDevice {
        /// The sums of the parameters with a gradient, f32 `[n]`.
        sums: Tensor,
        /// For each parameter, whether it has a gradient.
        has_gradient: Vec<bool>,
    },
}

impl SquaredNorms {
    /// The numbers, in the order of the parameters; `None` for a parameter without a gradient. Waits for the device, if
    /// they are there.
    pub fn each(&self) -> Result<Cow<'_, [Option<f64>]>> {
        match self {
            Self::Read(squares) => Ok(Cow::Borrowed(squares)),
            Self::OnDevice { sums, has_gradient } => {
                let mut sums = sums.to_vec1::<f32>()?.into_iter().map(f64::from);
                let squares = has_gradient.iter();
                Ok(squares
                    .map(|has_gradient| has_gradient.then(|| sums.next()).flatten())
                    .collect())
            }
        }
    }

    /// The norm of all gradients as one vector: √ Σ g². Waits for the device, if the sums are there.
    pub fn norm(&self) -> Result<f64> {
        Ok(self.each()?.iter().flatten().sum::<f64>().sqrt())
    }

    /// The same as numbers. Waits for the device once, if they are there; afterwards nothing does.
    pub fn read(self) -> Result<Self> {
        Ok(Self::Read(self.each()?.into_owned()))
    }
}

/// Σ g² of each parameter's gradient. On other devices than the CPU the sums stay there, so that nothing waits for them.
pub fn squared_gradient_norms(
    parameters: &[(String, Var)],
    gradients: &GradStore,
) -> Result<SquaredNorms> {
    let all: Vec<Option<&Tensor>> = parameters
        .iter()
        .map(|(_, var)| gradients.get(var))
        .collect();
    let on_cpu = |gradient: &Option<&Tensor>| gradient.is_none_or(kernel::has_kernel);
    if all.iter().all(on_cpu) {
        let squares = all.into_iter().map(|gradient| {
            let Some(gradient) = gradient else {
                return Ok(None);
            };
            let gradient = gradient.contiguous()?;
            Ok(Some(match gradient.dtype() {
                DType::F64 => kernel::read::<f64, _>(&gradient, kernel::sum_of_squares)?,
                _ => kernel::read::<f32, _>(&gradient, kernel::sum_of_squares)?,
            }))
        });
        return Ok(SquaredNorms::Read(squares.collect::<Result<_>>()?));
    }
    let vars = parameters.iter().map(|(_, var)| var);
    let vars: Vec<&Var> = vars.filter(|var| gradients.get(var).is_some()).collect();
    let sums = match gradients::joined(gradients, &vars) {
        Some(joined) => gradients::squares(joined, &vars)?,
        None => {
            let sums = all.iter().flatten();
            let sums = sums.map(|g| g.detach().to_dtype(DType::F32)?.sqr()?.sum_all());
            Tensor::stack(&sums.collect::<Result<Vec<Tensor>>>()?, 0)?
        }
    };
    Ok(SquaredNorms::OnDevice {
        sums,
        has_gradient: all.iter().map(Option::is_some).collect(),
    })
}

/// The L2 norm of the gradients of `parameters` as one vector: √ Σ g².
///
/// On other devices than the CPU this waits for the device, once.
pub fn gradient_norm(parameters: &[(String, Var)], gradients: &GradStore) -> Result<f64> {
    squared_gradient_norms(parameters, gradients)?.norm()
}

/// Added to the norm before it divides, as in PyTorch.
const EPSILON: f64 = 1e-6;

/// Scales the gradients of `parameters` so that their norm together is at most `max_norm`, and returns the norm from
/// before: `torch.nn.utils.clip_grad_norm_`.
///
/// g ← g · min(1, θ / (‖g‖ + 10⁻⁶))
///
/// On other devices than the CPU this waits for the device, once; [`clip_gradients_with_norms`] doesn't.
pub fn clip_gradient_norm(
    parameters: &[(String, Var)],
    gradients: &mut GradStore,
    max_norm: f64,
) -> Result<f64> {
    let squares = squared_gradient_norms(parameters, gradients)?;
    clip_gradients_with_norms(parameters, gradients, max_norm, &squares)?;
    squares.norm()
}

/// As [`clip_gradient_norm`], for gradients whose norms are known.
pub fn clip_gradients_with_norms(
    parameters: &[(String, Var)],
    gradients: &mut GradStore,
    max_norm: f64,
    squares: &SquaredNorms,
) -> Result<()> {
    if max_norm.is_nan() || max_norm <= 0.0 {
        bail!("found the largest norm {max_norm}, wanted a number above 0");
    }
    match squares {
        SquaredNorms::Read(_) => {
            let factor = max_norm / (squares.norm()? + EPSILON);
            if factor < 1.0 {
                replace(parameters, gradients, |gradient| {
                    gradient.affine(factor, 0.0)
                })?;
            }
            Ok(())
        }
        SquaredNorms::OnDevice { sums, .. } => {
            let norm = sums.sum_all()?.sqrt()?;
            let factor = ((norm + EPSILON)?.recip()? * max_norm)?.minimum(1.0)?;
            replace(parameters, gradients, |gradient| {
                gradient.broadcast_mul(&factor.to_dtype(gradient.dtype())?)
            })
        }
    }
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
    let vars: Vec<&Var> = parameters.iter().map(|(_, var)| var).collect();
    if gradients::change(gradients, &vars, &f)? {
        return Ok(());
    }
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
    use crate::testing::{filled, without_kernels};

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
    fn on_a_device_the_norms_stay_there_and_clip_likewise() -> Result<()> {
        let clipped = |largest: f64| {
            let (parameters, mut gradients) = parameters()?;
            let norm = clip_gradient_norm(&parameters, &mut gradients, largest)?;
            let gradient = gradients.get(&parameters[0].1).expect("a gradient");
            Ok::<_, candle_core::Error>((norm, gradient.flatten_all()?.to_vec1::<f32>()?))
        };
        for largest in [0.5, 100.0] {
            let (kernels, definitions) = (clipped(largest)?, without_kernels(|| clipped(largest))?);
            assert!((kernels.0 - definitions.0).abs() < 1e-6 * kernels.0);
            for (one, other) in kernels.1.iter().zip(&definitions.1) {
                assert!((one - other).abs() < 1e-6, "{largest}: {one} {other}");
            }
        }
        let (parameters, gradients) = parameters()?;
        let squares = without_kernels(|| squared_gradient_norms(&parameters, &gradients))?;
        assert!(matches!(squares, SquaredNorms::OnDevice { .. }));
        assert!(matches!(squares.each()?[..], [Some(_), None]));
        let norm = squares.norm()?;
        let read = squares.read()?;
        assert!(matches!(read, SquaredNorms::Read(_)));
        assert_eq!(read.norm()?, norm);
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
        let [Some(of_a), None] = squares.each()?[..] else {
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

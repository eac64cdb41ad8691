//! Cross-entropy on the CPU, as an operation.
//!
//! l = Σ_i l_i / n,   ∂l/∂o is what the kernel computed along with the value

use candle_core::{DType, Error, Result, Tensor, bail};
use d2l_kernels::cross_entropy::CrossEntropy;

use super::CrossEntropyOptions;
use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{Kernels, Real};
use crate::loss::{Reduction, scaled};

/// Shapes and types must fit.
pub(super) fn run(
    logits: &Tensor,
    targets: &Tensor,
    options: CrossEntropyOptions,
) -> Result<Tensor> {
    let weights = match options.class_weights {
        Some(weights) => Some(weights.to_dtype(DType::F64)?.to_vec1::<f64>()?),
        None => None,
    };
    let lens = match options.valid_lens {
        Some(lens) => Some(lens.to_vec1::<u32>()?),
        None => None,
    };
    let losses = CrossEntropy {
        targets: targets.flatten_all()?.to_vec1()?,
        ignored: options.ignore_index,
        smoothing: options.label_smoothing,
        weights,
        lens,
    };
    graph::apply(Reduced { losses, reduction: options.reduction }, &[logits])
}

struct Reduced {
    losses: CrossEntropy,
    reduction: Reduction,
}

impl Operation for Reduced {
    /// ∂l/∂o
    type Kept<T: Real> = Vec<T>;

    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], keeps: bool) -> Result<Outputs<T, Vec<T>>> {
        let [Input { data: logits, dims: [rows @ .., classes], .. }] = *exactly(inputs)? else {
            bail!("cross_entropy: found a number, wanted logits […, classes]");
        };
        let weights = self.losses.row_weights(*classes).map_err(Error::wrap)?;
        let divisor = match self.reduction {
            Reduction::Mean => weights.iter().flatten().sum(),
            other => other.divisor(rows).unwrap_or(1.0),
        };
        let (losses, gradient) = T::cross_entropy(&self.losses, logits, &weights, divisor, keeps);
        let outputs = match self.reduction {
            Reduction::None => Outputs::new(losses.into_iter().map(T::from_f64).collect(), rows),
            _ => {
                let loss = losses.iter().sum::<f64>() / divisor;
                Outputs::new(vec![T::from_f64(loss)], ())
            }
        };
        Ok(outputs.keeping(gradient))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, Vec<T>>) -> Result<Vec<Gradient<T>>> {
        let Backward { dy, kept: gradient, .. } = pass;
        Ok(vec![Gradient::New(scaled(gradient, dy))])
    }
}

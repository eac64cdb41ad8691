//! The normalisations as operations on the CPU.
//!
//! y = (x - μ) / √(σ² + ε) · γ + β, where the kernels keep μ and σ² for the backward pass

use candle_core::Result;
use d2l_kernels::norm::{MeanAndVariance, Planes, Rows, Used};

use crate::graph::{Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{Kernels, Real};

impl Operation for Rows {
    type Kept<T: Real> = Vec<Used>;

    fn name(&self) -> &'static str {
        "normalisation of rows"
    }

    fn forward<T: Kernels>(
        &self,
        inputs: &[Input<T>],
        _keeps: bool,
    ) -> Result<Outputs<T, Vec<Used>>> {
        let [x, weight, bias] = exactly(inputs)?;
        let (y, used) = T::normalised_rows(self, [x.data, weight.data, bias.data]);
        Ok(Outputs::new(y, x.dims).keeping(used))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, Vec<Used>>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, dy, kept: used, .. } = pass;
        let [x, weight, _] = exactly(inputs)?;
        let gradients = T::normalised_rows_gradients(self, [x.data, dy, weight.data], &used);
        Ok(gradients.map(Gradient::New).into())
    }
}

impl Operation for Planes {
    type Kept<T: Real> = Vec<MeanAndVariance>;

    fn name(&self) -> &'static str {
        "batch_norm"
    }

    /// y, and in training mean and variance of the batch.
    fn forward<T: Kernels>(
        &self,
        inputs: &[Input<T>],
        _keeps: bool,
    ) -> Result<Outputs<T, Vec<MeanAndVariance>>> {
        let [x, weight, bias] = exactly(inputs)?;
        let (y, used) = T::normalised_planes(self, [x.data, weight.data, bias.data], inner(x.dims));
        let mut outputs = Outputs::new(y, x.dims);
        if self.given.is_none() {
            let mean = used.iter().map(|&(mean, _)| T::from_f64(mean));
            let variance = used.iter().map(|&(_, variance)| T::from_f64(variance));
            outputs = outputs
                .and(mean.collect(), weight.dims)
                .and(variance.collect(), weight.dims);
        }
        Ok(outputs.keeping(used))
    }

    /// Mean and variance have no gradient of their own: only the running statistics depend on them.
    fn backward<T: Kernels>(
        &self,
        pass: Backward<T, Vec<MeanAndVariance>>,
    ) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, dy, kept: used, .. } = pass;
        let [x, weight, bias] = exactly(inputs)?;
        let slices = [x.data, dy, weight.data, bias.data];
        let [dx, dw, db] =
            T::normalised_planes_gradients(self, slices, inner(x.dims), &used, x.wants_gradient);
        let dx = x.gradient(|| dx);
        Ok(vec![dx, Gradient::New(dw), Gradient::New(db)])
    }
}

/// Elements of a plane: x is `[N, C, …]`.
fn inner(dims: &[usize]) -> usize {
    dims.iter().skip(2).product()
}

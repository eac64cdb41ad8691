//! The convolution as one operation on the CPU, and its transpose as another: each is the other's gradient.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::geometry::Geometry;
use super::{direct, product, runs, winograd};
use crate::kernel::{self, Real, elements, read, read_each};

/// Which kernel computes a convolution.
enum Method {
    Winograd,
    Direct,
    Runs,
    Product,
}

fn method(geometry: &Geometry) -> Method {
    if winograd::applies(geometry) && winograd::cost(geometry) <= runs::cost(geometry) {
        Method::Winograd
    } else if runs::applies(geometry) {
        Method::Runs
    } else if direct::applies(geometry) {
        Method::Direct
    } else {
        Method::Product
    }
}

/// y = w ∗ x + b
fn forward<T: Real>(geometry: &Geometry, x: &[T], weight: &[T], bias: Option<&[T]>) -> Vec<T> {
    match method(geometry) {
        Method::Winograd => winograd::forward(geometry, x, weight, bias),
        Method::Direct => direct::forward(geometry, x, weight, bias),
        Method::Runs => runs::forward(geometry, x, weight, bias),
        Method::Product => product::forward(geometry, x, weight, bias),
    }
}

/// ∂l/∂x
fn input_gradient<T: Real>(geometry: &Geometry, weight: &[T], dy: &[T]) -> Vec<T> {
    match method(geometry) {
        Method::Winograd => winograd::input_gradient(geometry, weight, dy),
        Method::Direct => direct::input_gradient(geometry, weight, dy),
        Method::Runs => runs::input_gradient(geometry, weight, dy),
        Method::Product => product::input_gradient(geometry, weight, dy),
    }
}

/// ∂l/∂w
fn weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    match method(geometry) {
        Method::Winograd => winograd::weight_gradient(geometry, x, dy),
        Method::Direct => direct::weight_gradient(geometry, x, dy),
        Method::Runs => runs::weight_gradient(geometry, x, dy),
        Method::Product => product::weight_gradient(geometry, x, dy),
    }
}

/// y = w ∗ x + b, with a bias (three inputs) or without (two).
pub(super) struct Convolution(pub Geometry);

impl Convolution {
    fn forward<T: Real>(
        &self,
        [x, weight]: [(&CpuStorage, &Layout); 2],
        bias: Option<(&CpuStorage, &Layout)>,
    ) -> Result<CpuStorage> {
        let bias = match bias {
            Some((bias, layout)) => Some(elements::<T>(bias, layout)?),
            None => None,
        };
        let (x, weight) = (elements(x.0, x.1)?, elements(weight.0, weight.1)?);
        let y = forward::<T>(&self.0, x, weight, bias);
        Ok(T::to_cpu_storage_owned(y))
    }

    fn of_any_type(
        &self,
        inputs: [(&CpuStorage, &Layout); 2],
        bias: Option<(&CpuStorage, &Layout)>,
    ) -> Result<(CpuStorage, Shape)> {
        let y = match inputs[0].0.dtype() {
            DType::F32 => self.forward::<f32>(inputs, bias)?,
            DType::F64 => self.forward::<f64>(inputs, bias)?,
            other => bail!("convolution: found {other:?}, wanted f32 or f64"),
        };
        Ok((y, Shape::from(self.0.output_dims())))
    }

    fn gradients(&self, x: &Tensor, weight: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 2]> {
        match x.dtype() {
            DType::F64 => gradients::<f64>(&self.0, x, weight, dy),
            _ => gradients::<f32>(&self.0, x, weight, dy),
        }
    }
}

fn gradients<T: Real>(
    geometry: &Geometry,
    x: &Tensor,
    weight: &Tensor,
    dy: &Tensor,
) -> Result<[Option<Tensor>; 2]> {
    let dx = match x.track_op() {
        true => Some(input_gradient_tensor::<T>(geometry, weight, dy)?),
        false => None, // pictures need none
    };
    let dw = match weight.track_op() {
        true => Some(weight_gradient_tensor::<T>(geometry, x, dy)?),
        false => None,
    };
    Ok([dx, dw])
}

fn input_gradient_tensor<T: Real>(
    geometry: &Geometry,
    weight: &Tensor,
    dy: &Tensor,
) -> Result<Tensor> {
    let dx = read_each::<T, _, 2>([weight, dy], |[weight, dy]| {
        input_gradient(geometry, weight, dy)
    })?;
    Tensor::from_vec(dx, geometry.input_dims(), dy.device())
}

fn weight_gradient_tensor<T: Real>(geometry: &Geometry, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
    let dw = read_each::<T, _, 2>([x, dy], |[x, dy]| weight_gradient(geometry, x, dy))?;
    Tensor::from_vec(dw, geometry.weight_dims(), dy.device())
}

/// ∂l/∂b: for each filter the sum of ∂l/∂y over images and cells, in f64 and in that order.
fn bias_gradient<T: Real>(dy: &Tensor) -> Result<Tensor> {
    let (_, filters, height, width) = dy.dims4()?;
    let area = (height * width).max(1);
    let sums = read::<T, _>(dy, |dy| {
        let of_filter = |filter: usize| {
            let planes = dy.chunks_exact(area).skip(filter).step_by(filters);
            let mut sum = 0.0;
            planes.for_each(|plane| sum += kernel::sum(plane));
            T::from_f64(sum)
        };
        match kernel::pays_to_share(dy.len()) {
            true => (0..filters).into_par_iter().map(of_filter).collect(),
            false => (0..filters).map(of_filter).collect::<Vec<T>>(),
        }
    })?;
    Tensor::from_vec(sums, filters, dy.device())
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "convolution-without-bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.of_any_type([(x, x_layout), (weight, weight_layout)], None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [dx, dw] = self.gradients(x, weight, &dy.contiguous()?)?;
        Ok((dx, dw))
    }
}

impl CustomOp3 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.of_any_type(
            [(x, x_layout), (weight, weight_layout)],
            Some((bias, bias_layout)),
        )
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let [dx, dw] = self.gradients(x, weight, &dy)?;
        let db = match dy.dtype() {
            _ if !bias.track_op() => None,
            DType::F64 => Some(bias_gradient::<f64>(&dy)?),
            _ => Some(bias_gradient::<f32>(&dy)?),
        };
        Ok((dx, dw, db))
    }
}

/// The transposed convolution without a bias: what the convolution of this geometry does to gradients.
pub(super) struct Transposed(pub Geometry);

impl CustomOp2 for Transposed {
    fn name(&self) -> &'static str {
        "transposed-convolution"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn forward<T: Real>(
            geometry: &Geometry,
            x: (&CpuStorage, &Layout),
            weight: (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let (x, weight) = (elements(x.0, x.1)?, elements(weight.0, weight.1)?);
            let y = input_gradient::<T>(geometry, weight, x);
            Ok(T::to_cpu_storage_owned(y))
        }
        let (inputs, weights) = ((x, x_layout), (weight, weight_layout));
        let y = match x.dtype() {
            DType::F32 => forward::<f32>(&self.0, inputs, weights)?,
            DType::F64 => forward::<f64>(&self.0, inputs, weights)?,
            other => bail!("transposed convolution: found {other:?}, wanted f32 or f64"),
        };
        Ok((y, Shape::from(self.0.input_dims())))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        fn gradients<T: Real>(
            geometry: &Geometry,
            x: &Tensor,
            weight: &Tensor,
            dy: &Tensor,
        ) -> Result<(Option<Tensor>, Option<Tensor>)> {
            let dx = match x.track_op() {
                true => {
                    let dx = read_each::<T, _, 2>([dy, weight], |[dy, weight]| {
                        forward(geometry, dy, weight, None)
                    })?;
                    Some(Tensor::from_vec(dx, x.shape(), x.device())?)
                }
                false => None,
            };
            let dw = match weight.track_op() {
                true => Some(weight_gradient_tensor::<T>(geometry, dy, x)?),
                false => None,
            };
            Ok((dx, dw))
        }
        let dy = dy.contiguous()?;
        match x.dtype() {
            DType::F64 => gradients::<f64>(&self.0, x, weight, &dy),
            _ => gradients::<f32>(&self.0, x, weight, &dy),
        }
    }
}

//! A fully connected layer with PyTorch's names and a rule for its initial values. D2L zh 3.3.3, en 3.5.1.
//!
//! y = x Wᵀ + b,   ∂l/∂x = ∂l/∂y W,   ∂l/∂W = (∂l/∂y)ᵀ x,   ∂l/∂b = Σ over the rows of ∂l/∂y
//!
//! candle-nn's own layer computes ∂l/∂x even for the data, which need no gradient (a third of the first layer's work),
//! and transposes ∂l/∂Wᵀ afterwards. On the CPU this layer is a single operation that does neither; it takes 0.81 of
//! PyTorch's time (one thread; see the README's table).

use candle_core::{Module, Result, Tensor, bail};
use candle_nn::VarBuilder;
use d2l_kernels::matmul::{Sizes, Transposed};

use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, and_perhaps_one};
use crate::kernel::{self, Kernels, Real};
use crate::observe::report_layer;
use crate::{Initializer, Sees, precision};

/// A fully connected layer `[…, in_dim] -> […, out_dim]`: `weight` `[out_dim, in_dim]` and `bias` `[out_dim]`.
pub fn linear(
    in_dim: usize,
    out_dim: usize,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Linear> {
    let weight = vb.get_with_hints(
        (out_dim, in_dim),
        "weight",
        initializer.weight(in_dim, out_dim),
    )?;
    let bias = vb.get_with_hints(out_dim, "bias", initializer.bias(in_dim))?;
    Ok(Linear { name: vb.prefix(), ..Linear::new(weight, Some(bias))? })
}

/// A [`linear`] layer without a bias.
pub fn linear_no_bias(
    in_dim: usize,
    out_dim: usize,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Linear> {
    let init = initializer.weight(in_dim, out_dim);
    let weight = vb.get_with_hints((out_dim, in_dim), "weight", init)?;
    Ok(Linear { name: vb.prefix(), ..Linear::new(weight, None)? })
}

/// A fully connected layer, y = x Wᵀ + b.
#[derive(Clone, Debug)]
pub struct Linear {
    name: String,
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// A layer with `weight` `[out_dim, in_dim]` and an optional `bias` `[out_dim]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let (out_dim, _) = weight.dims2()?;
        if let Some(bias) = &bias
            && bias.dims() != [out_dim]
        {
            bail!(
                "linear: found a bias of shape {:?}, wanted [{out_dim}]",
                bias.dims()
            );
        }
        Ok(Self { name: "linear".to_string(), weight, bias })
    }

    /// W, `[out_dim, in_dim]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// b, `[out_dim]`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// The layer with rounded parameters.
    fn narrowed(self) -> Result<Self> {
        let bias = self.bias.as_ref().map(precision::narrowed).transpose()?;
        Ok(Self { weight: precision::narrowed(&self.weight)?, bias, ..self })
    }

    /// y, by the kernel if there is one.
    fn product(&self, x: &Tensor) -> Result<Tensor> {
        if !(kernel::has_kernel(x) && self.weight.device().is_cpu()) {
            return self.composed(x);
        }
        match &self.bias {
            Some(bias) => graph::apply(Affine, &[x, &self.weight, bias]),
            None => graph::apply(Affine, &[x, &self.weight]),
        }
    }

    /// The definition in candle's own operations: the kernel's reference, and what other devices run.
    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        let inputs: Vec<&Tensor> = [x, &self.weight].into_iter().chain(&self.bias).collect();
        let forward = |inputs: &[Tensor]| {
            let ([x, weight], bias) = and_perhaps_one(inputs)?;
            let (out_dim, in_dim) = weight.dims2()?;
            let rows = x.reshape(((), in_dim))?;
            let y = rows.matmul(&weight.t()?)?;
            let y = match bias {
                Some(bias) => y.broadcast_add(bias)?,
                None => y,
            };
            let front = &x.dims()[..x.rank() - 1];
            Ok((y.reshape([front, &[out_dim]].concat())?, [rows]))
        };
        graph::define("linear", &inputs, forward, |known| {
            let ([x, weight], bias) = and_perhaps_one(known.inputs)?;
            let [rows] = known.kept;
            let dy = known.dy.reshape(((), weight.dim(0)?))?;
            let dx = known.wanted(0, || dy.matmul(weight)?.reshape(x.shape()))?;
            let dw = known.wanted(1, || dy.t()?.matmul(rows))?;
            let db = known.wanted(2, || dy.sum(0))?;
            Ok([dx, dw].into_iter().chain(bias.map(|_| db)).collect())
        })
    }
}

impl Module for Linear {
    /// `[…, in_dim] -> […, out_dim]`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, in_dim) = self.weight.dims2()?;
        if x.dims().last() != Some(&in_dim) || x.dtype() != self.weight.dtype() {
            bail!(
                "linear: found an input {:?} {:?}, wanted […, {in_dim}] {:?}",
                x.dims(),
                x.dtype(),
                self.weight.dtype()
            );
        }
        let y = match precision::narrows(x) {
            false => self.product(x)?,
            true => {
                let narrow = self.clone().narrowed()?;
                precision::widened(&narrow.product(&precision::narrowed(x)?)?)?
            }
        };
        let sees = match x.rank() {
            2 => Sees::All,
            _ => Sees::Same, // each position by itself
        };
        report_layer(&self.name, x, &y, sees, y.elem_count() * in_dim);
        Ok(y)
    }
}

/// The layer as one operation, with a bias (three inputs) or without (two).
struct Affine;

/// The sizes of x Wᵀ.
fn sizes<T>(x: &Input<T>, weight: &Input<T>) -> Result<Sizes> {
    let &[n, k] = weight.dims else {
        bail!(
            "linear: found a weight {:?}, wanted [out_dim, in_dim]",
            weight.dims
        );
    };
    let m = x.dims.iter().rev().skip(1).product();
    Ok(Sizes { batch: 1, m, k, n })
}

impl Operation for Affine {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "linear"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let ([x, weight], bias) = and_perhaps_one(inputs)?;
        let sizes = sizes(x, weight)?;
        let mut y = T::products(x.data, weight.data, sizes, Transposed::Second);
        if let Some(bias) = bias {
            T::add_bias(&mut y, bias.data);
        }
        let front = &x.dims[..x.dims.len() - 1];
        Ok(Outputs::new(y, [front, &[sizes.n]].concat()))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, dy, .. } = pass;
        let ([x, weight], bias) = and_perhaps_one(inputs)?;
        let Sizes { batch, m, k, n } = sizes(x, weight)?;
        // x may be data: a third of the work saved
        let dx = x.gradient(|| {
            let sizes = Sizes { batch, m, k: n, n: k };
            T::products(dy, weight.data, sizes, Transposed::Neither)
        });
        let dw = weight.gradient(|| {
            let sizes = Sizes { batch, m: n, k: m, n: k };
            T::products(dy, x.data, sizes, Transposed::First)
        });
        let db = bias.map(|bias| bias.gradient(|| T::column_sums(dy, n)));
        Ok([dx, dw].into_iter().chain(db).collect())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::ParamStore;
    use crate::testing::{check_gradients, filled};

    #[test]
    fn gradients_are_right_for_inputs_of_every_rank() -> anyhow::Result<()> {
        let store = ParamStore::with_dtype(0, DType::F64, &Device::Cpu);
        let layer = linear(4, 3, &Initializer::PytorchDefault, store.builder())?;
        let parameters: Vec<Var> = store.parameters().into_iter().map(|(_, var)| var).collect();
        for shape in [
            vec![4],
            vec![1, 4],
            vec![5, 4],
            vec![2, 3, 4],
            vec![2, 1, 3, 4],
        ] {
            let x = Var::from_tensor(&filled(shape, 1, 2.0, DType::F64, &Device::Cpu)?)?;
            let inputs = [parameters.clone(), vec![x.clone()]].concat();
            check_gradients(&inputs, || layer.forward(&x)?.sqr()?.sum_all(), 1e-7)?;
        }
        // an input that is the transpose of a part
        let x = Var::from_tensor(&filled((6, 5), 2, 2.0, DType::F64, &Device::Cpu)?)?;
        let inputs = [parameters, vec![x.clone()]].concat();
        check_gradients(
            &inputs,
            || layer.forward(&x.narrow(0, 1, 4)?.t()?)?.sqr()?.sum_all(),
            1e-7,
        )
    }

    #[test]
    fn the_output_is_x_times_the_transposed_weight_plus_the_bias() -> anyhow::Result<()> {
        let store = ParamStore::new(0, &Device::Cpu);
        let layer = linear(2, 3, &Initializer::Zeros, store.builder().pp("output"))?;
        let state = [
            (
                "output.weight",
                Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu)?,
            ),
            (
                "output.bias",
                Tensor::new(&[0.5f32, 0.0, -1.0], &Device::Cpu)?,
            ),
        ];
        store.load_state(
            &state
                .map(|(name, tensor)| (name.to_string(), tensor))
                .into(),
        )?;
        let y = layer.forward(&Tensor::new(&[[10f32, 100.0]], &Device::Cpu)?)?;
        assert_eq!(y.to_vec2::<f32>()?, [[210.5, 430.0, 649.0]]);
        Ok(())
    }

    #[test]
    fn a_layer_without_a_bias_has_the_weight_of_one_with_it() -> anyhow::Result<()> {
        let (with, without) = (
            ParamStore::new(0, &Device::Cpu),
            ParamStore::new(0, &Device::Cpu),
        );
        let init = Initializer::PytorchDefault;
        let a = linear(4, 3, &init, with.builder().pp("output"))?;
        let b = linear_no_bias(4, 3, &init, without.builder().pp("output"))?;
        let names: Vec<String> = without.state().into_keys().collect();
        assert_eq!(names, ["output.weight"]);
        assert_eq!(a.weight().to_vec2::<f32>()?, b.weight().to_vec2::<f32>()?);
        assert!(b.bias().is_none());
        let x = filled((2, 4), 1, 1.0, DType::F32, &Device::Cpu)?;
        let bias = a.bias().expect("it has one");
        let sum = b.forward(&x)?.broadcast_add(bias)?;
        assert_eq!(a.forward(&x)?.to_vec2::<f32>()?, sum.to_vec2::<f32>()?);
        Ok(())
    }

    #[test]
    fn the_kernel_and_the_definition_agree() -> anyhow::Result<()> {
        for (rows, in_dim, out_dim, with_bias) in
            [(1, 1, 1, true), (3, 5, 1, false), (300, 17, 1030, true)]
        {
            let var = |shape: &[usize], salt| {
                Var::from_tensor(&filled(shape, salt, 2.0, DType::F64, &Device::Cpu)?)
            };
            let x = var(&[rows, in_dim], 1)?;
            let (weight, bias) = (var(&[out_dim, in_dim], 2)?, var(&[out_dim], 3)?);
            let given = with_bias.then(|| bias.as_tensor().clone());
            let layer = Linear::new(weight.as_tensor().clone(), given)?;
            let (kernel, definition) = (layer.forward(&x)?, layer.composed(&x)?);
            let close = |a: &Tensor, b: &Tensor| -> Result<bool> {
                Ok((a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()? < 1e-12)
            };
            assert!(close(&kernel, &definition)?);
            let (kernel, definition) = (
                crate::backward(&kernel.sqr()?.mean_all()?)?,
                crate::backward(&definition.sqr()?.mean_all()?)?,
            );
            for var in [&x, &weight, &bias] {
                match (kernel.get(var), definition.get(var)) {
                    (Some(a), Some(b)) => assert!(close(a, b)?),
                    (a, b) => assert!(a.is_none() && b.is_none() && !with_bias),
                }
            }
        }
        Ok(())
    }

    #[test]
    fn data_and_frozen_parameters_get_no_gradient() -> Result<()> {
        let x = filled((3, 4), 1, 1.0, DType::F32, &Device::Cpu)?;
        let weight = filled((2, 4), 2, 1.0, DType::F32, &Device::Cpu)?;
        let bias = Var::from_tensor(&filled(2, 3, 1.0, DType::F32, &Device::Cpu)?)?;
        let layer = Linear::new(weight.clone(), Some(bias.as_tensor().clone()))?;
        let gradients = crate::backward(&layer.forward(&x)?.sum_all()?)?;
        assert!(gradients.get(&x).is_none() && gradients.get(&weight).is_none());
        assert_eq!(
            gradients.get(&bias).expect("a gradient").to_vec1::<f32>()?,
            [3.0, 3.0]
        );
        Ok(())
    }

    #[test]
    fn an_input_of_another_width_is_refused() -> Result<()> {
        let layer = Linear::new(Tensor::zeros((2, 4), DType::F32, &Device::Cpu)?, None)?;
        let error = layer
            .forward(&Tensor::zeros((3, 5), DType::F32, &Device::Cpu)?)
            .expect_err("5 for 4");
        assert!(
            error
                .to_string()
                .contains("found an input [3, 5] F32, wanted […, 4] F32"),
            "{error}"
        );
        assert!(
            Linear::new(
                layer.weight,
                Some(Tensor::zeros(3, DType::F32, &Device::Cpu)?)
            )
            .is_err()
        );
        Ok(())
    }
}

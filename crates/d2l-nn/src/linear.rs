//! A fully connected layer with PyTorch's names and a rule for its initial values. D2L zh 3.3.3, en 3.5.1.

use candle_core::Result;
use candle_nn::VarBuilder;

use crate::Initializer;

/// A fully connected layer, y = x Wᵀ + b.
pub type Linear = candle_nn::Linear;

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
    Ok(Linear::new(weight, Some(bias)))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor, Var};
    use candle_nn::Module;

    use super::*;
    use crate::ParamStore;
    use crate::testing::{check_gradients, filled};

    #[test]
    fn gradients_are_right_for_inputs_of_every_rank() -> anyhow::Result<()> {
        let store = ParamStore::with_dtype(0, DType::F64, &Device::Cpu);
        let layer = linear(4, 3, &Initializer::PytorchDefault, store.builder())?;
        let parameters: Vec<Var> = store.parameters().into_iter().map(|(_, var)| var).collect();
        for shape in [vec![1, 4], vec![5, 4], vec![2, 3, 4], vec![2, 1, 3, 4]] {
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
}

//! An embedding layer: a learned vector for each of many things, such as words. D2L zh 14.4.1 and 9.7.1, en 15.4.1 and
//! 10.7.2.
//!
//! y_i = w_{id_i},   ∂l/∂w_v = Σ over the i with id_i = v of ∂l/∂y_i
//!
//! A row's gradients are added in the order of the ids, whatever the number of threads. The gradient is that of the
//! whole weight, with zeros in the rows that no id names.
//!
//! The definition's gradient is added up on one thread. In the kernel each thread takes some rows of the weight and
//! looks through the ids for them. Rows of a table `[10000, 512]` take 0.44 of PyTorch's time on one thread.

use candle_core::{DType, Module, Result, Tensor, Var, bail};
use candle_nn::VarBuilder;
use rayon::prelude::*;

use crate::Initializer;
use crate::constants::zeros_as;
use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real};
use crate::observe::{Sees, report_layer};

/// An embedding of `num_embeddings` things as vectors, ids `[…] -> […, embedding_dim]`: `weight`
/// `[num_embeddings, embedding_dim]`.
///
/// PyTorch's initial values are `Initializer::Normal { std: 1.0 }`. To rules that count a weight's inputs and outputs,
/// these are `embedding_dim` and `num_embeddings`, as in `torch.nn.init`.
pub fn embedding(
    num_embeddings: usize,
    embedding_dim: usize,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Embedding> {
    let init = initializer.weight(embedding_dim, num_embeddings);
    let weight = vb.get_with_hints((num_embeddings, embedding_dim), "weight", init)?;
    Ok(Embedding { name: vb.prefix(), ..Embedding::new(weight, None)? })
}

/// An [`embedding`] in which one id stands for padding: its vector starts at zero and gets no gradient, PyTorch's
/// `padding_idx`.
///
/// # Errors
/// If `padding_idx` is not below `num_embeddings`.
pub fn embedding_with_padding(
    num_embeddings: usize,
    embedding_dim: usize,
    padding_idx: u32,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Embedding> {
    let Embedding { name, weight, .. } = embedding(num_embeddings, embedding_dim, initializer, vb)?;
    let layer = Embedding { name, ..Embedding::new(weight, Some(padding_idx))? };
    if layer.weight.is_variable() {
        let others = Tensor::arange(0, num_embeddings as u32, layer.weight.device())?
            .ne(padding_idx)?
            .to_dtype(layer.weight.dtype())?
            .unsqueeze(1)?;
        let start = layer.weight.detach().broadcast_mul(&others)?;
        Var::from_tensor(&layer.weight)?.set(&start)?; // this writes into the layer's variable
    }
    Ok(layer)
}

/// A learned vector for each id.
#[derive(Clone, Debug)]
pub struct Embedding {
    name: String,
    weight: Tensor,
    padding_idx: Option<u32>,
}

impl Embedding {
    /// A layer of `weight` `[num_embeddings, embedding_dim]`, whose row `padding_idx`, if given, gets no gradient.
    ///
    /// # Errors
    /// If the weight has another shape or no such row.
    pub fn new(weight: Tensor, padding_idx: Option<u32>) -> Result<Self> {
        let (num_embeddings, _) = weight.dims2()?;
        if let Some(padding) = padding_idx
            && padding as usize >= num_embeddings
        {
            bail!("embedding: found padding_idx {padding}, wanted one below {num_embeddings}");
        }
        Ok(Self { name: "embedding".to_string(), weight, padding_idx })
    }

    /// W, `[num_embeddings, embedding_dim]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The definition in candle's own operations: the kernel's reference, and what other devices run.
    fn composed(&self, ids: &Tensor) -> Result<Tensor> {
        let (_, dim) = self.weight.dims2()?;
        let flat = ids.flatten_all()?.contiguous()?;
        let forward = |inputs: &[Tensor]| {
            let [weight] = exactly(inputs)?;
            let rows = weight.index_select(&flat, 0)?;
            let rows = match self.is_padding(&flat, &rows)? {
                Some(is_padding) => is_padding.where_cond(&rows.detach(), &rows)?,
                None => rows,
            };
            Ok((rows.reshape([ids.dims(), &[dim]].concat())?, [flat.clone()]))
        };
        let layer = self.clone();
        graph::define("embedding", &[&self.weight], forward, move |known| {
            let ([weight], [ids]) = (exactly(known.inputs)?, known.kept);
            let mut dy = known.dy.reshape(((), weight.dim(1)?))?;
            if let Some(is_padding) = layer.is_padding(ids, &dy)? {
                dy = is_padding.where_cond(&zeros_as(&dy)?, &dy)?;
            }
            let dw = weight.zeros_like()?.index_add(ids, &dy, 0)?;
            Ok(vec![Some(dw)])
        })
    }

    /// Which elements of `rows`, one for each id, stand for padding.
    fn is_padding(&self, ids: &Tensor, rows: &Tensor) -> Result<Option<Tensor>> {
        let Some(padding) = self.padding_idx else {
            return Ok(None);
        };
        let is_padding = ids.eq(f64::from(padding))?.unsqueeze(1)?;
        is_padding.broadcast_as(rows.shape()).map(Some)
    }
}

impl Module for Embedding {
    /// Ids `[…]` of type u8, u32 or i64 to `[…, embedding_dim]`.
    ///
    /// An id that is not below `num_embeddings` is an error on the CPU. Other devices don't check: reading the ids back
    /// would stop them in every step.
    fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let y = self.look_up(&ids.detach())?;
        report_layer(&self.name, ids, &y, Sees::Same, 0);
        Ok(y)
    }
}

impl Embedding {
    /// The rows of the weight, by the kernel if there is one.
    pub(crate) fn look_up(&self, ids: &Tensor) -> Result<Tensor> {
        if !matches!(ids.dtype(), DType::U8 | DType::U32 | DType::I64) {
            bail!(
                "embedding: found ids of type {:?}, wanted U8, U32 or I64",
                ids.dtype()
            );
        }
        if ids.elem_count() == 0 {
            bail!("embedding: found ids {:?}, wanted at least one", ids.dims());
        }
        if !(kernel::has_kernel(&self.weight) && ids.device().is_cpu()) {
            return self.composed(ids);
        }
        let (num_embeddings, dim) = self.weight.dims2()?;
        let lookup = Lookup {
            rows: rows(ids, num_embeddings)?,
            shape: [ids.dims(), &[dim]].concat(),
            padding: self.padding_idx.map(|padding| padding as usize),
        };
        graph::apply(lookup, &[&self.weight])
    }
}

/// The ids as numbers of rows.
fn rows(ids: &Tensor, num_embeddings: usize) -> Result<Vec<usize>> {
    let ids = ids.flatten_all()?.to_dtype(DType::I64)?.to_vec1::<i64>()?;
    let row = |(place, id): (usize, i64)| match usize::try_from(id) {
        Ok(row) if row < num_embeddings => Ok(row),
        _ => bail!(
            "embedding: found id {id} at place {place}, wanted ids from 0 below {num_embeddings}"
        ),
    };
    ids.into_iter().enumerate().map(row).collect()
}

/// Rows of a weight, one after the other.
struct Lookup {
    rows: Vec<usize>,
    /// `[…, embedding_dim]`
    shape: Vec<usize>,
    padding: Option<usize>,
}

impl Lookup {
    fn vectors<T: Real>(&self, weight: &[T], dim: usize) -> Vec<T> {
        let mut y = vec![T::ZERO; self.rows.len() * dim];
        let copy = |(y, &row): (&mut [T], &usize)| {
            if let Some(from) = weight.get(row * dim..(row + 1) * dim) {
                y.copy_from_slice(from);
            }
        };
        let dim = dim.max(1);
        if kernel::pays_to_share(y.len()) {
            y.par_chunks_mut(dim)
                .zip(&self.rows)
                .with_min_len((kernel::CHUNK / dim).max(1))
                .for_each(copy);
        } else {
            y.chunks_mut(dim).zip(&self.rows).for_each(copy);
        }
        y
    }

    /// ∂l/∂W: each piece of the weight takes from all ids, in their order, those that are its own.
    fn gradient<T: Real>(&self, dy: &[T], num_embeddings: usize, dim: usize) -> Vec<T> {
        const PIECES: usize = 16; // each looks through all ids
        let mut dw = vec![T::ZERO; num_embeddings * dim];
        let dim = dim.max(1);
        let add = |dw: &mut [T], first: usize| {
            let own = first..first + dw.len() / dim;
            for (&row, dy) in self.rows.iter().zip(dy.chunks_exact(dim)) {
                if own.contains(&row) && self.padding != Some(row) {
                    let dw = &mut dw[(row - first) * dim..][..dim];
                    dw.iter_mut().zip(dy).for_each(|(dw, &dy)| *dw += dy);
                }
            }
        };
        if kernel::pays_to_share(dy.len()) {
            let rows = num_embeddings.div_ceil(PIECES);
            dw.par_chunks_mut(rows * dim)
                .enumerate()
                .for_each(|(number, dw)| add(dw, number * rows));
        } else {
            add(&mut dw, 0);
        }
        dw
    }
}

impl Operation for Lookup {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "embedding"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [Input { data: weight, dims: &[_, dim], .. }] = *exactly(inputs)? else {
            bail!("embedding: found another weight, wanted [num_embeddings, embedding_dim]");
        };
        Ok(Outputs::new(self.vectors(weight, dim), self.shape.clone()))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, dy, .. } = pass;
        let [Input { dims: &[num_embeddings, dim], .. }] = *exactly(inputs)? else {
            bail!("embedding: found another weight, wanted [num_embeddings, embedding_dim]");
        };
        let dw = self.gradient(dy, num_embeddings, dim);
        Ok(vec![Gradient::New(dw)])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ParamStore;
    use crate::testing::{check_gradients, filled, hash};

    const CPU: Device = Device::Cpu;

    fn ids(shape: &[usize], of: u32) -> Result<Tensor> {
        let n = shape.iter().product::<usize>() as u32;
        Tensor::from_iter((0..n).map(|i| hash(i, 99) % of), &CPU)?.reshape(shape)
    }

    #[test]
    fn gradients_are_right_and_kernel_and_definition_agree() -> anyhow::Result<()> {
        let weight = Var::from_tensor(&filled((5, 3), 1, 2.0, DType::F64, &CPU)?)?;
        for padding in [None, Some(2)] {
            // every id several times over; one id alone; a transposed view
            for ids in [
                ids(&[4, 3], 5)?,
                ids(&[], 5)?,
                ids(&[2, 3, 2], 5)?.transpose(0, 2)?,
            ] {
                let layer = Embedding::new(weight.as_tensor().clone(), padding)?;
                let of = |y: Tensor| -> anyhow::Result<[Vec<f64>; 2]> {
                    let factors = filled(y.shape(), 2, 2.0, DType::F64, &CPU)?;
                    let gradients = crate::backward(&(&y * factors)?.sum_all()?)?;
                    let gradient = gradients.get(&weight).expect("a gradient").clone();
                    Ok([
                        y.flatten_all()?.to_vec1()?,
                        gradient.flatten_all()?.to_vec1()?,
                    ])
                };
                let y = layer.forward(&ids)?;
                assert_eq!(y.dims(), [ids.dims(), &[3]].concat());
                assert_eq!(of(y)?, of(layer.composed(&ids)?)?);
                if padding.is_none() {
                    let f = || layer.forward(&ids)?.sqr()?.sum_all();
                    check_gradients(std::slice::from_ref(&weight), f, 1e-8)?;
                }
                for dtype in [DType::U8, DType::I64] {
                    let same = layer.forward(&ids.to_dtype(dtype)?)?;
                    assert_eq!(of(same)?, of(layer.forward(&ids)?)?);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn padding_starts_at_zero_and_gets_no_gradient() -> anyhow::Result<()> {
        let store = ParamStore::new(0, &CPU);
        let normal = Initializer::Normal { std: 1.0 };
        let layer = embedding_with_padding(6, 4, 2, &normal, store.builder())?;
        let (_, var) = store.parameters().remove(0);
        let loss = layer.forward(&Tensor::arange(0u32, 6, &CPU)?)?.sum_all()?;
        let gradients = crate::backward(&loss)?;
        let gradient = gradients.get(&var).expect("a gradient").to_vec2::<f32>()?;
        for (row, (values, slopes)) in var.to_vec2::<f32>()?.iter().zip(gradient).enumerate() {
            assert_eq!(values.iter().all(|&w| w == 0.0), row == 2, "{values:?}");
            assert_eq!(slopes, [if row == 2 { 0.0 } else { 1.0 }; 4]);
        }
        // the other rows are those of the layer without padding
        let other = ParamStore::new(0, &CPU);
        let plain = embedding(6, 4, &normal, other.builder())?;
        let rows = Tensor::new(&[0u32, 1, 3, 4, 5], &CPU)?;
        let gap = (plain.forward(&rows)? - layer.forward(&rows)?)?
            .abs()?
            .sum_all()?;
        assert_eq!(gap.to_scalar::<f32>()?, 0.0);
        Ok(())
    }

    #[test]
    fn pytorchs_initial_values_are_normal_with_deviation_one() -> anyhow::Result<()> {
        let store = ParamStore::new(0, &CPU);
        let layer = embedding(1000, 50, &Initializer::Normal { std: 1.0 }, store.builder())?;
        let squares = layer.weight().sqr()?.mean_all()?.to_scalar::<f32>()?;
        assert!((squares - 1.0).abs() < 0.03, "{squares}"); // 5 deviations of a mean of 50,000 squares
        Ok(())
    }

    #[test]
    fn what_is_no_id_is_named() -> Result<()> {
        let weight = Tensor::zeros((3, 2), DType::F32, &CPU)?;
        let layer = Embedding::new(weight.clone(), None)?;
        for (ids, message) in [
            (
                Tensor::new(&[[0i64, 2], [-1, 0]], &CPU)?,
                "embedding: found id -1 at place 2, wanted ids from 0 below 3",
            ),
            (Tensor::new(&[0u32, 3], &CPU)?, "found id 3 at place 1"),
            (
                Tensor::new(&[0f32], &CPU)?,
                "found ids of type F32, wanted U8, U32 or I64",
            ),
            (Tensor::zeros((2, 0), DType::U32, &CPU)?, "found ids [2, 0]"),
        ] {
            let error = layer.forward(&ids).expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
            assert_eq!(
                error.lines().next().map(|line| line.contains(message)),
                Some(true)
            );
        }
        let error = Embedding::new(weight, Some(3))
            .expect_err("row 3 of 3")
            .to_string();
        assert!(
            error.contains("found padding_idx 3, wanted one below 3"),
            "{error}"
        );
        Ok(())
    }
}

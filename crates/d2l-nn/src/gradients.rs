//! The gradients of a step in one piece of memory, where there are no kernels: norms, clipping and the optimizer's rule
//! are then a few launches for all parameters together, and one for each to gather them.

use std::sync::LazyLock;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, TensorId, Var};

use crate::gather::Gather;
use crate::kernel::has_kernels;

/// Each gradient begins a row of this many numbers, so that no row holds numbers of two.
const ROW: usize = 1024;

/// Where [`join_gradients`] puts the memory of all gradients in a store: behind the id of a tensor that nothing else has.
static JOINED: LazyLock<Option<TensorId>> =
    LazyLock::new(|| Some(Tensor::zeros((), DType::U8, &Device::Cpu).ok()?.id()));

/// Copies the f32 gradients of `parameters` into one piece of memory, if their device has no kernels; the store has parts
/// of it afterwards. Norms, clipping and optimizers then take all at once. On the CPU it does nothing.
///
/// # Errors
/// If the device is out of memory.
pub fn join_gradients(parameters: &[(String, Var)], gradients: &mut GradStore) -> Result<()> {
    let found = parameters.iter().map(|(_, var)| var);
    let found: Vec<&Var> = found.filter(|var| gradients.get(var).is_some()).collect();
    let joins = |var: &&Var| var.dtype() == DType::F32 && !has_kernels(var.device());
    let (Some(first), Some(key), true) = (found.first(), *JOINED, found.iter().all(joins)) else {
        return Ok(());
    };
    let (starts, all) = in_rows(found.iter().copied());
    let parts = found.iter().filter_map(|var| gradients.get(var));
    let joined = laid_out(parts, &starts, all, DType::F32, first.device())?;
    put_parts(gradients, &found, &starts, &joined)?;
    gradients.insert_id(key, joined);
    Ok(())
}

/// The memory that [`join_gradients`] made, if the gradients of `vars` still lie there and are all that it holds.
pub(crate) fn joined<'a>(gradients: &'a GradStore, vars: &[&Var]) -> Option<&'a Tensor> {
    let all = gradients.get_id((*JOINED)?)?;
    let lies_there = |var: &&Var| {
        gradients
            .get(var)
            .is_none_or(|part| lies_in(part, all) && part.is_contiguous())
    };
    let is_whole = in_rows(vars.iter().copied()).1 == all.elem_count();
    (is_whole && vars.iter().all(lies_there)).then_some(all)
}

/// Σ g² of each of `vars`, whose gradients make up `all`: `[n]`.
pub(crate) fn squares(all: &Tensor, vars: &[&Var]) -> Result<Tensor> {
    let rows = all.sqr()?.reshape(((), ROW))?.sum(1)?;
    let counts: Vec<usize> = vars
        .iter()
        .map(|var| var.elem_count().div_ceil(ROW))
        .collect();
    let of_var = |(number, &count): (usize, &usize)| vec![Some(number); count];
    let gather = Gather::known(counts.clone(), vars.len(), all.device(), || {
        counts.iter().enumerate().flat_map(of_var).collect()
    })?;
    gather.back(&rows.reshape((1, (), 1))?)?.flatten_all()
}

/// Changes all gradients, which make up one piece of memory, at once.
pub(crate) fn change(
    gradients: &mut GradStore,
    vars: &[&Var],
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<bool> {
    let found = vars.iter().filter(|var| gradients.get(var).is_some());
    let found: Vec<&Var> = found.copied().collect();
    let (Some(key), Some(all)) = (*JOINED, joined(gradients, &found)) else {
        return Ok(false);
    };
    let changed = f(all)?;
    let (starts, _) = in_rows(found.iter().copied());
    put_parts(gradients, &found, &starts, &changed)?;
    gradients.insert_id(key, changed);
    Ok(true)
}

/// Where each of `vars` begins if each begins a row, and how many numbers there are then.
fn in_rows<'a>(vars: impl Iterator<Item = &'a Var>) -> (Vec<usize>, usize) {
    let mut end = 0;
    let starts = vars.map(|var| {
        let start = end;
        end += var.elem_count().div_ceil(ROW) * ROW;
        start
    });
    (starts.collect(), end)
}

/// The numbers of `tensors`, each from its start on, in a tensor of `all` numbers; 0 in between.
pub(crate) fn laid_out<'a>(
    tensors: impl Iterator<Item = &'a Tensor>,
    starts: &[usize],
    all: usize,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let together = Tensor::zeros(all, dtype, device)?;
    for (tensor, &start) in tensors.zip(starts) {
        let flat = tensor.detach().flatten_all()?.contiguous()?;
        together.slice_set(&flat, 0, start)?;
    }
    Ok(together)
}

fn put_parts(
    gradients: &mut GradStore,
    vars: &[&Var],
    starts: &[usize],
    all: &Tensor,
) -> Result<()> {
    for (var, &start) in vars.iter().zip(starts) {
        let part = all.narrow(0, start, var.elem_count())?;
        gradients.insert(var, part.reshape(var.shape())?);
    }
    Ok(())
}

/// Whether the memory of `part` is that of `all`.
fn lies_in(part: &Tensor, all: &Tensor) -> bool {
    crate::memory::address(part) == crate::memory::address(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{filled, without_kernels};

    fn parameters() -> Result<Vec<(String, Var)>> {
        let shapes = [vec![3, 500], vec![4], vec![1024], vec![2, 1, 3]];
        let vars = (1..).zip(shapes).map(|(salt, shape)| {
            let values = filled(shape, salt, 1.0, DType::F32, &Device::Cpu)?;
            Ok((format!("w{salt}"), Var::from_tensor(&values)?))
        });
        vars.collect()
    }

    #[test]
    fn joined_gradients_are_the_same_and_so_are_their_squares() -> Result<()> {
        let parameters = parameters()?;
        let used = [&parameters[0].1, &parameters[1].1, &parameters[2].1];
        let loss = used.iter().map(|var| var.sqr()?.sum_all());
        let Some(loss) = loss.reduce(|a, b| a? + b?).transpose()? else {
            candle_core::bail!("found no parameters");
        };
        let mut gradients = crate::backward(&loss)?;
        let numbers = |gradients: &GradStore| -> Result<Vec<Vec<f32>>> {
            let found = used.iter().filter_map(|var| gradients.get(var));
            found.map(|x| x.flatten_all()?.to_vec1()).collect()
        };
        let wanted = numbers(&gradients)?;
        join_gradients(&parameters, &mut gradients)?;
        assert!(joined(&gradients, &used).is_none(), "there are kernels");
        without_kernels(|| join_gradients(&parameters, &mut gradients))?;
        assert_eq!(numbers(&gradients)?, wanted);
        let Some(all) = joined(&gradients, &used) else {
            candle_core::bail!("found gradients that are apart");
        };
        assert_eq!(all.elem_count(), (2 + 1 + 1) * ROW);
        for (square, wanted) in squares(all, &used)?.to_vec1::<f32>()?.iter().zip(&wanted) {
            let wanted: f32 = wanted.iter().map(|x| x * x).sum();
            assert!((square - wanted).abs() < 1e-4 * wanted, "{square} {wanted}");
        }
        let vars: Vec<&Var> = parameters.iter().map(|(_, var)| var).collect();
        assert!(change(&mut gradients, &vars, |all| all * 2.0)?);
        let doubled = wanted.iter().flatten().map(|x| 2.0 * x);
        assert!(numbers(&gradients)?.into_iter().flatten().eq(doubled));
        // Another gradient in the place of one of them.
        gradients.insert(used[1], used[1].zeros_like()?);
        assert!(joined(&gradients, &used).is_none());
        assert!(!change(&mut gradients, &vars, |all| all * 2.0)?);
        Ok(())
    }
}

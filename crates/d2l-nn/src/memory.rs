//! Moves the numbers of a tensor to another place without a copy, which on a GPU would be one launch more.

use std::cell::RefCell;

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::{
    CpuStorage, CudaStorage, DType, InplaceOp1, Layout, MetalStorage, Result, Shape, Storage,
    Tensor, Var, bail,
};

/// Where the memory of `x` is: the same for tensors that share it.
pub(crate) fn address(x: &Tensor) -> usize {
    std::ptr::from_ref(&*x.storage_and_layout().0).addr()
}

/// The numbers of `x`, in row-major order, moved out of it: `x` is not to be used any more. They are copied if their
/// memory is also that of one of `others`.
pub(crate) fn taken(x: &Tensor, others: &[&Tensor]) -> Result<Storage> {
    let is_shared = others.iter().any(|other| address(other) == address(x));
    let is_whole = x.is_contiguous() && x.layout().start_offset() == 0;
    let x = match is_whole && !is_shared {
        true => x.clone(),
        false => x.force_contiguous()?,
    };
    let moved = Take(RefCell::new(None));
    x.inplace_op1(&moved)?;
    match moved.0.into_inner() {
        Some(numbers) => Ok(numbers),
        None => bail!("found no numbers to move"),
    }
}

/// Sets `var` to `x`, which is not to be used any more.
///
/// # Errors
/// If they differ in shape, type or device.
pub(crate) fn put(var: &Var, x: Tensor) -> Result<()> {
    if var.dims() != x.dims() || var.dtype() != x.dtype() {
        bail!(
            "found {:?} {:?} for a variable {:?} {:?}, wanted the same",
            x.dims(),
            x.dtype(),
            var.dims(),
            var.dtype()
        );
    }
    let numbers = taken(&x, &[var])?;
    var.inplace_op1(&Put(RefCell::new(Some(numbers))))
}

/// Memory of one number on the device of `like`, which nothing reads.
#[expect(
    unsafe_code,
    reason = "a number that nothing reads needs no launch that writes it"
)]
pub(crate) fn unread<S: BackendStorage>(like: &S, dtype: DType) -> Result<S>
where
    S::Device: BackendDevice<Storage = S>,
{
    // SAFETY: nothing reads it. It stays in a tensor that is dropped, or is the value of a seed, of which only the
    // gradient is used.
    unsafe { like.device().alloc_uninit(&Shape::from(1), dtype) }
}

/// Moves a tensor's numbers out of it.
struct Take(RefCell<Option<Storage>>);

impl Take {
    fn from<S: BackendStorage>(&self, storage: &mut S, of: fn(S) -> Storage) -> Result<()>
    where
        S::Device: BackendDevice<Storage = S>,
    {
        let unread = unread(storage, DType::U8)?;
        let numbers = std::mem::replace(storage, unread);
        self.0.replace(Some(of(numbers)));
        Ok(())
    }
}

impl InplaceOp1 for Take {
    fn name(&self) -> &'static str {
        "move"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> Result<()> {
        self.from(storage, Storage::Cpu)
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, _: &Layout) -> Result<()> {
        self.from(storage, Storage::Cuda)
    }

    fn metal_fwd(&self, storage: &mut MetalStorage, _: &Layout) -> Result<()> {
        self.from(storage, Storage::Metal)
    }
}

/// Moves numbers into a tensor.
struct Put(RefCell<Option<Storage>>);

impl InplaceOp1 for Put {
    fn name(&self) -> &'static str {
        "move"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> Result<()> {
        match self.0.take() {
            Some(Storage::Cpu(numbers)) => *storage = numbers,
            _ => return elsewhere(),
        }
        Ok(())
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, _: &Layout) -> Result<()> {
        match self.0.take() {
            Some(Storage::Cuda(numbers)) => *storage = numbers,
            _ => return elsewhere(),
        }
        Ok(())
    }

    fn metal_fwd(&self, storage: &mut MetalStorage, _: &Layout) -> Result<()> {
        match self.0.take() {
            Some(Storage::Metal(numbers)) => *storage = numbers,
            _ => return elsewhere(),
        }
        Ok(())
    }
}

/// The error of numbers that are on two devices.
pub(crate) fn elsewhere<T>() -> Result<T> {
    bail!("found numbers on two devices, wanted all on one")
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::testing::filled;

    #[test]
    fn shared_memory_is_copied_and_other_memory_moves() -> Result<()> {
        let x = filled((3, 4), 1, 1.0, DType::F32, &Device::Cpu)?;
        let wanted = x.flatten_all()?.to_vec1::<f32>()?;
        let Storage::Cpu(CpuStorage::F32(copied)) = taken(&x.reshape((4, 3))?, &[&x])? else {
            bail!("found numbers of another kind");
        };
        assert_eq!(
            (copied, x.flatten_all()?.to_vec1::<f32>()?),
            (wanted.clone(), wanted)
        );
        let transposed = x.t()?.flatten_all()?.to_vec1::<f32>()?;
        let Storage::Cpu(CpuStorage::F32(moved)) = taken(&x.t()?, &[])? else {
            bail!("found numbers of another kind");
        };
        assert_eq!(moved, transposed);
        taken(&x, &[])?;
        assert!(x.flatten_all()?.to_vec1::<f32>().is_err(), "they are gone");
        Ok(())
    }

    #[test]
    fn a_variable_and_its_views_get_the_numbers() -> Result<()> {
        let var = Var::zeros((2, 3), DType::F64, &Device::Cpu)?;
        let view = var.as_detached_tensor().t()?;
        let x = filled((2, 3), 1, 1.0, DType::F64, &Device::Cpu)?;
        let wanted = x.to_vec2::<f64>()?;
        put(&var, x)?;
        assert_eq!(var.to_vec2::<f64>()?, wanted);
        assert_eq!(view.t()?.to_vec2::<f64>()?, wanted);
        assert!(put(&var, Tensor::zeros((3, 2), DType::F64, &Device::Cpu)?).is_err());
        assert!(put(&var, Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?).is_err());
        Ok(())
    }
}

//! The numbers of tensors on the CPU, for the kernels of [`d2l_kernels`] and for those in this crate.

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

use candle_core::{
    CpuStorage, Device, InplaceOp1, InplaceOp2, Layout, Result, Tensor, WithDType, bail,
};
use rayon::prelude::*;

pub(crate) use d2l_kernels::{
    CHUNK, Kernels, Real, map, map2, map2_and_sum, pays_to_share, sum_of_squares, widest,
};

/// A number type of the kernels as candle knows it.
pub(crate) trait Number: Kernels + WithDType {
    /// The elements of a storage of this type, to be changed.
    fn elements_mut(storage: &mut CpuStorage) -> Result<&mut [Self]>;
}

impl Number for f32 {
    fn elements_mut(storage: &mut CpuStorage) -> Result<&mut [Self]> {
        match storage {
            CpuStorage::F32(elements) => Ok(elements),
            _ => bail!("found a tensor of another type, wanted f32"),
        }
    }
}

impl Number for f64 {
    fn elements_mut(storage: &mut CpuStorage) -> Result<&mut [Self]> {
        match storage {
            CpuStorage::F64(elements) => Ok(elements),
            _ => bail!("found a tensor of another type, wanted f64"),
        }
    }
}

thread_local! {
    /// Whether this thread computes by definitions only; see [`crate::testing::without_kernels`].
    pub(crate) static IS_OFF: Cell<bool> = const { Cell::new(false) };
}

/// Whether the whole process computes by definitions only: `D2L_COMPOSED=1`, for tests and benchmarks.
static IS_OFF_EVERYWHERE: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("D2L_COMPOSED").is_some_and(|value| value == "1"));

/// Whether this crate computes what it can on `device` with kernels of its own: on the CPU, unless
/// [`crate::testing::without_kernels`] or `D2L_COMPOSED=1` makes it do as on a GPU.
///
/// Ask this, not for the device, where a GPU wants something done in another way: then tests on the CPU see that way.
pub fn has_kernels(device: &Device) -> bool {
    device.is_cpu() && !IS_OFF.get() && !*IS_OFF_EVERYWHERE
}

/// Whether `x` is where there are kernels, in a type that they are written for.
pub(crate) fn has_kernel(x: &Tensor) -> bool {
    use candle_core::DType;
    has_kernels(x.device()) && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// The elements of a contiguous tensor, in row-major order.
pub(crate) fn elements<'a, T: WithDType>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<&'a [T]> {
    let range = range(layout)?;
    match storage.as_slice::<T>()?.get(range) {
        Some(elements) => Ok(elements),
        None => bail!("the layout reaches beyond the storage"),
    }
}

fn elements_mut<'a, T: Number>(
    storage: &'a mut CpuStorage,
    layout: &Layout,
) -> Result<&'a mut [T]> {
    let range = range(layout)?;
    match T::elements_mut(storage)?.get_mut(range) {
        Some(elements) => Ok(elements),
        None => bail!("the layout reaches beyond the storage"),
    }
}

fn range(layout: &Layout) -> Result<std::ops::Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => bail!(
            "found strides {:?}, wanted a contiguous tensor",
            layout.stride()
        ),
    }
}

/// Calls `f` with the elements of a contiguous tensor on the CPU.
pub(crate) fn read<T: WithDType, R>(x: &Tensor, f: impl FnOnce(&[T]) -> R) -> Result<R> {
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(storage) => Ok(f(elements(storage, layout)?)),
        _ => bail!("found a tensor on {:?}, wanted one on the CPU", x.device()),
    }
}

/// Calls `f` with the elements of `target`, to be changed in place. Contiguous, on the CPU.
pub(crate) fn change<T: Number>(
    target: &Tensor,
    f: impl FnOnce(&mut [T]) -> Result<()>,
) -> Result<()> {
    target.inplace_op1(&Change(
        RefCell::new(Some(f)),
        std::marker::PhantomData::<T>,
    ))
}

/// Calls `f` with the elements of `target`, to be changed in place, and of `source`. Contiguous, of equal shape, on
/// the CPU.
pub(crate) fn change_by<T: Number>(
    target: &Tensor,
    source: &Tensor,
    f: impl FnOnce(&mut [T], &[T]) -> Result<()>,
) -> Result<()> {
    let change = Change(RefCell::new(Some(f)), std::marker::PhantomData::<T>);
    target.inplace_op2(source, &ChangeBy(change))
}

/// Calls `f` with the elements of up to three tensors, to be changed in place; a missing tensor gives an empty slice.
/// Contiguous, on the CPU.
pub(crate) fn change_each<T: Number>(
    targets: &[Tensor],
    f: impl FnOnce([&mut [T]; 3]) -> Result<()>,
) -> Result<()> {
    if targets.len() > 3 {
        bail!("found {} tensors, wanted 3 at most", targets.len());
    }
    change_or_empty(targets.first(), |first| {
        change_or_empty(targets.get(1), |second| {
            change_or_empty(targets.get(2), |third| f([first, second, third]))
        })
    })
}

fn change_or_empty<T: Number>(
    target: Option<&Tensor>,
    f: impl FnOnce(&mut [T]) -> Result<()>,
) -> Result<()> {
    match target {
        Some(target) => change(target, f),
        None => f(&mut []),
    }
}

/// A function that is called once on the elements behind a tensor's lock.
struct Change<F, T>(RefCell<Option<F>>, std::marker::PhantomData<T>);

impl<F, T> Change<F, T> {
    fn take(&self) -> Result<F> {
        match self.0.borrow_mut().take() {
            Some(f) => Ok(f),
            None => bail!("an in-place change runs once"),
        }
    }
}

impl<T: Number, F: FnOnce(&mut [T]) -> Result<()>> InplaceOp1 for Change<F, T> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        self.take()?(elements_mut(storage, layout)?)
    }
}

/// As [`Change`], with a second tensor to read. A type of its own: one type can't be both kinds of in-place op.
struct ChangeBy<F, T>(Change<F, T>);

impl<T: Number, F: FnOnce(&mut [T], &[T]) -> Result<()>> InplaceOp2 for ChangeBy<F, T> {
    fn name(&self) -> &'static str {
        "change-by"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        target_layout: &Layout,
        source: &CpuStorage,
        source_layout: &Layout,
    ) -> Result<()> {
        let source = elements(source, source_layout)?;
        self.0.take()?(elements_mut(target, target_layout)?, source)
    }
}

/// target += factor · source, in place, for contiguous tensors of one shape on the CPU.
pub(crate) fn add_multiple(target: &Tensor, source: &Tensor, factor: f64) -> Result<()> {
    fn typed<T: Number>(target: &Tensor, source: &Tensor, factor: f64) -> Result<()> {
        let factor = <T as Real>::from_f64(factor);
        change_by::<T>(target, source, |target, source| {
            let one = |(target, source): (&mut [T], &[T])| {
                let pairs = target.iter_mut().zip(source);
                pairs.for_each(|(target, &source)| *target += factor * source);
            };
            if pays_to_share(target.len()) {
                let pieces = target.par_chunks_mut(CHUNK).zip(source.par_chunks(CHUNK));
                pieces.for_each(one);
            } else {
                one((target, source));
            }
            Ok(())
        })
    }
    match target.dtype() {
        candle_core::DType::F64 => typed::<f64>(target, source, factor),
        _ => typed::<f32>(target, source, factor),
    }
}

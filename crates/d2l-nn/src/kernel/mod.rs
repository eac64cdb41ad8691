//! What the CPU kernels share: the two number types and their functions, matrix products, slices of tensors, and chunks
//! that threads work through.
//!
//! A chunk's size is fixed, and sums of chunks are added in the order of the chunks: a result never depends on the
//! number of threads.

mod panels;
mod product;
mod real;
mod sums;
mod vector_product;

use std::cell::{Cell, RefCell};

use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Result, Tensor, WithDType, bail};
use rayon::prelude::*;

pub(crate) use panels::Panels;
pub(crate) use product::{Matrix, add_product, add_product_shared, multiply, multiply_shared};
pub(crate) use real::{Real, wide};
pub(crate) use sums::{sum_of, sum_pairs};

/// Elements in one thread's piece of work.
pub(crate) const CHUNK: usize = 1 << 13;

/// The fewest elements for which waking other threads pays. A wake-up costs some microseconds.
const PARALLEL_FROM: usize = 4 * CHUNK;

thread_local! {
    /// Whether this thread computes by definitions only; see [`crate::testing::without_kernels`].
    pub(crate) static IS_OFF: Cell<bool> = const { Cell::new(false) };
}

/// Whether `x` is on the CPU in a type that the kernels are written for.
pub(crate) fn has_kernel(x: &Tensor) -> bool {
    use candle_core::DType;
    !IS_OFF.get() && x.device().is_cpu() && matches!(x.dtype(), DType::F32 | DType::F64)
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

fn elements_mut<'a, T: Real>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [T]> {
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
pub(crate) fn change<T: Real>(
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
pub(crate) fn change_by<T: Real>(
    target: &Tensor,
    source: &Tensor,
    f: impl FnOnce(&mut [T], &[T]) -> Result<()>,
) -> Result<()> {
    let change = Change(RefCell::new(Some(f)), std::marker::PhantomData::<T>);
    target.inplace_op2(source, &ChangeBy(change))
}

/// Calls `f` with the elements of up to three tensors, to be changed in place; a missing tensor gives an empty slice.
/// Contiguous, on the CPU.
pub(crate) fn change_each<T: Real>(
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

fn change_or_empty<T: Real>(
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

impl<T: Real, F: FnOnce(&mut [T]) -> Result<()>> InplaceOp1 for Change<F, T> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        self.take()?(elements_mut(storage, layout)?)
    }
}

/// As [`Change`], with a second tensor to read. A type of its own: one type can't be both kinds of in-place op.
struct ChangeBy<F, T>(Change<F, T>);

impl<T: Real, F: FnOnce(&mut [T], &[T]) -> Result<()>> InplaceOp2 for ChangeBy<F, T> {
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
    fn typed<T: Real>(target: &Tensor, source: &Tensor, factor: f64) -> Result<()> {
        let factor = T::from_f64(factor);
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

/// Whether work on `n` elements is shared out to other threads.
pub(crate) fn pays_to_share(n: usize) -> bool {
    n >= PARALLEL_FROM && rayon::current_num_threads() > 1
}

/// The sum of the squares, as f64.
pub(crate) fn sum_of_squares<T: Real>(x: &[T]) -> f64 {
    let square = |x: T| x.to_f64() * x.to_f64(); // in f32 it would be infinite from 1.8e19 on
    let one = |x: &[T]| chunk_sum(x, square);
    if !pays_to_share(x.len()) {
        return x.chunks(CHUNK).map(one).sum();
    }
    let sums: Vec<f64> = x.par_chunks(CHUNK).map(one).collect();
    sums.iter().sum()
}

/// The sum, as f64.
pub(crate) fn sum<T: Real>(x: &[T]) -> f64 {
    chunk_sum(x, |x| x)
}

/// Σ f(x), compiled for the widest vectors.
fn chunk_sum<T: Real, S: Real>(x: &[T], f: impl Fn(T) -> S) -> f64 {
    wide(
        #[inline(always)]
        || sum_of(x, f),
    )
}

/// `n` elements, which `fill` writes piece by piece, given where the piece begins. A piece is in the nearest cache when
/// it is copied to its place, so that new memory is written once, without zeros first.
fn pieced<T: Real>(n: usize, fill: impl Fn(usize, &mut [T])) -> Vec<T> {
    const PIECE: usize = 1024;
    let mut piece = [T::ZERO; PIECE];
    let mut all = Vec::with_capacity(n);
    wide(
        #[inline(always)]
        || {
            for start in (0..n).step_by(PIECE) {
                let piece = &mut piece[..PIECE.min(n - start)];
                fill(start, piece);
                all.extend_from_slice(piece);
            }
        },
    );
    all
}

/// y = f(x) element by element, into new memory.
pub(crate) fn map<T: Real>(x: &[T], f: impl Fn(T) -> T + Sync) -> Vec<T> {
    map2(
        x,
        x,
        #[inline(always)]
        |x, _| f(x),
    )
}

/// z = f(x, y) element by element, into new memory.
pub(crate) fn map2<T: Real, U: Sync + Copy>(
    x: &[T],
    y: &[U],
    f: impl Fn(T, U) -> T + Sync,
) -> Vec<T> {
    if !pays_to_share(x.len()) {
        return pieced(
            x.len(),
            #[inline(always)]
            |start, z| fill(z, &x[start..], &y[start..], &f),
        );
    }
    let mut z = vec![T::ZERO; x.len()];
    let pieces = (
        z.par_chunks_mut(CHUNK),
        x.par_chunks(CHUNK),
        y.par_chunks(CHUNK),
    );
    pieces.into_par_iter().for_each(|(z, x, y)| {
        wide(
            #[inline(always)]
            || fill(z, x, y, &f),
        );
    });
    z
}

/// z = f(x, y). A loop instead of `for_each`, and `f` itself instead of an `impl Fn` that is a reference: if `f` is
/// long, both would become calls, and calls are not compiled for wide vectors.
#[inline(always)]
fn fill<T: Copy, U: Copy>(z: &mut [T], x: &[T], y: &[U], f: &impl Fn(T, U) -> T) {
    for ((z, &x), &y) in z.iter_mut().zip(x).zip(y) {
        *z = f(x, y);
    }
}

/// The sum over the elements of the first part of f(x, y), as f64, and the second parts into new memory, none where
/// they are `()`.
pub(crate) fn map2_and_sum<T: Real, Z: Clone + Default + Send>(
    x: &[T],
    y: &[T],
    f: impl Fn(T, T) -> (T, Z) + Sync,
) -> (f64, Vec<Z>) {
    let mut z = vec![Z::default(); x.len()];
    let one = |(z, x, y): (&mut [Z], &[T], &[T])| -> f64 {
        wide(
            #[inline(always)]
            || sums::fill_and_sum(z, x, y, &f),
        )
    };
    let sums: Vec<f64> = if pays_to_share(x.len()) {
        (
            z.par_chunks_mut(CHUNK),
            x.par_chunks(CHUNK),
            y.par_chunks(CHUNK),
        )
            .into_par_iter()
            .map(one)
            .collect()
    } else {
        let pieces = z
            .chunks_mut(CHUNK)
            .zip(x.chunks(CHUNK))
            .zip(y.chunks(CHUNK));
        pieces.map(|((z, x), y)| one((z, x, y))).collect()
    };
    (sums.iter().sum(), z)
}

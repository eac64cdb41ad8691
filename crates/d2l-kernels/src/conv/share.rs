//! How the kernels share images out to threads: by shapes alone, so that every sum is added up in the same order.

use rayon::prelude::*;

use super::geometry::Geometry;
use crate::{Real, pays_to_share};

/// Calls `task` with pieces of `target`, the pieces of `source` that belong to them, and work memory of the thread.
pub(super) fn for_each_task<T: Real, M>(
    (target, target_len): (&mut [T], usize),
    (source, source_len): (&[T], usize),
    memory: impl Fn() -> M + Send + Sync,
    task: impl Fn(&mut M, (&mut [T], &[T])) + Send + Sync,
) {
    let (target_len, source_len) = (target_len.max(1), source_len.max(1));
    if pays_to_share(target.len().max(source.len())) {
        let sources = source.par_chunks(source_len);
        target
            .par_chunks_mut(target_len)
            .zip(sources)
            .for_each_init(memory, task);
    } else {
        let mut memory = memory();
        let pieces = target.chunks_mut(target_len).zip(source.chunks(source_len));
        pieces.for_each(|piece| task(&mut memory, piece));
    }
}

/// The sum of `part`'s results for at most `parts` parts of the batch.
pub(super) fn sum_over_batch<T: Real>(
    geometry: &Geometry,
    x: &[T],
    dy: &[T],
    parts: usize,
    part: impl Fn(&[T], &[T]) -> Vec<T> + Send + Sync,
) -> Vec<T> {
    let images = geometry.images.div_ceil(parts).max(1);
    let xs = x.par_chunks((images * geometry.input_len()).max(1));
    let dys = dy.par_chunks((images * geometry.output_len()).max(1));
    let sums: Vec<Vec<T>> = xs.zip(dys).map(|(x, dy)| part(x, dy)).collect();
    match add_up(sums) {
        Some(sum) => sum,
        None => vec![T::ZERO; geometry.filters * geometry.taps()], // an empty batch
    }
}

/// The sum of vectors of one length, from the first to the last.
pub(super) fn add_up<T: Real>(parts: impl IntoIterator<Item = Vec<T>>) -> Option<Vec<T>> {
    let mut parts = parts.into_iter();
    let mut sum = parts.next()?;
    for part in parts {
        sum.iter_mut()
            .zip(&part)
            .for_each(|(sum, &part)| *sum += part);
    }
    Some(sum)
}

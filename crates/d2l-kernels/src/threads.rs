//! When and how work is shared out to threads. A chunk's size is fixed, and sums of chunks are added in the order of the
//! chunks: a result never depends on the number of threads.

/// Elements in one thread's piece of work.
pub const CHUNK: usize = 1 << 13;

/// The fewest elements for which waking other threads pays. A wake-up costs some microseconds.
const PARALLEL_FROM: usize = 4 * CHUNK;

/// Whether work on `n` elements is shared out to other threads.
pub fn pays_to_share(n: usize) -> bool {
    n >= PARALLEL_FROM && rayon::current_num_threads() > 1
}

//! The rows of a batch, shared out to threads, and the inputs of the operation.

use std::ops::Range;

use rayon::prelude::*;

use super::cell::Cell;
use crate::{Misfit, Real};

/// Groups of rows are multiples of this, so that a group's products have full tiles.
const UNIT: usize = 4;

/// The most rows of a group: its gates stay in the cache between the product and the activations.
const LARGEST_GROUP: usize = 64;

/// The fewest multiplications for which waking other threads pays.
const PARALLEL_FROM: usize = 1 << 18;

/// The sizes of a sequence.
#[derive(Clone, Copy)]
pub struct Sizes {
    /// Time steps.
    pub steps: usize,
    /// Examples.
    pub batch: usize,
    /// Features of an example at a time step.
    pub input: usize,
    /// H, hidden units.
    pub hidden: usize,
    /// G · H
    pub gates: usize,
}

impl Sizes {
    /// Ranges of rows that threads take.
    pub fn groups(&self) -> Vec<Range<usize>> {
        let work = self.steps * self.batch * self.gates * (self.hidden + self.input);
        let threads = if work < PARALLEL_FROM {
            1
        } else {
            rayon::current_num_threads()
        };
        let units = (self.batch / UNIT).max(1);
        let rows = UNIT * units.div_ceil(threads).min(LARGEST_GROUP / UNIT);
        let groups = (UNIT * units).div_ceil(rows);
        (0..groups)
            .map(|i| {
                i * rows..if i + 1 == groups {
                    self.batch
                } else {
                    (i + 1) * rows
                }
            })
            .collect()
    }
}

/// How many inputs the operation has.
pub const INPUTS: usize = 7;

/// The inputs of the operation. `further` and `c` are empty if the cell has none.
pub struct Inputs<'a, T> {
    /// The sizes.
    pub sizes: Sizes,
    /// `[T, B, I]`
    pub x: &'a [T],
    /// `[G·H, I]`
    pub w_ih: &'a [T],
    /// `[G·H, H]`
    pub w_hh: &'a [T],
    /// `[G·H]`
    pub bias: &'a [T],
    /// `[further · H]`
    pub further: &'a [T],
    /// The state before the first step, `[B, H]`.
    pub h: &'a [T],
    /// The second state, `[B, H]`.
    pub c: &'a [T],
}

impl<'a, T: Real> Inputs<'a, T> {
    /// Those of `all`, in the order of the fields.
    ///
    /// # Errors
    /// If one isn't of its size.
    pub fn new<C: Cell>(sizes: Sizes, all: [&'a [T]; INPUTS]) -> Result<Self, Misfit> {
        let [x, w_ih, w_hh, bias, further, h, c] = all;
        let Sizes { steps, batch, input, hidden, gates } = sizes;
        let state = batch * hidden;
        let found = [x, w_ih, w_hh, bias, h, c].map(<[T]>::len);
        let wanted = [
            steps * batch * input,
            gates * input,
            gates * hidden,
            gates,
            state,
            if C::HAS_CELL { state } else { 0 },
        ];
        match found == wanted {
            true => Ok(Self { sizes, x, w_ih, w_hh, bias, further, h, c }),
            false => Err(Misfit(format!(
                "{}: found inputs of {found:?} numbers, wanted {wanted:?}",
                C::NAME
            ))),
        }
    }
}

/// A group of rows: what it writes at each step, in the order of its steps.
pub struct Group<'a, T> {
    pub rows: Range<usize>,
    pub gates: Vec<&'a mut [T]>,
    pub more: Vec<&'a mut [T]>,
    pub y: Vec<&'a mut [T]>,
    pub h: &'a mut [T],
    pub c: &'a mut [T],
}

/// Divides the rows into groups. What is empty is empty in every group.
pub fn groups<'a, T>(
    reverse: bool,
    sizes: Sizes,
    gates: &'a mut [T],
    more: &'a mut [T],
    y: &'a mut [T],
    h: &'a mut [T],
    c: &'a mut [T],
) -> Vec<Group<'a, T>> {
    let ranges = sizes.groups();
    let mut gates = share(reverse, gates, sizes, &ranges).into_iter();
    let mut more = share(reverse, more, sizes, &ranges).into_iter();
    let mut y = share(reverse, y, sizes, &ranges).into_iter();
    let one = Sizes { steps: 1, ..sizes };
    let mut h = share(reverse, h, one, &ranges).into_iter().flatten();
    let mut c = share(reverse, c, one, &ranges).into_iter().flatten();
    let group = |rows| Group {
        rows,
        gates: gates.next().unwrap_or_default(),
        more: more.next().unwrap_or_default(),
        y: y.next().unwrap_or_default(),
        h: h.next().unwrap_or_default(),
        c: c.next().unwrap_or_default(),
    };
    ranges.into_iter().map(group).collect()
}

/// For every range of rows, its part of each step of `data`, in the order of the steps.
fn share<'a, T>(
    reverse: bool,
    data: &'a mut [T],
    sizes: Sizes,
    ranges: &[Range<usize>],
) -> Vec<Vec<&'a mut [T]>> {
    let mut parts: Vec<Vec<&mut [T]>> = ranges.iter().map(|_| Vec::new()).collect();
    let width = data.len() / (sizes.steps * sizes.batch);
    for mut step in data.chunks_exact_mut((sizes.batch * width).max(1)) {
        for (part, rows) in parts.iter_mut().zip(ranges) {
            let (now, rest) = step.split_at_mut(rows.len() * width);
            part.push(now);
            step = rest;
        }
    }
    if reverse {
        parts.iter_mut().for_each(|part| part.reverse());
    }
    parts
}

pub fn for_each<G: Send>(groups: Vec<G>, f: impl Fn(G) + Sync + Send) {
    if groups.len() > 1 && rayon::current_num_threads() > 1 {
        groups.into_par_iter().for_each(f);
    } else {
        groups.into_iter().for_each(f);
    }
}

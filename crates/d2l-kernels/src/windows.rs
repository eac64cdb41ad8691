//! The inputs that each output of a pooling or an interpolation reads along one axis, and how planes are shared out to
//! threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::{CHUNK, Misfit, pays_to_share};

/// For each output along an axis, the range of inputs that it reads: never empty, never beyond the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// Inputs along the axis.
    pub inputs: usize,
    /// The range of each output.
    pub ranges: Vec<Range<usize>>,
}

impl Windows {
    /// Ranges of `kernel` inputs, `stride` apart, the first beginning `padding` before the axis; cut off at both ends
    /// of it.
    ///
    /// With `ceil`, a last range that begins inside and ends beyond counts too. The sizes are PyTorch's.
    pub fn sliding(
        inputs: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        ceil: bool,
    ) -> Result<Self, Misfit> {
        if kernel == 0 || stride == 0 {
            return Err(Misfit(format!(
                "found kernel {kernel} and stride {stride}, wanted 1 or more of both"
            )));
        }
        if padding > kernel / 2 {
            return Err(Misfit(format!(
                "found padding {padding}, wanted at most half the kernel {kernel}"
            )));
        }
        let Some(room) = (inputs + 2 * padding).checked_sub(kernel) else {
            return Err(Misfit(format!(
                "found {inputs} inputs with padding {padding}, too few for the kernel {kernel}"
            )));
        };
        if inputs == 0 {
            return Err(Misfit("found no inputs, wanted 1 or more".to_string()));
        }
        let mut outputs = if ceil {
            room.div_ceil(stride) + 1
        } else {
            room / stride + 1
        };
        if ceil && (outputs - 1) * stride >= inputs + padding {
            outputs -= 1; // it would begin in the padding behind the axis
        }
        let range = |o: usize| {
            let end = (o * stride + kernel - padding).min(inputs);
            (o * stride).saturating_sub(padding)..end
        };
        let ranges = (0..outputs).map(range).collect();
        Ok(Self { inputs, ranges })
    }

    /// Ranges that divide the axis into `outputs` parts, from ⌊o · inputs / outputs⌋ to ⌈(o + 1) · inputs / outputs⌉.
    pub fn adaptive(inputs: usize, outputs: usize) -> Result<Self, Misfit> {
        if inputs == 0 || outputs == 0 {
            return Err(Misfit(format!(
                "found {inputs} inputs and {outputs} outputs, wanted 1 or more of both"
            )));
        }
        let range = |o: usize| o * inputs / outputs..((o + 1) * inputs).div_ceil(outputs);
        let ranges = (0..outputs).map(range).collect();
        Ok(Self { inputs, ranges })
    }

    /// The number of inputs in the longest range.
    pub fn longest(&self) -> usize {
        self.ranges
            .iter()
            .map(ExactSizeIterator::len)
            .max()
            .unwrap_or(0)
    }

    /// The outputs whose ranges are evenly spaced.
    pub fn run(&self) -> Run {
        let taps = self.longest();
        let first = self.ranges.iter().position(|range| range.len() == taps);
        let first = first.unwrap_or(0);
        let rest = self.ranges.get(first..).unwrap_or_default();
        let (start, stride) = match rest {
            [one, two, ..] => (one.start, two.start - one.start),
            [one] => (one.start, 1),
            [] => (0, 1),
        };
        let even = |(o, range): &(usize, &Range<usize>)| {
            range.len() == taps && range.start == start + o * stride
        };
        let count = rest.iter().enumerate().take_while(even).count();
        let outputs = first..first + count;
        Run { outputs, start, stride, taps }
    }
}

/// Outputs whose ranges are of one length and evenly spaced, so that a loop over them is vectorised.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The outputs.
    pub outputs: Range<usize>,
    /// Where the first range begins.
    pub start: usize,
    /// Inputs from one range to the next.
    pub stride: usize,
    /// Inputs of a range.
    pub taps: usize,
}

/// Calls `f` with pieces of some of the `planes` (one channel of one image each) of three tensors, on all threads.
pub fn for_planes<X: Sync, Y: Send, Z: Send>(
    planes: usize,
    x: &[X],
    y: &mut [Y],
    z: &mut [Z],
    f: impl Fn(&[X], &mut [Y], &mut [Z]) + Sync,
) {
    let largest = x.len().max(y.len());
    if planes == 0 || !pays_to_share(largest) {
        return f(x, y, z);
    }
    let some = (CHUNK * planes / largest).max(1); // planes in a piece
    let chunk = |len: usize| some * (len / planes).max(1);
    let (x_chunk, y_chunk, z_chunk) = (chunk(x.len()), chunk(y.len()), chunk(z.len()));
    let pieces = (
        x.par_chunks(x_chunk),
        y.par_chunks_mut(y_chunk),
        z.par_chunks_mut(z_chunk),
    );
    pieces.into_par_iter().for_each(|(x, y, z)| f(x, y, z));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init)] // one range
    fn windows_are_cut_off_at_the_ends() -> Result<(), Misfit> {
        assert_eq!(
            Windows::sliding(7, 3, 2, 1, false)?.ranges,
            [0..2, 1..4, 3..6, 5..7]
        );
        assert_eq!(
            Windows::sliding(7, 2, 2, 0, false)?.ranges,
            [0..2, 2..4, 4..6]
        );
        assert_eq!(
            Windows::sliding(7, 2, 2, 0, true)?.ranges,
            [0..2, 2..4, 4..6, 6..7]
        );
        assert_eq!(Windows::sliding(3, 2, 2, 1, true)?.ranges, [0..1, 1..3]); // a third would begin behind the axis
        assert_eq!(Windows::adaptive(5, 3)?.ranges, [0..2, 1..4, 3..5]);
        assert_eq!(Windows::adaptive(2, 3)?.ranges, [0..1, 0..2, 1..2]);
        assert_eq!(Windows::adaptive(4, 1)?.ranges, [0..4]);
        Ok(())
    }

    #[test]
    fn a_run_is_where_windows_are_even() -> Result<(), Misfit> {
        let run = |windows: Windows| {
            let Run { outputs, start, stride, taps } = windows.run();
            (outputs, start, stride, taps)
        };
        assert_eq!(run(Windows::sliding(8, 3, 2, 1, false)?), (1..4, 1, 2, 3));
        assert_eq!(run(Windows::sliding(6, 2, 2, 0, false)?), (0..3, 0, 2, 2));
        assert_eq!(run(Windows::sliding(7, 2, 2, 0, true)?), (0..3, 0, 2, 2));
        assert_eq!(run(Windows::adaptive(9, 1)?), (0..1, 0, 1, 9));
        assert_eq!(run(Windows::adaptive(2, 3)?), (1..2, 0, 1, 2));
        Ok(())
    }

    #[test]
    fn impossible_windows_are_named() {
        for (inputs, kernel, stride, padding, wanted) in [
            (4, 0, 1, 0, "found kernel 0 and stride 1"),
            (4, 2, 0, 0, "found kernel 2 and stride 0"),
            (
                4,
                3,
                1,
                2,
                "found padding 2, wanted at most half the kernel 3",
            ),
            (
                2,
                3,
                1,
                0,
                "found 2 inputs with padding 0, too few for the kernel 3",
            ),
            (0, 2, 1, 1, "found no inputs"),
        ] {
            let error = Windows::sliding(inputs, kernel, stride, padding, false);
            let error = error.expect_err("impossible").to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}

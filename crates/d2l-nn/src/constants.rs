//! Numbers that a device is told once. Each further copy from the host would be a call of its own in every step.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

/// The number 0 in the shape of `x`, of its type and on its device. All elements share one number's memory.
pub(crate) fn zeros_as(x: &Tensor) -> Result<Tensor> {
    static ZEROS: Mutex<Vec<Tensor>> = Mutex::new(Vec::new());
    let fits = |zero: &Tensor| zero.dtype() == x.dtype();
    let zero = once(&ZEROS, x.device(), fits, || {
        Tensor::zeros((), x.dtype(), x.device())
    })?;
    zero.broadcast_as(x.shape())
}

/// The numbers 0, 1, … below `n`, u32 `[n]`.
pub(crate) fn positions(n: usize, device: &Device) -> Result<Tensor> {
    static POSITIONS: Mutex<Vec<Tensor>> = Mutex::new(Vec::new());
    let fits = |positions: &Tensor| positions.elem_count() >= n;
    let positions = once(&POSITIONS, device, fits, || {
        Tensor::arange(0, n as u32, device)
    })?;
    positions.narrow(0, 0, n)
}

/// The first of `known` that is on `device` and `fits`, or else a new one.
fn once(
    known: &Mutex<Vec<Tensor>>,
    device: &Device,
    fits: impl Fn(&Tensor) -> bool,
    new: impl FnOnce() -> Result<Tensor>,
) -> Result<Tensor> {
    // Each change is one call: no thread leaves it half done.
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known
        .iter()
        .find(|known| known.device().same_device(device) && fits(known));
    if let Some(found) = found {
        return Ok(found.clone());
    }
    let new = new()?;
    known.push(new.clone());
    Ok(new)
}

/// The number -10³⁰, or the lowest that f16 has, in the shape of `x`: what a softmax takes for nothing. It is finite, so
/// that a row of nothing else contains no ∞ - ∞.
pub(crate) fn lowest_as(x: &Tensor) -> Result<Tensor> {
    static LOWEST: Mutex<Vec<Tensor>> = Mutex::new(Vec::new());
    let fits = |lowest: &Tensor| lowest.dtype() == x.dtype();
    let lowest = once(&LOWEST, x.device(), fits, || {
        let lowest = if x.dtype() == DType::F16 {
            -6e4f32
        } else {
            -1e30
        };
        Tensor::new(lowest, x.device())?.to_dtype(x.dtype())
    })?;
    lowest.broadcast_as(x.shape())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_have_the_shape_the_type_and_the_numbers() -> Result<()> {
        for dtype in [DType::F32, DType::F64, DType::F16] {
            let x = Tensor::ones((2, 3), dtype, &Device::Cpu)?;
            for (found, wanted) in [(zeros_as(&x)?, 0.0), (lowest_as(&x)?, -1e30)] {
                assert_eq!((found.dims(), found.dtype()), (x.dims(), dtype));
                let wanted = if dtype == DType::F16 && wanted < 0.0 {
                    -6e4
                } else {
                    wanted
                };
                for number in found
                    .to_dtype(DType::F64)?
                    .flatten_all()?
                    .to_vec1::<f64>()?
                {
                    assert!(
                        (number - wanted).abs() <= 1e-3 * f64::abs(wanted),
                        "{number}"
                    );
                }
            }
        }
        for n in [3, 5, 2] {
            let wanted: Vec<u32> = (0..n).collect();
            assert_eq!(
                positions(n as usize, &Device::Cpu)?.to_vec1::<u32>()?,
                wanted
            );
        }
        Ok(())
    }
}

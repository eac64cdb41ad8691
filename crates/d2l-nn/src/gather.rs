//! What overlapping regions read, gathered by one operation of candle's, and the way back.
//!
//! y[s] = x[i] for each slot s that reads i, 0 for one that reads nothing;   ∂l/∂x[i] = Σ ∂l/∂y[s] over the slots that
//! read i
//!
//! The way back is another gathering, since each i knows its slots, and a short sum. Candle's own, `index_add`, adds one
//! slot after the other.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Result, Tensor};

use crate::constants::zeros_as;

/// Which slot reads which input along an axis.
pub(crate) struct Gather {
    /// For each slot, what it reads, u32 `[slots]`.
    reads: Tensor,
    /// Which slots read something, u8 `[1, slots, 1]`; nothing if all do.
    is_read: Option<Tensor>,
    /// For each input, the slots that read it, u32 `[inputs · readers]`.
    readers: Tensor,
    /// Which of these are there, u8 `[1, inputs, readers, 1]`; nothing if all are.
    is_reader: Option<Tensor>,
    inputs: usize,
}

/// What slots read, as a function of `key`.
type Known = Vec<(Vec<usize>, Device, Arc<Gather>)>;

impl Gather {
    /// That of `slots`, which the numbers in `key` decide, on `device`. It goes there once.
    pub fn known(
        key: Vec<usize>,
        inputs: usize,
        device: &Device,
        slots: impl FnOnce() -> Vec<Option<usize>>,
    ) -> Result<Arc<Self>> {
        static KNOWN: Mutex<Known> = Mutex::new(Vec::new());
        // Each change is one call: no thread leaves it half done.
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(other, place, gather)| {
            *other == key && place.same_device(device) && gather.inputs == inputs
        });
        if let Some((_, _, gather)) = found {
            return Ok(Arc::clone(gather));
        }
        let gather = Arc::new(Self::new(&slots(), inputs, device)?);
        known.push((key, device.clone(), Arc::clone(&gather)));
        Ok(gather)
    }

    fn new(slots: &[Option<usize>], inputs: usize, device: &Device) -> Result<Self> {
        let mut readers = vec![Vec::new(); inputs];
        for (slot, input) in slots.iter().enumerate() {
            if let Some(readers) = input.and_then(|input| readers.get_mut(input)) {
                readers.push(Some(slot));
            }
        }
        let most = readers.iter().map(Vec::len).max().unwrap_or(0).max(1);
        for readers in &mut readers {
            readers.resize(most, None);
        }
        let readers = readers.concat();
        let numbers = |all: &[Option<usize>]| {
            let numbers = all.iter().map(|one| one.unwrap_or(0) as u32);
            Tensor::from_iter(numbers, device)
        };
        let are_there = |all: &[Option<usize>], shape: [usize; 4]| {
            let are_there = all.iter().map(|one| u8::from(one.is_some()));
            let all = all.iter().all(Option::is_some);
            let mask = (!all).then(|| Tensor::from_iter(are_there, device)?.reshape(&shape));
            mask.transpose()
        };
        Ok(Self {
            reads: numbers(slots)?,
            is_read: are_there(slots, [1, slots.len(), 1, 1])?,
            readers: numbers(&readers)?,
            is_reader: are_there(&readers, [1, inputs, most, 1])?,
            inputs,
        })
    }

    /// x `[left, inputs, right]` as `[left, slots, right]`.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.contiguous()?.index_select(&self.reads, 1)?;
        match &self.is_read {
            Some(is_read) => only(&is_read.squeeze(3)?, &y),
            None => Ok(y),
        }
    }

    /// The gradient of x from that of y, `[left, slots, right]`.
    pub fn back(&self, dy: &Tensor) -> Result<Tensor> {
        let (left, _, right) = dy.dims3()?;
        let parts = dy.contiguous()?.index_select(&self.readers, 1)?;
        let parts = parts.reshape((left, self.inputs, (), right))?;
        let parts = match &self.is_reader {
            Some(is_reader) => only(is_reader, &parts)?,
            None => parts,
        };
        match parts.dim(2)? {
            1 => parts.squeeze(2),
            _ => parts.sum(2),
        }
    }
}

/// x where `mask`, which is broadcast to it, isn't 0.
fn only(mask: &Tensor, x: &Tensor) -> Result<Tensor> {
    mask.broadcast_as(x.shape())?.where_cond(x, &zeros_as(x)?)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::testing::filled;

    #[test]
    fn the_way_back_is_the_adjoint() -> Result<()> {
        for (slots, inputs) in [
            (vec![Some(0), Some(1), Some(1), None, Some(3)], 5),
            (vec![Some(2), Some(0), Some(1)], 3),
            (vec![None, None], 2),
        ] {
            let gather = Gather::new(&slots, inputs, &Device::Cpu)?;
            let x = filled((2, inputs, 3), 1, 1.0, DType::F64, &Device::Cpu)?;
            let dy = filled((2, slots.len(), 3), 2, 1.0, DType::F64, &Device::Cpu)?;
            let y = gather.apply(&x)?;
            for (slot, input) in slots.iter().enumerate() {
                let wanted = match input {
                    Some(input) => x.narrow(1, *input, 1)?,
                    None => x.narrow(1, 0, 1)?.zeros_like()?,
                };
                assert_eq!(
                    y.narrow(1, slot, 1)?.flatten_all()?.to_vec1::<f64>()?,
                    wanted.flatten_all()?.to_vec1::<f64>()?
                );
            }
            let inner = |a: &Tensor, b: &Tensor| (a * b)?.sum_all()?.to_scalar::<f64>();
            let gap = inner(&y, &dy)? - inner(&x, &gather.back(&dy)?)?;
            assert!(gap.abs() < 1e-14, "{gap}");
        }
        Ok(())
    }
}

//! Between candle and the operations: runs an operation on tensors and records it.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use candle_core::op::BackpropOp;
use candle_core::{DType, Device, Layout, Result, Shape, Storage, Tensor, bail};

use super::custom::from_token;
use super::no_grad::tracks;
use super::node::{GoesBack, Node, Output};
use super::operation::{Backward, Gradient, Input, Operation};
use crate::kernel::{Number, elements};
use crate::testing::note_operation;

/// The output of `operation` for `inputs`, recorded if one of them needs a gradient.
///
/// # Errors
/// If an input isn't on the CPU, or not of the first one's type, f32 or f64; and the operation's errors.
pub(crate) fn apply(operation: impl Operation, inputs: &[&Tensor]) -> Result<Tensor> {
    Ok(apply_all(operation, inputs)?.0)
}

/// The output of `operation` and those besides it, likewise.
pub(crate) fn apply_all(
    operation: impl Operation,
    inputs: &[&Tensor],
) -> Result<(Tensor, Vec<Tensor>)> {
    match inputs.first().map(|x| x.dtype()) {
        Some(DType::F32) => typed::<f32, _>(operation, inputs),
        Some(DType::F64) => typed::<f64, _>(operation, inputs),
        other => bail!("{}: found {other:?}, wanted f32 or f64", operation.name()),
    }
}

fn typed<T: Number, O: Operation>(
    operation: O,
    inputs: &[&Tensor],
) -> Result<(Tensor, Vec<Tensor>)> {
    note_operation::<O>();
    let inputs = inputs.iter().map(|x| x.contiguous());
    let inputs = inputs.collect::<Result<Vec<Tensor>>>()?;
    let is_recorded = inputs.iter().any(tracks);
    let outputs = read(&inputs, |inputs| {
        operation.forward::<T>(inputs, is_recorded)
    })?;
    let values = |(values, shape)| (Storage::Cpu(T::to_cpu_storage_owned(values)), shape);
    let (y, further) = (values(outputs.y), outputs.further.into_iter().map(values));
    if is_recorded {
        let kept = Once::new(outputs.kept);
        return record(Recorded { operation, kept }, inputs, y, further);
    }
    let constant =
        |(storage, shape)| Tensor::from_storage(storage, shape, BackpropOp::none(), false);
    Ok((constant(y), further.map(constant).collect()))
}

/// A contiguous tensor, locked to be read.
struct Locked<'a, S> {
    storage: S,
    layout: &'a Layout,
    wants_gradient: bool,
}

fn lock(tensor: &Tensor) -> Locked<'_, impl Deref<Target = Storage>> {
    let (storage, layout) = tensor.storage_and_layout();
    Locked { storage, layout, wants_gradient: tensor.track_op() }
}

impl<S: Deref<Target = Storage>> Locked<'_, S> {
    fn read<T: Number>(&self) -> Result<Input<'_, T>> {
        let Storage::Cpu(storage) = &*self.storage else {
            bail!("found a tensor on another device, wanted all on the CPU");
        };
        Ok(Input {
            data: elements(storage, self.layout)?,
            dims: self.layout.dims(),
            wants_gradient: self.wants_gradient,
        })
    }
}

/// Calls `f` with the numbers of `tensors`.
fn read<T: Number, R>(tensors: &[Tensor], f: impl FnOnce(&[Input<T>]) -> Result<R>) -> Result<R> {
    let locked: Vec<_> = tensors.iter().map(lock).collect();
    let inputs = locked.iter().map(Locked::read);
    f(&inputs.collect::<Result<Vec<Input<T>>>>()?)
}

/// A recorded operation on numbers of the type `T`.
struct Recorded<T: Number, O: Operation> {
    operation: O,
    /// The first backward pass takes it and may compute in its memory. Another pass over the same graph computes it
    /// anew, so it makes no difference to a pass whether one before it ended well or failed.
    kept: Once<O::Kept<T>>,
}

impl<T: Number, O: Operation> Recorded<T, O> {
    fn kept(&self, inputs: &[Input<T>]) -> Result<O::Kept<T>> {
        match self.kept.take() {
            Some(kept) => Ok(kept),
            None if size_of::<O::Kept<T>>() == 0 => Ok(Default::default()),
            None => Ok(self.operation.forward(inputs, true)?.kept),
        }
    }

    fn backward(
        &self,
        inputs: &[Input<T>],
        [y, dy]: [&Tensor; 2],
        further: &[Option<Tensor>],
    ) -> Result<Vec<Gradient<T>>> {
        let (y, dy) = (lock(y), lock(dy));
        let (y, dy) = (y.read()?, dy.read()?);
        let further: Vec<_> = further.iter().map(|dy| dy.as_ref().map(lock)).collect();
        let further = further.iter().map(|dy| match dy {
            Some(dy) => Ok(Some(dy.read()?.data)),
            None => Ok(None),
        });
        let further = further.collect::<Result<Vec<Option<&[T]>>>>()?;
        self.operation.backward(Backward {
            inputs,
            y: y.data,
            dims: y.dims,
            dy: dy.data,
            further: &further,
            kept: self.kept(inputs)?,
        })
    }
}

impl<T: Number, O: Operation> GoesBack for Recorded<T, O> {
    fn name(&self) -> &'static str {
        self.operation.name()
    }

    fn gradients(
        &self,
        inputs: &[Tensor],
        y: &Tensor,
        dys: Vec<Option<Tensor>>,
    ) -> Result<Vec<Option<Tensor>>> {
        let contiguous = |dy: Option<Tensor>| dy.map(|dy| dy.contiguous()).transpose();
        let mut dys = dys.into_iter().map(contiguous);
        let dy = match dys.next().transpose()?.flatten() {
            Some(dy) => dy,
            None => y.zeros_like()?, // l depends on the outputs besides y only
        };
        let further = dys.collect::<Result<Vec<Option<Tensor>>>>()?;
        let gradients = read(inputs, |inputs| self.backward(inputs, [y, &dy], &further))?;
        let mut tensors: Vec<Option<Tensor>> = Vec::with_capacity(inputs.len());
        for (gradient, input) in gradients.into_iter().zip(inputs) {
            tensors.push(match gradient {
                Gradient::Unwanted => None,
                Gradient::New(values) => {
                    Some(Tensor::from_vec(values, input.shape(), &Device::Cpu)?)
                }
                Gradient::Upstream => Some(dy.clone()),
                Gradient::SameAs(number) => tensors.get(number).cloned().flatten(),
            });
        }
        Ok(tensors)
    }
}

/// The storage of a tensor, and its shape.
pub(super) type Values = (Storage, Shape);

/// The output `y` of a recorded operation and those besides it, as tensors. To candle each comes from a token.
pub(super) fn record(
    operation: impl GoesBack + 'static,
    inputs: Vec<Tensor>,
    y: Values,
    further: impl Iterator<Item = Values>,
) -> Result<(Tensor, Vec<Tensor>)> {
    let node = Node::new(operation, inputs);
    let y = from_token(Output::new(&node, 0, None), y)?;
    let further = further.enumerate().map(|(number, values)| {
        let output = Output::new(&node, 1 + number, Some(y.clone()));
        from_token(output, values)
    });
    let further = further.collect::<Result<Vec<Tensor>>>()?;
    Ok((y, further))
}

/// What is there once.
pub(super) struct Once<V>(Mutex<Option<V>>);

impl<V> Once<V> {
    pub fn new(value: V) -> Self {
        Self(Mutex::new(Some(value)))
    }

    pub fn take(&self) -> Option<V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

//! What [`backward()`](crate::backward()) needs to know of an operation with a kernel: what it was applied to.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Result, Shape, Storage,
    Tensor, TensorId, Var, bail,
};

use super::no_grad::tracks;
use super::walk::arrive;

/// A recorded operation.
pub(super) struct Node {
    /// 1 or more, and greater than that of every operation before it.
    pub(super) order: u64,
    operation: Box<dyn Operation>,
    inputs: Vec<Tensor>,
    output: OnceLock<TensorId>,
}

impl Node {
    pub(super) fn inputs(&self) -> &[Tensor] {
        &self.inputs
    }

    /// The inputs that need a gradient, each with its own.
    pub(super) fn gradients(&self, y: &Tensor, dy: &Tensor) -> Result<Vec<(&Tensor, Tensor)>> {
        let gradients = self.operation.backward(&self.inputs, y, dy)?;
        let pairs = self.inputs.iter().zip(gradients);
        Ok(pairs
            .filter_map(|(input, gradient)| Some((input, gradient?)))
            .collect())
    }
}

impl Drop for Node {
    /// Drops the inputs, and the operations that computed them, one after the other. Nested drops would overflow the
    /// stack after some thousand operations in a row.
    fn drop(&mut self) {
        if let Some(output) = self.output.get() {
            nodes().remove(output);
            #[cfg(test)]
            LIVE.set(LIVE.get() - 1);
        }
        let inputs = std::mem::take(&mut self.inputs);
        let is_first = DROPPED.try_with(|dropped| match &mut *dropped.borrow_mut() {
            Some(dropped) => {
                dropped.extend(inputs);
                false
            }
            dropped => {
                *dropped = Some(inputs);
                true
            }
        });
        if is_first == Ok(true) {
            while let Some(input) = DROPPED.with_borrow_mut(|dropped| dropped.as_mut()?.pop()) {
                drop(input);
            }
            DROPPED.set(None);
        }
    }
}

thread_local! {
    /// While a node is being dropped, the inputs that are still to be dropped.
    static DROPPED: RefCell<Option<Vec<Tensor>>> = const { RefCell::new(None) };
}

/// The operation that computed `y`, if it is recorded.
pub(super) fn of(y: &Tensor) -> Option<Arc<Node>> {
    nodes().get(&y.id())?.upgrade()
}

/// The recorded operations, by the tensors that they computed, as long as those exist.
fn nodes() -> MutexGuard<'static, HashMap<TensorId, Weak<Node>>> {
    static NODES: LazyLock<Mutex<HashMap<TensorId, Weak<Node>>>> = LazyLock::new(Mutex::default);
    // Each change is one call: no thread leaves it half done.
    NODES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An operation with a kernel on the CPU, of any number of tensors.
pub(crate) trait Operation: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    fn forward(&self, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)>;

    /// The gradient with respect to each input, or nothing if none is wanted.
    fn backward(&self, inputs: &[Tensor], y: &Tensor, dy: &Tensor) -> Result<Vec<Option<Tensor>>>;
}

/// The output of `operation` for `inputs`, recorded if one of them needs a gradient.
pub(crate) fn apply(operation: impl Operation, inputs: Vec<Tensor>) -> Result<Tensor> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let is_recorded = inputs.iter().any(tracks);
    let node = Arc::new(Node {
        order: NEXT.fetch_add(1, Ordering::Relaxed),
        operation: Box::new(operation),
        inputs,
        output: OnceLock::new(),
    });
    let token = Var::zeros(1, DType::U8, &Device::Cpu)?;
    if !is_recorded {
        return token.apply_op1_no_bwd(&Recorded(node));
    }
    let y = token.apply_op1(Recorded(Arc::clone(&node)))?;
    node.output.get_or_init(|| y.id());
    nodes().insert(y.id(), Arc::downgrade(&node));
    #[cfg(test)]
    LIVE.set(LIVE.get() + 1);
    Ok(y)
}

#[cfg(test)]
thread_local! {
    /// How many operations this thread has recorded that are still there, where no other thread drops them.
    pub(super) static LIVE: std::cell::Cell<isize> = const { std::cell::Cell::new(0) };
}

pub(crate) fn apply1<O: CustomOp1 + Send + Sync + 'static>(op: O, x: Tensor) -> Result<Tensor> {
    apply(Unary(op), vec![x])
}

pub(crate) fn apply2<O: CustomOp2 + Send + Sync + 'static>(
    op: O,
    inputs: [Tensor; 2],
) -> Result<Tensor> {
    apply(Binary(op), inputs.into())
}

pub(crate) fn apply3<O: CustomOp3 + Send + Sync + 'static>(
    op: O,
    inputs: [Tensor; 3],
) -> Result<Tensor> {
    apply(Ternary(op), inputs.into())
}

/// A node as candle sees it.
struct Recorded(Arc<Node>);

impl CustomOp1 for Recorded {
    fn name(&self) -> &'static str {
        self.0.operation.name()
    }

    fn cpu_fwd(&self, _token: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let locked: Vec<_> = self
            .0
            .inputs
            .iter()
            .map(Tensor::storage_and_layout)
            .collect();
        let mut inputs = Vec::with_capacity(locked.len());
        for (storage, layout) in &locked {
            match &**storage {
                Storage::Cpu(storage) => inputs.push((storage, *layout)),
                _ => bail!(
                    "{}: found a tensor on another device, wanted all on the CPU",
                    self.name()
                ),
            }
        }
        self.0.operation.forward(&inputs)
    }

    fn bwd(&self, _token: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        arrive(&self.0, y, dy)?;
        Ok(None)
    }
}

/// Candle's operations of one, two and three tensors, to be recorded.
struct Unary<O>(O);
struct Binary<O>(O);
struct Ternary<O>(O);

/// `all` as the `N` inputs of an operation.
pub(crate) fn exactly<T, const N: usize>(all: &[T]) -> Result<&[T; N]> {
    match all.try_into() {
        Ok(all) => Ok(all),
        Err(_) => bail!("found {} inputs, wanted {N}", all.len()),
    }
}

impl<O: CustomOp1 + Send + Sync + 'static> Operation for Unary<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn forward(&self, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let [(x, layout)] = exactly(inputs)?;
        self.0.cpu_fwd(x, layout)
    }

    fn backward(&self, inputs: &[Tensor], y: &Tensor, dy: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let [x] = exactly(inputs)?;
        Ok(vec![self.0.bwd(x, y, dy)?])
    }
}

impl<O: CustomOp2 + Send + Sync + 'static> Operation for Binary<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn forward(&self, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let [first, second] = exactly(inputs)?;
        self.0.cpu_fwd(first.0, first.1, second.0, second.1)
    }

    fn backward(&self, inputs: &[Tensor], y: &Tensor, dy: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let [first, second] = exactly(inputs)?;
        let gradients = self.0.bwd(first, second, y, dy)?;
        Ok(vec![gradients.0, gradients.1])
    }
}

impl<O: CustomOp3 + Send + Sync + 'static> Operation for Ternary<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn forward(&self, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let [first, second, third] = exactly(inputs)?;
        let op = &self.0;
        op.cpu_fwd(first.0, first.1, second.0, second.1, third.0, third.1)
    }

    fn backward(&self, inputs: &[Tensor], y: &Tensor, dy: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let [first, second, third] = exactly(inputs)?;
        let gradients = self.0.bwd(first, second, third, y, dy)?;
        Ok(vec![gradients.0, gradients.1, gradients.2])
    }
}

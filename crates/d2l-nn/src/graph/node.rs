//! What [`backward()`](crate::backward()) needs to know of an operation: what it was applied to.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use candle_core::{Result, Tensor, TensorId};

/// A recorded operation.
pub(super) struct Node {
    /// 1 or more, and greater than that of every operation before it.
    pub(super) order: u64,
    operation: Box<dyn GoesBack>,
    inputs: Vec<Tensor>,
}

/// An operation, whatever its type and that of its numbers.
pub(super) trait GoesBack: Send + Sync {
    fn name(&self) -> &'static str;

    /// The gradient with respect to each of `inputs`, or nothing if none is wanted. `dys` has the gradients of `y` and
    /// the outputs besides it, as far as they are known.
    fn gradients(
        &self,
        inputs: &[Tensor],
        y: &Tensor,
        dys: Vec<Option<Tensor>>,
    ) -> Result<Vec<Option<Tensor>>>;
}

impl Node {
    pub(super) fn new(operation: impl GoesBack + 'static, inputs: Vec<Tensor>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        #[cfg(test)]
        LIVE.set(LIVE.get() + 1);
        Arc::new(Self {
            order: NEXT.fetch_add(1, Ordering::Relaxed),
            operation: Box::new(operation),
            inputs,
        })
    }

    pub(super) fn name(&self) -> &'static str {
        self.operation.name()
    }

    pub(super) fn inputs(&self) -> &[Tensor] {
        &self.inputs
    }

    /// The inputs that need a gradient, each with its own.
    pub(super) fn gradients(
        &self,
        y: &Tensor,
        dys: Vec<Option<Tensor>>,
    ) -> Result<Vec<(&Tensor, Tensor)>> {
        let gradients = self.operation.gradients(&self.inputs, y, dys)?;
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
        #[cfg(test)]
        LIVE.set(LIVE.get() - 1);
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

#[cfg(test)]
thread_local! {
    /// How many operations this thread has recorded that are still there, where no other thread drops them.
    pub(super) static LIVE: std::cell::Cell<isize> = const { std::cell::Cell::new(0) };
}

/// An output of a recorded operation. The tensor owns it.
pub(super) struct Output {
    pub(super) node: Arc<Node>,
    /// 0 for y, 1 and more for the outputs besides it.
    pub(super) number: usize,
    /// y, if this is an output besides it: the backward pass needs it.
    pub(super) first: Option<Tensor>,
    id: OnceLock<TensorId>,
}

impl Output {
    pub(super) fn new(node: &Arc<Node>, number: usize, first: Option<Tensor>) -> Arc<Self> {
        let (node, id) = (Arc::clone(node), OnceLock::new());
        Arc::new(Self { node, number, first, id })
    }

    /// Notes that this output is `tensor`.
    pub(super) fn is(self: Arc<Self>, tensor: &Tensor) {
        self.id.get_or_init(|| tensor.id());
        outputs().insert(tensor.id(), Arc::downgrade(&self));
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(id) = self.id.get() {
            outputs().remove(id);
        }
    }
}

/// The output of a recorded operation that `y` is, if it is one.
pub(super) fn of(y: &Tensor) -> Option<Arc<Output>> {
    outputs().get(&y.id())?.upgrade()
}

/// The outputs of recorded operations, as long as they exist.
fn outputs() -> MutexGuard<'static, HashMap<TensorId, Weak<Output>>> {
    static OUTPUTS: LazyLock<Mutex<HashMap<TensorId, Weak<Output>>>> =
        LazyLock::new(Mutex::default);
    // Each change is one call: no thread leaves it half done.
    OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The gradients of a loss with respect to the parameters.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId};

use super::node::{self, Node};
use super::walk::{self, Arrival, Walks};
use crate::add;
use crate::kernel;

/// ∂loss/∂w of every parameter w that the scalar `loss` depends on: the counterpart of candle's `loss.backward()`.
///
/// Candle fills a tensor with zeros for the gradient of every result and adds to it what an operation returns, on one
/// thread: four passes over as much memory, while a step's other threads have no work. This pass goes through the
/// layers of this crate itself and hands each gradient on as it is. It adds gradients only if a tensor is used twice.
/// Candle's own pass goes through candle's operations in between.
///
/// # Errors
/// Errors of the operations' backward passes, and of candle's. `loss.backward()` itself is an error if layers of this
/// crate computed the loss: it could not reach their parameters. A recurrence of more than about a hundred steps that
/// mixes candle's operations with layers of this crate is an error too, unless it applies
/// [`boundary`](crate::boundary()) to its state: the time would grow with the square of the steps.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    let mut pass = Pass::default();
    pass.run(loss)?;
    let mut gradients = GradStore::default();
    for (parameter, gradient) in pass.parameters.into_values() {
        gradients.insert(&parameter, gradient.tensor);
    }
    Ok(gradients)
}

/// What the pass knows so far.
///
/// It visits the recorded operations from the last to the first. Everything computed from an operation's output came
/// later, so the output's gradient is complete when its turn comes, and each operation goes back once. A tensor that
/// candle computed waits until all recorded operations that used it have gone back, and then until the next operation
/// is one that the tensor was computed from. Tensors that wait for the same operation share one pass of candle's.
#[derive(Default)]
struct Pass {
    /// The recorded operations of which an output has a gradient, by their order.
    operations: BTreeMap<u64, Waiting>,
    /// Tensors that candle computed and recorded operations used, with their gradients.
    candles: BTreeMap<Place, (Tensor, Gradient)>,
    /// Where a tensor belongs in `candles`.
    places: HashMap<TensorId, Place>,
    /// The orders of the operations whose inputs have their places.
    discovered: HashSet<u64>,
    walks: Walks,
    parameters: HashMap<TensorId, (Tensor, Gradient)>,
}

/// An operation, its output y, and the gradients of y and the outputs besides it.
struct Waiting {
    node: Arc<Node>,
    y: Tensor,
    dys: Vec<Option<Gradient>>,
}

impl Waiting {
    /// Adds a part of the gradient of the output with this number.
    fn add(&mut self, number: usize, part: Gradient) -> Result<()> {
        if self.dys.len() <= number {
            self.dys.resize_with(number + 1, || None);
        }
        if let Some(dy) = self.dys.get_mut(number) {
            *dy = Some(part.and(dy.take())?);
        }
        Ok(())
    }
}

/// When candle's pass goes on from a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// The order of a recorded operation before which the pass must go on, since the tensor may depend on it; 0 if the
    /// tensor depends on none.
    before: u64,
    /// Different for each tensor.
    number: usize,
}

/// A gradient, or the part of it that is known.
struct Gradient {
    tensor: Tensor,
    /// Whether it is a sum that was added up here. The memory of a single part may be shared with another part, or with
    /// a loss that keeps its gradient.
    added: bool,
}

impl Gradient {
    fn part(tensor: Tensor) -> Self {
        Self { tensor, added: false }
    }

    /// The sum of both, in this one's memory if it is a sum already.
    fn add(self, part: Self) -> Result<Self> {
        let tensor = if self.added && kernel::has_kernel(&self.tensor) {
            kernel::add_multiple(&self.tensor, &part.tensor.contiguous()?, 1.0)?;
            self.tensor
        } else {
            add(&self.tensor, &part.tensor)?
        };
        Ok(Self { tensor, added: true })
    }

    /// The sum of this part and of `other`, if there is any.
    fn and(self, other: Option<Self>) -> Result<Self> {
        match other {
            Some(other) => other.add(self),
            None => Ok(self),
        }
    }
}

impl Pass {
    fn run(&mut self, loss: &Tensor) -> Result<()> {
        match node::of(loss) {
            Some(output) => {
                self.discover(vec![Arc::clone(&output.node)])?;
                self.give(loss, loss.ones_like()?)?;
            }
            None if loss.is_variable() => self.give(loss, loss.ones_like()?)?,
            None => {
                let nodes = self.walks.from(loss)?;
                let leaves = leaves(&nodes);
                self.through_candle(loss, &leaves)?;
            }
        }
        loop {
            let operation = self.operations.last_key_value().map(|(&order, _)| order);
            let candles = self.candles.last_key_value().map(|(place, _)| place.before);
            if let Some(before) = candles
                && candles >= operation
            {
                self.on_from_candles(before)?;
            } else if let Some((_, Waiting { node, y, dys })) = self.operations.pop_last() {
                let dys = dys.into_iter().map(|dy| Some(dy?.tensor)).collect();
                for (input, gradient) in node.gradients(&y, dys)? {
                    self.give(input, gradient.detach())?;
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Adds a part of the gradient of `x`.
    fn give(&mut self, x: &Tensor, gradient: Tensor) -> Result<()> {
        let gradient = Gradient::part(gradient);
        if x.is_variable() {
            let other = self.parameters.remove(&x.id());
            let sum = gradient.and(other.map(|(_, other)| other))?;
            self.parameters.insert(x.id(), (x.clone(), sum));
        } else if let Some(output) = node::of(x) {
            let order = output.node.order;
            let waiting = self.operations.entry(order).or_insert_with(|| Waiting {
                node: Arc::clone(&output.node),
                y: output.first.as_ref().unwrap_or(x).clone(),
                dys: Vec::new(),
            });
            waiting.add(output.number, gradient)?;
        } else if let Some(&place) = self.places.get(&x.id()) {
            let other = self.candles.remove(&place);
            let sum = gradient.and(other.map(|(_, other)| other))?;
            self.candles.insert(place, (x.clone(), sum));
        }
        Ok(())
    }

    /// Gives places to the tensors that candle computed for the inputs of `nodes` and of the nodes before them.
    ///
    /// One walk visits these tensors in the order of their first use, each after everything that it was computed from.
    /// So the last operation met by then is one that the tensor depends on, or at least one that ran before the
    /// tensor's first use. All operations that used the tensor go back before it.
    fn discover(&mut self, mut nodes: Vec<Arc<Node>>) -> Result<()> {
        let mut found = BTreeMap::new();
        while let Some(node) = nodes.pop() {
            if !self.discovered.insert(node.order) {
                continue;
            }
            for (number, input) in node.inputs().iter().enumerate() {
                if let Some(output) = node::of(input) {
                    nodes.push(Arc::clone(&output.node));
                } else if input.track_op()
                    && !input.is_variable()
                    && !self.places.contains_key(&input.id())
                {
                    found.insert((node.order, number), input.clone());
                }
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let ids: HashSet<TensorId> = found.values().map(Tensor::id).collect();
        let root = walk::root(found.values().map(|x| (x, None)))?;
        let mut before = 0;
        for tensor in self.walks.from(&root)?.into_iter().rev() {
            if let Some(output) = node::of(tensor) {
                before = before.max(output.node.order);
            }
            if ids.contains(&tensor.id()) {
                let number = self.places.len();
                self.places.insert(tensor.id(), Place { before, number });
            }
        }
        Ok(())
    }

    /// Runs candle's pass from the tensors that wait for the operation of this order, the last of all, and from those
    /// that are visited on the way.
    fn on_from_candles(&mut self, before: u64) -> Result<()> {
        let these = self.candles.split_off(&Place { before, number: 0 });
        let mut starts: Vec<(Tensor, Gradient)> = these.into_values().collect();
        let root_of = |starts: &[(Tensor, Gradient)]| {
            walk::root(
                starts
                    .iter()
                    .map(|(x, gradient)| (x, Some(&gradient.tensor))),
            )
        };
        let root = root_of(&starts)?;
        let nodes = self.walks.from(&root)?;
        let places = nodes.iter().filter_map(|x| self.places.get(&x.id()));
        let on_the_way: Vec<_> = places
            .filter_map(|place| self.candles.remove(place))
            .collect();
        let leaves = leaves(&nodes);
        if on_the_way.is_empty() {
            return self.through_candle(&root, &leaves);
        }
        starts.extend(on_the_way);
        self.through_candle(&root_of(&starts)?, &leaves)
    }

    /// Runs candle's pass from `root` through candle's own operations, back to `leaves`.
    fn through_candle(&mut self, root: &Tensor, leaves: &[Tensor]) -> Result<()> {
        let (mut gradients, arrivals) = walk::candles_pass(root)?;
        for leaf in leaves {
            if let Some(gradient) = gradients.remove(leaf) {
                self.give(leaf, gradient)?;
            }
        }
        let nodes = arrivals.iter().map(|arrival| Arc::clone(&arrival.node));
        self.discover(nodes.collect())?;
        for Arrival { y, dy, .. } in arrivals {
            self.give(&y, dy)?;
        }
        Ok(())
    }
}

/// The variables among `nodes`.
fn leaves(nodes: &[&Tensor]) -> Vec<Tensor> {
    let leaves = nodes.iter().filter(|tensor| tensor.is_variable());
    leaves.map(|&leaf| leaf.clone()).collect()
}

#[cfg(test)]
mod tests;

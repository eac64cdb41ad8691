//! Candle's graph: its own backward pass, started at several tensors at once, and how often its tensors are visited.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId, bail};

use super::custom::seed;
use super::node::Node;

/// How often the passes may visit a tensor that candle computed, on average.
///
/// In a network of n blocks, each with a node and a sum that candle computes, every block starts a pass over the blocks
/// before it: n / 2 visits of each tensor. The deepest networks in use have some hundred such blocks (GPT-2 XL: 96
/// sums, ResNet-152: 50), so 64 visits let them through with all their sums left to candle. Only a recurrence has more
/// steps than that. It is refused after 64 times the work that it would take with a boundary, whatever its number of
/// steps.
const MOST_VISITS: usize = 64;

/// What has been visited.
#[derive(Default)]
pub(super) struct Walks {
    pub(super) visits: usize,
    tensors: HashSet<TensorId>,
}

impl Walks {
    /// All tensors that candle computed `root` from, back to the ends of its graph; each comes before those that it was
    /// computed from.
    ///
    /// # Errors
    /// If the tensors have been visited too often.
    pub(super) fn from<'a>(&mut self, root: &'a Tensor) -> Result<Vec<&'a Tensor>> {
        let nodes = root.sorted_nodes();
        self.visits += nodes.len();
        self.tensors.extend(nodes.iter().map(|tensor| tensor.id()));
        if self.visits > MOST_VISITS * self.tensors.len() {
            bail!(
                "backward: found tensors that candle computed visited more than {MOST_VISITS} times each, as by a \
                 recurrence in candle's operations with layers in its steps; wanted a time that grows with the steps \
                 alone: apply d2l_nn::boundary to the state in each step, and to what candle computed once for all steps"
            );
        }
        Ok(nodes)
    }
}

/// The scalar that candle's pass starts from to hand each of `starts` its gradient. Without gradients it only serves as
/// the start of a walk.
pub(super) fn root<'a>(
    starts: impl Iterator<Item = (&'a Tensor, Option<&'a Tensor>)>,
) -> Result<Tensor> {
    let seeds = starts.map(|(x, gradient)| seed(x, gradient));
    let mut seeds: Vec<Tensor> = seeds.collect::<Result<_>>()?;
    match seeds.len() {
        1 => Ok(seeds.remove(0)),
        _ => Tensor::cat(&seeds, 0),
    }
}

/// The output `y` of a recorded operation, and the part of its gradient that one pass of candle's found.
pub(super) struct Arrival {
    pub(super) node: Arc<Node>,
    pub(super) y: Tensor,
    pub(super) dy: Tensor,
}

thread_local! {
    /// The recorded operations that candle's pass has reached.
    static ARRIVED: RefCell<Option<Vec<Arrival>>> = const { RefCell::new(None) };
}

/// Candle's pass from `root`: gradients of variables, and the recorded operations that it reached.
pub(super) fn candles_pass(root: &Tensor) -> Result<(GradStore, Vec<Arrival>)> {
    let outer = ARRIVED.replace(Some(Vec::new()));
    let gradients = root.backward();
    let arrived = ARRIVED.replace(outer);
    Ok((gradients?, arrived.unwrap_or_default()))
}

/// Notes that candle's pass has reached the output `y` of `node`.
///
/// # Errors
/// If the pass isn't part of [`backward`](super::backward()).
pub(super) fn arrive(node: &Arc<Node>, y: &Tensor, dy: &Tensor) -> Result<()> {
    ARRIVED.with_borrow_mut(|arrived| match arrived {
        Some(arrived) => {
            arrived.push(Arrival { node: Arc::clone(node), y: y.clone(), dy: dy.clone() });
            Ok(())
        }
        None => bail!(
            "found loss.backward(), wanted d2l_nn::backward(&loss): it knows the layers' gradients"
        ),
    })
}

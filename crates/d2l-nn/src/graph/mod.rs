//! How a loss finds its parameters: candle's graph, ours, and where they meet.
//!
//! Candle keeps its own graph, and keeps it private: a tensor knows the operation and the tensors that it was computed
//! from, and candle's backward pass goes from a tensor through all of them, back to the variables. Our operations are
//! recorded in a second graph: a [`Node`](node::Node) knows its operation and its inputs. To candle, the output of a
//! node is computed from a token: a variable that stands for everything that the output was computed from.
//!
//! This is a loss of `flatten(relu(linear(x, w, b))) * v`, with `flatten` and `*` from candle and the rest from this
//! crate. Candle knows the solid lines, this crate the dashed ones.
//!
//! ```text
//!    candle's graph                         our graph
//!
//!    x    w    b
//!    + - -+- - + - - - - - inputs - - - -> Node linear
//!                                             |
//!    token ---- y1 <- - -  output - - - - - - +
//!               + - - - -  input  - - - -> Node relu
//!                                             |
//!    token ---- y2 <- - -  output - - - - - - +
//!               |
//!            flatten
//!               |
//!               * ---- v
//!               |
//!               p
//!               + - - - -  input  - - - -> Node mse_loss
//!                                             |
//!    token --- loss <- - - output - - - - - - +
//! ```
//!
//! [`backward()`] starts at the loss and visits the nodes in the reverse order of their computation. `y1` is the output
//! of one node and the input of another, so its gradient is handed on. `p` is an input that candle computed: candle's
//! own pass runs from `p`, finds the gradient of `v`, and ends at the token of `y2`, where it tells us the gradient of
//! `y2`. Node `relu` goes on from there.
//!
//! Candle's pass cannot be stopped before its graph ends. A recurrence in candle's operations is one long piece of that
//! graph. If each step has a node in it too, each node starts a pass over all the steps before it, and the time grows
//! with the square of the steps:
//!
//! ```text
//!    h0 --------- * --------- h1 --------- * --------- h2 --------- * --------- h3
//!     + -> Node -- y0          + -> Node -- y1          + -> Node -- y2
//! ```
//!
//! Here candle computes each product of h and y. From h2 candle's pass goes to h1 and h0, from h1 to h0 again.
//! [`boundary()`] turns a tensor into the output of a node. A recurrence that applies it to h in each step is cut into
//! pieces of one step, and the time grows in proportion to the steps. Without it, a recurrence of many steps is an
//! error.
//!
//! Reading order: [`operation`] (what an operation is), [`apply`](mod@apply) (how it runs on tensors), [`node`] (what
//! is recorded), [`custom`] (what candle is told of it), [`definition`] (operations where there are no kernels),
//! [`backward`](mod@backward) (the order of the passes),
//! [`walk`] (candle's part of them), [`boundary`](mod@boundary), [`no_grad`](mod@no_grad) (when nothing is recorded).

mod apply;
mod backward;
mod boundary;
mod custom;
mod definition;
mod no_grad;
mod node;
mod operation;
mod walk;

pub(crate) use apply::{apply, apply_all};
pub use backward::backward;
pub use boundary::boundary;
pub(crate) use definition::define;
pub use no_grad::no_grad;
pub(crate) use no_grad::{input, tracks};
pub(crate) use operation::{
    Backward, Gradient, Input, Operation, Outputs, and_perhaps_one, exactly,
};

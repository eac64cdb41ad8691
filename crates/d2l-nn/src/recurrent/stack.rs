//! Layers and directions of a recurrent layer: parameters, states, dropout between layers.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use d2l_kernels::recurrent::LastGate;

use super::RecurrentOptions;
use super::cell::{Composed, State};
use super::sequence::{self, Parameters};
use crate::observe::{Sees, is_observed, report_layer};
use crate::{Dropout, Initializer, Mode, add, batch_first, concat};

/// All layers and directions.
#[derive(Clone, Debug)]
pub(super) struct Stack<C> {
    /// The prefix of the parameters.
    name: String,
    cell: C,
    input_size: usize,
    hidden_size: usize,
    options: RecurrentOptions,
    /// Layer by layer, forward before backward.
    directions: Vec<Direction>,
    /// After each layer but the last.
    dropouts: Vec<Dropout>,
}

/// The parameters of one layer and direction, as PyTorch has them.
#[derive(Clone, Debug)]
struct Direction {
    w_ih: Tensor,
    w_hh: Tensor,
    /// b_ih and b_hh
    biases: Option<(Tensor, Tensor)>,
    peepholes: Option<Tensor>,
}

impl<C: Composed> Stack<C> {
    pub fn new(
        cell: C,
        (input_size, hidden_size): (usize, usize),
        options: RecurrentOptions,
        initializer: &Initializer,
        vb: VarBuilder,
    ) -> Result<Self> {
        if input_size == 0 || hidden_size == 0 || options.num_layers == 0 {
            bail!(
                "{}: found {} layers of {hidden_size} units and {input_size} inputs, wanted 1 of each at least",
                C::NAME,
                options.num_layers
            );
        }
        let mut directions = Vec::new();
        let mut dropouts = Vec::new();
        let reverse: &[&str] = if options.bidirectional {
            &["", "_reverse"]
        } else {
            &[""]
        };
        for layer in 0..options.num_layers {
            let inputs = if layer == 0 {
                input_size
            } else {
                hidden_size * reverse.len()
            };
            for suffix in reverse {
                let name = |what: &str| format!("{what}_l{layer}{suffix}");
                directions.push(Direction::new(
                    cell,
                    (inputs, hidden_size),
                    options.bias,
                    initializer,
                    &vb,
                    name,
                )?);
            }
            if layer + 1 < options.num_layers {
                dropouts.push(Dropout::new(
                    options.dropout,
                    vb.pp(format!("dropout_l{layer}")).prefix(),
                )?);
            }
        }
        Ok(Self {
            name: vb.prefix(),
            cell,
            input_size,
            hidden_size,
            options,
            directions,
            dropouts,
        })
    }

    /// Outputs, final h and, if the cell has one, final c.
    pub fn forward(
        &self,
        x: &Tensor,
        h: Option<&Tensor>,
        c: Option<&Tensor>,
        mode: Mode,
    ) -> Result<(Tensor, Tensor, Option<Tensor>)> {
        let input = x;
        let mut x = match *x.dims() {
            [first, second, features] if first > 0 && second > 0 && features == self.input_size => {
                if self.options.batch_first {
                    batch_first(x)?
                } else {
                    x.clone()
                }
            }
            _ => bail!(
                "{}: found an input of shape {:?}, wanted [{}, {}] with one step and one example at least",
                C::NAME,
                x.dims(),
                if self.options.batch_first {
                    "batch, steps"
                } else {
                    "steps, batch"
                },
                self.input_size
            ),
        };
        let batch = x.dim(1)?;
        let wanted = [self.directions.len(), batch, self.hidden_size];
        for state in [h, c].into_iter().flatten() {
            if state.dims() != wanted {
                bail!(
                    "{}: found a state of shape {:?}, wanted {wanted:?}: [layers · directions, batch, hidden]",
                    C::NAME,
                    state.dims()
                );
            }
        }
        let zeros = Tensor::zeros((batch, self.hidden_size), x.dtype(), x.device())?;
        let initial = |state: Option<&Tensor>, i: usize| match state {
            Some(state) => state.get(i),
            None => Ok(zeros.clone()),
        };
        let per_layer = if self.options.bidirectional { 2 } else { 1 };
        let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
        for (layer, directions) in self.directions.chunks(per_layer).enumerate() {
            let mut outputs = Vec::new();
            for (i, direction) in directions.iter().enumerate() {
                let number = layer * per_layer + i;
                let past = State {
                    h: initial(h, number)?,
                    c: if C::HAS_CELL {
                        Some(initial(c, number)?)
                    } else {
                        None
                    },
                };
                let parameters = direction.parameters(self.cell)?;
                let (y, last) = sequence::run(self.cell, &x, &parameters, &past, i == 1)?;
                outputs.push(y);
                last_h.push(last.h);
                last_c.extend(last.c);
            }
            x = match outputs.as_slice() {
                [one] => one.clone(),
                both => concat(&both.iter().collect::<Vec<_>>(), 2)?,
            };
            if let Some(dropout) = self.dropouts.get(layer) {
                x = dropout.dropped(&x, mode)?;
            }
        }
        if self.options.batch_first {
            x = batch_first(&x)?;
        }
        if is_observed() {
            self.report(input, &x)?;
        }
        let c = if C::HAS_CELL {
            Some(Tensor::stack(&last_c, 0)?)
        } else {
            None
        };
        Ok((x, Tensor::stack(&last_h, 0)?, c))
    }

    /// Reports the outputs `y` for the inputs `x`, with the batch first.
    fn report(&self, x: &Tensor, y: &Tensor) -> Result<()> {
        let y = match self.options.batch_first {
            true => y.clone(),
            false => y.transpose(0, 1)?,
        };
        let (batch, steps, _) = y.dims3()?;
        let weights = self.directions.iter();
        let weights =
            weights.map(|direction| direction.w_ih.elem_count() + direction.w_hh.elem_count());
        let multiply_adds = batch * steps * weights.sum::<usize>();
        report_layer(&self.name, x, &y, Sees::All, multiply_adds);
        Ok(())
    }
}

impl Direction {
    fn new<C: Composed>(
        cell: C,
        (inputs, hidden): (usize, usize),
        with_bias: bool,
        initializer: &Initializer,
        vb: &VarBuilder,
        name: impl Fn(&str) -> String,
    ) -> Result<Self> {
        let rows = C::GATES * hidden;
        // PyTorch's rule depends on the units, not on the inputs.
        let weight = |fan_in: usize| -> Init {
            match initializer {
                Initializer::PytorchDefault => initializer.weight(hidden, rows),
                _ => initializer.weight(fan_in, rows),
            }
        };
        let bias = |what: &str| vb.get_with_hints(rows, &name(what), initializer.bias(hidden));
        let w_ih = vb.get_with_hints((rows, inputs), &name("weight_ih"), weight(inputs))?;
        let w_hh = vb.get_with_hints((rows, hidden), &name("weight_hh"), weight(hidden))?;
        let biases = if with_bias {
            Some((bias("bias_ih")?, bias("bias_hh")?))
        } else {
            None
        };
        let peepholes = if cell.further() > 0 && cell.last_gate() == LastGate::Added {
            let n = cell.further() * hidden;
            Some(vb.get_with_hints(n, &name("weight_peephole"), weight(hidden))?)
        } else {
            None
        };
        Ok(Self { w_ih, w_hh, biases, peepholes })
    }

    /// With the two biases added, except those of the last gate if the reset gate multiplies one of them.
    fn parameters<C: Composed>(&self, cell: C) -> Result<Parameters> {
        let (rows, hidden) = self.w_hh.dims2()?;
        let zeros = |n: usize| Tensor::zeros(n, self.w_hh.dtype(), self.w_hh.device());
        let (bias, further) = match (&self.biases, cell.last_gate()) {
            (None, LastGate::ResetAfter) => (zeros(rows)?, Some(zeros(hidden)?)),
            (None, _) => (zeros(rows)?, self.peepholes.clone()),
            (Some((b_ih, b_hh)), LastGate::ResetAfter) => {
                let added = b_hh.narrow(0, 0, rows - hidden)?;
                let added = Tensor::cat(&[added, zeros(hidden)?], 0)?;
                (
                    add(b_ih, &added)?,
                    Some(b_hh.narrow(0, rows - hidden, hidden)?),
                )
            }
            (Some((b_ih, b_hh)), _) => (add(b_ih, b_hh)?, self.peepholes.clone()),
        };
        Ok(Parameters {
            w_ih: self.w_ih.clone(),
            w_hh: self.w_hh.clone(),
            bias,
            further,
        })
    }
}

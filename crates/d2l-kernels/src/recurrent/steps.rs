//! Groups of rows go through all steps, forward and back.

use super::cell::{Backward, Cell, Forward, LastGate, Weights};
use super::gradients;
use super::rows::{self, Group, Inputs, Sizes};
use crate::{Matrix, Panels, Real, multiply_shared};

/// What the backward pass needs from the forward pass. Empty if it was not asked for.
#[derive(Default)]
pub struct Kept<T> {
    gates: Vec<T>,
    more: Vec<T>,
}

/// The gradients of the inputs of the operation.
pub struct Gradients<T> {
    /// Of x.
    pub x: Option<Vec<T>>,
    /// Of w_ih, w_hh, bias and further.
    pub parameters: Option<[Vec<T>; 4]>,
    /// Of h before the first step.
    pub h: Vec<T>,
    /// Of c before the first step.
    pub c: Vec<T>,
}

/// A layer and direction.
pub struct Steps<C> {
    pub cell: C,
    pub reverse: bool,
}

impl<C: Cell> Steps<C> {
    /// Gates whose recurrent product comes first.
    pub fn first_gates(&self, sizes: Sizes) -> usize {
        match self.cell.last_gate() {
            LastGate::Added => sizes.gates,
            LastGate::ResetAfter | LastGate::ResetBefore => sizes.gates - sizes.hidden,
        }
    }

    /// The outputs, the last c, and what is kept, if the operation `keeps` anything.
    pub fn outputs<T: Real>(&self, inputs: &Inputs<T>, keeps: bool) -> (Vec<T>, Vec<T>, Kept<T>) {
        let sizes = inputs.sizes;
        let rows = sizes.steps * sizes.batch;
        let room =
            |wanted: bool, width: usize| vec![T::ZERO; if wanted { rows * width } else { 0 }];
        let mut gates = room(keeps && C::KEEPS_GATES, sizes.gates);
        let mut more = room(keeps && C::KEEPS_MORE, sizes.hidden);
        let mut y = room(true, sizes.hidden);
        let mut c = inputs.c.to_vec();
        let (w, w_last) = inputs.w_hh.split_at(self.first_gates(sizes) * sizes.hidden);
        let weights = Weights {
            first: Panels::of_transpose(w, w.len() / sizes.hidden, sizes.hidden),
            last: Panels::of_transpose(w_last, w_last.len() / sizes.hidden, sizes.hidden),
            further: inputs.further.to_vec(),
        };
        let input = Panels::of_transpose(inputs.w_ih, sizes.gates, sizes.input);
        let groups = rows::groups(
            self.reverse,
            sizes,
            &mut gates,
            &mut more,
            &mut y,
            &mut [],
            &mut c,
        );
        rows::for_each(groups, |group| {
            self.forward_group(inputs, &weights, &input, group)
        });
        (y, c, Kept { gates, more })
    }

    fn forward_group<T: Real>(
        &self,
        inputs: &Inputs<T>,
        weights: &Weights<T>,
        input: &Panels<T>,
        group: Group<T>,
    ) {
        let Sizes { steps, batch, input: features, hidden, .. } = inputs.sizes;
        let Group { rows, mut gates, mut more, mut y, c, .. } = group;
        let n = rows.len();
        let mut gates_of_a_step = vec![
            T::ZERO;
            if gates.is_empty() {
                n * inputs.sizes.gates
            } else {
                0
            }
        ];
        let mut more_of_a_step = vec![
            T::ZERO;
            if more.is_empty() && C::KEEPS_MORE {
                n * hidden
            } else {
                0
            }
        ];
        for step in 0..steps {
            let t = if self.reverse { steps - 1 - step } else { step };
            let (before, now) = y.split_at_mut(step);
            let Some(h) = now.first_mut() else { return };
            let gates = match gates.get_mut(step) {
                Some(gates) => gates,
                None => &mut gates_of_a_step[..],
            };
            gates
                .chunks_exact_mut(inputs.sizes.gates)
                .for_each(|row| row.copy_from_slice(inputs.bias));
            let x = &inputs.x[(t * batch + rows.start) * features..];
            input.add_product(n, (x, features), (gates, inputs.sizes.gates));
            self.cell.forward(Forward {
                rows: n,
                hidden,
                weights,
                h_before: match before.last() {
                    Some(h) => h,
                    None => &inputs.h[rows.start * hidden..rows.end * hidden],
                },
                gates,
                kept: match more.get_mut(step) {
                    Some(more) => more,
                    None => &mut more_of_a_step,
                },
                c,
                h,
            });
        }
    }

    /// The gradients of x and the parameters, if they are `wanted`, and of the state. `dc` is ∂l/∂c after the last
    /// step.
    pub fn gradients<T: Real>(
        &self,
        inputs: &Inputs<T>,
        kept: Kept<T>,
        [y, dy]: [&[T]; 2],
        mut dc: Vec<T>,
        wanted: [bool; 2],
    ) -> Gradients<T> {
        let sizes = inputs.sizes;
        let Kept { mut gates, mut more } = kept;
        if !C::KEEPS_GATES {
            gates = vec![T::ZERO; sizes.steps * sizes.batch * sizes.gates];
        }
        let mut dh = vec![T::ZERO; sizes.batch * sizes.hidden];
        let (w, w_last) = inputs.w_hh.split_at(self.first_gates(sizes) * sizes.hidden);
        let weights = Weights {
            first: Panels::new(w, w.len() / sizes.hidden, sizes.hidden),
            last: Panels::new(w_last, w_last.len() / sizes.hidden, sizes.hidden),
            further: inputs.further.to_vec(),
        };
        let groups = rows::groups(
            self.reverse,
            sizes,
            &mut gates,
            &mut more,
            &mut [],
            &mut dh,
            &mut dc,
        );
        rows::for_each(groups, |group| {
            self.backward_group(inputs, &weights, y, dy, group)
        });

        let d_gates = Matrix::new(&gates, sizes.steps * sizes.batch, sizes.gates);
        let [wants_x, wants_parameters] = wanted;
        let x = wants_x.then(|| {
            let mut dx = vec![T::ZERO; inputs.x.len()];
            let w_ih = Matrix::new(inputs.w_ih, sizes.gates, sizes.input);
            multiply_shared(d_gates, w_ih, &mut dx, sizes.input);
            dx
        });
        let parameters =
            wants_parameters.then(|| gradients::of_parameters(self, inputs, &gates, &more, y));
        Gradients { x, parameters, h: dh, c: dc }
    }

    fn backward_group<T: Real>(
        &self,
        inputs: &Inputs<T>,
        weights: &Weights<T>,
        y: &[T],
        dy: &[T],
        group: Group<T>,
    ) {
        let Sizes { steps, batch, hidden, .. } = inputs.sizes;
        let Group { rows, mut gates, mut more, h: dh, c: dc, .. } = group;
        let of_state = rows.start * hidden..rows.end * hidden;
        let at = |t: usize| (t * batch + rows.start) * hidden..(t * batch + rows.end) * hidden;
        let time = |step: usize| if self.reverse { steps - 1 - step } else { step };
        for (step, gates) in gates.iter_mut().enumerate().rev() {
            let kept = step.min(more.len());
            let (more_before, more_now) = more.split_at_mut(kept);
            self.cell.backward(Backward {
                rows: rows.len(),
                hidden,
                weights,
                h_before: match step {
                    0 => &inputs.h[of_state.clone()],
                    _ => &y[at(time(step - 1))],
                },
                h: &y[at(time(step))],
                c_before: match more_before.last() {
                    Some(c) if C::HAS_CELL => c,
                    _ if C::HAS_CELL => &inputs.c[of_state.clone()],
                    _ => &[],
                },
                dy: &dy[at(time(step))],
                gates,
                kept: match more_now.first_mut() {
                    Some(more) => more,
                    None => &mut [],
                },
                dh,
                dc,
            });
        }
    }
}

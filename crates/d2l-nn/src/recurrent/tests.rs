//! Tests of the recurrent layers; PyTorch's numbers are in `tests/golden_recurrent.rs`.

use candle_core::{DType, Device, Result, Tensor, Var};

use d2l_kernels::recurrent::Peepholes;

use super::cell::{Composed, State};
use super::sequence::{self, Parameters};
use super::*;
use crate::testing::{check_gradients, filled};

const CPU: Device = Device::Cpu;

/// (steps, batch, features, hidden)
const SIZES: [(usize, usize, usize, usize); 5] = [
    (1, 1, 1, 1),
    (1, 3, 2, 3),
    (3, 1, 2, 5),
    (4, 5, 3, 2),
    (2, 9, 1, 4),
];

fn var(shape: &[usize], salt: u32, dtype: DType) -> Result<Var> {
    Var::from_tensor(&filled(shape, salt, 1.5, dtype, &CPU)?)
}

/// Every input of a sequence as a variable: x, w_ih, w_hh, bias, h, and further parameters and c if there are any.
struct Case<C> {
    cell: C,
    vars: Vec<Var>,
    reverse: bool,
}

impl<C: Composed> Case<C> {
    fn new(
        cell: C,
        size: (usize, usize, usize, usize),
        reverse: bool,
        dtype: DType,
    ) -> Result<Self> {
        let (steps, batch, features, hidden) = size;
        let gates = C::GATES * hidden;
        let mut vars = vec![
            var(&[steps, batch, features], 1, dtype)?,
            var(&[gates, features], 2, dtype)?,
            var(&[gates, hidden], 3, dtype)?,
            var(&[gates], 4, dtype)?,
            var(&[batch, hidden], 5, dtype)?,
        ];
        if cell.further() > 0 {
            vars.push(var(&[cell.further() * hidden], 6, dtype)?);
        }
        if C::HAS_CELL {
            vars.push(var(&[batch, hidden], 7, dtype)?);
        }
        Ok(Self { cell, vars, reverse })
    }

    fn parts(&self) -> (Parameters, State) {
        let tensor = |i: usize| self.vars[i].as_tensor().clone();
        let parameters = Parameters {
            w_ih: tensor(1),
            w_hh: tensor(2),
            bias: tensor(3),
            further: (self.cell.further() > 0).then(|| tensor(5)),
        };
        let past = State {
            h: tensor(4),
            c: C::HAS_CELL.then(|| tensor(self.vars.len() - 1)),
        };
        (parameters, past)
    }

    fn run(&self, composed: bool) -> Result<(Tensor, State)> {
        let (parameters, past) = self.parts();
        let run = if composed {
            sequence::composed
        } else {
            sequence::run
        };
        run(self.cell, &self.vars[0], &parameters, &past, self.reverse)
    }

    /// A loss of all outputs.
    fn loss(&self, composed: bool) -> Result<Tensor> {
        let (y, last) = self.run(composed)?;
        let weights = filled(y.shape(), 8, 2.0, y.dtype(), &CPU)?;
        let loss = ((y * weights)?.sum_all()? + last.h.sqr()?.sum_all()?)?;
        match last.c {
            Some(c) => loss + (c.sqr()? * 0.5)?.sum_all()?,
            None => Ok(loss),
        }
    }
}

fn check<C: Composed>(cell: C) -> anyhow::Result<()> {
    for size in SIZES {
        for reverse in [false, true] {
            let case = Case::new(cell, size, reverse, DType::F64)?;
            check_gradients(&case.vars, || case.loss(false), 1e-7).map_err(|error| {
                error.context(format!("{cell:?}, {size:?}, reverse: {reverse}"))
            })?;
        }
    }
    // against the definition, in sizes with several groups, several panels and a rest
    for (size, dtype, tolerance) in [
        ((4, 13, 5, 50), DType::F64, 1e-11),
        ((3, 131, 3, 17), DType::F64, 1e-11),
        ((5, 40, 60, 101), DType::F32, 2e-3),
    ] {
        for reverse in [false, true] {
            let case = Case::new(cell, size, reverse, dtype)?;
            let (kernel, definition) = (case.loss(false)?, case.loss(true)?);
            let mut pairs = vec![
                (kernel.clone(), definition.clone()),
                (case.run(false)?.0, case.run(true)?.0),
            ];
            let (kernel, definition) = (crate::backward(&kernel)?, crate::backward(&definition)?);
            for var in &case.vars {
                let of = |store: &candle_core::backprop::GradStore| store.get(var).cloned();
                pairs.push((
                    of(&kernel).expect("a gradient"),
                    of(&definition).expect("a gradient"),
                ));
            }
            for (i, (a, b)) in pairs.iter().enumerate() {
                let off = (a - b)?
                    .abs()?
                    .flatten_all()?
                    .max(0)?
                    .to_dtype(DType::F64)?
                    .to_scalar::<f64>()?;
                let scale = b
                    .abs()?
                    .flatten_all()?
                    .max(0)?
                    .to_dtype(DType::F64)?
                    .to_scalar::<f64>()?;
                assert!(
                    off <= tolerance * scale.max(1.0),
                    "{cell:?}, {size:?}, {reverse}, part {i}: {off} of {scale}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn the_simple_layer_is_right() -> anyhow::Result<()> {
    check(Nonlinearity::Tanh)?;
    check(Nonlinearity::Relu)
}

#[test]
fn gated_recurrent_units_are_right() -> anyhow::Result<()> {
    check(Reset::AfterProduct)?;
    check(Reset::BeforeProduct)
}

#[test]
fn long_short_term_memory_is_right() -> anyhow::Result<()> {
    check(Peepholes(false))?;
    check(Peepholes(true))
}

//! Mixed precision: products of matrices and convolutions in 16 bits, everything else in f32. Micikevicius et al. 2018,
//! arXiv:1710.03740.
//!
//! A GPU multiplies 16-bit numbers many times as fast as f32, and adds the products in f32. So the layers' products
//! round their inputs to 16 bits and their outputs, and the same happens to the gradients on the way back. Parameters,
//! normalisation, softmax, losses and optimizers stay in f32, where small changes would be lost in 16 bits. PyTorch's
//! `torch.autocast` chooses the same operations; unlike there, an output returns to f32 at once, so that the operation
//! behind it takes it as it is.
//!
//! The CPU's kernels multiply f32. They get the rounded numbers, and their outputs are rounded: what a GPU computes, but
//! for the order of a sum, at the price of the rounding.

use std::cell::Cell;
use std::fmt::{self, Display};
use std::str::FromStr;

use anyhow::bail;
use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::graph::{self, exactly};
use crate::kernel;

/// The type of numbers in which layers multiply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f32, as everything else.
    #[default]
    F32,
    /// bf16: the range of f32 with 8 significant bits.
    Bf16,
    /// f16: 11 significant bits, from 6e-8 to 65504. Gradients are smaller than that, unless the loss is scaled.
    F16,
}

impl Precision {
    /// Whether all is computed in f32.
    pub fn is_f32(&self) -> bool {
        *self == Self::F32
    }

    /// The type that products round to.
    fn narrow_type(self) -> Option<DType> {
        match self {
            Self::F32 => None,
            Self::Bf16 => Some(DType::BF16),
            Self::F16 => Some(DType::F16),
        }
    }
}

impl Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

impl FromStr for Precision {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "f16" => Ok(Self::F16),
            other => bail!("found {other:?}, wanted f32, bf16 or f16"),
        }
    }
}

thread_local! {
    /// What the products of this thread's layers round to.
    static NARROW: Cell<Option<DType>> = const { Cell::new(None) };
}

/// Calls `f`; products of f32 tensors on this thread are computed in `precision`. However `f` ends, the precision from
/// before is back afterwards.
pub fn in_precision<R>(precision: Precision, f: impl FnOnce() -> R) -> R {
    struct Before(Option<DType>);
    impl Drop for Before {
        fn drop(&mut self) {
            NARROW.set(self.0);
        }
    }
    let _before = Before(NARROW.replace(precision.narrow_type()));
    f()
}

/// Whether a product with the factor `x` is to round its inputs, by [`narrowed`], and its output, by [`widened`].
pub(crate) fn narrows(x: &Tensor) -> bool {
    NARROW.get().is_some() && x.dtype() == DType::F32
}

/// An input of a product, rounded; still of type f32 if a kernel takes it.
pub(crate) fn narrowed(x: &Tensor) -> Result<Tensor> {
    match NARROW.get() {
        None => Ok(x.clone()),
        Some(dtype) => match kernel::has_kernel(x) {
            true => graph::input(x).to_dtype(dtype)?.to_dtype(DType::F32),
            false => converted("narrowed", x, dtype),
        },
    }
}

/// The output of a product, rounded, in f32.
pub(crate) fn widened(y: &Tensor) -> Result<Tensor> {
    match NARROW.get() {
        None => Ok(y.clone()),
        Some(dtype) => match kernel::has_kernel(y) {
            true => graph::input(y).to_dtype(dtype)?.to_dtype(DType::F32),
            false => converted("widened", y, DType::F32),
        },
    }
}

/// x in another type, whose gradient is converted back.
fn converted(name: &'static str, x: &Tensor, dtype: DType) -> Result<Tensor> {
    let from = x.dtype();
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        Ok((x.to_dtype(dtype)?, []))
    };
    graph::define(name, &[x], forward, move |known| {
        Ok(vec![Some(known.dy.to_dtype(from)?)])
    })
}

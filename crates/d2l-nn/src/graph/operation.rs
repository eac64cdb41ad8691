//! An operation with a kernel on the CPU, as its own file writes it: numbers in, numbers out.

use candle_core::{Result, Shape, bail};

use crate::kernel::{Kernels, Real};

/// An operation of any number of tensors, in f32 and f64 alike.
///
/// What gets no gradient and is not a number of the kernel's type, such as classes, ids, masks and sizes, is a field of
/// the operation. [`apply`](super::apply::apply) finds the type, makes the inputs contiguous and records the operation.
pub(crate) trait Operation: Send + Sync + 'static {
    /// What the backward pass needs besides inputs and output. The default is nothing.
    type Kept<T: Real>: Default + Send + 'static;

    /// The name in error messages.
    fn name(&self) -> &'static str;

    /// The outputs, with what the backward pass needs if it `keeps` that. The outputs are the same bits in both cases.
    fn forward<T: Kernels>(
        &self,
        inputs: &[Input<T>],
        keeps: bool,
    ) -> Result<Outputs<T, Self::Kept<T>>>;

    /// The gradient with respect to each input.
    fn backward<T: Kernels>(&self, pass: Backward<T, Self::Kept<T>>) -> Result<Vec<Gradient<T>>>;
}

/// The numbers of a tensor, in row-major order.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a, T> {
    pub data: &'a [T],
    pub dims: &'a [usize],
    pub wants_gradient: bool,
}

impl<T> Input<'_, T> {
    /// What `gradient` returns, if it is wanted.
    pub fn gradient(&self, gradient: impl FnOnce() -> Vec<T>) -> Gradient<T> {
        match self.wants_gradient {
            true => Gradient::New(gradient()),
            false => Gradient::Unwanted,
        }
    }
}

/// `inputs` as the `N` inputs of an operation.
pub(crate) fn exactly<I, const N: usize>(inputs: &[I]) -> Result<&[I; N]> {
    match inputs.try_into() {
        Ok(inputs) => Ok(inputs),
        Err(_) => bail!("found {} inputs, wanted {N}", inputs.len()),
    }
}

/// `inputs` as `N` inputs, and one more if there are so many.
pub(crate) fn and_perhaps_one<I, const N: usize>(inputs: &[I]) -> Result<(&[I; N], Option<&I>)> {
    match inputs.split_first_chunk() {
        Some((first, [])) => Ok((first, None)),
        Some((first, [one])) => Ok((first, Some(one))),
        _ => bail!("found {} inputs, wanted {N} or {}", inputs.len(), N + 1),
    }
}

/// What a forward pass returns.
pub(crate) struct Outputs<T, K> {
    pub y: (Vec<T>, Shape),
    /// Outputs besides y.
    pub further: Vec<(Vec<T>, Shape)>,
    pub kept: K,
}

impl<T, K: Default> Outputs<T, K> {
    /// One output, and nothing kept.
    pub fn new(y: Vec<T>, shape: impl Into<Shape>) -> Self {
        Self {
            y: (y, shape.into()),
            further: Vec::new(),
            kept: K::default(),
        }
    }

    pub fn keeping(self, kept: K) -> Self {
        Self { kept, ..self }
    }

    /// One output more.
    pub fn and(mut self, output: Vec<T>, shape: impl Into<Shape>) -> Self {
        self.further.push((output, shape.into()));
        self
    }
}

/// What a backward pass begins with.
pub(crate) struct Backward<'a, T, K> {
    pub inputs: &'a [Input<'a, T>],
    pub y: &'a [T],
    /// The shape of y.
    pub dims: &'a [usize],
    /// ∂l/∂y
    pub dy: &'a [T],
    /// The gradients of the outputs besides y, as far as l depends on them.
    pub further: &'a [Option<&'a [T]>],
    pub kept: K,
}

/// The gradient with respect to an input.
pub(crate) enum Gradient<T> {
    Unwanted,
    New(Vec<T>),
    /// ∂l/∂y itself, without a copy.
    Upstream,
    /// That of the input with this number, one of those before, without a copy.
    SameAs(usize),
}

//! The adaptive softmax: an output layer and its loss for very many classes, most of which are rare. Grave et al. 2017,
//! arXiv:1609.04309; PyTorch's `AdaptiveLogSoftmaxWithLoss`.
//!
//! Classes are numbered by falling frequency and cut into groups. The head chooses among the frequent classes and the
//! other groups; a group's tail chooses within it, from a projection of x that is the narrower the rarer its classes:
//!
//! p_k = head_k                 for the frequent classes,
//! p_k = head_{group i} · tail_{i, k}   for a class k of group i,   tail_i = softmax(W_i2 W_i1 x)
//!
//! The loss -log p_k needs the tail of the class's own group alone. So a minibatch computes each tail only for the rows
//! whose class is in its group, and most rows need none. All probabilities together cost more than one large softmax.

use candle_core::{D, DType, Module, Result, Tensor, bail};
use candle_nn::VarBuilder;

use super::Reduction;
use super::cross_entropy::{CrossEntropyOptions, cross_entropy_with};
use crate::embedding::Embedding;
use crate::linear::{Linear, linear_no_bias};
use crate::{Initializer, concat, log_softmax};

/// An adaptive softmax over `classes` classes of inputs `[N, in_dim]`: `head.weight` `[frequent classes + groups,
/// in_dim]`, and for each group `tail.{i}.0.weight` `[in_dim / div_value^(i + 1), in_dim]` and `tail.{i}.1.weight`, as
/// in PyTorch, without biases.
///
/// The first of `cutoffs` is the number of frequent classes; each further one ends a group, and the last group ends with
/// the classes. Without cutoffs it is a softmax over all classes.
///
/// # Errors
/// If the cutoffs don't rise from 1 to below `classes`, or a projection would have no outputs.
pub fn adaptive_softmax(
    (in_dim, classes): (usize, usize),
    cutoffs: &[usize],
    div_value: usize,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<AdaptiveSoftmax> {
    let ends = [cutoffs, &[classes]].concat();
    let rising = ends.windows(2).all(|pair| pair.first() < pair.last());
    if !rising || ends.first() == Some(&0) {
        bail!(
            "adaptive_softmax: found cutoffs {cutoffs:?}, wanted rising ones from 1 to below the number of classes, \
             {classes}"
        );
    }
    let frequent = ends.first().copied().unwrap_or(classes);
    let head_dim = frequent + cutoffs.len();
    let head = linear_no_bias(in_dim, head_dim, initializer, vb.pp("head"))?;
    let mut tails = Vec::with_capacity(cutoffs.len());
    let mut narrow = in_dim;
    for (number, (&first, &end)) in ends.iter().zip(ends.iter().skip(1)).enumerate() {
        narrow /= div_value.max(1);
        if narrow == 0 {
            bail!(
                "adaptive_softmax: {in_dim} inputs divided by {div_value} in each of {} groups leave none, wanted fewer \
                 groups or a smaller divisor",
                cutoffs.len()
            );
        }
        let vb = vb.pp("tail").pp(number);
        tails.push(Tail {
            classes: first as u32..end as u32,
            projection: linear_no_bias(in_dim, narrow, initializer, vb.pp(0))?,
            output: linear_no_bias(narrow, end - first, initializer, vb.pp(1))?,
        });
    }
    Ok(AdaptiveSoftmax { frequent: frequent as u32, head, tails })
}

/// See [`adaptive_softmax`].
#[derive(Clone, Debug)]
pub struct AdaptiveSoftmax {
    frequent: u32,
    head: Linear,
    tails: Vec<Tail>,
}

/// The output layer of a group of rarer classes.
#[derive(Clone, Debug)]
struct Tail {
    classes: std::ops::Range<u32>,
    projection: Linear,
    output: Linear,
}

impl Tail {
    /// `[n, in_dim] -> [n, classes of the group]`: logits.
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        self.output.forward(&self.projection.forward(x)?)
    }
}

impl AdaptiveSoftmax {
    /// The mean over the rows of -log p of the row's class: `[N, in_dim]` and classes `[N]` (u32) to a scalar.
    ///
    /// The classes are read back from the device, which decides the shapes of what is computed; so does PyTorch.
    ///
    /// # Errors
    /// If the shapes don't fit or a class doesn't exist.
    pub fn loss(&self, x: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let (rows, _) = x.dims2()?;
        let classes: Vec<u32> = targets.to_dtype(DType::U32)?.to_vec1()?;
        if classes.len() != rows {
            bail!(
                "adaptive_softmax: found {} classes for {rows} rows, wanted one for each",
                classes.len()
            );
        }
        let sum = |logits: &Tensor, classes: Vec<u32>| {
            let targets = Tensor::new(classes, x.device())?;
            let options = CrossEntropyOptions { reduction: Reduction::Sum, ..Default::default() };
            cross_entropy_with(logits, &targets, options)
        };
        let in_head = classes.iter().map(|&class| self.class_in_head(class));
        let mut loss = sum(&self.head.forward(x)?, in_head.collect::<Result<_>>()?)?;
        for tail in &self.tails {
            let own = (0u32..).zip(&classes);
            let own = own.filter(|(_, class)| tail.classes.contains(class));
            let (rows, own): (Vec<u32>, Vec<u32>) = own
                .map(|(row, class)| (row, class - tail.classes.start))
                .unzip();
            if !own.is_empty() {
                let rows = Tensor::new(rows, x.device())?;
                let x = Embedding::new(x.clone(), None)?.look_up(&rows)?; // [n, in_dim]
                loss = (loss + sum(&tail.logits(&x)?, own)?)?;
            }
        }
        loss / rows as f64
    }

    /// The head's output for a class: its own, or its group's.
    fn class_in_head(&self, class: u32) -> Result<u32> {
        if class < self.frequent {
            return Ok(class);
        }
        let mut tails = self.tails.iter();
        match tails.position(|tail| tail.classes.contains(&class)) {
            Some(group) => Ok(self.frequent + group as u32),
            None => {
                let end = self
                    .tails
                    .last()
                    .map_or(self.frequent, |tail| tail.classes.end);
                bail!("adaptive_softmax: found class {class}, wanted classes from 0 below {end}")
            }
        }
    }

    /// log p of all classes: `[N, in_dim] -> [N, K]`.
    pub fn log_probabilities(&self, x: &Tensor) -> Result<Tensor> {
        let head = log_softmax(&self.head.forward(x)?, D::Minus1)?;
        let mut parts = vec![head.narrow(1, 0, self.frequent as usize)?];
        for (group, tail) in self.tails.iter().enumerate() {
            let of_group = head.narrow(1, self.frequent as usize + group, 1)?; // [N, 1]
            let within = log_softmax(&tail.logits(x)?, D::Minus1)?;
            parts.push(within.broadcast_add(&of_group)?);
        }
        let parts: Vec<&Tensor> = parts.iter().collect();
        concat(&parts, 1)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::ParamStore;
    use crate::testing::{check_gradients, filled};

    const CPU: Device = Device::Cpu;
    const CLASSES: usize = 11;

    fn layer(store: &ParamStore, cutoffs: &[usize]) -> Result<AdaptiveSoftmax> {
        let init = Initializer::PytorchDefault;
        adaptive_softmax((8, CLASSES), cutoffs, 2, &init, store.builder())
    }

    /// With classes in all groups, in one alone, and without groups.
    #[test]
    fn gradients_are_right() -> anyhow::Result<()> {
        for (cutoffs, classes) in [
            (&[3, 7][..], [0u32, 10, 3, 6, 2]),
            (&[3, 7], [9, 8, 7, 8, 10]),
            (&[], [0, 10, 3, 6, 2]),
        ] {
            let store = ParamStore::with_dtype(0, DType::F64, &CPU);
            let layer = layer(&store, cutoffs)?;
            let x = Var::from_tensor(&filled((5, 8), 1, 4.0, DType::F64, &CPU)?)?;
            let targets = Tensor::new(&classes, &CPU)?;
            let parameters = store.parameters().into_iter().map(|(_, variable)| variable);
            // Parameters of a tail that no row needs get no gradient.
            let gradients = crate::backward(&layer.loss(&x, &targets)?)?;
            let mut inputs: Vec<Var> = parameters
                .filter(|variable| gradients.get(variable).is_some())
                .collect();
            let all = 1 + 2 * cutoffs.len();
            assert_eq!(inputs.len(), if classes[0] == 9 { 3 } else { all });
            inputs.push(x.clone());
            check_gradients(&inputs, || layer.loss(&x, &targets), 1e-7)?;
        }
        Ok(())
    }

    #[test]
    fn probabilities_sum_to_one_and_give_the_loss() -> Result<()> {
        let store = ParamStore::with_dtype(0, DType::F64, &CPU);
        let layer = layer(&store, &[3, 7])?;
        let x = filled((CLASSES, 8), 1, 4.0, DType::F64, &CPU)?;
        let log_p = layer.log_probabilities(&x)?;
        assert_eq!(log_p.dims(), [CLASSES, CLASSES]);
        for sum in log_p.exp()?.sum(1)?.to_vec1::<f64>()? {
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
        let targets = Tensor::arange(0u32, CLASSES as u32, &CPU)?;
        let own = log_p.gather(&targets.unsqueeze(1)?, 1)?.mean_all()?;
        let gap = (own + layer.loss(&x, &targets)?)?
            .abs()?
            .to_scalar::<f64>()?;
        assert!(gap < 1e-12, "{gap}");
        Ok(())
    }

    #[test]
    fn bad_cutoffs_and_classes_are_refused() -> Result<()> {
        let store = ParamStore::new(0, &CPU);
        for cutoffs in [&[0][..], &[7, 3], &[CLASSES], &[3, 3]] {
            let error = layer(&store, cutoffs).expect_err("bad cutoffs").to_string();
            assert!(error.contains("wanted rising ones"), "{error}");
        }
        let error = layer(&store, &[1, 2, 3, 4]).expect_err("8 / 2⁴ is 0");
        assert!(error.to_string().contains("wanted fewer groups"), "{error}");
        let layer = layer(&ParamStore::new(0, &CPU), &[3, 7])?;
        let x = filled((1, 8), 1, 4.0, DType::F32, &CPU)?;
        let error = layer.loss(&x, &Tensor::new(&[11u32], &CPU)?);
        let error = error.expect_err("11 of 11").to_string();
        assert!(error.contains("found class 11"), "{error}");
        let error = layer.loss(&x, &Tensor::new(&[1u32, 2], &CPU)?);
        assert!(error.is_err());
        Ok(())
    }
}

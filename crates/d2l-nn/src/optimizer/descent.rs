//! What all optimizers share: groups of parameters, the state kept for each parameter, and the walk through them.

use std::collections::{BTreeMap, HashSet};

use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::joined::{Joined, Member, Memory};
use super::{Optimizer, ParamGroup, State};
use crate::kernel::{self, CHUNK, Number, Real};

/// The largest number of tensors that a rule keeps for one parameter.
pub const MEMORIES: usize = 3;

/// PyTorch's name for the number of a parameter's updates.
const STEP: &str = "step";

/// How one step changes a parameter w by its gradient g.
pub trait Rule: Sync {
    /// PyTorch's names of the tensors kept for each parameter: at most [`MEMORIES`], initially zeros of its shape. They
    /// may depend on the rule's settings.
    fn memories(&self) -> Vec<&'static str>;

    /// Whether PyTorch's state of this rule also holds the number of steps.
    fn counts_steps(&self) -> bool {
        true
    }

    /// Whether weight decay shrinks w directly; if not, λw has been added to the gradient.
    fn decouples_decay(&self) -> bool {
        false
    }

    /// The definition, for any device: returns what is subtracted from w and puts new tensors into `memory`, which is as
    /// long as [`Rule::memories`].
    fn composed(&self, turn: Turn, g: Tensor, memory: &mut [Tensor]) -> Result<Tensor>;

    /// The same in place, weight decay included; inlined into loops for wide vectors. Slices of `memory` that the rule
    /// does not use are empty.
    fn update<T: Real>(&self, turn: Turn, w: &mut [T], g: &[T], memory: [&mut [T]; MEMORIES]);
}

/// The numbers of one update of one parameter.
#[derive(Clone, Copy, PartialEq)]
pub struct Turn {
    /// η, the group's factor included.
    pub learning_rate: f64,
    /// λ of the group.
    pub weight_decay: f64,
    /// This parameter's updates, this one included.
    pub step: u32,
}

/// An optimizer that follows the rule `R`; the rules' own names, such as [`Adam`](super::Adam), are aliases.
pub struct Descent<R> {
    pub(super) rule: R,
    groups: Vec<ParamGroup>,
    learning_rate: f64,
    /// For each parameter in the order of the groups: the tensors that the rule keeps, and the number of updates.
    memory: Vec<Vec<Tensor>>,
    steps: Vec<u32>,
    /// Where there are no kernels, what the last step left of the parameters that it changed together.
    joined: Vec<Memory>,
    /// False only in tests of the definition.
    in_place: bool,
}

impl<R: Rule> Descent<R> {
    pub(super) fn following(rule: R, groups: Vec<ParamGroup>, learning_rate: f64) -> Result<Self> {
        validate(&groups, learning_rate)?;
        let kinds = rule.memories();
        let zeros = |var: &Var| {
            let zeros = |_| Ok(var.zeros_like()?.detach());
            kinds.iter().map(zeros).collect::<Result<Vec<_>>>()
        };
        let memory = flat(&groups)
            .map(|(_, _, var)| zeros(var))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            rule,
            learning_rate,
            steps: vec![0; memory.len()],
            memory,
            groups,
            joined: Vec::new(),
            in_place: true,
        })
    }

    /// The same parameters under a changed rule that keeps the same tensors.
    pub(super) fn with_rule(self, rule: R) -> Self {
        Self { rule, ..self }
    }

    /// The same with the kernel, or with the definition.
    #[cfg(test)]
    pub(super) fn by(self, in_place: bool) -> Self {
        Self { in_place, ..self }
    }
}

impl<R: Rule> Optimizer for Descent<R> {
    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        let mut together = Vec::new();
        let memory = self.memory.iter().zip(&mut self.steps);
        for (number, ((group, name, var), (memory, step))) in
            flat(&self.groups).zip(memory).enumerate()
        {
            let Some(gradient) = gradient(gradients, name, var)? else {
                continue;
            };
            *step += 1;
            let turn = Turn {
                learning_rate: self.learning_rate * group.learning_rate_factor,
                weight_decay: group.weight_decay,
                step: *step,
            };
            if !(self.in_place && kernel::has_kernel(var)) {
                Joined::add(&mut together, turn, Member { number, var, gradient });
            } else if var.dtype() == DType::F64 {
                in_place::<f64>(&self.rule, turn, var, &gradient, memory)?;
            } else {
                in_place::<f32>(&self.rule, turn, var, &gradient, memory)?;
            }
        }
        let mut last = std::mem::take(&mut self.joined);
        for set in together {
            self.joined
                .push(set.follow(&self.rule, gradients, &mut self.memory, &mut last)?);
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }
}

impl<R: Rule> State for Descent<R> {
    fn state(&self) -> BTreeMap<String, Tensor> {
        let mut state = BTreeMap::new();
        let memory = self.memory.iter().zip(&self.steps);
        for ((_, name, var), (memory, &step)) in flat(&self.groups).zip(memory) {
            for (kind, tensor) in self.rule.memories().into_iter().zip(memory) {
                // A copy on one device fails only if memory runs out; then the shared tensor has to do.
                let copy = tensor.force_contiguous();
                let copy = copy.unwrap_or_else(|_| tensor.clone());
                state.insert(key(name, kind), copy);
            }
            if let (true, Ok(step)) = (self.rule.counts_steps(), Tensor::new(step, var.device())) {
                state.insert(key(name, STEP), step);
            }
        }
        state
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let kinds = self.rule.memories();
        let mut known = kinds.clone();
        if self.rule.counts_steps() {
            known.push(STEP);
        }
        refuse_unexpected(&self.groups, state, &known)?;
        let memory = flat(&self.groups)
            .map(|(_, name, var)| {
                kinds
                    .iter()
                    .map(|kind| find(state, name, kind, var))
                    .collect()
            })
            .collect::<Result<Vec<Vec<Tensor>>>>()?;
        if self.rule.counts_steps() {
            self.steps = flat(&self.groups)
                .map(|(_, name, _)| entry(state, name, STEP)?.to_dtype(DType::U32)?.to_scalar())
                .collect::<Result<Vec<u32>>>()?;
        }
        self.memory = memory;
        self.joined.clear();
        Ok(())
    }
}

fn in_place<T: Number>(
    rule: &impl Rule,
    turn: Turn,
    var: &Var,
    gradient: &Tensor,
    memory: &[Tensor],
) -> Result<()> {
    let update = |w: &mut [T], g: &[T], memory: [&mut [T]; MEMORIES]| {
        kernel::widest(
            #[inline(always)]
            || rule.update(turn, w, g, memory),
        );
    };
    kernel::change_by::<T>(var, gradient, |w, g| {
        kernel::change_each::<T>(memory, |memory| {
            if !kernel::pays_to_share(w.len()) {
                update(w, g, memory);
                return Ok(());
            }
            let mut memory = memory.map(|memory| memory.chunks_mut(CHUNK));
            let pieces: Vec<_> = w
                .chunks_mut(CHUNK)
                .zip(g.chunks(CHUNK))
                .map(|(w, g)| {
                    let mut piece: [&mut [T]; MEMORIES] = Default::default();
                    for (piece, chunks) in piece.iter_mut().zip(&mut memory) {
                        *piece = chunks.next().unwrap_or_default(); // empty: the rule keeps none
                    }
                    (w, g, piece)
                })
                .collect();
            pieces
                .into_par_iter()
                .for_each(|(w, g, memory)| update(w, g, memory));
            Ok(())
        })
    })
}

/// The tensors that a definition was given, as an array.
pub(super) fn apart<const N: usize>(memory: &mut [Tensor]) -> Result<&mut [Tensor; N]> {
    let found = memory.len();
    match memory.try_into() {
        Ok(memory) => Ok(memory),
        Err(_) => bail!("found {found} tensors to remember, wanted {N}"),
    }
}

/// Refuses a `setting` that isn't from 0 to below 1, the range of a running mean's share.
pub(super) fn share(setting: &str, value: f64) -> Result<()> {
    match (0.0..1.0).contains(&value) {
        true => Ok(()),
        false => bail!("found {setting} {value}, wanted 0 or more, below 1"),
    }
}

/// Refuses a `setting` that is negative or not a number.
pub(super) fn not_negative(setting: &str, value: f64) -> Result<()> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(()),
        false => bail!("found {setting} {value}, wanted 0 or more"),
    }
}

/// All parameters in the order of the groups, each with its group.
fn flat(groups: &[ParamGroup]) -> impl Iterator<Item = (&ParamGroup, &str, &Var)> {
    groups.iter().flat_map(|group| {
        group
            .parameters
            .iter()
            .map(move |(name, var)| (group, name.as_str(), var))
    })
}

/// Refuses what no optimizer can use.
fn validate(groups: &[ParamGroup], learning_rate: f64) -> Result<()> {
    not_negative("learning rate", learning_rate)?;
    for group in groups {
        not_negative("learning rate factor", group.learning_rate_factor)?;
        not_negative("weight decay", group.weight_decay)?;
    }
    let mut names = HashSet::new();
    let mut ids = HashSet::new();
    for (_, name, var) in flat(groups) {
        if !names.insert(name) || !ids.insert(var.id()) {
            bail!("{name} is in the groups twice, wanted once: it would take two steps at a time");
        }
    }
    Ok(())
}

/// The gradient of a parameter, contiguous; `None` if the loss does not depend on it.
fn gradient(gradients: &GradStore, name: &str, var: &Var) -> Result<Option<Tensor>> {
    let Some(gradient) = gradients.get(var) else {
        return Ok(None);
    };
    if gradient.shape() != var.shape() || gradient.dtype() != var.dtype() {
        bail!(
            "{name}: found a gradient {:?} {:?}, wanted {:?} {:?}",
            gradient.shape(),
            gradient.dtype(),
            var.shape(),
            var.dtype()
        );
    }
    gradient.detach().contiguous().map(Some)
}

/// The name of a parameter's entry in the state: `NAME.kind`.
fn key(name: &str, kind: &str) -> String {
    format!("{name}.{kind}")
}

fn entry<'a>(state: &'a BTreeMap<String, Tensor>, name: &str, kind: &str) -> Result<&'a Tensor> {
    match state.get(&key(name, kind)) {
        Some(tensor) => Ok(tensor),
        None => bail!(
            "{} is missing: this is the state of another optimizer",
            key(name, kind)
        ),
    }
}

/// The entry of the parameter `var` in a state, on its device and in its type.
fn find(state: &BTreeMap<String, Tensor>, name: &str, kind: &str, var: &Var) -> Result<Tensor> {
    let tensor = entry(state, name, kind)?;
    if tensor.dims() != var.dims() {
        bail!(
            "{}: found shape {:?}, wanted {:?}",
            key(name, kind),
            tensor.dims(),
            var.dims()
        );
    }
    // A copy, so that steps in place don't change the caller's tensor.
    tensor
        .to_device(var.device())?
        .to_dtype(var.dtype())?
        .copy()
}

/// Refuses entries of a state that belong to no parameter or to another rule.
fn refuse_unexpected(
    groups: &[ParamGroup],
    state: &BTreeMap<String, Tensor>,
    kinds: &[&str],
) -> Result<()> {
    let known: HashSet<String> = flat(groups)
        .flat_map(|(_, name, _)| kinds.iter().map(move |kind| key(name, kind)))
        .collect();
    match state.keys().find(|name| !known.contains(*name)) {
        Some(name) => bail!("{name} is unexpected: this is the state of another optimizer"),
        None => Ok(()),
    }
}

//! Parameters that change together, where there are no kernels: a rule's definition runs once for all of them, on their
//! numbers in one tensor. On a GPU that is as many launches as for one parameter, and one for each to change it; one more
//! to gather its gradient, unless [`join_gradients`](crate::join_gradients()) has done that.

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var};

use super::descent::{Rule, Turn};
use crate::gradients::{joined, laid_out};
use crate::memory::put;

/// Parameters with the same numbers of the update.
pub(super) struct Joined<'a> {
    turn: Turn,
    dtype: DType,
    device: Device,
    members: Vec<Member<'a>>,
}

/// A parameter, by its number in the order of the groups, with its gradient.
pub(super) struct Member<'a> {
    pub number: usize,
    pub var: &'a Var,
    pub gradient: Tensor,
}

/// What a rule keeps for the members of a set, each from its start on in tensors of `all` numbers.
pub(super) struct Memory {
    numbers: Vec<usize>,
    starts: Vec<usize>,
    all: usize,
    tensors: Vec<Tensor>,
}

impl<'a> Joined<'a> {
    /// Adds a member to the set among `sets` that it belongs to.
    pub fn add(sets: &mut Vec<Self>, turn: Turn, member: Member<'a>) {
        let (dtype, device) = (member.var.dtype(), member.var.device());
        let own = sets
            .iter_mut()
            .find(|set| set.turn == turn && set.dtype == dtype && set.device.same_device(device));
        match own {
            Some(set) => set.members.push(member),
            None => sets.push(Self { turn, dtype, device: device.clone(), members: vec![member] }),
        }
    }

    /// Changes the members by `rule`. `memory` is what it keeps for each parameter, `last` what it kept for the sets of the
    /// last step. Returns what it keeps for this one.
    pub fn follow<R: Rule>(
        self,
        rule: &R,
        store: &GradStore,
        memory: &mut [Vec<Tensor>],
        last: &mut Vec<Memory>,
    ) -> Result<Memory> {
        let Turn { learning_rate, weight_decay, .. } = self.turn;
        let (decays, is_decoupled) = (weight_decay != 0.0, rule.decouples_decay());
        let numbers: Vec<usize> = self.members.iter().map(|member| member.number).collect();
        let (starts, mut gradients) = self.gradients(store)?;
        let all = gradients.elem_count();
        let same = last
            .iter()
            .position(|last| last.numbers == numbers && last.starts == starts && last.all == all);
        let mut tensors = match same {
            Some(same) => last.swap_remove(same).tensors,
            None => (0..rule.memories().len())
                .map(|kind| {
                    let kept = numbers.iter().filter_map(|&n| memory.get(n)?.get(kind));
                    laid_out(kept, &starts, all, self.dtype, &self.device)
                })
                .collect::<Result<_>>()?,
        };
        if decays && !is_decoupled {
            let parameters = self.members.iter().map(|member| member.var.as_tensor());
            let parameters = laid_out(parameters, &starts, all, self.dtype, &self.device)?;
            gradients = (gradients + (parameters * weight_decay)?)?;
        }
        let change = rule.composed(self.turn, gradients, &mut tensors)?;
        for (Member { number, var, .. }, &start) in self.members.iter().zip(&starts) {
            let own = |all: &Tensor| all.narrow(0, start, var.elem_count())?.reshape(var.shape());
            let w = var.as_detached_tensor();
            let w = match decays && is_decoupled {
                true => (w * (1.0 - learning_rate * weight_decay))?,
                false => w,
            };
            put(var, (w - own(&change)?)?)?;
            if let Some(memory) = memory.get_mut(*number) {
                *memory = tensors.iter().map(own).collect::<Result<_>>()?;
            }
        }
        Ok(Memory { numbers, starts, all, tensors })
    }

    /// The gradients in one tensor, and where each begins: as they lie together already, or copied.
    fn gradients(&self, store: &GradStore) -> Result<(Vec<usize>, Tensor)> {
        let vars: Vec<&Var> = self.members.iter().map(|member| member.var).collect();
        if let Some(joined) = joined(store, &vars) {
            let starts = self.members.iter();
            let starts = starts.map(|member| member.gradient.layout().start_offset());
            return Ok((starts.collect(), joined.clone()));
        }
        let mut all = 0;
        let starts = self.members.iter().map(|member| {
            all += member.var.elem_count();
            all - member.var.elem_count()
        });
        let starts: Vec<usize> = starts.collect();
        let parts = self.members.iter().map(|member| &member.gradient);
        let together = laid_out(parts, &starts, all, self.dtype, &self.device)?;
        Ok((starts, together))
    }
}

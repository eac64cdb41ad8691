//! What a checkpoint must hold beside the parameters.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, bail};

/// State that is kept from step to step beside the parameters, and so belongs in a checkpoint: an optimizer's moments,
/// a loop's own tensors. A tuple holds the states of several.
pub trait State {
    /// Copies of the tensors by name. In an optimizer, PyTorch's name follows the parameter's. A type without state,
    /// such as plain SGD, keeps this default.
    fn state(&self) -> BTreeMap<String, Tensor> {
        BTreeMap::new()
    }

    /// Continues from tensors that `state` returned.
    ///
    /// # Errors
    /// If a name is missing or unexpected or a shape is wrong; nothing is changed then.
    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        match state.keys().next() {
            None => Ok(()),
            Some(name) => bail!("found {name} in the state of an optimizer that remembers nothing"),
        }
    }
}

impl<S: State + ?Sized> State for Box<S> {
    fn state(&self) -> BTreeMap<String, Tensor> {
        (**self).state()
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        (**self).load_state(state)
    }
}

/// Two states as one, such as those of the two optimizers of a generative adversarial network.
impl<A: State, B: State> State for (A, B) {
    fn state(&self) -> BTreeMap<String, Tensor> {
        let behind = |number: usize, state: BTreeMap<String, Tensor>| {
            let entries = state.into_iter();
            entries.map(move |(name, tensor)| (format!("{number}/{name}"), tensor))
        };
        let both = behind(0, self.0.state()).chain(behind(1, self.1.state()));
        both.collect()
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let of = |prefix: &str| -> BTreeMap<String, Tensor> {
            let entries = state.iter();
            let own =
                entries.filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
            own.map(|(name, tensor)| (name.to_string(), tensor.clone()))
                .collect()
        };
        self.0.load_state(&of("0/"))?;
        self.1.load_state(&of("1/"))
    }
}

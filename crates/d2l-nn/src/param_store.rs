//! The parameters of a model: drawn from the run's seed, ordered by name, saved and loaded.
//!
//! candle's `VarMap` draws from a thread's generator that can't be seeded (huggingface/candle#2651), and its order
//! changes from process to process. Here the initial value of a parameter depends only on the run's seed and on the
//! parameter's name, and is drawn on the host. So layers can be built in any order, and a CPU and a GPU start from the
//! same values.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use candle_nn::init::NormalOrUniform;
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use d2l_random::{Purpose, Stream};

use crate::{load_tensors, save_tensors};

/// The last part of a buffer's name. Buffers are saved with the parameters, but not trained.
const BUFFERS: [&str; 3] = ["running_mean", "running_var", "num_batches_tracked"];

/// The parameters and buffers of a model, ordered by name. Clones share them.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_nn::Module;
/// use d2l_nn::{Initializer, ParamStore, linear};
///
/// let store = ParamStore::new(0, &Device::Cpu);
/// let layer = linear(784, 10, &Initializer::PytorchDefault, store.builder().pp("output"))?;
/// assert_eq!(store.parameter_count(), 7850);
/// assert_eq!(store.parameters()[0].0, "output.bias");
/// # let _ = layer;
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ParamStore {
    inner: Arc<Inner>,
}

struct Inner {
    seed: u64,
    dtype: DType,
    device: Device,
    /// Bytes that parameters and buffers may take together.
    limit: u64,
    entries: Mutex<BTreeMap<String, Var>>,
}

impl ParamStore {
    /// An empty store of f32 parameters on `device`, whose initial values are drawn from `seed`.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self::with_dtype(seed, DType::F32, device)
    }

    /// As [`ParamStore::new`], in another floating-point type: f64 to check gradients. The initial values are the
    /// f32 ones, converted.
    pub fn with_dtype(seed: u64, dtype: DType, device: &Device) -> Self {
        Self::limited(seed, dtype, device, u64::MAX)
    }

    /// As [`ParamStore::with_dtype`], for parameters and buffers of at most `limit` bytes together.
    pub fn limited(seed: u64, dtype: DType, device: &Device, limit: u64) -> Self {
        let (device, entries) = (device.clone(), Mutex::new(BTreeMap::new()));
        Self {
            inner: Arc::new(Inner { seed, dtype, device, limit, entries }),
        }
    }

    /// The builder that layers take: `linear(…, store.builder().pp("hidden"))` makes or finds `hidden.weight` and
    /// `hidden.bias`. Asking twice for one name gives the same parameter, which ties the layers.
    ///
    /// # Errors
    /// If a layer asks for an existing name in another shape or type.
    pub fn builder(&self) -> VarBuilder<'static> {
        let backend: Box<dyn SimpleBackend> = Box::new(self.clone());
        VarBuilder::from_backend(backend, self.inner.dtype, self.inner.device.clone())
    }

    /// The parameters, by name.
    pub fn parameters(&self) -> Vec<(String, Var)> {
        self.select(|name| !is_buffer(name))
    }

    /// The buffers, by name: tensors that are saved but not trained, such as batch normalisation's running mean.
    pub fn buffers(&self) -> Vec<(String, Var)> {
        self.select(is_buffer)
    }

    /// The number of parameters, counted as single numbers.
    pub fn parameter_count(&self) -> usize {
        count(&self.parameters())
    }

    /// The number of parameters under a layer's name: `hidden` counts `hidden.weight` and `hidden.bias`, not
    /// `hidden2.weight`. The empty name counts all.
    pub fn count_under(&self, prefix: &str) -> usize {
        let under = |name: &str| match name.strip_prefix(prefix) {
            Some(rest) => prefix.is_empty() || rest.is_empty() || rest.starts_with('.'),
            None => false,
        };
        count(&self.select(|name| !is_buffer(name) && under(name)))
    }

    /// Writes parameters and buffers to a safetensors file under the names of PyTorch's `state_dict`; see
    /// [`save_tensors`].
    pub fn save(&self, path: &Path, metadata: HashMap<String, String>) -> anyhow::Result<()> {
        save_tensors(path, &self.tensors(), metadata)
    }

    /// Takes the values of all parameters and buffers from a safetensors file, such as PyTorch's
    /// `save_file(model.state_dict(), path)`.
    ///
    /// # Errors
    /// If names are missing or unexpected, a shape is wrong or a number not finite. The message names the file and the
    /// first of them; nothing is changed then.
    pub fn load(&self, path: &Path) -> anyhow::Result<()> {
        let (tensors, _) = load_tensors(path, &self.inner.device)?;
        if let Some(name) = first_non_finite(&tensors)? {
            anyhow::bail!("{}: {name} has a number that is not finite", path.display());
        }
        self.load_state(&tensors)
            .with_context(|| path.display().to_string())
    }

    /// The name of the first parameter or buffer with a number that is not finite.
    pub fn first_non_finite(&self) -> Result<Option<String>> {
        Ok(first_non_finite(&self.tensors())?.cloned())
    }

    /// Copies of parameters and buffers by name. Further training doesn't change them.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        // A copy on one device fails only if memory runs out; then the shared tensor has to do.
        let copy = |tensor: Tensor| tensor.copy().unwrap_or(tensor);
        self.tensors()
            .into_iter()
            .map(|(name, tensor)| (name, copy(tensor)))
            .collect()
    }

    /// Takes the values of all parameters and buffers from `state`, in place: layers built before see them.
    /// Floating-point types are converted. `num_batches_tracked`, which PyTorch's batch normalisation saves and
    /// candle's doesn't, may be missing on either side.
    ///
    /// # Errors
    /// As [`ParamStore::load`].
    pub fn load_state(&self, state: &BTreeMap<String, Tensor>) -> anyhow::Result<()> {
        let entries = self.lock();
        let optional = |name: &&String| !name.ends_with("num_batches_tracked");
        let missing: Vec<_> = entries
            .keys()
            .filter(|name| !state.contains_key(*name))
            .filter(optional)
            .collect();
        let unexpected: Vec<_> = state
            .keys()
            .filter(|name| !entries.contains_key(*name))
            .filter(optional)
            .collect();
        if !missing.is_empty() || !unexpected.is_empty() {
            anyhow::bail!(
                "these are parameters of another model: {}",
                [("missing", missing), ("unexpected", unexpected)]
                    .into_iter()
                    .filter(|(_, names)| !names.is_empty())
                    .map(|(what, names)| format!("{what} {}", shortened(&names)))
                    .collect::<Vec<_>>()
                    .join("; ")
            );
        }
        let mut values = Vec::with_capacity(entries.len());
        for (name, var) in entries.iter() {
            let Some(value) = state.get(name) else {
                continue;
            };
            if value.dims() != var.dims() {
                anyhow::bail!(
                    "{name}: found shape {:?}, the model wants {:?}",
                    value.dims(),
                    var.dims()
                );
            }
            if value.dtype() != var.dtype() && !(value.dtype().is_float() && var.dtype().is_float())
            {
                anyhow::bail!(
                    "{name}: found type {:?}, the model wants {:?}",
                    value.dtype(),
                    var.dtype()
                );
            }
            let value = value.to_dtype(var.dtype())?.to_device(var.device())?;
            // A copy: `set` refuses a tensor that shares the variable's memory.
            values.push((var, value.copy()?));
        }
        for (var, value) in values {
            var.set(&value)?;
        }
        Ok(())
    }

    fn tensors(&self) -> BTreeMap<String, Tensor> {
        self.lock()
            .iter()
            .map(|(name, var)| (name.clone(), var.as_detached_tensor()))
            .collect()
    }

    fn select(&self, wanted: impl Fn(&str) -> bool) -> Vec<(String, Var)> {
        let entries = self.lock();
        entries
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, var)| (name.clone(), var.clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Var>> {
        // A panic elsewhere leaves the map whole: entries are only ever added.
        self.inner
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The initial values that a layer's hint asks for, in row-major order.
    fn draw(&self, name: &str, shape: &Shape, init: Init) -> Result<Vec<f32>> {
        let n = shape.elem_count();
        let stream = Stream::once(self.inner.seed, Purpose::Init, name);
        let uniform = |low: f64, high: f64| {
            if !(low <= high && (high - low).is_finite()) {
                bail!("{name}: found initial values from {low} to {high}, wanted a finite range");
            }
            Ok(stream.uniforms(low, high, n))
        };
        let normal = |mean: f64, std: f64| {
            if !(mean.is_finite() && std.is_finite() && std >= 0.0) {
                bail!(
                    "{name}: found initial values with mean {mean} and standard deviation {std}, wanted finite ones"
                );
            }
            Ok(stream.normals(mean, std, n))
        };
        match init {
            Init::Const(value) => Ok(vec![value as f32; n]),
            Init::Uniform { lo, up } => uniform(lo, up),
            Init::Randn { mean, stdev } => normal(mean, stdev),
            Init::Kaiming { dist, fan, non_linearity } => {
                // He et al. 2015, arXiv:1502.01852: std = gain / √fan, and √3 times that bounds the uniform draw.
                let std = non_linearity.gain() / (fan.for_shape(shape).max(1) as f64).sqrt();
                match dist {
                    NormalOrUniform::Normal => normal(0.0, std),
                    NormalOrUniform::Uniform => uniform(-3f64.sqrt() * std, 3f64.sqrt() * std),
                }
            }
        }
    }
}

impl SimpleBackend for ParamStore {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let mut entries = self.lock();
        if let Some(var) = entries.get(name) {
            if var.shape() != &shape || var.dtype() != dtype {
                bail!(
                    "{name} exists as {:?} {:?}, now wanted as {shape:?} {dtype:?}: give one of the layers another name",
                    var.shape(),
                    var.dtype()
                );
            }
            return Ok(var.as_tensor().clone());
        }
        let bytes = |dims: &[usize]| {
            let product = |product: u64, &dim: &usize| product.checked_mul(dim as u64);
            dims.iter().try_fold(dtype.size_in_bytes() as u64, product)
        };
        let known = entries.values().filter_map(|var| bytes(var.dims()));
        let all = bytes(shape.dims()).and_then(|new| known.sum::<u64>().checked_add(new));
        if all.is_none_or(|all| all > self.inner.limit) {
            bail!(
                "{name} {:?} is too large: all parameters together may take {:.1} GB, half of this machine's memory",
                shape.dims(),
                self.inner.limit as f64 / 1e9
            );
        }
        let values = self.draw(name, &shape, init)?;
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?
            .to_dtype(dtype)?
            .to_device(device)?;
        let var = Var::from_tensor(&tensor)?;
        entries.insert(name.to_string(), var.clone());
        Ok(var.as_tensor().clone())
    }

    fn get_unchecked(&self, name: &str, dtype: DType, _: &Device) -> Result<Tensor> {
        match self.lock().get(name) {
            Some(var) if var.dtype() == dtype => Ok(var.as_tensor().clone()),
            Some(var) => bail!(
                "{name} exists as {:?}, now wanted as {dtype:?}",
                var.dtype()
            ),
            None => bail!("{name} is not in the store yet, and without a shape it can't be made"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }
}

fn is_buffer(name: &str) -> bool {
    name.rsplit('.')
        .next()
        .is_some_and(|last| BUFFERS.contains(&last))
}

fn count(parameters: &[(String, Var)]) -> usize {
    parameters.iter().map(|(_, var)| var.elem_count()).sum()
}

/// The first names of a list, and how many more there are.
fn shortened(names: &[&String]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(|name| name.as_str()).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The name of the first tensor with a number that is not finite.
fn first_non_finite(tensors: &BTreeMap<String, Tensor>) -> Result<Option<&String>> {
    for (name, tensor) in tensors {
        let is_finite = match tensor.dtype() {
            DType::F32 if tensor.device().is_cpu() && tensor.is_contiguous() => {
                let all = |numbers: &[f32]| numbers.iter().all(|number| number.is_finite());
                crate::kernel::read(tensor, all)?
            }
            // 0 times a number is 0, but not if the number is infinite or none.
            dtype if dtype.is_float() => {
                let zeros = (tensor.to_dtype(DType::F32)? * 0.0)?;
                zeros.sum_all()?.to_scalar::<f32>()? == 0.0
            }
            _ => true,
        };
        if !is_finite {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;

//! Files of tensors: parameters from anywhere (`--init`), and those with a checksum that a run reads again.

use std::collections::BTreeMap;
use std::fs;

use candle_core::{Device, Tensor};
use d2l_nn::{Initializer, ParamStore, linear, load_saved_tensors, load_tensors, save_tensors};

use super::{folder, within};

/// Bytes of memory for each byte of a file: its content, its tensors, and a header whose names take far more.
const PER_BYTE: usize = 64;

/// What is read can be saved and read again. Nothing changes a model but all of its parameters, all finite.
pub fn tensors(bytes: &[u8]) {
    let folder = folder();
    let file = folder.path().join("any.safetensors");
    fs::write(&file, bytes).expect("a file");
    let most = PER_BYTE * bytes.len();
    let store = ParamStore::new(0, &Device::Cpu);
    let builder = store.builder();
    linear(2, 3, &Initializer::PytorchDefault, builder.pp("output")).expect("a layer");
    let before = values(&store);
    let is_loaded = within(most, || store.load(&file)).is_ok();
    if !is_loaded {
        assert_eq!(values(&store), before);
    }
    assert!(values(&store).values().flatten().all(|x| x.is_finite()));

    let is_saved = within(most, || load_saved_tensors(&file, &Device::Cpu)).is_ok();
    match within(most, || load_tensors(&file, &Device::Cpu)) {
        Ok((tensors, metadata)) => {
            let size: usize = tensors.values().map(size_of).sum();
            assert!(size <= bytes.len(), "{size} bytes of tensors");
            let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
            save_tensors(&first, &tensors, metadata).expect("a file");
            let (again, metadata) =
                load_saved_tensors(&first, &Device::Cpu).expect("what was saved");
            save_tensors(&second, &again, metadata).expect("a file");
            assert_eq!(
                fs::read(first).expect("a file"),
                fs::read(second).expect("a file")
            );
        }
        Err(error) => {
            assert!(!is_loaded && !is_saved);
            let message = format!("{error:#}");
            assert!(message.contains("any.safetensors"), "{message}");
        }
    }
}

fn values(store: &ParamStore) -> BTreeMap<String, Vec<f32>> {
    let flat = |tensor: Tensor| tensor.flatten_all()?.to_vec1();
    let state = store.state().into_iter();
    state
        .map(|(name, tensor)| (name, flat(tensor).expect("parameters are f32")))
        .collect()
}

fn size_of(tensor: &Tensor) -> usize {
    tensor.elem_count() * tensor.dtype().size_in_bytes()
}

//! Tests of the store.

use super::*;
use crate::{Initializer, linear};

fn mlp(store: &ParamStore, names: [&str; 2]) -> Result<()> {
    for name in names {
        linear(
            20,
            30,
            &Initializer::Normal { std: 0.1 },
            store.builder().pp(name),
        )?;
    }
    Ok(())
}

fn values(store: &ParamStore) -> Result<Vec<(String, Vec<f32>)>> {
    let entries = store.state().into_iter();
    entries
        .map(|(name, tensor)| Ok((name, tensor.flatten_all()?.to_vec1()?)))
        .collect()
}

#[test]
fn values_depend_on_seed_and_name_not_on_the_order_of_construction() -> Result<()> {
    let made = |seed, names| -> Result<_> {
        let store = ParamStore::new(seed, &Device::Cpu);
        mlp(&store, names)?;
        values(&store)
    };
    let base = made(0, ["hidden", "output"])?;
    assert_eq!(base, made(0, ["output", "hidden"])?);
    assert_ne!(base, made(1, ["hidden", "output"])?);
    assert_ne!(
        base[1].1, base[3].1,
        "two layers of one size start different"
    );
    let names: Vec<&str> = base.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "hidden.bias",
            "hidden.weight",
            "output.bias",
            "output.weight"
        ]
    );
    Ok(())
}

#[test]
fn double_precision_starts_from_the_same_values() -> Result<()> {
    let (single, double) = (
        ParamStore::new(3, &Device::Cpu),
        ParamStore::with_dtype(3, DType::F64, &Device::Cpu),
    );
    mlp(&single, ["a", "b"])?;
    mlp(&double, ["a", "b"])?;
    for ((_, single), (_, double)) in single.parameters().into_iter().zip(double.parameters()) {
        let single = single
            .to_dtype(DType::F64)?
            .flatten_all()?
            .to_vec1::<f64>()?;
        assert_eq!(single, double.flatten_all()?.to_vec1::<f64>()?);
    }
    Ok(())
}

#[test]
fn one_name_is_one_parameter_and_one_shape() -> Result<()> {
    let store = ParamStore::new(0, &Device::Cpu);
    let (first, second) = (store.builder().get(3, "w")?, store.builder().get(3, "w")?);
    assert_eq!(first.id(), second.id());
    let gradients = crate::backward(&(&first * &second)?.sum_all()?)?;
    assert!(
        gradients.get(&store.parameters()[0].1).is_some(),
        "the store's parameter is the layer's"
    );
    let error = store
        .builder()
        .get(4, "w")
        .expect_err("another shape")
        .to_string();
    assert!(
        error.contains("w exists as [3] F32, now wanted as [4] F32"),
        "{error}"
    );
    Ok(())
}

#[test]
fn buffers_are_kept_but_not_counted() -> Result<()> {
    let store = ParamStore::new(0, &Device::Cpu);
    candle_nn::batch_norm(5, 1e-5, store.builder().pp("norm"))?;
    mlp(&store, ["hidden", "hidden2"])?;
    let names =
        |list: Vec<(String, Var)>| list.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(
        names(store.buffers()),
        ["norm.running_mean", "norm.running_var"]
    );
    assert!(
        !names(store.parameters())
            .iter()
            .any(|name| name.contains("running"))
    );
    assert_eq!(store.parameter_count(), 2 * 5 + 2 * (20 * 30 + 30));
    let counts =
        ["hidden", "norm", "hidden.bias", "hid", ""].map(|prefix| store.count_under(prefix));
    assert_eq!(counts, [630, 10, 30, 0, store.parameter_count()]);
    Ok(())
}

#[test]
fn a_state_is_a_copy_and_loading_it_restores_layers_in_place() -> anyhow::Result<()> {
    let store = ParamStore::new(0, &Device::Cpu);
    mlp(&store, ["a", "b"])?;
    let (before, state) = (values(&store)?, store.state());
    let layer = store.builder().pp("a").get((30, 20), "weight")?;
    for (_, var) in store.parameters() {
        var.set(&var.zeros_like()?)?;
    }
    assert_eq!(layer.sum_all()?.to_scalar::<f32>()?, 0.0);
    store.load_state(&state)?;
    assert_eq!(values(&store)?, before);
    assert_ne!(layer.sum_all()?.to_scalar::<f32>()?, 0.0);
    Ok(())
}

#[test]
fn a_file_holds_everything_and_is_the_same_byte_for_byte() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let files = [
        folder.path().join("a.safetensors"),
        folder.path().join("b.safetensors"),
    ];
    let store = ParamStore::new(0, &Device::Cpu);
    mlp(&store, ["a", "b"])?;
    for file in &files {
        let metadata = ["chapter", "model", "seed", "epoch"]
            .map(|key| (key.to_string(), format!("{key} \"x\"")));
        store.save(file, metadata.into())?;
    }
    assert!(std::fs::read(&files[0])? == std::fs::read(&files[1])?);
    let other = ParamStore::new(1, &Device::Cpu);
    mlp(&other, ["a", "b"])?;
    other.load(&files[0])?;
    assert_eq!(values(&other)?, values(&store)?);
    let (_, metadata) = load_tensors(&files[0], &Device::Cpu)?;
    assert_eq!(metadata.get("seed").map(String::as_str), Some("seed \"x\""));
    assert_eq!(
        std::fs::read_dir(folder.path())?.count(),
        2,
        "no temporary file stays behind"
    );
    Ok(())
}

#[test]
fn the_file_of_another_model_is_refused_and_changes_nothing() -> anyhow::Result<()> {
    let store = ParamStore::new(0, &Device::Cpu);
    mlp(&store, ["a", "b"])?;
    let before = values(&store)?;
    let refused = |change: &dyn Fn(&mut BTreeMap<String, Tensor>)| {
        let mut state = store.state();
        change(&mut state);
        store
            .load_state(&state)
            .expect_err("another model")
            .to_string()
    };
    let zeros = |n: usize| Tensor::zeros(n, DType::F32, &Device::Cpu).expect("zeros");
    let error = refused(&|state| {
        state.remove("a.bias");
        state.insert("c.bias".to_string(), zeros(1));
    });
    assert_eq!(
        error,
        "these are parameters of another model: missing a.bias; unexpected c.bias"
    );
    let error = refused(&|state| {
        state.insert("b.bias".to_string(), zeros(7));
    });
    assert_eq!(error, "b.bias: found shape [7], the model wants [30]");
    assert_eq!(values(&store)?, before);
    Ok(())
}

#[test]
fn pytorchs_count_of_batches_is_optional_and_other_types_are_converted() -> anyhow::Result<()> {
    let store = ParamStore::new(0, &Device::Cpu);
    mlp(&store, ["a", "b"])?;
    let before = values(&store)?;
    let double = store
        .state()
        .into_iter()
        .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F64)?)));
    let mut state = double.collect::<Result<BTreeMap<_, _>>>()?;
    state.insert(
        "a.num_batches_tracked".to_string(),
        Tensor::new(3i64, &Device::Cpu)?,
    );
    store.load_state(&state)?;
    assert_eq!(values(&store)?, before);
    Ok(())
}

#[test]
fn impossible_initial_values_are_an_error() {
    let store = ParamStore::new(0, &Device::Cpu);
    for init in [
        Init::Uniform { lo: 1.0, up: 0.0 },
        Init::Uniform { lo: f64::NEG_INFINITY, up: 0.0 },
        Init::Randn { mean: 0.0, stdev: -1.0 },
    ] {
        assert!(
            store.builder().get_with_hints(2, "w", init).is_err(),
            "{init:?}"
        );
    }
}

#[test]
fn numbers_that_are_not_finite_are_found_and_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("model.safetensors");
    for (bad, dtype) in [
        (f32::NAN, DType::F32),
        (f32::NEG_INFINITY, DType::F32),
        (f32::INFINITY, DType::F64),
    ] {
        let store = ParamStore::with_dtype(0, dtype, &Device::Cpu);
        for name in ["a", "b"] {
            store.builder().get_with_hints(3, name, Init::Const(1.0))?;
        }
        assert_eq!(store.first_non_finite()?, None);
        let before = store.state();
        let numbers = Tensor::new(&[1.0, bad, 1.0], &Device::Cpu)?.to_dtype(dtype)?;
        store.parameters()[1].1.set(&numbers)?;
        assert_eq!(store.first_non_finite()?.as_deref(), Some("b"));
        store.save(&file, HashMap::new())?;
        store.load_state(&before)?;
        let error = format!(
            "{:#}",
            store.load(&file).expect_err("a number is not finite")
        );
        assert!(
            error.contains("model.safetensors: b has a number that is not finite"),
            "{error}"
        );
        assert_eq!(store.first_non_finite()?, None, "nothing was changed");
    }
    Ok(())
}

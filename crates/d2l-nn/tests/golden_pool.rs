//! Pooling and upsampling as in PyTorch: `golden/pool.json`, made by `scripts/pytorch/golden_pool.py`, which says what
//! it holds. One, two and three threads give the same bits.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

mod support;

use candle_core::{DType, Device, Result, Tensor, Var};
use d2l_nn::testing::filled;
use d2l_nn::{
    Pool1d, Pool2d, adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool1d, avg_pool2d, backward,
    global_avg_pool2d, max_pool1d, max_pool2d, upsample_bilinear2d, upsample_nearest2d,
};
use serde_json::Value;
use support::{
    TYPES, assert_close, assert_independent_of_threads, entries, numbers, pair, sizes,
    with_gradient,
};

const CPU: Device = Device::Cpu;

fn apply(case: &Value, x: &Tensor) -> Result<Tensor> {
    let flag = |key: &str| case[key].as_bool().expect("true or false");
    let pool = || Pool2d {
        kernel: pair(&case["kernel"]),
        stride: pair(&case["stride"]),
        padding: pair(&case["padding"]),
        ceil_mode: flag("ceil"),
    };
    let size = || pair(&case["size"]);
    match case["op"].as_str().expect("a name") {
        "max" => max_pool2d(x, &pool()),
        "average" => avg_pool2d(x, &pool(), flag("count")),
        "adaptive average" if size() == (1, 1) => global_avg_pool2d(x),
        "adaptive average" => adaptive_avg_pool2d(x, size()),
        "adaptive max" => adaptive_max_pool2d(x, size()),
        "nearest" => upsample_nearest2d(x, size()),
        "bilinear" => upsample_bilinear2d(x, size(), flag("corners")),
        other => panic!("pool.json has the operation {other}, which this test does not know"),
    }
}

#[test]
fn values_and_gradients_are_pytorchs() -> Result<()> {
    let golden: Value = serde_json::from_str(include_str!("golden/pool.json")).expect("JSON");
    for case in golden["cases"].as_array().expect("cases") {
        let what = format!("{} of {}, out {}", case["op"], case["shape"], case["out"]);
        for (dtype, tolerance) in TYPES {
            let x = filled(sizes(&case["shape"]), 1, 8.0, dtype, &CPU)?.round()?;
            let x = Var::from_tensor(&x)?;
            let y = apply(case, &x)?;
            assert_eq!(y.dims(), sizes(&case["out"]), "{what}");
            assert_close(&entries(&y)?, &numbers(&case["y"]), tolerance, &what);
            let weights = filled(y.shape(), 2, 2.0, dtype, &CPU)?;
            let gradients = backward(&(&y * weights)?.sum_all()?)?;
            let dx = entries(gradients.get(&x).expect("a gradient"))?;
            assert_close(&dx, &numbers(&case["dx"]), tolerance, &what);
        }
    }
    Ok(())
}

#[test]
fn one_dimension_is_two_of_height_one() -> Result<()> {
    let x = filled((3, 2, 11), 1, 8.0, DType::F64, &CPU)?;
    let flat = Pool2d::new((1, 3)).stride((1, 2)).padding((0, 1)).ceil();
    let pool = Pool1d::new(3).stride(2).padding(1).ceil();
    let wanted = max_pool2d(&x.unsqueeze(2)?, &flat)?.squeeze(2)?;
    assert_eq!(
        max_pool1d(&x, &pool)?.to_vec3::<f64>()?,
        wanted.to_vec3::<f64>()?
    );
    let wanted = avg_pool2d(&x.unsqueeze(2)?, &flat, true)?.squeeze(2)?;
    assert_eq!(
        avg_pool1d(&x, &pool, true)?.to_vec3::<f64>()?,
        wanted.to_vec3::<f64>()?
    );
    Ok(())
}

#[test]
fn threads_do_not_change_a_bit() -> Result<()> {
    let x = Var::from_tensor(&filled((13, 7, 33, 29), 1, 8.0, DType::F32, &CPU)?)?;
    let pool = Pool2d::new(3).stride(2).padding(1).ceil();
    type Op<'a> = &'a (dyn Fn(&Tensor) -> Result<Tensor> + Sync);
    let ops: [Op; 4] = [
        &|x| max_pool2d(x, &pool),
        &|x| avg_pool2d(x, &pool, true),
        &|x| adaptive_max_pool2d(x, (5, 4)),
        &|x| upsample_bilinear2d(x, (50, 40), false),
    ];
    for op in ops {
        assert_independent_of_threads(|| with_gradient(&x, op(&x)?.sqr()?.sum_all()?))?;
    }
    Ok(())
}

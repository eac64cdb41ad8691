//! Cross-correlation, pooling and the edge kernel by hand: the book's examples, and the library's numbers.

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Module, Tensor, Var};
use convolutional::cross_correlation::{corr2d, corr2d_1x1, corr2d_with_stride, pad};
use convolutional::edge_kernel::{Drawing, EdgeKernel, Edges, Options};
use convolutional::pooling::{self, Region};
use d2l::nn::testing::{check_gradients, filled};
use d2l::nn::{Conv2d, Conv2dConfig, Initializer, ParamStore, Pool2d, Sgd, Step, backward};
use d2l::nn::{Optimizer, ParamGroup, avg_pool2d, max_pool2d};
use d2l::{Implementation, Scores, Task};

const DEVICE: Device = Device::Cpu;
const STEP: Step = Step { seed: 0, epoch: 1, step: 1 };

/// 0, 1, 2, …, `rows · columns - 1`
fn counted(rows: usize, columns: usize) -> Result<Tensor> {
    let numbers = Tensor::arange(0f32, (rows * columns) as f32, &DEVICE)?;
    Ok(numbers.reshape((1, 1, rows, columns))?)
}

fn values(x: &Tensor) -> Result<Vec<Vec<f32>>> {
    let (_, _, height, width) = x.dims4()?;
    Ok(x.reshape((height, width))?.to_vec2()?)
}

/// zh 6.2.1, en 7.2.1.
#[test]
fn cross_correlation_is_the_books() -> Result<()> {
    let y = corr2d(&counted(3, 3)?, &counted(2, 2)?)?;
    ensure!(values(&y)? == [[19.0, 25.0], [37.0, 43.0]]);
    Ok(())
}

/// zh 6.3.1, en 7.3.1: zeros around 3 × 3 give 4 × 4 outputs.
#[test]
fn padding_is_the_books() -> Result<()> {
    let y = corr2d(&pad(&counted(3, 3)?, (1, 1), 0.0)?, &counted(2, 2)?)?;
    let wanted = [
        [0.0, 3.0, 8.0, 4.0],
        [9.0, 19.0, 25.0, 10.0],
        [21.0, 37.0, 43.0, 16.0],
        [6.0, 7.0, 8.0, 0.0],
    ];
    ensure!(values(&y)? == wanted, "{:?}", values(&y)?);
    // zh 6.3.2, en 7.3.2: strides of 3 downwards and 2 to the right
    let x = pad(&counted(3, 3)?, (1, 1), 0.0)?;
    let y = corr2d_with_stride(&x, &counted(2, 2)?, (3, 2))?;
    ensure!(values(&y)? == [[0.0, 8.0], [6.0, 8.0]], "{:?}", values(&y)?);
    Ok(())
}

/// zh 6.4, en 7.4: two channels to one, and to three.
#[test]
fn several_channels_are_the_books() -> Result<()> {
    let x = Tensor::new(
        &[[
            [[0f32, 1., 2.], [3., 4., 5.], [6., 7., 8.]],
            [[1., 2., 3.], [4., 5., 6.], [7., 8., 9.]],
        ]],
        &DEVICE,
    )?;
    let w = Tensor::new(&[[[[0f32, 1.], [2., 3.]], [[1., 2.], [3., 4.]]]], &DEVICE)?;
    ensure!(values(&corr2d(&x, &w)?)? == [[56.0, 72.0], [104.0, 120.0]]);
    let w = Tensor::cat(&[&w, &(&w + 1.0)?, &(&w + 2.0)?], 0)?; // [3, 2, 2, 2]
    let y = corr2d(&x, &w)?.reshape((3, 4))?.to_vec2::<f32>()?;
    let wanted = [
        [56.0, 72.0, 104.0, 120.0],
        [76.0, 100.0, 148.0, 172.0],
        [96.0, 128.0, 192.0, 224.0],
    ];
    ensure!(y == wanted, "{y:?}");
    Ok(())
}

/// zh 6.5, en 7.5.
#[test]
fn pooling_is_the_books() -> Result<()> {
    let one_further = Region { size: (2, 2), stride: (1, 1), padding: (0, 0) };
    let x = counted(3, 3)?;
    let largest = values(&pooling::max_pool2d(&x, &one_further)?)?;
    ensure!(largest == [[4.0, 5.0], [7.0, 8.0]], "{largest:?}");
    let mean = values(&pooling::avg_pool2d(&x, &one_further)?)?;
    ensure!(mean == [[2.0, 3.0], [5.0, 6.0]], "{mean:?}");
    // zh 6.5.2, en 7.5.2
    let x = counted(4, 4)?;
    let large = pooling::max_pool2d(&x, &Region::side_by_side(3))?;
    ensure!(values(&large)? == [[10.0]]);
    let region = Region { size: (3, 3), stride: (2, 2), padding: (1, 1) };
    let padded = values(&pooling::max_pool2d(&x, &region)?)?;
    ensure!(padded == [[5.0, 7.0], [13.0, 15.0]], "{padded:?}");
    let region = Region { size: (2, 3), stride: (2, 3), padding: (0, 1) };
    let oblong = values(&pooling::max_pool2d(&x, &region)?)?;
    ensure!(oblong == [[5.0, 7.0], [13.0, 15.0]], "{oblong:?}");
    // The padding is less than any number in the picture.
    let below = values(&pooling::max_pool2d(&(counted(2, 2)? - 9.0)?, &region)?)?;
    ensure!(below == [[-6.0]], "{below:?}");
    Ok(())
}

fn near(what: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    ensure!(
        a.dims() == b.dims(),
        "{what}: {:?}, {:?}",
        a.dims(),
        b.dims()
    );
    let gap = (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
    ensure!(gap < 1e-12, "{what}: they differ by {gap}");
    Ok(())
}

#[test]
fn by_hand_and_library_agree_with_padding_and_stride() -> Result<()> {
    let x = filled((2, 3, 9, 11), 1, 2.0, DType::F64, &DEVICE)?;
    let w = filled((4, 3, 3, 2), 2, 1.0, DType::F64, &DEVICE)?;
    for (padding, stride) in [
        ((0, 0), (1, 1)),
        ((1, 1), (2, 2)),
        ((1, 0), (3, 2)),
        ((0, 2), (1, 3)),
    ] {
        let what = format!("padding {padding:?}, stride {stride:?}");
        let ours = corr2d_with_stride(&pad(&x, padding, 0.0)?, &w, stride)?;
        let config = Conv2dConfig { padding, stride, ..Conv2dConfig::default() };
        near(
            &what,
            &ours,
            &Conv2d::new(w.clone(), None, config).forward(&x)?,
        )?;

        let size = (3, 4);
        let region = Region { size, stride, padding };
        let library = Pool2d::new(size).stride(stride).padding(padding);
        let (ours, theirs) = (pooling::max_pool2d(&x, &region)?, max_pool2d(&x, &library)?);
        near(&format!("max, {what}"), &ours, &theirs)?;
        let (ours, theirs) = (
            pooling::avg_pool2d(&x, &region)?,
            avg_pool2d(&x, &library, true)?,
        );
        near(&format!("mean, {what}"), &ours, &theirs)?;
    }
    Ok(())
}

#[test]
fn gradients_by_hand_are_right() -> Result<()> {
    let x = Var::from_tensor(&filled((2, 2, 5, 6), 1, 2.0, DType::F64, &DEVICE)?)?;
    let w = Var::from_tensor(&filled((3, 2, 2, 3), 2, 1.0, DType::F64, &DEVICE)?)?;
    let weigh = |y: Tensor| {
        let weights = filled(y.shape(), 3, 2.0, DType::F64, &DEVICE)?;
        (y * weights)?.sum_all()
    };
    let padded = || corr2d_with_stride(&pad(&x, (1, 2), 0.0)?, &w, (2, 1));
    check_gradients(&[x.clone(), w.clone()], || weigh(padded()?), 1e-7)?;
    let region = Region { size: (3, 2), stride: (2, 2), padding: (1, 1) };
    let x = [x];
    check_gradients(&x, || weigh(pooling::max_pool2d(&x[0], &region)?), 1e-7)?;
    check_gradients(&x, || weigh(pooling::avg_pool2d(&x[0], &region)?), 1e-7)
}

/// zh 6.4.3, en 7.4.3.
#[test]
fn a_kernel_of_one_cell_is_a_dense_layer_over_the_channels() -> Result<()> {
    let x = filled((2, 3, 4, 5), 1, 2.0, DType::F64, &DEVICE)?;
    let w = filled((2, 3, 1, 1), 2, 2.0, DType::F64, &DEVICE)?;
    near("1 × 1", &corr2d_1x1(&x, &w)?, &corr2d(&x, &w)?)
}

#[test]
fn a_kernel_or_region_without_room_is_an_error() -> Result<()> {
    let (x, w) = (counted(3, 3)?, counted(4, 2)?);
    let error = corr2d(&x, &w).unwrap_err().to_string();
    ensure!(
        error.contains("found a kernel or pooling region of 4 cells with stride 1 on 3 cells"),
        "{error}"
    );
    ensure!(corr2d_with_stride(&x, &counted(2, 2)?, (0, 1)).is_err());
    let none = Region { size: (0, 2), ..Region::side_by_side(2) };
    ensure!(pooling::avg_pool2d(&x, &none).is_err());
    Ok(())
}

/// The edges of zh 6.2.3 and en 7.2.3: 1 where the picture falls, -1 where it rises.
#[test]
fn the_stripe_has_two_edges() -> Result<()> {
    let [_, y] = Options::BOOK.data()?.train.batch(&[0], &DEVICE)?;
    ensure!(values(&y)? == vec![vec![0.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0]; 6]);
    Ok(())
}

/// zh 6.2 (1), en 7.2 (1): [1, -1] finds the diagonal edge in every row that it crosses, and its transpose in every
/// column; mirrored, rising edges become falling ones. An edge along the kernel escapes it.
#[test]
fn a_diagonal_edge_is_found_by_both_kernels_and_a_level_one_by_the_transposed_alone() -> Result<()>
{
    let edges = |picture, transpose_picture, transpose_kernel| -> Result<Vec<Vec<f32>>> {
        let options = Options { picture, transpose_picture, transpose_kernel };
        let [_, y] = options.data()?.train.batch(&[0], &DEVICE)?;
        values(&y)
    };
    // Pixels right of the diagonal are bright.
    let along = |rows: usize, columns: usize, value: f32| -> Vec<Vec<f32>> {
        let row = |row| (0..columns).map(move |column| if row == column { value } else { 0.0 });
        (0..rows).map(|r| row(r).collect()).collect()
    };
    ensure!(edges(Drawing::Diagonal, false, false)? == along(6, 7, -1.0));
    let mirrored = [vec![vec![0.0; 5]], along(7, 5, 1.0)].concat(); // the first row is dark
    ensure!(edges(Drawing::Diagonal, true, false)? == mirrored);
    let below = edges(Drawing::Diagonal, false, true)?;
    let wanted: Vec<Vec<f32>> = along(6, 8, 1.0).split_off(1);
    ensure!(below == wanted, "{below:?}");
    ensure!(edges(Drawing::Stripe, true, false)? == vec![vec![0.0; 5]; 8]);
    ensure!(edges(Drawing::Stripe, false, true)? == vec![vec![0.0; 8]; 5]);
    Ok(())
}

#[test]
fn the_edge_kernel_is_learned_alike_by_hand_and_with_the_library() -> Result<()> {
    let data = Options::BOOK.data()?;
    let mut kernels = Vec::new();
    for implementation in [Implementation::Scratch, Implementation::Concise] {
        let params = ParamStore::with_dtype(0, DType::F64, &DEVICE);
        let task = Edges(EdgeKernel::new(
            implementation,
            &Options::BOOK,
            &Initializer::PytorchDefault,
            &params,
        )?);
        let batch = data.train.batch(&[0], &DEVICE)?;
        let batch = [
            batch[0].to_dtype(DType::F64)?,
            batch[1].to_dtype(DType::F64)?,
        ];
        let mut sgd = Sgd::new(vec![ParamGroup::new(params.parameters())], 0.03, 0.0, false)?;
        for _ in 0..60 {
            let loss = task.training_loss(&batch, STEP, &mut Scores::default())?;
            sgd.step(&backward(&loss)?)?;
        }
        let (_, weight) = &params.parameters()[0];
        kernels.push(weight.as_detached_tensor());
    }
    near("kernels", &kernels[0], &kernels[1])?;
    let found = kernels[0].flatten_all()?.to_vec1::<f64>()?;
    ensure!(
        (found[0] - 1.0).abs() < 1e-6 && (found[1] + 1.0).abs() < 1e-6,
        "{found:?}"
    );
    Ok(())
}

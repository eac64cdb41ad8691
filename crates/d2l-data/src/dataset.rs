//! Examples on the host, column by column, and batches of them as tensors.

use anyhow::{Context, ensure};
use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

/// A batch with fewer values than this is gathered by one thread: below it, waking the others costs more.
const PARALLEL_FROM: usize = 1 << 16;

/// One column of a data set. `shape` is of one example; an empty shape is one number per example.
#[derive(Clone)]
pub enum Column {
    /// Numbers, taken as they are.
    Floats {
        /// The examples one after another.
        values: Vec<f32>,
        /// Shape of one example.
        shape: Vec<usize>,
    },
    /// Bytes that become f32 from 0 to 1, `value / 255`. They stay bytes on the host: 60,000 images of 224x224 are
    /// 3 GB so, and 12 GB in f32.
    Pixels {
        /// The examples one after another.
        values: Vec<u8>,
        /// Shape of one example.
        shape: Vec<usize>,
    },
    /// Class indices, which become u32.
    Labels(Vec<u8>),
}

impl Column {
    /// Shape of one example.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Floats { shape, .. } | Self::Pixels { shape, .. } => shape,
            Self::Labels(_) => &[],
        }
    }

    /// The number of examples, or an error where the values are no whole number of them.
    fn count(&self) -> anyhow::Result<usize> {
        let values = match self {
            Self::Floats { values, .. } => values.len(),
            Self::Pixels { values, .. } | Self::Labels(values) => values.len(),
        };
        let size = self
            .shape()
            .iter()
            .try_fold(1usize, |size, &side| size.checked_mul(side))
            .with_context(|| format!("an example of shape {:?} is too large", self.shape()))?;
        ensure!(
            size > 0 && values % size == 0,
            "{values} values are no whole number of examples of shape {:?}",
            self.shape()
        );
        Ok(values / size)
    }

    /// The examples at `rows`, all of which exist. `[len, shape…]`
    fn gather(&self, rows: &[usize], device: &Device) -> Result<Tensor> {
        let shape = [&[rows.len()], self.shape()].concat();
        match self {
            Self::Floats { values, .. } => {
                Tensor::from_vec(gather(values, rows, self.size(), |x| x), shape, device)
            }
            Self::Pixels { values, .. } => {
                let values = gather(values, rows, self.size(), |x| f32::from(x) / 255.0);
                Tensor::from_vec(values, shape, device)
            }
            Self::Labels(values) => {
                Tensor::from_vec(gather(values, rows, 1, u32::from), shape, device)
            }
        }
    }

    /// The number of values in one example.
    fn size(&self) -> usize {
        self.shape().iter().product()
    }

    /// A column of the examples at `rows`, all of which exist.
    fn rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Floats { values, shape } => Self::Floats {
                values: gather(values, rows, self.size(), |x| x),
                shape: shape.clone(),
            },
            Self::Pixels { values, shape } => Self::Pixels {
                values: gather(values, rows, self.size(), |x| x),
                shape: shape.clone(),
            },
            Self::Labels(values) => Self::Labels(gather(values, rows, 1, |x| x)),
        }
    }

    fn truncate(&mut self, examples: usize) {
        let values = examples.saturating_mul(self.size());
        match self {
            Self::Floats { values: all, .. } => all.truncate(values),
            Self::Pixels { values: all, .. } | Self::Labels(all) => all.truncate(values),
        }
    }
}

impl std::fmt::Debug for Column {
    /// The kind and the shape; the values would fill screens.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let kind = match self {
            Self::Floats { .. } => "Floats",
            Self::Pixels { .. } => "Pixels",
            Self::Labels(_) => "Labels",
        };
        write!(f, "{kind}{:?}", self.shape())
    }
}

/// Copies the examples at `rows`, `size` values each, through `convert`. Every example has its own place in the
/// result, so the number of threads changes nothing.
fn gather<T, U>(
    values: &[T],
    rows: &[usize],
    size: usize,
    convert: impl Fn(T) -> U + Sync,
) -> Vec<U>
where
    T: Copy + Sync,
    U: Copy + Default + Send,
{
    let mut gathered = vec![U::default(); rows.len() * size];
    let copy = |(to, &row): (&mut [U], &usize)| {
        let from = &values[row * size..(row + 1) * size];
        for (to, &from) in to.iter_mut().zip(from) {
            *to = convert(from);
        }
    };
    if gathered.len() < PARALLEL_FROM {
        gathered.chunks_exact_mut(size).zip(rows).for_each(copy);
    } else {
        gathered
            .par_chunks_exact_mut(size)
            .zip(rows)
            .with_min_len(PARALLEL_FROM / 2 / size)
            .for_each(copy);
    }
    gathered
}

/// Examples of `N` columns, for instance images and labels.
#[derive(Clone, Debug)]
pub struct Dataset<const N: usize> {
    columns: [Column; N],
    len: usize,
}

impl<const N: usize> Dataset<N> {
    /// A data set of these columns.
    ///
    /// # Errors
    ///
    /// Where a column's values are no whole number of examples, or the columns are not equally long.
    pub fn new(columns: [Column; N]) -> anyhow::Result<Self> {
        let mut len = None;
        for (i, column) in columns.iter().enumerate() {
            let count = column.count().with_context(|| format!("column {i}"))?;
            let first = *len.get_or_insert(count);
            ensure!(
                count == first,
                "column {i} holds {count} examples, column 0 holds {first}; wanted equally many"
            );
        }
        Ok(Self {
            columns,
            len: len.unwrap_or(0),
        })
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first `n` examples, or all where there are fewer.
    pub fn first(mut self, n: usize) -> Self {
        self.len = self.len.min(n);
        for column in &mut self.columns {
            column.truncate(self.len);
        }
        self
    }

    /// The examples at `rows`, in that order. Rows may repeat.
    ///
    /// # Errors
    ///
    /// Where a row does not exist.
    pub fn rows(&self, rows: &[usize]) -> anyhow::Result<Self> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.len) {
            anyhow::bail!(
                "found row {row} in a selection, wanted rows below {}, the number of examples",
                self.len
            );
        }
        let columns = self.columns.each_ref().map(|column| column.rows(rows));
        Ok(Self {
            columns,
            len: rows.len(),
        })
    }

    /// Column `i`, from 0. Panics where `i` is not below `N`, as indexing does.
    pub fn column(&self, i: usize) -> &Column {
        &self.columns[i]
    }

    /// The examples at `rows`, in that order, converted and on `device`, each column `[len, shape…]`. Pixels become
    /// `value / 255` in f32, labels u32. Rows may repeat.
    ///
    /// # Errors
    ///
    /// Where a row does not exist or the device is out of memory.
    pub fn batch(&self, rows: &[usize], device: &Device) -> Result<[Tensor; N]> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.len) {
            candle_core::bail!(
                "found row {row} in a batch, wanted rows below {}, the number of examples",
                self.len
            );
        }
        let mut tensors = Vec::with_capacity(N);
        for column in &self.columns {
            tensors.push(column.gather(rows, device)?);
        }
        tensors
            .try_into()
            .map_err(|_| candle_core::Error::msg("a batch has as many tensors as columns"))
    }

    /// Batches of `batch_size` examples in the given order; the last short one is kept. The iterator knows how many
    /// are left (`len`).
    ///
    /// # Errors
    ///
    /// The items are those of [`Dataset::batch`]; with a batch size of zero the only item is an error.
    pub fn batches<'a>(
        &'a self,
        order: Vec<usize>,
        batch_size: usize,
        device: &'a Device,
    ) -> impl ExactSizeIterator<Item = Result<[Tensor; N]>> + 'a {
        let step = match batch_size {
            0 => order.len().max(1),
            size => size,
        };
        (0..order.len()).step_by(step).map(move |start| {
            if batch_size == 0 {
                candle_core::bail!("found a batch size of 0, wanted at least 1");
            }
            let end = order.len().min(start.saturating_add(batch_size));
            self.batch(&order[start..end], device)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three images of 1 x 2 x 2, their labels, and a target each.
    fn small() -> Dataset<3> {
        Dataset::new([
            Column::Pixels {
                values: vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 128, 255],
                shape: vec![1, 2, 2],
            },
            Column::Labels(vec![7, 8, 9]),
            Column::Floats {
                values: vec![0.5, -1.5, 2.5],
                shape: vec![1],
            },
        ])
        .unwrap()
    }

    #[test]
    fn a_batch_holds_the_rows_asked_for_in_their_order() -> Result<()> {
        let [x, labels, y] = small().batch(&[2, 0, 2], &Device::Cpu)?;
        assert_eq!(x.dims(), [3, 1, 2, 2]);
        let last = [8.0 / 255.0, 9.0 / 255.0, 128.0 / 255.0, 1.0];
        let first = [0.0, 1.0 / 255.0, 2.0 / 255.0, 3.0 / 255.0];
        assert_eq!(
            x.flatten_all()?.to_vec1::<f32>()?,
            [last, first, last].concat()
        );
        assert_eq!(labels.to_vec1::<u32>()?, [9, 7, 9]);
        assert_eq!(y.to_vec2::<f32>()?, [[2.5], [0.5], [2.5]]);
        Ok(())
    }

    #[test]
    fn a_large_batch_equals_its_small_ones() -> Result<()> {
        let (examples, size) = (1000, 300); // 300,000 values: gathered by all threads
        let values: Vec<u8> = (0..examples * size).map(|i| (i * 31 % 251) as u8).collect();
        let data = Dataset::new([Column::Pixels {
            values,
            shape: vec![size],
        }])
        .unwrap();
        let order: Vec<usize> = (0..examples).map(|i| i * 7 % examples).collect();
        let [whole] = data.batch(&order, &Device::Cpu)?;
        let mut parts = Vec::new();
        for batch in data.batches(order, 3, &Device::Cpu) {
            let [part] = batch?;
            parts.extend(part.to_vec2::<f32>()?);
        }
        assert_eq!(whole.to_vec2::<f32>()?, parts);
        Ok(())
    }

    #[test]
    fn the_last_short_batch_is_kept() -> Result<()> {
        let data = small();
        let batches = data.batches(vec![1, 2, 0], 2, &Device::Cpu);
        assert_eq!(batches.len(), 2);
        let sizes: Vec<usize> = batches
            .map(|batch| batch.unwrap()[1].elem_count())
            .collect();
        assert_eq!(sizes, [2, 1]);
        assert_eq!(data.batches(vec![], 2, &Device::Cpu).count(), 0);
        assert_eq!(
            data.batches(vec![0, 1], usize::MAX, &Device::Cpu).count(),
            1
        );
        Ok(())
    }

    #[test]
    fn bad_rows_and_batch_sizes_are_errors() {
        let data = small();
        let error = data.batch(&[0, 3], &Device::Cpu).unwrap_err().to_string();
        assert!(
            error.contains("found row 3 in a batch, wanted rows below 3"),
            "{error}"
        );
        let items: Vec<_> = data.batches(vec![0, 1], 0, &Device::Cpu).collect();
        assert_eq!(items.len(), 1);
        assert!(items[0].is_err());
    }

    #[test]
    fn columns_must_be_equally_long_and_whole() {
        let floats = |n: usize, shape: &[usize]| Column::Floats {
            values: vec![0.0; n],
            shape: shape.to_vec(),
        };
        for columns in [
            [floats(6, &[2]), Column::Labels(vec![0; 2])],
            [floats(5, &[2]), Column::Labels(vec![0; 2])],
            [floats(0, &[0]), Column::Labels(vec![])],
            [floats(0, &[usize::MAX, 2]), Column::Labels(vec![])],
        ] {
            let shown = format!("{columns:?}");
            assert!(Dataset::new(columns).is_err(), "{shown}");
        }
        let empty = Dataset::new([floats(0, &[2]), Column::Labels(vec![])]).unwrap();
        assert!(empty.is_empty());
    }

    #[test]
    fn a_selection_of_rows_is_a_data_set_of_them() -> Result<()> {
        let data = small();
        let selection = data.rows(&[2, 0, 2]).unwrap();
        assert_eq!(selection.len(), 3);
        let here = selection.batch(&[0, 1, 2], &Device::Cpu)?;
        let there = data.batch(&[2, 0, 2], &Device::Cpu)?;
        for (here, there) in here.iter().zip(&there) {
            assert_eq!(here.to_string(), there.to_string());
        }
        assert!(data.rows(&[]).unwrap().is_empty());
        assert!(data.rows(&[3]).is_err());
        Ok(())
    }

    #[test]
    fn the_first_examples_are_the_first_of_every_column() -> Result<()> {
        let data = small().first(2);
        assert_eq!(data.len(), 2);
        assert!(data.batch(&[2], &Device::Cpu).is_err());
        let [_, labels, _] = data.batch(&[0, 1], &Device::Cpu)?;
        assert_eq!(labels.to_vec1::<u32>()?, [7, 8]);
        assert_eq!(small().first(9).len(), 3);
        assert!(matches!(small().first(1).column(1), Column::Labels(labels) if labels == &[7]));
        Ok(())
    }
}

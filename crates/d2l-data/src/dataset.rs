//! Data sets of several columns, and batches of them as tensors.

use anyhow::{Context, ensure};
use candle_core::{Device, Result, Tensor};

use crate::pictures::Preparation;
use crate::{Augmentation, Column, Draws, Resize};

/// Examples of `N` columns, for instance images and labels.
#[derive(Clone, Debug)]
pub struct Dataset<const N: usize> {
    columns: [Column; N],
    len: usize,
    preparation: Preparation,
}

impl<const N: usize> Dataset<N> {
    /// A data set of these columns.
    ///
    /// # Errors
    ///
    /// If a column's values are no whole number of examples, or the columns are not equally long.
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
            preparation: Preparation::default(),
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

    /// The first `n` examples, or all if there are fewer.
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
    /// If a row does not exist.
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
            preparation: self.preparation.clone(),
        })
    }

    /// Column `i` as it is stored, from 0. Panics if `i` is not below `N`, as indexing does.
    pub fn column(&self, i: usize) -> &Column {
        &self.columns[i]
    }

    /// Shape of one example of column `i` in a batch. Panics if `i` is not below `N`, as indexing does.
    pub fn shape(&self, i: usize) -> Vec<usize> {
        self.columns[i].prepared_shape(&self.preparation)
    }

    /// The same examples, whose pictures (columns of pixels `[C, H, W]`) have `size` = (height, width) in batches. They
    /// are stored in their own size and resized ([`Resize`]) each time a batch is gathered.
    ///
    /// # Errors
    ///
    /// If there are no pictures, or pictures of different sizes, or a side is 0 or too large.
    pub fn resized(mut self, size: [usize; 2]) -> anyhow::Result<Self> {
        let mut sizes = self.columns.iter().filter_map(Column::picture_size);
        let stored = sizes.next();
        let stored =
            stored.context("found no column of pictures [C, H, W], wanted one to resize")?;
        ensure!(
            sizes.all(|other| other == stored),
            "found columns of pictures of different sizes, wanted one size"
        );
        let resize = Resize::new(stored, size)?;
        self.preparation.resize = (stored != size).then_some(resize);
        Ok(self)
    }

    /// The same examples, whose pictures are changed at random in training batches ([`Dataset::training_batches`]).
    pub fn augmented(mut self, augmentation: Augmentation) -> Self {
        self.preparation.augmentation = augmentation;
        self
    }

    /// The examples at `rows`, in that order, converted and on `device`, each column `[len, shape…]`. Pixels become
    /// `value / 255` in f32, labels u32. Rows may repeat.
    ///
    /// # Errors
    ///
    /// If a row does not exist or the device is out of memory.
    pub fn batch(&self, rows: &[usize], device: &Device) -> Result<[Tensor; N]> {
        self.gather(rows, None, device)
    }

    fn gather(&self, rows: &[usize], draws: Option<Draws>, device: &Device) -> Result<[Tensor; N]> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.len) {
            candle_core::bail!(
                "found row {row} in a batch, wanted rows below {}, the number of examples",
                self.len
            );
        }
        let mut tensors = Vec::with_capacity(N);
        for column in &self.columns {
            tensors.push(column.gather(rows, &self.preparation, draws, device)?);
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
        self.each_batch(order, batch_size, None, device)
    }

    /// Like [`Dataset::batches`], with the random changes of [`Dataset::augmented`] to the pictures. The changes are a
    /// function of `draws` and of the picture's row.
    ///
    /// # Errors
    ///
    /// As [`Dataset::batches`].
    pub fn training_batches<'a>(
        &'a self,
        order: Vec<usize>,
        batch_size: usize,
        draws: Draws,
        device: &'a Device,
    ) -> impl ExactSizeIterator<Item = Result<[Tensor; N]>> + 'a {
        self.each_batch(order, batch_size, Some(draws), device)
    }

    fn each_batch<'a>(
        &'a self,
        order: Vec<usize>,
        batch_size: usize,
        draws: Option<Draws>,
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
            self.gather(&order[start..end], draws, device)
        })
    }
}

#[cfg(test)]
mod tests;

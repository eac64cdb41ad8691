//! A minibatch of pictures: gathered, changed at random or resized, and made a tensor.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use d2l::data::{Augmentation, Column, Dataset, Draws};
use d2l::nn::testing::hash;

use crate::Work;

const SALT: u32 = 7;

/// Batches of the same pictures. Each step counts as an epoch, so that the random changes differ.
pub struct Pictures {
    pictures: Dataset<1>,
    rows: Vec<usize>,
    random: bool,
    steps: usize,
    last: Option<Tensor>,
}

impl Pictures {
    fn new(
        count: usize,
        shape: [usize; 3],
        random: bool,
        prepare: impl FnOnce(Dataset<1>) -> Result<Dataset<1>>,
    ) -> Result<Self> {
        let size = shape.iter().product::<usize>();
        let values = (0..(count * size) as u32)
            .map(|i| (hash(i, SALT) % 256) as u8)
            .collect();
        let pictures = Dataset::new([Column::Pixels { values, shape: shape.to_vec() }])?;
        Ok(Self {
            pictures: prepare(pictures)?,
            rows: (0..count).collect(),
            random,
            steps: 0,
            last: None,
        })
    }

    /// `count` pictures of `shape` `[C, H, W]`, resized to a square of `side`.
    ///
    /// # Errors
    /// If there is no such size.
    pub fn resized(count: usize, shape: [usize; 3], side: usize) -> Result<Self> {
        Self::new(count, shape, false, |pictures| {
            pictures.resized([side, side])
        })
    }

    /// `count` pictures of `shape`, changed at random.
    ///
    /// # Errors
    /// If the shape holds no pictures.
    pub fn augmented(count: usize, shape: [usize; 3], augmentation: Augmentation) -> Result<Self> {
        Self::new(count, shape, true, |pictures| {
            Ok(pictures.augmented(augmentation))
        })
    }
}

impl Work for Pictures {
    fn step(&mut self) -> candle_core::Result<()> {
        self.steps += 1;
        let draws = Draws { seed: 0, epoch: self.steps };
        let (rows, device) = (self.rows.clone(), Device::Cpu);
        let mut batches = self
            .pictures
            .training_batches(rows, self.rows.len(), draws, &device);
        let Some(batch) = batches.next() else {
            candle_core::bail!("found no pictures, wanted at least one")
        };
        let [x] = batch?;
        self.last = Some(x);
        Ok(())
    }

    /// The mean; of random changes, which differ from PyTorch's, the batch's shape.
    fn values(&self) -> Result<Vec<f64>> {
        let x = self.last.as_ref().context("no batch was made")?;
        if self.random {
            return Ok(x.dims().iter().map(|&size| size as f64).collect());
        }
        Ok(vec![x.to_dtype(DType::F64)?.mean_all()?.to_scalar()?])
    }

    fn initial(&self) -> BTreeMap<String, Tensor> {
        BTreeMap::new()
    }
}

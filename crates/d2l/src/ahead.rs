//! The minibatches of an epoch. While a GPU computes, the next one is prepared.
//!
//! Another thread gathers the rows of the next minibatch on the host, with their random changes. The copy to the device
//! stays on the loop's thread, whose stream the device uses. Order and numbers are the same as without that thread. On
//! the CPU, a step has work for all threads, so the loop gathers each minibatch itself.

use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use d2l_data::Dataset;
use d2l_nn::has_kernels;

use crate::Run;

/// Calls `step` with each training minibatch of `data` that the run's epoch still has, on the run's device.
///
/// # Errors
/// The first error of a minibatch or of a step; the minibatches after it are not prepared.
pub fn each_minibatch<const N: usize>(
    data: &Dataset<N>,
    run: &mut Run,
    mut step: impl FnMut([Tensor; N], &mut Run) -> Result<()>,
) -> Result<()> {
    let (batch_size, device) = (run.settings.recipe.batch_size, run.settings.device.clone());
    let (order, draws) = (run.order(), run.draws());
    if has_kernels(&device) {
        for batch in data.training_batches(order, batch_size, draws, &device) {
            step(batch?, run)?;
        }
        return Ok(());
    }
    let host = Device::Cpu;
    let batches = data.training_batches(order, batch_size, draws, &host);
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(0);
        let prepare = move || {
            for batch in batches {
                if sender.send(batch).is_err() {
                    return; // the loop has ended early
                }
            }
        };
        let thread = std::thread::Builder::new().name("minibatches".to_string());
        thread
            .spawn_scoped(scope, prepare)
            .context("starting a thread that prepares minibatches")?;
        for batch in receiver {
            let mut on_device = batch?;
            for column in &mut on_device {
                *column = column.to_device(&device)?;
            }
            step(on_device, run)?;
        }
        Ok(())
    })
}

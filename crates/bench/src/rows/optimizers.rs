//! Steps of optimizers over ten million parameters.

use anyhow::Result;
use d2l::nn::{Adadelta, Adagrad, Adam, RmsProp, Sgd};

use crate::{Update, Work};

pub(super) fn sgd() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Sgd::new(groups, rate, 0.0, false)?);
    Ok(Box::new(Update::new(make)?))
}

pub(super) fn sgd_momentum() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Sgd::new(groups, rate, 0.9, false)?);
    Ok(Box::new(Update::new(make)?))
}

pub(super) fn adagrad() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Adagrad::new(groups, rate)?);
    Ok(Box::new(Update::new(make)?))
}

pub(super) fn rmsprop() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(RmsProp::new(groups, rate, 0.9, 0.0, false)?);
    Ok(Box::new(Update::new(make)?))
}

pub(super) fn rmsprop_centered() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(RmsProp::new(groups, rate, 0.9, 0.9, true)?);
    Ok(Box::new(Update::new(make)?))
}

pub(super) fn adadelta() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Adadelta::new(groups, rate)?);
    Ok(Box::new(Update::new(make)?))
}

pub(super) fn adam() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Adam::new(groups, rate)?);
    Ok(Box::new(Update::new(make)?))
}

pub(super) fn adamw() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Adam::decoupled(groups, rate)?);
    Ok(Box::new(Update::new(make)?))
}

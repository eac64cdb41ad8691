//! The vision transformer: PyTorch's numbers, and the patches of a picture.

use anyhow::{Context, Result, ensure};
use convolutional::pictures::Shape;
use d2l::nn::{ParamStore, cross_entropy};
use transformer::vit::VisionTransformer;

use crate::{RULE, golden, store, vit_options};

#[test]
fn vit_agrees_with_pytorch() -> Result<()> {
    let build = |params: &ParamStore| {
        VisionTransformer::new(Shape::grey(28), &vit_options(), &RULE, params)
    };
    d2l::testing::check_against_golden(&golden("vit"), build, cross_entropy)
}

#[test]
fn patches_must_fill_the_picture() -> Result<()> {
    let build = VisionTransformer::new(Shape::grey(30), &vit_options(), &RULE, &store());
    let error = build.err().context("30 is no multiple of 7")?.to_string();
    ensure!(error.contains("wanted a divisor of 30"), "{error}");
    Ok(())
}

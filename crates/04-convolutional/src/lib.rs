//! Chapter 04: convolutional networks (D2L zh 6.2-6.6 and 7, en 7.2-7.6 and 8).
//!
//! Reading order:
//! 1. [`cross_correlation`]: what a kernel sees, with padding, stride and channels
//! 2. [`edge_kernel`]: a kernel that is learned from one picture
//! 3. [`pooling`]: the largest number or the mean of a pooling region
//! 4. [`lenet`]: the first network of these parts, by hand and with the library
//! 5. [`batch_norm_lenet`]: batch normalisation by its definition, and what it does for LeNet
//! 6. [`alexnet`]: wider and deeper, with ReLU and dropout
//! 7. [`vgg`]: the same block again and again
//! 8. [`nin`]: a dense network at every pixel
//! 9. [`googlenet`]: kernels of several sizes side by side
//! 10. [`resnet`]: eighteen layers, batch normalisation, and paths around the blocks
//! 11. [`densenet`]: every layer sees all before it
//! 12. [`regnet`]: a network found in a space of networks
//! 13. [`ladder`]: handwritten digits, the upper rungs of Nielsen's ladder
//!
//! [`pictures`] trains all networks but [`edge_kernel`] and those of the [`ladder`].

pub mod alexnet;
pub mod batch_norm_lenet;
pub mod cross_correlation;
pub mod dense_head;
pub mod densenet;
pub mod edge_kernel;
pub mod googlenet;
pub mod ladder;
mod layers;
pub mod lenet;
pub mod nin;
pub mod pictures;
pub mod pooling;
pub mod regnet;
pub mod resnet;
pub mod vgg;

use d2l::Chapter;

/// The chapter's models, in reading order.
pub fn chapter() -> Chapter {
    let mut models = vec![
        lenet::model(),
        batch_norm_lenet::model(),
        alexnet::model(),
        vgg::model(),
        nin::model(),
        googlenet::model(),
        resnet::model(),
        densenet::model(),
        regnet::model(),
        edge_kernel::model(),
    ];
    models.extend(ladder::models());
    Chapter {
        name: "convolutional",
        about: "Chapter 04: convolutional networks",
        models,
        bands: include_str!("../bands.toml"),
    }
}

//! Chapter 04: convolutional networks (D2L zh 6.2-6.6 and 7, en 7.2-7.6 and 8).
//!
//! Reading order, with the book's sections in both editions and the papers:
//!
//! 1. [`cross_correlation`]: what a kernel sees, with padding, stride and channels (zh 6.2-6.4, en 7.2-7.4)
//! 2. [`edge_kernel`]: a kernel that is learned from one picture (zh 6.2.4, en 7.2.4)
//! 3. [`pooling`]: the largest number or the mean of a pooling region (zh 6.5, en 7.5)
//! 4. [`lenet`]: the first network of these parts, by hand and with the library (zh 6.6, en 7.6; LeCun et al. 1998)
//! 5. [`batch_norm_lenet`]: batch normalisation by its definition, and what it does for LeNet (zh 7.5, en 8.5; Ioffe
//!    and Szegedy 2015, [1502.03167](https://arxiv.org/abs/1502.03167))
//! 6. [`alexnet`]: wider and deeper, with ReLU and dropout (zh 7.1, en 8.1; Krizhevsky et al. 2012); it ends as VGG
//!    does, in a [`dense_head`]
//! 7. [`vgg`]: the same block again and again (zh 7.2, en 8.2; Simonyan and Zisserman 2014,
//!    [1409.1556](https://arxiv.org/abs/1409.1556))
//! 8. [`nin`]: a dense network at every pixel (zh 7.3, en 8.3; Lin et al. 2013,
//!    [1312.4400](https://arxiv.org/abs/1312.4400))
//! 9. [`googlenet`]: kernels of several sizes side by side (zh 7.4, en 8.4; Szegedy et al. 2015,
//!    [1409.4842](https://arxiv.org/abs/1409.4842))
//! 10. [`resnet`]: eighteen layers, batch normalisation, and paths around the blocks (zh 7.6, en 8.6; He et al. 2016,
//!     [1512.03385](https://arxiv.org/abs/1512.03385))
//! 11. [`densenet`]: every layer sees all before it (zh 7.7, en 8.7; Huang et al. 2017,
//!     [1608.06993](https://arxiv.org/abs/1608.06993))
//! 12. [`regnet`]: a network found in a space of networks (en 8.8; Radosavovic et al. 2020,
//!     [2003.13678](https://arxiv.org/abs/2003.13678))
//! 13. [`ladder`]: handwritten digits, the upper rungs of Nielsen's ladder (Nielsen 2015, chapter 6)
//!
//! [`pictures`] trains all networks but [`edge_kernel`] and those of the [`ladder`].
//!
//! From the shared crates: the layers are [`d2l::nn::conv2d`], [`d2l::nn::max_pool2d`] and [`d2l::nn::batch_norm`], the
//! pictures [`d2l::data::image_classes`]. [`d2l::draw_features`] draws what a network sees.

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

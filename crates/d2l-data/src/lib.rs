//! Data sets on the host, and batches of them as tensors.
//!
//! Reading order: [`Column`] and [`Dataset`] hold examples and cut batches; [`Splits`] are a training and a held-out
//! part with their [`Provenance`]; [`synthetic_regression`] and [`synthetic_polynomial`] draw the first chapter's data;
//! [`image_classes`] gives Fashion-MNIST, MNIST or CIFAR-10 where the files are there, else a drawn twin (the module
//! `drawn`), in another size if wanted ([`Resize`]) and changed at random to train on ([`augment`]); [`airfoil`],
//! [`diabetes`], [`titanic`] and [`house_prices`] do the same with sets that are tables, read by [`table`].
//! [`time_machine`] is a text, as numbers of a [`Vocabulary`], of which [`windows`] make examples. [`k_fold`] cuts a set
//! for cross-validation.
//!
//! Nothing here touches the network, and nothing depends on the number of threads.
//!
//! ```
//! # fn main() -> anyhow::Result<()> {
//! use candle_core::Device;
//!
//! let splits = d2l_data::synthetic_regression(0, &[2.0, -3.4], 4.2, 0.01, 1000, 0)?;
//! for batch in splits.train.batches((0..1000).collect(), 256, &Device::Cpu) {
//!     let [x, y] = batch?;
//!     assert_eq!(x.dim(1)?, 2);
//!     assert_eq!(y.dim(1)?, 1);
//! }
//! # Ok(())
//! # }
//! ```

pub mod augment;
pub mod idx;
pub mod table;

mod choice;
mod cifar;
mod column;
mod dataset;
mod drawn;
mod folds;
mod images;
mod pictures;
mod polynomial;
mod published;
mod regression;
mod resize;
mod splits;
mod tabular;
mod text;

pub use augment::{Augmentation, Draws};
pub use choice::{Choice, Loaded};
pub use column::Column;
pub use dataset::Dataset;
pub use folds::k_fold;
pub use images::{ImageClasses, ImageSet, image_classes};
pub use polynomial::{polynomial_features, synthetic_polynomial};
pub use regression::synthetic_regression;
pub use resize::Resize;
pub use splits::{Provenance, Source, Splits};
pub use tabular::{
    DiabetesForm, HouseEdition, HousePrices, Tabular, airfoil, diabetes, house_prices, titanic,
};
pub use text::{
    Corpus, Level, TextEdition, Vocabulary, letters, random_partition, sequential_partition,
    time_machine, tokenize, windows,
};

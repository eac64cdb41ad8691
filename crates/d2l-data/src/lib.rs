//! Data sets on the host, and batches of them as tensors.
//!
//! Reading order: [`Column`] and [`Dataset`] hold examples and cut batches; [`Splits`] are a training and a held-out
//! part with their [`Provenance`]; [`synthetic_regression`] and [`synthetic_polynomial`] draw the first chapter's data;
//! [`image_classes`] loads Fashion-MNIST, MNIST or CIFAR-10 if the files are there, and otherwise draws a built-in set
//! (module `drawn`); it can resize pictures ([`Resize`]) and change training pictures at random ([`augment`]).
//! [`airfoil`], [`diabetes`], [`titanic`] and [`house_prices`] do the same for sets that are tables, read by [`table`].
//! [`time_machine`] is a text as numbers of a [`Vocabulary`], [`text_file`] reads another text, and [`windows`] makes
//! examples of it; [`BytePairs`] learns tokens between letters and words; [`wikitext2`] is a text of words in two parts. [`names()`] are surnames with
//! their languages. [`translation`] has pairs of sentences and the score of a translation.
//! [`k_fold`] cuts a set for cross-validation.
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
pub mod translation;

mod choice;
mod cifar;
mod column;
mod dataset;
mod drawn;
mod folds;
mod image_set;
mod images;
mod names;
mod pictures;
mod polynomial;
mod published;
mod regression;
mod resize;
mod splits;
mod table_forms;
mod tabular;
mod text;

pub use augment::{Augmentation, Draws};
pub use choice::{Choice, Loaded};
pub use column::Column;
pub use dataset::Dataset;
pub use folds::k_fold;
pub use image_set::ImageSet;
pub use images::{ImageClasses, first_image_classes, image_classes};
pub use names::{
    NAME_END, NAME_IGNORED, NAME_LETTERS, NAME_SYMBOLS, Names, name_letters, name_of_symbols,
    name_symbols, names,
};
pub use polynomial::{polynomial_features, synthetic_polynomial};
pub use regression::synthetic_regression;
pub use resize::Resize;
pub use splits::{Provenance, Source, Splits};
pub use tabular::{
    DiabetesForm, HouseEdition, HousePrices, Tabular, airfoil, diabetes, house_prices, titanic,
};
pub use text::{
    BytePairs, Cleaning, Corpus, Level, RawText, TextEdition, Vocabulary, WordText, letters,
    random_partition, sequential_partition, text_file, time_machine, time_machine_text, tokenize,
    wikitext2, windows,
};

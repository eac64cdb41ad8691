//! Data sets on the host, and batches of them as tensors.
//!
//! Reading order, with the book's sections in both editions:
//!
//! 1. [`Column`] and [`Dataset`] hold examples and cut batches; [`Splits`] are a training and a held-out part with
//!    their [`Provenance`] (zh 3.2.2, en 3.3)
//! 2. [`synthetic_regression`] and [`synthetic_polynomial`] draw the first chapter's data (zh 3.2.1 and 4.4, en 3.3)
//! 3. [`image_classes`] loads Fashion-MNIST (zh 3.5, en 4.2), MNIST or CIFAR-10 if the files are there, and otherwise
//!    draws a built-in set; it can resize pictures ([`Resize`]) and change training pictures at random ([`augment`])
//! 4. [`airfoil`], [`diabetes`], [`titanic`] and [`house_prices`] (zh 4.10, en 5.7) do the same for sets that are
//!    tables, read by [`table`]
//! 5. [`time_machine`] is a text as numbers of a [`Vocabulary`] (zh 8.2, en 9.2), [`text_file`] reads another text, and
//!    [`windows`] makes examples of it (en 9.3); [`BytePairs`] learns tokens between letters and words (zh 14.6, en 15.6); [`wikitext2`] is a text of
//!    words in two parts
//! 6. [`names()`] are surnames with their languages
//! 7. [`translation`] has pairs of sentences and the score of a translation (zh 9.5 and 9.7.6, en 10.5 and 10.7.7)
//! 8. [`k_fold`] cuts a set for cross-validation (zh 4.10.7, en 5.7.5)
//!
//! Nothing here touches the network, and nothing depends on the number of threads. Every random draw is one of
//! [`d2l_random`]'s.
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

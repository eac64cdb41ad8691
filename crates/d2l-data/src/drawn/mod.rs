//! Built-in sets in place of Fashion-MNIST, MNIST and CIFAR-10, so that every chapter runs before anything is
//! downloaded.
//!
//! Each picture is a few outlines or pen strokes whose proportions, pose and brightness are drawn at random. The
//! classes are about as hard to distinguish as the real ones: a linear model recognises most pictures, a hidden layer
//! more, and a convolutional network more again. Results on these sets are not worth publishing. A picture depends only
//! on its set, part and index, never on a run's seed.

use anyhow::Result;
use d2l_random::{Purpose, Stream};
use rayon::prelude::*;

use crate::idx::Bytes;
use crate::image_set::{Part, splits};
use crate::{ImageSet, Source, Splits, cifar, published};
use dice::Dice;

pub(crate) mod digits;
pub(crate) mod garments;
pub(crate) mod names;
pub(crate) mod shapes;
pub(crate) mod story;
pub(crate) mod tables;

mod dice;
mod raster;
mod shoes;
mod tops;

/// The parts and their names in the random streams.
const PARTS: [&str; 2] = ["train", "test"];

/// The first `limit` examples of each part, with the digest of the whole set.
pub(crate) fn draw(set: ImageSet, limit: usize) -> Result<Splits<2>> {
    let parts = parts(set, limit);
    let mut drawn = splits(set.builtin_name(), Source::Builtin, set.shape(), parts)?;
    drawn.provenance.sha256 = set.builtin_sha256().to_string();
    Ok(drawn)
}

/// The training part, then the test part.
fn parts(set: ImageSet, limit: usize) -> [Part; 2] {
    [0, 1].map(|part| {
        let name = format!("{} {}", set.builtin_name(), PARTS[part]);
        let examples = set.examples()[part].min(limit);
        let labels: Vec<u8> = (0..examples.div_ceil(10))
            .flat_map(|block| labels(&name, block))
            .take(examples)
            .collect();
        let shape = set.shape();
        let pixels: usize = shape.iter().product();
        let mut images = vec![0; examples * pixels];
        images
            .par_chunks_exact_mut(pixels)
            .zip(&labels)
            .enumerate()
            .for_each(|(index, (image, &label))| {
                image.copy_from_slice(&picture(set, &name, index, label));
            });
        match set {
            ImageSet::FashionMnist | ImageSet::Mnist => {
                let [_, height, width] = shape;
                let images = Bytes::new(images, &[examples, height, width]);
                published::part(images, Bytes::new(labels, &[examples]))
            }
            ImageSet::Cifar10 => cifar::part(images, labels),
        }
    })
}

/// The labels of examples 10 `block` to 10 `block` + 9: each class once, so that the first examples are balanced too.
fn labels(name: &str, block: usize) -> impl Iterator<Item = u8> {
    let name = format!("{name} labels");
    let stream = Stream { step: block, ..Stream::once(0, Purpose::Data, &name) };
    stream.permutation(10).into_iter().map(|label| label as u8)
}

/// Example `index` of the part `name`, which shows class `label`.
fn picture(set: ImageSet, name: &str, index: usize, label: u8) -> Vec<u8> {
    let stream = Stream { step: index, ..Stream::once(0, Purpose::Data, name) };
    let mut dice = Dice(stream.rng());
    match set {
        ImageSet::FashionMnist => garments::picture(label, &mut dice).to_vec(),
        ImageSet::Mnist => digits::picture(label, &mut dice).to_vec(),
        ImageSet::Cifar10 => shapes::picture(label, &mut dice),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::OnceLock;

    use super::*;
    use crate::image_set::SIDE;
    use crate::{Choice, Column, Dataset, Splits, image_classes};

    /// The drawn sets, made once for all tests.
    fn builtin(set: ImageSet) -> &'static Splits<2> {
        static SETS: [OnceLock<Splits<2>>; 3] = [const { OnceLock::new() }; 3];
        let place = &SETS[set as usize];
        let draw = || image_classes(set, Choice::Builtin, Path::new("nowhere")).unwrap();
        place.get_or_init(|| draw().data.splits)
    }

    fn pictures(data: &Dataset<2>) -> (&[u8], &[u8]) {
        match (data.column(0), data.column(1)) {
            (Column::Pixels { values, .. }, Column::Labels(labels)) => (values, labels),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_drawings_are_the_same_for_everyone() {
        // The digests don't depend on the processor, because the drawing has no operation whose result may differ
        // between two processors.
        for set in [ImageSet::FashionMnist, ImageSet::Mnist, ImageSet::Cifar10] {
            let whole = parts(set, usize::MAX);
            let drawn = splits("", Source::Builtin, set.shape(), whole).unwrap();
            let name = set.builtin_name();
            assert_eq!(drawn.provenance.sha256, set.builtin_sha256(), "{name}");
            // A part of it is the beginning of the whole.
            let some = draw(set, 25).unwrap();
            assert_eq!(some.provenance, builtin(set).provenance);
            for (some, whole) in [(&some.train, &drawn.train), (&some.valid, &drawn.valid)] {
                assert_eq!(pictures(some), pictures(&whole.clone().first(25)), "{name}");
            }
        }
    }

    #[test]
    fn a_picture_depends_on_its_place_alone() {
        let set = ImageSet::Mnist;
        let splits = builtin(set);
        for (data, name) in [
            (&splits.train, "drawn-digits train"),
            (&splits.valid, "drawn-digits test"),
        ] {
            let (images, labels) = pictures(data);
            for index in [0, 7, 9_999] {
                let pixels = SIDE * SIDE;
                assert_eq!(
                    images[index * pixels..][..pixels],
                    picture(set, name, index, labels[index])
                );
            }
        }
        let (train, test) = (pictures(&splits.train).0, pictures(&splits.valid).0);
        assert_ne!(train[..SIDE * SIDE], test[..SIDE * SIDE]);
    }

    #[test]
    fn any_ten_examples_from_the_start_hold_every_class_once() {
        let name = "drawn-digits train";
        let blocks: Vec<Vec<u8>> = (0..50).map(|block| labels(name, block).collect()).collect();
        for block in &blocks {
            let mut sorted = block.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<u8>>());
        }
        assert_ne!(blocks[0], blocks[1]);
    }

    #[test]
    fn classes_can_be_told_apart_but_not_by_their_mean_alone() {
        // Accuracy of the nearest class mean. The published sets have 0.68 (garments), 0.82 (digits) and 0.28
        // (CIFAR-10, measured on `cifar-10-subset`).
        for (set, low, high) in [
            (ImageSet::FashionMnist, 0.60, 0.67),
            (ImageSet::Mnist, 0.72, 0.79),
            (ImageSet::Cifar10, 0.14, 0.25),
        ] {
            let splits = builtin(set);
            let pixels: usize = set.shape().iter().product();
            let mut means = vec![vec![0f64; pixels]; 10];
            let (images, labels) = pictures(&splits.train);
            for (image, &label) in images.chunks_exact(pixels).zip(labels) {
                for (mean, &value) in means[usize::from(label)].iter_mut().zip(image) {
                    *mean += f64::from(value) * 10.0 / splits.train.len() as f64;
                }
            }
            let (images, labels) = pictures(&splits.valid);
            let distance = |image: &[u8], mean: &[f64]| -> f64 {
                image
                    .iter()
                    .zip(mean)
                    .map(|(&value, mean)| (f64::from(value) - mean).powi(2))
                    .sum()
            };
            let correct = images
                .chunks_exact(pixels)
                .zip(labels)
                .filter(|&(image, &label)| {
                    let distances: Vec<f64> =
                        means.iter().map(|mean| distance(image, mean)).collect();
                    let own = distances[usize::from(label)];
                    distances.iter().all(|&other| own <= other)
                });
            let accuracy = correct.count() as f64 / 10_000.0;
            assert!(
                (low..high).contains(&accuracy),
                "{}: {accuracy}",
                set.builtin_name()
            );
        }
    }
}

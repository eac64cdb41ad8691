//! Random changes of training pictures that keep their class, so that a network sees no picture twice. D2L zh 13.1, en
//! 14.1.
//!
//! Each change is one of torchvision's, computed on pictures of bytes as Pillow does, to the last bit: [`flip`]
//! mirrors, [`crop`] shifts, [`Jitter`] changes colours ([`colour`]). The changes of a picture are a function of the
//! run's seed, the epoch and the picture's place in the set, not of its batch or of the thread.

pub mod colour;

use anyhow::{Result, bail};
use d2l_random::{Purpose, Rng, Stream};

use colour::Jitter;

/// Which random changes are made to every picture: planes `[C, H, W]`, first shifted, then mirrored, then coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// Black pixels around the picture, out of which a crop of the picture's size is cut at a random place:
    /// `RandomCrop(side, padding)`.
    pub crop: Option<usize>,
    /// Whether every second picture is mirrored: `RandomHorizontalFlip`.
    pub flip: bool,
    /// How far colours may change: `ColorJitter`.
    pub colour: Option<Jitter>,
}

impl Augmentation {
    /// No changes.
    pub const NOTHING: Self = Self { crop: None, flip: false, colour: None };

    /// The usual padding for crops of CIFAR-10, from He et al. 2016, <https://arxiv.org/abs/1512.03385>, section 4.2.
    pub const PADDING: usize = 4;
}

impl std::str::FromStr for Augmentation {
    type Err = anyhow::Error;

    /// Reads words separated by commas: `flip`, `crop` (with a padding of 4), `colour` (the book's jitter).
    fn from_str(words: &str) -> Result<Self> {
        let mut augmentation = Self::default();
        for word in words.split(',') {
            match word {
                "flip" => augmentation.flip = true,
                "crop" => augmentation.crop = Some(Self::PADDING),
                "colour" | "color" => augmentation.colour = Some(Jitter::BOOK),
                _ => bail!("found {word:?}, wanted flip, crop or colour, with commas between them"),
            }
        }
        Ok(augmentation)
    }
}

impl std::fmt::Display for Augmentation {
    /// The words in a fixed order, with + between them.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let words = [
            (self.flip, "flip"),
            (self.crop.is_some(), "crop"),
            (self.colour.is_some(), "colour"),
        ];
        let given = words.into_iter().filter(|(given, _)| *given);
        let given: Vec<&str> = given.map(|(_, word)| word).collect();
        f.write_str(&given.join("+"))
    }
}

/// The place of a batch in a run, on which the random changes of its pictures depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// The run's seed.
    pub seed: u64,
    /// The epoch, from 1.
    pub epoch: usize,
}

impl Augmentation {
    /// Whether every picture stays as it is.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Changes picture `row` of a set, planes of `[C, H, W]`.
    pub fn apply(&self, picture: &[u8], shape: [usize; 3], row: usize, draws: Draws) -> Vec<u8> {
        let stream = Stream {
            seed: draws.seed,
            purpose: Purpose::Augment,
            name: "train",
            epoch: draws.epoch,
            step: row,
        };
        let mut rng = stream.rng();
        let mut changed = match self.crop {
            None => picture.to_vec(),
            Some(padding) => {
                let mut place = || rng.random_range(0..=2 * padding);
                let corner = [place(), place()];
                crop(picture, shape, padding, corner)
            }
        };
        if self.flip && rng.random::<bool>() {
            flip(&mut changed, shape);
        }
        if let Some(jitter) = &self.colour {
            jitter.apply(&mut changed, shape, &mut rng);
        }
        changed
    }
}

/// Mirrors every row: `hflip`.
pub fn flip(picture: &mut [u8], [_, _, width]: [usize; 3]) {
    for row in picture.chunks_exact_mut(width.max(1)) {
        row.reverse();
    }
}

/// A crop of the picture's own size from the picture with `padding` black pixels around it. Its upper left corner is
/// `[top, left]`, at most 2 `padding` each: `crop` after `pad`.
pub fn crop(
    picture: &[u8],
    [_, height, width]: [usize; 3],
    padding: usize,
    [top, left]: [usize; 2],
) -> Vec<u8> {
    let mut cropped = vec![0; picture.len()];
    // Row r of the crop is row r + top - padding of the picture, if it has such a row; the same holds for columns.
    let rows = |n: usize, shift: usize| {
        let from = padding.saturating_sub(shift).min(n);
        let to = (n + padding).saturating_sub(shift).min(n);
        from..to.max(from)
    };
    let (inside, across) = (rows(height, top), rows(width, left));
    let planes = picture.chunks_exact((height * width).max(1));
    let windows = cropped.chunks_exact_mut((height * width).max(1));
    for (plane, window) in planes.zip(windows) {
        for row in inside.clone() {
            let first = (row + top - padding) * width + across.start + left - padding;
            window[row * width..][across.clone()]
                .copy_from_slice(&plane[first..first + across.len()]);
        }
    }
    cropped
}

#[cfg(test)]
mod tests;

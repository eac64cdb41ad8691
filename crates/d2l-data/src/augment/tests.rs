//! What the random changes are and what they depend on.

use super::*;
use crate::{Column, Dataset};
use candle_core::Device;

const SHAPE: [usize; 3] = [3, 8, 8];
const ALL: Augmentation = Augmentation { crop: Some(2), flip: true, colour: Some(Jitter::BOOK) };

fn picture() -> Vec<u8> {
    (0..3 * 64).map(|i| (i * 29 % 256) as u8).collect()
}

fn draws(seed: u64, epoch: usize) -> Draws {
    Draws { seed, epoch }
}

#[test]
fn words_are_read_and_written() {
    let all: Augmentation = "colour,flip,crop".parse().unwrap();
    assert_eq!(all.to_string(), "flip+crop+colour");
    assert_eq!((all.crop, all.colour), (Some(4), Some(Jitter::BOOK)));
    assert_eq!("flip".parse::<Augmentation>().unwrap().to_string(), "flip");
    for wrong in ["", "flip,", "flip,turn", "Flip"] {
        let error = wrong.parse::<Augmentation>().unwrap_err().to_string();
        assert!(error.contains("wanted flip, crop or colour"), "{error}");
    }
}

#[test]
fn changes_depend_on_seed_epoch_and_row_alone() {
    let changed = |row, draws| ALL.apply(&picture(), SHAPE, row, draws);
    let first = changed(5, draws(1, 2));
    assert_eq!(first, changed(5, draws(1, 2)));
    for other in [
        changed(6, draws(1, 2)),
        changed(5, draws(2, 2)),
        changed(5, draws(1, 3)),
    ] {
        assert_ne!(first, other);
    }
    assert_eq!(
        Augmentation::default().apply(&picture(), SHAPE, 5, draws(1, 2)),
        picture()
    );
}

#[test]
fn half_of_the_pictures_are_mirrored_and_all_shifts_come_equally_often() {
    let flips = Augmentation { flip: true, ..Augmentation::default() };
    let mut mirrored = picture();
    flip(&mut mirrored, SHAPE);
    let count = (0..4000)
        .filter(|&row| {
            let changed = flips.apply(&picture(), SHAPE, row, draws(0, 1));
            assert!(changed == mirrored || changed == picture());
            changed == mirrored
        })
        .count();
    assert!((1900..2100).contains(&count), "{count} of 4000");

    let crops = Augmentation { crop: Some(1), ..Augmentation::default() };
    let mut counts = std::collections::HashMap::new();
    for row in 0..4500 {
        *counts
            .entry(crops.apply(&picture(), SHAPE, row, draws(0, 1)))
            .or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 9);
    assert!(
        counts.values().all(|count| (420..580).contains(count)),
        "{:?}",
        counts.values()
    );
}

#[test]
fn factors_fill_their_ranges() {
    // A grey picture has neither saturation nor hue: brightness and contrast alone change it.
    let only = |brightness, contrast| Augmentation {
        colour: Some(Jitter { brightness, contrast, saturation: 0.5, hue: 0.5 }),
        ..Augmentation::default()
    };
    let changed = |row| only(0.5, 0.0).apply(&[100; 4], [1, 2, 2], row, draws(0, 1))[0];
    let values: Vec<u8> = (0..2000).map(changed).collect();
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / 2000.0;
    assert!((98.0..101.0).contains(&mean), "{mean}");
    assert!(values.iter().min() <= Some(&51) && values.iter().max() >= Some(&148));
    assert!(
        (0..50).all(|row| only(0.0, 0.5).apply(&[100; 4], [1, 2, 2], row, draws(0, 1)) == [100; 4])
    );
}

#[test]
fn only_training_batches_are_changed_whatever_their_size() -> Result<()> {
    let set = |count: usize| {
        let values: Vec<u8> = (0..count * 192).map(|i| (i * i % 251) as u8).collect();
        Dataset::new([Column::Pixels { values, shape: SHAPE.to_vec() }])
    };
    let data = set(40)?.augmented(ALL);
    let device = Device::Cpu;
    let order: Vec<usize> = (0..40).rev().collect();
    let numbers = |batches: Vec<[candle_core::Tensor; 1]>| -> Result<Vec<f32>> {
        let mut numbers = Vec::new();
        for [x] in batches {
            numbers.extend(x.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(numbers)
    };
    let training = |size, draws| -> Result<Vec<f32>> {
        let batches = data.training_batches(order.clone(), size, draws, &device);
        numbers(batches.collect::<candle_core::Result<_>>()?)
    };
    let whole = training(40, draws(3, 1))?;
    assert_eq!(whole, training(7, draws(3, 1))?);
    assert_ne!(whole, training(40, draws(3, 2))?);
    let row = 39; // comes first
    let stored = &set(40)?;
    let Column::Pixels { values, .. } = stored.column(0) else {
        bail!("no pixels")
    };
    let wanted = ALL.apply(&values[row * 192..], SHAPE, row, draws(3, 1));
    let found: Vec<u8> = whole[..192]
        .iter()
        .map(|x| (x * 255.0).round() as u8)
        .collect();
    assert_eq!(found, wanted[..192]);

    let plain = |data: &Dataset<1>| -> Result<Vec<f32>> {
        let batches = data.batches(order.clone(), 7, &device);
        numbers(batches.collect::<candle_core::Result<_>>()?)
    };
    assert_eq!(plain(&data)?, plain(stored)?);
    // Changed first, resized then.
    let small = data.clone().resized([4, 4])?;
    assert_eq!(small.batch(&[0], &device)?[0].dims(), [1, 3, 4, 4]);
    let mut batches = small.training_batches(vec![row], 1, draws(3, 1), &device);
    let [x] = batches.next().unwrap()?;
    let resized = crate::Resize::new([8, 8], [4, 4])?.apply(&wanted[..192]);
    let found: Vec<u8> = x
        .flatten_all()?
        .to_vec1::<f32>()?
        .iter()
        .map(|x| (x * 255.0).round() as u8)
        .collect();
    assert_eq!(found, resized);
    Ok(())
}

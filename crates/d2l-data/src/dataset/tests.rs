//! What batches hold.

use super::*;

/// Three images of 1 x 2 x 2, their labels, and a target each.
fn small() -> Dataset<3> {
    Dataset::new([
        Column::Pixels {
            values: vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 128, 255],
            shape: vec![1, 2, 2],
        },
        Column::Labels(vec![7, 8, 9]),
        Column::Floats { values: vec![0.5, -1.5, 2.5], shape: vec![1] },
    ])
    .unwrap()
}

#[test]
fn a_batch_holds_the_rows_asked_for_in_their_order() -> Result<()> {
    let [x, labels, y] = small().batch(&[2, 0, 2], &Device::Cpu)?;
    assert_eq!(x.dims(), [3, 1, 2, 2]);
    let last = [8.0 / 255.0, 9.0 / 255.0, 128.0 / 255.0, 1.0];
    let first = [0.0, 1.0 / 255.0, 2.0 / 255.0, 3.0 / 255.0];
    assert_eq!(
        x.flatten_all()?.to_vec1::<f32>()?,
        [last, first, last].concat()
    );
    assert_eq!(labels.to_vec1::<u32>()?, [9, 7, 9]);
    assert_eq!(y.to_vec2::<f32>()?, [[2.5], [0.5], [2.5]]);
    Ok(())
}

#[test]
fn a_large_batch_equals_its_small_ones() -> Result<()> {
    let (examples, size) = (1000, 300); // 300,000 values: gathered by all threads
    let values: Vec<u8> = (0..examples * size).map(|i| (i * 31 % 251) as u8).collect();
    let data = Dataset::new([Column::Pixels { values, shape: vec![size] }]).unwrap();
    let order: Vec<usize> = (0..examples).map(|i| i * 7 % examples).collect();
    let [whole] = data.batch(&order, &Device::Cpu)?;
    let mut parts = Vec::new();
    for batch in data.batches(order, 3, &Device::Cpu) {
        let [part] = batch?;
        parts.extend(part.to_vec2::<f32>()?);
    }
    assert_eq!(whole.to_vec2::<f32>()?, parts);
    Ok(())
}

#[test]
fn the_last_short_batch_is_kept() -> Result<()> {
    let data = small();
    let batches = data.batches(vec![1, 2, 0], 2, &Device::Cpu);
    assert_eq!(batches.len(), 2);
    let sizes: Vec<usize> = batches
        .map(|batch| batch.unwrap()[1].elem_count())
        .collect();
    assert_eq!(sizes, [2, 1]);
    assert_eq!(data.batches(vec![], 2, &Device::Cpu).count(), 0);
    assert_eq!(
        data.batches(vec![0, 1], usize::MAX, &Device::Cpu).count(),
        1
    );
    Ok(())
}

#[test]
fn bad_rows_and_batch_sizes_are_errors() {
    let data = small();
    let error = data.batch(&[0, 3], &Device::Cpu).unwrap_err().to_string();
    assert!(
        error.contains("found row 3 in a batch, wanted rows below 3"),
        "{error}"
    );
    let items: Vec<_> = data.batches(vec![0, 1], 0, &Device::Cpu).collect();
    assert_eq!(items.len(), 1);
    assert!(items[0].is_err());
}

#[test]
fn columns_must_be_equally_long_and_whole() {
    let floats =
        |n: usize, shape: &[usize]| Column::Floats { values: vec![0.0; n], shape: shape.to_vec() };
    for columns in [
        [floats(6, &[2]), Column::Labels(vec![0; 2])],
        [floats(5, &[2]), Column::Labels(vec![0; 2])],
        [floats(0, &[0]), Column::Labels(vec![])],
        [floats(0, &[usize::MAX, 2]), Column::Labels(vec![])],
    ] {
        let shown = format!("{columns:?}");
        assert!(Dataset::new(columns).is_err(), "{shown}");
    }
    let empty = Dataset::new([floats(0, &[2]), Column::Labels(vec![])]).unwrap();
    assert!(empty.is_empty());
}

#[test]
fn a_selection_of_rows_is_a_data_set_of_them() -> Result<()> {
    let data = small();
    let selection = data.rows(&[2, 0, 2]).unwrap();
    assert_eq!(selection.len(), 3);
    let here = selection.batch(&[0, 1, 2], &Device::Cpu)?;
    let there = data.batch(&[2, 0, 2], &Device::Cpu)?;
    for (here, there) in here.iter().zip(&there) {
        assert_eq!(here.to_string(), there.to_string());
    }
    assert!(data.rows(&[]).unwrap().is_empty());
    assert!(data.rows(&[3]).is_err());
    Ok(())
}

#[test]
fn the_first_examples_are_the_first_of_every_column() -> Result<()> {
    let data = small().first(2);
    assert_eq!(data.len(), 2);
    assert!(data.batch(&[2], &Device::Cpu).is_err());
    let [_, labels, _] = data.batch(&[0, 1], &Device::Cpu)?;
    assert_eq!(labels.to_vec1::<u32>()?, [7, 8]);
    assert_eq!(small().first(9).len(), 3);
    assert!(matches!(small().first(1).column(1), Column::Labels(labels) if labels == &[7]));
    Ok(())
}

#[test]
fn resized_pictures_are_made_when_a_batch_is_gathered() -> anyhow::Result<()> {
    let data = small().resized([4, 3])?;
    assert_eq!(data.shape(0), [1, 4, 3]);
    assert_eq!(data.column(0).shape(), [1, 2, 2]);
    let resize = Resize::new([2, 2], [4, 3])?;
    let wanted = [resize.apply(&[8, 9, 128, 255]), resize.apply(&[0, 1, 2, 3])].concat();
    let wanted: Vec<f32> = wanted.iter().map(|&byte| f32::from(byte) / 255.0).collect();
    for data in [
        data.clone(),
        data.rows(&[2, 1, 0])?.rows(&[2, 1, 0])?,
        data.first(3),
    ] {
        let [x, labels, _] = data.batch(&[2, 0], &Device::Cpu)?;
        assert_eq!(x.dims(), [2, 1, 4, 3]);
        assert_eq!(x.flatten_all()?.to_vec1::<f32>()?, wanted);
        assert_eq!(labels.to_vec1::<u32>()?, [9, 7]);
    }
    // Back to their own size.
    let [x, ..] = small()
        .resized([4, 3])?
        .resized([2, 2])?
        .batch(&[1], &Device::Cpu)?;
    let [own, ..] = small().batch(&[1], &Device::Cpu)?;
    assert_eq!(x.to_string(), own.to_string());
    Ok(())
}

#[test]
fn only_pictures_are_resized() {
    let numbers = Dataset::new([Column::Pixels { values: vec![0; 8], shape: vec![4] }]).unwrap();
    let error = numbers.resized([2, 2]).unwrap_err().to_string();
    assert!(error.contains("found no column of pictures"), "{error}");
    assert!(small().resized([0, 2]).is_err());
}

//! Image grids: the pictures, read back pixel by pixel, and their captions.

use super::{WARNING, count, failure, svg, texts};
use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use d2l_plot::{Picture, PictureRow, Scale, image_grid, image_rows};

fn picture(pixels: &[f32], width: usize, caption: &str) -> Picture {
    Picture {
        pixels: pixels.to_vec(),
        width,
        height: pixels.len() / width,
        caption: caption.into(),
        highlight: false,
    }
}

/// The pictures' own colours, one for each of their `width` x `height` pixels.
fn colours(svg: &str, width: usize, height: usize) -> Result<Vec<Vec<[u8; 3]>>> {
    let document = roxmltree::Document::parse(svg)?;
    let images = document
        .descendants()
        .filter(|node| node.has_tag_name("image"));
    images
        .map(|image| {
            let address = image
                .attribute("href")
                .context("an image without a picture")?;
            let code = address
                .strip_prefix("data:image/png;base64,")
                .context("a PNG")?;
            let file = std::io::Cursor::new(BASE64_STANDARD.decode(code)?);
            let mut reader = png::Decoder::new(file).read_info()?;
            let mut bytes = vec![0; reader.output_buffer_size().context("size")?];
            let info = reader.next_frame(&mut bytes)?;
            let (across, down) = (info.width as usize / width, info.height as usize / height);
            let pixel = |row: usize, column: usize| {
                let first =
                    ((row * down + down / 2) * info.width as usize + column * across + across / 2)
                        * 3;
                [bytes[first], bytes[first + 1], bytes[first + 2]]
            };
            Ok((0..height)
                .flat_map(|row| (0..width).map(move |column| (row, column)))
                .map(|(row, column)| pixel(row, column))
                .collect())
        })
        .collect()
}

#[test]
fn unit_pictures_are_dark_ink_on_white_paper() -> Result<()> {
    let pixels = [0.0, 1.0, 0.5, f32::NAN, -3.0, 9.0];
    let svg = svg(|path| image_grid(path, "t", &[picture(&pixels, 3, "")], 4, Scale::Unit))?;
    let found = colours(&svg, 3, 2)?;
    let [white, black, grey] = [[255; 3], [0; 3], [128; 3]];
    assert_eq!(
        found,
        [vec![white, black, grey, [0xB2, 0x22, 0x18], white, black]]
    );
    Ok(())
}

#[test]
fn weights_share_one_scale_about_zero() -> Result<()> {
    let pictures = [
        picture(&[-1.0, 0.0, 1.0], 3, "a"),
        picture(&[-2.0, 0.0, 2.0], 3, "b"),
    ];
    let svg = svg(|path| image_grid(path, "t", &pictures, 2, Scale::Diverging))?;
    let found = colours(&svg, 3, 1)?;
    assert_eq!(found.len(), 3, "two pictures and the bar");
    assert_eq!([found[0][1], found[1][1]], [[255; 3]; 2], "zero is white");
    let lightness = |colour: [u8; 3]| colour.iter().map(|&part| u32::from(part)).sum::<u32>();
    assert!(
        lightness(found[0][2]) > lightness(found[1][2]),
        "half the weight is paler"
    );
    assert!(
        found[1][0][2] > found[1][0][0] && found[1][2][0] > found[1][2][2],
        "blue below zero, red above"
    );
    let texts = texts(&svg)?;
    assert!(
        texts.contains(&"−2".to_string()) && texts.contains(&"2".to_string()),
        "{texts:?}"
    );
    Ok(())
}

#[test]
fn captions_keep_their_lines_and_a_highlighted_one_warns() -> Result<()> {
    let mut pictures = vec![picture(&[0.5; 784], 28, "true: Pullover\npredicted: Coat"); 18];
    pictures[4].highlight = true;
    let svg = svg(|path| image_grid(path, "Predictions", &pictures, 6, Scale::Unit))?;
    let texts = texts(&svg)?;
    assert_eq!(
        texts
            .iter()
            .filter(|text| *text == "true: Pullover")
            .count(),
        18
    );
    assert_eq!(
        texts
            .iter()
            .filter(|text| *text == "predicted: Coat")
            .count(),
        18
    );
    assert_eq!(count(&svg, "text", "fill", WARNING)?, 2);
    assert_eq!(count(&svg, "polyline", "stroke", WARNING)?, 1);
    assert_eq!(count(&svg, "image", "preserveAspectRatio", "none")?, 18);
    Ok(())
}

#[test]
fn pictures_of_any_shape_are_drawn() -> Result<()> {
    let pictures = [
        picture(&[0.1; 5000], 5000, "wide"),
        picture(&[0.1; 300], 1, "high"),
        picture(&[0.1], 1, ""),
    ];
    let svg = svg(|path| image_grid(path, "", &pictures, 100, Scale::Unit))?;
    assert_eq!(count(&svg, "image", "preserveAspectRatio", "none")?, 3);
    Ok(())
}

#[test]
fn bad_input_is_named() -> Result<()> {
    let good = picture(&[0.0; 6], 3, "");
    assert!(failure(|path| image_grid(path, "t", &[], 2, Scale::Unit))?.contains("has no picture"));
    assert!(
        failure(|path| image_grid(path, "t", std::slice::from_ref(&good), 0, Scale::Unit))?
            .contains("0 columns")
    );
    let mut bad = good.clone();
    bad.height = 3;
    let error =
        failure(|path| image_grid(path, "t", &[good.clone(), bad.clone()], 2, Scale::Unit))?;
    assert!(
        error.contains("picture 1") && error.contains("6 pixels"),
        "{error}"
    );
    let empty = Picture { pixels: vec![], width: 0, height: 0, ..good.clone() };
    assert!(
        failure(|path| image_grid(path, "t", std::slice::from_ref(&empty), 1, Scale::Unit))?
            .contains("picture 0")
    );
    let lying = Picture { width: usize::MAX, height: 2, ..good.clone() };
    assert!(
        failure(|path| image_grid(path, "t", std::slice::from_ref(&lying), 1, Scale::Unit))?
            .contains("picture 0")
    );
    Ok(())
}

#[test]
fn three_planes_are_red_green_and_blue_light() -> Result<()> {
    let pixels = [1.0, 0.0, 0.5, 0.0, 1.0, 0.5, 0.0, 0.0, f32::NAN];
    let picture = Picture { width: 3, height: 1, ..picture(&pixels, 3, "") };
    let svg = svg(|path| image_grid(path, "t", std::slice::from_ref(&picture), 1, Scale::Unit))?;
    let found = colours(&svg, 3, 1)?;
    assert_eq!(found, [vec![[255, 0, 0], [0, 255, 0], [0xB2, 0x22, 0x18]]]);
    Ok(())
}

#[test]
fn weights_of_three_planes_are_grey_at_zero() -> Result<()> {
    let weights = Picture {
        width: 2,
        height: 1,
        ..picture(&[0.0, 4.0, 0.0, -4.0, 0.0, 0.0], 2, "")
    };
    let svg = svg(|path| {
        image_grid(
            path,
            "t",
            std::slice::from_ref(&weights),
            1,
            Scale::Diverging,
        )
    })?;
    let found = colours(&svg, 2, 1)?;
    assert_eq!(found, [vec![[128; 3], [255, 0, 128]]], "and no bar below");
    Ok(())
}

#[test]
fn rows_have_names_and_scales_of_their_own() -> Result<()> {
    let row = |label: &str, pictures: &[&[f32]]| PictureRow {
        label: label.into(),
        pictures: pictures
            .iter()
            .map(|pixels| picture(pixels, 3, "unseen"))
            .collect(),
        scale: Scale::Diverging,
    };
    let rows = [
        row("conv1\n2 × 3", &[&[0.5, 0.0, -0.5], &[0.0, 0.0, 0.25]]),
        row("conv2", &[&[8.0, 0.0, 4.0]]),
    ];
    let svg = svg(|path| image_rows(path, "t", &rows))?;
    let found = colours(&svg, 3, 1)?;
    assert_eq!(found.len(), 4, "three pictures and the bar");
    assert_eq!(found[0][0], found[2][0], "the largest of each row");
    assert_eq!(found[1][2], found[2][2], "half of it");
    let texts = texts(&svg)?;
    for wanted in ["conv1", "2 × 3", "±0.5", "conv2", "±8", "−", "0", "+"] {
        assert!(texts.contains(&wanted.to_string()), "{wanted}: {texts:?}");
    }
    assert!(!texts.contains(&"unseen".to_string()));
    let empty = |rows: &[PictureRow]| failure(|path| image_rows(path, "t", rows));
    assert!(empty(&[])?.contains("has no row"));
    assert!(empty(&[row("bare", &[])])?.contains("\"bare\" of \"t\" has no picture"));
    assert!(empty(&[row("", &[&[0.0; 4]])])?.contains("picture 0"));
    Ok(())
}

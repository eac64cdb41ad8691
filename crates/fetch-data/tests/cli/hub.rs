//! candle-datasets with a Hub on the loopback, which gives Parquet files of PNG pictures as the real one does.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::server::{Answer, Server};
use crate::{Desk, set};

/// Columns as the Hub's own conversion writes them.
const SCHEMA: &str = "message schema {
    optional group image { optional binary bytes; optional binary path (UTF8); }
    optional int64 label;
}";

/// The pictures as PNG, with their labels, in a Parquet file.
fn parquet_of(pictures: &[Vec<u8>], labels: &[u8]) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(&mut file, schema, Default::default())?;
    let mut rows = writer.next_row_group()?;
    let all_there = vec![2; pictures.len()];
    let images: Vec<ByteArray> = pictures.iter().map(|p| p.clone().into()).collect();
    let mut column = rows.next_column()?.context("column of pictures")?;
    let typed = column.typed::<ByteArrayType>();
    typed.write_batch(&images, Some(&all_there), None)?;
    column.close()?;
    let mut column = rows.next_column()?.context("column of paths")?;
    let no_path = vec![1; pictures.len()];
    column
        .typed::<ByteArrayType>()
        .write_batch(&[], Some(&no_path), None)?;
    column.close()?;
    let labels: Vec<i64> = labels.iter().map(|&label| label.into()).collect();
    let mut column = rows.next_column()?.context("column of labels")?;
    let there = vec![1; labels.len()];
    column
        .typed::<Int64Type>()
        .write_batch(&labels, Some(&there), None)?;
    column.close()?;
    rows.close()?;
    writer.close()?;
    Ok(file)
}

/// A picture as PNG; `pixels` row by row, with three colours one after another if `colour` is true.
fn png_of(pixels: &[u8], side: u32, colour: png::ColorType) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fastest);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(file)
}

/// A Hub with the files of one set; `desk` is told where it is.
fn hub(desk: &Desk, train: Vec<u8>, test: Vec<u8>) -> Result<Server> {
    let server = Server::new(move |request, _| {
        let body = match request.path.as_str() {
            "/" => return Answer::ok(b"a page"),
            path if path.ends_with("train/0000.parquet") => &train,
            path if path.ends_with("test/0000.parquet") => &test,
            _ => return Answer::status("404 Not Found"),
        };
        let mut answer = Answer::ok(body);
        let tag = format!("\"{}\"", crate::sha256(body));
        let commit = "0123456789abcdef0123456789abcdef01234567".to_string();
        answer.headers = vec![("ETag", tag), ("X-Repo-Commit", commit)];
        answer
    })?;
    std::fs::write(desk.path("endpoint"), &server.address)?;
    Ok(server)
}

fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let mut content = vec![0, 0, 8, dims.len() as u8];
    content.extend(dims.iter().flat_map(|side| side.to_be_bytes()));
    content.extend(values);
    content
}

/// A part of an IDX set as the Hub gives it.
fn parquet_of_idx(images: &[u8], labels: &[u8]) -> Result<Vec<u8>> {
    let pictures = images.chunks_exact(28 * 28);
    let pictures: Result<Vec<_>> = pictures
        .map(|pixels| png_of(pixels, 28, png::ColorType::Grayscale))
        .collect();
    parquet_of(&pictures?, labels)
}

#[test]
fn mnist_from_the_hub_is_the_published_files_byte_for_byte() -> Result<()> {
    for (name, kind) in [("mnist", "mnist"), ("fashion-mnist", "fashion_mnist")] {
        let pixels = |n: usize| {
            (0..n * 784)
                .map(|i| (i * i / 97 + i % 13) as u8)
                .collect::<Vec<_>>()
        };
        let labels = |n: usize| (0..n).map(|i| (i * 7 % 10) as u8).collect::<Vec<_>>();
        let ([many, few], desk) = ([30, 12], Desk::new()?);
        let server = hub(
            &desk,
            parquet_of_idx(&pixels(many), &labels(many))?,
            parquet_of_idx(&pixels(few), &labels(few))?,
        )?;
        let files = [
            ("train-images-idx3-ubyte", idx(&[30, 28, 28], &pixels(many))),
            ("train-labels-idx1-ubyte", idx(&[30], &labels(many))),
            ("t10k-images-idx3-ubyte", idx(&[12, 28, 28], &pixels(few))),
            ("t10k-labels-idx1-ubyte", idx(&[12], &labels(few))),
        ];
        let files: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (*n, &c[..])).collect();
        desk.list(&[set("letters", &[format!("{{ hub = '{name}' }}")], &files)])?;
        desk.succeed(&["letters"])?;
        let data = desk.data()?;
        assert_eq!(data.len(), 4);
        for (file, content) in files {
            ensure!(data[&format!("letters/{file}")] == content, "{file}");
        }
        let asked = server.requests().into_iter().map(|request| request.path);
        ensure!(asked.filter(|path| path.contains(kind)).count() >= 2);
    }
    Ok(())
}

/// Records of the binary form; in each picture, rows, columns and colours cannot be confused.
fn cifar_records(n: usize, seed: usize) -> Vec<u8> {
    let mut records = Vec::new();
    for example in 0..n {
        records.push(((example + seed) % 10) as u8);
        for channel in 0..3 {
            for row in 0..32 {
                records.extend((0..32).map(|column| {
                    (example * 3 + seed + channel * 80 + row * 5 + column * column / 7) as u8
                }));
            }
        }
    }
    records
}

fn parquet_of_cifar(records: &[u8]) -> Result<Vec<u8>> {
    let (mut pictures, mut labels) = (Vec::new(), Vec::new());
    for record in records.chunks_exact(3073) {
        labels.push(record[0]);
        let planes = &record[1..];
        // A PNG has the colours of a pixel side by side.
        let pixels: Vec<u8> = (0..1024)
            .flat_map(|at| [planes[at], planes[1024 + at], planes[2048 + at]])
            .collect();
        pictures.push(png_of(&pixels, 32, png::ColorType::Rgb)?);
    }
    parquet_of(&pictures, &labels)
}

#[test]
fn cifar_10_from_the_hub_is_the_published_files_byte_for_byte() -> Result<()> {
    let desk = Desk::new()?;
    let (train, test) = (cifar_records(25, 0), cifar_records(7, 3));
    let server = hub(&desk, parquet_of_cifar(&train)?, parquet_of_cifar(&test)?)?;
    let mut files: Vec<(String, &[u8])> = train
        .chunks(5 * 3073)
        .enumerate()
        .map(|(batch, records)| (format!("batches/data_batch_{}.bin", batch + 1), records))
        .collect();
    files.push(("batches/test_batch.bin".to_string(), &test));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    desk.list(&[set(
        "letters",
        &["{ hub = 'cifar-10' }".to_string()],
        &files,
    )])?;
    desk.succeed(&["letters"])?;
    let data = desk.data()?;
    assert_eq!(data.len(), 6);
    for (file, content) in files {
        ensure!(data[&format!("letters/{file}")] == content, "{file}");
    }
    ensure!(
        server
            .requests()
            .iter()
            .any(|request| request.path.contains("cifar10"))
    );
    Ok(())
}

#[test]
fn a_hub_that_gives_something_else_gets_one_line() -> Result<()> {
    let grey = |n: usize| vec![7; n * 784];
    let labels = vec![1; 5];
    let good = parquet_of_idx(&grey(5), &labels)?;
    let other = parquet_of(&[png_of(&[7; 1024], 32, png::ColorType::Grayscale)?], &[1])?;
    let undecodable = parquet_of(&[b"no picture".to_vec()], &[1])?;
    let wanted = idx(&[5], &[2; 5]);
    let file: (&str, &[u8]) = ("t10k-labels-idx1-ubyte", &wanted);
    for (train, message) in [
        (good.clone(), "found SHA-256"),
        (other, "candle-datasets: Shape mismatch"),
        (undecodable, "found a picture that cannot be decoded"),
        (b"no parquet".to_vec(), "candle-datasets: Parquet error"),
    ] {
        let desk = Desk::new()?;
        let _server = hub(&desk, train, good.clone())?;
        desk.list(&[set("letters", &["{ hub = 'mnist' }".to_string()], &[file])])?;
        desk.refuse(&["letters"], 1, &["found no way to t10k-labels", message])?;
        ensure!(desk.data()?.is_empty());
    }
    Ok(())
}

#[test]
fn the_hub_comes_first_where_it_is_asked_to() -> Result<()> {
    let labels = vec![1; 5];
    let part = parquet_of_idx(&vec![7; 5 * 784], &labels)?;
    let wanted = idx(&[5], &labels);
    let body = wanted.clone();
    let other = Server::new(move |_, _| Answer::ok(&body))?;
    let desk = Desk::new()?;
    let server = hub(&desk, part.clone(), part)?;
    let sources = [
        crate::files_at(&format!("{}/{{path}}", other.address)),
        "{ hub = 'mnist' }".into(),
    ];
    desk.list(&[set(
        "letters",
        &sources,
        &[("t10k-labels-idx1-ubyte", &wanted)],
    )])?;
    desk.succeed(&["letters"])?;
    assert_eq!((other.requests().len(), server.requests().len()), (1, 0));
    std::fs::remove_dir_all(desk.path("data"))?;
    desk.succeed(&["letters", "--hub"])?;
    assert_eq!(other.requests().len(), 1);
    ensure!(!server.requests().is_empty());
    Ok(())
}

#[test]
fn the_real_mnist_as_pictures_becomes_the_published_files_again() -> Result<()> {
    let Some(real) = std::env::var_os("D2L_DATA").map(std::path::PathBuf::from) else {
        eprintln!("the real MNIST: left out, D2L_DATA names no folder of real data");
        return Ok(());
    };
    let folder = real.join("mnist");
    if !folder.exists() {
        eprintln!("the real MNIST: left out, it is not in {}", real.display());
        return Ok(());
    }
    let read = |name: &str, dims: &[usize]| {
        let plain = folder.join(name);
        let gzipped = folder.join(format!("{name}.gz"));
        d2l_data::idx::read(if plain.exists() { &plain } else { &gzipped }, dims)
    };
    let mut parts = Vec::new();
    for (part, n) in [("train", 60_000), ("t10k", 10_000)] {
        let images = read(&format!("{part}-images-idx3-ubyte"), &[n, 28, 28])?;
        let labels = read(&format!("{part}-labels-idx1-ubyte"), &[n])?;
        parts.push(parquet_of_idx(&images.values, &labels.values)?);
    }
    let desk = Desk::new()?;
    let test = parts.pop().context("test part")?;
    let train = parts.pop().context("training part")?;
    let _server = hub(&desk, train, test)?;
    desk.succeed(&["mnist", "--hub"])?; // the built-in list: the published digests
    desk.succeed(&["--verify", "mnist"])?;
    assert_eq!(desk.data()?.len(), 4);
    Ok(())
}

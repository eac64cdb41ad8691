//! Figures of the numbers and names of a log.

use d2l_plot::{Series, curves as draw, sparkline};
use roxmltree::Document;

use super::folder;

/// Names come first, one in a line; then an empty line and the numbers, 8 bytes each. Whatever they are, the figure is
/// well-formed XML.
pub fn curves(bytes: &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let Some((names, numbers)) = end.map(|end| (&bytes[..end], &bytes[end + 2..])) else {
        return;
    };
    let names = String::from_utf8_lossy(names);
    let numbers: Vec<f64> = numbers
        .chunks_exact(8)
        .map(|number| {
            number
                .iter()
                .fold(0, |bits, &byte| bits << 8 | u64::from(byte))
        })
        .map(f64::from_bits)
        .collect();
    let count = names.lines().count();
    let series: Vec<Series> = names
        .lines()
        .enumerate()
        .map(|(index, name)| Series {
            name: name.to_string(),
            points: numbers
                .iter()
                .skip(index)
                .step_by(count)
                .enumerate()
                .map(|(epoch, &value)| (epoch as f64, value))
                .collect(),
        })
        .collect();
    sparkline(&numbers);
    let folder = folder();
    let file = folder.path().join("curves.svg");
    if draw(&file, &names, "epoch", &names, &series).is_ok() {
        let figure = std::fs::read_to_string(file).expect("a figure");
        Document::parse(&figure).expect("well-formed XML");
    }
}

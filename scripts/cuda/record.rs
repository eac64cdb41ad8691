//! A recorder for a copy of candle-core, which `recorded_candle.py` puts there: one line for each call that would reach
//! a GPU, in the file that `D2L_RECORD` names.
//!
//! `NAME TYPE:SHAPE:STRIDES+OFFSET …`, for example `badd f32:2x3:3x1+0 f32:2x3:0x1+0`. A number has the shape `-`.

use std::fs::File;
use std::io::Write;
use std::sync::{LazyLock, Mutex};

use crate::{DType, Layout};

static LOG: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {
    let path = std::env::var_os("D2L_RECORD")?;
    let file = File::options().append(true).create(true).open(path);
    Some(Mutex::new(file.expect("the file that D2L_RECORD names can be opened")))
});

fn numbers(numbers: &[usize]) -> String {
    let texts: Vec<String> = numbers.iter().map(usize::to_string).collect();
    match texts.is_empty() {
        true => "-".to_string(),
        false => texts.join("x"),
    }
}

/// Writes the line of a call of `name` on tensors of these types and layouts.
pub(crate) fn note(name: &str, tensors: &[(DType, &Layout)]) {
    let Some(log) = &*LOG else { return };
    // Minibatches are prepared on the host, by a thread of their own (`d2l/src/ahead.rs`).
    if std::thread::current().name() == Some("minibatches") {
        return;
    }
    let mut line = name.to_string();
    for (dtype, layout) in tensors {
        let (shape, strides) = (numbers(layout.dims()), numbers(layout.stride()));
        line += &format!(" {}:{shape}:{strides}+{}", dtype.as_str(), layout.start_offset());
    }
    line += "\n";
    let mut file = log.lock().expect("no thread panics while it writes");
    file.write_all(line.as_bytes()).expect("the file can be written");
}

//! Recognizes a file that is no log of this workspace.

use serde_json::Value;

/// The text by which a TensorBoard file is recognized. It is in the first record, after the length and the checksum.
const TENSORBOARD: &[u8] = b"brain.Event:";
/// How far into the file to look for it.
const FIRST_RECORD: usize = 64;
/// The largest number of names that are shown.
const NAMES: usize = 6;

/// A noun phrase for the content.
pub(crate) fn describe(bytes: &[u8]) -> String {
    let start = bytes.get(..FIRST_RECORD).unwrap_or(bytes);
    let holds = |wanted: &[u8]| start.windows(wanted.len()).any(|part| part == wanted);
    if holds(TENSORBOARD) {
        return "a TensorBoard event file; `runs import` reads it".into();
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return "no text".into();
    };
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let (Some(first), second) = (lines.next(), lines.next()) else {
        return "empty".into();
    };
    match serde_json::from_str::<Value>(first) {
        Ok(Value::Object(fields)) if fields.contains_key("kind") => {
            let kind = fields.get("kind").cloned().unwrap_or_default();
            return format!("a log that begins with the kind {kind}: its first line is missing");
        }
        Ok(Value::Object(fields)) if !fields.is_empty() => {
            let names = names(fields.keys().map(String::as_str));
            return format!(
                "another program's log in JSON lines (with {names}); `runs import` reads it"
            );
        }
        _ => {}
    }
    if serde_json::from_str::<Value>(text).is_ok() {
        return "one JSON value, not a line for each record".into();
    }
    let separator = [',', '\t', ';'].into_iter().find(|separator| {
        let columns = |line: &str| line.matches(*separator).count();
        columns(first) > 0 && second.is_some_and(|second| columns(second) == columns(first))
    });
    match separator {
        Some(separator) => {
            let names = names(first.split(separator).map(str::trim));
            format!("a table with the columns {names}; `runs import` reads one as CSV")
        }
        None => "text, but not JSON".into(),
    }
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = all.collect();
    let shown = all.get(..NAMES).unwrap_or(&all).join(", ");
    match all.len() > NAMES {
        true => format!("{shown}, …"),
        false => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_programs_are_told_apart() {
        let events = b"\x18\0\0\0\0\0\0\0\xa3\x7fK\"\t\0\0\xc0\x1d\xe9\x9c\xd9A\x1a\rbrain.Event:2";
        for (bytes, wanted) in [
            (&events[..], "a TensorBoard event file"),
            (b"\x1f\x8b\x08\xff", "no text"),
            (b"\n \n", "empty"),
            (
                b"{\"step\":1,\"loss\":0.5}\n",
                "another program's log in JSON lines (with step, loss)",
            ),
            (
                b"{\"kind\":\"epoch\",\"epoch\":1}\n",
                "a log that begins with the kind \"epoch\"",
            ),
            (b"{\n  \"loss\": [1, 2]\n}\n", "one JSON value"),
            (
                b"epoch,loss\n1,0.5\n",
                "a table with the columns epoch, loss;",
            ),
            (b"a;b;c;d;e;f;g\n1;2;3;4;5;6;7\n", "a, b, c, d, e, f, …;"),
            (b"Epoch 1, loss 0.5\nEpoch 2 done\n", "text, but not JSON"),
        ] {
            let found = describe(bytes);
            assert!(found.contains(wanted), "{found}: wanted {wanted}");
        }
    }
}

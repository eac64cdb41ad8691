//! TFRecord: length, checksum of the length, content, checksum of the content.

use super::message::Event;
use anyhow::{Context, Result, bail};
use prost::Message;

/// Bytes of the length.
const LENGTH: usize = 8;
/// Bytes of a checksum.
const CHECKSUM: usize = 4;
/// The number that TFRecord adds to a rotated checksum, so that checksums of data that contain checksums work too.
const MASK: u32 = 0xa282_ead8;

/// Appends an event to a file's bytes.
pub(crate) fn append(file: &mut Vec<u8>, event: &Event) {
    let content = event.encode_to_vec();
    let length = (content.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(checksum(&length).to_le_bytes());
    file.extend(&content);
    file.extend(checksum(&content).to_le_bytes());
}

/// The events of a file, and whether its last record is cut, as that of a run in progress may be.
///
/// # Errors
///
/// If a checksum is wrong or a record is no event.
pub(crate) fn events(mut file: &[u8]) -> Result<(Vec<Event>, bool)> {
    let whole = file.len();
    let mut events = Vec::new();
    while !file.is_empty() {
        let at = || format!("record {} at byte {}", events.len() + 1, whole - file.len());
        let Some((length, rest)) = checked(file, LENGTH).with_context(at)? else {
            return Ok((events, true));
        };
        let length = length.try_into().map(u64::from_le_bytes).with_context(at)?;
        let length = usize::try_from(length).with_context(at)?;
        let Some((content, rest)) = checked(rest, length).with_context(at)? else {
            return Ok((events, true));
        };
        let event = Event::decode(content).with_context(at)?;
        events.push(event);
        file = rest;
    }
    Ok((events, false))
}

/// The first `length` bytes, whose checksum follows them, and the rest; `None` if there are fewer.
fn checked(bytes: &[u8], length: usize) -> Result<Option<(&[u8], &[u8])>> {
    let Some((content, rest)) = bytes.split_at_checked(length) else {
        return Ok(None);
    };
    let Some((stated, rest)) = rest.split_at_checked(CHECKSUM) else {
        return Ok(None);
    };
    if stated != checksum(content).to_le_bytes() {
        bail!("wrong checksum: this is no event file of TensorBoard, or it is damaged");
    }
    Ok(Some((content, rest)))
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorboard::message::What;

    fn event(step: i64) -> Event {
        let what = Some(What::FileVersion(super::super::VERSION.into()));
        Event { wall_time: 1.5, step, what }
    }

    #[test]
    fn a_cut_last_record_is_left_out() -> Result<()> {
        let mut file = Vec::new();
        append(&mut file, &event(1));
        let first = file.len();
        append(&mut file, &event(2));
        assert_eq!(events(&file)?, (vec![event(1), event(2)], false));
        for end in first + 1..file.len() {
            assert_eq!(events(&file[..end])?, (vec![event(1)], true), "{end}");
        }
        Ok(())
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let mut file = Vec::new();
        append(&mut file, &event(1));
        for byte in 0..file.len() {
            let mut damaged = file.clone();
            damaged[byte] ^= 1;
            assert!(events(&damaged).is_err(), "byte {byte}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_tensorflow() {
        // tensorboard.compat.tensorflow_stub.pywrap_tensorflow.masked_crc32c(b"123456789"), TensorBoard 2.21
        assert_eq!(checksum(b"123456789"), 3_347_755_237);
    }
}

//! A text file of the reader's own.

use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::RawText;
use crate::splits::digest;
use crate::{Provenance, Source};

/// The largest text, in bytes: its tokens take four bytes each, and a model would need days to read a longer one.
const LARGEST: u64 = 1 << 30;
/// The byte-order mark, which some editors write before a text in UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text of a file in UTF-8. Its name is the file's.
///
/// # Errors
/// If the file cannot be read, is not UTF-8, is larger than a GiB, or holds nothing but white space.
pub fn text_file(file: &Path) -> Result<RawText> {
    let name = file.display();
    let unreadable = || format!("{name}: cannot be read");
    let metadata = file.metadata().with_context(unreadable)?;
    if !metadata.is_file() {
        bail!("{name}: found no file, wanted one with a text");
    }
    if metadata.len() > LARGEST {
        bail!(
            "{name}: found {} bytes, wanted at most {LARGEST}",
            metadata.len()
        );
    }
    let bytes = std::fs::read(file).with_context(unreadable)?;
    let sha256 = digest(&[Sha256::digest(&bytes).into()]);
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bail!(
            "{name}: found no UTF-8 at byte {}, wanted a text in UTF-8; `iconv -f GB18030 -t UTF-8` converts a Chinese \
             text, for example",
            error.utf8_error().valid_up_to() + 1
        ),
    };
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    if text.trim().is_empty() {
        bail!("{name}: found no text, wanted one to learn from");
    }
    let provenance = Provenance {
        name: file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        source: Source::Real,
        sha256,
    };
    Ok(RawText { text: text.to_string(), provenance })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_without_its_byte_order_mark_and_named_as_its_file() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("道德经.txt");
        let content = "\u{feff}道可道";
        std::fs::write(&file, content)?;
        let read = text_file(&file)?;
        assert_eq!(read.text, "道可道");
        assert_eq!(read.provenance.name, "道德经.txt");
        assert_eq!(
            read.provenance.sha256,
            digest(&[Sha256::digest(content).into()])
        );
        Ok(())
    }

    #[test]
    fn a_file_that_is_no_text_is_refused() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let refused = |name: &str, content: &[u8]| -> Result<String> {
            let file = folder.path().join(name);
            std::fs::write(&file, content)?;
            let error = text_file(&file).err();
            Ok(error.map_or_else(String::new, |error| format!("{error:#}")))
        };
        let gbk = refused("gbk.txt", &[b'a', 0xB5, 0xC0])?;
        assert!(gbk.contains("gbk.txt: found no UTF-8 at byte 2"), "{gbk}");
        let empty = refused("empty.txt", b" \n")?;
        assert!(empty.contains("empty.txt: found no text"), "{empty}");
        let missing = format!("{:#}", text_file(Path::new("no-such-file")).unwrap_err());
        assert!(
            missing.contains("no-such-file: cannot be read"),
            "{missing}"
        );
        let folder = text_file(folder.path()).unwrap_err().to_string();
        assert!(folder.contains("found no file"), "{folder}");
        Ok(())
    }
}

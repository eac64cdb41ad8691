//! Links to a definition: `` [`fit`](d2l/src/fit.rs#L12) `` leads to the line in which `fit` is defined.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What stands before a name where it is defined.
const KEYWORDS: [&str; 4] = ["fn ", "struct ", "enum ", "trait "];

/// A line of a page in `folder` with the numbers of the lines that its links should lead to.
///
/// # Errors
/// If a file isn't there, or doesn't define the name.
pub fn corrected(line: &str, folder: &Path) -> Result<String> {
    let (mut text, mut rest) = (String::new(), line);
    while let Some((before, behind)) = rest.split_once("[`") {
        text += before;
        text += "[`";
        rest = behind;
        if let Some((name, path, behind)) = link(behind) {
            let number = line_of(&folder.join(path), name)?;
            text += &format!("{name}`]({path}#L{number})");
            rest = behind;
        }
    }
    Ok(text + rest)
}

/// The name, the file and what stands behind, if a link to a line begins here.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (name, behind) = text.split_once("`](")?;
    let (target, behind) = behind.split_once(')')?;
    let (path, _) = target.split_once("#L")?;
    (!name.contains('`')).then_some((name, path, behind))
}

/// The first line of a file that defines the name, counted from 1.
fn line_of(file: &Path, name: &str) -> Result<usize> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let is_it = |line: &str| KEYWORDS.iter().any(|keyword| defines(line, keyword, name));
    let index = text.lines().position(is_it);
    let missing = || {
        format!(
            "{} defines no `{name}`, to which a link leads",
            file.display()
        )
    };
    Ok(index.with_context(missing)? + 1)
}

fn defines(line: &str, keyword: &str, name: &str) -> bool {
    let behind = line.split_once(keyword).map(|(_, behind)| behind);
    let rest = behind.and_then(|behind| behind.strip_prefix(name));
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    rest.is_some_and(|rest| !rest.starts_with(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_line_of_the_definition() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let code = "//! fit\n\npub fn fitted() {}\npub struct Fit;\n    pub fn fit<T>() {}\n";
        fs::write(folder.path().join("fit.rs"), code)?;
        let line = "| `fit` | [`fit`](fit.rs#L1)<br>[`Fit`](fit.rs#L4) [`no`](other.md) |";
        let wanted = "| `fit` | [`fit`](fit.rs#L5)<br>[`Fit`](fit.rs#L4) [`no`](other.md) |";
        assert_eq!(corrected(line, folder.path())?, wanted);
        let gone = corrected("[`evaluate`](fit.rs#L1)", folder.path());
        assert!(gone.is_err_and(|error| error.to_string().contains("`evaluate`")));
        Ok(())
    }
}

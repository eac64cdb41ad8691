//! Byte-pair encoding: tokens between characters and words, learned from a text. Sennrich et al. 2016,
//! arXiv:1508.07909; on bytes as in GPT-2 (Radford et al. 2019). D2L zh 14.6.2, en 15.6.2.
//!
//! The first 256 tokens are the bytes. Then the two neighbours that occur together most often in the text become one
//! token, again and again. No token crosses from a run of letters, digits, signs or spaces into the next, but one space
//! may begin a token. Every text can be written in bytes, so there is no `<unk>`.

use std::path::Path;

use anyhow::{Error, Result, ensure};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{TokenizerBuilder, TokenizerImpl};

/// The bytes, which every vocabulary begins with.
const BYTES: usize = 256;

/// Tokens that were learned from a text, as the `tokenizers` crate keeps them.
#[derive(Clone)]
pub struct BytePairs(TokenizerImpl<BPE, NormalizerWrapper, ByteLevel, ByteLevel, ByteLevel>);

impl BytePairs {
    /// Learns up to `vocab_size` tokens from `text`, including the bytes; fewer if the text has no more neighbours to
    /// join. The same text gives the same tokens: of equally frequent pairs, the one with the smaller ids comes first.
    ///
    /// # Errors
    /// If `vocab_size` is below 256.
    pub fn train(text: &str, vocab_size: usize) -> Result<Self> {
        ensure!(
            vocab_size >= BYTES,
            "found a vocabulary of {vocab_size} byte pairs, wanted at least {BYTES}, the bytes"
        );
        let mut tokenizer = TokenizerBuilder::new()
            .with_model(BPE::default())
            .with_normalizer(None)
            .with_pre_tokenizer(Some(ByteLevel::new(false, true, true)))
            .with_post_processor(None)
            .with_decoder(Some(ByteLevel::default()))
            .build()
            .map_err(Error::from_boxed)?;
        let mut trainer = BpeTrainer::builder()
            .vocab_size(vocab_size)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        let trained = tokenizer.train(&mut trainer, [text].into_iter());
        trained.map_err(Error::from_boxed)?;
        Ok(Self(tokenizer))
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.0.get_vocab_size(true)
    }

    /// Whether there are no tokens: never, since the bytes are tokens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers of the tokens of `text`.
    ///
    /// # Errors
    /// None that depends on the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.0.encode(text, false).map_err(Error::from_boxed)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of these tokens. Numbers without a token are left out. Bytes that form no character become U+FFFD, for
    /// instance if a model writes half of one.
    ///
    /// # Errors
    /// None that depends on the numbers.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.0.decode(ids, false).map_err(Error::from_boxed)
    }

    /// Writes the tokens as a `tokenizer.json`, which Hugging Face's libraries read.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.0.save(path, true).map_err(Error::from_boxed)
    }
}

impl std::fmt::Debug for BytePairs {
    /// Only the number of tokens, because the tokens would fill screens.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "BytePairs({} tokens)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Choice, time_machine_text};

    /// By hand: a and b are neighbours five times in the words `ab`, ` ab`, ` ab`, ` abab`, then ` ` and ab three
    /// times.
    #[test]
    fn the_most_frequent_neighbours_become_one_token() -> Result<()> {
        let tokens = BytePairs::train("ab ab ab abab", 258)?;
        assert_eq!(tokens.len(), 258);
        let a = tokens.encode("a")?;
        assert_eq!((a.len(), a[0] < 256), (1, true));
        assert_eq!(tokens.encode("ab abab")?, [256, 257, 256]);
        assert_eq!(tokens.decode(&[256, 257, 256])?, "ab abab");
        // Nothing is left to join after ` abab`.
        assert_eq!(BytePairs::train("ab ab ab abab", 1000)?.len(), 259);
        Ok(())
    }

    #[test]
    fn any_text_comes_back_whole() -> Result<()> {
        let tokens = BytePairs::train("the time machine", 280)?;
        for text in [
            "",
            " the  time\r\n\tmachine 1898!",
            "Où ? 词元 \u{202f}e\u{301} 🕰",
        ] {
            assert_eq!(tokens.decode(&tokens.encode(text)?)?, text);
        }
        // A part of a character, and a number without a token.
        let clock = tokens.encode("🕰")?;
        assert_eq!(tokens.decode(&clock[..1])?, "\u{fffd}");
        assert_eq!(tokens.decode(&[99_999])?, "");
        Ok(())
    }

    #[test]
    fn the_bytes_are_always_there() -> Result<()> {
        assert_eq!(BytePairs::train("", 300)?.len(), 256);
        let error = BytePairs::train("abc", 255).unwrap_err().to_string();
        assert!(error.contains("found a vocabulary of 255"), "{error}");
        Ok(())
    }

    #[test]
    fn the_same_text_gives_the_same_tokens() -> Result<()> {
        let text = time_machine_text(Choice::Builtin, Path::new(""))?.data.text;
        let [first, second] = [BytePairs::train(&text, 512)?, BytePairs::train(&text, 512)?];
        assert_eq!(first.len(), 512);
        let every: Vec<u32> = (0..512).collect();
        for id in every {
            assert_eq!(first.decode(&[id])?, second.decode(&[id])?);
        }
        let ids = first.encode(&text)?;
        assert_eq!(ids, second.encode(&text)?);
        assert_eq!(first.decode(&ids)?, text);
        // A token is three letters or more on average.
        assert!(3 * ids.len() < text.len(), "{} {}", ids.len(), text.len());
        Ok(())
    }

    #[test]
    fn tokens_are_saved_for_other_libraries() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("tokenizer.json");
        let tokens = BytePairs::train("ab ab ab abab", 258)?;
        tokens.save(&path)?;
        let read = tokenizers::Tokenizer::from_file(&path).map_err(Error::from_boxed)?;
        let encoding = read.encode("ab abab", false).map_err(Error::from_boxed)?;
        assert_eq!(encoding.get_ids(), [256, 257, 256]);
        assert!(tokens.save(folder.path()).is_err());
        Ok(())
    }
}

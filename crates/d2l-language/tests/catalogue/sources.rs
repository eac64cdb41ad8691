//! The texts in the sources: what reads as English among the strings, and the documentation that clap shows as help.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use d2l_language::key_of;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Where the programs speak: everything below `crates/` but what is listed in [`SILENT`].
const FOLDER: &str = "crates";

/// Folders and files whose texts are not for the reader of a program, with the reason.
const SILENT: [(&str, &str); 9] = [
    ("bench/", "a tool of the developers"),
    (
        "d2l-kernels/",
        "errors of code that calls a function wrongly",
    ),
    ("d2l-language/", "the catalogue itself"),
    (
        "d2l-plot/",
        "errors of code that calls a function wrongly; labels come from the callers",
    ),
    (
        "d2l-random/",
        "errors of code that calls a function wrongly",
    ),
    ("d2l/build.rs", "runs while building"),
    ("d2l/src/testing.rs", "for tests"),
    ("d2l-data/src/drawn/", "invented data"),
    ("runs/src/fuzz_corpus.rs", "for tests"),
];

/// Of `d2l-nn`, what speaks of flags and files; its other errors are of code that calls a function wrongly.
const SPEAKING_NN: [&str; 6] = [
    "initializer.rs",
    "optimizer/",
    "param_store.rs",
    "precision.rs",
    "schedule",
    "tensor_file.rs",
];

/// The functions that look up labels, or tables' headings.
const LABELS: [&str; 6] = [
    "labelled",
    "of_numbers",
    "of_words",
    "say_text",
    "subcommand_help_heading",
    "translated",
];

/// What the sources say.
#[derive(Default)]
pub struct Texts {
    /// What the catalogue must have, and the file in which it stands first.
    pub to_be_translated: BTreeMap<String, String>,
    /// All strings and all help: what the catalogue may have.
    pub all: BTreeSet<String>,
}

impl Texts {
    /// Those of the workspace.
    pub fn of_workspace() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = root.join(FOLDER);
        let mut files = Vec::new();
        rust_files(&folder, &mut files);
        files.sort();
        let mut texts = Self::default();
        for path in files {
            let name = path.strip_prefix(&folder).expect("it lies in the folder");
            let name = name.to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            let tokens: TokenStream = text.parse().expect("sources are Rust");
            let mut file = File { name: &name, speaks: speaks(&name), texts: &mut texts };
            file.read(tokens, false);
        }
        assert!(texts.to_be_translated.len() > 500, "the sources were found");
        texts
    }
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let of_tests = ["tests", "tests.rs", "examples", "benches"].contains(&name.as_str());
        match path.is_dir() {
            _ if of_tests => {}
            true => rust_files(&path, files),
            false if name.ends_with(".rs") => files.push(path),
            false => {}
        }
    }
}

fn speaks(file: &str) -> bool {
    match file.strip_prefix("d2l-nn/src/") {
        Some(file) => SPEAKING_NN.iter().any(|part| file.starts_with(part)),
        None => !SILENT.iter().any(|(part, _)| file.starts_with(part)),
    }
}

/// A file that is being read.
struct File<'a> {
    name: &'a str,
    speaks: bool,
    texts: &'a mut Texts,
}

impl File<'_> {
    /// Adds the texts of these tokens; `is_clap` inside a struct or an enum that clap reads.
    fn read(&mut self, tokens: TokenStream, is_clap: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        let mut next_is_clap = false;
        while let Some(token) = tokens.get(at) {
            if let Some((attributes, end)) = attributes(&tokens, at) {
                at = end;
                if attributes.iter().any(is_cfg_test) {
                    at = end_of_item(&tokens, at);
                    continue;
                }
                next_is_clap = attributes.iter().any(is_derived_by_clap);
                attributes
                    .iter()
                    .for_each(|attribute| self.headings(attribute));
                // A parser's documentation is its description; that of flags put together is shown nowhere.
                let is_parser = attributes
                    .iter()
                    .any(|attribute| has_word(attribute, "Parser"));
                let joins = attributes.iter().any(|attribute| {
                    has_word(attribute, "flatten") || has_word(attribute, "subcommand")
                });
                if is_parser || (is_clap && !joins) {
                    self.help(&attributes);
                }
                continue;
            }
            match token {
                TokenTree::Group(group) => {
                    let is_body = next_is_clap && group.delimiter() == Delimiter::Brace;
                    if is_body {
                        next_is_clap = false;
                    }
                    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
                    match before.map(ToString::to_string).as_deref() {
                        Some("count") => self.counted(group),
                        Some(call) if LABELS.contains(&call) => self.labels(group),
                        _ => {}
                    }
                    // Fields of an enum's variant are flags too.
                    self.read(
                        group.stream(),
                        is_body || (is_clap && group.delimiter() == Delimiter::Brace),
                    );
                }
                TokenTree::Literal(literal) => {
                    if let Ok(literal) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        self.string(&literal.value());
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// A string of the code: each line is a text.
    fn string(&mut self, text: &str) {
        for line in text.lines() {
            self.add(key_of(line), reads_as_english(line));
        }
    }

    /// `count(3, "epoch")` says `3 epochs`.
    fn counted(&mut self, arguments: &Group) {
        for token in arguments.stream() {
            if let Ok(noun) = syn::parse_str::<syn::LitStr>(&token.to_string()) {
                self.add(format!("{{number}} {}", noun.value()), true);
                self.add(format!("{{number}} {}s", noun.value()), true);
            }
        }
    }

    /// Labels are texts even if they are a single word.
    fn labels(&mut self, arguments: &Group) {
        for token in arguments.stream() {
            match token {
                TokenTree::Group(list) if list.delimiter() == Delimiter::Bracket => {
                    self.labels(&list)
                }
                TokenTree::Literal(label) => {
                    if let Ok(label) = syn::parse_str::<syn::LitStr>(&label.to_string()) {
                        self.add(key_of(&label.value()), true);
                    }
                }
                _ => {}
            }
        }
    }

    /// Help as clap makes it from documentation: the first paragraph, and all of them if there are several.
    fn help(&mut self, attributes: &[Group]) {
        let lines: Vec<String> = attributes.iter().filter_map(documentation).collect();
        let text = lines
            .iter()
            .map(|line| line.trim())
            .collect::<Vec<_>>()
            .join("\n");
        let paragraphs = text
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "));
        let paragraphs: Vec<String> = paragraphs.filter(|text| !text.is_empty()).collect();
        if let Some(first) = paragraphs.first() {
            self.add(first.trim_end_matches('.').to_string(), true);
        }
        if paragraphs.len() > 1 {
            self.add(paragraphs.join("\n\n"), true);
        }
    }

    /// `help_heading = "Data"`.
    fn headings(&mut self, attribute: &Group) {
        let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(inner) => self.headings(inner),
                TokenTree::Ident(word) if word.to_string().ends_with("help_heading") => {
                    let value = tokens.get(at + 2).map(ToString::to_string);
                    if let Some(Ok(heading)) =
                        value.map(|value| syn::parse_str::<syn::LitStr>(&value))
                    {
                        self.add(heading.value(), true);
                    }
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, text: String, is_for_the_reader: bool) {
        if text.is_empty() {
            return;
        }
        if self.speaks && is_for_the_reader {
            let texts = &mut self.texts.to_be_translated;
            texts
                .entry(text.clone())
                .or_insert_with(|| self.name.to_string());
        }
        self.texts.all.insert(text);
    }
}

/// The attributes that begin at this token, and where they end.
fn attributes(tokens: &[TokenTree], mut at: usize) -> Option<(Vec<Group>, usize)> {
    let is_mark = |token: &TokenTree, mark| matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark);
    let mut found = Vec::new();
    while tokens.get(at).is_some_and(|token| is_mark(token, '#')) {
        let inner = tokens.get(at + 1).is_some_and(|token| is_mark(token, '!'));
        let group = at + 1 + usize::from(inner);
        match tokens.get(group) {
            Some(TokenTree::Group(attribute)) => found.push(attribute.clone()),
            _ => break,
        }
        at = group + 1;
    }
    (!found.is_empty()).then_some((found, at))
}

fn has_word(attribute: &Group, wanted: &str) -> bool {
    attribute.stream().into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == wanted,
        TokenTree::Group(inner) => has_word(&inner, wanted),
        _ => false,
    })
}

fn is_cfg_test(attribute: &Group) -> bool {
    has_word(attribute, "cfg") && has_word(attribute, "test")
}

fn is_derived_by_clap(attribute: &Group) -> bool {
    let traits = ["Args", "Parser", "Subcommand", "ValueEnum"];
    has_word(attribute, "derive") && traits.iter().any(|name| has_word(attribute, name))
}

/// A line of documentation.
fn documentation(attribute: &Group) -> Option<String> {
    let mut tokens = attribute.stream().into_iter();
    if tokens.next()?.to_string() != "doc" {
        return None;
    }
    let value = syn::parse_str::<syn::LitStr>(&tokens.nth(1)?.to_string());
    value.ok().map(|value| value.value())
}

/// Behind the item that begins here: behind its body, or its semicolon.
fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends = tokens.iter().skip(at).position(|token| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    });
    ends.map_or(tokens.len(), |end| at + end + 1)
}

/// Whether two words stand beside each other, or a word and a value.
fn reads_as_english(line: &str) -> bool {
    let key = key_of(line);
    let pieces: Vec<&str> = key.split(' ').collect();
    let bare = |piece: &&str| {
        piece
            .trim_matches([',', ';', ':', '.', '(', ')', '?', '`'])
            .to_string()
    };
    let is_word = |piece: &&str| {
        let piece = bare(piece);
        piece.len() > 1
            && piece
                .chars()
                .all(|letter| letter.is_ascii_alphabetic() || letter == '\'')
    };
    let is_value = |piece: &&str| piece.contains('{');
    pieces.windows(2).any(|pair| match pair {
        [one, other] => {
            (is_word(one) && (is_word(other) || is_value(other)))
                || (is_value(one) && is_word(other))
        }
        _ => false,
    })
}

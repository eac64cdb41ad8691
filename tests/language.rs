//! The reader's language changes what the programs show, and nothing that they write.
//!
//! That the catalogue has every text is tested in `crates/d2l-language/tests`.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::support::{Desk, assert_equal_runs, chapters, comparable};

/// Flags are short, and so are names: more English words in a row make a sentence.
const MOST_WORDS: usize = 4;

/// What a line has that may have several English words: a command, a source, the choice of a flag, a recipe.
const QUOTED: [&str; 4] = ["`", "arXiv", "可选值", "accumulate"];

fn output(
    desk: &Desk,
    language: &str,
    program: &str,
    arguments: &[&str],
) -> Result<(String, String)> {
    let mut command = desk.command(program, arguments);
    let output = command.env("D2L_LANG", language).output()?;
    Ok((
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    ))
}

/// The first line with an English sentence.
fn english(text: &str) -> Option<&str> {
    let is_word = |word: &&str| {
        let word = word.trim_matches([',', '.', ':', ';']);
        word.len() > 1 && word.chars().all(|letter| letter.is_ascii_lowercase())
    };
    text.lines().find(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let has_sentence = words
            .windows(MOST_WORDS)
            .any(|words| words.iter().all(&is_word));
        has_sentence && !QUOTED.iter().any(|mark| line.contains(mark))
    })
}

#[test]
fn help_is_chinese_in_every_chapter_and_in_runs() -> Result<()> {
    let desk = Desk::new()?;
    let mut calls: Vec<(&str, String)> = Vec::new();
    for chapter in chapters() {
        calls.push((chapter.name, String::new()));
        let models = chapter.models.iter();
        calls.extend(models.map(|model| (chapter.name, model.name.to_string())));
    }
    let commands = [
        "", "list", "show", "compare", "plot", "report", "export", "import", "watch", "sweep",
        "verify",
    ];
    calls.extend(commands.map(|command| ("runs", command.to_string())));
    for (program, command) in calls {
        let words: Vec<&str> = [command.as_str(), "--help"]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let (help, _) = output(&desk, "zh", program, &words)?;
        ensure!(help.contains("用法："), "{program} {command}: {help}");
        let found = english(&help);
        ensure!(found.is_none(), "{program} {command}: {found:?}");
        let (help, _) = output(&desk, "en", program, &words)?;
        ensure!(
            help.is_ascii() || !help.contains("选项"),
            "{program} {command}: {help}"
        );
    }
    Ok(())
}

#[test]
fn a_session_is_chinese_and_its_logs_are_the_same() -> Result<()> {
    let (chinese, english_desk) = (Desk::new()?, Desk::new()?);
    let short = [
        "--data",
        "builtin",
        "--examples",
        "64",
        "--epochs",
        "2",
        "--name",
        "a",
    ];
    let fails = [
        "--data",
        "builtin",
        "--examples",
        "64",
        "--learning-rate",
        "1e30",
        "--name",
        "b",
    ];
    for call in [&short[..], &fails] {
        let (said, errors) = output(&chinese, "zh", "mlp", call)?;
        ensure!(said.contains("模型    mlp concise"), "{said}");
        let found = english(&said).or_else(|| english(&errors));
        ensure!(found.is_none(), "{found:?} in {said}{errors}");
        output(&english_desk, "en", "mlp", call)?;
    }
    let run = |desk: &Desk, name: &str| desk.run_folder("mlp", name);
    assert_equal_runs(&run(&chinese, "a"), &run(&english_desk, "a"))?;
    let failed = |desk: &Desk| comparable(&run(desk, "b"));
    ensure!(failed(&chinese)? == failed(&english_desk)?);
    let reason = std::fs::read_to_string(run(&chinese, "b").join("log.jsonl"))?;
    ensure!(reason.contains("not a finite number"), "{reason}");

    let figure =
        |desk: &Desk| std::fs::read_to_string(run(desk, "a").join(Path::new("figures/loss.svg")));
    ensure!(figure(&chinese)?.contains("轮") && figure(&english_desk)?.contains("epoch"));

    let json = ["list", "--format", "json"];
    let (as_chinese, _) = output(&chinese, "zh", "runs", &json)?;
    let (as_english, _) = output(&chinese, "en", "runs", &json)?;
    ensure!(as_chinese == as_english, "{as_chinese}");
    for call in [
        &["list"][..],
        &["show", "a"],
        &["compare", "a", "b"],
        &["plot", "a"],
    ] {
        let (said, errors) = output(&chinese, "zh", "runs", call)?;
        let found = english(&said).or_else(|| english(&errors));
        ensure!(found.is_none(), "{call:?}: {found:?} in {said}{errors}");
    }
    Ok(())
}

#[test]
fn errors_are_chinese() -> Result<()> {
    let desk = Desk::new()?;
    for (program, call, wanted) in [
        ("mlp", &["--epochs", "x"][..], "不是整数"),
        ("mlp", &["--epoch", "3"], "是否想用 '--epochs'"),
        ("mlp", &["--learning-rate", "-1"], "应为大于 0 的数"),
        ("mlp", &["--data", "real"], "没有 train-images-idx3-ubyte"),
        ("mlp", &["--verify", "--data", "builtin"], "没有可验证的"),
        ("mlp", &["lenet"], "但 convolutional 有"),
        (
            "mlp",
            &["--lang", "fr"],
            "不能作为 '--lang <LANGUAGE>' 的值",
        ),
        ("runs", &["show", "a"], "请先训练某一章"),
        ("runs", &["lst"], "没有命令 'lst'"),
    ] {
        let (said, errors) = output(&desk, "zh", program, call)?;
        ensure!(
            errors.starts_with("错误：") && errors.contains(wanted),
            "{call:?}: {said}{errors}"
        );
        ensure!(english(&errors).is_none(), "{call:?}: {errors}");
    }
    Ok(())
}

//! A second run, with or without a changed number, never fails and never loses a run.

use anyhow::{Result, ensure};

use crate::support::{Desk, chapters};

const SHORT: [&str; 5] = ["--data", "builtin", "--examples", "60", "--quiet"];

fn run_names(desk: &Desk, chapter: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(desk.path().join("runs").join(chapter))? {
        names.push(entry?.file_name().into_string().expect("names are plain"));
    }
    names.sort();
    Ok(names)
}

#[test]
fn three_runs_have_three_names_and_compare() -> Result<()> {
    for chapter in chapters() {
        let (chapter, first) = (chapter.name, chapter.models[0].name);
        let desk = Desk::new()?;
        desk.succeed(chapter, &SHORT)?;
        desk.succeed(chapter, &SHORT)?;
        desk.succeed(
            chapter,
            &[&SHORT[..], &["--learning-rate", "0.05"]].concat(),
        )?;
        let base = format!("{first}-concise-quick-cpu-s0");
        let wanted = [
            format!("{base}-examples60"),
            format!("{base}-examples60-2"),
            format!("{base}-learning-rate0.05-examples60"),
        ];
        ensure!(
            run_names(&desk, chapter)? == wanted,
            "{:?}",
            run_names(&desk, chapter)?
        );
        let compared = desk.succeed("runs", &["compare"])?;
        for name in wanted {
            ensure!(compared.contains(&name), "{name} is not in\n{compared}");
        }
        ensure!(compared.contains("learning_rate"), "{compared}");
    }
    Ok(())
}

#[test]
fn a_name_that_exists_is_an_error_unless_overwritten() -> Result<()> {
    let desk = Desk::new()?;
    let named = [&SHORT[..], &["--name", "mine"]].concat();
    desk.succeed("mlp", &named)?;
    let again = desk.run("mlp", &named)?;
    ensure!(again.status.code() == Some(1), "{}", again.status);
    ensure!(String::from_utf8(again.stderr)?.contains("--overwrite"));
    desk.succeed(
        "mlp",
        &[&named[..], &["--overwrite", "--seed", "5"]].concat(),
    )?;
    ensure!(run_names(&desk, "mlp")? == ["mine"]);
    Ok(())
}

#[test]
fn overwrite_leaves_alone_what_is_no_run() -> Result<()> {
    let desk = Desk::new()?;
    let precious = desk.run_folder("mlp", "mine");
    std::fs::create_dir_all(&precious)?;
    std::fs::write(precious.join("thesis.txt"), "five years")?;
    let output = desk.run(
        "mlp",
        &[&SHORT[..], &["--name", "mine", "--overwrite"]].concat(),
    )?;
    ensure!(output.status.code() == Some(1), "{}", output.status);
    ensure!(precious.join("thesis.txt").exists());
    Ok(())
}

#[test]
fn several_seeds_are_several_runs() -> Result<()> {
    let desk = Desk::new()?;
    desk.succeed("linear-regression", &["--seeds", "3", "--quiet"])?;
    let names = run_names(&desk, "linear-regression")?;
    ensure!(names.len() == 3 && names[2].ends_with("-s2"), "{names:?}");
    Ok(())
}

//! `--from`, `--list` and `--verify`, on made-up sets and, if `D2L_DATA` names their folder, on the real sets.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::fetching::zip_of;
use crate::{Desk, content, gzip, set, sha256};

/// A desk with two sets: `letters` in `data`-like folder `stick`, `numbers` nowhere.
fn desk() -> Result<(Desk, Vec<u8>, Vec<u8>)> {
    let desk = Desk::new()?;
    let (a, b) = (content(50_000), content(20_000));
    let files: [(&str, &[u8]); 2] = [("a", &a), ("deep/b", &b)];
    desk.list(&[
        set("letters", &[], &files),
        set("numbers", &[], &[("one", b"1")]),
    ])?;
    std::fs::create_dir_all(desk.path("stick/letters/deep"))?;
    std::fs::write(desk.path("stick/letters/a"), &a)?;
    std::fs::write(desk.path("stick/letters/deep/b.gz"), gzip(&b)?)?;
    Ok((desk, a, b))
}

#[test]
fn a_folder_gives_what_it_has() -> Result<()> {
    let (desk, a, b) = desk()?;
    let said = desk.succeed(&["--all", "--from", "stick"])?;
    ensure!(said.contains("letters: whole in data/letters"), "{said}");
    ensure!(said.contains("numbers: not in stick, left out"), "{said}");
    let data = desk.data()?;
    assert_eq!(
        data.keys().collect::<Vec<_>>(),
        ["letters/a", "letters/deep/b.gz"]
    );
    assert_eq!(
        (&data["letters/a"], &data["letters/deep/b.gz"]),
        (&a, &gzip(&b)?)
    );
    desk.refuse(
        &["numbers", "--from", "stick"],
        1,
        &["numbers: found nothing of it in stick/numbers"],
    )?;
    ensure!(!desk.path("data/numbers").exists());
    Ok(())
}

#[test]
fn an_archive_saved_by_hand_is_unpacked() -> Result<()> {
    let desk = Desk::new()?;
    let a = content(50_000);
    let zip = zip_of(&[("letters/a", &a)])?;
    let address = "http://127.0.0.1:9/letters.zip?download=yes"; // nothing listens there
    let archive = format!(
        "{{ archive = {{ address = '{address}', sha256 = '{}' }} }}",
        sha256(&zip)
    );
    let sources = ["{ hub = 'mnist' }".to_string(), archive];
    desk.list(&[set("letters", &sources, &[("a", &a)])])?;

    std::fs::create_dir(desk.path("stick"))?;
    std::fs::write(desk.path("stick/letters.zip"), &zip)?;
    desk.succeed(&["letters", "--from", "stick"])?;
    assert_eq!(desk.data()?["letters/a"], a);

    std::fs::remove_file(desk.path("data/letters/a"))?;
    std::fs::write(desk.path("data/letters/letters.zip"), &zip[1..])?;
    let wanted = [
        "data/letters/letters.zip: found an archive of SHA-256",
        "no connection",
    ];
    desk.refuse(&["letters"], 1, &wanted)?;
    std::fs::write(desk.path("data/letters/letters.zip"), &zip)?;
    desk.succeed(&["letters"])?;
    let names: Vec<String> = desk.data()?.into_keys().collect();
    assert_eq!(
        names,
        ["letters/a", "letters/letters.zip"],
        "what someone saved stays"
    );
    Ok(())
}

#[test]
fn a_damaged_file_is_not_taken_from_a_folder() -> Result<()> {
    let (desk, a, _) = desk()?;
    std::fs::write(desk.path("stick/letters/a"), &a[..100])?;
    desk.refuse(
        &["--all", "--from", "stick"],
        1,
        &["letters: stick/letters/a: found 100 bytes, wanted 50000"],
    )?;
    std::fs::remove_file(desk.path("stick/letters/a"))?;
    desk.refuse(
        &["letters", "--from", "stick"],
        1,
        &["stick/letters: found no a"],
    )?;
    assert_eq!(
        desk.data()?.keys().collect::<Vec<_>>(),
        ["letters/deep/b.gz"]
    );
    std::fs::write(desk.path("stick/letters/a"), &a)?;
    desk.succeed(&["letters", "--from", "stick"])?;
    desk.succeed(&["--verify", "letters"])?;
    Ok(())
}

#[test]
fn a_read_only_source_gives_files_that_can_be_replaced() -> Result<()> {
    let (desk, _, _) = desk()?;
    let path = desk.path("stick/letters/a");
    let mut permissions = std::fs::metadata(&path)?.permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions)?;
    desk.succeed(&["letters", "--from", "stick"])?;
    ensure!(
        !std::fs::metadata(desk.path("data/letters/a"))?
            .permissions()
            .readonly()
    );
    Ok(())
}

#[test]
fn verify_finds_every_flipped_byte_and_every_missing_file() -> Result<()> {
    let (desk, a, _) = desk()?;
    ensure!(desk.succeed(&["--verify"])?.contains("found no data set"));
    desk.refuse(
        &["--verify", "letters"],
        1,
        &["data/letters: found no a, deep/b"],
    )?;
    desk.succeed(&["letters", "--from", "stick"])?;
    assert_eq!(
        desk.succeed(&["--verify"])?,
        "letters: whole in data/letters\n"
    );
    ensure!(desk.succeed(&["--verify", "--quiet"])?.is_empty());
    for at in [0, 25_000, 49_999] {
        let mut flipped = a.clone();
        flipped[at] ^= 0x80;
        std::fs::write(desk.path("data/letters/a"), flipped)?;
        let wanted = [
            "data/letters/a: found SHA-256",
            "fetch-data -- letters gets it",
        ];
        desk.refuse(&["--verify"], 1, &wanted)?;
    }
    std::fs::write(desk.path("data/letters/a"), &a)?;
    std::fs::remove_file(desk.path("data/letters/deep/b.gz"))?;
    desk.refuse(&["--verify"], 1, &["data/letters: found no deep/b"])?;
    Ok(())
}

#[test]
fn the_list_says_what_is_there() -> Result<()> {
    let (desk, a, _) = desk()?;
    ensure!(desk.succeed(&["--list"])?.matches("not there").count() == 2);
    desk.succeed(&["letters", "--from", "stick"])?;
    let list = desk.succeed(&["--list"])?;
    ensure!(
        list.contains("letters   70.00 kB  whole in data/letters\n"),
        "{list}"
    );
    ensure!(list.contains("a set\n         licence: free\n"), "{list}");
    std::fs::write(desk.path("data/letters/a"), &a[1..])?;
    let list = desk.succeed(&["--list", "letters"])?;
    ensure!(
        list.contains("1 of 2 files in data/letters, 1 more damaged"),
        "{list}"
    );
    ensure!(!list.contains("numbers"), "{list}");
    // The built-in list is printed without touching anything.
    std::fs::remove_file(desk.path("list.toml"))?;
    let list = desk.succeed(&["--list", "--data-dir", "nowhere"])?;
    for name in ["mnist ", "cifar-10 ", "time-machine ", "snli-1.0 "] {
        ensure!(
            list.contains(&format!("\n{name}")) || list.starts_with(name),
            "{name}: {list}"
        );
    }
    ensure!(!desk.path("nowhere").exists());
    Ok(())
}

#[test]
fn a_set_in_the_folder_of_another_is_told_from_it() -> Result<()> {
    // As CIFAR-10's subset may lie in CIFAR-10's folder.
    let desk = Desk::new()?;
    let (whole, few) = (content(3_000), content(1_000));
    let subset =
        set("few", &[], &[("a", &few)]).replace("name = 'few'", "name = 'few'\nalso_in = 'all'");
    desk.list(&[set("all", &[], &[("a", &whole)]), subset])?;
    for folder in ["data/all", "stick/all"] {
        std::fs::create_dir_all(desk.path(folder))?;
        std::fs::write(desk.path(folder).join("a"), &few)?;
    }
    assert_eq!(desk.succeed(&["--verify"])?, "few: whole in data/all\n");
    desk.refuse(
        &["--verify", "all"],
        1,
        &["all: data/all/a: found a file of few"],
    )?;
    let said = desk.succeed(&["--all", "--from", "stick", "--data-dir", "other"])?;
    assert_eq!(
        said,
        "all: not in stick, left out\nfew: whole in other/few, 1.00 kB\n"
    );
    Ok(())
}

/// The folder of the real sets; without one, prints that the test did not run.
fn real_data(test: &str) -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("D2L_DATA").map(std::path::PathBuf::from);
    if folder.is_none() {
        eprintln!("{test}: left out, D2L_DATA names no folder of real data");
    }
    folder
}

#[test]
fn the_real_sets_are_taken_from_a_folder_and_a_flipped_byte_is_found() -> Result<()> {
    let Some(real) = real_data("the real sets") else {
        return Ok(());
    };
    let desk = Desk::new()?;
    let from = real.to_string_lossy();
    let said = desk.succeed(&["--all", "--from", &from])?;
    let whole = said
        .lines()
        .filter(|line| line.contains(": whole in data/"));
    ensure!(whole.count() > 0, "{from} holds no set: {said}");
    let again = desk.succeed(&["--verify"])?;
    ensure!(
        again.lines().count() == said.matches(": whole in").count(),
        "{again}\n{said}"
    );
    for file in [
        "mnist/t10k-labels-idx1-ubyte.gz",
        "time-machine/timemachine.txt",
    ] {
        let path = desk.path("data").join(file);
        if Path::new(&path).exists() {
            let mut bytes = std::fs::read(&path)?;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes)?;
            let name = file.split('/').next().unwrap_or_default();
            desk.refuse(&["--verify", name], 1, &[file, "wanted"])?;
        }
    }
    Ok(())
}

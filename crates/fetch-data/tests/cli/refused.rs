//! Wrong calls, and sets that cannot be fetched.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::server::{Answer, Server};
use crate::{Desk, content, files_at, set, sha256};

#[test]
fn wrong_calls_exit_with_two() -> Result<()> {
    let desk = Desk::new()?;
    for (arguments, wanted) in [
        (&[][..], &["found no set to fetch", "--all", "--list"][..]),
        (
            &["mnits"],
            &["found set \"mnits\"", "fashion-mnist", "cifar-10"],
        ),
        (&["mnist", "--all"], &["--all"]),
        (&["--list", "--verify"], &["--list", "--verify"]),
        (&["--verify", "--from", "x"], &["--verify", "--from"]),
        (&["--hub", "--from", "x", "mnist"], &["--hub", "--from"]),
        (&["mnist", "--timeout", "0"], &["--timeout", "0.1 to 3600"]),
        (&["--fetch"], &["--fetch", "--help"]),
    ] {
        desk.refuse(arguments, 2, wanted)?;
    }
    if !cfg!(feature = "candle-datasets") {
        let wanted = [
            "--hub",
            "cargo run -p fetch-data --features candle-datasets",
        ];
        desk.refuse(&["mnist", "--hub"], 2, &wanted)?;
    }
    ensure!(desk.data()?.is_empty());
    Ok(())
}

#[test]
fn without_a_network_it_fails_in_seconds_and_says_what_to_do() -> Result<()> {
    let desk = Desk::new()?;
    let a = content(100);
    // Nothing listens on this port, and no name ends in .invalid (RFC 2606).
    let sources = ["http://127.0.0.1:9/{path}", "https://data.invalid/{path}"].map(files_at);
    let hub = "{ hub = 'mnist' }".to_string();
    let files: [(&str, &[u8]); 3] = [("a", &a), ("b", &a), ("c", &a)];
    desk.list(&[
        set("letters", &[&sources[..], &[hub]].concat(), &files),
        set("by-hand", &[], &files),
    ])?;
    let began = Instant::now();
    desk.refuse(
        &["letters"],
        1,
        &[
            "letters: found no way to a (nor 2 more)",
            "http://127.0.0.1:9/a: no connection (",
            "https://data.invalid/a: no ",
            match cfg!(feature = "candle-datasets") {
                true => "http://127.0.0.1:9 (candle-datasets)",
                false => "the Hugging Face Hub: this program was built without candle-datasets",
            },
            "save it as data/letters/a, plain or with .gz",
            "--from DIR",
        ],
    )?;
    ensure!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    desk.refuse(
        &["by-hand"],
        1,
        &["no network address gives it", "--from DIR"],
    )?;
    ensure!(
        !desk.path("data").exists(),
        "no empty folder is left behind"
    );
    Ok(())
}

#[test]
fn damage_is_named_and_leaves_nothing_behind() -> Result<()> {
    let a = content(70_000);
    let mut wrong = a.clone();
    wrong[35_000] ^= 1;
    let body = wrong.clone();
    let server = Server::new(move |request, _| match request.path.as_str() {
        "/a" => Answer::ok(&body),
        "/short" => Answer::ok(&body[..100]),
        "/page.gz" => Answer::ok(&[0x1f, 0x8b, 8, 0, 1, 2, 3]),
        _ => Answer::status("403 Forbidden"),
    })?;
    let desk = Desk::new()?;
    let one = |name: &str, file: &str| {
        set(
            name,
            &[files_at(&format!("{}/{file}", server.address))],
            &[("a", &a)],
        )
    };
    desk.list(&[
        one("flipped", "a"),
        one("short", "short"),
        one("page", "page.gz"),
        one("closed", "x"),
    ])?;
    desk.refuse(
        &["flipped"],
        1,
        &["found SHA-256", &sha256(&wrong), "wanted", &sha256(&a)],
    )?;
    desk.refuse(&["short"], 1, &["found 100 bytes, wanted 70000"])?;
    desk.refuse(&["page"], 1, &["found a damaged gzip archive"])?;
    desk.refuse(
        &["closed"],
        1,
        &["found answer 403 Forbidden, wanted 200 OK"],
    )?;
    ensure!(desk.data()?.is_empty());

    // After one set's error the others are still fetched, and their errors reported.
    let output = desk.run(&["--all"])?;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr)?.lines().count(), 4);
    Ok(())
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() -> Result<()> {
    let a = content(100);
    let body = a.clone();
    let server = Server::new(move |_, _| Answer::ok(&body))?;
    let desk = Desk::new()?;
    let source = files_at(&format!("{}/{{path}}", server.address));
    desk.list(&[set("letters", &[source], &[("a", &a)])])?;
    std::fs::write(desk.path("data"), b"a file where the folder should be")?;
    desk.refuse(&["letters"], 1, &["data/letters"])?;
    desk.refuse(
        &["letters", "--from", "nowhere"],
        1,
        &["nowhere: found no such folder"],
    )?;
    std::fs::remove_file(desk.path("list.toml"))?;
    desk.refuse(
        &["mnist", "--manifest", "missing.toml"],
        1,
        &["missing.toml: cannot be read"],
    )?;
    std::fs::write(desk.path("bad.toml"), "[[set]]\nname = 1\n")?;
    desk.refuse(
        &["mnist", "--manifest", "bad.toml"],
        1,
        &["bad.toml: not a list of sets"],
    )?;
    Ok(())
}

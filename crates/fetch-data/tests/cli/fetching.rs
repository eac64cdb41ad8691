//! Successful downloads: files, archives, mirrors.

use std::io::{Cursor, Write};

use anyhow::{Result, ensure};

use crate::server::{Answer, Server};
use crate::{Desk, content, files_at, gzip, set, sha256};

#[test]
fn files_are_fetched_once_plain_or_gzipped_as_they_come() -> Result<()> {
    let (a, b) = (content(100_000), content(3_000));
    let (plain, gzipped) = (a.clone(), gzip(&b)?);
    let server = Server::new(move |request, _| match request.path.as_str() {
        "/files/a" => Answer::ok(&plain),
        "/files/deep/b" => Answer::ok(&gzipped),
        _ => Answer::status("404 Not Found"),
    })?;
    let source = files_at(&format!("{}/files/{{path}}", server.address));
    let desk = Desk::new()?;
    desk.list(&[set("letters", &[source], &[("a", &a), ("deep/b", &b)])])?;

    let said = desk.succeed(&["letters"])?;
    ensure!(said.starts_with("letters: whole in data/letters"), "{said}");
    let data = desk.data()?;
    let names: Vec<&str> = data.keys().map(String::as_str).collect();
    assert_eq!(names, ["letters/a", "letters/deep/b.gz"]);
    assert_eq!(data["letters/a"], a);
    assert_eq!(data["letters/deep/b.gz"], gzip(&b)?);

    let said = desk.succeed(&["letters"])?;
    ensure!(said.contains("already"), "{said}");
    ensure!(desk.succeed(&["letters", "--quiet"])?.is_empty());
    assert_eq!(server.requests().len(), 2);
    ensure!(desk.succeed(&["--verify"])?.contains("letters: whole"));
    Ok(())
}

#[test]
fn redirections_are_followed() -> Result<()> {
    let a = content(5_000);
    let body = a.clone();
    let server = Server::new(move |request, _| match request.path.as_str() {
        "/old/a" => Answer {
            headers: vec![("Location", "/new/a?signed=yes".to_string())],
            ..Answer::status("302 Found")
        },
        "/new/a?signed=yes" => Answer::ok(&body),
        "/loop/a" => Answer {
            headers: vec![("Location", "/loop/a".to_string())],
            ..Answer::status("301 Moved Permanently")
        },
        _ => Answer::status("404 Not Found"),
    })?;
    let desk = Desk::new()?;
    let source = |folder: &str| files_at(&format!("{}/{folder}/{{path}}", server.address));
    desk.list(&[
        set("moved", &[source("old")], &[("a", &a)]),
        set("lost", &[source("loop")], &[("a", &a)]),
    ])?;
    desk.succeed(&["moved"])?;
    assert_eq!(desk.data()?["moved/a"], a);
    desk.refuse(
        &["lost"],
        1,
        &["lost: found no way to a", "too many redirects"],
    )?;
    Ok(())
}

#[test]
fn the_next_mirror_is_asked_where_one_lacks_or_damages_a_file() -> Result<()> {
    let (a, b) = (content(70_000), content(60_000));
    let mut wrong = a.clone();
    wrong[35_000] ^= 1;
    let (bodies, second) = ([wrong, b.clone()], [a.clone(), b.clone()]);
    let server = Server::new(move |request, _| match request.path.as_str() {
        "/first/a" => Answer::ok(&bodies[0]),
        "/second/a" => Answer::ok(&second[0]),
        "/second/b" => Answer::ok(&second[1]),
        _ => Answer::status("404 Not Found"),
    })?;
    let desk = Desk::new()?;
    let sources =
        ["first", "second"].map(|m| files_at(&format!("{}/{m}/{{path}}", server.address)));
    desk.list(&[set("letters", &sources, &[("a", &a), ("b", &b)])])?;
    desk.succeed(&["letters"])?;
    let data = desk.data()?;
    assert_eq!(data.len(), 2);
    assert_eq!((&data["letters/a"], &data["letters/b"]), (&a, &b));
    assert_eq!(server.requests().len(), 4);
    Ok(())
}

pub fn zip_of(files: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default())?;
        zip.write_all(content)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn tar_of(files: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content)?;
    }
    gzip(&tar.into_inner()?)
}

#[test]
fn archives_are_unpacked_into_the_set_alone() -> Result<()> {
    let (a, b) = (content(50_000), content(40_000));
    let members: [(&str, &[u8]); 4] = [
        ("set/a", &a),
        ("set/deep/b", &b),
        ("set/readme", b"not asked for"),
        ("__MACOSX/set/._a", b"nor this"),
    ];
    let (zip, tar) = (zip_of(&members)?, tar_of(&members)?);
    let digest = sha256(&tar);
    let server = Server::new(move |request, _| match request.path.as_str() {
        "/set.zip" => Answer::ok(&zip),
        "/set.tar.gz" => Answer::ok(&tar),
        "/cut.tar.gz" => Answer::ok(&tar[..tar.len() / 2]),
        "/page.zip" => Answer::ok(b"<html>moved</html>"),
        _ => Answer::status("404 Not Found"),
    })?;
    let archive = |name: &str, sha256: &str| {
        let address = format!("address = '{}/{name}'", server.address);
        format!("{{ archive = {{ {address}{sha256} }} }}")
    };
    let desk = Desk::new()?;
    let files: [(&str, &[u8]); 2] = [("a", &a), ("b-in/b", &b)];
    let good = format!(", sha256 = '{digest}'");
    let bad = format!(", sha256 = '{}'", "0".repeat(64));
    desk.list(&[
        set("zipped", &[archive("set.zip", "")], &files),
        set("tarred", &[archive("set.tar.gz", &good)], &files),
        set("other", &[archive("set.tar.gz", &bad)], &files),
        set("cut", &[archive("cut.tar.gz", "")], &files),
        set("page", &[archive("page.zip", "")], &files),
        set("more", &[archive("set.zip", "")], &[("a", &a), ("c", b"c")]),
        set("damaged", &[archive("set.zip", "")], &[("a", &b)]),
    ])?;
    for name in ["zipped", "tarred"] {
        desk.succeed(&[name])?;
    }
    desk.refuse(
        &["other"],
        1,
        &[
            "found an archive of SHA-256",
            &digest,
            "download the file by hand, save it as",
            "data/other/set.tar.gz",
        ],
    )?;
    desk.refuse(&["cut"], 1, &["found no whole .tar.gz archive"])?;
    desk.refuse(&["page"], 1, &["found no archive"])?;
    desk.refuse(
        &["more"],
        1,
        &["found no way to c:", "found no c in the archive"],
    )?;
    desk.refuse(
        &["damaged"],
        1,
        &["found no way to a:", "the 40000 bytes wanted"],
    )?;
    let data = desk.data()?;
    let names: Vec<&str> = data.keys().map(String::as_str).collect();
    // A whole file of a damaged archive is kept; so are the files of an archive that lacks another file.
    let kept = names.iter().filter(|name| !name.starts_with("cut/"));
    let wanted = [
        "more/a",
        "tarred/a",
        "tarred/b-in/b",
        "zipped/a",
        "zipped/b-in/b",
    ];
    assert_eq!(kept.copied().collect::<Vec<_>>(), wanted);
    assert_eq!((&data["tarred/a"], &data["zipped/b-in/b"]), (&a, &b));
    ensure!(
        names.iter().all(|name| !name.contains(".part")),
        "{names:?}"
    );
    Ok(())
}

#[test]
fn digests_that_nobody_published_are_written_down_and_kept_to() -> Result<()> {
    let a = content(9_000);
    let zip = zip_of(&[("set/a.txt", &a)])?;
    let digest = sha256(&zip);
    let server = Server::new(move |_, _| Answer::ok(&zip))?;
    let desk = Desk::new()?;
    let address = format!("{}/set.zip", server.address);
    desk.list(&[format!(
        "[[set]]\nname = 'letters'\nwhat = 'x'\nlicence = 'x'\nfiles = [{{ name = 'a.txt' }}]\n\
         sources = [{{ archive = {{ address = '{address}', sha256 = '{digest}' }} }}]\n"
    )])?;
    desk.succeed(&["letters"])?;
    let sums = String::from_utf8(desk.data()?["letters/SHA256SUMS"].clone())?;
    assert_eq!(sums, format!("{}  a.txt\n", sha256(&a)));
    desk.succeed(&["--verify", "letters"])?;

    let mut changed = a.clone();
    changed[100] ^= 1;
    std::fs::write(desk.path("data/letters/a.txt"), changed)?;
    desk.refuse(&["--verify"], 1, &["a.txt: found SHA-256", &sha256(&a)])?;
    std::fs::remove_file(desk.path("data/letters/SHA256SUMS"))?;
    desk.refuse(&["--verify"], 1, &["found no digest of it"])?;
    desk.succeed(&["letters"])?; // unpacked anew
    assert_eq!(desk.data()?["letters/a.txt"], a);
    desk.succeed(&["--verify"])?;
    Ok(())
}

#[test]
fn a_damaged_plain_file_does_not_hide_the_gzipped_one_that_replaces_it() -> Result<()> {
    let a = content(5_000);
    let body = gzip(&a)?;
    let server = Server::new(move |_, _| Answer::ok(&body))?;
    let desk = Desk::new()?;
    let source = files_at(&format!("{}/{{path}}.gz", server.address));
    desk.list(&[set("letters", &[source], &[("a", &a)])])?;
    std::fs::create_dir_all(desk.path("data/letters"))?;
    std::fs::write(desk.path("data/letters/a"), &a[..4_000])?;
    desk.refuse(
        &["--verify"],
        1,
        &["data/letters/a: found 4000 bytes, wanted 5000"],
    )?;
    desk.succeed(&["letters"])?;
    assert_eq!(desk.data()?.keys().collect::<Vec<_>>(), ["letters/a.gz"]);
    desk.succeed(&["--verify", "letters"])?;
    Ok(())
}

//! Downloads that break off, are resumed, or must begin anew.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::server::{Answer, Request, Server};
use crate::{Desk, content, files_at, set};

/// A desk with the set `letters` of one file `a`, which the server has at `/a`.
fn desk(server: &Server, a: &[u8]) -> Result<Desk> {
    let desk = Desk::new()?;
    let source = files_at(&format!("{}/{{path}}", server.address));
    desk.list(&[set("letters", &[source], &[("a", a)])])?;
    Ok(desk)
}

/// Where the range that was asked for begins.
fn range_start(request: &Request) -> Option<usize> {
    let range = request.header("range")?.strip_prefix("bytes=")?;
    range.strip_suffix('-')?.parse().ok()
}

/// Answers like a good server, but every body ends after `length` bytes.
fn in_pieces(body: &[u8], length: usize, request: &Request) -> Answer {
    match range_start(request) {
        Some(start) if request.header("if-range") == Some("\"1\"") => {
            Answer::rest(body, start).cut(length)
        }
        _ => Answer::ok(body).cut(length),
    }
}

#[test]
fn a_broken_connection_is_resumed_at_once() -> Result<()> {
    let a = content(250_000);
    let body = a.clone();
    let server = Server::new(move |request, _| in_pieces(&body, 100_000, request))?;
    let desk = desk(&server, &a)?;
    desk.succeed(&["letters"])?;
    assert_eq!(
        desk.data()?.into_iter().collect::<Vec<_>>(),
        [("letters/a".to_string(), a)]
    );
    let starts: Vec<_> = server.requests().iter().map(range_start).collect();
    assert_eq!(starts, [None, Some(100_000), Some(200_000)]);
    Ok(())
}

#[test]
fn what_came_is_kept_and_the_next_call_goes_on_from_there() -> Result<()> {
    let a = content(1_000_000);
    let body = a.clone();
    // Five pieces of 100,000 bytes are the most that one call takes.
    let server = Server::new(move |request, _| in_pieces(&body, 100_000, request))?;
    let desk = desk(&server, &a)?;
    desk.refuse(
        &["letters"],
        1,
        &["found 500000 bytes and then the end", "wanted 1000000"],
    )?;
    let data = desk.data()?;
    assert_eq!(
        data.keys().collect::<Vec<_>>(),
        ["letters/a.part", "letters/a.part.from"]
    );
    assert_eq!(data["letters/a.part"], a[..500_000]);
    desk.succeed(&["letters"])?;
    assert_eq!(range_start(&server.requests()[5]), Some(500_000));
    assert_eq!(
        desk.data()?.into_iter().collect::<Vec<_>>(),
        [("letters/a".to_string(), a)]
    );
    Ok(())
}

/// Leaves the first 100,000 bytes of `a` as an unfinished download, as a call that was killed would.
fn leave_part(desk: &Desk, server: &Server, a: &[u8]) -> Result<()> {
    std::fs::create_dir_all(desk.path("data/letters"))?;
    std::fs::write(desk.path("data/letters/a.part"), &a[..100_000])?;
    let from = format!("{}/a\n\"1\"\n", server.address);
    Ok(std::fs::write(desk.path("data/letters/a.part.from"), from)?)
}

#[test]
fn a_part_is_given_up_where_the_server_knows_no_ranges_or_has_another_version() -> Result<()> {
    let a = content(250_000);
    let old = vec![7; 250_000]; // the part below is not from the server's current file
    let answers: [fn(&[u8], &Request) -> Answer; 4] = [
        |body, _| Answer::ok(body), // no ranges, or If-Range saw another version
        |body, request| match range_start(request) {
            Some(_) => Answer::status("416 Range Not Satisfiable"),
            None => Answer::ok(body),
        },
        |body, request| match range_start(request) {
            // A range that was not asked for; the second request is for the whole file.
            Some(_) => Answer::rest(body, 200_000),
            None => Answer::ok(body),
        },
        // If-Range is ignored: the mixture doesn't have the digest that is wanted.
        |body, request| match range_start(request) {
            Some(start) => Answer::rest(body, start),
            None => Answer::ok(body),
        },
    ];
    for (index, answer) in answers.into_iter().enumerate() {
        let body = a.clone();
        let server = Server::new(move |request, _| answer(&body, request))?;
        let desk = desk(&server, &a)?;
        leave_part(&desk, &server, &old)?;
        if index >= 2 {
            let why = ["found another part of the file", "found SHA-256"][index - 2];
            desk.refuse(&["letters"], 1, &[why])?;
            ensure!(
                desk.data()?.is_empty(),
                "what is no use is removed: {index}"
            );
        }
        desk.succeed(&["letters"])?;
        let first = &server.requests()[0];
        assert_eq!(range_start(first), Some(100_000), "{index}");
        assert_eq!(first.header("if-range"), Some("\"1\""), "{index}");
        let data: Vec<_> = desk.data()?.into_iter().collect();
        assert_eq!(data, [("letters/a".to_string(), a.clone())], "{index}");
    }
    Ok(())
}

#[test]
fn a_part_of_another_address_or_without_a_version_begins_anew() -> Result<()> {
    let a = content(250_000);
    for from in ["http://127.0.0.1:9/a\n\"1\"\n", "ADDRESS/a\n\n", ""] {
        let body = a.clone();
        let server = Server::new(move |_, _| Answer::ok(&body))?;
        let desk = desk(&server, &a)?;
        leave_part(&desk, &server, &[7; 100_000])?;
        let from = from.replace("ADDRESS", &server.address);
        std::fs::write(desk.path("data/letters/a.part.from"), from)?;
        desk.succeed(&["letters"])?;
        assert_eq!(range_start(&server.requests()[0]), None);
        assert_eq!(desk.data()?["letters/a"], a);
    }
    Ok(())
}

#[test]
fn a_silent_server_is_given_up_for_the_next_one() -> Result<()> {
    let a = content(250_000);
    let body = a.clone();
    let server = Server::new(move |request, _| match request.path.as_str() {
        // Half of the file and then nothing; not even a head.
        "/half/a" => Answer { stalls: true, ..Answer::ok(&body).cut(125_000) },
        "/mute/a" => {
            std::thread::sleep(Duration::from_secs(30));
            Answer::ok(&body)
        }
        _ => Answer::ok(&body),
    })?;
    let source = |folder: &str| files_at(&format!("{}/{folder}/{{path}}", server.address));
    let desk = Desk::new()?;
    let files: [(&str, &[u8]); 1] = [("a", &a)];
    desk.list(&[
        set("half", &[source("half")], &files),
        set("good", &[source("half"), source("good")], &files),
        set("mute", &[source("mute")], &files),
    ])?;
    let began = Instant::now();
    desk.refuse(
        &["half", "--timeout", "0.5"],
        1,
        &[
            "half: found no way to a",
            "found 125000 bytes and then nothing for 0.5 s",
        ],
    )?;
    assert_eq!(desk.data()?["half/a.part"], a[..125_000]);
    desk.succeed(&["good", "--timeout", "0.5"])?;
    assert_eq!(desk.data()?["good/a"], a);
    desk.refuse(
        &["mute", "--timeout", "0.5"],
        1,
        &["no answer within 0.5 s"],
    )?;
    ensure!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
    Ok(())
}

#[test]
fn a_body_without_end_is_cut_off() -> Result<()> {
    let a = content(10_000);
    let server = Server::new(|request, _| match request.path.as_str() {
        "/promised/a" => Answer { promised: Some(1 << 40), ..Answer::ok(b"") },
        _ => Answer { promised: None, ..Answer::ok(&vec![7; 10_000_000]) },
    })?;
    let source = |folder: &str| files_at(&format!("{}/{folder}/{{path}}", server.address));
    let desk = Desk::new()?;
    let sources = [source("promised"), source("sent")];
    desk.list(&[set("letters", &sources, &[("a", &a)])])?;
    let line = desk.refuse(
        &["letters"],
        1,
        &["found more than the 11124 bytes that it can have"],
    )?;
    assert_eq!(line.matches("found more than").count(), 2);
    ensure!(desk.data()?.is_empty());
    Ok(())
}

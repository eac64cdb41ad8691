//! Downloads that can be resumed, and that give up a silent server.
//!
//! An unfinished download is a `.part` file and, beside it, a `.part.from` file with its address and the server's mark
//! for that version (an entity tag or a date). The next call asks only for the rest of that version (`Range` with
//! `If-Range`, RFC 9110, 13.1.5 and 14.2). It begins anew if the server no longer has the version, has another one, or
//! knows no ranges.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use ureq::http::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_RANGE, LAST_MODIFIED, RANGE,
};
use ureq::http::{Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Timeout};

use crate::place::{remove, with_suffix};
use crate::progress::Progress;

/// Longest wait for a connection, so that everything fails within seconds without a network.
const CONNECT: Duration = Duration::from_secs(8);

/// Largest number of connections for one download, if each breaks off but brings some of the file.
const ATTEMPTS: usize = 5;

/// A client that remembers the hosts that could not be reached, so that it waits for each only once.
pub(crate) struct Http {
    agent: Agent,
    timeout: Duration,
    /// Why, by host.
    unreachable: RefCell<BTreeMap<String, String>>,
}

/// How an attempt failed to bring the whole file.
enum Ended {
    /// The connection broke, but some of the file came, so another attempt is worthwhile.
    Early(anyhow::Error),
    /// Anything else.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Http {
    /// A client that gives up if nothing comes for `timeout`.
    pub(crate) fn new(timeout: Duration) -> Self {
        let certificates = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let config = Agent::config_builder()
            .user_agent(concat!("fetch-data/", env!("CARGO_PKG_VERSION")))
            // The bytes as they are stored, because a range counts them, and a .gz must stay one.
            .accept_encoding("identity")
            .http_status_as_error(false)
            .tls_config(certificates.build())
            .timeout_resolve(Some(timeout.min(CONNECT)))
            .timeout_connect(Some(timeout.min(CONNECT)))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout));
        Self {
            agent: config.build().into(),
            timeout,
            unreachable: RefCell::default(),
        }
    }

    /// Fetches `address` into `part`, continuing where an earlier call stopped.
    ///
    /// # Errors
    ///
    /// If the whole file did not come; the bytes that came stay in `part`.
    pub(crate) fn download(
        &self,
        address: &str,
        part: &Path,
        limit: u64,
        progress: Progress,
    ) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.attempt(address, part, limit, progress) {
                Ok(()) => break,
                Err(Ended::Early(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(Ended::Early(error) | Ended::Failed(error)) => return Err(error),
            }
        }
        remove(&from_file(part)) // the next file of this name starts anew
    }

    /// Whether anything answers at `address`, whatever it says.
    #[cfg(any(test, feature = "candle-datasets"))]
    pub(crate) fn reach(&self, address: &str) -> Result<()> {
        self.send(address, None).map(drop)
    }

    fn attempt(
        &self,
        address: &str,
        part: &Path,
        limit: u64,
        progress: Progress,
    ) -> std::result::Result<(), Ended> {
        let mut begun = begun(address, part)?;
        let mut response = self.send(address, begun.as_ref())?;
        if begun.is_some() && response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            begun = None; // there is no such rest: the part is not of this file
            response = self.send(address, None)?;
        }
        let done = match (response.status(), begun) {
            (StatusCode::PARTIAL_CONTENT, Some((done, _))) if starts_at(&response, done) => done,
            (StatusCode::OK, _) => 0,
            (StatusCode::PARTIAL_CONTENT, _) => {
                forget(part)?; // not what was asked for; the next call asks for the whole file
                return Err(anyhow!("found another part of the file than was asked for").into());
            }
            (status, _) => return Err(anyhow!("found answer {status}, wanted 200 OK").into()),
        };
        let total = response.body().content_length().map(|rest| rest + done);
        if total.is_some_and(|total| total > limit) {
            forget(part)?;
            return Err(too_long(limit).into());
        }
        let mut file = open(part, done)?;
        let mark = format!("{address}\n{}\n", version(response.headers()));
        let from = from_file(part);
        fs::write(&from, mark).with_context(|| format!("{}: cannot be written", from.display()))?;

        let name = address.rsplit('/').next().unwrap_or(address);
        let bar = progress.bytes(name, done, total);
        let mut body = response.into_body().into_reader();
        let mut size = done;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = match body.read(&mut buffer) {
                Ok(read) => read,
                Err(error) => return Err(self.interrupted(&error, size, done, total)),
            };
            if read == 0 {
                break;
            }
            size += read as u64;
            if size > limit {
                drop(file);
                forget(part)?;
                return Err(too_long(limit).into());
            }
            file.write_all(&buffer[..read])
                .with_context(|| format!("{}: cannot be written", part.display()))?;
            bar.advance(read as u64);
        }
        match total {
            Some(total) if size < total => Err(early(size, done, Some(total), "")),
            _ => Ok(()),
        }
    }

    /// Sends a request, for the rest of a file if some of it is there, and waits for the head of its answer, redirections
    /// followed.
    fn send(&self, address: &str, begun: Option<&(u64, String)>) -> Result<Response<Body>> {
        let host = address.split('/').nth(2).unwrap_or_default().to_string();
        if let Some(why) = self.unreachable.borrow().get(&host) {
            bail!("{why}");
        }
        let mut request = self.agent.get(address);
        if let Some((done, version)) = begun {
            request = request
                .header(RANGE, format!("bytes={done}-"))
                .header(IF_RANGE, version);
        }
        request.call().map_err(|error| {
            let Some(why) = self.no_answer(&error) else {
                return anyhow!(error);
            };
            self.unreachable.borrow_mut().insert(host, why.clone());
            anyhow!(why)
        })
    }

    /// Why a host could not be reached or kept silent, if that is the error.
    fn no_answer(&self, error: &ureq::Error) -> Option<String> {
        use ureq::Error::{ConnectionFailed, HostNotFound, Io, Timeout as Late};
        match error {
            Late(Timeout::Resolve | Timeout::Connect) => {
                let limit = self.timeout.min(CONNECT).as_secs_f64();
                Some(format!("no connection within {limit} s"))
            }
            Late(_) => Some(format!("no answer within {} s", self.timeout.as_secs_f64())),
            // What an established connection ends with; the host is there.
            Io(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
                ) =>
            {
                None
            }
            Io(error) => Some(format!("no connection ({error})")),
            HostNotFound | ConnectionFailed => Some(format!("no connection ({error})")),
            _ => None,
        }
    }

    /// The error of a body that stopped: a silent server is given up, a broken connection is tried again.
    fn interrupted(&self, error: &io::Error, size: u64, done: u64, total: Option<u64>) -> Ended {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        if let Some(ureq::Error::Timeout(_)) = cause {
            let seconds = self.timeout.as_secs_f64();
            return Ended::Failed(anyhow!(
                "found {size} bytes and then nothing for {seconds} s"
            ));
        }
        early(size, done, total, &format!(" ({error})"))
    }
}

/// The error of a connection that ended too soon.
fn early(size: u64, done: u64, total: Option<u64>, why: &str) -> Ended {
    let wanted = total.map_or("more".to_string(), |total| total.to_string());
    let error = anyhow!("found {size} bytes and then the end{why}, wanted {wanted}");
    if size > done {
        Ended::Early(error)
    } else {
        Ended::Failed(error)
    }
}

fn too_long(limit: u64) -> anyhow::Error {
    anyhow!("found more than the {limit} bytes that it can have")
}

/// The number of bytes of `address` that a part has, and the mark of their version, if both are known.
fn begun(address: &str, part: &Path) -> Result<Option<(u64, String)>> {
    let (Ok(part), Ok(from)) = (fs::metadata(part), fs::read_to_string(from_file(part))) else {
        return Ok(None); // there is no part, or its origin is unknown
    };
    let mut lines = from.lines();
    let known = lines.next() == Some(address);
    let version = lines.next().unwrap_or_default().to_string();
    Ok((known && !version.is_empty() && part.len() > 0).then_some((part.len(), version)))
}

/// The server's mark for this version of a file; empty if it has none that ranges may rely on.
fn version(headers: &HeaderMap) -> String {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let tag = text(ETAG).filter(|tag| !tag.starts_with("W/"));
    tag.or(text(LAST_MODIFIED)).unwrap_or_default().to_string()
}

/// Whether the part that came is the one that was asked for.
fn starts_at(response: &Response<Body>, done: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE);
    let range = range
        .and_then(|range| range.to_str().ok())
        .unwrap_or_default();
    range.starts_with(&format!("bytes {done}-"))
}

/// Opens `part` to write after its first `done` bytes.
fn open(part: &Path, done: u64) -> Result<File> {
    let writing = || format!("{}: cannot be written", part.display());
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(part)
        .with_context(writing)?;
    if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
        bail!(
            "{}: another fetch-data is writing it; wait until it ends",
            part.display()
        );
    }
    file.set_len(done).with_context(writing)?;
    Ok(file)
}

/// Removes an unfinished download.
pub(crate) fn forget(part: &Path) -> Result<()> {
    remove(part)?;
    remove(&from_file(part))
}

fn from_file(part: &Path) -> std::path::PathBuf {
    with_suffix(part, ".from")
}

//! A server on the loopback that answers as well, or as badly, as a test wants.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

/// A request as it came: method, path, and headers by their names in lower case.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// An answer: the promised length, and the bytes that are sent.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Length that the head promises, if it isn't the body's; `None` for no promise.
    pub promised: Option<usize>,
    /// Whether the connection stays open after the body, with nothing more to come.
    pub stalls: bool,
}

impl Answer {
    pub fn ok(body: &[u8]) -> Self {
        Self {
            status: "200 OK",
            headers: vec![("ETag", "\"1\"".to_string())],
            body: body.to_vec(),
            promised: Some(body.len()),
            stalls: false,
        }
    }

    pub fn status(status: &'static str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            ..Self::ok(b"<html>not the file</html>")
        }
    }

    /// Only the first bytes of what the head promises.
    pub fn cut(mut self, length: usize) -> Self {
        self.body.truncate(length);
        self
    }

    /// The rest of `body` from `start`, as an answer to a request for a range.
    pub fn rest(body: &[u8], start: usize) -> Self {
        let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
        let mut answer = Self::ok(&body[start..]);
        answer.status = "206 Partial Content";
        answer.headers.push(("Content-Range", range));
        answer
    }
}

/// A running server. Its threads end with the test's process.
pub struct Server {
    pub address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server; `answer` gets the request and how many came before it.
    pub fn new(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}", listener.local_addr()?);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (requests.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (log.clone(), answer.clone());
                // Some tests have clients that hang up in the middle.
                std::thread::spawn(move || serve(stream, &log, &*answer).ok());
            }
        });
        Ok(Self { address, requests })
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        let requests = self.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&Request, usize) -> Answer,
) -> Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().context("no request")??;
    let mut words = first.split(' ').map(str::to_string);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        headers: BTreeMap::new(),
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        let (name, value) = (name.to_lowercase(), value.to_string());
        request.headers.insert(name, value);
    }
    let before = {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(request.clone());
        log.len() - 1
    };
    let answer = answer(&request, before);
    let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", answer.status);
    if let Some(length) = answer.promised {
        head += &format!("Content-Length: {length}\r\n");
    }
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    if request.method != "HEAD" {
        stream.write_all(&answer.body)?;
    }
    stream.flush()?;
    if answer.stalls {
        let _ = stream.read(&mut [0]); // until the client hangs up
    }
    Ok(())
}

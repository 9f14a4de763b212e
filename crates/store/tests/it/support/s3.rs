//! As much of an S3 server as the store speaks to, in this process, with faults on demand.
//!
//! Conditional puts are real: a put whose condition does not hold changes nothing and answers 412.

use parking_lot::Mutex;
use skald_wal::sim::Dice;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// 503 for every request.
    Down,
    /// No request is answered.
    Silent,
    /// One request in this many fails in some way, from this seed on.
    Some(u64, u64),
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, (Vec<u8>, String)>,
    uploads: BTreeMap<String, BTreeMap<u64, Vec<u8>>>,
    versions: u64,
    requests: u64,
    sent_bytes: u64,
    faults: u64,
}

/// A server; it goes with the process.
#[derive(Clone, Debug)]
pub struct Server {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
    fault: Arc<Mutex<(Fault, Option<Dice>)>>,
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// How a request ends that was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hit {
    Refused,
    /// Done, but the answer gets lost.
    Unheard,
    /// The answer breaks off.
    Cut,
}

impl Server {
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let server = Server {
            endpoint,
            state: Arc::default(),
            fault: Arc::new(Mutex::new((Fault::None, None))),
        };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                std::thread::spawn(move || server.serve(&stream));
            }
        });
        server
    }

    pub fn set_fault(&self, fault: Fault) {
        let dice = if let Fault::Some(_, seed) = fault {
            Some(Dice::new(seed))
        } else {
            None
        };
        *self.fault.lock() = (fault, dice);
    }

    /// Names of objects, with the bucket.
    pub fn names(&self) -> Vec<String> {
        self.state.lock().objects.keys().cloned().collect()
    }

    /// Removes an object behind everybody's back.
    pub fn lose(&self, name: &str) {
        self.state.lock().objects.remove(name);
    }

    /// Puts other bytes in an object's place; gives those it had.
    pub fn replace(&self, name: &str, bytes: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut state = self.state.lock();
        let object = state.objects.get_mut(name).expect("the object is there");
        let new = bytes(&object.0);
        std::mem::replace(&mut object.0, new)
    }

    /// Requests answered, bytes of objects sent, faults made.
    pub fn counted(&self) -> (u64, u64, u64) {
        let state = self.state.lock();
        (state.requests, state.sent_bytes, state.faults)
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(request) = Request::read(&mut reader) {
            let hit = match &mut *self.fault.lock() {
                (Fault::None, _) => None,
                (Fault::Down, _) => Some(Hit::Refused),
                // The client waits for an answer on a connection that stays open.
                (Fault::Silent, _) => continue,
                (Fault::Some(one_in, _), dice) => {
                    let hit = |d: &mut Dice| {
                        d.one_in(*one_in)
                            .then(|| [Hit::Refused, Hit::Unheard, Hit::Cut][d.below(3) as usize])
                    };
                    dice.as_mut().and_then(hit)
                }
            };
            self.state.lock().faults += u64::from(hit.is_some());
            let response = if hit == Some(Hit::Refused) {
                Response::of(503)
            } else {
                self.answer(&request)
            };
            if hit == Some(Hit::Unheard) {
                return;
            }
            let mut out = response.print(request.method == "HEAD");
            if hit == Some(Hit::Cut) {
                out.truncate(out.len() / 2);
            }
            if (&*stream).write_all(&out).is_err() || hit == Some(Hit::Cut) {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> Response {
        let mut state = self.state.lock();
        state.requests += 1;
        let upload = request.query.get("uploadId").cloned();
        match (request.method.as_str(), upload) {
            ("PUT", Some(upload)) => state.put_piece(&upload, request),
            ("POST", Some(upload)) => state.complete(&upload, &request.path),
            ("DELETE", Some(upload)) => {
                state.uploads.remove(&upload);
                Response::of(204)
            }
            ("POST", None) if request.query.contains_key("uploads") => state.begin_upload(),
            ("POST", None) if request.query.contains_key("delete") => state.delete_all(request),
            ("PUT", None) => state.put(request),
            ("GET", None) if request.query.contains_key("list-type") => state.list(request),
            ("GET" | "HEAD", None) => state.get(request),
            ("DELETE", None) => {
                state.objects.remove(&request.path);
                Response::of(204)
            }
            _ => Response::of(400),
        }
    }
}

impl State {
    fn put(&mut self, request: &Request) -> Response {
        let held = self.objects.get(&request.path).map(|(_, tag)| tag.clone());
        let refused = match (
            request.headers.get("if-none-match"),
            request.headers.get("if-match"),
        ) {
            (Some(_), _) => held.is_some(),
            (None, Some(expected)) => held.as_ref() != Some(expected),
            (None, None) => false,
        };
        if refused {
            return Response::of(412);
        }
        let tag = self.store(&request.path, request.body.clone());
        Response {
            headers: vec![("ETag", tag)],
            ..Response::of(200)
        }
    }

    fn store(&mut self, path: &str, bytes: Vec<u8>) -> String {
        self.versions += 1;
        let tag = format!("\"v{}\"", self.versions);
        self.objects.insert(path.to_owned(), (bytes, tag.clone()));
        tag
    }

    fn begin_upload(&mut self) -> Response {
        self.versions += 1;
        let id = format!("u{}", self.versions);
        self.uploads.insert(id.clone(), BTreeMap::new());
        Response::xml(format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ))
    }

    fn put_piece(&mut self, upload: &str, request: &Request) -> Response {
        let number = request.query.get("partNumber").and_then(|n| n.parse().ok());
        let (Some(pieces), Some(number)) = (self.uploads.get_mut(upload), number) else {
            return Response::of(404);
        };
        pieces.insert(number, request.body.clone());
        Response {
            headers: vec![("ETag", format!("\"p{number}\""))],
            ..Response::of(200)
        }
    }

    fn complete(&mut self, upload: &str, path: &str) -> Response {
        let Some(pieces) = self.uploads.get(upload) else {
            return Response::of(404);
        };
        let whole = pieces.values().flatten().copied().collect();
        let tag = self.store(path, whole);
        Response::xml(format!(
            "<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
        ))
    }

    fn delete_all(&mut self, request: &Request) -> Response {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let keys = text
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| rest.split("</Key>").next());
        let mut out = String::from("<DeleteResult>");
        for key in keys {
            self.objects
                .remove(&format!("{}/{key}", request.path.trim_end_matches('/')));
            out.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
        }
        Response::xml(out + "</DeleteResult>")
    }

    fn get(&mut self, request: &Request) -> Response {
        let Some((bytes, tag)) = self.objects.get(&request.path) else {
            return Response::of(404);
        };
        let mut headers = vec![
            ("ETag", tag.clone()),
            ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        ];
        let range = request
            .headers
            .get("range")
            .and_then(|r| r.strip_prefix("bytes=")?.split_once('-'));
        let (status, body) = match range {
            Some((from, to)) => {
                let from = from.parse::<usize>().unwrap_or(0);
                let end = to
                    .parse::<usize>()
                    .map_or(bytes.len(), |to| to + 1)
                    .min(bytes.len());
                if from >= end {
                    return Response::of(416);
                }
                headers.push((
                    "Content-Range",
                    format!("bytes {from}-{}/{}", end - 1, bytes.len()),
                ));
                (206, bytes[from..end].to_vec())
            }
            None => (200, bytes.clone()),
        };
        self.sent_bytes += body.len() as u64;
        Response {
            status,
            headers,
            body,
        }
    }

    fn list(&self, request: &Request) -> Response {
        let bucket = format!("{}/", request.path.trim_end_matches('/'));
        let wanted = request.query.get("prefix").cloned().unwrap_or_default();
        let delimited = request.query.contains_key("delimiter");
        let (mut contents, mut folders) = (String::new(), BTreeMap::new());
        for (name, (bytes, tag)) in self
            .objects
            .iter()
            .filter_map(|(n, o)| Some((n.strip_prefix(&bucket)?, o)))
        {
            let Some(rest) = name.strip_prefix(&wanted) else {
                continue;
            };
            match rest.split_once('/') {
                Some((folder, _)) if delimited => {
                    folders.insert(format!("{wanted}{folder}/"), ());
                }
                _ => contents.push_str(&format!(
                    "<Contents><Key>{name}</Key><LastModified>1994-11-06T08:49:37.000Z</LastModified>\
                     <ETag>{tag}</ETag><Size>{}</Size></Contents>",
                    bytes.len()
                )),
            }
        }
        let folders: String = folders
            .keys()
            .map(|f| format!("<CommonPrefixes><Prefix>{f}</Prefix></CommonPrefixes>"))
            .collect();
        Response::xml(format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{folders}</ListBucketResult>"
        ))
    }
}

impl Request {
    fn read(reader: &mut impl BufRead) -> Option<Request> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let len = headers
            .get("content-length")
            .and_then(|l| l.parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; len];
        reader.read_exact(&mut body).ok()?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        };
        let query = query
            .split('&')
            .filter(|p| !p.is_empty())
            .map(pair)
            .collect();
        Some(Request {
            method,
            path: unescape(path),
            query,
            headers,
            body,
        })
    }
}

impl Response {
    fn of(status: u16) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn xml(body: String) -> Response {
        Response {
            body: body.into_bytes(),
            ..Response::of(200)
        }
    }

    fn print(&self, head_only: bool) -> Vec<u8> {
        let mut out = format!(
            "HTTP/1.1 {} x\r\nContent-Length: {}\r\n",
            self.status,
            self.body.len()
        );
        if self.status == 204 {
            out = format!("HTTP/1.1 {} x\r\n", self.status);
        }
        self.headers
            .iter()
            .for_each(|(name, value)| out.push_str(&format!("{name}: {value}\r\n")));
        let mut out = (out + "\r\n").into_bytes();
        if !head_only {
            out.extend_from_slice(&self.body);
        }
        out
    }
}

fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = (byte == b'%').then(|| {
            [bytes.next(), bytes.next()]
                .into_iter()
                .flatten()
                .collect::<Vec<u8>>()
        });
        let decoded =
            escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok());
        out.push(decoded.unwrap_or(byte));
    }
    String::from_utf8_lossy(&out).into_owned()
}

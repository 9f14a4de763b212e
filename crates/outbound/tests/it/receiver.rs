//! A receiver on loopback that answers by a script and hands on what it got.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What a receiver does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// An answer of a status, with headers and a body.
    Status(u16, String, String),
    /// Nothing, while the connection stays.
    Hang,
    /// Nothing: the connection ends.
    Close,
}

/// An answer without headers and body.
pub(crate) fn status(code: u16) -> Reply {
    Reply::Status(code, String::new(), String::new())
}

/// A request that came.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// By names in small letters.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// What became of it.
    pub(crate) reply: Reply,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.reply, Reply::Status(code, ..) if code < 300)
    }
}

/// A receiver; replies beyond the script are 200.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    requests: mpsc::Receiver<Request>,
    script: Arc<Mutex<VecDeque<Reply>>>,
    task: JoinHandle<()>,
}

/// How long a request is waited for: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

impl Receiver {
    pub(crate) fn start(runtime: &Runtime, script: Vec<Reply>) -> Receiver {
        Receiver::at(
            runtime,
            "127.0.0.1:0".parse().expect("an address"),
            script,
            None,
        )
    }

    pub(crate) fn at(
        runtime: &Runtime,
        address: SocketAddr,
        script: Vec<Reply>,
        tls: Option<TlsAcceptor>,
    ) -> Receiver {
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .expect("the port is free");
        let address = listener.local_addr().expect("it listens");
        let (sender, requests) = mpsc::channel();
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let replies = Arc::clone(&script);
        let task = runtime.spawn(async move {
            // Connections end with the receiver.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, replies, tls) = (sender.clone(), Arc::clone(&replies), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, sender, replies).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, sender, replies).await;
                            }
                        }
                    }
                });
            }
        });
        Receiver {
            address,
            requests,
            script,
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request, whatever became of it.
    pub(crate) fn next(&self) -> Request {
        self.requests
            .recv_timeout(PATIENCE)
            .expect("a request comes")
    }

    /// The next request that was answered with 2xx.
    pub(crate) fn next_taken(&self) -> Request {
        loop {
            let request = self.next();
            if request.is_taken() {
                return request;
            }
        }
    }

    /// Adds to the script.
    pub(crate) fn then(&self, reply: Reply) {
        self.script
            .lock()
            .expect("nobody panicked")
            .push_back(reply);
    }

    /// Whether nothing more came so far.
    pub(crate) fn is_quiet(&self) -> bool {
        self.requests.try_recv().is_err()
    }

    /// Ends, and leaves the port.
    pub(crate) fn stop(self, runtime: &Runtime) -> SocketAddr {
        self.task.abort();
        let _ = runtime.block_on(self.task);
        self.address
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    sender: mpsc::Sender<Request>,
    script: Arc<Mutex<VecDeque<Reply>>>,
) {
    let mut bytes = Vec::new();
    loop {
        let head_end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        let mut lines = head.lines();
        let path = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .unwrap_or_default()
            .to_owned();
        let pairs = lines.filter_map(|line| line.split_once(": "));
        let headers: HashMap<String, String> = pairs
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers
            .get("content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        while bytes.len() < head_end + length {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let body = bytes[head_end..head_end + length].to_vec();
        bytes.drain(..head_end + length);
        let reply = script
            .lock()
            .expect("nobody panicked")
            .pop_front()
            .unwrap_or(status(200));
        let request = Request {
            path,
            headers,
            body,
            reply: reply.clone(),
        };
        let answer = match reply {
            Reply::Hang => {
                let _ = sender.send(request);
                return std::future::pending().await;
            }
            Reply::Close => {
                let _ = sender.send(request);
                return;
            }
            Reply::Status(code, headers, body) => {
                format!(
                    "HTTP/1.1 {code} Said\r\ncontent-length: {}\r\n{headers}\r\n{body}",
                    body.len()
                )
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        let _ = sender.send(request);
    }
}

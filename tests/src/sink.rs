//! A sink takes any HTTP request and keeps it: what a server under test sends to others.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Longest wait for a request.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request that came.
#[derive(Clone, Debug)]
pub struct Taken {
    /// `POST /api/v2/alerts`
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Taken {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Listens on a free port of this machine, and answers every request with 200.
pub struct Sink {
    /// `127.0.0.1:PORT`
    pub address: String,
    taken: Receiver<Taken>,
}

impl Sink {
    /// Begins to listen.
    pub fn start() -> Sink {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (sender, taken) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                std::thread::spawn(move || serve(&stream, &sender));
            }
        });
        Sink { address, taken }
    }

    /// The next request that `is_wanted`; others are passed over.
    ///
    /// # Panics
    /// When none comes.
    pub fn next(&self, mut is_wanted: impl FnMut(&Taken) -> bool) -> Taken {
        loop {
            let taken = self.taken.recv_timeout(PATIENCE);
            let taken = taken.expect("a request comes");
            if is_wanted(&taken) {
                return taken;
            }
        }
    }
}

/// Answers the requests of a connection until it ends.
fn serve(stream: &TcpStream, sender: &Sender<Taken>) {
    let mut reader = BufReader::new(stream);
    while let Some(taken) = read(&mut reader) {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let mut stream = stream;
        if sender.send(taken).is_err() || stream.write_all(answer).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Taken> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let header = |line: &String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<(String, String)> = lines.iter().skip(1).filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let target = lines.first()?.rsplit_once(' ')?.0.to_owned();
    Some(Taken {
        target,
        headers,
        body,
    })
}

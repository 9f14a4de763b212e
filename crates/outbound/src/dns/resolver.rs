//! The resolver asks servers, one after the other, until one knows.

use super::message::{Reply, Srv, question, reply};
use super::settings::Settings;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// Largest datagram that a server sends unasked.
const DATAGRAM_BYTES: usize = 1232;

/// Asks for SRV records.
pub(crate) struct Resolver {
    server: Option<SocketAddr>,
}

impl Resolver {
    /// Asks a server, or those of the system as its settings are at each time.
    pub(crate) fn new(server: Option<SocketAddr>) -> Resolver {
        Resolver { server }
    }

    /// The SRV records of a name; an error when there is no such name, or no server says.
    pub(crate) async fn srv(&self, name: &str) -> Result<Vec<Srv>, String> {
        let settings = match self.server {
            Some(server) => Settings::of(server),
            None => {
                Settings::read(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
            }
        };
        let mut known = None;
        for candidate in settings.candidates(name) {
            match ask(&settings, &candidate).await? {
                Reply::Records(records) if records.is_empty() => known = Some(records),
                Reply::Records(records) => return Ok(records),
                _ => {}
            }
        }
        known.ok_or_else(|| "no such name".to_owned())
    }
}

/// What the first server says that says something.
async fn ask(settings: &Settings, name: &str) -> Result<Reply, String> {
    let mut last = String::new();
    for _ in 0..settings.attempts {
        for server in &settings.servers {
            match timeout(settings.timeout, exchange(*server, name)).await {
                Ok(Ok(Reply::Failed(code))) => last = format!("{server} answers with code {code}"),
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(why)) => last = format!("{server}: {why}"),
                Err(_) => last = format!("{server} does not answer"),
            }
        }
    }
    Err(last)
}

async fn exchange(server: SocketAddr, name: &str) -> Result<Reply, String> {
    let question = question(random_id(), name)?;
    let failed = |error: std::io::Error| error.to_string();
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    // Datagrams of others don't arrive.
    socket.connect(server).await.map_err(failed)?;
    socket.send(&question).await.map_err(failed)?;
    let mut bytes = [0; DATAGRAM_BYTES];
    loop {
        let length = socket.recv(&mut bytes).await.map_err(failed)?;
        match reply(&bytes[..length], &question) {
            // An answer to something else: the time limit ends the waiting.
            None => {}
            Some(Reply::Truncated) => return over_tcp(server, &question).await,
            Some(reply) => return Ok(reply),
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> Result<Reply, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(server).await.map_err(failed)?;
    let length = u16::try_from(question.len()).map_err(|error| error.to_string())?;
    let framed = [&length.to_be_bytes(), question].concat();
    stream.write_all(&framed).await.map_err(failed)?;
    let length = stream.read_u16().await.map_err(failed)?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await.map_err(failed)?;
    reply(&bytes, question).ok_or_else(|| "its answer can't be read".to_owned())
}

/// A number that nobody guesses.
fn random_id() -> u16 {
    std::hash::RandomState::new().build_hasher().finish() as u16
}

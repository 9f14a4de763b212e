//! Connections: streams of frames, plain or encrypted.

use crate::batch::Frame;
use crate::framing::{Framer, Step, Stream};
use crate::listen::batcher::{Batcher, Filling, Room};
use crate::listen::counters::Counters;
use crate::listen::settings::ListenerSettings;
use crate::listen::signal::raised;
use skald_model::{Budget, Held, MemoryUser};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Bytes read at once; a connection has room for this and one message.
const READ_BYTES: usize = 16 << 10;

/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Pause after a connection could not be accepted (no descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often a connection looks whether there is memory for its message.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// At a stop a sender that sends nothing more for so long has seen it.
const QUIET_AT_STOP: Duration = Duration::from_millis(300);

/// Makes TLS for the next connection, with the certificate in force.
pub type Acceptor = Arc<dyn Fn() -> TlsAcceptor + Send + Sync>;

/// What the connections of a listener share.
pub(crate) struct Shared {
    pub(crate) settings: ListenerSettings,
    pub(crate) batcher: Arc<Batcher>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) stopped: watch::Receiver<bool>,
}

/// Accepts connections until the listener stops, those that wait by then too; ends with the last.
pub(crate) async fn run(socket: TcpListener, shared: Arc<Shared>, tls: Option<Acceptor>) {
    let mut stopped = shared.stopped.clone();
    let slots = Arc::new(Semaphore::new(shared.settings.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = socket.accept() => accepted,
            () = raised(&mut stopped) => break,
        };
        let Ok((stream, peer)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            refuse_writes(&stream);
            drop(stream);
            shared.counters.refused.add(1);
            continue;
        };
        let (shared, tls) = (shared.clone(), tls.clone());
        connections.spawn(async move {
            shared.counters.connections.add(1);
            serve(stream, peer.ip(), &shared, tls).await;
            shared.counters.closed.add(1);
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// Makes the next write of a sender fail once the connection is dropped. Else it would go nowhere
/// with those senders that do not look for the end of the stream: rsyslog and syslog-ng over TLS, and
/// most libraries.
fn refuse_writes(stream: &TcpStream) {
    drop(stream.set_zero_linger());
}

/// Serves one connection, encrypted where the listener is.
async fn serve(mut stream: TcpStream, address: IpAddr, shared: &Shared, tls: Option<Acceptor>) {
    let Some(tls) = tls else {
        if read(&mut stream, address, shared).await == End::Silence {
            refuse_writes(&stream);
        }
        return;
    };
    match timeout(HANDSHAKE, tls().accept(stream)).await {
        Ok(Ok(mut stream)) => {
            if read(&mut stream, address, shared).await == End::Silence {
                refuse_writes(stream.get_ref().0);
            }
        }
        Ok(Err(error)) => {
            shared.counters.refused.add(1);
            tracing::warn!(%address, %error, "syslog: TLS failed");
        }
        Err(_) => shared.counters.refused.add(1),
    }
}

/// Why nothing more is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The sender has ended the stream.
    Sender,
    /// Nothing came for long, or since the listener stops.
    Silence,
    /// The connection broke, or its stream can't be read.
    Other,
}

/// Reads the messages of one connection, and says why no more are read.
async fn read<S>(stream: &mut S, address: IpAddr, shared: &Shared) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection {
        framer: Framer::new(shared.settings.message_bytes_max),
        buffer: Vec::new(),
        used: 0,
        held: Held::new(&shared.budget, MemoryUser::Syslog),
        address: address.to_canonical(),
        shared,
    };
    let mut stopped = shared.stopped.clone();
    let mut stopping = *stopped.borrow();
    let end = loop {
        connection.make_room().await;
        let quiet = match stopping {
            true => QUIET_AT_STOP,
            false => shared.settings.idle_timeout,
        };
        let silence = async {
            match quiet.is_zero() {
                true => std::future::pending().await,
                false => sleep(quiet).await,
            }
        };
        let read = tokio::select! {
            read = stream.read_buf(&mut connection.buffer) => read,
            () = silence => {
                shared.counters.idle.add(u64::from(!stopping));
                break End::Silence;
            }
            () = raised(&mut stopped), if !stopping => {
                // A sender that sees the end of the stream sends no more into it, and what is on
                // its way is still read.
                stopping = true;
                drop(stream.shutdown().await);
                continue;
            }
        };
        match read {
            Ok(0) => break End::Sender,
            Ok(_) if connection.is_compressed() => {
                shared.counters.refused.add(1);
                tracing::warn!(%address, "syslog: a compressed stream, which is not read: set compression.mode=\"none\"");
                break End::Other;
            }
            Ok(_) => connection.hand_on(Stream::Open).await,
            Err(error) => {
                tracing::debug!(%address, %error, "syslog: a connection broke");
                break End::Other;
            }
        }
    };
    if end == End::Sender {
        connection.hand_on(Stream::Ended).await;
    }
    end
}

/// What has come and is not handed on.
struct Connection<'s> {
    framer: Framer,
    buffer: Vec<u8>,
    /// Bytes at the start of the buffer that are done with.
    used: usize,
    held: Held,
    address: IpAddr,
    shared: &'s Shared,
}

impl Connection<'_> {
    /// Makes room to read into, once the budget has it.
    async fn make_room(&mut self) {
        self.buffer.drain(..self.used);
        self.used = 0;
        let wanted = self.buffer.len() + READ_BYTES;
        if self.buffer.capacity() < wanted {
            while !self.held.try_cover(2 * wanted) {
                sleep(LOOK_EVERY).await;
            }
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.held.shrink_to(self.buffer.capacity());
        } else if self.buffer.is_empty() && self.buffer.capacity() > 2 * READ_BYTES {
            self.buffer = Vec::with_capacity(READ_BYTES);
            self.held.shrink_to(READ_BYTES);
        }
    }

    /// Whether it begins as a zlib stream does, which no message can.
    fn is_compressed(&self) -> bool {
        let start = self.buffer.first_chunk::<2>();
        let is_zlib = start
            .is_some_and(|[first, second]| *first == 0x78 && matches!(second, 0x01 | 0x9c | 0xda));
        is_zlib && self.framer.framing().is_none()
    }

    /// Hands on the messages that are there, and waits while they are not taken.
    async fn hand_on(&mut self, stream: Stream) {
        let batcher = self.shared.batcher.clone();
        while batcher.fill(|filling| self.put(filling, stream)) == Room::None {
            batcher.room().await;
        }
    }

    /// Puts messages into a batch while it has room; `None` when some are left.
    fn put(&mut self, filling: &mut Filling, stream: Stream) -> Room {
        let (mut messages, mut bytes, mut truncated) = (0, 0, 0);
        let room = loop {
            if filling.room() == Room::None {
                break Room::None;
            }
            let rest = &self.buffer[self.used..];
            match self.framer.next(rest, stream) {
                Step::Wait => break Room::Some,
                Step::Skip(used) => self.used += used,
                Step::Frame {
                    from,
                    to,
                    used,
                    truncated: is_truncated,
                } => {
                    filling.push(Frame {
                        bytes: &rest[from..to],
                        address: Some(self.address),
                        repeat: 0,
                        truncated: is_truncated,
                    });
                    messages += 1;
                    bytes += (to - from) as u64;
                    truncated += u64::from(is_truncated);
                    self.used += used;
                }
            }
        };
        let counters = &self.shared.counters;
        counters.messages.add(messages);
        counters.bytes.add(bytes);
        counters.truncated.add(truncated);
        room
    }
}

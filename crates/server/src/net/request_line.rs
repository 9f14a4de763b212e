//! The request line of HTTP/1 is mended before it is parsed: bytes of a URL that should be
//! percent-encoded are, as Go's server takes them, or the answer says which can't be.
//!
//! People type `?query={app="a"}` into curl and browsers. The parser refuses a raw `"` with an
//! empty 400. This reads the stream before the parser does. Only bytes of which it is certain that
//! they begin a request are looked at: the first of a connection, and those that come when every
//! request so far was answered and every body read to its end. A connection of which that can't be
//! known any more, or that became something else (HTTP/2, a WebSocket), is passed on as it is.

use crate::net::connection_memory::ConnectionMemory;
use crate::net::progress::Progress;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A longer request line is left to the parser, which refuses it.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// What stands in the place of a target that nothing can be made of; the answer is given before any
/// route is looked for.
const STAND_IN: &[u8] = b"/";

/// A stream whose request lines are mended.
pub(super) struct RequestLines<S> {
    stream: S,
    progress: Arc<Progress>,
    memory: ConnectionMemory,
    state: State,
    /// Bytes that were read and are not passed on yet.
    held: Vec<u8>,
    /// How many of them are ready to be.
    ready: usize,
}

enum State {
    /// The next bytes begin a request.
    Line,
    /// The head of a request after its line, and its body; with how many had begun before.
    After(usize),
    /// Not looked at any more.
    Off,
}

impl<S> RequestLines<S> {
    /// Charges the heads that are read to the connection's memory.
    pub(super) fn new(
        stream: S,
        progress: Arc<Progress>,
        memory: ConnectionMemory,
    ) -> RequestLines<S> {
        RequestLines {
            stream,
            progress,
            memory,
            state: State::Line,
            held: Vec::new(),
            ready: 0,
        }
    }

    /// Whether the next bytes begin a request.
    fn is_at_line(&mut self) -> bool {
        if let State::After(begun) = self.state {
            match self.progress.next_line(begun) {
                NextLine::Here => {
                    self.memory.end_head();
                    self.state = State::Line;
                }
                NextLine::Later => {}
                NextLine::Never => self.state = State::Off,
            }
        }
        matches!(self.state, State::Line)
    }

    /// What follows when these bytes hold a whole line that needs no mending, as nearly all do.
    fn as_it_is(&self, bytes: &[u8]) -> Option<State> {
        let line = whole_line(bytes)?;
        if line.starts_with(b"PRI ") {
            return Some(State::Off);
        }
        (mend(line) == Mended::Good).then(|| State::After(self.progress.begun()))
    }

    /// Decides over the held bytes: a line that is whole, or too long, is passed on.
    fn decide(&mut self) -> io::Result<()> {
        let Some(line) = whole_line(&self.held) else {
            if self.held.len() > LINE_BYTES_MAX {
                self.pass_on(State::Off);
            }
            return Ok(());
        };
        let length = line.len();
        if line.starts_with(b"PRI ") {
            self.pass_on(State::Off);
            return self.charge_version(b"PRI ");
        }
        match mend(line) {
            Mended::Good => {}
            Mended::Line(mended) => drop(self.held.splice(..length, mended)),
            Mended::Refused(mended, why) => {
                self.progress.refuse_next(why);
                drop(self.held.splice(..length, mended));
            }
        }
        let begun = self.progress.begun();
        self.pass_on(State::After(begun));
        Ok(())
    }

    /// Charges what was read, where it is of a head; fails when there is no room for it.
    fn charge(&mut self, bytes: usize) -> io::Result<()> {
        let is_head = match self.state {
            State::Line => true,
            State::After(begun) => self.progress.begun() == begun,
            State::Off => false,
        };
        if !is_head || self.memory.read_head(bytes) {
            return Ok(());
        }
        Err(no_room("the head of a request"))
    }

    /// Charges what HTTP/2 needs; fails when there is no room for it.
    fn charge_version(&mut self, line: &[u8]) -> io::Result<()> {
        if !line.starts_with(b"PRI ") || self.memory.begin_http2() {
            return Ok(());
        }
        Err(no_room("a connection of HTTP/2"))
    }

    fn pass_on(&mut self, state: State) {
        self.ready = self.held.len();
        self.state = state;
    }
}

fn no_room(of: &str) -> io::Error {
    io::Error::other(format!("there is no memory for {of}"))
}

/// Whether the bytes that come next begin a request.
pub(super) enum NextLine {
    /// They do.
    Here,
    /// Not yet: a request is not read or not answered.
    Later,
    /// Nobody can tell any more.
    Never,
}

/// What becomes of a request line.
#[derive(Debug, PartialEq, Eq)]
enum Mended {
    /// It stays as it is.
    Good,
    /// This is passed on in its place.
    Line(Vec<u8>),
    /// This is passed on, and the request is answered with these words.
    Refused(Vec<u8>, String),
}

/// The first line, without its end, when that is here.
fn whole_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = &bytes[..end];
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Mends a line without its end.
fn mend(line: &[u8]) -> Mended {
    let Some(method_end) = line.iter().position(|&byte| byte == b' ') else {
        return Mended::Good;
    };
    let (method, rest) = (&line[..=method_end], &line[method_end + 1..]);
    let version = [b" HTTP/1.1".as_slice(), b" HTTP/1.0"]
        .into_iter()
        .find(|version| rest.ends_with(version));
    let Some(version) = version else {
        return Mended::Good;
    };
    let target = &rest[..rest.len() - version.len()];
    if let Some(at) = target.iter().position(|&byte| byte <= b' ' || byte == 0x7f) {
        let byte = target[at];
        let name = if byte == b' ' {
            "a blank"
        } else {
            "a control character"
        };
        let why = format!(
            "malformed request: byte {} of the URL is {name}, which must be written %{byte:02X}",
            at + 1
        );
        return Mended::Refused([method, STAND_IN, version].concat(), why);
    }
    if !target.iter().any(|&byte| needs_encoding(byte)) {
        return Mended::Good;
    }
    let mut mended = method.to_vec();
    for &byte in target {
        match needs_encoding(byte) {
            true => mended.extend(format!("%{byte:02X}").bytes()),
            false => mended.push(byte),
        }
    }
    mended.extend(version);
    Mended::Line(mended)
}

/// Bytes of a URL that Go's server takes as they are and the parser does not.
fn needs_encoding(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'`') || byte >= 0x80
}

impl<S: AsyncRead + Unpin> AsyncRead for RequestLines<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.ready > 0 {
                let count = this.ready.min(buffer.remaining());
                buffer.put_slice(&this.held[..count]);
                this.held.drain(..count);
                this.ready -= count;
                return Poll::Ready(Ok(()));
            }
            let is_at_line = this.is_at_line();
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            let new = &buffer.filled()[before..];
            this.charge(new.len())?;
            if !is_at_line {
                return Poll::Ready(Ok(()));
            }
            if new.is_empty() {
                // The end: what there is of a line is the parser's to refuse.
                this.pass_on(State::Off);
                if this.ready == 0 {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            if this.held.is_empty()
                && let Some(state) = this.as_it_is(new)
            {
                this.charge_version(new)?;
                this.state = state;
                return Poll::Ready(Ok(()));
            }
            let may_be_whole = new.contains(&b'\n');
            this.held.extend_from_slice(new);
            buffer.set_filled(before);
            if may_be_whole || this.held.len() > LINE_BYTES_MAX {
                this.decide()?;
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RequestLines<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::connection_memory::{ConnectionsMemory, Transport};
    use skald_model::{Budget, Held, MemoryUser};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_line_is_mended_where_it_can_be() {
        let check = |line: &str, expected: &str| {
            let found = match mend(line.as_bytes()) {
                Mended::Good => line.to_owned(),
                Mended::Line(mended) => String::from_utf8(mended).expect("text"),
                Mended::Refused(mended, why) => {
                    assert_eq!(mended, b"GET / HTTP/1.1");
                    why
                }
            };
            assert_eq!(found, expected);
        };
        check("GET /a?b=%22 HTTP/1.1", "GET /a?b=%22 HTTP/1.1");
        check(
            "GET /a?query={app=\"a\"} HTTP/1.1",
            "GET /a?query={app=%22a%22} HTTP/1.1",
        );
        check(
            "GET /a`?b=<é> HTTP/1.0",
            "GET /a%60?b=%3C%C3%A9%3E HTTP/1.0",
        );
        check(
            "GET /a b HTTP/1.1",
            "malformed request: byte 3 of the URL is a blank, which must be written %20",
        );
        check(
            "GET /\tb HTTP/1.1",
            "malformed request: byte 2 of the URL is a control character, which must be written %09",
        );
        for left in [
            "",
            "GET",
            "GET /\"",
            "GET /\" HTTP/2.0",
            "GET /\" HTTP/1.1 ",
        ] {
            check(left, left);
        }
    }

    /// What is read of these writes, each of which arrives alone.
    async fn read(writes: &[&str]) -> String {
        let memory = ConnectionMemory::default();
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut lines = RequestLines::new(ours, Arc::new(Progress::default()), memory);
        let mut out = String::new();
        for write in writes {
            theirs
                .write_all(write.as_bytes())
                .await
                .expect("there is room");
            let mut bytes = [0; 7];
            while let Ok(Ok(count)) =
                tokio::time::timeout(std::time::Duration::from_millis(20), lines.read(&mut bytes))
                    .await
            {
                out.push_str(std::str::from_utf8(&bytes[..count]).expect("text"));
            }
        }
        drop(theirs);
        lines.read_to_string(&mut out).await.expect("the rest");
        out
    }

    #[tokio::test]
    async fn only_what_begins_a_request_is_mended() {
        let line = "GET /?a=\"b\" HTTP/1.1\r\n";
        let mended = "GET /?a=%22b%22 HTTP/1.1\r\n";
        assert_eq!(
            read(&[line, "X: \"y\"\r\n\r\n"]).await,
            format!("{mended}X: \"y\"\r\n\r\n")
        );
        assert_eq!(
            read(&[&line[..9], &line[9..], line]).await,
            format!("{mended}{line}")
        );
        assert_eq!(read(&[&line[..9]]).await, &line[..9]);
        let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        assert_eq!(read(&[preface, line]).await, format!("{preface}{line}"));
    }
    #[tokio::test]
    async fn a_head_is_charged_until_its_answer_and_ends_where_there_is_no_room() {
        let budget = Arc::new(Budget::new(64 << 20));
        let all = ConnectionsMemory::default();
        all.charge_to(&budget);
        let held = || budget.held(MemoryUser::Connections);
        let memory = all.connection(Transport::Plain).await;
        let (idle, progress) = (held(), Arc::new(Progress::default()));
        let (ours, mut theirs) = tokio::io::duplex(16 << 20);
        let mut lines = RequestLines::new(ours, progress.clone(), memory);
        let head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
        let mut bytes = vec![0; head.len()];
        for _ in 0..2 {
            theirs.write_all(head.as_bytes()).await.expect("room");
            lines.read_exact(&mut bytes).await.expect("the head");
            assert!(held() > head.len(), "{}", held());
            let request = progress.begin();
            let body = [b'x'; 1000];
            let before = held();
            for _ in 0..100 {
                theirs.write_all(&body).await.expect("room");
                lines.read_exact(&mut bytes[..1000]).await.expect("a body");
            }
            assert_eq!(held(), before);
            drop(request);
            theirs.write_all(b"G").await.expect("room");
            theirs
                .write_all(b"ET / HTTP/1.1\r\n\r\n")
                .await
                .expect("room");
            lines.read_exact(&mut bytes[..18]).await.expect("the head");
            assert_eq!(held(), idle);
            drop(progress.begin());
        }
        let others = Held::charged(&budget, MemoryUser::Head, budget.bytes() * 19 / 20);
        theirs.write_all(head.as_bytes()).await.expect("room");
        let refused = lines.read_exact(&mut bytes).await.expect_err("no room");
        assert!(refused.to_string().contains("no memory"), "{refused}");
        drop((lines, others));
        assert_eq!(budget.held_by_all(), 0);
    }
}

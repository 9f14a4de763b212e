//! Datagrams: one message each.

use crate::batch::Frame;
use crate::listen::batcher::{Batcher, Room};
use crate::listen::counters::Counters;
use crate::listen::drops;
use crate::listen::settings::ListenerSettings;
use crate::listen::signal::raised;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Longer datagrams do not exist.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;

/// How often the system is asked what it dropped.
const DROPS_EVERY: Duration = Duration::from_secs(5);

/// At a stop nothing more is waited for when nothing came for so long.
const LAST: Duration = Duration::from_millis(20);

/// Datagrams read before other messages get a turn.
const READ_AT_ONCE: usize = 512;

/// A socket that datagrams come to.
pub(crate) fn bind(settings: &ListenerSettings) -> std::io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(settings.address)?;
    socket.set_nonblocking(true)?;
    // More than the system allows is granted in part.
    let _ =
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, settings.receive_buffer_bytes);
    UdpSocket::from_std(socket)
}

/// Reads until `stopped`, then what has come by then.
pub(crate) async fn run(
    socket: UdpSocket,
    settings: &ListenerSettings,
    batcher: &Batcher,
    counters: &Arc<Counters>,
    mut stopped: watch::Receiver<bool>,
) {
    let address = socket.local_addr().unwrap_or(settings.address);
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    let mut ask = interval(DROPS_EVERY);
    ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = raised(&mut stopped) => break,
            _ = ask.tick() => count_drops(address, counters),
            readable = socket.readable() => {
                if readable.is_err() {
                    break;
                }
                batcher.room().await;
                read(&socket, &mut datagram, settings, batcher, counters);
            }
        }
    }
    while timeout(LAST, socket.readable())
        .await
        .is_ok_and(|readable| readable.is_ok())
    {
        batcher.room().await;
        read(&socket, &mut datagram, settings, batcher, counters);
    }
    count_drops(address, counters);
}

fn count_drops(address: SocketAddr, counters: &Counters) {
    if let Some(dropped) = drops::dropped(address) {
        counters.dropped.raise_to(dropped);
    }
}

/// Reads what has come, as far as there is room for it.
fn read(
    socket: &UdpSocket,
    datagram: &mut [u8],
    settings: &ListenerSettings,
    batcher: &Batcher,
    counters: &Counters,
) {
    let (mut messages, mut bytes, mut truncated) = (0, 0, 0);
    batcher.fill(|filling| {
        while filling.room() == Room::Some && messages < READ_AT_ONCE as u64 {
            let (length, from) = match socket.try_recv_from(datagram) {
                Ok(received) => received,
                // Nothing more, or an error of one sender's address that the system reports here.
                Err(_) => return,
            };
            let taken = length.min(settings.message_bytes_max);
            let frame = Frame {
                bytes: &datagram[..taken],
                address: Some(from.ip()),
                repeat: 0,
                truncated: taken < length,
            };
            truncated += u64::from(frame.truncated);
            messages += 1;
            bytes += length as u64;
            filling.push(frame);
        }
    });
    counters.messages.add(messages);
    counters.bytes.add(bytes);
    counters.truncated.add(truncated);
}

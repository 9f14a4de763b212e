//! Datagrams are messages, whole or truncated, and none that was read is lost at a stop.

use crate::receiver::{Receiver, settings};
use skald_syslog::listen::settings::Transport;
use tokio::net::UdpSocket;

#[tokio::test]
async fn each_datagram_is_a_message() {
    let receiver = Receiver::start(settings(Transport::Udp));
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket
        .connect(receiver.listener.address())
        .await
        .expect("connected");
    let long = format!("<13>{}", "x".repeat(2000));
    for message in ["<13>a\nb", "", "<13>same", "<13>same", &long] {
        socket.send(message.as_bytes()).await.expect("sent");
    }
    let taken = receiver.stop().await;
    let truncated = format!("{}…", &long[..1000]);
    assert_eq!(
        taken,
        ["<13>a\nb", "", "<13>same", "<13>same (1)", &truncated]
    );
}

#[tokio::test]
async fn what_has_no_room_is_dropped_by_the_system_and_counted() {
    let mut settings = settings(Transport::Udp);
    settings.receive_buffer_bytes = 8 << 10;
    let receiver = Receiver::start(settings);
    receiver.busy(true);
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket
        .connect(receiver.listener.address())
        .await
        .expect("connected");
    let sent = 40_000;
    for i in 0..sent {
        socket
            .send(format!("<13>{i} {}", "x".repeat(400)).as_bytes())
            .await
            .expect("sent");
        if i % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let counters = receiver.listener.counters().clone();
    receiver.busy(false);
    let taken = receiver.stop().await.len() as u64;
    assert!(
        counters.dropped.get() > 0,
        "more was sent than two batches and a small buffer hold"
    );
    assert_eq!(taken, counters.messages.get());
    assert_eq!(taken + counters.dropped.get(), sent);
}

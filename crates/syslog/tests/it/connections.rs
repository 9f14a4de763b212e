//! Connections are read frame by frame, wait while nothing is taken, and end in order.

use crate::receiver::{Receiver, settings, until};
use skald_syslog::listen::settings::Transport;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(receiver: &Receiver) -> TcpStream {
    TcpStream::connect(receiver.listener.address())
        .await
        .expect("connects")
}

#[tokio::test]
async fn each_connection_has_its_framing() {
    let receiver = Receiver::start(settings(Transport::Tcp));
    let (mut counted, mut lines) = (connect(&receiver).await, connect(&receiver).await);
    counted.write_all(b"9 <1>a\nb c").await.expect("written");
    lines.write_all(b"<1>one\n<1>two").await.expect("written");
    receiver.wait_for(1).await;
    counted.write_all(b"d").await.expect("written");
    drop((counted, lines));
    let mut taken = receiver.wait_for(3).await;
    taken.sort();
    assert_eq!(taken, ["<1>a\nb cd", "<1>one", "<1>two"]);
    receiver.stop().await;
}

#[tokio::test]
async fn nothing_is_read_while_nothing_is_taken_and_nothing_is_lost() {
    let receiver = Receiver::start(settings(Transport::Tcp));
    receiver.busy(true);
    let mut stream = connect(&receiver).await;
    let count = 60_000;
    let writing = tokio::spawn(async move {
        for i in 0..count {
            let line = format!("<13>{i} {}\n", "x".repeat(200));
            stream.write_all(line.as_bytes()).await.expect("written");
        }
    });
    until(|| receiver.listener.counters().retries.get() > 2).await;
    assert!(!writing.is_finished(), "the sender waits");
    let read = receiver.listener.counters().messages.get();
    assert!(read < 20_000, "two batches at most: {read}");
    receiver.busy(false);
    writing.await.expect("no panic");
    let taken = receiver.wait_for(count).await;
    let in_order = taken
        .iter()
        .enumerate()
        .all(|(i, line)| line.starts_with(&format!("<13>{i} ")));
    assert!(in_order && taken.len() == count);
    receiver.stop().await;
}

#[tokio::test]
async fn a_stop_says_so_to_senders_and_takes_what_is_on_its_way() {
    let receiver = Receiver::start(settings(Transport::Tcp));
    let mut stream = connect(&receiver).await;
    stream.write_all(b"<1>a\n").await.expect("written");
    until(|| receiver.listener.counters().open() == 1).await;
    let sender = tokio::spawn(async move {
        let mut end = [0];
        assert_eq!(stream.read(&mut end).await.expect("ends"), 0);
        stream
            .write_all(b"<1>last\n<1>unfinished")
            .await
            .expect("still read");
    });
    let taken = receiver.stop().await;
    sender.await.expect("no panic");
    assert_eq!(taken, ["<1>a", "<1>last", "<1>unfinished"]);
}

/// Whether the next write into a connection says that nobody reads it, without a look for its end.
async fn next_write_fails(mut stream: TcpStream) -> bool {
    // What the other side said has come: both are on this machine.
    stream.write_all(b"<1>lost?\n").await.is_err()
}

#[tokio::test]
async fn after_a_stop_the_first_write_fails() {
    let receiver = Receiver::start(settings(Transport::Tcp));
    let mut stream = connect(&receiver).await;
    stream.write_all(b"<1>a\n").await.expect("written");
    receiver.wait_for(1).await;
    assert_eq!(receiver.stop().await, ["<1>a"]);
    assert!(next_write_fails(stream).await);
}

#[tokio::test]
async fn after_a_silence_and_where_there_is_no_place_the_first_write_fails() {
    let mut settings = settings(Transport::Tcp);
    settings.idle_timeout = Duration::from_millis(100);
    settings.connections_max = 1;
    let receiver = Receiver::start(settings);
    let silent = connect(&receiver).await;
    let counters = receiver.listener.counters().clone();
    until(|| counters.open() == 1).await;
    let refused = connect(&receiver).await;
    until(|| counters.refused.get() == 1 && counters.open() == 0).await;
    for (name, stream) in [("silent", silent), ("refused", refused)] {
        assert!(next_write_fails(stream).await, "{name}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn connections_are_bounded_and_silent_ones_are_closed() {
    let mut settings = settings(Transport::Tcp);
    settings.idle_timeout = Duration::from_millis(200);
    let receiver = Receiver::start(settings);
    let mut kept = [connect(&receiver).await, connect(&receiver).await];
    let counters = receiver.listener.counters().clone();
    until(|| counters.open() == 2).await;
    let mut third = connect(&receiver).await;
    let mut end = [0];
    assert_eq!(third.read(&mut end).await.unwrap_or(0), 0);
    assert_eq!(counters.refused.get(), 1);
    for stream in &mut kept {
        assert_eq!(stream.read(&mut end).await.unwrap_or(0), 0);
    }
    until(|| counters.idle.get() == 2 && counters.open() == 0).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_message_without_end_is_truncated_and_holds_little_memory() {
    let receiver = Receiver::start(settings(Transport::Tcp));
    let mut stream = connect(&receiver).await;
    let before = receiver.budget.held_by_all();
    for _ in 0..200 {
        stream.write_all(&[b'x'; 10_000]).await.expect("written");
    }
    stream.write_all(b"\n<1>next\n").await.expect("written");
    let taken = receiver.wait_for(2).await;
    assert_eq!(
        taken,
        [format!("{}…", "x".repeat(1000)), "<1>next".to_owned()]
    );
    assert_eq!(receiver.listener.counters().truncated.get(), 1);
    let held = receiver.budget.held_by_all() - before;
    assert!(held < 100_000, "{held}");
    drop(stream);
    receiver.stop().await;
}

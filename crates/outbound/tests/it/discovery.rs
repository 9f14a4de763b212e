//! Alertmanagers that are found by SRV records, move, and come late.

use super::receiver::Receiver;
use super::support::{Place, alertmanagers, firing, to};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;

/// A DNS server that knows one SRV record: localhost and a port; with port 0 it knows none.
fn dns(place: &Place, port: &Arc<AtomicU16>) -> SocketAddr {
    let socket = place
        .runtime
        .block_on(UdpSocket::bind("127.0.0.1:0"))
        .expect("a port is free");
    let address = socket.local_addr().expect("it has one");
    let port = Arc::clone(port);
    place.runtime.spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            let name_end = 12
                + query[12..length]
                    .iter()
                    .position(|byte| *byte == 0)
                    .expect("names end")
                + 1;
            let port = port.load(Ordering::Relaxed);
            let mut answer = query[..2].to_vec();
            let code = if port == 0 { 3 } else { 0 };
            answer.extend_from_slice(&[
                0x81,
                0x80 | code,
                0,
                1,
                0,
                u8::from(port != 0),
                0,
                0,
                0,
                0,
            ]);
            answer.extend_from_slice(&query[12..name_end + 4]);
            if port != 0 {
                let target = b"\x09localhost\x00";
                answer.extend_from_slice(&[
                    0xc0,
                    12,
                    0,
                    33,
                    0,
                    1,
                    0,
                    0,
                    0,
                    0,
                    0,
                    6 + target.len() as u8,
                    0,
                    0,
                    0,
                    0,
                ]);
                answer.extend_from_slice(&port.to_be_bytes());
                answer.extend_from_slice(target);
            }
            let _ = socket.send_to(&answer, from).await;
        }
    });
    address
}

#[test]
fn alertmanagers_are_looked_up_again_and_again() {
    let place = Place::new();
    let port = Arc::new(AtomicU16::new(0));
    let mut config = alertmanagers(&["http://_web._tcp.alertmanager.example/am".to_owned()]);
    config.is_discovered = true;
    config.refresh_interval = Duration::from_millis(50);
    config.nameserver = Some(dns(&place, &port));
    let notifier = place.notifier(to(config.clone()));
    // Nobody is there yet: it waits, over a restart too.
    notifier.send("t", vec![firing("early")]);
    notifier.close();
    let notifier = place.notifier(to(config));
    let first = Receiver::start(&place.runtime, Vec::new());
    port.store(first.address.port(), Ordering::Relaxed);
    let request = first.next();
    assert_eq!(request.path, "/am/api/v2/alerts");
    assert_eq!(request.json()[0]["labels"]["alertname"], "early");
    let second = Receiver::start(&place.runtime, Vec::new());
    port.store(second.address.port(), Ordering::Relaxed);
    loop {
        notifier.send("t", vec![firing("later")]);
        if !second.is_quiet() {
            break;
        }
        std::thread::yield_now();
    }
    assert_eq!(notifier.alertmanagers(), [("t".to_owned(), 1)]);
}

//! How many datagrams the system dropped because a socket's buffer was full, from `/proc/net/udp`.

use std::net::{IpAddr, SocketAddr};

/// What the system has dropped for a socket; `None` where it does not say.
pub fn dropped(address: SocketAddr) -> Option<u64> {
    let file = match address.ip() {
        IpAddr::V4(_) => "/proc/net/udp",
        IpAddr::V6(_) => "/proc/net/udp6",
    };
    of_table(&std::fs::read_to_string(file).ok()?, address)
}

/// The last column of the line of an address.
fn of_table(table: &str, address: SocketAddr) -> Option<u64> {
    let wanted = shown(address);
    let line = table
        .lines()
        .find(|line| line.split_whitespace().nth(1) == Some(wanted.as_str()))?;
    line.split_whitespace().last()?.parse().ok()
}

/// An address as the table has it: words of four bytes, each as a number of this machine.
fn shown(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.chunks_exact(4).map(|word| {
        let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
        format!("{word:08X}")
    });
    format!("{}:{:04X}", words.collect::<String>(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_address_says_what_was_dropped() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     1: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 3\n\
                     2: 0100007F:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 17\n";
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        if cfg!(target_endian = "little") {
            assert_eq!(of_table(table, address("127.0.0.1:515")), Some(17));
            assert_eq!(of_table(table, address("127.0.0.1:514")), Some(3));
            assert_eq!(
                shown(address("[::1]:514")),
                "00000000000000000000000001000000:0202"
            );
        }
        assert_eq!(of_table(table, address("127.0.0.2:514")), None);
        assert_eq!(of_table("", address("127.0.0.1:514")), None);
    }
}

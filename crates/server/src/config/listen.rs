//! Listen addresses turn `http_listen_address` and port into socket addresses to bind.

use super::{Config, ServerConfig};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// The addresses to try for one, in this order: where there is no IPv6, every address is every one
/// of IPv4.
pub(crate) fn candidates(address: SocketAddr) -> Vec<SocketAddr> {
    let every = (address.ip() == Ipv6Addr::UNSPECIFIED)
        .then(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())));
    std::iter::once(address).chain(every).collect()
}

impl Config {
    /// `server.http_listen_address` and port as one address; no address is every one, of IPv6 and,
    /// where the system lets one socket have both, of IPv4.
    pub fn listen(&self) -> Result<SocketAddr, String> {
        let host = match self.server.http_listen_address.trim() {
            "" => "::",
            "localhost" => "127.0.0.1",
            host => host.trim_start_matches('[').trim_end_matches(']'),
        };
        let port = self.server.http_listen_port;
        if let Ok(ip) = host.parse() {
            return Ok(SocketAddr::new(ip, port));
        }
        let is_name = !host.contains(':') && host.contains(|c: char| c.is_ascii_alphabetic());
        let found = is_name.then(|| (host, port).to_socket_addrs());
        found.and_then(|found| found.ok()?.next()).ok_or_else(|| {
            format!(
                "server.http_listen_address {host:?} is no IP address and no host that is known"
            )
        })
    }

    /// `server.grpc_listen_address` and port as one address; the address is that of HTTP when there
    /// is none.
    pub fn listen_grpc(&self) -> Result<SocketAddr, String> {
        self.listen_grpc_on(self.server.grpc_listen_port)
    }

    /// The same address with `server.otlp_grpc_listen_port`.
    pub fn listen_otlp_grpc(&self) -> Result<SocketAddr, String> {
        self.listen_grpc_on(self.server.otlp_grpc_listen_port)
    }

    fn listen_grpc_on(&self, port: u16) -> Result<SocketAddr, String> {
        let address = match self.server.grpc_listen_address.as_str() {
            "" => self.server.http_listen_address.clone(),
            address => address.to_owned(),
        };
        let (http_listen_address, http_listen_port) = (address, port);
        let server = ServerConfig {
            http_listen_address,
            http_listen_port,
            ..self.server.clone()
        };
        Config {
            server,
            ..self.clone()
        }
        .listen()
    }

    /// Sets both parts of the address from `ADDR:PORT`; `:3100` and `localhost:3100` work too.
    pub fn set_listen(&mut self, text: &str) -> Result<(), String> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("expected ADDR:PORT to listen on, found {text:?}"))?;
        self.server.http_listen_port = port
            .parse()
            .map_err(|_| format!("expected a port from 0 to 65535, found {port:?}"))?;
        self.server.http_listen_address = host.to_owned();
        self.listen().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, ()>) {
        let mut config = Config::default();
        let listen = config
            .set_listen(text)
            .and_then(|()| config.listen())
            .map(|a| a.to_string())
            .map_err(|_| ());
        assert_eq!(listen, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn every_address_is_tried_with_and_without_ipv6() {
        let texts = |text: &str| -> Vec<String> {
            let address = text.parse().expect("an address");
            candidates(address)
                .iter()
                .map(SocketAddr::to_string)
                .collect()
        };
        assert_eq!(texts("[::]:1"), ["[::]:1", "0.0.0.0:1"]);
        assert_eq!(texts("0.0.0.0:1"), ["0.0.0.0:1"]);
        assert_eq!(texts("[::1]:1"), ["[::1]:1"]);
    }

    #[test]
    fn addresses_are_read_with_their_usual_shorthands() {
        check("127.0.0.1:3100", Ok("127.0.0.1:3100"));
        check(":3100", Ok("[::]:3100"));
        check("0.0.0.0:3100", Ok("0.0.0.0:3100"));
        check("localhost:0", Ok("127.0.0.1:0"));
        check("[::1]:80", Ok("[::1]:80"));
        check("3100", Err(()));
        check("1.2.3:1", Err(()));
        check("::g:1", Err(()));
        check("127.0.0.1:99999", Err(()));
    }
}

//! The system's settings of DNS: `/etc/resolv.conf`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Which servers are asked for which names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) servers: Vec<SocketAddr>,
    /// What is tried behind a name with few dots.
    search: Vec<String>,
    /// Dots from which on a name is first tried as it is.
    dots: usize,
    /// How long each server has.
    pub(super) timeout: Duration,
    /// How often all servers are asked.
    pub(super) attempts: u32,
}

impl Settings {
    /// From the text of `/etc/resolv.conf`; what is not known is left out.
    pub(super) fn read(text: &str) -> Settings {
        let mut settings = Settings {
            servers: Vec::new(),
            search: Vec::new(),
            dots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // An address may name its interface, which no socket address here can.
                    let address = words.next().and_then(|word| word.split('%').next());
                    let address = address.and_then(|word| word.parse::<IpAddr>().ok());
                    settings
                        .servers
                        .extend(address.map(|ip| SocketAddr::new(ip, 53)));
                }
                Some("search" | "domain") => settings.search = words.map(str::to_owned).collect(),
                Some("options") => words.for_each(|word| settings.option(word)),
                _ => {}
            }
        }
        if settings.servers.is_empty() {
            settings
                .servers
                .push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53));
        }
        settings
    }

    /// One server, asked for names as they are.
    pub(super) fn of(server: SocketAddr) -> Settings {
        let mut settings = Settings::read("");
        settings.servers = vec![server];
        settings
    }

    fn option(&mut self, word: &str) {
        let Some((name, number)) = word.split_once(':') else {
            return;
        };
        let Ok(number) = number.parse::<u32>() else {
            return;
        };
        match name {
            "ndots" => self.dots = number.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(u64::from(number.clamp(1, 30))),
            "attempts" => self.attempts = number.clamp(1, 5),
            _ => {}
        }
    }

    /// The names that are tried for one, in order.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let own = [name.to_owned()];
        let searched = self
            .search
            .iter()
            .map(|suffix| format!("{name}.{}", suffix.trim_end_matches('.')));
        match name.matches('.').count() >= self.dots {
            true => own.into_iter().chain(searched).collect(),
            false => searched.chain(own.iter().cloned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_asks_its_search_list_first() {
        let text = "nameserver 10.96.0.10\nnameserver fe80::1%eth0\nsearch mon.svc.cluster.local svc.cluster.local\n\
                    options ndots:5 timeout:2 attempts:9 rotate # more\n";
        let settings = Settings::read(text);
        let servers: Vec<String> = settings.servers.iter().map(SocketAddr::to_string).collect();
        assert_eq!(servers, ["10.96.0.10:53", "[fe80::1]:53"]);
        assert_eq!(
            (settings.timeout, settings.attempts),
            (Duration::from_secs(2), 5)
        );
        assert_eq!(
            settings.candidates("_web._tcp.am"),
            [
                "_web._tcp.am.mon.svc.cluster.local",
                "_web._tcp.am.svc.cluster.local",
                "_web._tcp.am"
            ]
        );
        assert_eq!(
            settings.candidates("_web._tcp.am.mon.svc.x")[0],
            "_web._tcp.am.mon.svc.x"
        );
        assert_eq!(settings.candidates("a."), ["a"]);
    }

    #[test]
    fn without_settings_this_host_is_asked() {
        let settings = Settings::read("");
        assert_eq!(
            settings.servers,
            ["127.0.0.1:53".parse().expect("an address")]
        );
        assert_eq!(settings.candidates("a"), ["a"]);
    }
}

//! TLS: who gets through with which certificate, and a certificate that changes while the server
//! runs.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use skald_server::config::{ClientAuth, TlsConfig};
use skald_tests::local::Local;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate with its key.
struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("signed");
        Authority {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    fn sign(&self) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a good name");
        Identity {
            certificate: params.signed_by(&key, &self.issuer).expect("signed"),
            key,
        }
    }
}

impl Identity {
    fn write(&self, folder: &Path) {
        std::fs::write(folder.join("cert.pem"), self.certificate.pem()).expect("written");
        std::fs::write(folder.join("key.pem"), self.key.serialize_pem()).expect("written");
    }
}

/// Status line of `GET /ready` over TLS, as the client sees it.
fn ask(
    address: &str,
    trusted: &Authority,
    identity: Option<&Identity>,
) -> Result<String, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(trusted.certificate.der().to_vec()))
        .expect("a good authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = builder.with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a good key");
            let chain = vec![CertificateDer::from(identity.certificate.der().to_vec())];
            builder
                .with_client_auth_cert(chain, key)
                .expect("a good identity")
        }
    };
    let name = ServerName::try_from("localhost").expect("a good name");
    let mut tls = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut socket = TcpStream::connect(address)?;
    let mut stream = rustls::Stream::new(&mut tls, &mut socket);
    stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = Vec::new();
    // A close without TLS's goodbye is an error that comes after the answer.
    let read = stream.read_to_end(&mut text);
    match (text.is_empty(), read) {
        (true, Err(error)) => Err(error),
        (true, Ok(_)) => Err(std::io::Error::other("no answer")),
        (false, _) => Ok(String::from_utf8_lossy(&text)
            .lines()
            .next()
            .unwrap_or("")
            .to_owned()),
    }
}

const OK: &str = "HTTP/1.1 200 OK";

fn start(folder: &Path, client_authority: Option<&Authority>) -> Local {
    let path = |name: &str| folder.join(name).display().to_string();
    let authority = client_authority.map(|authority| {
        std::fs::write(folder.join("ca.pem"), authority.certificate.pem()).expect("written");
        path("ca.pem")
    });
    Local::start_with(|config| {
        config.server.tls.cert_file = path("cert.pem");
        config.server.tls.key_file = path("key.pem");
        config.server.tls.client_ca_file = authority.unwrap_or_default();
        config.runtime.period = Duration::from_millis(100);
    })
}

#[test]
fn a_certificate_that_changes_is_taken_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (Authority::new(), Authority::new());
    first.sign().write(folder.path());
    let local = start(folder.path(), None);
    let address = local.address();
    assert_eq!(ask(&address, &first, None).expect("trusted"), OK);
    assert!(ask(&address, &second, None).is_err(), "signed by another");
    let mut plain = TcpStream::connect(&address).expect("the server accepts");
    plain
        .write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("sent");
    plain
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout can be set");
    let mut answer = Vec::new();
    let ended = plain.read_to_end(&mut answer);
    assert!(
        !matches!(&ended, Err(e) if e.kind() == std::io::ErrorKind::WouldBlock),
        "the connection is closed"
    );
    assert!(
        !answer.windows(5).any(|w| w == b"HTTP/"),
        "no answer of any status without TLS: {}",
        String::from_utf8_lossy(&answer)
    );
    std::fs::write(folder.path().join("key.pem"), "broken").expect("written");
    assert_eq!(
        ask(&address, &first, None).expect("what was in force stays"),
        OK
    );
    second.sign().write(folder.path());
    let deadline = Instant::now() + Duration::from_secs(30);
    while ask(&address, &second, None).is_err() {
        assert!(Instant::now() < deadline, "the new certificate is taken");
    }
}

#[test]
fn clients_need_a_certificate_where_an_authority_is_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let (servers, clients) = (Authority::new(), Authority::new());
    servers.sign().write(folder.path());
    let local = start(folder.path(), Some(&clients));
    let address = local.address();
    assert_eq!(
        ask(&address, &servers, Some(&clients.sign())).expect("known"),
        OK
    );
    assert!(ask(&address, &servers, None).is_err(), "no certificate");
    assert!(
        ask(&address, &servers, Some(&servers.sign())).is_err(),
        "signed by another"
    );
}

/// Settings with the files that `Identity::write` and an authority leave in a folder.
fn settings(folder: &Path) -> TlsConfig {
    let path = |name: &str| folder.join(name).display().to_string();
    TlsConfig {
        cert_file: path("cert.pem"),
        key_file: path("key.pem"),
        client_ca_file: path("ca.pem"),
        client_auth_type: ClientAuth::Default,
    }
}

/// Texts of authority files that name no authority.
fn no_authorities(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let key = std::fs::read(folder.join("key.pem")).expect("read");
    let certificate = std::fs::read(folder.join("cert.pem")).expect("read");
    vec![
        ("empty", Vec::new()),
        ("blank", b"\n \n".to_vec()),
        ("words", b"no certificate".to_vec()),
        ("a key", key),
        ("half", certificate[..certificate.len() / 2].to_vec()),
    ]
}

#[test]
fn an_authority_file_without_an_authority_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    Authority::new().sign().write(folder.path());
    let kinds = [
        ClientAuth::Default,
        ClientAuth::IfGiven,
        ClientAuth::Required,
        ClientAuth::None,
    ];
    for (name, text) in no_authorities(folder.path()) {
        std::fs::write(folder.path().join("ca.pem"), text).expect("written");
        for kind in kinds {
            let error = Local::refuse_start(|config| {
                config.server.tls = settings(folder.path());
                config.server.tls.client_auth_type = kind;
            });
            assert!(error.contains("client_ca_file"), "{name} {kind:?}: {error}");
        }
    }
}

#[test]
fn protection_that_lacks_its_files_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    authority.sign().write(folder.path());
    std::fs::write(folder.path().join("ca.pem"), authority.certificate.pem()).expect("written");
    let check = |change: fn(&mut TlsConfig), missing: &str| {
        let error = Local::refuse_start(|config| {
            config.server.tls = settings(folder.path());
            change(&mut config.server.tls);
        });
        assert!(error.contains(&format!("{missing}: is missing")), "{error}");
    };
    check(
        |tls| (tls.cert_file, tls.key_file) = Default::default(),
        "cert_file",
    );
    check(|tls| tls.cert_file.clear(), "cert_file");
    check(|tls| tls.key_file.clear(), "key_file");
    for kind in [ClientAuth::IfGiven, ClientAuth::Required] {
        for has_certificate in [false, true] {
            let error = Local::refuse_start(|config| {
                if has_certificate {
                    config.server.tls = settings(folder.path());
                    config.server.tls.client_ca_file.clear();
                }
                config.server.tls.client_auth_type = kind;
            });
            assert!(error.contains("is missing"), "{kind:?}: {error}");
        }
    }
}

#[test]
fn an_authority_file_that_is_spoilt_while_running_lets_nobody_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let (servers, clients) = (Authority::new(), Authority::new());
    servers.sign().write(folder.path());
    let texts = no_authorities(folder.path());
    let local = start(folder.path(), Some(&clients));
    let address = local.address();
    let known = clients.sign();
    let file = folder.path().join("ca.pem");
    for (name, text) in texts {
        std::fs::write(&file, text).expect("written");
        // Longer than the period of reloading, several times over.
        let deadline = Instant::now() + Duration::from_millis(400);
        while Instant::now() < deadline {
            assert!(ask(&address, &servers, None).is_err(), "{name}");
        }
        let answer = ask(&address, &servers, Some(&known));
        assert_eq!(answer.expect("what was in force stays"), OK, "{name}");
    }
    // A usable file is taken after all of them.
    let others = Authority::new();
    std::fs::write(&file, others.certificate.pem()).expect("written");
    let other = others.sign();
    let deadline = Instant::now() + Duration::from_secs(30);
    while ask(&address, &servers, Some(&other)).is_err() {
        assert!(Instant::now() < deadline, "the new authority is taken");
    }
}

#[test]
fn handshakes_that_are_not_finished_end_after_the_read_timeout() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    authority.sign().write(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let local = Local::start_with(|config| {
        config.server.tls.cert_file = path("cert.pem");
        config.server.tls.key_file = path("key.pem");
        config.server.http_server_read_timeout = Duration::from_millis(50);
        config.server.http_server_idle_timeout = Duration::from_secs(3600);
    });
    // Nothing, and beginnings of a record.
    let begun: [&[u8]; 4] = [
        b"",
        b"\x16",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"\x16\x03\x03",
    ];
    let silent: Vec<TcpStream> = (0..100)
        .map(|i| {
            let mut stream = TcpStream::connect(local.address()).expect("the server listens");
            let timeout = Some(Duration::from_secs(120));
            stream.set_read_timeout(timeout).expect("a time-out");
            stream.write_all(begun[i % begun.len()]).expect("sent");
            stream
        })
        .collect();
    assert_eq!(
        ask(&local.address(), &authority, None).expect("others go on"),
        OK
    );
    for mut stream in silent {
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server closes: {error}"),
        }
    }
}

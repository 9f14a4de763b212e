//! TLS of the listener: certificate, key and client authorities, read again on change.
//!
//! Connections that are open keep what they began with. rustls with ring: no system library, no
//! cmake.

use crate::config::{ClientAuth, TlsConfig};
use parking_lot::RwLock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Protocols offered, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Makes TLS out of connections.
pub(crate) struct Tls {
    config: TlsConfig,
    current: RwLock<(Files, Arc<ServerConfig>)>,
}

impl Tls {
    /// With the files of `config`, which must be usable now; `None` when there is no certificate.
    pub(crate) fn open(config: &TlsConfig) -> Result<Option<Tls>, String> {
        check(config)?;
        if config.cert_file.is_empty() {
            return Ok(None);
        }
        let files = Files::read(config)?;
        let server = build(config, &files)?;
        Ok(Some(Tls {
            config: config.clone(),
            current: RwLock::new((files, server)),
        }))
    }

    /// Reads the files again when they changed. The error says why what was in force stays.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let files = Files::read(&self.config)?;
        if self.current.read().0 == files {
            return Ok(());
        }
        let server = build(&self.config, &files)?;
        *self.current.write() = (files, server);
        tracing::info!("reloaded the TLS certificate");
        Ok(())
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.read().1.clone())
    }
}

/// The files as they lie on disk.
#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    /// `None` when the setting names none. An empty file is not the same: it asks for certificates
    /// that nobody can have.
    client_ca: Option<Vec<u8>>,
}

impl Files {
    fn read(config: &TlsConfig) -> Result<Files, String> {
        let one = |key: &str, path: &str| {
            std::fs::read(path).map_err(|error| named(key, format!("{path}: {error}")))
        };
        let client_ca = match config.client_ca_file.as_str() {
            "" => None,
            path => Some(one("client_ca_file", path)?),
        };
        Ok(Files {
            certificate: one("cert_file", &config.cert_file)?,
            key: one("key_file", &config.key_file)?,
            client_ca,
        })
    }
}

/// Refuses settings that ask for protection which the others make impossible.
fn check(config: &TlsConfig) -> Result<(), String> {
    let has_certificate = !config.cert_file.is_empty();
    let has_authority = !config.client_ca_file.is_empty();
    let asks = matches!(
        config.client_auth_type,
        ClientAuth::IfGiven | ClientAuth::Required
    );
    let missing = |key: &str, why: &str| Err(named(key, format!("is missing: {why}")));
    match (has_certificate, !config.key_file.is_empty()) {
        (true, false) => return missing("key_file", "cert_file needs its private key"),
        (false, true) => return missing("cert_file", "key_file is of no use without it"),
        (false, false) if has_authority => {
            return missing("cert_file", "client_ca_file can only be checked over TLS");
        }
        (false, false) if asks => {
            return missing("cert_file", "client_auth_type can only be checked over TLS");
        }
        _ => {}
    }
    if asks && !has_authority {
        return missing(
            "client_ca_file",
            "client_auth_type asks for client certificates",
        );
    }
    Ok(())
}

fn named(key: &str, error: impl std::fmt::Display) -> String {
    format!("server.http_tls_config.{key}: {error}")
}

fn certificates(key: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| named(key, error))?;
    if read.is_empty() {
        return Err(named(key, "holds no certificate"));
    }
    Ok(read)
}

/// Certificates that those of clients are checked against.
fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("client_ca_file", pem)? {
        roots
            .add(authority)
            .map_err(|error| named("client_ca_file", error))?;
    }
    Ok(roots)
}

fn build(config: &TlsConfig, files: &Files) -> Result<Arc<ServerConfig>, String> {
    let chain = certificates("cert_file", &files.certificate)?;
    let key =
        PrivateKeyDer::from_pem_slice(&files.key).map_err(|error| named("key_file", error))?;
    // Read even where no certificate is asked for: a file that is named must be usable.
    let roots = files.client_ca.as_deref().map(authorities).transpose()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match roots {
        Some(roots) if config.client_auth_type != ClientAuth::None => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if config.client_auth_type == ClientAuth::IfGiven {
                verifier.allow_unauthenticated()
            } else {
                verifier
            };
            let verifier = verifier
                .build()
                .map_err(|error| named("client_ca_file", error))?;
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut server = builder
        .with_single_cert(chain, key)
        .map_err(|error| named("key_file", error))?;
    server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(server))
}

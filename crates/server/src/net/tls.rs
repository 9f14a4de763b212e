//! TLS of the listener: certificate, key and client authorities, read again on change.
//!
//! Connections that are open keep what they began with. rustls with ring: no system library, no cmake.

use crate::config::{ClientAuth, TlsConfig};
use parking_lot::RwLock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Protocols offered, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Makes TLS out of connections.
pub(crate) struct Tls {
    config: TlsConfig,
    current: RwLock<(Vec<Vec<u8>>, Arc<ServerConfig>)>,
}

impl Tls {
    /// With the files of `config`, which must be usable now; `None` when there is no certificate.
    pub(crate) fn open(config: &TlsConfig) -> Result<Option<Tls>, String> {
        if config.cert_file.is_empty() && config.key_file.is_empty() {
            return Ok(None);
        }
        let files = read(config)?;
        let server = build(config, &files)?;
        Ok(Some(Tls {
            config: config.clone(),
            current: RwLock::new((files, server)),
        }))
    }

    /// Reads the files again when they changed. The error says why what was in force stays.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let files = read(&self.config)?;
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

/// Certificate, key and client authority as they lie on disk; the last is empty when there is none.
fn read(config: &TlsConfig) -> Result<Vec<Vec<u8>>, String> {
    let names = [
        ("cert_file", &config.cert_file),
        ("key_file", &config.key_file),
        ("client_ca_file", &config.client_ca_file),
    ];
    let one = |(key, path): (&str, &String)| match path.as_str() {
        "" if key == "client_ca_file" => Ok(Vec::new()),
        "" => Err(format!("server.http_tls_config.{key} is missing")),
        path => std::fs::read(Path::new(path))
            .map_err(|error| format!("server.http_tls_config.{key} {path}: {error}")),
    };
    names.into_iter().map(one).collect()
}

fn build(config: &TlsConfig, files: &[Vec<u8>]) -> Result<Arc<ServerConfig>, String> {
    let named = |key: &str, error: String| format!("server.http_tls_config.{key}: {error}");
    let certificates = |key: &str, pem: &[u8]| -> Result<Vec<CertificateDer<'static>>, String> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let read = read.map_err(|error| named(key, error.to_string()))?;
        if read.is_empty() {
            Err(named(key, "holds no certificate".to_owned()))
        } else {
            Ok(read)
        }
    };
    let chain = certificates("cert_file", &files[0])?;
    let key = PrivateKeyDer::from_pem_slice(&files[1])
        .map_err(|error| named("key_file", error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match (config.client_auth_type, files[2].is_empty()) {
        (ClientAuth::None, _) | (ClientAuth::Default, true) => builder.with_no_client_auth(),
        (_, true) => {
            return Err(named(
                "client_ca_file",
                "is missing, client certificates are asked for".to_owned(),
            ));
        }
        (auth, false) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates("client_ca_file", &files[2])? {
                roots
                    .add(authority)
                    .map_err(|error| named("client_ca_file", error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if auth == ClientAuth::IfGiven {
                verifier.allow_unauthenticated()
            } else {
                verifier
            };
            builder.with_client_cert_verifier(
                verifier
                    .build()
                    .map_err(|error| named("client_ca_file", error.to_string()))?,
            )
        }
    };
    let mut server = builder
        .with_single_cert(chain, key)
        .map_err(|error| named("key_file", error.to_string()))?;
    server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(server))
}

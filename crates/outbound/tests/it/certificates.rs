//! Receivers behind TLS: authorities, names, clients with certificates of their own.

use super::receiver::Receiver;
use super::support::{Place, alertmanagers, counts, firing, to, until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use skald_outbound::{NotifierConfig, TlsConfig};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("an authority")
}

/// A certificate and its key in PEM.
fn certificate(issuer: &Issuer, name: &str) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

/// TLS that asks clients for certificates of the same authority.
fn acceptor(issuer: &Issuer, name: &str) -> TlsAcceptor {
    let (certificate, key) = certificate(issuer, name);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).expect("an authority");
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let chain = rustls::pki_types::CertificateDer::pem_slice_iter(certificate.as_bytes());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.expect("a verifier"))
        .with_single_cert(
            chain.collect::<Result<_, _>>().expect("PEM"),
            PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM"),
        );
    TlsAcceptor::from(Arc::new(config.expect("a certificate and its key")))
}

#[test]
fn certificates_are_asked_for_and_shown() {
    let place = Place::new();
    let issuer = authority();
    let address = "127.0.0.1:0".parse().expect("an address");
    let receiver = Receiver::at(
        &place.runtime,
        address,
        Vec::new(),
        Some(acceptor(&issuer, "am.internal")),
    );
    let address = format!("https://{}/", receiver.address);
    let with = |tls: TlsConfig| {
        let mut config = alertmanagers(std::slice::from_ref(&address));
        config.http.tls_config = tls;
        NotifierConfig::for_all(to(config))
    };
    let notifier = place.notifier(with(TlsConfig::default()).default);
    notifier.send("t", vec![firing("a")]);
    // Neither authority nor name is right, and no certificate is shown.
    until(|| counts(&notifier).errors > 0);
    let (certificate, key) = certificate(&issuer, "client");
    let files = [("ca", issuer.pem()), ("cert", certificate), ("key", key)].map(|(name, pem)| {
        let path = place.folder.path().join(name);
        std::fs::write(&path, pem).expect("the disk takes it");
        path
    });
    let [ca_file, cert_file, key_file] = files.map(Some);
    let named = TlsConfig {
        ca_file,
        cert_file,
        key_file,
        server_name: "am.internal".to_owned(),
        ..TlsConfig::default()
    };
    for (name, wrong) in [
        (
            "name",
            TlsConfig {
                server_name: String::new(),
                ..named.clone()
            },
        ),
        (
            "authority",
            TlsConfig {
                ca_file: None,
                ..named.clone()
            },
        ),
        (
            "client",
            TlsConfig {
                cert_file: None,
                key_file: None,
                ..named.clone()
            },
        ),
    ] {
        notifier.reconfigure(with(wrong));
        until(|| counts(&notifier).errors > 0);
        assert_eq!(counts(&notifier).sent, 0, "without {name}");
    }
    notifier.reconfigure(with(named.clone()));
    let request = receiver.next();
    assert_eq!(request.header("host"), receiver.address.to_string());
    until(|| counts(&notifier).sent == 1);
    let insecure = TlsConfig {
        ca_file: None,
        server_name: String::new(),
        insecure_skip_verify: true,
        ..named
    };
    notifier.reconfigure(with(insecure));
    notifier.send("t", vec![firing("b")]);
    assert!(receiver.next().is_taken());
}

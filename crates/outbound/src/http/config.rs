//! HTTP settings as Prometheus and Alertmanager have them.

use super::secret::Secret;
use super::target_url::TargetUrl;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How requests to a receiver are made: who they say they are, and whom they trust.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// User and password.
    pub basic_auth: Option<BasicAuth>,
    /// An `Authorization` header of a type with credentials.
    pub authorization: Option<Authorization>,
    /// The older name of an authorization of type `Bearer`.
    pub bearer_token: Option<Secret>,
    /// The same from a file.
    pub bearer_token_file: Option<PathBuf>,
    /// A token got with client credentials.
    pub oauth2: Option<OAuth2>,
    /// Certificates.
    pub tls_config: TlsConfig,
    /// Whether redirects are followed, at most ten; off unless it is asked for.
    pub follow_redirects: bool,
    /// Taken and not used: requests are HTTP/1.1.
    pub enable_http2: Option<bool>,
    /// A proxy for all requests; none is taken from the environment.
    pub proxy_url: Option<TargetUrl>,
    /// More headers; those that Skald sets itself win.
    #[serde(alias = "http_headers")]
    pub headers: BTreeMap<String, Secret>,
}

/// User and password; files are read again for each request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// The user, from a file.
    pub username_file: Option<PathBuf>,
    /// The password.
    pub password: Secret,
    /// The password, from a file.
    pub password_file: Option<PathBuf>,
}

/// An `Authorization` header.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Authorization {
    /// Its first word.
    #[serde(rename = "type")]
    pub kind: String,
    /// What follows it.
    pub credentials: Secret,
    /// The same from a file, read again for each request.
    pub credentials_file: Option<PathBuf>,
}

impl Default for Authorization {
    fn default() -> Authorization {
        Authorization {
            kind: "Bearer".to_owned(),
            credentials: Secret::default(),
            credentials_file: None,
        }
    }
}

/// Client credentials of OAuth 2.0.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OAuth2 {
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// Its secret, from a file.
    pub client_secret_file: Option<PathBuf>,
    /// What the token is for.
    pub scopes: Vec<String>,
    /// Where tokens are got; needed.
    pub token_url: Option<TargetUrl>,
    /// More parameters of that request.
    pub endpoint_params: BTreeMap<String, String>,
    /// Certificates for that request.
    pub tls_config: TlsConfig,
    /// A proxy for that request.
    pub proxy_url: Option<TargetUrl>,
}

/// Certificates in PEM. Files are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Authorities that are trusted instead of the system's.
    pub ca: Option<String>,
    /// The same from a file.
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate.
    pub cert: Option<String>,
    /// The same from a file.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key: Option<Secret>,
    /// The same from a file.
    pub key_file: Option<PathBuf>,
    /// The name that the receiver's certificate must have, where it is not the address's.
    pub server_name: String,
    /// Whether any certificate will do.
    pub insecure_skip_verify: bool,
    /// `TLS12` or `TLS13`.
    pub min_version: Option<String>,
    /// `TLS12` or `TLS13`.
    pub max_version: Option<String>,
}

impl HttpConfig {
    /// What contradicts itself, in Prometheus' words.
    pub fn check(&self) -> Result<(), String> {
        let given = [
            self.basic_auth.is_some(),
            self.authorization.is_some(),
            self.oauth2.is_some(),
            self.bearer_token.is_some() || self.bearer_token_file.is_some(),
        ];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err("at most one of basic_auth, oauth2, bearer_token & authorization must be configured".to_owned());
        }
        if self.bearer_token.is_some() && self.bearer_token_file.is_some() {
            return Err(
                "at most one of bearer_token & bearer_token_file must be configured".to_owned(),
            );
        }
        if let Some(basic) = &self.basic_auth {
            at_most_one(
                "basic_auth username",
                !basic.username.is_empty(),
                basic.username_file.is_some(),
            )?;
            at_most_one(
                "basic_auth password",
                !basic.password.is_empty(),
                basic.password_file.is_some(),
            )?;
        }
        if let Some(authorization) = &self.authorization {
            let (text, file) = (
                !authorization.credentials.is_empty(),
                authorization.credentials_file.is_some(),
            );
            at_most_one("authorization credentials", text, file)?;
            if authorization.kind.trim().eq_ignore_ascii_case("basic") {
                return Err(
                    "authorization type cannot be set to \"basic\", use \"basic_auth\" instead"
                        .to_owned(),
                );
            }
        }
        if let Some(oauth2) = &self.oauth2 {
            oauth2.check()?;
        }
        self.tls_config.check()
    }
}

impl OAuth2 {
    fn check(&self) -> Result<(), String> {
        if self.client_id.is_empty() {
            return Err("oauth2 client_id must be configured".to_owned());
        }
        if self.token_url.is_none() {
            return Err("oauth2 token_url must be configured".to_owned());
        }
        at_most_one(
            "oauth2 client_secret",
            !self.client_secret.is_empty(),
            self.client_secret_file.is_some(),
        )?;
        self.tls_config.check()
    }
}

impl TlsConfig {
    /// Files that are read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.ca_file, &self.cert_file, &self.key_file]
            .into_iter()
            .flatten()
    }

    fn check(&self) -> Result<(), String> {
        at_most_one("ca", self.ca.is_some(), self.ca_file.is_some())?;
        at_most_one("cert", self.cert.is_some(), self.cert_file.is_some())?;
        at_most_one("key", self.key.is_some(), self.key_file.is_some())?;
        let has_cert = self.cert.is_some() || self.cert_file.is_some();
        let has_key = self.key.is_some() || self.key_file.is_some();
        match (has_cert, has_key) {
            (true, false) => Err("exactly one of key or key_file must be configured when a client certificate is configured".to_owned()),
            (false, true) => Err("exactly one of cert or cert_file must be configured when a client key is configured".to_owned()),
            _ => Ok(()),
        }
    }
}

fn at_most_one(name: &str, text: bool, file: bool) -> Result<(), String> {
    let last = name.rsplit(' ').next().unwrap_or(name);
    match text && file {
        true => Err(format!(
            "at most one of {name} & {last}_file must be configured"
        )),
        false => Ok(()),
    }
}

//! A client makes requests to one receiver and reads its settings' files anew when they change.

use super::answer::{Answer, BODY_BYTES_MAX};
use super::auth;
use super::config::{HttpConfig, TlsConfig};
use super::oauth2::Tokens;
use super::target_url::TargetUrl;
use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Identity, Proxy, Url, redirect};
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Requests to one receiver.
pub(crate) struct Client {
    url: TargetUrl,
    config: HttpConfig,
    timeout: Duration,
    user_agent: String,
    made: Mutex<Option<Made>>,
}

/// Clients as the files of the settings were when they were made.
#[derive(Clone)]
struct Made {
    client: reqwest::Client,
    tokens: Arc<Tokens>,
    files: Vec<Option<SystemTime>>,
}

impl Client {
    /// For a receiver; each request has that long for all of its answer.
    pub(crate) fn new(
        url: TargetUrl,
        config: HttpConfig,
        timeout: Duration,
        user_agent: &str,
    ) -> Client {
        Client {
            url,
            config,
            timeout,
            user_agent: user_agent.to_owned(),
            made: Mutex::default(),
        }
    }

    /// Posts a body to an address of the receiver.
    pub(crate) async fn post(&self, url: Url, headers: &[(&str, &str)], body: Bytes) -> Answer {
        match self.try_post(url, headers, body).await {
            Ok(answer) => answer,
            Err(why) => Answer::Failed(why),
        }
    }

    async fn try_post(
        &self,
        mut url: Url,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, String> {
        let made = self.made()?;
        let mut all = HeaderMap::new();
        for (name, value) in &self.config.headers {
            insert(&mut all, name, value.reveal())?;
        }
        for (name, value) in headers {
            insert(&mut all, name, value)?;
        }
        // The certificate is asked for under this name; the resolver leads it to the real host.
        if !self.config.tls_config.server_name.is_empty() && url.scheme() == "https" {
            let host = url.host_str().unwrap_or_default();
            let host = url
                .port()
                .map_or(host.to_owned(), |port| format!("{host}:{port}"));
            insert(&mut all, HOST.as_str(), &host)?;
            url.set_host(Some(&self.config.tls_config.server_name))
                .map_err(|error| format!("tls_config.server_name: {error}"))?;
        }
        let request = made.client.post(url).headers(all).body(body);
        let request = auth::identify(request, &self.url, &self.config, &made.tokens).await?;
        let mut answer = request.send().await.map_err(reasons)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = limited_body(&mut answer, BODY_BYTES_MAX).await;
        if status.as_u16() == 401 {
            made.tokens.forget().await;
        }
        Ok(Answer::Came {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// The clients, made anew when a file changed.
    fn made(&self) -> Result<Made, String> {
        let tls = [&self.config.tls_config].into_iter();
        let tls = tls.chain(self.config.oauth2.as_ref().map(|oauth2| &oauth2.tls_config));
        let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|of| of.modified()).ok();
        let files: Vec<_> = tls.flat_map(TlsConfig::files).map(changed).collect();
        let mut made = self.made.lock();
        if let Some(made) = made.as_ref().filter(|made| made.files == files) {
            return Ok(made.clone());
        }
        let client = self.build(
            &self.config.tls_config,
            self.config.proxy_url.as_ref(),
            self.url.url(),
        )?;
        let oauth2 = self.config.oauth2.as_ref();
        let token_url = oauth2.and_then(|oauth2| Some((oauth2, oauth2.token_url.as_ref()?)));
        let tokens = token_url
            .map(|(oauth2, url)| {
                self.build(&oauth2.tls_config, oauth2.proxy_url.as_ref(), url.url())
            })
            .transpose()?;
        let new = Made {
            client,
            tokens: Arc::new(Tokens::new(tokens)),
            files,
        };
        *made = Some(new.clone());
        Ok(new)
    }

    fn build(
        &self,
        tls: &TlsConfig,
        proxy: Option<&TargetUrl>,
        url: &Url,
    ) -> Result<reqwest::Client, String> {
        // Another part of the program may have chosen it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redirects = match self.config.follow_redirects {
            true => redirect::Policy::limited(10),
            false => redirect::Policy::none(),
        };
        let mut builder = reqwest::Client::builder()
            .timeout(self.timeout)
            .user_agent(&self.user_agent)
            .redirect(redirects)
            .pool_max_idle_per_host(1)
            .tls_danger_accept_invalid_certs(tls.insecure_skip_verify);
        builder = match proxy {
            Some(proxy) => builder.proxy(Proxy::all(proxy.url().clone()).map_err(reasons)?),
            None => builder.no_proxy(),
        };
        if let Some(pem) = text_or_file("ca_file", tls.ca.as_deref(), tls.ca_file.as_ref())? {
            let authorities = Certificate::from_pem_bundle(&pem)
                .map_err(|error| format!("ca: {}", reasons(error)))?;
            builder = builder.tls_certs_only(authorities);
        }
        let key = tls.key.as_ref().map(|key| key.reveal());
        let certificate = text_or_file("cert_file", tls.cert.as_deref(), tls.cert_file.as_ref())?;
        let key = text_or_file("key_file", key, tls.key_file.as_ref())?;
        if let (Some(mut pem), Some(key)) = (certificate, key) {
            pem.push(b'\n');
            pem.extend_from_slice(&key);
            let identity = Identity::from_pem(&pem)
                .map_err(|error| format!("cert and key: {}", reasons(error)))?;
            builder = builder.identity(identity);
        }
        if let Some(version) = tls.min_version.as_deref() {
            builder = builder.tls_version_min(tls_version(version)?);
        }
        if let Some(version) = tls.max_version.as_deref() {
            builder = builder.tls_version_max(tls_version(version)?);
        }
        if !tls.server_name.is_empty() {
            let host = url
                .host_str()
                .unwrap_or_default()
                .trim_matches(['[', ']'])
                .to_owned();
            builder = builder.dns_resolver(Arc::new(ByName {
                name: tls.server_name.to_lowercase(),
                host,
            }));
        }
        builder.build().map_err(reasons)
    }
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let bad = |what: &str| format!("header {name:?} has a {what} that can't be sent");
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("name"))?;
    let value = HeaderValue::from_str(value).map_err(|_| bad("value"))?;
    headers.insert(key, value);
    Ok(())
}

fn tls_version(text: &str) -> Result<reqwest::tls::Version, String> {
    match text {
        "TLS12" => Ok(reqwest::tls::Version::TLS_1_2),
        "TLS13" => Ok(reqwest::tls::Version::TLS_1_3),
        // Nothing older is spoken, so that asking for less as a minimum changes nothing.
        "TLS10" | "TLS11" => Ok(reqwest::tls::Version::TLS_1_2),
        other => Err(format!("unknown TLS version: {other}")),
    }
}

fn text_or_file(
    key: &str,
    text: Option<&str>,
    file: Option<&PathBuf>,
) -> Result<Option<Vec<u8>>, String> {
    let Some(file) = file else {
        return Ok(text.map(|text| text.as_bytes().to_vec()));
    };
    let read = std::fs::read(file);
    read.map(Some)
        .map_err(|error| format!("{key} {}: {error}", file.display()))
}

/// An error and its causes, without the address, which may hold secrets.
pub(super) fn reasons(error: reqwest::Error) -> String {
    let error = error.without_url();
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}

/// The first bytes of a body; what can't be read is left out.
pub(super) async fn limited_body(answer: &mut reqwest::Response, bytes_max: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < bytes_max {
        let Ok(Some(chunk)) = answer.chunk().await else {
            break;
        };
        let fits = chunk.len().min(bytes_max - body.len());
        body.extend_from_slice(&chunk[..fits]);
    }
    body
}

/// Leads the name that a certificate must have to the host of the address.
struct ByName {
    name: String,
    host: String,
}

impl reqwest::dns::Resolve for ByName {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = match name.as_str().eq_ignore_ascii_case(&self.name) {
            true => self.host.clone(),
            false => name.as_str().to_owned(),
        };
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

//! Tokens of OAuth 2.0, got with client credentials and used until shortly before they end.

use super::answer::BODY_BYTES_MAX;
use super::auth::either;
use super::client::{limited_body, reasons};
use super::config::OAuth2;
use super::secret::Secret;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// How long before its end a token is used no more.
const MARGIN: Duration = Duration::from_secs(10);
/// How long a token lives that says nothing of it.
const LIFETIME: Duration = Duration::from_secs(300);
/// The most of an answer of a token server that is read: tokens may be long.
const TOKEN_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// A token with the word that stands before it.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: String,
    pub(super) text: Secret,
    until: Instant,
}

/// The token at hand.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    client: Option<reqwest::Client>,
    current: tokio::sync::Mutex<Option<Token>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    #[serde(default)]
    token_type: String,
    expires_in: Option<u64>,
}

impl Tokens {
    /// With the client that asks for tokens.
    pub(super) fn new(client: Option<reqwest::Client>) -> Tokens {
        Tokens {
            client,
            current: tokio::sync::Mutex::default(),
        }
    }

    /// A token that is good for a while yet.
    pub(super) async fn current(&self, config: &OAuth2) -> Result<Token, String> {
        let mut current = self.current.lock().await;
        if let Some(token) = current
            .as_ref()
            .filter(|token| token.until > Instant::now())
        {
            return Ok(token.clone());
        }
        let token = self.ask(config).await?;
        *current = Some(token.clone());
        Ok(token)
    }

    /// Forgets the token: it was refused.
    pub(super) async fn forget(&self) {
        *self.current.lock().await = None;
    }

    async fn ask(&self, config: &OAuth2) -> Result<Token, String> {
        let secret = either(
            config.client_secret.reveal(),
            config.client_secret_file.as_deref(),
        )?;
        // The header is what the standard asks servers to take; some know only parameters.
        match self.attempt(config, &secret, Place::Header).await {
            Err(Refusal::Client(_)) => {}
            Err(Refusal::Other(why)) => return Err(why),
            Ok(token) => return Ok(token),
        }
        match self.attempt(config, &secret, Place::Parameters).await {
            Err(Refusal::Client(why) | Refusal::Other(why)) => Err(why),
            Ok(token) => Ok(token),
        }
    }

    async fn attempt(&self, config: &OAuth2, secret: &str, place: Place) -> Result<Token, Refusal> {
        let (Some(url), Some(client)) = (&config.token_url, &self.client) else {
            return Err(Refusal::Other(
                "oauth2 token_url must be configured".to_owned(),
            ));
        };
        let mut form = url::form();
        form.pair("grant_type", "client_credentials");
        if !config.scopes.is_empty() {
            form.pair("scope", &config.scopes.join(" "));
        }
        for (name, value) in &config.endpoint_params {
            form.pair(name, value);
        }
        let mut request = client.post(url.url().clone());
        match place {
            Place::Header => request = request.basic_auth(&config.client_id, Some(secret)),
            Place::Parameters => {
                form.pair("client_id", &config.client_id);
                form.pair("client_secret", secret);
            }
        }
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.finish());
        let failed = |why: String| Refusal::Other(format!("getting an oauth2 token: {why}"));
        let mut answer = request
            .send()
            .await
            .map_err(|error| failed(reasons(error)))?;
        let status = answer.status();
        let body = limited_body(&mut answer, TOKEN_BYTES_MAX).await;
        if matches!(status.as_u16(), 400 | 401) {
            return Err(Refusal::Client(format!(
                "getting an oauth2 token: status {status}"
            )));
        }
        if !status.is_success() {
            return Err(failed(format!("status {status}")));
        }
        // The error would quote the answer, which holds the token.
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| failed("the answer is no JSON with access_token".to_owned()))?;
        let lifetime = granted.expires_in.map_or(LIFETIME, Duration::from_secs);
        Ok(Token {
            kind: match granted.token_type.to_ascii_lowercase().as_str() {
                "" | "bearer" => "Bearer".to_owned(),
                _ => granted.token_type,
            },
            text: granted.access_token,
            until: Instant::now()
                + lifetime
                    .saturating_sub(MARGIN)
                    .min(Duration::from_secs(86_400)),
        })
    }
}

/// Where client and secret stand in a request.
#[derive(Clone, Copy)]
enum Place {
    Header,
    Parameters,
}

enum Refusal {
    /// The client is not known this way.
    Client(String),
    Other(String),
}

/// Forms as bodies.
mod url {
    use reqwest::Url;

    /// A body under way: the query of a URL that is never asked.
    pub(super) struct Form(Url);

    pub(super) fn form() -> Form {
        Form(Url::parse("http://form/").expect("it is a URL"))
    }

    impl Form {
        pub(super) fn pair(&mut self, name: &str, value: &str) {
            self.0.query_pairs_mut().append_pair(name, value);
        }

        pub(super) fn finish(self) -> String {
            self.0.query().unwrap_or_default().to_owned()
        }
    }
}

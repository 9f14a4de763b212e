//! Who a request says it is: headers from settings, from files that are read each time, from OAuth 2.0.

use super::config::HttpConfig;
use super::oauth2::Tokens;
use super::secret::Secret;
use super::target_url::TargetUrl;
use reqwest::RequestBuilder;
use std::path::Path;

/// Adds the headers that say who asks. `url` gives user and password where no setting does.
pub(super) async fn identify(
    request: RequestBuilder,
    url: &TargetUrl,
    config: &HttpConfig,
    tokens: &Tokens,
) -> Result<RequestBuilder, String> {
    if let Some(basic) = &config.basic_auth {
        let user = either(&basic.username, basic.username_file.as_deref())?;
        let password = either(basic.password.reveal(), basic.password_file.as_deref())?;
        return Ok(request.basic_auth(user, Some(password)));
    }
    if let Some(authorization) = &config.authorization {
        let file = authorization.credentials_file.as_deref();
        let credentials = either(authorization.credentials.reveal(), file)?;
        let kind = match authorization.kind.trim() {
            "" => "Bearer",
            kind => kind,
        };
        return Ok(with_header(request, kind, &credentials));
    }
    if config.bearer_token.is_some() || config.bearer_token_file.is_some() {
        let text = config.bearer_token.as_ref().map_or("", Secret::reveal);
        let token = either(text, config.bearer_token_file.as_deref())?;
        return Ok(with_header(request, "Bearer", &token));
    }
    if let Some(oauth2) = &config.oauth2 {
        let token = tokens.current(oauth2).await?;
        return Ok(with_header(request, &token.kind, token.text.reveal()));
    }
    Ok(match url.user() {
        Some((user, password)) => request.basic_auth(user, Some(password.reveal())),
        None => request,
    })
}

fn with_header(request: RequestBuilder, kind: &str, credentials: &str) -> RequestBuilder {
    request.header(
        reqwest::header::AUTHORIZATION,
        format!("{kind} {credentials}"),
    )
}

/// The text, or what the file holds now.
pub(super) fn either(text: &str, file: Option<&Path>) -> Result<String, String> {
    match file {
        None => Ok(text.to_owned()),
        Some(file) => std::fs::read_to_string(file)
            .map(|text| text.trim().to_owned())
            .map_err(|error| format!("reading {}: {error}", file.display())),
    }
}

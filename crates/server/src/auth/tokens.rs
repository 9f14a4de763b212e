//! Tokens are checked here: each grants rights over some tenants, or over all and the server.
//!
//! Tokens are 256 random bits, so their SHA-256 is all that is stored and no slow hash is needed:
//! they can't be guessed, and a stolen file gives none away. A token comes as `Authorization:
//! Bearer`, as the password of basic authentication with its name as the user, or where
//! the senders of a path put theirs (`senders::authorization`). The file is read again when it
//! changes.

use crate::auth::rights::{Access, Right, needed};
use crate::auth::session;
use crate::clock;
use crate::error::ApiError;
use crate::senders::{self, UrlTokens};
use crate::telemetry::metrics::{Metrics, RefusalReason};
use axum::extract::{Request, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::RwLock;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use skald_model::TenantId;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// Begins every token, so that leaked ones can be searched for.
const TOKEN_PREFIX: &str = "skald_";

/// What a token allows. Requests that carry one have it among their extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    name: String,
    hash: [u8; SHA256_OUTPUT_LEN],
    /// `None` is all.
    tenants: Option<Vec<TenantId>>,
    rights: Vec<Right>,
}

impl Grant {
    /// Whether it is for this tenant.
    pub fn may_see(&self, tenant: &TenantId) -> bool {
        self.tenants
            .as_ref()
            .is_none_or(|tenants| tenants.contains(tenant))
    }

    /// The tenant of a token that is for one.
    pub fn only_tenant(&self) -> Option<TenantId> {
        match self.tenants.as_deref() {
            Some([tenant]) => Some(tenant.clone()),
            _ => None,
        }
    }

    /// Its name in the token file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The tenants it is for; `None` is all.
    pub(crate) fn tenants(&self) -> Option<&[TenantId]> {
        self.tenants.as_deref()
    }

    pub(super) fn hash(&self) -> &[u8] {
        &self.hash
    }

    fn has(&self, wanted: Right) -> bool {
        self.rights.iter().any(|right| right.includes(wanted))
    }

    /// Whether it deletes only because `admin` still includes it.
    fn deletes_by_admin(&self) -> bool {
        self.has(Right::Delete) && !self.rights.contains(&Right::Delete)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    tokens: Vec<TokenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    name: String,
    sha256: String,
    tenants: Vec<String>,
    rights: Vec<Right>,
}

/// All tokens; without a file every request is allowed everything.
pub struct Tokens {
    file: Option<PathBuf>,
    grants: RwLock<Vec<Arc<Grant>>>,
    session_key: hmac::Key,
}

impl Tokens {
    /// With the tokens of a file, which must be readable now; an empty path asks for none.
    pub fn open(file: &str) -> Result<Tokens, String> {
        let tokens = Tokens {
            file: (!file.is_empty()).then(|| PathBuf::from(file)),
            grants: RwLock::default(),
            session_key: session::new_key()?,
        };
        tokens.reload()?;
        Ok(tokens)
    }

    /// Whether requests need a token.
    pub fn is_on(&self) -> bool {
        self.file.is_some()
    }

    /// Reads the file again. The error says why the tokens that were in force stay.
    pub fn reload(&self) -> Result<(), String> {
        if let Some(path) = &self.file {
            let named = |error: String| format!("auth.tokens_file {}: {error}", path.display());
            let grants = read(path).map_err(named)?;
            let mut current = self.grants.write();
            if *current != grants {
                warn_of_old_rights(&grants);
                *current = grants;
            }
        }
        Ok(())
    }

    pub(super) fn session_key(&self) -> &hmac::Key {
        &self.session_key
    }

    /// All that are in force.
    pub(super) fn all(&self) -> Vec<Arc<Grant>> {
        self.grants.read().clone()
    }

    /// What an `Authorization` header allows.
    pub(super) fn grant(&self, header: &str) -> Option<Arc<Grant>> {
        let (scheme, credentials) = header.trim().split_once(' ')?;
        let (user, secret) = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => (None, credentials.trim().to_owned()),
            "basic" => {
                let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
                let (user, secret) = text.split_once(':')?;
                (Some(user.to_owned()), secret.to_owned())
            }
            _ => return None,
        };
        let hash = hash(&secret);
        // Every token is compared, all of it: how long that takes reveals nothing.
        let grants = self.grants.read();
        let found = grants.iter().fold(None, |found, grant| {
            if same(&grant.hash, &hash) {
                Some(grant)
            } else {
                found
            }
        });
        found
            .filter(|grant| user.is_none_or(|user| user == grant.name))
            .cloned()
    }
}

/// Names tokens whose `admin` means less than it did, or soon will.
fn warn_of_old_rights(grants: &[Arc<Grant>]) {
    for grant in grants.iter().filter(|grant| grant.deletes_by_admin()) {
        if grant.tenants.is_some() {
            tracing::warn!(
                token = grant.name,
                "a token with the right admin that is not for all tenants (\"*\") may delete for now, and sees \
                 no pages for operators: give it the right delete"
            );
        }
    }
}

fn read(path: &Path) -> Result<Vec<Arc<Grant>>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file: TokenFile = serde_yaml_ng::from_str(&text).map_err(|error| error.to_string())?;
    file.tokens
        .into_iter()
        .map(|entry| grant_of(entry).map(Arc::new))
        .collect()
}

fn grant_of(entry: TokenEntry) -> Result<Grant, String> {
    let named = |error: String| format!("token {:?}: {error}", entry.name);
    let hash =
        unhex(&entry.sha256).ok_or_else(|| named("sha256 must be 64 hex digits".to_owned()))?;
    let tenants = match entry.tenants.iter().any(|name| name == "*") {
        true => None,
        false => {
            let tenants: Result<_, _> = entry
                .tenants
                .iter()
                .map(|name| TenantId::parse(name))
                .collect();
            Some(tenants.map_err(|error| named(error.to_string()))?)
        }
    };
    Ok(Grant {
        name: entry.name.clone(),
        hash,
        tenants,
        rights: entry.rights.clone(),
    })
}

fn hash(token: &str) -> [u8; SHA256_OUTPUT_LEN] {
    let mut out = [0; SHA256_OUTPUT_LEN];
    out.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    out
}

/// Compares in a time that does not depend on where two hashes differ.
fn same(a: &[u8; SHA256_OUTPUT_LEN], b: &[u8; SHA256_OUTPUT_LEN]) -> bool {
    std::hint::black_box(
        a.iter()
            .zip(b)
            .fold(0u8, |different, (a, b)| different | (a ^ b)),
    ) == 0
}

fn unhex(text: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    let mut out = [0; SHA256_OUTPUT_LEN];
    let digits = text.is_ascii() && text.len() == 2 * SHA256_OUTPUT_LEN;
    for (i, byte) in out
        .iter_mut()
        .enumerate()
        .take(if digits { SHA256_OUTPUT_LEN } else { 0 })
    {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    digits.then_some(out)
}

/// A new token, and the entry of the token file that admits it.
pub fn new_token(
    name: &str,
    tenants: &[String],
    rights: &[String],
) -> Result<(String, String), String> {
    let mut random = [0; TOKEN_BYTES];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| "the system gave no random bytes".to_owned())?;
    let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let mut hex = String::new();
    for byte in hash(&token) {
        write!(hex, "{byte:02x}").expect("writing to memory does not fail");
    }
    let quoted = |list: &[String]| {
        list.iter()
            .map(|text| format!("{text:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (tenants, rights) = (quoted(tenants), quoted(rights));
    let entry = format!(
        "  - name: {name:?}\n    sha256: {hex}\n    tenants: [{tenants}]\n    rights: [{rights}]\n"
    );
    let read: Vec<TokenEntry> =
        serde_yaml_ng::from_str(&entry).map_err(|error| error.to_string())?;
    read.into_iter()
        .map(grant_of)
        .collect::<Result<Vec<_>, _>>()?;
    Ok((token, entry))
}

/// What [`guard`] needs.
#[derive(Clone)]
pub struct Guard {
    /// Whose tokens count.
    pub tokens: Arc<Tokens>,
    /// Where refusals are counted.
    pub metrics: Arc<Metrics>,
    /// Whose may stand in URLs.
    pub(crate) urls: UrlTokens,
}

/// Middleware that lets through what the request's token allows.
pub async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    if !guard.tokens.is_on() {
        return next.run(request).await;
    }
    let access = needed(request.method(), request.uri().path());
    if access == Access::Open {
        return next.run(request).await;
    }
    let headers = request.headers();
    let header = senders::authorization(headers, request.uri(), guard.urls);
    match allowed_to(&guard.tokens, &header, request.method(), headers, access) {
        Ok(grant) => {
            request.extensions_mut().insert((*grant).clone());
            next.run(request).await
        }
        Err(error) => {
            guard.metrics.refuse("", RefusalReason::Unauthorized);
            let unauthorized = error.status == StatusCode::UNAUTHORIZED;
            let mut response = error.into_response();
            if unauthorized {
                let challenge = HeaderValue::from_static(challenge(request.headers()));
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}

/// What a refusal asks for. A browser that sees `Basic` asks for a name and a password before its
/// page can ask for a token.
fn challenge(headers: &HeaderMap) -> &'static str {
    match headers.contains_key("x-requested-with") {
        true => "Bearer realm=\"skald\"",
        false => "Basic realm=\"skald\"",
    }
}

/// What the token of a request allows, or without one its session, when it allows this.
fn allowed_to(
    tokens: &Tokens,
    authorization: &str,
    method: &Method,
    headers: &HeaderMap,
    access: Access,
) -> Result<Arc<Grant>, ApiError> {
    let ("", Some(session)) = (authorization, session::named(headers)) else {
        return allowed(tokens, authorization, access);
    };
    let grant = tokens.grant_of_session(session, clock::now() / 1_000_000_000);
    let is_safe = [Method::GET, Method::HEAD].contains(method);
    if grant.is_some() && !is_safe && !session::says_its_origin(headers) {
        let text = "a change by session needs an Origin: use a token where there is no page\n";
        return Err(ApiError::new(StatusCode::FORBIDDEN, text));
    }
    checked(grant, access)
}

/// What a header allows, when it allows this.
pub(crate) fn allowed(
    tokens: &Tokens,
    header: &str,
    access: Access,
) -> Result<Arc<Grant>, ApiError> {
    checked(tokens.grant(header), access)
}

fn checked(grant: Option<Arc<Grant>>, access: Access) -> Result<Arc<Grant>, ApiError> {
    let grant = grant
        .ok_or_else(|| ApiError::new(StatusCode::UNAUTHORIZED, "a valid token is required\n"))?;
    let (Access::Tenant(right) | Access::Server(right)) = access else {
        return Ok(grant);
    };
    let refused = |why: String| {
        let text = format!("the token '{}' {why}\n", grant.name);
        Err(ApiError::new(StatusCode::FORBIDDEN, text))
    };
    if !grant.has(right) {
        return refused(format!("has no right to {}", right.verb()));
    }
    if matches!(access, Access::Server(_)) && grant.tenants.is_some() {
        return refused(
            "is for some tenants: pages for operators need one for all (tenants: [\"*\"])"
                .to_owned(),
        );
    }
    Ok(grant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(rights: &str, tenants: &str) -> (Tokens, String, tempfile::TempDir) {
        let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let (token, entry) = new_token("me", &list(tenants), &list(rights)).expect("a token");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens.yaml");
        std::fs::write(&path, format!("tokens:\n{entry}")).expect("written");
        assert!(!entry.contains(&token), "the file holds no token");
        (
            Tokens::open(path.to_str().expect("a path")).expect("the file is good"),
            token,
            folder,
        )
    }

    #[test]
    fn a_token_is_taken_as_bearer_and_as_password() {
        let (tokens, token, _folder) = tokens("read", "a");
        let check = |header: &str, expected: bool| {
            assert_eq!(tokens.grant(header).is_some(), expected, "{header}")
        };
        check(&format!("Bearer {token}"), true);
        check(&format!("bearer  {token} "), true);
        check(&format!("Bearer {token}x"), false);
        check(
            &format!("Basic {}", STANDARD.encode(format!("me:{token}"))),
            true,
        );
        check(
            &format!("Basic {}", STANDARD.encode(format!("you:{token}"))),
            false,
        );
        check("Basic %%%", false);
        check("Digest x", false);
        check("", false);
    }

    #[test]
    fn rights_and_tenants_bind() {
        let (tokens, token, _folder) = tokens("read,write", "a,b");
        let header = format!("Bearer {token}");
        assert!(allowed(&tokens, &header, Access::Tenant(Right::Write)).is_ok());
        let refused = allowed(&tokens, &header, Access::Server(Right::Admin))
            .map(|_| ())
            .map_err(|e| (e.status.as_u16(), e.message));
        assert_eq!(
            refused,
            Err((
                403,
                "the token 'me' has no right to administer\n".to_owned()
            ))
        );
        assert_eq!(
            allowed(&tokens, "Bearer x", Access::Tenant(Right::Read))
                .map(|_| ())
                .map_err(|e| e.status.as_u16()),
            Err(401)
        );
        let grant = tokens.grant(&header).expect("known");
        let tenant = |name: &str| TenantId::parse(name).expect("valid");
        assert!(
            grant.may_see(&tenant("a"))
                && !grant.may_see(&tenant("c"))
                && grant.only_tenant().is_none()
        );
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_and_what_was_in_force_stays() {
        let (tokens, token, folder) = tokens("read", "*");
        std::fs::write(
            folder.path().join("tokens.yaml"),
            "tokens: [{name: x, sha256: y, tenants: [a], rights: [read]}]",
        )
        .expect("written");
        let error = tokens.reload().expect_err("the hash is bad");
        assert!(
            error.ends_with("token \"x\": sha256 must be 64 hex digits"),
            "{error}"
        );
        assert!(tokens.grant(&format!("Bearer {token}")).is_some());
        assert!(new_token("x", &["a/b".to_owned()], &["read".to_owned()]).is_err());
        assert!(new_token("x", &["a".to_owned()], &["fly".to_owned()]).is_err());
    }

    #[test]
    fn admin_of_some_tenants_deletes_there_and_sees_no_pages_for_operators() {
        let check = |rights: &str, tenants: &str, access: Access, expected: bool| {
            let (tokens, token, _folder) = tokens(rights, tenants);
            let found = allowed(&tokens, &format!("Bearer {token}"), access);
            assert_eq!(found.is_ok(), expected, "{rights} of {tenants}: {access:?}");
        };
        let (delete, pages) = (Access::Tenant(Right::Delete), Access::Server(Right::Admin));
        let metrics = Access::Server(Right::Metrics);
        for (rights, tenants, expected) in [
            ("admin", "a", [true, false, false]),
            ("admin", "*", [true, true, true]),
            ("delete", "a", [true, false, false]),
            ("delete", "*", [true, false, false]),
            ("metrics", "*", [false, true, false]),
            ("metrics", "a", [false, false, false]),
            ("read,write", "*", [false, false, false]),
        ] {
            for (access, expected) in [delete, metrics, pages].into_iter().zip(expected) {
                check(rights, tenants, access, expected);
            }
        }
    }
}

//! Origin checks keep pages of other sites, open in a browser beside the server, from using it.
//!
//! Browsers say where a request comes from in `Origin` and `Sec-Fetch-Site`, which pages can't
//! forge; agents send neither. A page whose name was pointed at this machine (DNS rebinding) counts
//! as of the same origin, and is known by its `Host`.

use crate::config::Config;
use crate::error::ApiError;
use crate::telemetry::metrics::{Metrics, RefusalReason};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN, UPGRADE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Which names a request may call the server by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hosts {
    /// Any.
    Any,
    /// Those of this machine, as nothing else protects a server that only it can reach.
    Local,
}

impl Hosts {
    fn of(config: &Config) -> Hosts {
        let is_open =
            config.tokens_file.is_empty() && !config.server.tls.requires_client_certificate();
        let is_loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
        match config.listen() {
            Ok(address) if is_open && is_loopback(address.ip()) => Hosts::Local,
            _ => Hosts::Any,
        }
    }
}

/// What [`guard`] needs.
#[derive(Clone)]
pub(crate) struct Guard {
    hosts: Hosts,
    /// Where refusals are counted.
    metrics: Arc<Metrics>,
}

impl Guard {
    /// For a server with these settings.
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Guard {
        Guard {
            hosts: Hosts::of(config),
            metrics,
        }
    }
}

/// Middleware that refuses requests of other sites' pages with 403.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Err((why, text)) = check(guard.hosts, &request) else {
        return next.run(request).await;
    };
    guard.metrics.refuse("", why);
    tracing::debug!(reason = why.as_str(), "refused a request of another site");
    ApiError::new(StatusCode::FORBIDDEN, text).into_response()
}

fn check<B>(
    hosts: Hosts,
    request: &axum::http::Request<B>,
) -> Result<(), (RefusalReason, &'static str)> {
    let (uri, headers) = (request.uri(), request.headers());
    // Probes come by any name, and learn nothing.
    let any_name = uri.path() == "/ready" || is_call(request.version(), headers);
    if hosts == Hosts::Local && !any_name && !called(uri, headers).all(is_local) {
        let text = "the Host of this request is not of this machine: a server on loopback without tokens \
            answers to localhost, 127.0.0.0/8 and [::1] only\n";
        return Err((RefusalReason::ForeignHost, text));
    }
    if needs_origin(request.method(), uri.path(), headers) && is_foreign(uri, headers) {
        let text = "a page of another site may not change anything here or open a WebSocket: \
            the Origin of this request is not its Host\n";
        return Err((RefusalReason::ForeignOrigin, text));
    }
    Ok(())
}

/// Whether a request is a call of gRPC. Proxies name the server as their own settings do, and no page
/// can make one: browsers speak HTTP/2 over TLS only, where the certificate has to bear the name.
fn is_call(version: Version, headers: &HeaderMap) -> bool {
    let is_grpc = |value: &[u8]| {
        let kind = value.split(|&byte| matches!(byte, b'+' | b';')).next();
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/grpc"))
    };
    version == Version::HTTP_2
        && values(headers, &CONTENT_TYPE).all(is_grpc)
        && headers.contains_key(CONTENT_TYPE)
}

/// Whether a request changes something, or opens a WebSocket, whose answers browsers show to any
/// page.
fn needs_origin(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    // The one page that changes something by GET.
    let flushes = path == "/flush" || path.starts_with("/flush/");
    !is_safe || flushes || headers.contains_key(UPGRADE)
}

/// Whether a browser says that a page of another site sent it.
fn is_foreign(uri: &Uri, headers: &HeaderMap) -> bool {
    let sites: Vec<&[u8]> = values(headers, &SEC_FETCH_SITE).collect();
    match sites.as_slice() {
        // Of the same origin as the address the browser knows, whatever a proxy made of it.
        [b"same-origin"] => return false,
        [] | [b"none" | b"same-site"] => {}
        _ => return true,
    }
    let mut origins = values(headers, &ORIGIN).peekable();
    if origins.peek().is_none() {
        return sites == [b"same-site".as_slice()];
    }
    !origins.all(|origin| is_own(origin, uri, headers))
}

/// Whether an origin is one of the names that the request calls the server by.
fn is_own(origin: &[u8], uri: &Uri, headers: &HeaderMap) -> bool {
    let Some((port, authority)) = std::str::from_utf8(origin).ok().and_then(split_origin) else {
        return false;
    };
    let forwarded = values(headers, &X_FORWARDED_HOST)
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii);
    called(uri, headers)
        .chain(forwarded)
        .filter_map(parse)
        .any(|host| {
            host.host().eq_ignore_ascii_case(authority.host())
                && host.port_u16().unwrap_or(port) == authority.port_u16().unwrap_or(port)
        })
}

/// The port that an origin's scheme stands for, and its host with the port it names.
fn split_origin(origin: &str) -> Option<(u16, Authority)> {
    let (scheme, authority) = origin.split_once("://")?;
    let port = match scheme.to_ascii_lowercase().as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some((port, parse(authority.as_bytes())?))
}

fn is_local(host: &[u8]) -> bool {
    let Some(authority) = parse(host) else {
        return false;
    };
    let name = authority.host();
    let inner = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    match inner {
        Some(inner) => inner == "::1" || inner.parse() == Ok(Ipv6Addr::LOCALHOST),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
    }
}

/// A host with or without a port; nothing else, such as a user.
fn parse(host: &[u8]) -> Option<Authority> {
    Authority::try_from(host)
        .ok()
        .filter(|authority| !authority.as_str().contains('@'))
}

/// The names a request calls the server by: `Host`, and the authority of HTTP/2.
fn called<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> impl Iterator<Item = &'a [u8]> {
    let authority = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    authority.into_iter().chain(values(headers, &HOST))
}

fn values<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    headers
        .get_all(name)
        .into_iter()
        .map(|value| value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> axum::http::Request<()> {
        let mut builder = axum::http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).expect("a valid request")
    }

    /// What a push with `Host: logs.example:3100` and these headers is refused by.
    fn push(headers: &[(&str, &str)]) -> bool {
        let all = [&[("host", "logs.example:3100")], headers].concat();
        check(Hosts::Any, &request("POST", "/loki/api/v1/push", &all)).is_ok()
    }

    #[test]
    fn only_pages_of_the_same_origin_change_anything() {
        let own = ("origin", "http://logs.example:3100");
        for headers in [
            &[][..],
            &[own],
            &[("origin", "HTTP://LOGS.example:3100")],
            &[own, ("sec-fetch-site", "same-site")],
            &[own, ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[
                ("origin", "https://front.example"),
                ("x-forwarded-host", "front.example"),
            ],
            &[
                ("origin", "https://front.example"),
                ("x-forwarded-host", "a, front.example:443"),
            ],
            &[
                ("origin", "https://front.example"),
                ("sec-fetch-site", "same-origin"),
            ],
        ] {
            assert!(push(headers), "{headers:?}");
        }
        for headers in [
            &[("origin", "http://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "logs.example:3100")],
            &[("origin", "http://logs.example")],
            &[("origin", "http://logs.example:3101")],
            &[("origin", "http://logs.example:3100.evil.example")],
            &[("origin", "http://logs.example:3100@evil.example")],
            &[("origin", "http://evil.example@logs.example:3100")],
            &[("origin", "ftp://logs.example:3100")],
            &[own, ("origin", "http://evil.example")],
            &[own, ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[
                ("origin", "https://front.example"),
                ("x-forwarded-host", "other.example"),
            ],
        ] {
            assert!(!push(headers), "{headers:?}");
        }
    }

    #[test]
    fn what_only_reads_is_not_asked_where_it_comes_from() {
        let evil = [("host", "a"), ("origin", "http://evil.example")];
        let upgrade = [&evil[..], &[("upgrade", "websocket")]].concat();
        let check = |method: &str, path: &str, headers: &[(&str, &str)], passes: bool| {
            let passed = check(Hosts::Any, &request(method, path, headers)).is_ok();
            assert_eq!(passed, passes, "{method} {path} {headers:?}");
        };
        for method in ["GET", "HEAD", "OPTIONS"] {
            check(method, "/loki/api/v1/query", &evil, true);
        }
        for method in ["POST", "PUT", "DELETE", "PATCH", "CONNECT", "ODD"] {
            check(method, "/loki/api/v1/delete", &evil, false);
        }
        check("GET", "/flush", &evil, false);
        check("GET", "/loki/api/v1/tail", &upgrade, false);
        check("GET", "/loki/api/v1/tail", &evil, true);
    }

    #[test]
    fn on_loopback_only_names_of_this_machine_are_answered_to() {
        let passes = |host: &str, path: &str| {
            check(Hosts::Local, &request("GET", path, &[("host", host)])).is_ok()
        };
        for host in [
            "localhost",
            "LOCALHOST:3100",
            "127.0.0.1:3100",
            "127.8.9.1",
            "[::1]",
            "[::1]:3100",
        ] {
            assert!(passes(host, "/metrics"), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3100",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "10.0.0.1",
            "0.0.0.0:3100",
            "[::2]",
            "[::]",
            "",
        ] {
            assert!(!passes(host, "/metrics"), "{host}");
            assert!(passes(host, "/ready"), "{host}");
        }
        let of_http2 = request("GET", "http://evil.example/metrics", &[]);
        assert!(check(Hosts::Local, &of_http2).is_err());
        let without = request("GET", "/metrics", &[]);
        assert!(check(Hosts::Local, &without).is_ok(), "no browser omits it");
    }

    #[test]
    fn calls_of_grpc_come_by_any_name() {
        let passes = |version: Version, content_type: &str| {
            let headers = [("content-type", content_type)];
            let mut request = request("POST", "http://skald.logging/x.Y/Z", &headers);
            *request.version_mut() = version;
            check(Hosts::Local, &request).is_ok()
        };
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC; a=b",
        ] {
            assert!(passes(Version::HTTP_2, kind), "{kind}");
            assert!(
                !passes(Version::HTTP_11, kind),
                "{kind}: a page can send that"
            );
        }
        for kind in ["application/grpc-web", "application/json", ""] {
            assert!(!passes(Version::HTTP_2, kind), "{kind}");
        }
        let mut without = request("POST", "http://skald.logging/x.Y/Z", &[]);
        *without.version_mut() = Version::HTTP_2;
        assert!(
            check(Hosts::Local, &without).is_err(),
            "it has no content type"
        );
    }

    #[test]
    fn names_are_checked_while_nothing_else_protects_the_server() {
        let hosts = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            Hosts::of(&config)
        };
        assert_eq!(hosts(|_| {}), Hosts::Local);
        assert_eq!(
            hosts(|config| config.tokens_file = "a".to_owned()),
            Hosts::Any
        );
        assert_eq!(
            hosts(|config| config.server.tls.client_ca_file = "a".to_owned()),
            Hosts::Any
        );
        assert_eq!(
            hosts(|config| config.server.http_listen_address = "0.0.0.0".to_owned()),
            Hosts::Any
        );
        assert_eq!(
            hosts(|config| config.server.http_listen_address = "::1".to_owned()),
            Hosts::Local
        );
    }
}

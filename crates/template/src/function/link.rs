//! Functions on hosts and links: the server's address, hosts without port or domain, escapes.

use super::Param::Str;
use super::encode::query_escape;
use super::{Args, Function, Outcome, fixed, string, take};
use crate::value::Value;
use std::net::IpAddr;

pub(super) static FUNCTIONS: &[Function] = &[
    fixed("externalURL", &[], |env, _| {
        Ok(Value::text(env.alert()?.external_url))
    }),
    fixed("pathPrefix", &[], |env, _| {
        Ok(Value::text(path(env.alert()?.external_url)))
    }),
    fixed("graphLink", &[Str], |_, args| Ok(expression_link(args, 0))),
    fixed("tableLink", &[Str], |_, args| Ok(expression_link(args, 1))),
    fixed("urlQueryEscape", &[Str], |_, args| {
        Ok(Value::owned(query_escape(string(&args[0]))))
    }),
    fixed("stripPort", &[Str], |_, args| {
        on_text(args, |text| match host_and_port(text) {
            Some((host, _)) => host.to_owned(),
            None => text.to_owned(),
        })
    }),
    fixed("stripDomain", &[Str], |_, args| on_text(args, strip_domain)),
];

/// The path of an address.
fn path(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let from = after.find('/').unwrap_or(after.len());
    let path = &after[from..];
    &path[..path.find(['?', '#']).unwrap_or(path.len())]
}

/// Where Prometheus shows an expression.
fn expression_link<'a>(args: Args<'_, 'a>, tab: u8) -> Value<'a> {
    let query = query_escape(string(&args[0]));
    let query = String::from_utf8_lossy(&query);
    Value::owned(format!("/graph?g0.expr={query}&g0.tab={tab}"))
}

/// Changes a text; bytes that are none stay as they are.
fn on_text<'a>(args: Args<'_, 'a>, change: impl Fn(&str) -> String) -> Outcome<'a> {
    Ok(match std::str::from_utf8(string(&args[0])) {
        Ok(text) => Value::owned(change(text)),
        Err(_) => take(&mut args[0]),
    })
}

fn strip_domain(text: &str) -> String {
    let (host, port) = host_and_port(text).unwrap_or((text, ""));
    if host.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    let host = host.split('.').next().unwrap_or(host);
    match (port, host.contains(':')) {
        ("", _) => host.to_owned(),
        (port, true) => format!("[{host}]:{port}"),
        (port, false) => format!("{host}:{port}"),
    }
}

/// As `net.SplitHostPort`: the parts of `host:port` and `[host]:port`.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let (before, port) = text.rsplit_once(':')?;
    let host = match before.strip_prefix('[') {
        Some(inside) => inside.strip_suffix(']')?,
        None if before.contains(':') => return None,
        None => before,
    };
    let is_plain = |part: &str| !part.contains(['[', ']']);
    (is_plain(host) && is_plain(port)).then_some((host, port))
}

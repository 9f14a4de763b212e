//! Rights say what a token allows, and which of them each path needs.

use crate::senders;
use axum::http::Method;
use serde::Deserialize;

/// What a token may do with the data of its tenants, or with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Right {
    /// Query.
    Read,
    /// Push.
    Write,
    /// Make, list and take back delete requests.
    Delete,
    /// Change rules.
    Rules,
    /// Scrape `/metrics`.
    Metrics,
    /// Delete and change rules; with all tenants also the pages for operators.
    Admin,
}

impl Right {
    /// The verb of a refusal: "has no right to …".
    pub(super) fn verb(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Write => "write",
            Right::Delete => "delete",
            Right::Rules => "change rules",
            Right::Metrics => "scrape",
            Right::Admin => "administer",
        }
    }

    /// Whether a token with this right has that one too. Deletes were of `admin` before they had a
    /// right of their own.
    pub(super) fn includes(self, wanted: Right) -> bool {
        let of_admin = [Right::Delete, Right::Rules, Right::Metrics];
        self == wanted || self == Right::Admin && of_admin.contains(&wanted)
    }
}

/// What a request needs of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing, not even a token.
    Open,
    /// A right over the tenant that the request names.
    Tenant(Right),
    /// A right over the server: of no use to a token that is not for all tenants.
    Server(Right),
}

/// Where rules are read and changed, each with what lies below it: Loki's two, and Mimir's two that
/// its tools know.
const RULES: [&str; 4] = [
    "/loki/api/v1/rules",
    "/api/prom/rules",
    "/prometheus/config/v1/rules",
    "/api/v1/rules",
];

fn is_rules(path: &str) -> bool {
    let below = |begin: &&str| path.strip_prefix(*begin);
    let rest = RULES.iter().find_map(below);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a path needs. Paths that nobody knows are for operators.
pub(crate) fn needed(method: &Method, path: &str) -> Access {
    const ASKED: [&str; 4] = [
        "/loki/api/v1/",
        "/api/prom/",
        "/prometheus/api/v1/",
        "/skald/api/v1/",
    ];
    let reads = method == Method::GET || method == Method::HEAD;
    match path {
        "/ready" | "/" | "/ui" => Access::Open,
        // Files that are in every copy of the program; what the page asks for needs a token.
        _ if path.starts_with("/ui/") => Access::Open,
        _ if senders::route_of(path).is_some() => Access::Tenant(Right::Write),
        "/config/tenant/v1/limits" => Access::Tenant(Right::Read),
        "/loki/api/v1/delete" => Access::Tenant(Right::Delete),
        "/metrics" => Access::Server(Right::Metrics),
        _ if is_rules(path) => Access::Tenant(if reads { Right::Read } else { Right::Rules }),
        _ if ASKED.iter().any(|begin| path.starts_with(begin)) => Access::Tenant(Right::Read),
        _ => Access::Server(Right::Admin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_needs_its_right() {
        let check = |method: Method, path: &str, expected| {
            assert_eq!(needed(&method, path), expected, "{path}")
        };
        let (read, operator) = (Access::Tenant(Right::Read), Access::Server(Right::Admin));
        for path in ["/ready", "/", "/ui", "/ui/index.html"] {
            check(Method::GET, path, Access::Open);
        }
        check(
            Method::POST,
            "/loki/api/v1/push",
            Access::Tenant(Right::Write),
        );
        check(Method::POST, "/loki/api/v1/query_range", read);
        let rules = Access::Tenant(Right::Rules);
        for path in RULES {
            check(Method::GET, path, read);
            check(Method::POST, &format!("{path}/ns"), rules);
            check(Method::DELETE, &format!("{path}/ns/group"), rules);
        }
        check(Method::POST, "/loki/api/v1/rulesx", read);
        check(Method::POST, "/api/v1/rulesx", operator);
        check(Method::POST, "/skald/api/v1/rules/test", read);
        let deletes = Access::Tenant(Right::Delete);
        for method in [Method::GET, Method::POST, Method::DELETE] {
            check(method, "/loki/api/v1/delete", deletes);
        }
        check(Method::GET, "/metrics", Access::Server(Right::Metrics));
        for path in ["/config", "/flush", "/flush/tenant", "/whatever", "/uix"] {
            check(Method::GET, path, operator);
        }
    }
}

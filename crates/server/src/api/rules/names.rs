//! Names in the paths of rules: a namespace, and a group in it. `%2F` is a slash of the name.

use super::answers::{ErrorKind, error};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

/// Most bytes of a name.
const NAME_BYTES_MAX: usize = 1024;

/// A namespace.
pub(crate) struct Namespace(pub(super) String);

/// A namespace and a group.
pub(crate) struct GroupName(pub(super) String, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Namespace {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Namespace, Response> {
        let Path(namespace) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(IntoResponse::into_response)?;
        check("namespace", &namespace)?;
        Ok(Namespace(namespace))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for GroupName {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<GroupName, Response> {
        let Path((namespace, group)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(IntoResponse::into_response)?;
        check("namespace", &namespace)?;
        check("groupname", &group)?;
        Ok(GroupName(namespace, group))
    }
}

/// Refuses a name that would lead elsewhere where names are paths, with Loki's words and status.
#[expect(
    clippy::result_large_err,
    reason = "a response is what a handler gives"
)]
fn check(what: &str, name: &str) -> Result<(), Response> {
    let leads_elsewhere = name
        .split(['/', '\\'])
        .any(|part| part == ".." || part == ".");
    if leads_elsewhere {
        let text = format!("invalid {what}: path traversal not allowed");
        return Err(error(ErrorKind::ServerError, &text));
    }
    if name.len() > NAME_BYTES_MAX {
        let text = format!("invalid {what}: it has at most {NAME_BYTES_MAX} bytes");
        return Err(error(ErrorKind::BadData, &text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_slashes_but_lead_nowhere() {
        for name in ["a", "a/b", "a b", "..a", "...", "느림", "a%2Fb"] {
            assert!(check("namespace", name).is_ok(), "{name}");
        }
        for name in ["..", ".", "../a", "a/../b", "a/.", "a\\..\\b"] {
            assert!(check("namespace", name).is_err(), "{name}");
        }
    }
}

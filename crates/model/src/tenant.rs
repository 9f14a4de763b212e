//! A tenant owns data; its name is safe in paths, metrics and headers.

use std::fmt;
use std::sync::Arc;

/// Longest tenant name, in bytes; Loki's limit.
pub const TENANT_BYTES_MAX: usize = 150;

/// A valid tenant name: 1 to 150 of `[A-Za-z0-9]` and `!-_.*'()`, never `.` or `..`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

/// Why a text is no tenant name; the words are Loki's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TenantIdError {
    /// There was no text.
    #[error("no org id")]
    Empty,
    /// Longer than [`TENANT_BYTES_MAX`].
    #[error("tenant ID is too long: max 150 characters")]
    TooLong,
    /// A character outside the allowed set.
    #[error("tenant ID '{id}' contains unsupported character '{found}'")]
    Character {
        /// The whole text.
        id: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// `.` and `..` would be folders.
    #[error("tenant ID is '.' or '..'")]
    Dots,
}

impl TenantId {
    /// Checks the name rules. A `:key=value` suffix is stripped first, as Loki does.
    pub fn parse(text: &str) -> Result<TenantId, TenantIdError> {
        let id = text.split_once(':').map_or(text, |(id, _)| id);
        if id.is_empty() {
            return Err(TenantIdError::Empty);
        }
        if id.len() > TENANT_BYTES_MAX {
            return Err(TenantIdError::TooLong);
        }
        if let Some(found) = id
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || "!-_.*'()".contains(*c)))
        {
            return Err(TenantIdError::Character {
                id: id.to_owned(),
                found,
            });
        }
        if id == "." || id == ".." {
            return Err(TenantIdError::Dots);
        }
        Ok(TenantId(Arc::from(id)))
    }

    /// The tenant of everybody while `auth_enabled` is false; Loki's name for it.
    pub fn fake() -> TenantId {
        TenantId(Arc::from("fake"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_lokis_rules() {
        assert_eq!(
            TenantId::parse("team-a.1").map(|t| t.to_string()),
            Ok("team-a.1".to_owned())
        );
        assert_eq!(
            TenantId::parse("a:k=v").map(|t| t.to_string()),
            Ok("a".to_owned())
        );
        assert_eq!(TenantId::parse(""), Err(TenantIdError::Empty));
        assert_eq!(TenantId::parse(".."), Err(TenantIdError::Dots));
        assert_eq!(
            TenantId::parse("a/b"),
            Err(TenantIdError::Character {
                id: "a/b".to_owned(),
                found: '/'
            })
        );
        assert_eq!(
            TenantId::parse(&"a".repeat(151)),
            Err(TenantIdError::TooLong)
        );
    }
}

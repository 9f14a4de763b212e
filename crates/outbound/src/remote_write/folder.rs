//! Names of tenants and clients as names of folders, and back.

/// Letters, digits, `-` and `_` as they are; other bytes as `%2F`.
pub(super) fn folder_name(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What a folder is named after; `None` when it is none of ours.
pub(super) fn named_after(folder: &str) -> Option<String> {
    let mut parts = folder.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    let text = String::from_utf8(bytes).ok()?;
    (folder_name(&text) == folder && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        for (name, folder) in [
            ("team-a_1", "team-a_1"),
            ("../x", "%2E%2E%2Fx"),
            ("é%", "%C3%A9%25"),
        ] {
            assert_eq!(folder_name(name), folder);
            assert_eq!(named_after(folder).as_deref(), Some(name));
        }
        for strange in ["", "a b", "%2", "%zz", "%61", ".."] {
            assert_eq!(named_after(strange), None, "{strange}");
        }
    }
}

//! A page file is found by its name and carries the HTTP facts that follow from it.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

/// Name, hash of the content and content of each file, as the build listed them.
const FILES: &[(&str, &str, &[u8])] = include!("../../../ui/dist/files.in");

/// How long a client may use a file without asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// For ever: the name changes with the content.
    Immutable,
    /// Not at all: the name stays, so the client asks whether the ETag still holds.
    Revalidated,
}

/// A file of the page.
#[derive(Debug)]
pub struct PageFile {
    /// The content.
    pub bytes: Bytes,
    /// A strong ETag, quotes included.
    pub etag: String,
    /// With its charset.
    pub content_type: &'static str,
    /// How long it may be kept.
    pub freshness: Freshness,
    gzip: OnceLock<Bytes>,
}

impl PageFile {
    /// The content as gzip, compressed when it is first asked for.
    pub fn gzip(&self) -> Bytes {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            let written = encoder
                .write_all(&self.bytes)
                .and_then(|()| encoder.finish());
            Bytes::from(written.expect("memory can be written to"))
        };
        self.gzip.get_or_init(compress).clone()
    }
}

/// The file of this name; `index.html` is the page.
pub fn file(name: &str) -> Option<&'static PageFile> {
    static BY_NAME: LazyLock<HashMap<&str, PageFile>> = LazyLock::new(|| {
        let describe = |&(name, etag, bytes): &(&'static str, &str, &'static [u8])| {
            let file = PageFile {
                bytes: Bytes::from_static(bytes),
                etag: format!("\"{etag}\""),
                content_type: content_type(name),
                freshness: freshness(name),
                gzip: OnceLock::new(),
            };
            (name, file)
        };
        FILES.iter().map(describe).collect()
    });
    BY_NAME.get(name)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Characters of the hash in a name (`ui/vite.config.ts`).
const HASH_CHARS: usize = 10;

/// Names that carry a hash, such as `index-4f1c09a2b7.js`, never get another content.
fn freshness(name: &str) -> Freshness {
    let stem = name.split('.').next().unwrap_or("");
    match stem.rsplit_once('-') {
        Some((_, hash)) if hash.len() == HASH_CHARS => Freshness::Immutable,
        _ => Freshness::Revalidated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn names_say_how_long_a_file_may_be_kept() {
        for (name, expected) in [
            ("index-0123abcd9f.js", Freshness::Immutable),
            ("index.html", Freshness::Revalidated),
            ("licenses.txt", Freshness::Revalidated),
            ("some-name.js", Freshness::Revalidated),
        ] {
            assert_eq!(freshness(name), expected, "{name}");
        }
    }

    #[test]
    fn gzip_holds_the_same_bytes() {
        let index = file("index.html").expect("there is a page");
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&index.gzip()[..])
            .read_to_end(&mut plain)
            .expect("it is gzip");
        assert_eq!(plain, index.bytes);
        assert!(file("../Cargo.toml").is_none() && file("files.in").is_none());
    }
}

//! The page's files are listed by `npm run build` in ui/: name, hash of the content, content.

pub(crate) const FILES: &[(&str, &str, &[u8])] = &[
    ("draw-c99661b0ef.js", "9d33e710ffd1941fec9eb2a02cd5f355", include_bytes!("draw-c99661b0ef.js")),
    ("icon-76216d0a8f.svg", "c4414295e63399e48a4bd3306aa77e51", include_bytes!("icon-76216d0a8f.svg")),
    ("index-95e5fd88f9.js", "b04bb1812995ba80026ddf2cb596a2ba", include_bytes!("index-95e5fd88f9.js")),
    ("index.html", "ae62d997eb68fbdb9510ae36a57720bd", include_bytes!("index.html")),
    ("ko-2180744a63.js", "90b187fd320de800624b7caca0bc153b", include_bytes!("ko-2180744a63.js")),
    ("licenses.txt", "82db20bd96a745e85cea95731ceade49", include_bytes!("licenses.txt")),
    ("style-d72e5f55ed.css", "99dd35035e46d944a8b5bc992b302114", include_bytes!("style-d72e5f55ed.css")),
];

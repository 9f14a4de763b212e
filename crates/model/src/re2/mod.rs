//! Go's RE2 patterns run on Rust's regex engine: translation, size limits, and Go's error texts.
//!
//! Patterns are read by Go's rules ([`translate()`]) and written anew in Rust's syntax, so that
//! `\w`, `\b` and `{` mean what they mean in Go and what Go refuses is refused in Go's words. Not
//! translated: Go lets the dot match a byte that is no UTF-8, Rust does not.

mod class;
mod size;
mod translate;

pub use size::{bound_programs, program_bytes_max, together};

/// Deepest nesting of groups and repetitions; far beyond what people write.
const DEPTH_MAX: u32 = 250;

/// A pattern that can't be used, with the text Go would give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegexError(pub String);

/// A regex over text that must match the whole of it; the dot matches a newline.
pub fn anchored(pattern: &str) -> Result<regex::Regex, RegexError> {
    let rust = format!("^{}$", whole(pattern)?);
    fits(pattern, &rust)?;
    regex::RegexBuilder::new(&rust)
        .size_limit(program_bytes_max())
        .nest_limit(DEPTH_MAX)
        .build()
        .map_err(|e| engine_error(pattern, &e))
}

/// What [`anchored`] asks of all of a text, in Rust's syntax.
pub(crate) fn whole(pattern: &str) -> Result<String, RegexError> {
    Ok(format!("(?s:{})", translate(pattern)?))
}

/// A regex that searches bytes anywhere; the dot does not match a newline.
pub fn search(pattern: &str) -> Result<regex::bytes::Regex, RegexError> {
    let rust = translate(pattern)?;
    fits(pattern, &rust)?;
    regex::bytes::RegexBuilder::new(&rust)
        .size_limit(program_bytes_max())
        .nest_limit(DEPTH_MAX)
        .build()
        .map_err(|e| engine_error(pattern, &e))
}

/// Translates a pattern of Go into Rust's syntax.
pub fn translate(pattern: &str) -> Result<String, RegexError> {
    translate::translate(pattern)
        .map_err(|error| RegexError(format!("error parsing regexp: {error}")))
}

/// Refuses what is too large, before the engine begins to compile it.
fn fits(pattern: &str, rust: &str) -> Result<(), RegexError> {
    match size::take(rust, DEPTH_MAX) {
        true => Ok(()),
        false => Err(too_large(pattern)),
    }
}

fn too_large(pattern: &str) -> RegexError {
    RegexError(format!(
        "error parsing regexp: expression too large: `{pattern}`"
    ))
}

/// What the engine refuses although it is well formed: programs too large and groups too deep.
fn engine_error(pattern: &str, error: &regex::Error) -> RegexError {
    RegexError(match error {
        regex::Error::CompiledTooBig(_) => return too_large(pattern),
        error if error.to_string().contains("nest") => {
            format!("error parsing regexp: expression nests too deeply: `{pattern}`")
        }
        error => format!(
            "error parsing regexp: {}",
            error.to_string().replace('\n', " ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let regex = search(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        for text in matching {
            assert!(regex.is_match(text.as_bytes()), "{pattern} on {text:?}");
        }
        for text in other {
            assert!(!regex.is_match(text.as_bytes()), "{pattern} on {text:?}");
        }
    }

    fn refused(pattern: &str, expected: &str) {
        let error = search(pattern).map(|_| ()).expect_err(pattern);
        assert_eq!(
            error.0,
            format!("error parsing regexp: {expected}"),
            "{pattern}"
        );
        assert!(anchored(pattern).is_err());
    }

    #[test]
    fn what_go_writes_otherwise_means_the_same() {
        check(r"\Qa.b\E+", &["a.bb"], &["axb"]);
        check(r"\Q[x", &["[x"], &["x"]);
        check(r"a\z", &["ba"], &["a\n"]);
        check(r"\pL\p{Greek}\PN", &["xΩ-"], &["1Ω-"]);
        check(r"^\p{^Greek}$", &["x"], &["Ω"]);
        check(r"(?P<a>x)(?<b>y)", &["xy"], &["yx"]);
        check(r"[[:word:]]+!", &["a_1!"], &["-!"]);
        check(r"[[:^digit:]]", &["a"], &["1"]);
        check(r"(?U)a+?b", &["aab"], &["b"]);
        check(r"\x41\x{42}\103\0", &["ABC\0"], &["ABC"]);
        check(r"\a\f\t\n\r\v", &["\x07\x0c\t\n\r\x0b"], &[""]);
        check(r"a\-\/\_\ ", &["a-/_ "], &["a"]);
    }

    #[test]
    fn perl_classes_and_borders_are_ascii() {
        check(r"^\w$", &["a", "_"], &["é"]);
        check(r"^\d$", &["7"], &["٣"]);
        check(r"^\s$", &[" ", "\t"], &["\u{a0}", "\x0b"]);
        check(r"^\W$", &["é"], &["a"]);
        check(r"^[\d_\S]$", &["a", "_"], &[" "]);
        check(r"^[^\w]$", &["é"], &["a"]);
        check(r"\bx\b", &["éxé", "x"], &["ax"]);
    }

    #[test]
    fn braces_and_brackets_that_are_no_operators_are_text() {
        check(r"{{.x}}", &["percent {{.x}}"], &["x"]);
        check(r"a{,2}", &["a{,2}"], &["aa"]);
        check(r"x{100,}", &[&"x".repeat(100)], &["xx"]);
        check(r"a]", &["a]"], &["a"]);
        check(r"[]a]", &["]", "a"], &["["]);
        check(r"[a&&b~~c[]", &["&", "~", "["], &["d"]);
        check(r"^[[:]$", &["[", ":"], &["]"]);
        check(r"^[[:a]$", &["[", ":", "a"], &["]"]);
        check(r"[--/]", &["-", ".", "/"], &["0"]);
        check(r"[a-]", &["a", "-"], &["b"]);
        check(r"[^a]", &["\n"], &["a"]);
        check("a#b c", &["a#b c"], &["a"]);
    }

    #[test]
    fn anchored_regexes_match_whole_texts_and_newlines() {
        let regex = anchored("a.*b|c").expect("regex is valid");
        assert!(
            regex.is_match("a\nb")
                && regex.is_match("c")
                && !regex.is_match("xc")
                && !regex.is_match("cx")
        );
        assert!(
            anchored(r"a\Bb.*\bc")
                .is_ok_and(|regex| regex.is_match("ab c") && !regex.is_match("abc"))
        );
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        refused("(", "missing closing ): `(`");
        refused("(a|b", "missing closing ): `(a|b`");
        refused("a)", "unexpected ): `a)`");
        refused("[", "missing closing ]: `[`");
        refused("x[a-", "missing closing ]: `[a-`");
        refused("[z-a]", "invalid character class range: `z-a`");
        refused(r"[a-\d]", r"invalid character class range: `a-\d`");
        refused("(?P<bad-name>x)", "invalid named capture: `(?P<bad-name>`");
        refused("(?P<x", "invalid named capture: `(?P<x`");
        refused("*", "missing argument to repetition operator: `*`");
        refused("a|+", "missing argument to repetition operator: `+`");
        refused("(?i)*", "missing argument to repetition operator: `*`");
        refused("a**", "invalid nested repetition operator: `**`");
        refused("a*?+", "invalid nested repetition operator: `*?+`");
        refused("a{1001}", "invalid repeat count: `{1001}`");
        refused("a{2,1}", "invalid repeat count: `{2,1}`");
        refused(r"\y", r"invalid escape sequence: `\y`");
        refused(r"\C", r"invalid escape sequence: `\C`");
        refused(r"\8", r"invalid escape sequence: `\8`");
        refused(r"\Z", r"invalid escape sequence: `\Z`");
        refused(r"\x{110000}", r"invalid escape sequence: `\x{110000`");
        refused("a\\", "trailing backslash at end of expression: ``");
        refused("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
        refused("(?x)a", "invalid or unsupported Perl syntax: `(?x`");
        refused(
            r"\p{Klingon}",
            r"invalid character class range: `\p{Klingon}`",
        );
        refused("[[:nope:]]", "invalid character class range: `[:nope:]`");
        refused("[[::]]", "invalid character class range: `[::]`");
        refused(
            "[[:^^digit:]]",
            "invalid character class range: `[:^^digit:]`",
        );
        refused("[[:", "missing closing ]: `[[:`");
    }

    #[test]
    fn programs_are_bounded() {
        assert!(search("((a{100}){100}){100}").is_err());
        assert!(search(&"(".repeat(10_000)).is_err());
        assert!(search(&format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000))).is_err());
    }
}

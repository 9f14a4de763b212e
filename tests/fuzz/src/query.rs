//! Any text: parsing ends, an error lies inside the text, and what parses prints to what means the
//! same.

use skald_logql::syntax;
use skald_logql::typed::{self, Options};

/// Reads, prints and compiles.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let expr = match syntax::parse(text) {
        Ok(expr) => expr,
        Err(error) => {
            let (start, end) = (error.span.start as usize, error.span.end as usize);
            assert!(
                start <= end && end <= text.len(),
                "{start}..{end} in {} bytes",
                text.len()
            );
            return;
        }
    };
    let printed = syntax::print(&expr);
    // Numbers that are none (0/0) and infinite ones have no text that reads back.
    if !printed.contains("NaN")
        && !printed.contains("Inf")
        && printed.len() <= syntax::QUERY_BYTES_MAX
    {
        assert_eq!(syntax::parse(&printed).as_ref(), Ok(&expr), "{printed}");
        let pretty = syntax::pretty(&expr);
        if pretty.len() <= syntax::QUERY_BYTES_MAX {
            assert_eq!(syntax::parse(&pretty).as_ref(), Ok(&expr), "{pretty}");
        }
    }
    if let Ok(selector) = syntax::parse_selector(text) {
        assert_eq!(
            syntax::parse_selector(&syntax::print_selector(&selector)),
            Ok(selector)
        );
    }
    let _ = typed::compile(&expr, &Options::default());
}

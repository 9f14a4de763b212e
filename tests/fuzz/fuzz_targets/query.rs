//! Any text: parsing ends, and what parses prints to something that means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skald_logql::syntax;
use skald_logql::typed::{self, Options};

fuzz_target!(|text: &str| {
    let Ok(expr) = skald_logql::parse(text) else { return };
    let printed = syntax::print(&expr);
    let again = skald_logql::parse(&printed);
    assert_eq!(again.as_ref(), Ok(&expr), "{printed}");
    let pretty = syntax::pretty(&expr);
    assert_eq!(skald_logql::parse(&pretty).as_ref(), Ok(&expr), "{pretty}");
    let _ = typed::compile(&expr, &Options::default());
});

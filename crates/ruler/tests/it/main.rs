//! Rules: files and texts.

mod rule_files;

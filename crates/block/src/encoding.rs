//! Encoding tags are the numbers that name, on disk, how lines and fields are written.

use skald_fields::Form;

/// The bytes of all lines as they are.
pub(crate) const LINES_PLAIN: u8 = 0;
/// All lines in one zstd frame.
pub(crate) const LINES_ZSTD: u8 = 1;
/// Skeletons and whole lines; the values are columns of their own.
pub(crate) const LINES_SHREDDED: u8 = 2;
/// Skeletons of JSON objects, and no whole lines.
pub(crate) const LINES_SHREDDED_JSON: u8 = 3;
/// Skeletons of logfmt pairs, and no whole lines.
pub(crate) const LINES_SHREDDED_LOGFMT: u8 = 4;
/// Two zstd frames, the second of the newest rows; in blocks of one run of version 3.
pub(crate) const LINES_OLDER_NEWEST: u8 = 5;
/// The newest lines in frames, each of one run or of several small ones.
pub(crate) const NEWEST_FRAMES: u8 = 6;

/// Set in the encoding of a field's column when some value is written with escapes.
pub(crate) const FIELD_ESCAPED: u8 = 0x80;

/// The tag of shredded lines that all have this form; `None` when forms differ or some lines are
/// whole.
pub(crate) fn shredded(form: Option<Form>) -> u8 {
    match form {
        None => LINES_SHREDDED,
        Some(Form::Json) => LINES_SHREDDED_JSON,
        Some(Form::Logfmt) => LINES_SHREDDED_LOGFMT,
    }
}

/// Whether lines of this encoding are assembled from columns.
pub(crate) fn is_shredded(encoding: u8) -> bool {
    (LINES_SHREDDED..=LINES_SHREDDED_LOGFMT).contains(&encoding)
}

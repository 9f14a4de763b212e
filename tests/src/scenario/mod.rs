//! Requests and the answers they must get, written as text: `tests/http`. README.md there has the
//! form.
//!
//! [`parse`] reads a file, [`run`] asks a server. Nothing here knows what the right answers are.

mod compare;
pub mod parse;
pub mod run;

use serde_json::Value;

pub use crate::BASE_S;

/// One file.
#[derive(Debug, Default)]
pub struct File {
    /// Settings of the server, as a configuration file.
    pub config: String,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug)]
pub enum Step {
    /// A push that must be taken, as the body of a JSON push.
    Load(Value),
    /// The head becomes parts.
    Flush,
    /// Parts are merged.
    Compact,
    /// The server is stopped in order and started again.
    Restart,
    /// A request with what must come back.
    Ask(Box<Ask>),
}

/// A request and its answer.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Line of the file.
    pub line: usize,
    /// What it shows.
    pub title: String,
    /// `GET` and so on.
    pub method: String,
    /// Path, with or without a query.
    pub target: String,
    /// Parameters: in the URL, or with `POST` in a form.
    pub params: Vec<(String, String)>,
    /// Request headers.
    pub headers: Vec<(String, String)>,
    /// A body as it is, instead of a form.
    pub body: Option<String>,
    /// The answer.
    pub expect: Expect,
}

/// What must come back.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// HTTP status.
    pub status: u16,
    /// Headers: a value, `*` for any, `-` for none.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// How a body is looked at.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// Not at all.
    #[default]
    Any,
    /// It is this text.
    Text(String),
    /// It is this JSON; the text `*` stands for any value.
    Json(Value),
    /// It has at least these keys with these values, and lists of just these elements.
    Like(Value),
    /// It contains each of these texts.
    Has(Vec<String>),
}

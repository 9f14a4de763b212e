//! Faults say what is wrong with a rule, in Loki's words where it has some, and where.

use std::fmt;

/// Something wrong in a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Fault {
    /// Where.
    pub place: FaultPlace,
    /// What.
    pub text: String,
}

/// Where a fault is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlace {
    /// Line of the text, from 1 on, where the reader knows it.
    pub line: Option<usize>,
    /// Name of the group.
    pub group: Option<String>,
    /// Number of the rule within its group, from 0 on.
    pub rule: Option<usize>,
}

impl Fault {
    /// A fault of the whole text.
    pub(super) fn of_text(line: Option<usize>, text: impl Into<String>) -> Fault {
        Fault {
            place: FaultPlace {
                line,
                ..FaultPlace::default()
            },
            text: text.into(),
        }
    }
}

impl fmt::Display for FaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
        }
        match (&self.group, self.rule) {
            (Some(group), Some(rule)) => write!(f, "group \"{group}\", rule {}", rule + 1),
            (Some(group), None) => write!(f, "group \"{group}\""),
            (None, _) => Ok(()),
        }
    }
}

/// All of them in one line, as Loki answers.
pub fn joined(faults: &[Fault]) -> String {
    let texts: Vec<&str> = faults.iter().map(|fault| fault.text.as_str()).collect();
    texts.join(", ")
}

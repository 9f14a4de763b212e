//! A series key is built from the labels that decide which series a sample belongs to.

use super::labels::{Category, ERROR, ERROR_DETAILS, Item, LabelSet};
use super::names::{NameId, StaticNames};
use super::series::put_label;
use super::span::Input;
use crate::ast::Grouping;

/// A label of a series' key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyLabel {
    /// Any but the two below.
    Label(NameId),
    /// `__error__`
    Error,
    /// `__error_details__`
    Details,
}

/// Which labels make a series.
#[derive(Debug, Clone)]
pub(super) enum Key {
    /// These, sorted by name.
    By(Vec<KeyLabel>),
    /// All but these.
    Without(Vec<KeyLabel>, Empty),
}

/// What becomes of labels that a parser or a formatter set to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// They are labels of the series, as in the answer of a log query: `x=""`.
    Shown,
    /// They are as good as absent, as in all groups.
    Hidden,
}

impl Key {
    /// The key for a grouping; without one, all labels but the one the value is taken from.
    pub(super) fn compile(
        grouping: Option<&Grouping>,
        empty: Empty,
        unkeyed: Option<NameId>,
        names: &mut StaticNames,
    ) -> Key {
        let Some(grouping) = grouping else {
            return Key::Without(unkeyed.map(KeyLabel::Label).into_iter().collect(), empty);
        };
        let mut sorted: Vec<&String> = grouping.labels.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let label = |name: &&String| match name.as_str() {
            ERROR => KeyLabel::Error,
            ERROR_DETAILS => KeyLabel::Details,
            name => KeyLabel::Label(names.id(name)),
        };
        let labels = sorted.iter().map(label).collect();
        if grouping.without {
            Key::Without(labels, empty)
        } else {
            Key::By(labels)
        }
    }

    /// The label that alone tells groups apart.
    pub(super) fn one_label(&self) -> Option<NameId> {
        match self {
            Key::By(names) => match names[..] {
                [KeyLabel::Label(name)] => Some(name),
                _ => None,
            },
            Key::Without(..) => None,
        }
    }

    /// Appends the key of the line at hand.
    pub(super) fn put(&self, labels: &LabelSet, input: Input<'_>, key: &mut Vec<u8>) {
        match self {
            Key::By(names) => {
                for name in names {
                    let (name, value) = match name {
                        KeyLabel::Error => (ERROR, labels.error()),
                        KeyLabel::Details => (ERROR_DETAILS, labels.details(input)),
                        KeyLabel::Label(name) => {
                            let Some((span, _)) = labels.find(input, *name) else {
                                continue;
                            };
                            (labels.names.text(*name), labels.text(input, span))
                        }
                    };
                    if !value.is_empty() {
                        put_label(key, name, value);
                    }
                }
            }
            Key::Without(names, empty) => put_all(labels, input, (names, *empty), key),
        }
    }
}

/// Appends all labels but `names` to a key.
fn put_all(
    labels: &LabelSet,
    input: Input<'_>,
    (names, empty): (&[KeyLabel], Empty),
    key: &mut Vec<u8>,
) {
    let kept = |label| !names.contains(&label);
    let shown = |item: &Item| {
        !item.value.is_empty() || (empty == Empty::Shown && item.category == Category::Parsed)
    };
    let errors = [
        (KeyLabel::Error, ERROR, labels.error()),
        (KeyLabel::Details, ERROR_DETAILS, labels.details(input)),
    ];
    let mut errors = errors
        .into_iter()
        .filter(|(label, _, value)| !value.is_empty() && kept(*label))
        .peekable();
    labels.with_sorted(input, |items| {
        for item in items {
            let (name, value) = (labels.names.text(item.name), labels.text(input, item.value));
            while let Some((_, error, value)) = errors.next_if(|(_, error, _)| *error < name) {
                put_label(key, error, value);
            }
            if shown(item) && kept(KeyLabel::Label(item.name)) {
                put_label(key, name, value);
            }
        }
    });
    for (_, error, value) in errors {
        put_label(key, error, value);
    }
}

//! Bulk bodies: action lines, each followed by its document, in NDJSON.
//!
//! Empty lines are passed over. A line that should be an action and is none gets an item of its own
//! in the answer, and reading goes on at the next line that is one.

use crate::decode::decoded::Decoded;
use crate::decode::grouped::Grouped;
use crate::decode::json_fields::{self, Members};
use crate::decode::json_tree::Node;
use crate::receivers::Reception;
use crate::receivers::elasticsearch::document;
use crate::rejection::BodyError;
use crate::room::Room;
use hashbrown::HashMap;
use std::rc::Rc;

/// What a client asked for in one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Index,
    Update,
    Delete,
}

impl Action {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Index => "index",
            Action::Update => "update",
            Action::Delete => "delete",
        }
    }

    fn of(name: &str) -> Option<Action> {
        let all = [
            Action::Create,
            Action::Index,
            Action::Update,
            Action::Delete,
        ];
        all.into_iter().find(|action| action.as_str() == name)
    }
}

/// What became of one item while it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ItemState {
    /// An entry, at this position.
    Entry(u32),
    /// Refused: type and reason of the error.
    Refused(&'static str, String),
}

/// One item of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) action: Action,
    /// Items of equal action lines share it.
    pub(super) index: Rc<str>,
    /// Empty when the client gave none.
    pub(super) id: String,
    pub(super) state: ItemState,
}

/// The items of a request: [`Decoded::note`].
#[derive(Debug, Default)]
pub(super) struct Items {
    pub(super) items: Vec<Item>,
    /// For ids of documents that came without one.
    pub(super) now: i64,
}

/// Index of documents that name none.
const NO_INDEX: &str = "_unnamed";

pub(super) fn decode<'m>(
    reception: &Reception<'m>,
    mut room: Room,
) -> Result<Decoded<'m>, BodyError> {
    let text = reception.text(&mut room)?;
    let mut bulk = Reader::new(reception, room);
    let mut lines = text
        .split('\n')
        .map(|line| line.trim_ascii())
        .filter(|line| !line.is_empty())
        .peekable();
    if lines.peek().is_none() {
        return Err(BodyError::malformed("request body is required"));
    }
    while let Some(line) = lines.next() {
        match bulk.action(line)? {
            Ok(Parsed {
                action: Action::Delete,
                index,
                id,
            }) => bulk.unsupported(Action::Delete, index, id)?,
            Ok(parsed) => match lines.next() {
                Some(line) => bulk.document(parsed, line)?,
                None => bulk.item(
                    parsed,
                    ItemState::Refused(
                        "illegal_argument_exception",
                        "the action has no document: the body ends after it".to_owned(),
                    ),
                )?,
            },
            Err(reason) => {
                bulk.refuse_line(reason)?;
                // What is no action after it is its document, most likely.
                while let Some(next) = lines.peek()
                    && bulk.action(next)?.is_err()
                {
                    lines.next();
                }
            }
        }
    }
    bulk.finish()
}

/// A single document: the body is one JSON object.
pub(super) fn decode_single<'m>(
    reception: &Reception<'m>,
    mut room: Room,
) -> Result<Decoded<'m>, BodyError> {
    let text = reception.text(&mut room)?;
    let mut bulk = Reader::new(reception, room);
    let parsed = Parsed {
        action: Action::Index,
        index: bulk.index.clone(),
        id: reception.parameter("id").unwrap_or_default().to_owned(),
    };
    bulk.document(parsed, text.trim_ascii())?;
    bulk.finish()
}

/// An action line.
#[derive(Clone)]
struct Parsed {
    action: Action,
    index: Rc<str>,
    id: String,
}

/// Most distinct action lines that are cached: as many as most writers have indices.
const CACHED_ACTIONS_MAX: usize = 64;

struct Reader<'m> {
    grouped: Grouped<'m>,
    items: Vec<Item>,
    now: i64,
    /// The index of the path.
    index: Rc<str>,
    /// Action lines without an id by their text: many are equal.
    actions: HashMap<&'m str, Parsed, foldhash::quality::RandomState>,
}

impl<'m> Reader<'m> {
    /// Nothing yet; documents that name no index go to that of the path.
    fn new(reception: &Reception<'m>, room: Room) -> Reader<'m> {
        Reader {
            grouped: Grouped::within(room, reception.limits),
            items: Vec::new(),
            now: reception.now,
            index: reception.parameter("index").unwrap_or(NO_INDEX).into(),
            actions: HashMap::default(),
        }
    }

    /// As [`Reader::read_action`], which is done once for equal lines that name no id.
    fn action(&mut self, line: &'m str) -> Result<Result<Parsed, String>, BodyError> {
        if let Some(parsed) = self.actions.get(line) {
            return Ok(Ok(parsed.clone()));
        }
        let read = self.read_action(line)?;
        if let Ok(parsed) = &read
            && parsed.id.is_empty()
            && self.actions.len() < CACHED_ACTIONS_MAX
        {
            let bytes = 2 * size_of::<(&str, Parsed)>() + parsed.index.len();
            self.grouped.take(bytes)?;
            self.actions.insert(line, parsed.clone());
        }
        Ok(read)
    }

    /// Reads an action line; the inner error says why it is none. Its first name is the action. What
    /// else stands there is passed over, as Elasticsearch does: writers keep notes of their own there.
    fn read_action(&mut self, line: &str) -> Result<Result<Parsed, String>, BodyError> {
        let members = match self.object(line)? {
            Ok(members) => members,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some((name, of)) = members.into_iter().next() else {
            return Ok(Err("an action has a name".to_owned()));
        };
        let Some(action) = Action::of(&name) else {
            return Ok(Err(format!(
                "expected create, index, update or delete, found {:.40?}",
                &*name
            )));
        };
        let mut of = match of {
            Node::Object(of) => of,
            Node::Null => Members::new(),
            other => return Ok(Err(format!("the action is {}", other.kind()))),
        };
        let mut text = |name| json_fields::take_text(&mut of, [name]);
        Ok(Ok(Parsed {
            action,
            index: text("_index").map_or_else(|| self.index.clone(), Into::into),
            id: text("_id").map_or_else(String::new, Into::into),
        }))
    }

    /// The members of a line that is an object, or why it is none.
    fn object<'t>(&mut self, line: &'t str) -> Result<Result<Members<'t>, String>, BodyError> {
        match self.grouped.parse_json(line.as_bytes()) {
            Ok(Node::Object(members)) => Ok(Ok(members)),
            Ok(other) => Ok(Err(format!("expected an object, found {}", other.kind()))),
            Err(BodyError::Malformed(text)) => Ok(Err(text)),
            Err(other) => Err(other),
        }
    }

    fn document(&mut self, parsed: Parsed, line: &'m str) -> Result<(), BodyError> {
        if parsed.action == Action::Update {
            return self.unsupported(parsed.action, parsed.index, parsed.id);
        }
        let state = match self.object(line)? {
            Ok(members) => {
                let now = self.now;
                let index = &parsed.index;
                ItemState::Entry(document::entry(
                    &mut self.grouped,
                    index,
                    members,
                    line,
                    now,
                )?)
            }
            Err(reason) => ItemState::Refused(
                "document_parsing_exception",
                format!("failed to parse: {reason}"),
            ),
        };
        self.item(parsed, state)
    }

    /// Documents are lines of a log here: they are not changed, and deleted by other means.
    fn unsupported(&mut self, action: Action, index: Rc<str>, id: String) -> Result<(), BodyError> {
        let reason = format!("{} is not supported: create and index are", action.as_str());
        let parsed = Parsed { action, index, id };
        let state = ItemState::Refused("illegal_argument_exception", reason);
        self.item(parsed, state)
    }

    fn refuse_line(&mut self, reason: String) -> Result<(), BodyError> {
        let parsed = Parsed {
            action: Action::Index,
            index: self.index.clone(),
            id: String::new(),
        };
        let reason = format!("malformed action/metadata line: {reason}");
        self.item(
            parsed,
            ItemState::Refused("illegal_argument_exception", reason),
        )
    }

    fn item(&mut self, parsed: Parsed, state: ItemState) -> Result<(), BodyError> {
        let Parsed { action, index, id } = parsed;
        let reason = match &state {
            ItemState::Entry(_) => 0,
            ItemState::Refused(_, reason) => reason.len(),
        };
        // The item and its part of the answer.
        let bytes = 2 * (size_of::<Item>() + index.len() + id.len() + reason) + 128;
        self.grouped.take(bytes)?;
        self.items.push(Item {
            action,
            index,
            id,
            state,
        });
        Ok(())
    }

    fn finish(self) -> Result<Decoded<'m>, BodyError> {
        let mut decoded = self.grouped.finish()?;
        decoded.note = Some(Box::new(Items {
            items: self.items,
            now: self.now,
        }));
        Ok(decoded)
    }
}

//! Answers that several receivers share: what was refused as a text, or as a JSON object.

use crate::receivers::receiver::Taken;
use crate::reply::PushReply;
use serde_json::json;

/// The status and text of what went wrong; `None` when all was taken, and when what was not never
/// will be although its neighbours were: senders that retry everything would do so in vain.
pub(super) fn failure_to_retry(taken: &Taken<'_>) -> Option<(u16, String)> {
    let in_vain = match taken {
        Taken::Read(outcome) => outcome.stored > 0 && outcome.rejections.status() == 400,
        Taken::Refused { .. } => false,
    };
    failure(taken).filter(|_| !in_vain)
}

/// The status and text of what went wrong; `None` when all was taken.
fn failure(taken: &Taken<'_>) -> Option<(u16, String)> {
    match taken {
        Taken::Refused { status, text } => Some((*status, (*text).to_owned())),
        Taken::Read(outcome) => {
            let text = outcome.rejections.text()?;
            Some((outcome.rejections.status(), text))
        }
    }
}

/// `status` and `{}`, or `{"error": …}`, to a sender that retries everything.
pub(super) fn retried(status: u16, taken: &Taken<'_>) -> PushReply {
    match failure_to_retry(taken) {
        None => PushReply::json(status, &json!({})),
        Some(failure) => error(failure),
    }
}

/// `status` and `{}`, or `{"error": …}`, to a sender that hears about each event.
pub(super) fn json_object(status: u16, taken: &Taken<'_>) -> PushReply {
    match failure(taken) {
        None => PushReply::json(status, &json!({})),
        Some(failure) => error(failure),
    }
}

fn error((status, text): (u16, String)) -> PushReply {
    PushReply::json(status, &json!({ "error": text }))
}

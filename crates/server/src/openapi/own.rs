//! Operations that Skald has beside Loki's, for its page and for programs.

use super::params::*;
use super::table::{BOTH, Body, GET, Operation, POST, RANGE, read};

/// All of them but `export`, which stands with the queries.
pub(super) fn operations() -> Vec<Operation> {
    let mut all = queries();
    all.extend(people());
    all
}

fn queries() -> Vec<Operation> {
    vec![
        Operation {
            methods: BOTH,
            answer: "`before`, `at` and `after`: entries from the oldest to the newest, and whether there are more.",
            ..read(
                "/skald/api/v1/entries/around",
                "Entries before, at and after an instant, in their total order",
                &[&[LOG_QUERY, AROUND_TIME, AROUND_BEFORE, AROUND_AFTER]],
            )
        },
        Operation {
            answer: "`kind` of what fits, where it begins (`from`, in characters), and `choices` with counts.",
            ..read(
                "/skald/api/v1/complete",
                "What may be written at a place in a query",
                &[&[TYPED_QUERY, CARET, CHOICE_LIMIT], &RANGE],
            )
        },
        Operation {
            answer: "`valid` and the kind, or the mistake: `error`, `start` and `end` in characters, `fix`, `message`.",
            ..read(
                "/skald/api/v1/parse",
                "Whether a query can be read, and where not",
                &[&[TYPED_QUERY]],
            )
        },
    ]
}

fn people() -> Vec<Operation> {
    let session = "/skald/api/v1/session";
    let saved = "/skald/api/v1/saved";
    let done = |path, methods, summary, params: &[Param]| Operation {
        methods,
        body: Body::None,
        answer: "Done.",
        ..read(path, summary, &[params])
    };
    vec![
        Operation {
            methods: GET,
            answer: "`tenants`, and the one the request names.",
            ..read(
                "/skald/api/v1/tenants",
                "Tenants that the token may see",
                &[],
            )
        },
        Operation {
            methods: GET,
            answer: "`sources` with times, counts, `lag_seconds` and what was refused, each reason with a sample and the setting that would allow it.",
            ..read(
                "/skald/api/v1/sources",
                "Who sends logs, and what became of them",
                &[],
            )
        },
        done(
            session,
            POST,
            "Remember the request's token in a cookie for 12 hours",
            &[],
        ),
        done(session, &["DELETE"], "End the session", &[]),
        Operation {
            methods: GET,
            answer: "Searches by name.",
            ..read(saved, "Saved searches", &[])
        },
        done(
            saved,
            POST,
            "Save a search: JSON with `name`, `query`, `from`, `to`, `columns`",
            &[],
        ),
        done(saved, &["DELETE"], "Remove a saved search", &[SAVED_NAME]),
    ]
}

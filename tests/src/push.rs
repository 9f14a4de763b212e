//! A JSON push, put together entry by entry.

use crate::http::{Answer, Client};
use crate::{API, BASE_S};
use serde_json::{Value, json};

/// Streams of one push.
#[derive(Clone, Debug, Default)]
pub struct Push {
    streams: Vec<Value>,
}

impl Push {
    /// Begins with a stream of these labels, a JSON object.
    pub fn stream(labels: Value) -> Push {
        Push::default().and_stream(labels)
    }

    /// Begins the next stream.
    pub fn and_stream(mut self, labels: Value) -> Push {
        self.streams.push(json!({"stream": labels, "values": []}));
        self
    }

    /// Adds an entry `seconds` after [`BASE_S`] to the last stream.
    pub fn entry(self, seconds: i64, line: &str) -> Push {
        self.at((BASE_S + seconds) * 1_000_000_000, line)
    }

    /// Adds an entry at a time in nanoseconds since 1970.
    pub fn at(self, time: i64, line: &str) -> Push {
        self.value(json!([time.to_string(), line]))
    }

    /// The same as [`Push::entry`] with structured metadata, a JSON object.
    pub fn with_metadata(self, seconds: i64, line: &str, metadata: Value) -> Push {
        let time = (BASE_S + seconds) * 1_000_000_000;
        self.value(json!([time.to_string(), line, metadata]))
    }

    /// Adds the third element of a stream's `values` as it stands.
    fn value(mut self, value: Value) -> Push {
        let stream = self.streams.last_mut().expect("a stream is begun first");
        let values = stream["values"].as_array_mut();
        values.expect("values are a list").push(value);
        self
    }

    /// The body.
    pub fn body(&self) -> String {
        json!({"streams": self.streams}).to_string()
    }

    /// Pushes as the only tenant; it must be taken.
    pub fn to(&self, client: &Client) {
        let answer = self.send(client, "");
        assert_eq!(answer.status, 204, "{}", answer.text);
    }

    /// Pushes as a tenant and gives the answer.
    pub fn send(&self, client: &Client, tenant: &str) -> Answer {
        let headers = [
            ("X-Scope-OrgID", tenant),
            ("Content-Type", "application/json"),
        ];
        let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned()));
        client
            .send(
                "POST",
                &format!("{API}/push"),
                &headers,
                self.body().as_bytes(),
            )
            .expect("the server answers")
    }
}

//! The load: numbered lines pushed until each is acknowledged, queries, and tails quick and slow.

use crate::http::Client;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Threads that push.
const PUSHERS: usize = 2;

/// Threads that query.
const QUERIERS: usize = 2;

/// Lines of one push.
const BATCH_LINES: u64 = 200;

/// Streams each pusher has.
const STREAMS: u64 = 20;

/// What a round saw.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) queries: u64,
    pub(super) frames: u64,
}

/// The load over all rounds.
pub(super) struct Load {
    began: i64,
    pushers: Vec<Mutex<Pusher>>,
    /// Between two pushes of one pusher.
    pause: Duration,
}

/// Who sends numbered lines; a batch is the same until it is acknowledged.
#[derive(Default)]
struct Pusher {
    acknowledged: u64,
    unacknowledged: Option<String>,
}

impl Load {
    pub(super) fn new(lines_per_second: u32) -> Load {
        let batches = f64::from(lines_per_second.max(1)) / BATCH_LINES as f64 / PUSHERS as f64;
        Load {
            began: now(),
            pushers: (0..PUSHERS).map(|_| Mutex::default()).collect(),
            pause: Duration::from_secs_f64(1.0 / batches),
        }
    }

    /// One round against a server; fails when a query does, or a push for another reason than being
    /// refused for a moment.
    pub(super) fn run(&self, address: &str, lasts: Duration) -> Result<Tally, String> {
        let (stop, queries, frames) =
            (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        let wrong: Mutex<Option<String>> = Mutex::new(None);
        let fail = |why: String| {
            stop.store(true, Ordering::Relaxed);
            wrong
                .lock()
                .expect("no thread panics with it")
                .get_or_insert(why);
        };
        let over = |began: Instant| stop.load(Ordering::Relaxed) || began.elapsed() > lasts;
        let began = Instant::now();
        std::thread::scope(|scope| {
            for number in 0..PUSHERS {
                let (fail, over) = (&fail, &over);
                scope.spawn(move || {
                    let client = Client::new(address);
                    while !over(began) {
                        if let Err(why) = self.push(&client, number) {
                            return fail(why);
                        }
                        std::thread::sleep(self.pause);
                    }
                });
            }
            for number in 0..QUERIERS {
                let (fail, over, queries) = (&fail, &over, &queries);
                scope.spawn(move || {
                    let client = Client::new(address);
                    for turn in number.. {
                        if over(began) {
                            return;
                        }
                        match self.query(&client, turn) {
                            Ok(()) => queries.fetch_add(1, Ordering::Relaxed),
                            Err(why) => return fail(why),
                        };
                    }
                });
            }
            // Nobody reads this one: it must slow nothing down.
            let unread = tail(address);
            let (fail, over, frames) = (&fail, &over, &frames);
            scope.spawn(move || {
                match tail(address).and_then(|stream| follow(stream, frames, &|| over(began))) {
                    Ok(()) => {}
                    Err(why) => fail(format!("tail: {why}")),
                }
            });
            while !over(began) {
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(unread);
        });
        match wrong.into_inner().expect("no thread panics with it") {
            Some(why) => Err(why),
            None => Ok(Tally {
                queries: queries.into_inner(),
                frames: frames.into_inner(),
            }),
        }
    }

    /// Pushes while `end` ends the server: what is not acknowledged stays to be sent.
    pub(super) fn interrupt(&self, address: &str, end: impl FnOnce()) {
        std::thread::scope(|scope| {
            for number in 0..PUSHERS {
                scope.spawn(move || {
                    let client = Client::new(address);
                    while self.push(&client, number).is_ok() {}
                });
            }
            end();
        });
    }

    /// Sends what no server acknowledged.
    pub(super) fn finish(&self, client: &Client) -> Result<(), String> {
        (0..PUSHERS).try_for_each(|number| self.push(client, number))
    }

    /// One batch: the one that was not acknowledged, or the next.
    fn push(&self, client: &Client, number: usize) -> Result<(), String> {
        let mut pusher = self.pushers[number]
            .lock()
            .expect("no thread panics with it");
        let body = pusher
            .unacknowledged
            .take()
            .unwrap_or_else(|| batch(number, pusher.acknowledged));
        let reply = client.push(&body);
        pusher.unacknowledged = Some(body);
        let reply = reply.map_err(|why| format!("push: {why}"))?;
        match reply.status {
            204 => {
                pusher.acknowledged += BATCH_LINES;
                pusher.unacknowledged = None;
                Ok(())
            }
            429 | 503 => Ok(()),
            status => Err(format!("push: {status} {}", reply.text)),
        }
    }

    fn query(&self, client: &Client, turn: usize) -> Result<(), String> {
        let (end, minute) = (now(), 60_000_000_000);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let range = |start: i64| {
            vec![
                pair("start", &start.to_string()),
                pair("end", &end.to_string()),
            ]
        };
        let (path, query, start) = match turn % 7 {
            0 => (
                "query_range",
                "{app=\"soak\"} |= \"number 7\"",
                end - minute,
            ),
            1 => (
                "query_range",
                "sum by (stream) (count_over_time({app=\"soak\"} | logfmt [1m]))",
                end - minute,
            ),
            2 => (
                "query_range",
                "{app=\"soak\"} |= \"absent from all lines\"",
                self.began,
            ),
            3 => ("labels", "{app=\"soak\"}", self.began),
            4 => ("index/volume", "{app=\"soak\"}", self.began),
            5 => ("patterns", "{app=\"soak\"}", end - minute),
            _ => ("detected_fields", "{app=\"soak\"}", end - minute),
        };
        let params = [range(start), vec![pair("query", query)]].concat();
        let reply = client
            .get(&format!("/loki/api/v1/{path}"), &params, &[])
            .map_err(|why| format!("{path}: {why}"))?;
        if reply.status == 200 {
            Ok(())
        } else {
            Err(format!("{path} {query}: {} {}", reply.status, reply.text))
        }
    }

    /// How many entries there are, when it is as many as were acknowledged and at most what was
    /// sent.
    pub(super) fn check_entries(&self, client: &Client) -> Result<u64, String> {
        let seconds = (now() - self.began) / 1_000_000_000 + 60;
        let mut total = 0;
        for (number, pusher) in self.pushers.iter().enumerate() {
            let pusher = pusher.lock().expect("no thread panics with it");
            let query =
                format!("sum(count_over_time({{app=\"soak\", pusher=\"{number}\"}}[{seconds}s]))");
            let time = (self.began / 1_000_000_000 + seconds).to_string();
            let params = [("query".to_owned(), query), ("time".to_owned(), time)];
            let reply = client
                .get("/loki/api/v1/query", &params, &[])
                .map_err(|why| format!("counting: {why}"))?;
            let answer: Value = serde_json::from_str(&reply.text)
                .map_err(|_| format!("counting: {}", reply.text))?;
            let found = answer["data"]["result"][0]["value"][1]
                .as_str()
                .and_then(|n| n.parse().ok())
                .unwrap_or(0u64);
            let sent = pusher.acknowledged
                + if pusher.unacknowledged.is_some() {
                    BATCH_LINES
                } else {
                    0
                };
            if found < pusher.acknowledged || found > sent {
                let acknowledged = pusher.acknowledged;
                return Err(format!(
                    "pusher {number} has {found} entries of {acknowledged} acknowledged and {sent} sent"
                ));
            }
            total += found;
        }
        Ok(total)
    }
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as i64)
}

/// Lines `first` and on, over the pusher's streams, each with a time and number of its own.
fn batch(pusher: usize, first: u64) -> String {
    let time = now();
    let streams: Vec<Value> = (0..STREAMS)
        .map(|stream| {
            let lines = (first..first + BATCH_LINES).filter(|n| n % STREAMS == stream);
            let value = |n: u64| {
                let line = format!(
                    "level=info msg=\"number {n} of pusher {pusher}\" took={}ms status={}",
                    n % 97,
                    200 + n % 5
                );
                json!([(time + n as i64 % 1000).to_string(), line])
            };
            let labels =
                json!({"app": "soak", "pusher": pusher.to_string(), "stream": stream.to_string()});
            json!({"stream": labels, "values": lines.map(value).collect::<Vec<_>>()})
        })
        .collect();
    json!({"streams": streams}).to_string()
}

/// Opens a tail over plain HTTP.
fn tail(address: &str) -> Result<TcpStream, String> {
    let mut stream = TcpStream::connect(address).map_err(|why| why.to_string())?;
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .map_err(|why| why.to_string())?;
    let target = "/loki/api/v1/tail?query=%7Bapp%3D%22soak%22%7D&limit=1";
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n"
    )
    .map_err(|why| why.to_string())?;
    Ok(stream)
}

/// Counts frames until it is over.
fn follow(stream: TcpStream, frames: &AtomicU64, over: &dyn Fn() -> bool) -> Result<(), String> {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while !over() {
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return Err("the server closed it".to_owned()),
            Ok(_) => {
                frames.fetch_add(
                    u64::from(line.starts_with(b"{\"streams\":")),
                    Ordering::Relaxed,
                );
                line.clear();
            }
            Err(why)
                if matches!(
                    why.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            Err(why) => return Err(why.to_string()),
        }
    }
    Ok(())
}

//! The client asks a question, times it and sums up the answer.

use super::questions::{Counted, Question};
use super::{Error, Running};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Times of one question.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    /// Medians.
    pub(super) wall_ms: f64,
    pub(super) cpu_ms: f64,
    /// Of the first time.
    pub(super) first_ms: f64,
}

/// What takes so little is asked on for so long, at most so often as is asked at all: the median of
/// five answers of half a millisecond says more of the machine than of the server.
const ASKED_ON: Duration = Duration::from_millis(200);
const TIMES_AS_OFTEN: usize = 20;

/// Asks `runs` times, if more than once then also on for a while; no cached result may answer.
pub(super) fn ask(
    server: &Running,
    question: &Question,
    runs: usize,
) -> Result<(Asked, Counted), Error> {
    let (mut walls, mut cpus, mut counted) = (Vec::new(), Vec::new(), None);
    let (first, often) = (
        Instant::now(),
        if runs > 1 { runs * TIMES_AS_OFTEN } else { 1 },
    );
    for run in 0..often {
        if run >= runs.max(1) && first.elapsed() > ASKED_ON {
            break;
        }
        let (cpu, began) = (server.cpu_ms(), Instant::now());
        let text = once(&server.client(), question)?;
        walls.push(began.elapsed().as_secs_f64() * 1e3);
        cpus.push(server.cpu_ms() - cpu);
        counted = Some(count(&text)?);
    }
    let counted = counted.ok_or_else(|| Error("nothing was asked".to_owned()))?;
    Ok((
        Asked {
            first_ms: walls[0],
            wall_ms: median(&mut walls),
            cpu_ms: median(&mut cpus),
        },
        counted,
    ))
}

/// One answer's text.
pub(super) fn once(
    client: &skald_tests::http::Client,
    question: &Question,
) -> Result<String, Error> {
    let fresh = [("cache-control".to_owned(), "no-cache".to_owned())];
    let reply = client.get(
        &format!("/loki/api/v1/{}", question.path),
        &question.params,
        &fresh,
    )?;
    if reply.status == 200 {
        Ok(reply.text)
    } else {
        Err(Error(format!(
            "{}: {} {}",
            question.name, reply.status, reply.text
        )))
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Rows of an answer, and the sum of the values of points.
fn count(text: &str) -> Result<Counted, Error> {
    let answer: Value = serde_json::from_str(text)?;
    let data = &answer["data"];
    let list = data
        .get("result")
        .unwrap_or(data)
        .as_array()
        .ok_or_else(|| Error("an answer without a list".to_owned()))?;
    let number = |point: &Value| {
        point[1]
            .as_str()
            .and_then(|value| value.parse::<f64>().ok())
    };
    let mut counted = Counted { rows: 0, sum: None };
    for item in list {
        match (
            item.get("values").and_then(Value::as_array),
            item.get("value"),
        ) {
            (Some(values), _) => {
                counted.rows += values.len() as u64;
                if item.get("metric").is_some() {
                    counted.sum = Some(
                        counted.sum.unwrap_or(0.0) + values.iter().filter_map(number).sum::<f64>(),
                    );
                }
            }
            (None, Some(value)) => {
                counted.rows += 1;
                counted.sum = Some(counted.sum.unwrap_or(0.0) + number(value).unwrap_or(f64::NAN));
            }
            (None, None) => counted.rows += 1,
        }
    }
    Ok(counted)
}

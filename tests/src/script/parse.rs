//! Text to [`Script`].

use super::cursor::Cursor;
use super::{Ask, Entry, Eval, Expected, LogAsk, Row, Script, Show};

/// Where log questions end that don't say: after every entry a script loads.
const LOG_END: i64 = 86_400_000_000_000;

/// Reads a script; an error names the line.
pub fn parse(text: &str) -> Result<Script, String> {
    let mut script = Script::default();
    let mut loading = false;
    for (i, line) in text.lines().enumerate() {
        let place = |message: String| format!("line {}: {message}", i + 1);
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            loading = content == "load";
            if !loading {
                script.evals.push(eval(content, i + 1).map_err(place)?);
            } else if !script.evals.is_empty() {
                return Err(place("data must come before questions".to_owned()));
            }
        } else if loading {
            script.entries.push(entry(content).map_err(place)?);
        } else {
            let eval = script
                .evals
                .last_mut()
                .ok_or_else(|| place("an answer without a question".to_owned()))?;
            answer(eval, content).map_err(place)?;
        }
    }
    Ok(script)
}

/// `{app="a"} "line" [trace="x"] @ 20s`
fn entry(text: &str) -> Result<Entry, String> {
    let mut cursor = Cursor::new(text);
    let labels = cursor.labels()?;
    let line = cursor.string()?;
    let metadata = if cursor.take("[") {
        cursor.pairs("]")?
    } else {
        Vec::new()
    };
    cursor.expect("@")?;
    let offset = cursor.time()?;
    done(&cursor)?;
    Ok(Entry {
        labels,
        line,
        metadata,
        offset,
    })
}

fn done(cursor: &Cursor<'_>) -> Result<(), String> {
    if cursor.is_done() {
        Ok(())
    } else {
        Err(format!("unexpected {:?}", cursor.rest()))
    }
}

/// `eval` and what follows on its line.
fn eval(text: &str, at_line: usize) -> Result<Eval, String> {
    let mut cursor = Cursor::new(text);
    cursor.expect("eval")?;
    let ordered = cursor.take_word("ordered");
    let ask = match cursor.word() {
        "instant" => {
            cursor.expect("at")?;
            Ask::Instant {
                at: cursor.time()?,
                ordered,
            }
        }
        "range" => {
            cursor.expect("from")?;
            let from = cursor.time()?;
            cursor.expect("to")?;
            let to = cursor.time()?;
            cursor.expect("step")?;
            Ask::Range {
                from,
                to,
                step: cursor.time()?,
            }
        }
        "lines" => Ask::Log(log(&mut cursor, Show::Lines)?),
        "labels" => Ask::Log(log(&mut cursor, Show::Labels)?),
        "log" => Ask::Log(log(&mut cursor, Show::Everything)?),
        other => return Err(format!("eval what? {other:?}")),
    };
    Ok(Eval {
        at_line,
        query: cursor.rest().to_owned(),
        ask,
        expected: Expected::Rows(Vec::new()),
    })
}

fn log(cursor: &mut Cursor<'_>, show: Show) -> Result<LogAsk, String> {
    let mut ask = LogAsk {
        show,
        from: 0,
        to: LOG_END,
        limit: 1000,
        backward: false,
        interval: 0,
    };
    loop {
        if cursor.take_word("from") {
            ask.from = cursor.time()?;
        } else if cursor.take_word("to") {
            ask.to = cursor.time()?;
        } else if cursor.take_word("limit") {
            ask.limit = cursor.word().parse().map_err(|_| "limit is no number")?;
        } else if cursor.take_word("interval") {
            ask.interval = cursor.time()?;
        } else if cursor.take_word("backward") {
            ask.backward = true;
        } else {
            return Ok(ask);
        }
    }
}

/// A line of an answer.
fn answer(eval: &mut Eval, text: &str) -> Result<(), String> {
    let mut cursor = Cursor::new(text);
    if cursor.take_word("fail") {
        let message = cursor.string()?;
        eval.expected = Expected::Failure(String::from_utf8_lossy(&message).into_owned());
        return done(&cursor);
    }
    let row = match &eval.ask {
        Ask::Log(ask) => entry_row(&mut cursor, ask.show)?,
        Ask::Instant { .. } if !cursor.starts_with("{") => Row::Scalar(number(cursor.word())?),
        Ask::Instant { .. } | Ask::Range { .. } => {
            let labels = cursor.labels()?;
            let mut values = Vec::new();
            while !cursor.is_done() {
                let word = cursor.word();
                values.push(if word == "_" {
                    None
                } else {
                    Some(number(word)?)
                });
            }
            Row::Series(labels, values)
        }
    };
    done(&cursor)?;
    match &mut eval.expected {
        Expected::Rows(rows) => rows.push(row),
        Expected::Failure(_) => return Err("a failure has no other answer".to_owned()),
    }
    Ok(())
}

fn entry_row(cursor: &mut Cursor<'_>, show: Show) -> Result<Row, String> {
    let labels = if show == Show::Lines {
        None
    } else {
        Some(cursor.labels()?)
    };
    let line = if show == Show::Labels {
        None
    } else {
        Some(cursor.string()?)
    };
    let offset = if show == Show::Everything {
        cursor.expect("@")?;
        Some(cursor.time()?)
    } else {
        None
    };
    Ok(Row::Entry {
        labels,
        line,
        offset,
    })
}

fn number(word: &str) -> Result<f64, String> {
    match word {
        "NaN" => Ok(f64::NAN),
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        // Fractions spare the script long decimals.
        word => match word.split_once('/') {
            Some((a, b)) => Ok(plain(a)? / plain(b)?),
            None => plain(word),
        },
    }
}

fn plain(word: &str) -> Result<f64, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

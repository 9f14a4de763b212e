//! The text of a file → its steps.

use super::{Ask, BASE_S, Body, Expect, File, Step};
use serde_json::{Value, json};

/// Reads a file; the error names the line.
pub fn parse(text: &str) -> Result<File, String> {
    let text = substitute(text);
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line))
        .peekable();
    let (mut file, mut title) = (File::default(), String::new());
    while let Some((number, line)) = lines.next() {
        let mut block = Vec::new();
        while let Some((number, line)) = lines.next_if(|(_, line)| line.starts_with(' ')) {
            block.push((number, line));
        }
        let at = |why: String| format!("line {number}: {why}");
        match line.split_once(' ').unwrap_or((line, "")) {
            ("", _) => {}
            ("#", rest) => title = rest.trim().to_owned(),
            ("config", "") => {
                file.config = block
                    .iter()
                    .map(|(_, line)| format!("{}\n", &line[2..]))
                    .collect()
            }
            ("load", "") => file.steps.push(Step::Load(load(&block)?)),
            ("flush", "") => file.steps.push(Step::Flush),
            ("compact", "") => file.steps.push(Step::Compact),
            ("restart", "") => file.steps.push(Step::Restart),
            (method, target)
                if method.chars().all(|c| c.is_ascii_uppercase()) && target.starts_with('/') =>
            {
                let ask = Ask {
                    line: number,
                    title: title.clone(),
                    method: method.to_owned(),
                    target: target.to_owned(),
                    ..Ask::default()
                };
                asks(ask, &block, &mut file.steps)?;
            }
            _ => return Err(at(format!("{line:?} is no step"))),
        }
    }
    Ok(file)
}

/// Puts nanoseconds in place of `@20` and seconds in place of `$20`, counted from second zero.
fn substitute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['@', '$']) {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        out.push_str(before);
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match after[..digits].parse::<i64>() {
            Ok(seconds) => {
                out.push_str(&(BASE_S + seconds).to_string());
                if rest.as_bytes()[at] == b'@' {
                    out.push_str("000000000");
                }
            }
            Err(_) => out.push_str(&rest[at..=at]),
        }
        rest = &after[digits..];
    }
    out.push_str(rest);
    out
}

/// `{app="web"} "line" @ 20s {"trace": "1"}`, the last part left out where there is no metadata.
fn load(block: &[(usize, &str)]) -> Result<Value, String> {
    let mut streams = Vec::new();
    for (number, line) in block {
        let entry = load_line(line.trim()).ok_or_else(|| format!("line {number}: no entry"))?;
        streams.extend(entry);
    }
    Ok(json!({"streams": streams}))
}

/// The entries of one line: several where it ends in `x 50`, a second apart, `{}` in the text being
/// the number.
fn load_line(line: &str) -> Option<Vec<Value>> {
    let end = line.find('}')?;
    let labels: Vec<(&str, String)> = line[1..end]
        .split(", ")
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name, serde_json::from_str(value).ok()?))
        })
        .collect::<Option<_>>()?;
    let labels: Value = labels
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect();
    let mut texts = serde_json::Deserializer::from_str(&line[end + 1..]).into_iter::<String>();
    let text = texts.next()?.ok()?;
    let rest = line[end + 1 + texts.byte_offset()..]
        .trim()
        .strip_prefix("@ ")?;
    let (seconds, rest) = rest
        .split_once('s')
        .filter(|(seconds, _)| seconds.parse::<f64>().is_ok())?;
    let first = BASE_S * 1_000_000_000 + (seconds.parse::<f64>().ok()? * 1e9) as i64;
    let (count, metadata) = match rest.trim().strip_prefix("x ") {
        Some(rest) => rest.split_once(' ').unwrap_or((rest, "")),
        None => ("1", rest.trim()),
    };
    let metadata: Value = if metadata.is_empty() {
        json!({})
    } else {
        serde_json::from_str(metadata).ok()?
    };
    let entry = |i: i64| {
        let time = (first + i * 1_000_000_000).to_string();
        json!({"stream": labels, "values": [[time, text.replace("{}", &i.to_string()), metadata]]})
    };
    Some((0..count.parse().ok()?).map(entry).collect())
}

/// The requests of one block: one, or one for each `with`.
fn asks(mut ask: Ask, block: &[(usize, &str)], steps: &mut Vec<Step>) -> Result<(), String> {
    let (mut expected, mut answered, mut rows) = (Vec::new(), None, Vec::new());
    for (number, line) in block {
        let text = line.trim();
        if line.starts_with("    ") && answered.is_some() {
            expected.push(text);
        } else if let Some(rest) = text.strip_prefix("-> ") {
            answered = Some(rest.to_owned());
        } else if let Some(rest) = text.strip_prefix("< ") {
            let (name, value) = rest
                .split_once(": ")
                .ok_or_else(|| format!("line {number}: no header"))?;
            ask.expect.headers.push((name.to_owned(), value.to_owned()));
        } else if let Some(rest) = text.strip_prefix("with ") {
            rows.push((*number, rest));
        } else if let Some(rest) = text.strip_prefix("|+ ") {
            let body = ask.body.get_or_insert_default();
            body.push_str(rest);
            body.push('\n');
        } else if let Some(rest) = text.strip_prefix("| ") {
            ask.body.get_or_insert_default().push_str(rest);
        } else if let Some((name, value)) = text.split_once(" = ") {
            ask.params.push((name.to_owned(), value.to_owned()));
        } else if let Some((name, value)) = text.split_once(": ") {
            ask.headers.push((name.to_owned(), value.to_owned()));
        } else {
            return Err(format!("line {number}: {text:?} is no part of a request"));
        }
    }
    for (number, row) in &rows {
        steps.push(Step::Ask(Box::new(with(&ask, *number, row)?)));
    }
    let Some(answered) = answered else {
        return if rows.is_empty() {
            Err(format!("line {}: no answer", ask.line))
        } else {
            Ok(())
        };
    };
    expect(&mut ask.expect, &answered, &expected)
        .map_err(|why| format!("line {}: {why}", ask.line))?;
    steps.push(Step::Ask(Box::new(ask)));
    Ok(())
}

/// `limit = 0 -> 400 limit must be a positive value`; several parameters are joined by ` & `.
fn with(base: &Ask, number: usize, row: &str) -> Result<Ask, String> {
    let wrong = || format!("line {number}: no `name = value -> status answer`");
    let (params, answer) = row.split_once(" -> ").ok_or_else(wrong)?;
    let mut ask = Ask {
        line: number,
        title: format!("{} ({params})", base.title),
        ..base.clone()
    };
    for param in params.split(" & ") {
        let (name, value) = param.split_once(" =").ok_or_else(wrong)?;
        ask.params.retain(|(n, _)| n != name);
        ask.params
            .push((name.to_owned(), value.trim_start().to_owned()));
    }
    let (status, text) = answer.split_once(' ').unwrap_or((answer, ""));
    ask.expect.status = status.parse().map_err(|_| wrong())?;
    ask.expect.body = if text.is_empty() {
        Body::Any
    } else if let Some(part) = text.strip_prefix('~') {
        Body::Has(vec![part.trim().to_owned()])
    } else if text.starts_with(['{', '[']) {
        Body::Like(serde_json::from_str(text).map_err(|why| format!("line {number}: {why}"))?)
    } else {
        Body::Text(text.to_owned())
    };
    Ok(ask)
}

fn expect(expect: &mut Expect, answer: &str, lines: &[&str]) -> Result<(), String> {
    let (status, kind) = answer.split_once(' ').unwrap_or((answer, ""));
    expect.status = status
        .parse()
        .map_err(|_| format!("{status:?} is no status"))?;
    let json = || {
        serde_json::from_str::<Value>(&lines.concat())
            .map_err(|why| format!("{why} in {}", lines.concat()))
    };
    expect.body = match kind {
        "" => Body::Any,
        "text" => Body::Text(lines.join("\n")),
        "json" => Body::Json(json()?),
        "like" => Body::Like(json()?),
        "has" => Body::Has(lines.iter().map(|line| (*line).to_owned()).collect()),
        kind => return Err(format!("{kind:?} is no kind of answer")),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_from_second_zero() {
        assert_eq!(
            substitute("start = @20 $5 a@b $"),
            format!("start = {}000000000 {} a@b $", BASE_S + 20, BASE_S + 5)
        );
    }

    #[test]
    fn a_file_is_settings_data_and_requests() {
        let text = "config\n  auth_enabled: true\n\nload\n  {app=\"web\"} \"n {}\" @ 1.5s x 2 {\"k\": \"v\"}\n\n# errors\n\
                    GET /x\n  query = {a=\"b\"} | x = 1\n  Accept: a/b\n  with limit = 0 & q = -> 400 bad\n  < X: *\n  -> 200 has\n    a b\n";
        let file = parse(text).expect("well formed");
        assert_eq!(file.config, "auth_enabled: true\n");
        let [Step::Load(load), Step::Ask(with), Step::Ask(ask)] = file.steps.as_slice() else {
            panic!("{:?}", file.steps)
        };
        assert_eq!(
            load["streams"][1]["values"],
            json!([["1772323202500000000", "n 1", {"k": "v"}]])
        );
        assert_eq!(
            (with.expect.status, with.params.len(), with.title.as_str()),
            (400, 3, "errors (limit = 0 & q =)")
        );
        assert_eq!(
            ask.params,
            [("query".to_owned(), "{a=\"b\"} | x = 1".to_owned())]
        );
        assert!(
            matches!(&ask.expect.body, Body::Has(texts) if texts == &["a b"]),
            "{ask:?}"
        );
    }
}

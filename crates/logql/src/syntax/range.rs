//! The parser of range aggregations accepts `[range]` in every position that Loki does.

use super::grammar::{Context, Tall, end_before, grouping, label, selector, starts_label};
use super::stage::Place;
use super::token::Kind;
use super::{filter, stage};
use crate::ast::{
    Conversion, Grouping, LogExpr, LogRange, MetricExpr, RangeExpr, RangeOp, Span, StageExpr,
    UnwrapExpr,
};
use crate::syntax::token_cursor::{Cursor, Parsed, Refusal, need};
use skald_template::go::float;

/// `op(range)`, `op(number, range)`, `op(range) by (…)`
pub(super) fn aggregation<'a>(
    cx: Context<'_>,
    c: Cursor<'a>,
    op: RangeOp,
) -> Parsed<'a, Tall<MetricExpr>> {
    let start = c.peek().span.start;
    let (c, _) = need(Kind::OpenParen)(c.next())?;
    let (c, distinct) = if op == RangeOp::CountDistinct {
        distinct_label(c)?
    } else {
        (c, None)
    };
    let (c, param) = match c.kind() {
        Kind::Number if distinct.is_none() => {
            let (after, _) = need(Kind::Comma)(c.next())?;
            (after, Some(c.peek().text()))
        }
        Kind::OpenBrace | Kind::OpenParen => (c, None),
        _ if distinct.is_some() => return Err(c.expected(&[Kind::OpenBrace, Kind::OpenParen])),
        _ => return Err(c.expected(&[Kind::Number, Kind::OpenBrace, Kind::OpenParen])),
    };
    let (c, range) = log_range(cx, c)?;
    let (c, _) = need(Kind::CloseParen)(c)?;
    let (c, grouping) = grouping(c)?;
    let span = Span {
        start,
        end: end_before(c),
    };
    let checked = check_param(op, param).and_then(|param| {
        check_shape(op, &range.tree, grouping.as_ref(), distinct.is_some())?;
        Ok(param)
    });
    let param = checked.unwrap_or_else(|message| {
        cx.refuse(Refusal {
            help: help_for(&message),
            message,
            span,
        });
        None
    });
    let mut tree = range.tree;
    if distinct.is_some() {
        tree.unwrap = distinct;
    }
    let tree = MetricExpr::Range(Box::new(RangeExpr {
        op,
        param,
        range: tree,
        grouping,
        span,
    }));
    Ok((c, Tall::above(c, tree, range.height)?))
}

/// The label whose values are counted, and its comma.
fn distinct_label(c: Cursor<'_>) -> Parsed<'_, Option<UnwrapExpr>> {
    let (c, label) = label(c)?;
    let (c, _) = need(Kind::Comma)(c)?;
    Ok((
        c,
        Some(UnwrapExpr {
            label,
            conversion: Conversion::None,
            filters: Vec::new(),
        }),
    ))
}

fn check_param(op: RangeOp, param: Option<&str>) -> Result<Option<f64>, String> {
    let name = op.as_str();
    match (op, param) {
        (RangeOp::QuantileOverTime, None) => {
            Err(format!("parameter required for operation {name}"))
        }
        (RangeOp::QuantileOverTime, Some(text)) => float::parse(text)
            .map(Some)
            .map_err(|e| format!("invalid parameter for operation {name}: {e}")),
        (_, Some(text)) => Err(format!(
            "parameter {text} not supported for operation {name}"
        )),
        (_, None) => Ok(None),
    }
}

/// What to do about a shape that is refused.
fn help_for(message: &str) -> &'static str {
    if message.ends_with("without unwrap") {
        "name the label that holds the number: {…} | json | unwrap latency [5m]"
    } else if message.ends_with("with unwrap") {
        "it counts lines, not values: leave the unwrap out, or use sum_over_time"
    } else if message.starts_with("grouping not allowed") {
        "group around it: sum by (app) (…)"
    } else if message.starts_with("parameter required") {
        "it takes the quantile first: quantile_over_time(0.99, …)"
    } else {
        ""
    }
}

/// What may stand with an operation: a grouping, an unwrap.
fn check_shape(
    op: RangeOp,
    range: &LogRange,
    grouping: Option<&Grouping>,
    distinct: bool,
) -> Result<(), String> {
    use RangeOp::{
        AbsentOverTime, AvgOverTime, BytesOverTime, BytesRate, CountDistinct, CountOverTime,
        FirstOverTime, LastOverTime, MaxOverTime, MinOverTime, QuantileOverTime, Rate,
        StddevOverTime, StdvarOverTime,
    };
    let name = op.as_str();
    let groups = matches!(
        op,
        AvgOverTime
            | StddevOverTime
            | StdvarOverTime
            | QuantileOverTime
            | MaxOverTime
            | MinOverTime
            | FirstOverTime
            | LastOverTime
            | CountDistinct
    );
    if grouping.is_some() && !groups {
        return Err(format!("grouping not allowed for {name} aggregation"));
    }
    let lines_only = matches!(
        op,
        CountOverTime | BytesOverTime | BytesRate | CountDistinct
    );
    let values_only = !lines_only && !matches!(op, Rate | AbsentOverTime);
    match &range.unwrap {
        Some(_) if lines_only => Err(format!("invalid aggregation {name} with unwrap")),
        None if values_only && !distinct => {
            Err(format!("invalid aggregation {name} without unwrap"))
        }
        _ => Ok(()),
    }
}

/// Lines and the window over them.
fn log_range<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<LogRange>> {
    match c.kind() {
        Kind::OpenBrace => {
            let (c, lines) = lines(cx, c)?;
            after_lines(cx, c, lines)
        }
        Kind::OpenParen => parenthesised(cx.deeper(c)?, c.next()),
        _ => Err(c.expected(&[Kind::OpenBrace, Kind::OpenParen])),
    }
}

/// `({…} …)[5m]` or `({…} … [5m])`, its opening parenthesis read.
fn parenthesised<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<LogRange>> {
    if c.kind() != Kind::OpenBrace {
        let (c, range) = log_range(cx, c)?;
        let (c, _) = need(Kind::CloseParen)(c)?;
        return Ok((c, range));
    }
    let (c, mut lines) = lines(cx, c)?;
    match c.kind() {
        Kind::Range => {
            let (c, range) = after_lines(cx, c, lines)?;
            let (c, _) = need(Kind::CloseParen)(c)?;
            Ok((c, range))
        }
        Kind::CloseParen => {
            let (c, range) = need(Kind::Range)(c.next())?;
            let range = range.nanos();
            let (mut c, offset) = offset(c)?;
            if lines.is_bare() && c.kind() == Kind::Pipe {
                (c, lines.unwrap) = unwrap(cx, c, &mut lines.height)?;
            }
            Ok((c, lines.ranged(c, range, offset)))
        }
        _ if lines.unwrap.is_some() => {
            Err(c.expected(&[Kind::Range, Kind::CloseParen, Kind::Pipe]))
        }
        _ => Err(c.stray("a stage, a range such as [5m] or `)`")),
    }
}

/// What a window is laid over.
struct Lines {
    log: LogExpr,
    unwrap: Option<UnwrapExpr>,
    height: usize,
}

impl Lines {
    /// A selector and nothing else.
    fn is_bare(&self) -> bool {
        self.log.stages.is_empty() && self.unwrap.is_none()
    }

    fn ranged(mut self, c: Cursor<'_>, range: i64, offset: i64) -> Tall<LogRange> {
        self.log.span.end = end_before(c);
        Tall {
            tree: LogRange {
                log: self.log,
                unwrap: self.unwrap,
                range,
                offset,
            },
            height: self.height,
        }
    }
}

/// A selector, its stages and what is unwrapped.
fn lines<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Lines> {
    let start = c.peek().span.start;
    let (c, selector) = selector(c)?;
    let (c, stages) = stage::stages(cx, c, Place::Range)?;
    let mut height = stages.height;
    let (c, unwrap) = if c.kind() == Kind::Pipe {
        unwrap(cx, c, &mut height)?
    } else {
        (c, None)
    };
    let log = LogExpr {
        selector,
        stages: stages.tree,
        span: Span {
            start,
            end: end_before(c),
        },
    };
    Ok((
        c,
        Lines {
            log,
            unwrap,
            height,
        },
    ))
}

/// The range after `lines`, and the stages that may follow it when none came before.
fn after_lines<'a>(cx: Context<'_>, c: Cursor<'a>, mut lines: Lines) -> Parsed<'a, Tall<LogRange>> {
    if c.kind() != Kind::Range {
        return match lines.unwrap {
            Some(_) => Err(c.expected(&[Kind::Range, Kind::Pipe])),
            None => Err(c.stray("a stage or a range such as [5m]")),
        };
    }
    let range = c.peek().nanos();
    let (mut c, offset) = offset(c.next())?;
    if lines.is_bare() {
        let stages: Tall<Vec<StageExpr>>;
        (c, stages) = stage::stages(cx, c, Place::Range)?;
        lines.log.stages = stages.tree;
        lines.height = stages.height;
        if c.kind() == Kind::Pipe {
            (c, lines.unwrap) = unwrap(cx, c, &mut lines.height)?;
        }
    }
    Ok((c, lines.ranged(c, range, offset)))
}

/// `offset 5m`, where one stands, in nanoseconds.
fn offset(c: Cursor<'_>) -> Parsed<'_, i64> {
    if c.kind() != Kind::Offset {
        return Ok((c, 0));
    }
    let (c, duration) = need(Kind::Duration)(c.next())?;
    Ok((c, duration.nanos()))
}

/// `| unwrap duration(x) | filters`, at its pipe; `height` grows to that of the highest filter.
fn unwrap<'a>(
    cx: Context<'_>,
    c: Cursor<'a>,
    height: &mut usize,
) -> Parsed<'a, Option<UnwrapExpr>> {
    let (c, _) = need(Kind::Unwrap)(c.next())?;
    let conversion = match c.kind() {
        Kind::Convert(conversion) => conversion,
        kind if starts_label(kind) => Conversion::None,
        _ => {
            let converters = [
                Conversion::Bytes,
                Conversion::Duration,
                Conversion::DurationSeconds,
            ]
            .map(Kind::Convert);
            return Err(c.expected(&[&[Kind::Identifier], &converters[..]].concat()));
        }
    };
    let (mut c, label) = if conversion == Conversion::None {
        label(c)?
    } else {
        let (c, _) = need(Kind::OpenParen)(c.next())?;
        let (c, label) = label(c)?;
        let (c, _) = need(Kind::CloseParen)(c)?;
        (c, label)
    };
    let mut filters = Vec::new();
    while c.kind() == Kind::Pipe {
        let (after, filter) = filter::label_filter(cx, c.next())?;
        *height = filter.height.max(*height);
        filters.push(filter.tree);
        c = after;
    }
    Ok((
        c,
        Some(UnwrapExpr {
            label,
            conversion,
            filters,
        }),
    ))
}

//! The canonical printer writes a query on one line, with every precedence written out.
//!
//! Invariant: what is printed reads back as the same tree.

use super::duration::format_prometheus;
use super::grammar::{is_bare_label, is_odd_label};
use crate::ast::{
    BinaryExpr, Expr, Extraction, Grouping, LabelFilterExpr, LabelFormatSource, LineFilterArg,
    LineFilterExpr, LogExpr, LogRange, MatchGroup, MatcherExpr, MetricExpr, NamedMatcher,
    RangeExpr, RangeOp, Selector, SortKey, StageExpr, UnwrapExpr, VectorExpr, VectorMatching,
};
use skald_template::go::{bytes, duration, float_text, quote};

/// The canonical text of a query.
pub fn print(expr: &Expr) -> String {
    match expr {
        Expr::Log(log) => print_log(log),
        Expr::Metric(metric) => print_metric(metric),
    }
}

/// A log query.
pub fn print_log(log: &LogExpr) -> String {
    let mut out = print_selector(&log.selector);
    for stage in &log.stages {
        out.push(' ');
        out.push_str(&print_stage(stage));
    }
    out
}

/// `{a="b", c=~"d"}`
pub fn print_selector(selector: &Selector) -> String {
    format!("{{{}}}", joined(&selector.matchers, ", ", print_matcher))
}

/// `a="b"`
pub fn print_matcher(matcher: &MatcherExpr) -> String {
    format!(
        "{}{}{}",
        name(&matcher.name),
        matcher.op.as_str(),
        quote::quoted(&matcher.value)
    )
}

/// A metric query.
pub fn print_metric(metric: &MetricExpr) -> String {
    match metric {
        MetricExpr::Range(range) => print_range(range),
        MetricExpr::Vector(vector) => print_vector(vector),
        MetricExpr::Binary(binary) => print_binary(binary),
        MetricExpr::Literal(value) => float_text::format_short(*value),
        MetricExpr::LabelReplace(replace) => {
            let texts = [
                &replace.dst,
                &replace.replacement,
                &replace.src,
                &replace.regex,
            ];
            let texts: Vec<String> = texts.map(quote::quoted).into();
            format!(
                "label_replace({},{})",
                print_metric(&replace.inner),
                texts.join(",")
            )
        }
        MetricExpr::VectorOf(value) => {
            // Six digits as Loki writes them, unless that would change the number.
            let fixed = format!("{value:.6}");
            if fixed.parse() == Ok(*value) {
                format!("vector({fixed})")
            } else {
                format!("vector({value:e})")
            }
        }
    }
}

/// One stage with its pipe or operator, as error texts quote it.
pub fn print_stage(stage: &StageExpr) -> String {
    match stage {
        StageExpr::LineFilter(filter) => print_line_filter(filter),
        StageExpr::Json(expressions) => format!("| json{}", print_extractions(expressions)),
        StageExpr::Logfmt {
            strict,
            keep_empty,
            expressions,
        } => {
            let strict = if *strict { " --strict" } else { "" };
            let keep_empty = if *keep_empty { " --keep-empty" } else { "" };
            format!(
                "| logfmt{strict}{keep_empty}{}",
                print_extractions(expressions)
            )
        }
        StageExpr::Regexp(text) => format!("| regexp {}", quote::quoted(text)),
        StageExpr::Pattern(text) => format!("| pattern {}", quote::quoted(text)),
        StageExpr::Unpack => "| unpack".to_owned(),
        StageExpr::LineFormat(text) => format!("| line_format {}", quote::quoted(text)),
        StageExpr::LabelFormat(formats) => {
            let format = joined(formats, ",", |format| match &format.source {
                // Never in quotes, where it would be a template: what only quotes could name can't
                // be a source.
                LabelFormatSource::Label(label) => {
                    format!("{}={}", name(&format.target), name(label))
                }
                LabelFormatSource::Template(text) => {
                    format!("{}={}", name(&format.target), quote::quoted(text))
                }
            });
            format!("| label_format {format}")
        }
        StageExpr::Decolorize => "| decolorize".to_owned(),
        StageExpr::Drop(items) => format!("| drop {}", print_named(items)),
        StageExpr::Keep(items) => format!("| keep {}", print_named(items)),
        StageExpr::LabelFilter(filter) => format!("| {}", print_label_filter(filter)),
        StageExpr::Distinct(labels) => format!("| distinct {}", names(labels, ",")),
        StageExpr::Limit(entries) => format!("| limit {entries}"),
        StageExpr::Sort(keys) => format!("| sort by ({})", joined(keys, ",", print_sort_key)),
        StageExpr::In {
            label,
            negated,
            query,
        } => {
            let not = if *negated { "not " } else { "" };
            format!("| {} {not}in ({})", name(label), print_log(query))
        }
    }
}

fn print_sort_key(key: &SortKey) -> String {
    format!(
        "{}{}",
        name(&key.label),
        if key.descending { " desc" } else { "" }
    )
}

fn print_line_filter(filter: &LineFilterExpr) -> String {
    let args = joined(&filter.args, " or ", |arg| match arg {
        LineFilterArg::Text(text) => quote::quoted(text),
        LineFilterArg::Ip(text) => format!("ip({})", quote::quoted(text)),
    });
    format!("{} {args}", filter.op.as_str())
}

fn print_extractions(extractions: &[Extraction]) -> String {
    let text = joined(extractions, ",", |e| {
        format!("{}={}", name(&e.label), quote::quoted(&e.expression))
    });
    if text.is_empty() {
        text
    } else {
        format!(" {text}")
    }
}

fn print_named(items: &[NamedMatcher]) -> String {
    joined(items, ",", |item| match item {
        NamedMatcher::Name(label) => name(label),
        NamedMatcher::Matcher(matcher) => print_matcher(matcher),
    })
}

/// A label filter; both of its operators stand in parentheses.
pub fn print_label_filter(filter: &LabelFilterExpr) -> String {
    match filter {
        LabelFilterExpr::And(left, right) => format!(
            "( {} , {} )",
            print_label_filter(left),
            print_label_filter(right)
        ),
        LabelFilterExpr::Or(left, right) => format!(
            "( {} or {} )",
            print_label_filter(left),
            print_label_filter(right)
        ),
        LabelFilterExpr::Match(matcher) => print_matcher(matcher),
        LabelFilterExpr::Ip {
            name: label,
            negated,
            pattern,
        } => {
            format!(
                "{}{}ip({})",
                name(label),
                if *negated { "!=" } else { "=" },
                quote::quoted(pattern)
            )
        }
        LabelFilterExpr::Number {
            name: label,
            op,
            value,
        } => {
            format!(
                "{}{}{}",
                name(label),
                op.as_str(),
                float_text::format_plain(*value)
            )
        }
        LabelFilterExpr::Duration {
            name: label,
            op,
            nanos,
        } => {
            format!("{}{}{}", name(label), op.as_str(), duration::format(*nanos))
        }
        LabelFilterExpr::Bytes {
            name: label,
            op,
            bytes,
        } => format!("{}{}{}", name(label), op.as_str(), bytes::format(*bytes)),
    }
}

fn print_range(range: &RangeExpr) -> String {
    let param = match (&range.op, &range.param, &range.range.unwrap) {
        (RangeOp::CountDistinct, _, Some(unwrap)) => format!("{},", name(&unwrap.label)),
        (_, Some(value), _) => format!("{},", float_text::format_plain(*value)),
        _ => String::new(),
    };
    let inner = print_log_range(&range.range, shown_unwrap(range));
    format!(
        "{}({param}{inner}){}",
        range.op.as_str(),
        print_grouping(range.grouping.as_ref(), ",")
    )
}

/// The unwrap that is written as one: `count_distinct` writes its label as an argument.
pub(super) fn shown_unwrap(range: &RangeExpr) -> Option<&UnwrapExpr> {
    range
        .range
        .unwrap
        .as_ref()
        .filter(|_| range.op != RangeOp::CountDistinct)
}

fn print_log_range(range: &LogRange, unwrap: Option<&UnwrapExpr>) -> String {
    let unwrap = unwrap.map_or_else(String::new, |unwrap| {
        format!(" {}", print_unwrap(unwrap).join(" "))
    });
    format!(
        "{}{unwrap}[{}]{}",
        print_log(&range.log),
        format_prometheus(range.range),
        print_offset(range.offset)
    )
}

/// `| unwrap x` and each filter after it.
pub(super) fn print_unwrap(unwrap: &UnwrapExpr) -> Vec<String> {
    let label = name(&unwrap.label);
    let value = match unwrap.conversion.as_str() {
        "" => label,
        conversion => format!("{conversion}({label})"),
    };
    let filters = unwrap
        .filters
        .iter()
        .map(|filter| format!("| {}", print_label_filter(filter)));
    std::iter::once(format!("| unwrap {value}"))
        .chain(filters)
        .collect()
}

/// ` offset 5m0s`, or nothing.
pub(super) fn print_offset(offset: i64) -> String {
    if offset == 0 {
        String::new()
    } else {
        format!(" offset {}", duration::format(offset))
    }
}

fn print_vector(vector: &VectorExpr) -> String {
    let param = vector.param.map_or_else(String::new, |k| format!("{k},"));
    let grouping = print_grouping(vector.grouping.as_ref(), ",");
    format!(
        "{}{grouping}({param}{})",
        vector.op.as_str(),
        print_metric(&vector.inner)
    )
}

/// ` by (a,b)`, or nothing.
pub(super) fn print_grouping(grouping: Option<&Grouping>, separator: &str) -> String {
    grouping.map_or_else(String::new, |g| {
        format!(
            " {} ({})",
            if g.without { "without" } else { "by" },
            names(&g.labels, separator)
        )
    })
}

fn print_binary(binary: &BinaryExpr) -> String {
    let right = print_metric(&binary.right);
    let mut op = binary.op.as_str().to_owned();
    if binary.return_bool {
        op.push_str(" bool");
    }
    if let Some(matching) = &binary.matching {
        let (on, group, include) = matching_words(matching, ",", right.starts_with('('));
        op.push_str(&format!(
            " {on} ({}) {group}{include}",
            names(&matching.labels, ",")
        ));
    }
    format!("({} {op} {right})", print_metric(&binary.left))
}

/// `on` or `ignoring`, the grouping word, and the included labels in parentheses. Parentheses that
/// open the right side would be read as theirs, so there empty ones are written.
pub(super) fn matching_words(
    matching: &VectorMatching,
    separator: &str,
    before_paren: bool,
) -> (&'static str, &'static str, String) {
    let group = match matching.group {
        MatchGroup::OneToOne => "",
        MatchGroup::Left => "group_left",
        MatchGroup::Right => "group_right",
    };
    let is_written = !matching.include.is_empty() || (before_paren && !group.is_empty());
    let include = if is_written {
        format!(" ({})", names(&matching.include, separator))
    } else {
        String::new()
    };
    (if matching.on { "on" } else { "ignoring" }, group, include)
}

/// A label's name, in quotes where it could not stand without. Odd characters, which the lexer
/// takes for names, stand apart from what they could make an operator with; in quotes they would be
/// another name.
pub(super) fn name(label: &str) -> String {
    if is_bare_label(label) {
        label.to_owned()
    } else if is_odd_label(label) {
        format!(" {label} ")
    } else {
        quote::quoted(label)
    }
}

/// Names between separators.
pub(super) fn names(labels: &[String], separator: &str) -> String {
    joined(labels, separator, |label| name(label))
}

fn joined<T>(items: &[T], separator: &str, print: impl Fn(&T) -> String) -> String {
    items.iter().map(print).collect::<Vec<_>>().join(separator)
}

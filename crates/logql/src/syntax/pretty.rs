//! The pretty printer lays a query out for people: what is longer than a line is split and
//! indented.
//!
//! Invariant: what is printed reads back as the same tree. A part that fits a line is printed as
//! [`print`](super::print::print) does, so only the long ones are laid out here.

use super::duration;
use super::grammar::precedence;
use super::print::{
    matching_words, name, names, print_grouping, print_log, print_metric, print_offset,
    print_selector, print_stage, print_unwrap, shown_unwrap,
};
use crate::ast::{
    BinaryExpr, BinaryOp, Expr, LabelReplaceExpr, LogExpr, MetricExpr, RangeExpr, RangeOp,
    VectorExpr,
};
use skald_template::go::{float_text, quote};

/// Longest part that stays on one line, in bytes.
const LINE_BYTES_MAX: usize = 100;

/// The query laid out for people.
pub fn pretty(expr: &Expr) -> String {
    match expr {
        Expr::Log(log) => pretty_log(log, 0),
        Expr::Metric(metric) => pretty_metric(metric, 0),
    }
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}

fn pretty_log(log: &LogExpr, level: usize) -> String {
    let line = print_log(log);
    if line.len() <= LINE_BYTES_MAX {
        return indent(level) + &line;
    }
    let mut out = indent(level) + &print_selector(&log.selector);
    for stage in &log.stages {
        out.push_str(&format!("\n{}{}", indent(level + 1), print_stage(stage)));
    }
    out
}

fn pretty_metric(metric: &MetricExpr, level: usize) -> String {
    let line = print_metric(metric);
    if line.len() <= LINE_BYTES_MAX {
        return indent(level) + &line;
    }
    match metric {
        MetricExpr::Range(range) => pretty_range(range, level),
        MetricExpr::Vector(vector) => pretty_vector(vector, level),
        MetricExpr::Binary(binary) => pretty_binary(binary, level),
        MetricExpr::LabelReplace(replace) => pretty_label_replace(replace, level),
        MetricExpr::Literal(_) | MetricExpr::VectorOf(_) => indent(level) + &line,
    }
}

fn pretty_range(range: &RangeExpr, level: usize) -> String {
    let mut out = format!("{}{}(\n", indent(level), range.op.as_str());
    let param = match (range.op, range.param, &range.range.unwrap) {
        (RangeOp::CountDistinct, _, Some(unwrap)) => Some(name(&unwrap.label)),
        (_, param, _) => param.map(float_text::format_plain),
    };
    if let Some(param) = param {
        out.push_str(&format!("{}{param},\n", indent(level + 1)));
    }
    out.push_str(&pretty_log(&range.range.log, level + 1));
    for line in shown_unwrap(range).map(print_unwrap).unwrap_or_default() {
        out.push_str(&format!("\n{}{line}", indent(level + 2)));
    }
    out.push_str(&format!(
        " [{}]{}\n",
        duration::format_prometheus(range.range.range),
        pretty_offset(range.range.offset)
    ));
    out.push_str(&format!(
        "{}){}",
        indent(level),
        print_grouping(range.grouping.as_ref(), ", ")
    ));
    out
}

/// ` offset 5m`, or nothing. One line has Go's form instead, as Loki's canonical text does.
fn pretty_offset(offset: i64) -> String {
    if offset == 0 || offset % 1_000_000 != 0 {
        return print_offset(offset);
    }
    let sign = if offset < 0 { "-" } else { "" };
    format!(" offset {sign}{}", duration::format_prometheus(offset))
}

fn pretty_vector(vector: &VectorExpr, level: usize) -> String {
    let grouping = print_grouping(vector.grouping.as_ref(), ", ");
    let param = vector
        .param
        .map_or_else(String::new, |k| format!("{}{k},\n", indent(level + 1)));
    let inner = pretty_metric(&vector.inner, level + 1);
    let indent = indent(level);
    format!(
        "{indent}{}{grouping}(\n{param}{inner}\n{indent})",
        vector.op.as_str()
    )
}

fn pretty_label_replace(replace: &LabelReplaceExpr, level: usize) -> String {
    let mut out = format!(
        "{}label_replace(\n{}",
        indent(level),
        pretty_metric(&replace.inner, level + 1)
    );
    for text in [
        &replace.dst,
        &replace.replacement,
        &replace.src,
        &replace.regex,
    ] {
        out.push_str(&format!(",\n{}{}", indent(level + 1), quote::quoted(text)));
    }
    out.push_str(&format!("\n{})", indent(level)));
    out
}

fn pretty_binary(binary: &BinaryExpr, level: usize) -> String {
    let left = pretty_operand(&binary.left, binary.op, Side::Left, level + 1);
    let right = pretty_operand(&binary.right, binary.op, Side::Right, level + 1);
    let mut op = binary.op.as_str().to_owned();
    if binary.return_bool {
        op.push_str(" bool");
    }
    if let Some(matching) = &binary.matching {
        let (on, group, include) =
            matching_words(matching, ", ", right.trim_start().starts_with('('));
        op.push_str(&format!(" {on} ({})", names(&matching.labels, ", ")));
        if !group.is_empty() {
            op.push_str(&format!(" {group}{include}"));
        }
    }
    format!("{left}\n{}{op}\n{right}", indent(level))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// An operand, in parentheses on lines of their own where it would else be read in another order.
fn pretty_operand(operand: &MetricExpr, outer: BinaryOp, side: Side, level: usize) -> String {
    let is_split = print_metric(operand).len() > LINE_BYTES_MAX;
    let MetricExpr::Binary(inner) = operand else {
        return pretty_metric(operand, level);
    };
    let leaning = if outer == BinaryOp::Pow {
        Side::Right
    } else {
        Side::Left
    };
    let binds_looser = match precedence(inner.op).cmp(&precedence(outer)) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => side != leaning,
        std::cmp::Ordering::Greater => false,
    };
    if !(is_split && binds_looser) {
        return pretty_metric(operand, level);
    }
    format!(
        "{}(\n{}\n{})",
        indent(level),
        pretty_metric(operand, level + 1),
        indent(level)
    )
}
